//! What a cluster does when something is wrong, and what only a cluster does.
#![cfg(feature = "milvus")]

#[path = "../common/collection.rs"]
mod collection;
mod proxy;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use clip_retrieval::{Address, Cluster, Error, Filter, Item, PathGlob, Store};
use clip_testkit::Random;
use collection::Collection;
use proxy::Proxy;

fn open(address: &Address) -> Cluster {
    Cluster::open_or_create(address, "1", "tiny", 2).unwrap()
}

/// A collection of one item, and the way to it through a proxy.
fn behind_proxy(collection: &Collection, options: &str) -> (Proxy, Cluster) {
    let direct = collection.address("");
    put(&open(&direct), 1);
    let text = direct.to_string();
    let (scheme, rest) = text.split_once("://").unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let proxy = Proxy::new(server);
    let address = format!("{scheme}://{}/{name}?{options}", proxy.address());
    let address: Address = address.parse().unwrap();
    let cluster = Cluster::open(&address.with_environment()).unwrap();
    (proxy, cluster)
}

/// Stores so many items.
fn put(cluster: &Cluster, count: usize) {
    let mut writer = cluster.writer().unwrap();
    for i in 0..count {
        writer.upsert(&Item::text(i.to_string()), &[1.0, 0.0]).unwrap();
    }
    writer.commit().unwrap();
}

