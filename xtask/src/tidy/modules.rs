//! The modules of a crate and what each mentions of the others, as far as its sources tell without a compiler.
//!
//! Names are followed through `use` to the file that defines them, so that `super::Thing` leads to the file of `Thing`
//! and not to the parent that re-exports it. Tests are left out: they may use everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::{Attribute, Item, UseTree, Visibility};

use super::mentions;

/// The modules of one crate; the first is its root.
#[derive(Debug, Default)]
pub(super) struct Modules {
    modules: Vec<Module>,
    /// The files, in the order in which they were met.
    pub(super) files: Vec<PathBuf>,
}

/// A file that mentions another, and by which name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) name: String,
}

#[derive(Debug)]
struct Module {
    file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What is defined here, but for modules.
    items: BTreeSet<String>,
    /// What `use` brings in, by the name that it has here.
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// What the code mentions. What is only re-exported is not among it.
    mentioned: Vec<Vec<String>>,
}

/// How often names are followed through `use`; a limit, because globs may lead in circles.
const HOPS: usize = 16;

impl Modules {
    /// Reads the crate whose root is the file `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(Path::new(""));
        modules.add_file(root, folder, None)?;
        Ok(modules)
    }

    /// Adds a file whose submodules lie in `folder`, and these; returns the module.
    fn add_file(&mut self, path: &Path, folder: &Path, parent: Option<usize>) -> Result<usize> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let parsed =
            syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))?;
        self.files.push(path.to_owned());
        self.add_module(parsed.items, self.files.len() - 1, folder, parent)
    }

    fn add_module(
        &mut self,
        items: Vec<Item>,
        file: usize,
        folder: &Path,
        parent: Option<usize>,
    ) -> Result<usize> {
        let this = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            mentioned: Vec::new(),
        });
        for item in items {
            match item {
                Item::Mod(module) if is_for_tests(&module.attrs) => {}
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let below = folder.join(&name);
                    let child = match module.content {
                        Some((_, items)) => self.add_module(items, file, &below, Some(this))?,
                        None => {
                            let beside = folder.join(format!("{name}.rs"));
                            let path = if beside.is_file() { beside } else { below.join("mod.rs") };
                            self.add_file(&path, &below, Some(this))?
                        }
                    };
                    self.modules[this].children.insert(name, child);
                }
                Item::Use(item) if is_for_tests(&item.attrs) => {}
                Item::Use(item) => {
                    let private = matches!(item.vis, Visibility::Inherited);
                    self.modules[this].import(&item.tree, &mut Vec::new(), private);
                }
                other => self.modules[this].define(&other),
            }
        }
        Ok(this)
    }

    /// Whether one of the files is of a module above that of the other.
    pub(super) fn is_above(&self, above: usize, below: usize) -> bool {
        let module = self.modules.iter().find(|module| module.file == below);
        let mut parent = module.and_then(|module| module.parent);
        while let Some(at) = parent {
            if self.modules[at].file == above {
                return true;
            }
            parent = self.modules[at].parent;
        }
        false
    }

    /// What each file mentions of others.
    pub(super) fn mentions(&self) -> BTreeSet<Mention> {
        let all = self.modules.iter().enumerate();
        let found = all.flat_map(|(at, module)| {
            module.mentioned.iter().filter_map(move |path| {
                let (to, from) = (self.resolve(at, path, HOPS)?, module.file);
                let name = path.last()?.clone();
                (to != from).then_some(Mention { from, to, name })
            })
        });
        found.collect()
    }

    /// The file that defines what a path leads to, seen from a module; none where that is another crate.
    fn resolve(&self, from: usize, path: &[String], hops: usize) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        match &**first {
            "crate" => self.descend(0, rest, hops),
            "self" => self.descend(from, rest, hops),
            "super" => self.descend(self.modules[from].parent?, rest, hops),
            _ => self.knows(from, first, hops).then(|| self.descend(from, path, hops))?,
        }
    }

    fn descend(&self, module: usize, path: &[String], hops: usize) -> Option<usize> {
        let here = &self.modules[module];
        let Some((first, rest)) = path.split_first() else { return Some(here.file) };
        if first == "super" {
            return self.descend(here.parent?, rest, hops);
        }
        if let Some(&child) = here.children.get(first) {
            return self.descend(child, rest, hops);
        }
        let hops = hops.checked_sub(1)?;
        if here.items.contains(first) {
            return Some(here.file);
        }
        if let Some(import) = here.imports.get(first) {
            let path = [import, rest].concat();
            return self.resolve(module, &path, hops);
        }
        let globs = here.globs.iter().filter_map(|glob| self.module(module, glob, hops));
        let mut knowing = globs.filter(|&glob| self.knows(glob, first, hops));
        match knowing.next() {
            Some(glob) => self.descend(glob, path, hops),
            // What a macro has defined.
            None => Some(here.file),
        }
    }

    /// Whether a module defines a name or brings it in.
    fn knows(&self, module: usize, name: &str, hops: usize) -> bool {
        let here = &self.modules[module];
        if here.items.contains(name) || here.children.contains_key(name) {
            return true;
        }
        // `use name;` brings in another crate.
        if here.imports.get(name).is_some_and(|import| import[0] != name) {
            return true;
        }
        let Some(hops) = hops.checked_sub(1) else { return false };
        let mut globs = here.globs.iter().filter_map(|glob| self.module(module, glob, hops));
        globs.any(|glob| glob != module && self.knows(glob, name, hops))
    }

    /// The module that a path leads to.
    fn module(&self, from: usize, path: &[String], hops: usize) -> Option<usize> {
        let file = self.resolve(from, path, hops)?;
        self.modules.iter().position(|module| module.file == file)
    }
}

impl Module {
    /// Takes a tree of `use` apart. What is private is mentioned by the module itself.
    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>, private: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, private);
                before.pop();
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let end = (name != "self").then(|| name.clone());
                let path: Vec<_> = before.iter().cloned().chain(end).collect();
                self.bring(path.last().cloned().unwrap_or(name), path, private);
            }
            UseTree::Rename(rename) => {
                let path = before.iter().cloned().chain([rename.ident.to_string()]).collect();
                self.bring(rename.rename.to_string(), path, private);
            }
            UseTree::Glob(_) => {
                self.globs.push(before.clone());
                if private {
                    self.mentioned.push(before.clone());
                }
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, private);
                }
            }
        }
    }

    fn bring(&mut self, name: String, path: Vec<String>, private: bool) {
        if private {
            self.mentioned.push(path.clone());
        }
        self.imports.insert(name, path);
    }

    fn define(&mut self, item: &Item) {
        let (ident, attributes) = match item {
            Item::Const(item) => (Some(&item.ident), &item.attrs),
            Item::Enum(item) => (Some(&item.ident), &item.attrs),
            Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
            Item::Impl(item) => (None, &item.attrs),
            Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
            Item::Static(item) => (Some(&item.ident), &item.attrs),
            Item::Struct(item) => (Some(&item.ident), &item.attrs),
            Item::Trait(item) => (Some(&item.ident), &item.attrs),
            Item::Type(item) => (Some(&item.ident), &item.attrs),
            Item::Union(item) => (Some(&item.ident), &item.attrs),
            _ => return,
        };
        if !is_for_tests(attributes) {
            self.items.extend(ident.map(ToString::to_string));
            mentions::collect(item, &mut self.mentioned);
        }
    }
}

/// `#[test]`, or `#[cfg(test)]` in any form but `not(test)`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            let words = list.tokens.to_string();
            words.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "test")
                && !words.contains("not")
        }
        _ => false,
    })
}
