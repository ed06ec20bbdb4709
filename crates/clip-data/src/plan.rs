use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::error::bad_config;
use crate::seed::{Purpose, generator};
use crate::{Dataset, Kind, Result};

/// How the samples of an epoch are chosen and put into batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerConfig {
    /// Rows of a batch.
    pub batch_size: usize,
    /// At most so many rows of one name an epoch, others each time. 0 is no limit.
    pub class_cap: usize,
    /// A name with fewer rows is repeated up to this many, though not beyond the cap. 0 is off.
    pub class_floor: usize,
    /// No name twice in one batch: in a contrastive loss, rows of one name are wrong answers to
    /// each other.
    pub unique_names: bool,
    /// The share of rows that come in batches of one kind (photographs alone, drawings alone). There
    /// the kind tells no rows apart, so that what a picture shows has to: a name that was only
    /// drawn is then also found in photographs. A kind of fewer names than a batch has rows repeats
    /// them as rarely as it can.
    pub one_kind: f64,
    /// Leaves out batches that cannot be filled.
    pub drop_last: bool,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            batch_size: 256,
            class_cap: 0,
            class_floor: 0,
            unique_names: true,
            one_kind: 0.0,
            drop_last: true,
        }
    }
}

/// One row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draw {
    /// The sample.
    pub index: usize,
    /// How often the sample came before in this epoch (repeated names).
    pub number: u32,
}

/// The batches of one epoch. Same dataset, settings, seed and epoch: same plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochPlan {
    batches: Vec<Vec<Draw>>,
}

impl SamplerConfig {
    /// Checks that the settings can be followed.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`](crate::Error::BadConfig) for a batch size of 0, or a
    /// share outside `0..=1`.
    pub fn validate(&self) -> Result<()> {
        if self.batch_size == 0 {
            return bad_config("batch_size", self.batch_size, "it is at least 1");
        }
        if !(0.0..=1.0).contains(&self.one_kind) {
            return bad_config("one_kind", self.one_kind, "it is between 0 and 1");
        }
        Ok(())
    }
}

impl EpochPlan {
    /// Draws the plan of an epoch.
    ///
    /// Each name gives its rows in random order, cut at the cap or repeated to the floor. With
    /// unique names, as many batches are filled as can be: `t` batches can if the names, each with
    /// at most `t` rows, have `t` times the batch size. The rows are laid out name after name and
    /// dealt in turn to the `t` batches, so no name comes twice to one (McNaughton's wrap-around
    /// rule). What is left over is dealt in the same way to batches that are not full; they come
    /// last, or not at all with [`SamplerConfig::drop_last`]. So a name with more rows than there
    /// are batches needs a cap.
    ///
    /// # Errors
    ///
    /// Those of [`SamplerConfig::validate`].
    pub fn new(dataset: &Dataset, config: &SamplerConfig, seed: u64, epoch: u64) -> Result<Self> {
        config.validate()?;
        let kinds = |index: usize| dataset.sample(index).kind;
        Ok(Self::of_groups(dataset.groups(), kinds, config, seed, epoch))
    }

    /// Each sample once, in the dataset's order.
    ///
    /// # Errors
    ///
    /// Those of [`SamplerConfig::validate`].
    pub fn in_order(dataset: &Dataset, config: &SamplerConfig) -> Result<Self> {
        config.validate()?;
        let draws: Vec<Draw> = (0..dataset.len()).map(|index| Draw { index, number: 0 }).collect();
        Ok(Self { batches: draws.chunks(config.batch_size).map(<[Draw]>::to_vec).collect() })
    }

    /// The batches.
    pub fn batches(&self) -> &[Vec<Draw>] {
        &self.batches
    }

