//! No circle of files inside a crate: whoever reads one file of it needs all.
//!
//! A module and those below it may use each other: what belongs to all of them stands in the parent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::Result;

use super::modules::{Mention, Modules};
use crate::workspace::Crate;

/// One line for each circle: which file uses what of the next, until the first is reached again. Of circles that
/// share a file one is told.
pub(crate) fn check(root: &Path, crates: &[Crate]) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let targets = crates.iter().flat_map(|member| &member.targets);
    for target in targets.filter(|target| target.is_shipped()) {
        broken.extend(search(root, &Modules::read(&target.source)?));
    }
    Ok(broken)
}

fn search(root: &Path, modules: &Modules) -> Vec<String> {
    let mut uses: BTreeMap<usize, BTreeMap<usize, String>> = BTreeMap::new();
    for Mention { from, to, name } in modules.mentions() {
        if !modules.is_above(to, from) {
            uses.entry(from).or_default().entry(to).or_insert(name);
        }
    }
    let shown = |file: usize| {
        let file = &modules.files[file];
        file.strip_prefix(root).unwrap_or(file).display().to_string()
    };
    let mut told = BTreeSet::new();
    let mut broken = Vec::new();
    for &start in uses.keys() {
        // Whoever is in a circle that was told is told again when that one is open.
        let Some(circle) = shortest(&uses, start) else { continue };
        if circle.iter().any(|file| told.contains(file)) {
            continue;
        }
        told.extend(circle.iter().copied());
        let next = circle.iter().cycle().skip(1);
        let steps: Vec<_> = circle
            .iter()
            .zip(next)
            .map(|(from, to)| format!("{} uses {} of {}", shown(*from), uses[from][to], shown(*to)))
            .collect();
        broken.push(format!(
            "circles: {}: move what they share to a file that both may use",
            steps.join(", ")
        ));
    }
    broken
}

/// The fewest files that lead from one back to itself.
fn shortest(uses: &BTreeMap<usize, BTreeMap<usize, String>>, start: usize) -> Option<Vec<usize>> {
    let mut before = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(at) = waiting.pop_front() {
        for &next in uses.get(&at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut circle = vec![at];
                while let Some(&from) = before.get(circle.last()?) {
                    circle.push(from);
                }
                circle.reverse();
                return Some(circle);
            }
            before.entry(next).or_insert_with(|| {
                waiting.push_back(next);
                at
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The circles of a crate whose files are `(path below src, text)`.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        search(root.path(), &Modules::read(&root.path().join("lib.rs")).unwrap())
    }

    #[test]
    fn a_circle_is_told_as_a_path() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "use std::fmt; use super::{c::{C, D}}; pub struct B(C);"),
            ("c.rs", "pub struct C; pub struct D; fn f() -> usize { size_of::<crate::a::A>() }"),
        ]);
        assert_eq!(
            found,
            ["circles: a.rs uses B of b.rs, b.rs uses C of c.rs, c.rs uses A of a.rs: \
              move what they share to a file that both may use"]
        );
    }

    #[test]
    fn a_module_and_those_below_it_may_use_each_other() {
        let files = [
            ("lib.rs", "mod a; pub use a::A; pub struct Error;"),
            ("a.rs", "mod x; mod y; use x::X; pub struct A(X, y::Y); pub const SIZE: usize = 1;"),
            ("a/x.rs", "use super::{A, SIZE}; use crate::Error; pub struct X;"),
            ("a/y.rs", "use super::x::X; pub struct Y(X, super::super::Error);"),
        ];
        assert_eq!(circles(&files), [""; 0]);
        // Not so through a third file.
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod x; pub fn a() { x::x() }"),
            ("a/x.rs", "pub fn x() { crate::b::b() }"),
            ("b.rs", "use crate::a::a; pub fn b() { a() }"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("a.rs uses x of a/x.rs, a/x.rs uses b of b.rs, b.rs"),
            "{found:?}"
        );
    }

    /// The parent that re-exports both is not what they use.
    #[test]
    fn names_are_followed_to_where_they_are_defined() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use a::*; pub use b::B as Other;"),
            ("a/mod.rs", "pub struct A; impl A { fn other(_: &crate::Other) {} }"),
            (
                "b.rs",
                "pub struct B; pub type Text = String; fn a() { println!(\"{:?}\", crate::A) }",
            ),
        ];
        let found = circles(&files);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("b.rs uses A of a/mod.rs"), "{found:?}");
        let one_way = [files[0], files[1], ("b.rs", "pub struct B;")];
        assert_eq!(circles(&one_way), [""; 0]);
    }

    #[test]
    fn tests_may_use_everything() {
        let tests = "pub struct B; #[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] use crate::a::A;";
        assert_eq!(
            circles(&[
                ("lib.rs", "mod a; mod b; #[cfg(test)] mod absent;"),
                ("a.rs", "pub struct A(crate::b::B);"),
                ("b.rs", tests),
            ]),
            [""; 0]
        );
    }
}
