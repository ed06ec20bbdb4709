//! The canonical file: what is written is read again, and what is damaged is refused by name.

mod fixture;
mod formats;
mod merges;
mod refusals;
mod writing;