    /// Number of batches.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether there is no batch.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    fn of_groups(
        groups: &[u32],
        kinds: impl Fn(usize) -> Kind,
        config: &SamplerConfig,
        seed: u64,
        epoch: u64,
    ) -> Self {
        let mut rng = generator(Purpose::Plan, &[seed, epoch]);
        let names = rows_of_names(groups, config, &mut rng);
        let (mut full, mut last) = (Vec::new(), Vec::new());
        for (kind, mut names) in pools(names, kinds, config.one_kind, &mut rng) {
            if kind.is_some() && config.unique_names {
                names = parted(names, config.batch_size);
            }
            let batches = batches_of(names, config, &mut rng);
            let is_full = |batch: &Vec<Draw>| batch.len() == config.batch_size;
            let (of_size, shorter): (Vec<_>, Vec<_>) = batches.into_iter().partition(is_full);
            full.extend(of_size);
            last.extend(shorter);
        }
        full.shuffle(&mut rng);
        if !config.drop_last {
            full.extend(last);
        }
        full.iter_mut().for_each(|batch| batch.shuffle(&mut rng));
        Self { batches: full }
    }
}

/// The rows of each name, those that go into batches of one kind apart.
fn pools<R: Rng>(
    names: Vec<Vec<Draw>>,
    kinds: impl Fn(usize) -> Kind,
    share: f64,
    rng: &mut R,
) -> BTreeMap<Option<Kind>, Vec<Vec<Draw>>> {
    if share == 0.0 {
        return BTreeMap::from([(None, names)]);
    }
    let mut pools: BTreeMap<Option<Kind>, Vec<Vec<Draw>>> = BTreeMap::new();
    for rows in names {
        let mut parts: BTreeMap<Option<Kind>, Vec<Draw>> = BTreeMap::new();
        for row in rows {
            let kind = (rng.random::<f64>() < share).then(|| kinds(row.index));
            parts.entry(kind).or_default().push(row);
        }
        for (kind, rows) in parts {
            pools.entry(kind).or_default().push(rows);
        }
    }
    pools
}

/// Each name in as many parts as make a batch possible: all may stand in one batch.
fn parted(names: Vec<Vec<Draw>>, size: usize) -> Vec<Vec<Draw>> {
    let parts = size.div_ceil(names.len().max(1));
    if parts == 1 {
        return names;
    }
    let part = |rows: Vec<Draw>| {
        let length = rows.len().div_ceil(parts).max(1);
        rows.chunks(length).map(<[Draw]>::to_vec).collect::<Vec<_>>()
    };
    names.into_iter().flat_map(part).collect()
}

/// Batches of rows, those that are not full last.
fn batches_of<R: Rng>(
    mut names: Vec<Vec<Draw>>,
    config: &SamplerConfig,
    rng: &mut R,
) -> Vec<Vec<Draw>> {
    let size = config.batch_size;
    if !config.unique_names {
        let mut rows = names.concat();
        rows.shuffle(rng);
        return rows.chunks(size).map(<[Draw]>::to_vec).collect();
    }
    names.shuffle(rng);
    let full = full_batches(&names, size);
    let (mut batches, rest) = deal(names, full, size);
    let rows: usize = rest.iter().map(Vec::len).sum();
    let most = rest.iter().map(Vec::len).max().unwrap_or(0);
    let (last, _) = deal(rest, most.max(rows.div_ceil(size)), size);
    batches.extend(last);
    batches
}

/// The rows of each name, in random order, between floor and cap.
fn rows_of_names<R: Rng>(groups: &[u32], config: &SamplerConfig, rng: &mut R) -> Vec<Vec<Draw>> {
    let count = groups.iter().max().map_or(0, |last| *last as usize + 1);
    let mut names = vec![Vec::new(); count];
    for (index, group) in groups.iter().enumerate() {
        names[*group as usize].push(Draw { index, number: 0 });
    }
    let cap = if config.class_cap == 0 { usize::MAX } else { config.class_cap };
    for rows in &mut names {
        rows.shuffle(rng);
        rows.truncate(cap);
        let own = rows.len();
        if own > 0 {
            for row in own..config.class_floor.min(cap) {
                let number = (row / own) as u32;
                rows.push(Draw { number, ..rows[row % own] });
            }
        }
    }
    names
}

