//! Artifacts of registries.

use crate::fault::{AddressError, Part, Rule, Text};
use crate::policy::Transport;
use crate::site::{Host, site};

/// The longest tag, in bytes (the OCI distribution specification).
const TAG_BYTES: usize = 128;
/// The longest name of a repository, in bytes.
const NAME_BYTES: usize = 255;
/// The tag that is meant without one.
const DEFAULT_TAG: &str = "latest";
const SPELLING: &str = "`oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:DIGEST`";

/// An artifact of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oci {
    /// The registry.
    pub host: Host,
    /// Its port, where it is not 443.
    pub port: Option<u16>,
    /// The name of the repository.
    pub name: String,
    /// Which artifact.
    pub reference: Reference,
}

/// Which artifact of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// What a tag stands for.
    Tag(String),
    /// The one with this digest, `sha256:` or `sha512:` and hexadecimal digits.
    Digest(String),
}

pub(crate) fn oci(text: Text<'_>, rest: &str) -> Result<Oci, AddressError> {
    let (authority, written) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(text
            .refuse(Part::Login, authority, Rule::Meaningless)
            .write("`credentials`"));
    }
    let place = site(text, Transport::Https, authority)?;
    let refused = || text.refuse(Part::Path, rest, Rule::Artifact).write(SPELLING);
    let (named, digest) = match written.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (written, None),
    };
    let (name, tag) = match named.rsplit_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (named, None),
    };
    let is_valid = is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
    if !is_valid {
        return Err(refused());
    }
    let reference = match (digest, tag) {
        (Some(digest), _) => Reference::Digest(digest.to_owned()),
        (None, tag) => Reference::Tag(tag.unwrap_or(DEFAULT_TAG).to_owned()),
    };
    Ok(Oci {
        host: place.host,
        port: place.port,
        name: name.to_owned(),
        reference,
    })
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let is_edge = |byte: Option<u8>| byte.is_some_and(is_plain);
        is_edge(part.bytes().next())
            && is_edge(part.bytes().last())
            && part.bytes().all(|byte| is_plain(byte) || b"._-".contains(&byte))
    };
    name.len() <= NAME_BYTES && name.split('/').all(is_part)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_BYTES
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || b".-".contains(&byte))
}

fn is_digest(digest: &str) -> bool {
    let lengths = [("sha256:", 64), ("sha512:", 128)];
    let is_hex = |hex: &str| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let matches = |(name, length): (&str, usize)| {
        digest
            .strip_prefix(name)
            .is_some_and(|hex| hex.len() == length && is_hex(hex))
    };
    lengths.into_iter().any(matches)
}
