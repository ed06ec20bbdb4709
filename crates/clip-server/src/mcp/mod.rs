//! The Model Context Protocol: what assistants may do with the library, over standard input and output, and at
//! `/mcp` beside the rest. Nothing is changed by any of it.
//!
//! Both revisions in use are spoken: that of 2025-11-25 and before, which begin with a handshake, and that of
//! 2026-07-28, where every request stands for itself. Over HTTP no sessions are kept for either.

mod arguments;
mod handler;
mod show;
mod tools;

use std::io;
use std::sync::Arc;

use axum::Router;
use clip::Embedder;
use clip_search::Collection;
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::runtime::Builder;

use crate::observer::Observer;
use crate::settings::Settings;
use crate::state::{Server, StartError};
use handler::Handler;

/// Answers on standard input and output until the input ends. Nothing else is written to standard output.
///
/// # Errors
///
/// [`StartError`].
pub fn run_stdio(
    embedder: Embedder,
    collection: Option<Collection>,
    settings: Settings,
    observer: Arc<dyn Observer>,
) -> Result<(), StartError> {
    let failed = |source| StartError::Io { action: "start threads".to_owned(), source };
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let server = Server::new(embedder, collection, settings, observer)?;
    let served = runtime.block_on(async {
        match Handler::new(server.clone()).serve(stdio()).await {
            Ok(running) => running.waiting().await.map(drop).map_err(io::Error::other),
            // Somebody who looks whether the program starts.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    });
    server.stop();
    // A read of standard input cannot be ended.
    runtime.shutdown_background();
    let action = "speak the Model Context Protocol on standard input and output".to_owned();
    served.map_err(|source| StartError::Io { action, source })
}

/// `/mcp`. Who may ask was checked before.
pub(crate) fn routes(server: &Server) -> Router<Server> {
    let server = server.clone();
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts();
    let handler = move || Ok(Handler::new(server.clone()));
    let service =
        StreamableHttpService::new(handler, Arc::new(NeverSessionManager::default()), config);
    Router::new().route_service("/mcp", service)
}