/// The most batches of `size` rows that can be filled with unique names.
fn full_batches(names: &[Vec<Draw>], size: usize) -> usize {
    let fills = |batches: usize| {
        let rows: usize = names.iter().map(|rows| rows.len().min(batches)).sum();
        rows >= batches * size
    };
    let rows: usize = names.iter().map(Vec::len).sum();
    // If `t` batches can be filled, fewer can: the rows a name adds with each batch only fall.
    let (mut can, mut cannot) = (0, rows / size + 1);
    while cannot - can > 1 {
        let middle = can + (cannot - can) / 2;
        if fills(middle) { can = middle } else { cannot = middle }
    }
    can
}

/// Deals at most `batches` rows of each name to batches of at most `size`, and what is left over,
/// by name.
fn deal(names: Vec<Vec<Draw>>, batches: usize, size: usize) -> (Vec<Vec<Draw>>, Vec<Vec<Draw>>) {
    let mut dealt = vec![Vec::with_capacity(size); batches];
    let mut rest = Vec::new();
    let mut turn = 0;
    for mut rows in names {
        let mut over = rows.split_off(rows.len().min(batches));
        for row in rows {
            let batch: &mut Vec<Draw> = &mut dealt[turn % batches];
            if batch.len() < size {
                batch.push(row)
            } else {
                over.push(row)
            }
            turn += 1;
        }
        if !over.is_empty() {
            rest.push(over);
        }
    }
    (dealt, rest)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// `sizes[g]` samples of group `g`.
    fn groups(sizes: &[usize]) -> Vec<u32> {
        let of = |(group, size): (usize, &usize)| std::iter::repeat_n(group as u32, *size);
        sizes.iter().enumerate().flat_map(of).collect()
    }

    fn plan(groups: &[u32], config: &SamplerConfig, epoch: u64) -> Vec<Vec<Draw>> {
        let plan = EpochPlan::of_groups(groups, |_| Kind::Other, config, 7, epoch).batches;
        for batch in &plan {
            assert!(!batch.is_empty() && batch.len() <= config.batch_size);
            let names: HashSet<u32> = batch.iter().map(|draw| groups[draw.index]).collect();
            assert!(!config.unique_names || names.len() == batch.len(), "a name comes twice");
        }
        let draws: HashSet<&Draw> = plan.iter().flatten().collect();
        assert_eq!(draws.len(), plan.iter().flatten().count(), "a draw comes twice");
        plan
    }

    fn all(batch_size: usize) -> SamplerConfig {
        SamplerConfig { batch_size, drop_last: false, ..SamplerConfig::default() }
    }

    /// The most full batches: always take the names with the most rows left.
    fn most_full(sizes: &[usize], batch: usize) -> usize {
        let mut left = sizes.to_vec();
        for full in 0.. {
            left.sort_unstable_by(|a, b| b.cmp(a));
            if batch > left.len() || left[batch - 1] == 0 {
                return full;
            }
            left[..batch].iter_mut().for_each(|rows| *rows -= 1);
        }
        unreachable!()
    }

    #[test]
    fn every_sample_comes_once_and_batches_are_as_full_as_can_be() {
        let check = |sizes: &[usize], batch: usize| {
            let groups = groups(sizes);
            for epoch in 0..3 {
                let plan = plan(&groups, &all(batch), epoch);
                let mut seen: Vec<usize> = plan.iter().flatten().map(|draw| draw.index).collect();
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..groups.len()), "{sizes:?} by {batch}");
                let full = plan.iter().take_while(|rows| rows.len() == batch).count();
                assert!(full >= most_full(sizes, batch), "{full} of {sizes:?} by {batch}");
            }
        };
        check(&[1; 100], 32);
        check(&[50, 20, 10, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1], 4);
        check(&[9, 9, 9], 3);
        check(&[9, 1, 1], 3);
        check(&[12], 4);
        check(&[3, 2], 8);
        check(&[1], 1);
        check(&[], 4);
        let many: Vec<usize> = (0..200).map(|group| 1 + 400 / (group + 1)).collect();
        check(&many, 16);
        check(&many, 64);
    }

    #[test]
    fn the_cap_takes_other_rows_each_epoch() {
        let groups = groups(&[100, 3, 3, 3]);
        let config = SamplerConfig { class_cap: 5, ..all(2) };
        let of_first = |epoch| -> HashSet<usize> {
            let plan = plan(&groups, &config, epoch);
            plan.iter().flatten().map(|draw| draw.index).filter(|index| *index < 100).collect()
        };
        let (first, second) = (of_first(0), of_first(1));
        assert_eq!((first.len(), second.len()), (5, 5));
        assert_ne!(first, second);
    }

    #[test]
    fn the_floor_repeats_rare_names() {
        let groups = groups(&[1, 2, 9]);
        let config = SamplerConfig { class_floor: 5, class_cap: 4, ..all(3) };
        let mut counts: HashMap<u32, Vec<u32>> = HashMap::new();
        for draw in plan(&groups, &config, 0).iter().flatten() {
            counts.entry(groups[draw.index]).or_default().push(draw.number);
        }
        counts.values_mut().for_each(|numbers| numbers.sort_unstable());
        assert_eq!(counts[&0], [0, 1, 2, 3]);
        assert_eq!(counts[&1], [0, 0, 1, 1]);
        assert_eq!(counts[&2], [0; 4]);
    }

    #[test]
    fn seed_and_epoch_decide() {
        let groups = groups(&[40; 10]);
        let make =
            |seed, epoch| EpochPlan::of_groups(&groups, |_| Kind::Other, &all(8), seed, epoch);
        assert_eq!(make(1, 2), make(1, 2));
        assert_ne!(make(1, 2), make(1, 3));
        assert_ne!(make(1, 2), make(2, 2));
    }

    #[test]
    fn only_full_batches_stay_where_asked() {
        let groups = groups(&[30, 1, 1, 1, 1]);
        let config = SamplerConfig { batch_size: 2, ..SamplerConfig::default() };
        let sizes: Vec<usize> = plan(&groups, &config, 0).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2; 4]);
        let config = SamplerConfig { unique_names: false, batch_size: 4, ..config };
        assert_eq!(plan(&groups, &config, 0).len(), 34 / 4);
    }

    #[test]
    fn a_share_of_the_rows_comes_in_batches_of_one_kind() {
        // Photographs have few names with many rows, emoji many with few.
        let photos = groups(&[60; 10]);
        let emoji: Vec<u32> = groups(&[3; 300]).into_iter().map(|group| group + 10).collect();
        let groups = [photos, emoji].concat();
        let kinds = |index: usize| if index < 600 { Kind::Photo } else { Kind::Emoji };
        let config = SamplerConfig { one_kind: 0.5, ..all(32) };
        let plan = EpochPlan::of_groups(&groups, kinds, &config, 7, 0).batches;
        let mut seen: Vec<usize> = plan.iter().flatten().map(|draw| draw.index).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..groups.len()), "each row comes once");
        let mut rows_of_one_kind = 0;
        for batch in plan.iter().filter(|batch| batch.len() == 32) {
            let photos = batch.iter().filter(|draw| draw.index < 600).count();
            let mut counts: HashMap<u32, usize> = HashMap::new();
            for draw in batch {
                *counts.entry(groups[draw.index]).or_default() += 1;
            }
            let most = *counts.values().max().unwrap();
            match photos {
                // Ten names for 32 rows: four times each at most.
                32 => assert!(most <= 4, "{most}"),
                _ => assert_eq!(most, 1),
            }
            rows_of_one_kind += if photos % 32 == 0 { 32 } else { 0 };
        }
        let share = f64::from(rows_of_one_kind) / groups.len() as f64;
        assert!((0.4..0.6).contains(&share), "{share}");
        let plan =
            EpochPlan::of_groups(&groups, kinds, &SamplerConfig { one_kind: 1.0, ..config }, 7, 0);
        let mixed = |batch: &&Vec<Draw>| {
            let photos = batch.iter().filter(|draw| draw.index < 600).count();
            photos > 0 && photos < batch.len()
        };
        assert_eq!(plan.batches.iter().find(mixed), None);
    }

    #[test]
    fn a_batch_of_nothing_is_refused() {
        let config = SamplerConfig { batch_size: 0, ..SamplerConfig::default() };
        assert!(config.validate().unwrap_err().to_string().contains("batch_size"));
    }
}
