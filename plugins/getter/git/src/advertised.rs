//! References as a server lists them.

use std::collections::BTreeSet;

use crate::capabilities::Capabilities;
use crate::fault::GitError;
use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::name::RefName;
use crate::packet::{Packet, Request, trimmed};
use crate::wire::{Packets, WireError};

/// Who asks.
pub(crate) const AGENT: &str = "agent=k1s-sync";

/// A reference as a server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) name: RefName,
    /// What it names; `None` if that has no commit yet.
    pub(crate) id: Option<ObjectId>,
    /// What a tag that it names leads to.
    pub(crate) peeled: Option<ObjectId>,
    /// The reference that it stands for.
    pub(crate) stands_for: Option<RefName>,
}

/// Asks for the references that begin with one of `prefixes`.
pub(crate) fn request(capabilities: &Capabilities, prefixes: &BTreeSet<String>) -> Vec<u8> {
    let mut request = Request::default();
    request.line("command=ls-refs").line(AGENT);
    if capabilities.asks_format {
        request.line("object-format=sha1");
    }
    request.delimiter().line("peel").line("symrefs");
    if capabilities.tells_unborn {
        request.line("unborn");
    }
    for prefix in prefixes {
        request.line(&format!("ref-prefix {prefix}"));
    }
    request.flush()
}

/// Reads a line; `Ok(None)` if it is of a reference whose name nobody can ask for.
pub(crate) fn parse(line: &[u8]) -> Result<Option<Advertised>, WireError> {
    let foreign = || WireError::Unexpected("a line that is no reference");
    let mut words = trimmed(line).split(|byte| *byte == b' ');
    let id = match words.next().unwrap_or_default() {
        b"unborn" => None,
        digits => Some(ObjectId::parse(digits).ok_or_else(foreign)?),
    };
    let name = words.next().ok_or_else(foreign)?;
    let mut advertised = match read_name(name) {
        Some(name) => Advertised {
            name,
            id,
            peeled: None,
            stands_for: None,
        },
        None => return Ok(None),
    };
    for word in words {
        if let Some(target) = word.strip_prefix(b"symref-target:") {
            advertised.stands_for = read_name(target);
        } else if let Some(digits) = word.strip_prefix(b"peeled:") {
            advertised.peeled = Some(ObjectId::parse(digits).ok_or_else(foreign)?);
        }
    }
    Ok(Some(advertised))
}

/// Reads the name of a reference; `None` if nobody can ask for it.
pub(crate) fn read_name(bytes: &[u8]) -> Option<RefName> {
    std::str::from_utf8(bytes).ok().and_then(RefName::parse)
}

/// Reads the answer and keeps of it what `is_wanted`.
pub(crate) async fn read(
    packets: &mut Packets<'_>,
    limits: &Limits,
    is_wanted: impl Fn(&Advertised) -> bool,
) -> Result<Vec<Advertised>, GitError> {
    let mut kept = Vec::new();
    let mut seen = 0;
    loop {
        match packets.next().await? {
            Packet::Line(line) => {
                seen += 1;
                if seen > limits.references {
                    return Err(GitError::Wire(WireError::Limit(Limit::References(limits.references))));
                }
                kept.extend(parse(line)?.filter(&is_wanted));
            }
            Packet::Flush => return Ok(kept),
            Packet::Delimiter | Packet::End => {
                return Err(GitError::Wire(WireError::Unexpected("no end of its references")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn lines_are_references() {
        let read = |line: &str| parse(line.as_bytes()).ok().flatten();
        let tag = read(&format!("{ID} refs/tags/v1 peeled:{}\n", ID.replace('0', "9"))).unwrap();
        assert_eq!(tag.name.as_str(), "refs/tags/v1");
        assert_eq!(tag.id, ObjectId::parse(ID.as_bytes()));
        assert_eq!(tag.peeled, ObjectId::parse(ID.replace('0', "9").as_bytes()));

        let head = read(&format!("{ID} HEAD symref-target:refs/heads/main")).unwrap();
        assert_eq!(head.stands_for, RefName::parse("refs/heads/main"));
        let unborn = read("unborn HEAD symref-target:refs/heads/main\n").unwrap();
        assert_eq!(
            (unborn.id, unborn.stands_for),
            (None, RefName::parse("refs/heads/main"))
        );
    }

    #[test]
    fn other_lines_are_refused_and_strange_names_left_out() {
        for wrong in ["", "0123 refs/heads/x", ID, &format!("{ID} refs/tags/x peeled:1")] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        for strange in [format!("{ID} refs/heads/../x"), format!("{ID} "), format!("{ID} -x")] {
            assert_eq!(parse(strange.as_bytes()).unwrap(), None, "{strange}");
        }
        let bytes = [ID.as_bytes(), b" refs/heads/\xff"].concat();
        assert_eq!(parse(&bytes).unwrap(), None);
    }

    #[test]
    fn what_is_asked_is_exact() {
        let prefixes = ["refs/heads/main", "HEAD"].map(str::to_owned).into();
        let bytes = request(&Capabilities::default(), &prefixes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.ends_with("0014ref-prefix HEAD\n001fref-prefix refs/heads/main\n0000"),
            "{text}"
        );
    }
}
