//! Which libraries are let in, in which versions and with which features.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Context as _;

use crate::workspace::{Package, metadata, no, texts};

/// (library, first version that may be used, reason); a library without such a version may not be used at all.
const BANNED: &[(&str, Option<[u64; 3]>, &str)] = &[
    ("h2", Some([0, 4, 16]), "earlier ones let a peer exhaust memory"),
    ("serde_yaml", None, "no longer maintained, and not Kubernetes' YAML"),
    ("russh", Some([0, 60, 3]), "earlier ones let a server exhaust memory"),
    ("serde_yml", None, "unsound, and not Kubernetes' YAML"),
    (
        "tar",
        Some([0, 4, 45]),
        "earlier ones disagree with other readers about entries",
    ),
    ("tokio-tar", None, "no longer maintained, and smuggles entries"),
    ("xz2", None, "no longer maintained"),
];

/// Libraries of cryptography that come in several versions: pgp and the ssh-key that verifies signatures have not moved to
/// RustCrypto's newest generation, and russh has.
const CRYPTOGRAPHY: &[&str] = &[
    "aead",
    "aes",
    "aes-gcm",
    "argon2",
    "base16ct",
    "blake2",
    "block-buffer",
    "block-padding",
    "blowfish",
    "cipher",
    "const-oid",
    "cpufeatures",
    "crypto-bigint",
    "crypto-common",
    "ctr",
    "curve25519-dalek",
    "der",
    "des",
    "digest",
    "ecdsa",
    "ed25519",
    "ed25519-dalek",
    "elliptic-curve",
    "ff",
    "fiat-crypto",
    "generic-array",
    "ghash",
    "group",
    "hkdf",
    "hmac",
    "inout",
    "keccak",
    "md-5",
    "num-bigint",
    "p256",
    "p384",
    "p521",
    "password-hash",
    "pem-rfc7468",
    "pkcs1",
    "pkcs8",
    "polyval",
    "primeorder",
    "rand",
    "rand_core",
    "rfc6979",
    "rsa",
    "sec1",
    "serdect",
    "sha1",
    "sha2",
    "sha3",
    "signature",
    "spki",
    "ssh-cipher",
    "ssh-encoding",
    "ssh-key",
    "universal-hash",
];

/// Libraries that come in several versions: (library, reason). Our own crates have one: the workspace offers no two.
const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "tower-http and tonic have not moved to the one of kube"),
    (
        "embedded-io",
        "postcard names two, and builds neither with the features it is used with",
    ),
    ("getrandom", "ring has not moved to the one of uuid and tempfile"),
    (
        "hashbrown",
        "petgraph, which prost-build sorts messages with, has not moved to indexmap's",
    ),
    ("itertools", "prost-build has not moved to the one of prost-derive"),
    ("syn", "derive macros are moving to the third version one by one"),
    ("windows-sys", "ring again, on a system that this does not run on"),
    ("nom", "x509-parser has not moved to the one of pgp"),
    (
        "unicode-width",
        "miette, which protox tells errors with, has not moved to the one of kube",
    ),
];

/// Dependencies that no source of ours names, but generated code, or that are there for a feature: (crate, as code names it).
const GENERATED: &[(&str, &str)] = &[
    ("k1s-source-proto", "tonic_prost"),
    // kube builds only where somebody says which Kubernetes' types it is to know.
    ("k1s-sync-kubernetes", "k8s_openapi"),
];

#[test]
fn banned_libraries_are_absent() -> anyhow::Result<()> {
    let mut complaints = Vec::new();
    for package in metadata()?.used()? {
        let banned = BANNED.iter().find(|(name, _, _)| *name == package.name);
        if let Some((name, first, reason)) = banned
            && first.is_none_or(|first| version(package).is_none_or(|version| version < first))
        {
            complaints.push(format!("{name} {}: {reason}", package.version));
        }
    }
    no(&complaints)
}

fn version(package: &Package) -> Option<[u64; 3]> {
    let core = package.version.split(['-', '+']).next()?;
    let numbers: Result<Vec<u64>, _> = core.split('.').map(str::parse).collect();
    numbers.ok()?.try_into().ok()
}

