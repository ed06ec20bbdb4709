//! How long does an exact search over a library take?

use clip_benches::unit_vectors;
use clip_retrieval::{Filter, Item, Library, Precision, Store};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const WIDTH: usize = 512;

fn search(c: &mut Criterion) {
    let mut group = c.benchmark_group("top 10");
    for rows in [10_000, 100_000] {
        let vectors = unit_vectors(rows + 1, WIDTH);
        let mut rows_of = vectors.chunks(WIDTH);
        let query = rows_of.next().expect("a row");
        let folder = tempfile::tempdir().expect("a folder");
        let made = Library::open_or_create(folder.path(), "bench", "bench", WIDTH, Precision::F32);
        let library = made.expect("a new library");
        let mut writer = library.write().expect("a lock");
        for (i, vector) in rows_of.enumerate() {
            let item = Item::picture(format!("/{i}.jpg"), None);
            writer.upsert(&item, vector).expect("a unit vector");
        }
        writer.commit().and_then(|()| writer.compact()).expect("room on the disk");
        drop(writer);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(format!("{rows}x{WIDTH}"), |b| {
            b.iter(|| library.search(query, 10, &Filter::default()).expect("an answer").len());
        });
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
