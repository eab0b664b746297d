//! `docs/getter-security.md` names tests that there are.

use std::collections::BTreeSet;

use anyhow::Context as _;

use crate::workspace::{no, texts};

const PAGE: &str = "docs/getter-security.md";

/// The names of tests that a line of the page has: those in its last column, or all of a line that is no row.
fn named(line: &str) -> Vec<&str> {
    let told = match line.strip_suffix(" |") {
        Some(row) => row.rsplit_once(" | ").map_or("", |(_, last)| last),
        None => line,
    };
    let quoted = told.split('`').skip(1).step_by(2);
    let is_name =
        |text: &&str| text.contains('_') && text.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '_'));
    quoted.filter(is_name).collect()
}

#[test]
fn every_test_that_the_page_of_bad_inputs_names_is_there() -> anyhow::Result<()> {
    let texts = texts()?;
    let page = texts.get(PAGE).context(PAGE)?;
    let sources = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
    let words = |text: &'static str| move |line: &str| line.split_once(text).map(|(_, rest)| rest.to_owned());
    let defined: BTreeSet<String> = sources
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| words("fn ")(line).or_else(|| words("row!(")(line)))
        .map(|rest| {
            rest.chars()
                .take_while(|char| char.is_ascii_alphanumeric() || *char == '_')
                .collect()
        })
        .collect();
    let named: Vec<&str> = page.lines().flat_map(named).collect();
    let missing = named.iter().filter(|name| !defined.contains(**name));
    let mut complaints: Vec<String> = missing
        .map(|name| format!("{PAGE} names {name}, which is nowhere"))
        .collect();
    if named.len() < 100 {
        complaints.push(format!("{PAGE} names only {} tests", named.len()));
    }
    // A row without a test proves nothing.
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| id "));
    complaints.extend(
        rows.filter(|row| self::named(row).is_empty())
            .map(|row| format!("{PAGE}: no test in {row}")),
    );
    no(&complaints)
}

#[test]
fn names_of_tests_are_told_from_other_words() {
    for (line, expected) in [
        (
            "| G01 | `git_daemon` | x | `one_test`, `two_2` |",
            &["one_test", "two_2"][..],
        ),
        ("- by `one_test`, of `GIT_DIR` and `word`", &["one_test"]),
        ("|---|---|", &[]),
    ] {
        assert_eq!(named(line), expected, "{line}");
    }
}
