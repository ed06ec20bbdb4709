//! The whole model against the reference implementations, on every backend of the build.

mod common;
mod full_size;
mod golden;
#[cfg(feature = "flex")]
mod int8;
mod pooled_map;
mod siglip;
mod sources;
mod verify;
mod witness;

/// The other tests again, with the kernels of each instruction set that this processor has.
#[cfg(feature = "flex")]
#[test]
fn every_instruction_set_agrees() {
    use clip_kernels::{Isa, MAX_CPU_ISA};
    let enabled = Isa::enabled().map(Isa::name);
    clip_testkit::rerun_tests("every_instruction_set", MAX_CPU_ISA, enabled);
}
