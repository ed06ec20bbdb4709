//! Listening, and stopping without losing what was accepted.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use clip::Embedder;
use clip_search::Collection;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::connections::{Connection, Connections};
use crate::observer::Observer;
use crate::router::router;
use crate::settings::{Access, Settings, Tls};
use crate::state::{Server, StartError};

/// How often the observer is asked whether to stop.
const TICK: Duration = Duration::from_millis(200);

/// Threads for what computes or reads files.
const BLOCKING_THREADS: usize = 64;

/// Serves until the observer says that it shall stop.
///
/// # Errors
///
/// [`StartError`].
pub fn run(
    embedder: Embedder,
    collection: Option<Collection>,
    settings: Settings,
    observer: Arc<dyn Observer>,
) -> Result<(), StartError> {
    let failed = |source| StartError::Io { action: "start threads".to_owned(), source };
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(failed)?;
    let address = settings.address;
    check_access(&settings)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Io { action: format!("listen on {address}"), source })?;
        let server = Server::new(embedder, collection, settings, observer)?;
        serve(listener, server).await
    })
}

/// Refuses to be reached by others where nobody said that they may ask: [`run`] does it too, once there is a model.
///
/// # Errors
///
/// [`StartError::NoKey`].
pub fn check_access(settings: &Settings) -> Result<(), StartError> {
    let address = settings.address;
    match settings.access {
        Access::Local if !address.ip().is_loopback() => Err(StartError::NoKey { address }),
        _ => Ok(()),
    }
}

/// Serves on a listener until the observer says that it shall stop.
///
/// # Errors
///
/// [`StartError`].
pub async fn serve(listener: TcpListener, server: Server) -> Result<(), StartError> {
    let failed = |source| StartError::Io { action: "listen".to_owned(), source };
    let address = listener.local_addr().map_err(failed)?;
    let tls = server.settings().tls.as_ref().map(Tls::acceptor).transpose()?;
    let graceful = GracefulShutdown::new();
    let router = router(&server);
    let connections = Connections::new(server.limits().connections);
    server.observer().listening(address);
    server.index_at_start();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of files, for one: those that are open end in time.
                    server.observer().warning(&format!("a connection was lost: {error}"));
                    sleep(TICK).await;
                    continue;
                }
            },
            _ = tick.tick() => {
                if server.observer().is_cancelled() {
                    break;
                }
                continue;
            }
        };
        // Without room it is closed, and the client tries again.
        if let Some(connection) = connections.open() {
            let _ = stream.set_nodelay(true);
            let (router, server, watcher) = (router.clone(), server.clone(), graceful.watcher());
            let accepted = Accepted { router, server, watcher, connection: Arc::new(connection) };
            tokio::spawn(accepted.answer(stream, tls.clone()));
        }
    }
    drop(listener);
    server.jobs().cancel_all();
    let _ = timeout(server.limits().stop_timeout, graceful.shutdown()).await;
    let _ = tokio::task::spawn_blocking(move || server.stop()).await;
    Ok(())
}

/// A connection, with what it needs.
struct Accepted {
    router: Router,
    server: Server,
    watcher: Watcher,
    connection: Arc<Connection>,
}

impl Accepted {
    /// Answers the requests of a connection until it ends.
    async fn answer(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let (server, connection) = (self.server.clone(), Arc::clone(&self.connection));
        server.metrics().connections(1);
        let answered = async {
            match tls {
                None => self.requests(stream).await,
                Some(tls) => {
                    // A head that never comes; an error is the client's, who is gone.
                    let patience = self.server.limits().header_timeout;
                    if let Ok(Ok(stream)) = timeout(patience, tls.accept(stream)).await {
                        self.requests(stream).await;
                    }
                }
            }
        };
        tokio::select! {
            () = answered => {}
            () = connection.evicted() => {}
        }
        server.metrics().connections(-1);
    }

    async fn requests(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { router, server, watcher, connection } = self;
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, busy) = (router.clone(), connection.busy());
            async move {
                let response = router.oneshot(request.map(Body::new)).await;
                drop(busy);
                response
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(server.limits().header_timeout);
        let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
    }
}
