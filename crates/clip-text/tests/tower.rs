//! The tower's own parts; its parity with the reference is tested in `clip-model`.
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::tensor::{Device, Int, Tensor};
use clip_testkit::assert_close;
use clip_text::{
    AttentionMask, Packer, Pooling, TextTransformer, TextTransformerConfig, TokenLookup,
    WeightDtype,
};

const END: i64 = 9;

fn ids<const L: usize, const B: usize>(rows: [[i32; L]; B]) -> Tensor<2, Int> {
    Tensor::from_ints(rows, &Device::default())
}

fn tower(pooling: Pooling) -> TextTransformer {
    TextTransformerConfig::new(8, 10, 12, 2, 3, 20, pooling).init(&Device::default())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn check_position<const L: usize>(pooling: Pooling, row: [i32; L], expected: i64) {
    let position = pooling.positions(ids([row])).into_data().iter::<i64>().next();
    assert_eq!(position, Some(expected), "{pooling:?} of {row:?}");
}

#[test]
fn argmax_takes_the_first_highest_id() {
    check_position(Pooling::Argmax, [8, 1, 9, 0, 0], 2);
    check_position(Pooling::Argmax, [8, 1, 9, 9, 9], 2);
    check_position(Pooling::Argmax, [9], 0);
    check_position(Pooling::Argmax, [3, 3, 3], 0);
    check_position(Pooling::Argmax, [0, 1, 2, 3, 4, 5, 6, 7], 7);
}

#[test]
fn end_token_takes_its_first_place() {
    check_position(Pooling::EndToken(5), [8, 1, 5, 9, 5], 2);
    check_position(Pooling::EndToken(5), [5, 5], 0);
    check_position(Pooling::EndToken(5), [1, 2, 5], 2);
    // As `(input_ids == eos).int().argmax(-1)` of transformers where there is no end token.
    check_position(Pooling::EndToken(5), [1, 2, 3], 0);
}

#[test]
fn the_last_token_is_the_last_whatever_it_is() {
    check_position(Pooling::Last, [8, 1, 9, 0, 0], 4);
    check_position(Pooling::Last, [9], 0);
}

/// Many texts run in groups of like length where weights are packed; each stays in its place.
#[test]
fn groups_of_like_length_are_the_same_texts() {
    const TEXTS: usize = 45;
    for pooling in [Pooling::Argmax, Pooling::EndToken(END)] {
        let plain = tower(pooling);
        let rows: [[i32; 8]; TEXTS] = std::array::from_fn(|text| {
            let end = text * 5 % 8;
            std::array::from_fn(|at| match at.cmp(&end) {
                std::cmp::Ordering::Less => ((text + at) % 8) as i32,
                std::cmp::Ordering::Equal => END as i32,
                std::cmp::Ordering::Greater => 0,
            })
        });
        let expected = values(plain.forward(ids(rows)));
        let Some(packer) = Packer::on(&Device::default(), WeightDtype::F32) else { continue };
        let packed = plain.pack(packer);
        assert_close("in groups", &values(packed.forward(ids(rows))), &expected, 1e-5);
    }
}

/// Rows of the token embedding from elsewhere are those of its parameter.
#[test]
fn rows_may_come_from_elsewhere() {
    let plain = tower(Pooling::Argmax);
    let texts = || ids([[8, 1, 9, 0], [8, 1, 2, 9]]);
    let expected = values(plain.forward(texts()));
    let table = values(plain.token_embedding.weight.val());
    let lookup = TokenLookup::new(12, move |ids| {
        ids.iter().flat_map(|id| &table[id * 12..][..12]).copied().collect()
    });
    let rows = lookup.forward(&texts(), &Device::default());
    let embedded = values(plain.forward_embedded(rows, texts()));
    assert_close("embedded", &embedded, &expected, 1e-6);
    if let Some(packer) = Packer::on(&Device::default(), WeightDtype::F32) {
        let packed = plain.pack(packer).with_lookup(lookup);
        assert_close("packed", &values(packed.forward(texts())), &expected, 1e-5);
    }
}

/// A tower without a mask that answers with its last token looks at the padding.
#[test]
fn without_a_mask_the_padding_counts() {
    let config = TextTransformerConfig::new(8, 10, 12, 2, 3, 20, Pooling::Last);
    let tower = config.with_mask(AttentionMask::Full).init(&Device::default());
    let answer = |row: [i32; 4]| values(tower.forward(ids([row])));
    let (difference, _) =
        clip_testkit::max_difference(&answer([8, 9, 0, 0]), &answer([8, 9, 1, 0]));
    assert!(difference > 1e-3, "{difference}");
    let together = values(tower.forward(ids([[8, 9, 0, 0], [8, 9, 1, 0]])));
    let alone = [answer([8, 9, 0, 0]), answer([8, 9, 1, 0])].concat();
    assert_close("batch", &together, &alone, 1e-5);
}

/// Padding and whatever else follows the end token change nothing, so a batch may be cut.
#[test]
fn the_tail_changes_nothing() {
    for pooling in [Pooling::Argmax, Pooling::EndToken(END)] {
        let tower = tower(pooling);
        let cut = values(tower.forward(ids([[8, 1, 2, 9]])));
        for tail in [[0; 4], [9; 4], [3, 9, 1, 0]] {
            let [a, b, c, d] = tail;
            let whole = values(tower.forward(ids([[8, 1, 2, 9, a, b, c, d]])));
            assert_close(&format!("{pooling:?} {tail:?}"), &whole, &cut, 1e-6);
        }
    }
}

#[test]
fn pooling_before_or_after_the_norm_is_the_same() {
    let tower = tower(Pooling::Argmax);
    let batch = ids([[8, 1, 9, 0], [8, 1, 2, 9]]);
    let tokens = tower.transformer.forward(tower.embed(batch.clone()));
    let normed = tower.ln_final.forward(tokens.clone());
    let expected =
        Tensor::cat(vec![normed.clone().slice([0..1, 2..3]), normed.slice([1..2, 3..4])], 0);
    assert_close("pooled", &values(tower.pool(tokens, batch)), &values(expected), 1e-6);
}

#[test]
#[should_panic(expected = "a text of 9 tokens exceeds the context of 8")]
fn texts_beyond_the_context_are_refused() {
    tower(Pooling::Argmax).forward(ids([[0; 9]]));
}
