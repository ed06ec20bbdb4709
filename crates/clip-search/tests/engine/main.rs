//! The engine, without any program around it.

mod evaluating;
mod fixture;
mod keeping;
mod searching;
mod updating;
