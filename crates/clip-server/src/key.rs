//! The secret that clients send.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret that clients send. It is never printed.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key, if it is one: without a character that a header cannot hold.
    pub fn new(key: impl Into<String>) -> Option<Self> {
        let key = key.into();
        (!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self(key))
    }

    /// Compares in a time that does not depend on where they differ.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}
