//! A connection that fails as connections do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Stands between a client and a server, and passes bytes on until it is told otherwise.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    server: String,
    /// Bytes to the server until all connections break; negative: no end.
    left: AtomicI64,
    /// Whether new connections break too.
    is_down: AtomicBool,
    /// Whether nothing is passed on.
    is_silent: AtomicBool,
    /// Milliseconds before anything is passed on.
    delay: AtomicU32,
    /// How often connections broke.
    broken: AtomicU32,
}

impl Proxy {
    /// One before a server, by its host and port.
    pub(crate) fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            State { server: server.to_owned(), left: AtomicI64::new(-1), ..State::default() };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !shared.is_down.load(Ordering::SeqCst) {
                    // A server that is away is seen as a connection that ends.
                    let _ = connect(client, &shared);
                }
            }
        });
        Self { address, state }
    }

    /// Its own host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection when so many more bytes have gone to the server; new ones are whole.
    pub(crate) fn break_after(&self, bytes: i64) {
        self.state.left.store(bytes, Ordering::SeqCst);
    }

    /// How often connections broke.
    pub(crate) fn broken(&self) -> u32 {
        self.state.broken.load(Ordering::SeqCst)
    }

    /// Breaks every connection, now and later.
    pub(crate) fn go_down(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
        self.break_after(0);
    }

    /// Passes nothing on, and keeps the connections.
    pub(crate) fn fall_silent(&self) {
        self.state.is_silent.store(true, Ordering::SeqCst);
    }

    /// Passes everything on after a while.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.state.delay.store(delay.as_millis() as u32, Ordering::SeqCst);
    }
}

fn connect(client: TcpStream, state: &Arc<State>) -> io::Result<()> {
    let mut found = state.server.to_socket_addrs()?;
    let server = TcpStream::connect(found.next().ok_or(io::ErrorKind::NotFound)?)?;
    for (from, to, is_to_server) in [(&client, &server, true), (&server, &client, false)] {
        let (from, to, state) = (from.try_clone()?, to.try_clone()?, Arc::clone(state));
        thread::spawn(move || {
            // However it ends, both ends learn of it.
            let _ = pass_on(&from, &to, is_to_server, &state);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn pass_on(
    mut from: &TcpStream,
    mut to: &TcpStream,
    is_to_server: bool,
    state: &State,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    // Looks at the state now and then, where nothing is sent.
    from.set_read_timeout(Some(Duration::from_millis(20)))?;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                0
            }
            Err(error) => return Err(error),
        };
        if state.is_down.load(Ordering::SeqCst) {
            state.broken.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        if read == 0 || state.is_silent.load(Ordering::SeqCst) {
            continue;
        }
        thread::sleep(Duration::from_millis(state.delay.load(Ordering::SeqCst).into()));
        let left = state.left.load(Ordering::SeqCst);
        if is_to_server && left >= 0 {
            if left < read as i64 {
                // The beginning of what is sent arrives, the rest does not.
                to.write_all(&buffer[..left as usize])?;
                state.left.store(-1, Ordering::SeqCst);
                state.broken.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            state.left.store(left - read as i64, Ordering::SeqCst);
        }
        to.write_all(&buffer[..read])?;
    }
}
