//! Pages of tables, one for each kind of processor. A table is a block between two marks; all else on a
//! page is people's.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The block of a page.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// In the marks.
    pub(crate) name: &'a str,
    /// Of the section that is made where there is none.
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
}

/// Writes a block into the page of a kind of processor, which is made where it is missing, and brings
/// the list of pages up to date.
///
/// # Errors
///
/// Where a file cannot be read or written, or has half of a block's marks.
pub(crate) fn write(page: &Path, index: &Path, block: &Block<'_>) -> Result<()> {
    let kind = page.file_stem().unwrap_or_default().to_string_lossy();
    let folder = page.parent().context("a page lies in a folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let text = if page.exists() { read(page)? } else { head(&kind) };
    let text = place(&text, block).with_context(|| page.display().to_string())?;
    save(page, &text)?;

    let list = list(folder)?;
    let pages = Block { name: "pages", title: "Pages", text: &list };
    let text = place(&read(index)?, &pages).with_context(|| index.display().to_string())?;
    save(index, &text)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A new page.
fn head(kind: &str) -> String {
    format!(
        "# Benchmarks: `{kind}`\n\nOn processors whose highest instruction set is `{kind}`, or held down to it, \
         which a table's head says. [Benchmarks](../benchmarks.md) says what is measured and how.\n"
    )
}

/// One line for each page of the folder.
fn list(folder: &Path) -> Result<String> {
    let context = || format!("cannot read {}", folder.display());
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            kinds.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    kinds.sort();
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut lines = String::new();
    for kind in kinds {
        let _ = writeln!(lines, "- [`{kind}`]({name}/{kind}.md)");
    }
    Ok(lines)
}

/// Replaces the block of that name, or puts it at the end.
fn place(page: &str, block: &Block<'_>) -> Result<String> {
    let Block { name, title, text } = block;
    let (start, end) =
        (format!("<!-- bench-peers {name} -->"), format!("<!-- /bench-peers {name} -->"));
    let whole = format!("{start}\n{}\n{end}", text.trim_end());
    match (page.split_once(&start), page.split_once(&end)) {
        (Some((before, rest)), Some(_)) if rest.contains(&end) => {
            let after = rest.split_once(&end).map_or("", |(_, after)| after);
            Ok(format!("{before}{whole}{after}"))
        }
        (None, None) => Ok(format!("{}\n\n## {title}\n\n{whole}\n", page.trim_end())),
        _ => bail!("half of a table's marks are missing: it stands between {start} and {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n<!-- bench-peers image -->\nold\n<!-- /bench-peers image -->\n\nmine\n<!-- bench-peers text -->\n<!-- /bench-peers text -->\n";

    fn block<'a>(name: &'a str, text: &'a str) -> Block<'a> {
        Block { name, title: "Title", text }
    }

    #[test]
    fn only_the_block_changes() {
        let page = place(PAGE, &block("image", "| a |\n| b |\n")).unwrap();
        assert_eq!(page, PAGE.replace("\nold\n", "\n| a |\n| b |\n"));
        assert_eq!(place(&page, &block("image", "old")).unwrap(), PAGE);
        let page = place(PAGE, &block("text", "new")).unwrap();
        assert!(
            page.ends_with("mine\n<!-- bench-peers text -->\nnew\n<!-- /bench-peers text -->\n")
        );
        assert!(page.starts_with("# Page\n\n<!-- bench-peers image -->\nold\n"));
    }

    #[test]
    fn a_new_block_gets_a_section_at_the_end() {
        let page = place(PAGE, &block("image vit-l-14", "new")).unwrap();
        let section = "\n## Title\n\n<!-- bench-peers image vit-l-14 -->\nnew\n<!-- /bench-peers image vit-l-14 -->\n";
        assert_eq!(page, format!("{PAGE}{section}"));
    }

    #[test]
    fn half_a_block_is_refused() {
        let upside_down = "<!-- /bench-peers start -->\n<!-- bench-peers start -->\n";
        for page in [upside_down, "<!-- bench-peers start -->\n", "<!-- /bench-peers start -->\n"] {
            let error = place(page, &block("start", "new")).unwrap_err().to_string();
            assert!(error.contains("between <!-- bench-peers start --> and"), "{error}");
        }
    }

    #[test]
    fn a_kind_of_processor_has_a_page_that_the_index_lists() {
        let docs = tempfile::tempdir().unwrap();
        let index = docs.path().join("benchmarks.md");
        let page = |kind: &str| docs.path().join("benchmarks").join(kind).with_extension("md");
        std::fs::write(
            &index,
            "# Benchmarks\n\n<!-- bench-peers pages -->\n<!-- /bench-peers pages -->\n\nmine\n",
        )
        .unwrap();
        write(&page("avx512_bf16"), &index, &block("image", "fast")).unwrap();
        write(&page("avx2"), &index, &block("image", "slow")).unwrap();
        write(&page("avx2"), &index, &block("image", "slower")).unwrap();
        let text = read(&page("avx2")).unwrap();
        assert!(text.starts_with("# Benchmarks: `avx2`\n"), "{text}");
        assert!(text.contains("\nslower\n") && !text.contains("\nslow\n"), "{text}");
        assert!(read(&page("avx512_bf16")).unwrap().contains("\nfast\n"));
        let list = "- [`avx2`](benchmarks/avx2.md)\n- [`avx512_bf16`](benchmarks/avx512_bf16.md)\n";
        let text = read(&index).unwrap();
        assert!(
            text.contains(&format!("pages -->\n{list}<!--")) && text.ends_with("mine\n"),
            "{text}"
        );
    }
}
