//! Where a cluster is, and how it is asked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::options::{ClusterIndex, Consistency};
use crate::path::decode;
use crate::{Error, Result};

/// The port that Milvus listens on unless it is told otherwise.
const PORT: u16 = 19530;

/// The collection of an address that names none.
const COLLECTION: &str = "clip";

/// Which collection of which Milvus server, and how it is asked.
///
/// Written as `milvus://host:port/collection`, or `milvus+tls://host:port/collection` for an
/// encrypted connection. The port is 19530 and the collection `clip` where they are left out. After a
/// question mark there may be, joined by `&`:
///
/// - `consistency=strong` (as without it), `session`, `bounded` or `eventually`: see [`Consistency`];
/// - `index=hnsw` (as without it) or `flat`: see [`ClusterIndex`];
/// - `patience=60`: for how many seconds what may pass is tried again.
///
/// A user and a password may stand before the host, as in `milvus://user:password@host`, percent signs
/// and separators in them as `%25` and the like. Better is [`Self::with_environment`]: what a command
/// line holds, others can read.
///
/// ```
/// use clip_retrieval::{Address, Consistency};
///
/// let address: Address = "milvus://nas.local/photos?consistency=session".parse()?;
/// assert_eq!(address.collection(), "photos");
/// assert_eq!(address.consistency(), Consistency::Session);
/// assert_eq!(address.to_string(), "milvus://nas.local:19530/photos");
/// # Ok::<(), clip_retrieval::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    is_encrypted: bool,
    collection: String,
    token: Option<String>,
    authority: Option<PathBuf>,
    consistency: Consistency,
    index: ClusterIndex,
    patience: Duration,
}

impl Address {
    /// With the token of the environment variable `CLIP_MILVUS_TOKEN` (`user:password`, or a key)
    /// where the address has none, and the certificates of the file that `CLIP_MILVUS_CA` names.
    pub fn with_environment(mut self) -> Self {
        let of = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if self.token.is_none() {
            self.token = of("CLIP_MILVUS_TOKEN").map(|token| token.to_string_lossy().into_owned());
        }
        if let Some(path) = of("CLIP_MILVUS_CA") {
            self.authority = Some(path.into());
        }
        self
    }

    /// With a token: `user:password`, or a key.
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// With a file of certificates (PEM) that vouch for the server, in place of the system's.
    pub fn with_authority(self, path: impl Into<PathBuf>) -> Self {
        Self { authority: Some(path.into()), ..self }
    }

    /// Name of the collection.
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// What a reader sees of what was written last.
    pub fn consistency(&self) -> Consistency {
        self.consistency
    }

    /// The index of a collection that is made.
    pub fn index(&self) -> ClusterIndex {
        self.index
    }

    /// How long what may pass is tried again.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(super) fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Host and port, as they are written together.
    pub(super) fn server(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Without the token.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "milvus+tls" } else { "milvus" };
        write!(f, "{scheme}://{}/{}", self.server(), self.collection)
    }
}

/// Without the token.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|reason| Error::Address { address: without_token(text), reason })
    }
}

fn parse(text: &str) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no ://")?;
    let is_encrypted = match scheme {
        "milvus" => false,
        "milvus+tls" => true,
        _ => return Err(format!("it begins with {scheme}")),
    };
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (token, rest) = match rest.rsplit_once('@') {
        Some((token, rest)) => (Some(plain(token)?), rest),
        None => (None, rest),
    };
    let (server, collection) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host_and_port(server)?;
    let collection = match collection.trim_end_matches('/') {
        "" => COLLECTION,
        name => name,
    };
    check_collection(collection)?;
    let mut address = Address {
        host,
        port,
        is_encrypted,
        collection: collection.to_owned(),
        token,
        authority: None,
        consistency: Consistency::default(),
        index: ClusterIndex::default(),
        patience: Duration::from_secs(60),
    };
    for option in options.split('&').filter(|option| !option.is_empty()) {
        set(&mut address, option)?;
    }
    Ok(address)
}

fn host_and_port(server: &str) -> Result<(String, u16), String> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("its [ has no ]")?,
        None => server.split_at(server.find(':').unwrap_or(server.len())),
    };
    if host.is_empty() {
        return Err("it names no host".to_owned());
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => PORT,
        digits => digits
            .and_then(|digits| digits.parse().ok())
            .ok_or(format!("{port:?} is no port after a colon"))?,
    };
    Ok((host.to_owned(), port))
}

/// What Milvus takes for a name.
fn check_collection(name: &str) -> Result<(), String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = !name.starts_with(|c: char| c.is_ascii_digit());
    match begins_well && name.len() <= 255 && name.chars().all(is_of_name) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no name of a collection: letters, digits and _ make one, the first no digit"
        )),
    }
}

fn set(address: &mut Address, option: &str) -> Result<(), String> {
    let no_option = || format!("{option:?} is no option of it");
    let (name, value) = option.split_once('=').ok_or_else(no_option)?;
    match name {
        "consistency" => address.consistency = Consistency::named(value).ok_or_else(no_option)?,
        "index" => address.index = ClusterIndex::named(value).ok_or_else(no_option)?,
        "patience" => {
            let seconds = value.parse().map_err(|_| no_option())?;
            address.patience = Duration::from_secs(seconds);
        }
        _ => return Err(no_option()),
    }
    Ok(())
}

/// Percent signs read as what they stand for.
fn plain(text: &str) -> Result<String, String> {
    let bytes = decode(text).and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.ok_or("the password has a % that two digits should follow".to_owned())
}

/// What may be shown of something that is no address.
fn without_token(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    match text.rfind('@') {
        Some(end) if end > start => format!("{}…{}", &text[..start], &text[end..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str, token: Option<&str>) {
        let address: Address = text.parse().unwrap();
        assert_eq!((address.to_string().as_str(), address.token()), (shown, token), "{text}");
        assert_eq!(format!("{address:?}"), format!("Address({shown})"));
    }

    #[test]
    fn addresses_are_read_and_shown_without_passwords() {
        check("milvus://nas", "milvus://nas:19530/clip", None);
        check("milvus://nas:1/", "milvus://nas:1/clip", None);
        check("milvus+tls://10.0.0.1:443/a_1", "milvus+tls://10.0.0.1:443/a_1", None);
        check("milvus://[::1]:2/x", "milvus://[::1]:2/x", None);
        check("milvus://root:a%40b%2F:c@nas/x", "milvus://nas:19530/x", Some("root:a@b/:c"));
    }

    #[test]
    fn options_are_read() {
        let address: Address =
            "milvus://nas?consistency=bounded&index=flat&patience=5".parse().unwrap();
        assert_eq!(address.consistency(), Consistency::Bounded);
        assert_eq!(address.index(), ClusterIndex::Flat);
        assert_eq!(address.patience(), Duration::from_secs(5));
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_passwords() {
        for (text, reason) in [
            ("nas:19530", "it has no ://"),
            ("http://nas", "it begins with http"),
            ("milvus://", "it names no host"),
            ("milvus://nas:x", "\":x\" is no port"),
            ("milvus://nas/a-b", "\"a-b\" is no name of a collection"),
            ("milvus://nas/1a", "\"1a\" is no name of a collection"),
            ("milvus://nas?consistency=some", "\"consistency=some\" is no option"),
            ("milvus://nas?patience=x", "\"patience=x\" is no option"),
            ("milvus://me:secret@nas:x", "no port"),
            ("milvus://me:secret%@nas", "the password has a %"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("secret"), "{error}");
        }
    }
}
