//! Branches in one piece against the same block composed of Burn's operations.
#![cfg(all(feature = "flex", feature = "ndarray", feature = "autodiff"))]

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, GradientCheckpointingStrategy, Gradients, Tensor, TensorData};
use clip_nn::{Activation, AttentionMask, Transformer, TransformerConfig};
use clip_testkit::{Random, assert_close};
