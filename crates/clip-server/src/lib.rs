//! Serves embeddings and image search over HTTP.
//!
//! [`run`] listens until its [`Observer`] says that it shall stop; [`router`] is the same without a socket.
//! A [`Server`] is a model and a collection: one thread owns the model and makes batches of what all requests
//! wait for (`batch`), images are decoded beside it, and searches read snapshots of the collection. How much of
//! everything is taken is in [`Limits`], and checked before work is done for it. Who may ask is in [`Access`].
//!
//! The routes and their bodies are described by [`openapi`], which is served too; docs/server.md is for people.
//!
//! This is the only crate of the workspace with async in it. Nothing is printed, and nothing that a client sent
//! is told to the observer.

mod activity;
mod auth;
mod batch;
mod buffers;
mod classify;
mod connections;
mod docs;
mod duplicates;
mod embeddings;
mod encode;
mod errors;
mod explain;
mod immich;
mod item;
mod items;
mod job;
mod jobs;
mod json;
mod key;
mod library;
mod limits;
mod mcp;
mod metrics;
mod observer;
mod page;
mod rank;
mod router;
mod search;
mod serve;
mod service;
mod session;
mod settings;
mod state;
mod tls;

pub use encode::{Encoded, Input};
pub use errors::{ApiError, ApiResult, ErrorBody};
pub use immich::{Environment as ImmichEnvironment, EnvironmentError, names as immich_names};
pub use item::{ItemBody, Kind};
pub use json::{Json, Params};
pub use key::ApiKey;
pub use limits::{IMAGE_COST, Limits};
pub use mcp::run_stdio as run_mcp;
pub use observer::{Observer, RequestLog, Silent};
pub use router::{openapi, router};
pub use serve::{check_access, run, serve};
pub use settings::{Access, DEFAULT_PORT, Settings, Tls};
pub use state::{Server, StartError};
