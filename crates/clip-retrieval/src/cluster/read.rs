//! Questions that are not searches.
//!
//! An answer has up to 4 MiB, and the servers of 2.3 give rows in no order that one could go on from.
//! So what may be more is asked for by parts of the keys, several at a time.

use std::thread;

use milvus::v2::error::Error as Sdk;
use milvus::v2::prelude::{ConsistencyLevel, QueryRequest, QueryResponse, ResultRow};

use super::collection::Collection;
use super::key::Range;
use super::options::Consistency;
use super::schema::field;
use super::wording::all;
use crate::{Error, Result};

/// Bytes of an answer that are asked for: far enough from 4 MiB for rows that are longer than most.
pub(super) const PAGE: usize = 1 << 20;

/// Bytes of most rows, without the vector.
pub(super) const ROW: usize = 400;

/// Parts that are asked for at once: each waits more than it works.
const AT_ONCE: usize = 8;

/// What the questions are about.
const ACTION: &str = "answer what is stored";

/// Which fields of which rows.
pub(super) struct Ask<'a> {
    pub(super) fields: &'a [&'a str],
    pub(super) partitions: &'a [&'a str],
    /// Of the rows; empty for all.
    pub(super) condition: &'a str,
    pub(super) level: ConsistencyLevel,
}

impl Collection {
    /// What the address says about how fresh an answer has to be.
    pub(super) fn level(&self) -> ConsistencyLevel {
        match self.address().consistency() {
            Consistency::Strong => ConsistencyLevel::Strong,
            Consistency::Session => ConsistencyLevel::Session,
            Consistency::Bounded => ConsistencyLevel::Bounded,
            Consistency::Eventually => ConsistencyLevel::Eventually,
        }
    }

    /// Number of rows.
    pub(super) fn count_rows(&self, ask: &Ask<'_>) -> Result<usize> {
        let condition = all(&[&Range::ALL.condition(), ask.condition]);
        let ask = Ask { fields: &["count(*)"], ..*ask };
        let answer = self.query(&ask, &condition)?;
        let count = self.read(&answer, |row| row.get_i64("count(*)"))?;
        Ok(count.first().map_or(0, |count| *count as usize))
    }

    /// The rows, by key. `bytes` is what most of them have.
    pub(super) fn rows<T: Send>(
        &self,
        ask: &Ask<'_>,
        bytes: usize,
        read: impl Fn(&ResultRow<'_>) -> Result<T, Sdk> + Sync,
    ) -> Result<Vec<T>> {
        // Most answers are one page: one more row than that, and they are not.
        let few = PAGE / bytes;
        if let Some(rows) = self.page(Range::ALL, ask, Some(few + 1), &read)?
            && rows.len() <= few
        {
            return Ok(sorted(rows));
        }
        let count = self.count_rows(ask)?;
        self.rows_within(Range::ALL, ask, count * bytes, read)
    }

    /// As [`Self::rows`], of some keys. `bytes` is what all of them have, about.
    pub(super) fn rows_within<T: Send>(
        &self,
        range: Range,
        ask: &Ask<'_>,
        bytes: usize,
        read: impl Fn(&ResultRow<'_>) -> Result<T, Sdk> + Sync,
    ) -> Result<Vec<T>> {
        let ranges = range.split(bytes.div_ceil(PAGE) as u64);
        let shares = ranges.chunks(ranges.len().div_ceil(AT_ONCE));
        let read = &read;
        let parts: Vec<Result<Vec<_>>> = thread::scope(|scope| {
            let readers: Vec<_> =
                shares.map(|share| scope.spawn(move || self.pages(share, ask, read))).collect();
            let join = |reader: thread::ScopedJoinHandle<'_, _>| {
                reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            readers.into_iter().map(join).collect()
        });
        let mut rows = Vec::new();
        for part in parts {
            rows.extend(part?);
        }
        Ok(sorted(rows))
    }

    /// Rows with their keys, of some parts.
    fn pages<T>(
        &self,
        ranges: &[Range],
        ask: &Ask<'_>,
        read: impl Fn(&ResultRow<'_>) -> Result<T, Sdk>,
    ) -> Result<Vec<(String, T)>> {
        let mut left = ranges.to_vec();
        let mut rows = Vec::new();
        while let Some(range) = left.pop() {
            match self.page(range, ask, None, &read)? {
                Some(page) => rows.extend(page),
                None if range.is_divisible() => left.extend(range.split(2)),
                None => return Err(self.too_large()),
            }
        }
        Ok(rows)
    }

    /// Rows with their keys, of one part; nothing where they are more than a message may be.
    fn page<T>(
        &self,
        range: Range,
        ask: &Ask<'_>,
        limit: Option<usize>,
        read: impl Fn(&ResultRow<'_>) -> Result<T, Sdk>,
    ) -> Result<Option<Vec<(String, T)>>> {
        let fields: Vec<&str> = ask.fields.iter().chain([&field::KEY]).copied().collect();
        let ask = Ask { fields: &fields, ..*ask };
        let condition = all(&[&range.condition(), ask.condition]);
        let answer = self.try_query(&ask, &condition, limit)?;
        let with_key = |row: &ResultRow<'_>| Ok((row.get_str(field::KEY)?.to_owned(), read(row)?));
        answer.map(|answer| self.read(&answer, with_key)).transpose()
    }

    /// The first row of those that pass, whichever that is.
    pub(super) fn first<T>(
        &self,
        ask: &Ask<'_>,
        read: impl Fn(&ResultRow<'_>) -> Result<T, Sdk>,
    ) -> Result<Option<T>> {
        let answer = self.query(ask, ask.condition)?;
        Ok(self.read(&answer, read)?.into_iter().next())
    }

    fn query(&self, ask: &Ask<'_>, condition: &str) -> Result<QueryResponse> {
        self.try_query(ask, condition, None)?.ok_or_else(|| self.too_large())
    }

    fn too_large(&self) -> Error {
        self.client.refused(ACTION, "a row is larger than a message may be")
    }

    /// Nothing where the answer is larger than a message may be.
    fn try_query(
        &self,
        ask: &Ask<'_>,
        condition: &str,
        limit: Option<usize>,
    ) -> Result<Option<QueryResponse>> {
        self.client.try_call(ACTION, |sdk| async move {
            let mut request = QueryRequest::builder()
                .collection_name(self.name())
                .partition_names(ask.partitions.iter().copied())
                .filter(condition)
                .output_fields(ask.fields.iter().copied())
                .consistency_level(ask.level);
            if let Some(limit) = limit {
                request = request.limit(limit as i64);
            }
            sdk.query(request.build()?).await
        })
    }

    fn read<T>(
        &self,
        answer: &QueryResponse,
        read: impl Fn(&ResultRow<'_>) -> Result<T, Sdk>,
    ) -> Result<Vec<T>> {
        let rows = || answer.results().rows()?.map(|row| read(&row)).collect();
        self.client.read(ACTION, rows())
    }
}

/// By key.
fn sorted<T>(mut rows: Vec<(String, T)>) -> Vec<T> {
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter().map(|(_, row)| row).collect()
}
