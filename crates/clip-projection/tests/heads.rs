//! Heads and similarities in numbers one can follow.
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::tensor::{Device, Tensor, TensorData};
use clip_projection::{
    LogitsConfig, ProjectionConfig, info_nce, normalize, sigmoid_loss, similarity,
};
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
    let paper = LogitsConfig::new().init(&device);
    check("1 / 0.07", paper.forward(tensor([[0.07, -0.14]])), &[1.0, -2.0]);
    let hundred = LogitsConfig::new().with_log_scale(100f64.ln()).init(&device);
    assert_close(
        "100",
        &hundred.forward(tensor([[0.25]])).into_data().try_to_vec::<f32>().unwrap(),
        &[25.0],
        1e-4,
    );
}

#[test]
fn a_bias_is_added_to_the_logits() {
    let logits = LogitsConfig::new().with_log_scale(10f64.ln()).with_bias(Some(-10.0));
    let logits = logits.init(&Device::default()).forward(tensor([[1.0, 0.5], [0.0, -1.0]]));
    assert_close(
        "bias",
        &logits.into_data().try_to_vec::<f32>().unwrap(),
        &[0.0, -5.0, -10.0, -20.0],
        1e-5,
    );
}

#[test]
fn a_head_has_a_bias_where_it_is_asked_for() {
    let device = Device::default();
    let zeros = tensor([[0.0; 3]; 2]);
    let head = ProjectionConfig::new(3, 2).init(&device);
    check("none", head.forward(zeros.clone()), &[0.0; 4]);
    let mut head = ProjectionConfig::new(3, 2).with_bias(true).init(&device);
    head.bias = head.bias.map(|bias| bias.map(|_| Tensor::from_floats([1.0, -2.0], &device)));
    check("bias", head.forward(zeros), &[1.0, -2.0, 1.0, -2.0]);
}

/// The first picture has two right texts, the second one: each direction shares its own target.
#[test]
fn losses_know_several_right_answers() {
    let matches = TensorData::new(vec![true, true, false, true], [2, 2]);
    let matches = Tensor::from_data(matches, &Device::default());
    let logits = tensor([[0.0, 2f32.ln()], [0.0, 0.0]]);
    // Two rows of [1/3, 2/3] with half the target each, and two of [1/2, 1/2] with it on one.
    let expected = (3f32.ln() + 2f32.ln() / 2.0) / 2.0;
    check("InfoNCE", info_nce(logits.clone(), matches.clone()).reshape([1, 1]), &[expected]);
    let expected = (3.0 * 2f32.ln() + 1.5f32.ln()) / 2.0;
    check("sigmoid", sigmoid_loss(logits, matches).reshape([1, 1]), &[expected]);
}

/// Three images and two texts: each of both shares its target among what is right for it.
#[test]
fn there_may_be_fewer_texts_than_images() {
    let matches = [[true, false], [true, true], [false, true]];
    let logits = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5f32]];
    // The mean over rows of −Σ target · log softmax, in numbers.
    fn entropy(logits: &[Vec<f32>], matches: &[Vec<bool>]) -> f32 {
        let of_row = |(logits, matches): (&Vec<f32>, &Vec<bool>)| {
            let all = logits.iter().map(|logit| logit.exp()).sum::<f32>().ln();
            let right = logits.iter().zip(matches).filter(|(_, right)| **right);
            let count = right.clone().count() as f32;
            right.map(|(logit, _)| all - logit).sum::<f32>() / count
        };
        logits.iter().zip(matches).map(of_row).sum::<f32>() / logits.len() as f32
    }
    fn rows<T: Copy>(table: [[T; 2]; 3]) -> Vec<Vec<T>> {
        table.iter().map(|row| row.to_vec()).collect()
    }
    fn columns<T: Copy>(table: [[T; 2]; 3]) -> Vec<Vec<T>> {
        (0..2).map(|column| table.iter().map(|row| row[column]).collect()).collect()
    }
    let by_images = entropy(&rows(logits), &rows(matches));
    let by_texts = entropy(&columns(logits), &columns(matches));
    let data = TensorData::new(matches.concat(), [3, 2]);
    let matches = Tensor::from_data(data, &Device::default());
    let loss = info_nce(tensor(logits), matches).reshape([1, 1]);
    check("InfoNCE", loss, &[(by_images + by_texts) / 2.0]);
}
