//! The program as a user runs it.

mod bad_input;
mod built_in;
mod commands;
mod drawing;
mod dupes;
mod eval;
mod exchange;
mod finding;
mod library;
mod mcp;
mod models;
#[cfg(unix)]
mod names;
mod refused;
mod sandbox;
mod search;
mod signs;
mod tags;
#[cfg(unix)]
mod train;
