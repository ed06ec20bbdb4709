//! `/openapi.json`, and `/docs`, a page that shows it.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::OpenApi;

use crate::state::Server;

/// The page: no part of it comes from elsewhere.
const PAGE: &str = include_str!("docs.html");

pub(crate) fn routes(description: &OpenApi) -> Router<Server> {
    let json: axum::body::Bytes = description.to_json().unwrap_or_default().into();
    let json = move || {
        let json = json.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], json) }
    };
    Router::new().route("/openapi.json", get(json)).route("/docs", get(page))
}

async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, PAGE)
}
