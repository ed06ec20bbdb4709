//! Goldens, fixtures and comparisons shared by the tests of the workspace.
