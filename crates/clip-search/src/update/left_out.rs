//! What an update leaves out or lets be, and a person should know.

use std::path::PathBuf;

/// What an update leaves out or lets be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Files that could not be read before, and would not be now.
    pub unreadable: Vec<PathBuf>,
    /// Images that stay, though they are not there.
    pub unplugged: Vec<PathBuf>,
    /// Images that an ignore file takes off the collection.
    pub ignored: usize,
    /// Images that stay, though the scan was not to look at them.
    pub excluded: usize,
}
