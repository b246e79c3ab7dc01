//! docs/benchmarks.md: its words are written by hand, its tables are filled in.

use std::fs;
use std::path::Path;

use super::BenchError;

const BEGIN: &str = "<!-- Below: written by `cargo xtask bench` -->";
const END: &str = "<!-- Above: written by `cargo xtask bench` -->";

/// Puts the tables in the place of those that are there.
pub(super) fn fill(page: &Path, tables: &str) -> Result<(), BenchError> {
    let text = fs::read_to_string(page).map_err(BenchError::at(page))?;
    let filled = filled(&text, tables).ok_or(BenchError::Page { begin: BEGIN, end: END })?;
    fs::write(page, filled).map_err(BenchError::at(page))
}

fn filled(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, filled};

    #[test]
    fn words_stay_and_tables_go() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nwords\n");
        assert_eq!(filled(&page, "new\n").unwrap(), format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nwords\n"));
        assert_eq!(filled("no place", "new"), None);
    }

    #[test]
    fn the_real_page_has_a_place() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(filled(page, "").is_some());
    }
}
