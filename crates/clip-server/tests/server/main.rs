//! The server as its clients meet it: over a socket, with the built-in model.

mod client;
mod embeddings;
mod hostile;
mod immich;
mod jobs;
mod library;
mod mcp;
mod service;
