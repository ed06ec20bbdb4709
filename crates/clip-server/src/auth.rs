//! Who may ask: a key where there is one, and no page of another site.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq;

use crate::errors::{ApiError, ApiResult};
use crate::settings::Access;

/// The cookie by which a page proves that its user knew the key.
const COOKIE: &str = "clip_session";

/// What everybody may ask: whether the server is there, what it can do, and for a session.
const OPEN: [&str; 7] =
    ["/", "/health", "/ready", "/ping", "/openapi.json", "/docs", "/v1/session"];

/// What a request has to prove.
#[derive(Debug)]
pub(crate) struct Auth {
    access: Access,
    /// What the cookie holds: random, of this run.
    session: String,
    /// Whether browsers shall send it over encrypted connections alone.
    is_encrypted: bool,
}

impl Auth {
    pub(crate) fn new(access: Access, is_encrypted: bool) -> Result<Self, getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let session = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { access, session, is_encrypted })
    }

    /// Whether a request may be answered.
    pub(crate) fn check(&self, path: &str, headers: &HeaderMap) -> ApiResult<()> {
        if matches!(self.access, Access::Local) && !names_this_machine(headers) {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "foreign_host",
                "this server answers only to localhost and addresses such as 127.0.0.1: use one of those",
            ));
        }
        if is_cross_site(headers) {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "cross_origin",
                "pages of other sites may not use this server",
            ));
        }
        let Access::Key(key) = &self.access else { return Ok(()) };
        let is_open = OPEN.contains(&path);
        if is_open
            || bearer(headers).is_some_and(|given| key.is(given))
            || self.has_session(headers)
        {
            return Ok(());
        }
        let message = match bearer(headers) {
            None => "this server needs a key: send the header `Authorization: Bearer KEY`",
            Some(_) => "this is not the key of this server",
        };
        Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message))
    }

    /// The cookie for who knows the key; none where everybody may ask.
    pub(crate) fn cookie(&self, given: &str) -> ApiResult<Option<String>> {
        let Access::Key(key) = &self.access else { return Ok(None) };
        if !key.is(given) {
            let message = "this is not the key of this server";
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
                .with_param("key"));
        }
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        Ok(Some(format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", self.session)))
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let cookies =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|cookies| cookies.split(';')).any(|cookie| {
            let (name, value) = cookie.trim().split_once('=').unwrap_or_default();
            name == COOKIE && bool::from(self.session.as_bytes().ct_eq(value.as_bytes()))
        })
    }
}

/// The key of `Authorization: Bearer KEY`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Whether the client asked for a name that is this machine's. A name of a foreign site that leads here
/// (DNS rebinding) is none.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = host_of(host);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `name:port` without the port.
fn host_of(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

/// Whether a page of another site sent the request: browsers say so by `Origin`, which has to name the host
/// that was asked.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(header::ORIGIN) else { return false };
    let origin = origin.split_once("://").map_or(origin, |(_, host)| host);
    text(header::HOST) != Some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ApiKey;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn names_of_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:7997",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:7997",
            "[::1]",
            "a.localhost:1",
        ] {
            assert!(names_this_machine(&headers(&[("host", host)])), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7997",
            "192.168.1.2",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert!(!names_this_machine(&headers(&[("host", host)])), "{host}");
        }
        assert!(!names_this_machine(&headers(&[])));
    }

    #[test]
    fn pages_of_other_sites() {
        let check = |origin: &str| {
            is_cross_site(&headers(&[("host", "localhost:7997"), ("origin", origin)]))
        };
        assert!(!check("http://localhost:7997"));
        assert!(check("http://localhost:8000"));
        assert!(check("https://evil.example"));
        assert!(check("null"));
        assert!(!is_cross_site(&headers(&[("host", "localhost:7997")])));
    }

    #[test]
    fn keys_are_compared_whole() {
        let auth = Auth::new(Access::Key(ApiKey::new("secret").unwrap()), true).unwrap();
        let check =
            |value: &str| auth.check("/v1/models", &headers(&[("authorization", value)])).is_ok();
        assert!(check("Bearer secret"));
        assert!(check("bearer secret"));
        for wrong in ["Bearer secre", "Bearer secret2", "Bearer ", "Basic secret", "secret", ""] {
            assert!(!check(wrong), "{wrong:?}");
        }
        let cookie = |value: &str| auth.check("/v1/models", &headers(&[("cookie", value)])).is_ok();
        assert!(cookie(&format!("a=b; clip_session={}", auth.session)));
        assert!(!cookie("clip_session="));
        assert!(auth.cookie("secret").unwrap().unwrap().ends_with("; Secure"));
        assert!(!format!("{auth:?}").contains("secret"));
        assert!(
            ApiKey::new("").is_none()
                && ApiKey::new("a b").is_none()
                && ApiKey::new("a\n").is_none()
        );
    }
}
