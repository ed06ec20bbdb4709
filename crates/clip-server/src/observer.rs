//! Who hears what the server does.

use std::net::SocketAddr;
use std::time::Duration;

/// Hears what the server does, and may stop it. Each method does nothing unless it is implemented.
pub trait Observer: Send + Sync {
    /// It listens: port 0 has become a real one.
    fn listening(&self, address: SocketAddr) {
        let _ = address;
    }

    /// A request was answered.
    fn request(&self, request: &RequestLog<'_>) {
        let _ = request;
    }

    /// Something that its operator should know.
    fn warning(&self, message: &str) {
        let _ = message;
    }

    /// Whether it shall stop. What was accepted is answered.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A request that was answered: nothing of what it held.
#[derive(Debug, Clone, Copy)]
pub struct RequestLog<'a> {
    /// `GET`, `POST` and the like.
    pub method: &'a str,
    /// The route with names in place of ids, such as `/v1/items/{id}`.
    pub route: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// From the head of the request to its answer.
    pub time: Duration,
}

/// Hears nothing and stops nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {}