#[test]
fn libraries_come_in_one_version() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata.used()? {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);

    let excuses = || DUPLICATES.iter().map(|(library, _)| library).chain(CRYPTOGRAPHY);
    let excused = |name: &str| excuses().any(|library| *library == name);
    let unexpected = versions.iter().filter(|(name, _)| !excused(name));
    let mut complaints: Vec<String> = unexpected
        .map(|(name, versions)| format!("{name}: {versions:?}"))
        .collect();
    let idle = excuses().filter(|name| !versions.contains_key(*name));
    complaints.extend(idle.map(|name| format!("{name} needs no excuse any more")));
    no(&complaints)
}

#[test]
fn numbers_and_key_order_of_json_stay_as_the_canonical_form_needs_them() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let package = metadata
        .used()?
        .into_iter()
        .find(|package| package.name == "serde_json");
    let features = &metadata.node(package.context("serde_json is not used")?)?.features;
    let has = |feature: &str| features.iter().any(|name| name == feature);
    anyhow::ensure!(has("float_roundtrip"), "floats would change by being read and written");
    anyhow::ensure!(!has("preserve_order"), "maps would not be sorted");
    anyhow::ensure!(
        !has("arbitrary_precision"),
        "equal numbers would differ by their spelling"
    );
    Ok(())
}

#[test]
fn dependencies_come_from_one_place_and_are_used() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for member in metadata.members() {
        let manifest = fs::read_to_string(member.directory().join("Cargo.toml"))?;
        for (name, line) in declared(&manifest, |section| section.ends_with("dependencies]")) {
            if !line.replace(' ', "").contains("workspace=true") {
                complaints.push(format!("{}: {name} does not come from the workspace", member.name));
            }
            used.insert(name.to_owned());
        }
    }
    let manifest = fs::read_to_string(metadata.workspace_root.join("Cargo.toml"))?;
    let offered = declared(&manifest, |section| section == "[workspace.dependencies]");
    complaints.extend(
        offered
            .iter()
            .filter(|(name, _)| !used.contains(*name))
            .map(|(name, _)| format!("the workspace offers {name}, which no crate uses")),
    );
    no(&complaints)
}

/// Names and lines in the sections of a manifest that `wanted` chooses.
fn declared(manifest: &str, wanted: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
    let mut is_wanted = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            is_wanted = wanted(line);
        } else if is_wanted
            && let Some((name, _)) = line.split_once(['=', '.', ' '])
            && !line.starts_with('#')
        {
            found.push((name.trim(), line));
        }
    }
    found
}

#[test]
fn crates_use_what_they_depend_on() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let texts = texts()?;
    let mut complaints = Vec::new();
    for member in metadata.members() {
        let directory = format!("{}/", metadata.relative(member.directory()));
        let sources: Vec<&String> = texts
            .iter()
            .filter(|(path, _)| path.starts_with(&directory) && path.ends_with(".rs"))
            .map(|(_, text)| text)
            .collect();
        for dependency in &metadata.node(member)?.deps {
            let is_named = sources.iter().any(|text| has_word(text, &dependency.name));
            let is_excused = GENERATED.contains(&(&member.name, &dependency.name));
            if is_named == is_excused {
                let verdict = if is_excused { "names" } else { "does not name" };
                complaints.push(format!("{} {verdict} {}", member.name, dependency.name));
            }
        }
    }
    no(&complaints)
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(word)
        .any(|(start, _)| !text[..start].ends_with(is_part) && !text[start + word.len()..].starts_with(is_part))
}

#[test]
fn everything_comes_from_the_public_registry() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let foreign = metadata.used()?.into_iter().filter(|package| {
        let is_public = package.source.as_deref() == Some("registry+https://github.com/rust-lang/crates.io-index");
        !is_public && !metadata.workspace_members.contains(&package.id)
    });
    no(&foreign
        .map(|package| format!("{} comes from {:?}", package.name, package.source))
        .collect::<Vec<_>>())
}
