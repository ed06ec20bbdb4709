//! The cluster as one of many kinds of [`Store`].

use std::sync::Arc;

use super::collection::{Cluster, Collection};
use super::key::{self, Range};
use super::read::{Ask, ROW};
use super::row::{self, FAILURE, FILE, ITEM, KEPT_TAGS, vector};
use super::schema::{FAILED, ITEMS, KEPT, field};
use super::wording::{all, condition, one_of, partitions};
use super::writer::Writer;
use crate::{
    Failure, Filter, Hit, Item, KeptTags, KnownFile, Modality, Result, SearchOptions, Snapshot,
    Store, StoreWriter,
};

impl Store for Cluster {
    fn fingerprint(&self) -> &str {
        &self.collection.kind.fingerprint
    }

    fn model_name(&self) -> &str {
        &self.collection.kind.model
    }

    fn dimension(&self) -> usize {
        self.collection.kind.dimension
    }

    fn place(&self) -> String {
        self.address().to_string()
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::clone(&self.collection) as Arc<dyn Snapshot>)
    }

    /// The cluster is asked each time.
    fn reload(&self) -> Result<()> {
        Ok(())
    }

    fn writer(&self) -> Result<Box<dyn StoreWriter>> {
        Ok(Box::new(Writer::new(self.collection.to_write())))
    }
}

impl Snapshot for Collection {
    fn fingerprint(&self) -> &str {
        &self.kind.fingerprint
    }

    fn model_name(&self) -> &str {
        &self.kind.model
    }

    fn dimension(&self) -> usize {
        self.kind.dimension
    }

    fn version(&self) -> Option<u64> {
        None
    }

    fn count(&self) -> Result<usize> {
        self.send()?;
        self.count_rows(&Ask { fields: &[], partitions: ITEMS, condition: "", level: self.level() })
    }

    fn search_all(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>> {
        self.send()?;
        self.nearest(queries, top, filter, options)
    }

    /// The first by key: keys are hashes, so these are spread over the store.
    fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>> {
        self.send()?;
        let ask = Ask {
            fields: &[field::VECTOR],
            partitions: &[modality.name()],
            condition: "",
            level: self.level(),
        };
        let there = self.count_rows(&ask)?;
        let wanted = count.min(there);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        // So many more that they are seldom too few.
        let mut likely = wanted as f64 * 1.1 + 3.0 * (wanted as f64).sqrt() + 1.0;
        loop {
            let part = (likely / there as f64).min(1.0);
            let range = Range { end: (Range::ALL.end as f64 * part) as u64, ..Range::ALL };
            let bytes = likely as usize * (4 * self.kind.dimension + ROW);

            let mut rows = self.rows_within(range, &ask, bytes, vector)?;
            if rows.len() >= wanted || range == Range::ALL {
                rows.truncate(wanted);
                return Ok(rows.concat());
            }
            likely *= 2.0;
        }
    }

    fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        self.send()?;
        let condition = condition(filter)?;
        let ask = Ask {
            fields: ITEM,
            partitions: &partitions(filter),
            condition: &condition,
            level: self.level(),
        };
        let mut items = self.rows(&ask, ROW, row::item)?;
        items.retain(|item| filter.takes(item.path()));
        Ok(items)
    }

    fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>> {
        self.send()?;
        let fields: Vec<&str> = ITEM.iter().chain([&field::VECTOR]).copied().collect();
        let condition = one_of(field::KEY, &key::of_items(id));
        let ask =
            Ask { fields: &fields, partitions: ITEMS, condition: &condition, level: self.level() };
        self.first(&ask, |row| Ok((row::item(row)?, vector(row)?)))
    }

    fn files(&self) -> Result<Vec<KnownFile>> {
        self.send()?;
        let condition = format!("{} == true", field::IS_FILE);
        let ask =
            Ask { fields: FILE, partitions: ITEMS, condition: &condition, level: self.level() };
        self.rows(&ask, ROW, row::file)
    }

    fn failures(&self) -> Result<Vec<Failure>> {
        self.send()?;
        let ask = Ask {
            fields: FAILURE,
            partitions: &[FAILED],
            condition: &all(&[]),
            level: self.level(),
        };
        self.rows(&ask, ROW, row::failure)
    }

    fn kept_tags(&self) -> Result<Vec<KeptTags>> {
        self.send()?;
        let (fields, level) = (KEPT_TAGS, self.level());
        let ask = Ask { fields, partitions: &[KEPT], condition: &all(&[]), level };
        self.rows(&ask, ROW, row::kept_tags)
    }
}
