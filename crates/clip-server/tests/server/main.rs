//! The server as its clients meet it: over a socket, with the built-in model.

mod client;
mod embeddings;
mod hostile;
mod jobs;
mod library;
mod service;
