//! A block of a page between two marks; all else on the page is people's.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Replaces the block of that name in a file.
pub(crate) fn write(path: &Path, name: &str, block: &str) -> Result<()> {
    let page =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = replace(&page, name, block).with_context(|| path.display().to_string())?;
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn replace(page: &str, name: &str, block: &str) -> Result<String> {
    let (start, end) =
        (format!("<!-- bench-peers {name} -->"), format!("<!-- /bench-peers {name} -->"));
    let parts = page.split_once(&start).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("there is no place for the table: put {start} and, below it, {end} where it belongs");
    };
    Ok(format!("{before}{start}\n{}\n{end}{after}", block.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n<!-- bench-peers image -->\nold\n<!-- /bench-peers image -->\n\nmine\n<!-- bench-peers text -->\n<!-- /bench-peers text -->\n";

    #[test]
    fn only_the_block_changes() {
        let page = replace(PAGE, "image", "| a |\n| b |\n").unwrap();
        assert_eq!(page, PAGE.replace("\nold\n", "\n| a |\n| b |\n"));
        assert_eq!(replace(&page, "image", "old").unwrap(), PAGE);
        let page = replace(PAGE, "text", "new").unwrap();
        assert!(
            page.ends_with("mine\n<!-- bench-peers text -->\nnew\n<!-- /bench-peers text -->\n")
        );
        assert!(page.starts_with("# Page\n\n<!-- bench-peers image -->\nold\n"));
    }

    #[test]
    fn a_page_without_marks_is_left_alone() {
        let error = replace(PAGE, "start", "new").unwrap_err().to_string();
        assert!(error.contains("put <!-- bench-peers start --> and, below it,"), "{error}");
        let upside_down = "<!-- /bench-peers start -->\n<!-- bench-peers start -->\n";
        assert!(replace(upside_down, "start", "new").is_err());
    }
}
