//! Chances that follow from the seed of a run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use clip_model::Device;

/// Held from the seeding of the backend, which all threads share, until the weights are drawn.
static DRAWING: Mutex<()> = Mutex::new(());

/// Seeds the backend. The weights that are drawn while the guard is held follow from `seed`.
pub(crate) fn drawing(device: &Device, seed: u64) -> MutexGuard<'static, ()> {
    let guard = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    guard
}

/// A seed of its own for each step.
pub(crate) fn of_step(seed: u64, step: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(step)
}
