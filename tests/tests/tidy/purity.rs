//! The pure crates: their answers depend on their arguments alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::sources::{code, module_files};
use crate::workspace::{Metadata, Package, metadata, no, texts};

const PURE: [&str; 5] = [
    "k1s-getter-address",
    "k1s-getter-archive",
    "k1s-kubernetes-watch",
    "k1s-object",
    "k1s-sync-engine",
];

/// Libraries that reach an operating system, a clock, a network or randomness.
const IMPURE: &[&str] = &[
    "async-std",
    "chrono",
    "fastrand",
    "getrandom",
    "hyper",
    "jiff",
    "libc",
    "mio",
    "nix",
    "notify",
    "prost",
    "rand",
    "rand_core",
    "redb",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tonic",
    "uuid",
];

/// Impure libraries that come with a pure one: (library, only through, reason).
const UNAVOIDABLE: &[(&str, &str, &str)] = &[
    (
        "getrandom",
        "crypto-common",
        "russh has keys made with it, and so it is built for whoever is built together with that",
    ),
    (
        "getrandom",
        "zip",
        "zip names it for the salts of encryption, which is not built",
    ),
    (
        "libc",
        "cpufeatures",
        "sha2 asks once which instructions the processor has, on targets where only the system can tell",
    ),
    ("libc", "filetime", "tar can unpack to disk, which nobody has it do"),
    ("libc", "getrandom", "the same as getrandom through zip"),
    ("libc", "nix", "the same as nix through zip"),
    ("libc", "tar", "tar can unpack to disk, which nobody has it do"),
    ("libc", "zip", "zip can unpack to disk, which nobody has it do"),
    (
        "nix",
        "zip",
        "zip can unpack to disk on other systems, which nobody has it do",
    ),
    ("rand_core", "crypto-common", "the same as getrandom through it"),
    ("rand_core", "getrandom", "the same as getrandom through zip"),
];

/// Modules of the standard library that a pure crate has no use for.
const IMPURE_MODULES: &[&str] = &["env", "fs", "net", "os", "process", "thread"];
/// Words that mean a clock or randomness wherever they stand.
const IMPURE_WORDS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "RandomState",
    "getrandom",
    "rand::",
    "tokio::",
    "tonic::",
];

/// Every package that is built into `root`, each with one that pulls it in.
fn reached<'a>(metadata: &'a Metadata, root: &'a Package) -> anyhow::Result<BTreeSet<(&'a str, &'a str)>> {
    let mut edges = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut pending = VecDeque::from([root]);
    while let Some(package) = pending.pop_front() {
        for dependency in metadata
            .node(package)?
            .deps
            .iter()
            .filter(|dependency| dependency.is_normal())
        {
            let target = metadata.target(dependency)?;
            edges.insert((target.name.as_str(), package.name.as_str()));
            if seen.insert(&target.id) {
                pending.push_back(target);
            }
        }
    }
    Ok(edges)
}

#[test]
fn pure_crates_are_built_from_pure_libraries() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let mut complaints = Vec::new();
    let mut needed = BTreeSet::new();
    for name in PURE {
        for (library, through) in reached(metadata, metadata.member(name)?)? {
            let excuse = UNAVOIDABLE
                .iter()
                .find(|(excused, by, _)| (*excused, *by) == (library, through));
            match excuse {
                Some(excuse) => drop(needed.replace(*excuse)),
                None if IMPURE.contains(&library) => {
                    complaints.push(format!("{name} reaches {library} through {through}"))
                }
                None => {}
            }
        }
    }
    let idle = UNAVOIDABLE.iter().filter(|excuse| !needed.contains(*excuse));
    complaints
        .extend(idle.map(|(library, through, _)| format!("{library} through {through} needs no excuse any more")));
    no(&complaints)
}

#[test]
fn pure_crates_do_not_touch_the_world() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let texts = texts()?;
    let mut complaints = Vec::new();
    for name in PURE {
        let source = format!("{}/src/", metadata.relative(metadata.member(name)?.directory()));
        let files: BTreeMap<_, _> = texts.iter().filter(|(path, _)| path.starts_with(&source)).collect();
        let of_tests: Vec<String> = files.iter().flat_map(|(path, text)| module_files(path, text)).collect();
        let is_product = |path: &str| {
            !of_tests
                .iter()
                .any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")))
        };
        for (path, text) in files.into_iter().filter(|(path, _)| is_product(path)) {
            complaints.extend(impure(&code(text)).into_iter().map(|word| format!("{path}: {word}")));
        }
    }
    no(&complaints)
}

/// The words of a source that reach out of it.
fn impure(code: &str) -> Vec<String> {
    let dense: String = code.split_whitespace().collect();
    let mut found: Vec<String> = IMPURE_WORDS
        .iter()
        .filter(|word| dense.contains(*word))
        .map(|word| (*word).to_owned())
        .collect();
    for (position, _) in dense.match_indices("std::") {
        let modules = imported(&dense[position + "std::".len()..]);
        found.extend(
            modules
                .into_iter()
                .filter(|module| IMPURE_MODULES.contains(module))
                .map(|module| format!("std::{module}")),
        );
    }
    found
}

/// The modules named after `std::`, one or a group in braces.
fn imported(rest: &str) -> Vec<&str> {
    let word = |text: &'_ str| {
        text.find(|char: char| !char.is_alphanumeric() && char != '_')
            .unwrap_or(text.len())
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![&rest[..word(rest)]];
    };
    let mut modules = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (position, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            ',' if depth == 0 => {
                modules.push(&group[start..position]);
                start = position + 1;
            }
            '}' if depth == 0 => {
                modules.push(&group[start..position]);
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    modules.into_iter().map(|module| &module[..word(module)]).collect()
}

#[test]
fn impure_words_are_found_however_they_are_written() {
    for (code, expected) in [
        ("use std::fs;", &["std::fs"][..]),
        (
            "use std::{\n    collections::{BTreeMap, hash_map},\n    fs::File,\n    net,\n};",
            &["std::fs", "std::net"],
        ),
        ("let now = std::time::Instant::now();", &["Instant::now"]),
        ("let id = std :: process :: id();", &["std::process"]),
        ("use std::collections::BTreeMap; use std::fmt::{self, Write};", &[]),
    ] {
        assert_eq!(impure(code), expected, "{code}");
    }
}
