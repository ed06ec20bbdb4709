//! Chores of the workspace: converting weights, checking the layers.

fn main() {}
