//! How a server is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::key::ApiKey;
use crate::limits::Limits;

/// The port that is listened on unless another is asked for.
pub const DEFAULT_PORT: u16 = 7997;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Who may ask.
    pub access: Access,
    /// What connections are encrypted with, where they are.
    pub tls: Option<Tls>,
    /// How much of everything is taken.
    pub limits: Limits,
    /// Folders and images that clients may have indexed, and nothing else.
    pub folders: Vec<PathBuf>,
    /// Other names of the model that clients may use.
    pub aliases: Vec<String>,
}

/// A certificate and its key, as files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, and those that it was signed with.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub enum Access {
    /// Programs of this machine. Only for an address of this machine alone.
    #[default]
    Local,
    /// Who knows the key.
    Key(ApiKey),
    /// Anybody who reaches the address.
    Anybody,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
            access: Access::default(),
            tls: None,
            limits: Limits::default(),
            folders: Vec::new(),
            aliases: Vec::new(),
        }
    }
}
