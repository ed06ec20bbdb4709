//! What goes wrong, and whether it passes.

use milvus::v2::error::Error as Sdk;

/// Why a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// What the server or the connection said.
    pub(super) reason: String,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ask again: a connection that broke, a server that starts, a collection that is being loaded.
    Passing,
    /// Ask for less: the answer is larger than a message may be.
    TooLarge,
    /// Ask as somebody else.
    Forbidden,
    /// Do not ask again.
    Lasting,
}

/// Codes of gRPC, which every client has.
mod grpc {
    pub(super) const CANCELLED: i32 = 1;
    pub(super) const UNKNOWN: i32 = 2;
    pub(super) const DEADLINE_EXCEEDED: i32 = 4;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const ABORTED: i32 = 10;
    pub(super) const OUT_OF_RANGE: i32 = 11;
    pub(super) const INTERNAL: i32 = 13;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

/// Codes of Milvus for what passes: a service that starts or is busy, a collection or partition that
/// is not loaded yet, replicas, channels, segments and nodes that are elsewhere just now.
const PASSING: &[i32] = &[
    1, 2, 4, 8, 101, 103, 201, 202, 400, 401, 402, 500, 501, 502, 503, 600, 601, 901, 902, 903, 904,
];

impl Fault {
    pub(super) fn of(error: Sdk) -> Self {
        match error {
            Sdk::RetryExhausted { source, .. } => Self::of(*source),
            Sdk::Grpc(status) => {
                let reason = status.message().to_owned();
                Self { kind: of_grpc(i32::from(status.code()), &reason), reason }
            }
            Sdk::Server(error) => {
                let reason = error.reason().to_owned();
                let passes = PASSING.contains(&error.code()) || reason.contains("not loaded");
                Self { kind: if passes { Kind::Passing } else { Kind::Lasting }, reason }
            }
            Sdk::Timeout(reason) | Sdk::Cancelled(reason) => Self::passing(reason),
            other => Self { kind: Kind::Lasting, reason: other.to_string() },
        }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { kind: Kind::Passing, reason: reason.into() }
    }
}

fn of_grpc(code: i32, reason: &str) -> Kind {
    match code {
        grpc::OUT_OF_RANGE => Kind::TooLarge,
        grpc::RESOURCE_EXHAUSTED if reason.contains("larger than max") => Kind::TooLarge,
        grpc::PERMISSION_DENIED | grpc::UNAUTHENTICATED => Kind::Forbidden,
        grpc::CANCELLED
        | grpc::DEADLINE_EXCEEDED
        | grpc::RESOURCE_EXHAUSTED
        | grpc::ABORTED
        | grpc::INTERNAL
        | grpc::UNAVAILABLE => Kind::Passing,
        // A connection that breaks has no code of its own.
        grpc::UNKNOWN
            if ["transport", "h2", "connection", "pipe"]
                .iter()
                .any(|word| reason.contains(word)) =>
        {
            Kind::Passing
        }
        _ => Kind::Lasting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: i32, reason: &str, kind: Kind) {
        assert_eq!(of_grpc(code, reason), kind, "{code} {reason}");
    }

    #[test]
    fn what_passes_is_told_from_what_lasts() {
        check(14, "tcp connect error", Kind::Passing);
        check(2, "transport error", Kind::Passing);
        check(2, "no such field", Kind::Lasting);
        check(3, "wrong", Kind::Lasting);
        check(16, "auth check failure", Kind::Forbidden);
        check(11, "decoded message length too large", Kind::TooLarge);
        check(8, "grpc: received message larger than max", Kind::TooLarge);
        check(8, "rate limit", Kind::Passing);
    }
}
