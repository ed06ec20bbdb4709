//! All routes, and what every request goes through.

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::errors::ApiError;
use crate::observer::RequestLog;
use crate::state::Server;
use crate::{
    buffers, classify, docs, duplicates, embeddings, explain, immich, items, jobs, library, mcp,
    page, rank, search, service, session,
};

/// The head of the description of the API.
#[derive(OpenApi)]
#[openapi(
    info(title = "clip-server", description = "Embeddings of images and texts by CLIP, and search in a library of images."),
    tags(
        (name = "embeddings", description = "Vectors, labels and ranks of what a request holds"),
        (name = "library", description = "What was indexed"),
        (name = "service", description = "The server itself"),
    ),
    components(schemas(crate::errors::ErrorBody)),
    modifiers(&Security)
)]
struct Head;

/// A key may be sent as a bearer token.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, description: &mut Description) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let components = description.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("key", scheme);
    }
}

/// The routes with their description.
fn api() -> OpenApiRouter<Server> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(embeddings::embeddings))
        .routes(routes!(classify::classify))
        .routes(routes!(rank::rank))
        .routes(routes!(search::search))
        .routes(routes!(items::item))
        .routes(routes!(items::thumbnail))
        .routes(routes!(items::file))
        .routes(routes!(explain::explain))
        .routes(routes!(library::library))
        .routes(routes!(duplicates::duplicates))
        .routes(routes!(jobs::begin, jobs::list))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(jobs::events))
        .routes(routes!(service::models))
        .routes(routes!(service::model))
        .routes(routes!(service::health))
        .routes(routes!(service::ready))
        .routes(routes!(service::metrics))
        .routes(routes!(session::session))
}

/// The description of the API (OpenAPI 3.1).
pub fn openapi() -> Description {
    api().split_for_parts().1
}

/// Everything that the server answers.
pub fn router(server: &Server) -> Router {
    let (routes, description) = api().split_for_parts();
    routes
        .merge(docs::routes(&description))
        .merge(immich::routes())
        .merge(mcp::routes(server))
        .merge(page::routes())
        .fallback(service::unknown)
        .method_not_allowed_fallback(service::other_method)
        .layer(DefaultBodyLimit::max(server.limits().body_bytes))
        .layer(from_fn(immich::greet))
        .layer(from_fn_with_state(server.clone(), count_body))
        .layer(from_fn_with_state(server.clone(), session::authorize))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(server.clone(), observe))
        .layer(from_fn(harden))
        .with_state(server.clone())
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("the server failed at this request").into_response()
}

/// Counts a request, and tells the observer. What it holds is nobody's business.
async fn observe(State(server): State<Server>, request: Request, next: Next) -> Response {
    let (start, method) = (Instant::now(), request.method().clone());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("other", MatchedPath::as_str).to_owned();
    let answering = server.activity().begin();
    let response = next.run(request).await;
    drop(answering);
    let (status, time) = (response.status(), start.elapsed());
    server.metrics().request(method.as_str(), &route, status.as_u16(), time);
    server.observer().request(&RequestLog {
        method: method.as_str(),
        route: &route,
        status: status.as_u16(),
        time,
    });
    response
}

/// Counts the bytes of a request's body until it is answered.
async fn count_body(State(server): State<Server>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (body, share) = buffers::count(server.buffers(), body, server.limits().body_timeout);
    let response = next.run(Request::from_parts(parts, body)).await;
    drop(share);
    response
}

/// What no browser should make of an answer.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
