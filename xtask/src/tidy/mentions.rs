//! The paths that a piece of code mentions, in its types, its expressions and the arguments of its macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemUse, Macro, Path, UseTree};

/// Adds the paths of an item.
pub(super) fn collect(item: &Item, paths: &mut Vec<Vec<String>>) {
    Mentions { paths }.visit_item(item);
}

struct Mentions<'a> {
    paths: &'a mut Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Mentions<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.paths.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.visit_tree(&item.tree, &mut Vec::new());
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.paths.push(call.path.segments.iter().map(|part| part.ident.to_string()).collect());
        self.visit_tokens(call.tokens.clone());
    }
}

impl Mentions<'_> {
    fn visit_tree(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        let end = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.visit_tree(&path.tree, before);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.visit_tree(tree, before));
            }
            UseTree::Name(name) => Some(name.ident.to_string()),
            UseTree::Rename(rename) => Some(rename.ident.to_string()),
            _ => None,
        };
        self.paths.push(before.iter().cloned().chain(end).collect());
    }

    /// Words that `::` joins, wherever they stand.
    fn visit_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    colons = 0;
                    self.visit_tokens(group.stream());
                }
                _ => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.paths.push(std::mem::take(path));
        }
    }
}
