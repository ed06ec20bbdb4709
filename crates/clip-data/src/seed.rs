//! One random generator for each purpose, so that no draw depends on the order of the others.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// What a generator is for; the first word of its seed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Plan = 1,
    Row = 2,
}

/// The generator for a purpose: the words, each added to the mix of those before it and mixed with
/// SplitMix64's finalizer (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
/// 2014), seed a PCG.
pub(crate) fn generator(purpose: Purpose, words: &[u64]) -> Pcg64Mcg {
    let seed = words.iter().fold(mix(purpose as u64), |seed, word| mix(seed.wrapping_add(*word)));
    Pcg64Mcg::seed_from_u64(seed)
}

fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn each_word_counts_and_its_place_does() {
        let seeds: [(Purpose, &[u64]); 6] = [
            (Purpose::Plan, &[0, 0]),
            (Purpose::Row, &[0, 0]),
            (Purpose::Plan, &[0, 1]),
            (Purpose::Plan, &[1, 0]),
            (Purpose::Plan, &[0]),
            (Purpose::Plan, &[0, 0, 0]),
        ];
        let mut numbers: Vec<u64> =
            seeds.iter().map(|(purpose, words)| generator(*purpose, words).next_u64()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 6);
        // SplitMix64's first number from seed 0, as published.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
    }
}
