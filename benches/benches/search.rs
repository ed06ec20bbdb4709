//! How long does an exact search over a library in memory take?

use clip_benches::unit_vectors;
use clip_retrieval::{Item, Library};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const WIDTH: usize = 512;

fn search(c: &mut Criterion) {
    let mut group = c.benchmark_group("top 10");
    for rows in [10_000, 100_000] {
        let vectors = unit_vectors(rows + 1, WIDTH);
        let mut rows_of = vectors.chunks(WIDTH);
        let query = rows_of.next().expect("a row");
        let mut library = Library::new("bench", "bench", WIDTH);
        for (i, vector) in rows_of.enumerate() {
            library
                .upsert(Item::picture(format!("/{i}.jpg"), None), vector)
                .expect("a unit vector");
        }
        group.throughput(Throughput::Bytes((rows * WIDTH * size_of::<f32>()) as u64));
        group.bench_function(format!("{rows}x{WIDTH}"), |b| {
            b.iter(|| library.search(query, 10, |_| true).expect("a query of that width").len());
        });
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
