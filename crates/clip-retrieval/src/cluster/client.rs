//! Calls that wait for their answer, and ask again where that is worth while.
//!
//! The client of Milvus is asynchronous; this is the one place that knows. Everything that is asked
//! here may be asked twice: rows are written by their key, and removed by it.

use std::future::Future;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use milvus::v2::error::Error as Sdk;
use milvus::v2::prelude::{ClientV2, ConnectConfig, RetryConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::fault::{Fault, Kind};
use crate::error::io_error;
use crate::{Error, Result};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one attempt may take: more than the slowest answer, less than anybody's patience.
const ATTEMPT: Duration = Duration::from_secs(30);

/// The first pause between two attempts; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Never ends: a runtime cannot be dropped within another.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).thread_name("milvus").enable_all().build()
});

/// A connection to a server, which connects again by itself.
pub(super) struct Client {
    sdk: ClientV2,
    address: Address,
}

impl Client {
    /// Connects.
    pub(super) fn connect(address: &Address) -> Result<Self> {
        // Otherwise all that the client says of any fault is that it waited in vain.
        probe(address).map_err(|error| no_server(address, &error.to_string()))?;
        let config = config(address)?;
        let connecting = async { ClientV2::new(&config).await };
        match runtime()?.block_on(connecting) {
            Ok(sdk) => Ok(Self { sdk, address: address.clone() }),
            Err(error) => {
                let Fault { kind, reason } = Fault::of(error);
                match kind {
                    Kind::Forbidden => Err(forbidden(address, "connect")),
                    _ => Err(no_server(address, &reason)),
                }
            }
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks until there is an answer, or no hope of one.
    pub(super) fn call<T, F>(&self, action: &'static str, ask: impl Fn(ClientV2) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Sdk>>,
    {
        let answer = self.try_call(action, ask)?;
        answer.ok_or_else(|| self.refused(action, "the answer is larger than a message may be"))
    }

    /// As [`Self::call`]; nothing where the answer is larger than a message may be.
    pub(super) fn try_call<T, F>(
        &self,
        action: &'static str,
        ask: impl Fn(ClientV2) -> F,
    ) -> Result<Option<T>>
    where
        F: Future<Output = Result<T, Sdk>>,
    {
        runtime()?.block_on(async {
            let (started, patience) = (Instant::now(), self.address.patience());
            let mut pause = FIRST_PAUSE;
            loop {
                let left = patience.saturating_sub(started.elapsed()).min(ATTEMPT);
                let fault = match timeout(left, ask(self.sdk.clone())).await {
                    Ok(Ok(answer)) => return Ok(Some(answer)),
                    Ok(Err(error)) => Fault::of(error),
                    Err(_) => Fault::passing("it does not answer"),
                };
                let pass = jittered(pause);
                match fault.kind {
                    Kind::TooLarge => return Ok(None),
                    Kind::Forbidden => return Err(forbidden(&self.address, action)),
                    Kind::Lasting => return Err(self.refused(action, &fault.reason)),
                    Kind::Passing if started.elapsed() + pass >= patience => {
                        return Err(self.unavailable(action, fault.reason));
                    }
                    Kind::Passing => sleep(pass).await,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }

    /// What was read from an answer; where it could not be, the server speaks another language.
    pub(super) fn read<T>(&self, action: &'static str, read: Result<T, Sdk>) -> Result<T> {
        read.map_err(|error| self.refused(action, &error.to_string()))
    }

    pub(super) fn refused(&self, action: &'static str, reason: &str) -> Error {
        Error::Refused { place: self.address.to_string(), action, reason: reason.to_owned() }
    }

    fn unavailable(&self, action: &'static str, reason: String) -> Error {
        let seconds = self.address.patience().as_secs();
        Error::Unavailable { place: self.address.to_string(), action, seconds, reason }
    }
}

fn runtime() -> Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| {
        let copy = std::io::Error::new(error.kind(), error.to_string());
        io_error("start", "threads".as_ref())(copy)
    })
}

/// Whether anything listens there.
fn probe(address: &Address) -> std::io::Result<()> {
    let mut last = std::io::Error::other("the host has no address");
    for socket in (address.host(), address.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, CONNECT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn config(address: &Address) -> Result<ConnectConfig> {
    let scheme = if address.is_encrypted() { "https" } else { "http" };
    let mut config = ConnectConfig::new()
        .uri(format!("{scheme}://{}", address.server()))
        .connect_timeout(CONNECT)
        .rpc_timeout(ATTEMPT)
        // Milvus Lite hangs up on who pings while nothing is asked.
        .keepalive_while_idle(false)
        .retry(RetryConfig::new().max_attempts(1));
    if let Some(token) = address.token() {
        config = config.token(token);
    }
    if let Some(path) = address.authority().filter(|_| address.is_encrypted()) {
        std::fs::metadata(path).map_err(io_error("read", path))?;
        config = config.ca_certificate(path.to_string_lossy());
    }
    Ok(config)
}

fn no_server(address: &Address, reason: &str) -> Error {
    let tls = if address.is_encrypted() { "with TLS" } else { "without TLS" };
    Error::NoServer { server: format!("{} {tls}", address.server()), reason: reason.to_owned() }
}

fn forbidden(address: &Address, action: &'static str) -> Error {
    Error::Forbidden { place: address.to_string(), action }
}

/// Between half of it and all, so that many who wait do not come back at once.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0) as u32;
    pause.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}
