//! Licences of everything that is linked or run to build the project.

use std::collections::BTreeSet;

use anyhow::ensure;

use crate::workspace::{metadata, no};

/// Licences that ask for no more than attribution.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// What is built only for systems that this does not run on: (library, licence, reason).
const ELSEWHERE: &[(&str, &str, &str)] = &[(
    "webpki-root-certs",
    "CDLA-Permissive-2.0",
    "the authorities that rustls-platform-verifier believes on phones, which have no list of their own",
)];

#[test]
fn every_dependency_has_an_allowed_licence() -> anyhow::Result<()> {
    let mut complaints = BTreeSet::new();
    for package in metadata()?.used()? {
        let licence = package.license.as_deref().unwrap_or_default();
        let is_elsewhere = |(library, of, _): &(&str, &str, &str)| (*library, *of) == (package.name.as_str(), licence);
        if !ELSEWHERE.iter().any(is_elsewhere) && !satisfied(licence)? {
            complaints.insert(format!("{} {}: {licence:?}", package.name, package.version));
        }
    }
    no(&complaints.into_iter().collect::<Vec<_>>())
}

/// Whether the allowed licences suffice for an SPDX expression; `/` is an old spelling of OR.
fn satisfied(expression: &str) -> anyhow::Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (is_satisfied, rest) = any(&tokens);
    ensure!(rest.is_empty(), "cannot read the licence {expression:?}");
    Ok(is_satisfied)
}

fn any<'a>(tokens: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut is_satisfied, mut rest) = all(tokens);
    while let ["OR", more @ ..] = rest {
        let (other, after) = all(more);
        (is_satisfied, rest) = (is_satisfied || other, after);
    }
    (is_satisfied, rest)
}

fn all<'a>(tokens: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut is_satisfied, mut rest) = one(tokens);
    while let ["AND", more @ ..] = rest {
        let (other, after) = one(more);
        (is_satisfied, rest) = (is_satisfied && other, after);
    }
    (is_satisfied, rest)
}

fn one<'a>(tokens: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    match tokens {
        ["(", inside @ ..] => match any(inside) {
            (is_satisfied, [")", rest @ ..]) => (is_satisfied, rest),
            unclosed => unclosed,
        },
        [licence, "WITH", exception, rest @ ..] => {
            let whole = format!("{licence} WITH {exception}");
            (ALLOWED.contains(licence) || ALLOWED.contains(&whole.as_str()), rest)
        }
        [licence, rest @ ..] => (ALLOWED.contains(licence), rest),
        [] => (false, tokens),
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    for (expression, expected) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("", false),
    ] {
        assert_eq!(satisfied(expression).ok(), Some(expected), "{expression}");
    }
    assert!(satisfied("MIT MIT").is_err() && satisfied("(MIT").is_ok());
}
