//! What no text in the repository may tell: where packages come from on one machine, and where things are on it.

use crate::workspace::{metadata, no, texts};

/// This file, which has to name what it looks for.
const THIS: &str = "tests/tests/tidy/texts.rs";
/// Directories below which people's homes are.
const HOMES: [&str; 3] = ["/home/", "/root/", "/Users/"];
/// Parts of the names of hosts that packages are fetched from, and settings that lead there.
const REGISTRIES: &[&str] = &[
    "artifactory",
    "codeartifact",
    "devpi",
    "goproxy=",
    "index.crates.io",
    "jfrog",
    "npm.pkg.",
    "pkg.dev",
    "proxy.golang.org",
    "pypi.org",
    "registry.npmjs",
    "replace-with",
    "sonatype",
    "verdaccio",
];

#[test]
fn texts_name_no_registry_and_no_home() -> anyhow::Result<()> {
    let root = metadata()?.workspace_root.to_string_lossy().into_owned();
    let mut complaints = Vec::new();
    for (path, text) in texts()?.iter().filter(|(path, _)| *path != THIS) {
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let told = REGISTRIES
                .iter()
                .find(|part| lower.contains(**part))
                .copied()
                .or_else(|| home(line));
            let told = told.or_else(|| line.contains(&root).then_some("the path of this workspace"));
            complaints.extend(told.map(|told| format!("{path}:{}: {told}", number + 1)));
        }
    }
    no(&complaints)
}

/// The home that a line has an absolute path into.
fn home(line: &str) -> Option<&'static str> {
    HOMES.into_iter().find(|home| {
        line.match_indices(home).any(|(start, _)| {
            let is_whole = !line[..start].ends_with(|char: char| char.is_alphanumeric() || "._-~}".contains(char));
            is_whole && line[start + home.len()..].starts_with(char::is_alphanumeric)
        })
    })
}

#[test]
fn homes_are_found_and_urls_are_not() {
    for (line, expected) in [
        ("path = \"/home/kim/shop\"", Some("/home/")),
        ("see /root/x", Some("/root/")),
        ("https://example.com/home/kim", None),
        ("{root}/home/x", None),
        ("/home/ and /root/", None),
    ] {
        assert_eq!(home(line), expected, "{line}");
    }
}