#[test]
fn where_no_server_is_that_is_said_at_once() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (scheme, tls) in [("milvus", "without TLS"), ("milvus+tls", "with TLS")] {
        let started = Instant::now();
        let address: Address = format!("{scheme}://127.0.0.1:{port}/a").parse().unwrap();
        let error = Cluster::open(&address).err().unwrap();
        assert!(started.elapsed() < Duration::from_secs(5));
        let expected = format!("no Milvus server answers at 127.0.0.1:{port} {tls} (");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

/// Something that listens and is no Milvus.
#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("milvus://{}/a", listener.local_addr().unwrap());
    let started = Instant::now();
    let error = Cluster::open(&address.parse().unwrap()).err().unwrap();
    assert!(matches!(error, Error::NoServer { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_host_that_has_no_name_is_said() {
    let address: Address = "milvus://no.such.host.invalid/a".parse().unwrap();
    let error = Cluster::open(&address).err().unwrap();
    assert!(matches!(error, Error::NoServer { .. }), "{error}");
}

/// With TLS where the server has none, or without where it has.
#[test]
fn the_wrong_kind_of_connection_is_said() {
    let Some(collection) = Collection::new("this") else { return };
    let right = collection.address("").to_string();
    let (wrong, tls) = match right.strip_prefix("milvus://") {
        Some(rest) => (format!("milvus+tls://{rest}"), "with TLS"),
        None => (right.replacen("milvus+tls", "milvus", 1), "without TLS"),
    };
    let error = Cluster::open(&wrong.parse().unwrap()).err().unwrap();
    assert!(matches!(error, Error::NoServer { .. }), "{error}");
    assert!(error.to_string().contains(tls), "{error}");
}

#[test]
fn a_collection_that_is_not_there_is_no_library() {
    let Some(collection) = Collection::new("this") else { return };
    let error = Cluster::open(&collection.address("")).err().unwrap();
    assert!(matches!(error, Error::NoLibrary { .. }), "{error}");
}

/// Wherever the connection breaks, everything arrives, and each item once.
#[test]
fn a_connection_that_breaks_halfway_is_made_again() {
    let Some(collection) = Collection::new("this") else { return };
    let (proxy, cluster) = behind_proxy(&collection, "");
    for bytes in [0, 1, 10_000, 30_000, 100_000] {
        let before = proxy.broken();
        proxy.break_after(bytes);
        put(&cluster, 2000);
        assert!(proxy.broken() > before, "after {bytes} bytes");
        assert_eq!(open(&collection.address("")).count().unwrap(), 2000);
    }
    let before = proxy.broken();
    proxy.break_after(1);
    assert_eq!(cluster.search(&[1.0, 0.0], 10, &Filter::default()).unwrap().len(), 10);
    assert!(proxy.broken() > before);
}

#[test]
fn a_server_that_went_away_is_waited_for_as_long_as_the_address_says() {
    let Some(collection) = Collection::new("this") else { return };
    let (proxy, cluster) = behind_proxy(&collection, "patience=2");
    proxy.go_down();
    let started = Instant::now();
    let error = cluster.count().err().unwrap();
    assert!(matches!(error, Error::Unavailable { seconds: 2, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
    let mut writer = cluster.writer().unwrap();
    writer.upsert(&Item::text("lost"), &[1.0, 0.0]).unwrap();
    let error = writer.commit().err().unwrap();
    assert!(error.to_string().contains("could not store items within 2 s"), "{error}");
    drop(writer);
    assert_eq!(open(&collection.address("")).count().unwrap(), 1, "what was committed is there");
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let Some(collection) = Collection::new("this") else { return };
    let (proxy, cluster) = behind_proxy(&collection, "patience=2");
    proxy.fall_silent();
    let started = Instant::now();
    let error = cluster.count().err().unwrap();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_slow_connection_is_slow_and_no_error() {
    let Some(collection) = Collection::new("this") else { return };
    let (proxy, cluster) = behind_proxy(&collection, "");
    proxy.slow_down(Duration::from_millis(300));
    put(&cluster, 10);
    assert_eq!(cluster.count().unwrap(), 10);
}

/// The graph is not exact, and nearly so.
#[test]
fn the_graph_finds_nearly_all_of_the_nearest() {
    let Some(collection) = Collection::new("this") else { return };
    let (mut random, dimension, count) = (Random::new(1), 32, 4000);
    let mut unit = || {
        let vector = random.values(dimension);
        let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.into_iter().map(|v| v / norm).collect::<Vec<f32>>()
    };
    let address = collection.address("index=hnsw");
    let cluster = Cluster::open_or_create(&address, "1", "tiny", dimension).unwrap();
    let vectors: Vec<Vec<f32>> = (0..count).map(|_| unit()).collect();
    let mut writer = cluster.writer().unwrap();
    for (i, vector) in vectors.iter().enumerate() {
        writer.upsert(&Item::text(i.to_string()), vector).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let mut found = 0;
    for _ in 0..20 {
        let query = unit();
        let dot = |i: usize| vectors[i].iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
        let mut places: Vec<usize> = (0..count).collect();
        places.sort_by(|a, b| dot(*b).total_cmp(&dot(*a)));
        let hits = cluster.search(&query, 10, &Filter::default()).unwrap();
        let nearest: Vec<String> = places[..10].iter().map(|i| format!("text:{i}")).collect();
        found += hits.iter().filter(|hit| nearest.contains(&hit.item.id)).count();
    }
    assert!(found >= 190, "{found} of 200");
}

/// What fits is not among the 16,384 nearest, which is all that one question answers.
#[test]
fn a_pattern_finds_what_is_far_away() {
    let Some(collection) = Collection::new("this") else { return };
    let cluster = open(&collection.address("index=flat"));
    let mut writer = cluster.writer().unwrap();
    for i in 0..17_000 {
        writer.upsert(&Item::picture(format!("{i}.jpg"), None), &[1.0, 0.0]).unwrap();
    }
    writer.upsert(&Item::picture("far.gif", None), &[-1.0, 0.0]).unwrap();
    writer.upsert(&Item::picture("farther.gif", None), &[-0.6, 0.8]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let globs = vec![PathGlob::new("*.gif").unwrap()];
    let gifs = Filter { globs, ..Filter::default() };
    let hits = cluster.search(&[1.0, 0.0], 5, &gifs).unwrap();
    let paths: Vec<_> = hits.iter().filter_map(|hit| hit.item.path()?.to_str()).collect();
    assert_eq!(paths, ["farther.gif", "far.gif"]);
    assert_eq!(cluster.search(&[1.0, 0.0], 16_384, &Filter::default()).unwrap().len(), 16_384);
}

#[test]
fn more_than_a_cluster_answers_is_refused() {
    let Some(collection) = Collection::new("this") else { return };
    let cluster = open(&collection.address(""));
    let error = cluster.search(&[1.0, 0.0], 16_385, &Filter::default()).unwrap_err();
    assert!(matches!(error, Error::TooMany { asked: 16_385, limit: 16_384 }), "{error}");
}

/// Where the server knows users.
#[test]
fn a_wrong_password_is_refused() {
    let Some(collection) = Collection::new("this") else { return };
    if std::env::var_os("CLIP_MILVUS_TOKEN").is_none() {
        return;
    }
    let address = collection.address("").with_token("root:wrong");
    let error = Cluster::open(&address).err().unwrap();
    assert!(matches!(error, Error::Forbidden { .. }), "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");
}
