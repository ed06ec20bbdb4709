//! Heads and similarities in numbers one can follow.
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::tensor::{Device, Tensor};
use clip_projection::{LogitScaleConfig, ProjectionConfig, normalize, similarity};
use clip_testkit::assert_close;

fn tensor<const N: usize, const M: usize>(rows: [[f32; M]; N]) -> Tensor<2> {
    Tensor::from_floats(rows, &Device::default())
}

fn check(what: &str, actual: Tensor<2>, expected: &[f32]) {
    assert_close(what, &actual.into_data().try_to_vec::<f32>().unwrap(), expected, 1e-6);
}

#[test]
fn rows_become_unit_vectors() {
    check("rows", normalize(tensor([[3.0, 4.0], [0.0, -2.0]])), &[0.6, 0.8, 0.0, -1.0]);
    check("tiny", normalize(tensor([[3e-10, 4e-10]])), &[0.6, 0.8]);
    check("zero", normalize(tensor([[0.0, 0.0]])), &[0.0, 0.0]);
}

#[test]
fn similarity_is_pictures_by_texts() {
    let images = tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]);
    let texts = tensor([[1.0, 0.0], [0.0, -1.0]]);
    check("cosines", similarity(images, texts), &[1.0, 0.0, 0.6, -0.8, 0.0, -1.0]);
}

#[test]
fn the_scale_is_stored_as_its_logarithm() {
    let device = Device::default();
    let paper = LogitScaleConfig::new().init(&device);
    check("1 / 0.07", paper.forward(tensor([[0.07, -0.14]])), &[1.0, -2.0]);
    let hundred = LogitScaleConfig::new().with_log_scale(100f64.ln()).init(&device);
    assert_close(
        "100",
        &hundred.forward(tensor([[0.25]])).into_data().try_to_vec::<f32>().unwrap(),
        &[25.0],
        1e-4,
    );
}

#[test]
fn a_head_has_no_bias() {
    let head = ProjectionConfig::new(3, 2).init(&Device::default());
    check("zero", head.forward(tensor([[0.0; 3]; 2])), &[0.0; 4]);
}
