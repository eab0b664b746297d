//! Version 0 of the protocol, for servers that know no other: every conversation begins with all references, and a commit comes
//! with all its files.

use std::io::Write;

use crate::advertised::{AGENT, Advertised, read_name};
use crate::capabilities::Obstacle;
use crate::fault::{GitError, Unsupported};
use crate::fetch::pack;
use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::meter::Measured;
use crate::packet::{Packet, Request, trimmed};
use crate::watch::Watch;
use crate::wire::{Packets, WireError};

/// What stands behind the name of a reference in the line of what its tag leads to.
const PEELED: &[u8] = b"^{}";
/// The name in the only line of a repository without references.
const NO_NAME: &[u8] = b"capabilities^{}";

/// What a server said by itself: what it can, and its references, as far as they are wanted.
#[derive(Debug, Default)]
pub(crate) struct Older {
    pub(crate) references: Vec<Advertised>,
    /// Whether it can stop at a depth.
    can_stop: bool,
    /// Whether its deltas may name their bases by how far away they are.
    can_count: bool,
    /// Whether it can tell a pack from what is said besides.
    can_divide: bool,
    /// The reference that HEAD stands for.
    head: Option<Vec<u8>>,
    seen: usize,
}

impl Older {
    /// Takes the first line of references, which has what the server can behind it.
    pub(crate) fn first(line: &[u8], is_wanted: &dyn Fn(&str) -> bool, limits: &Limits) -> Result<Self, Obstacle> {
        let end = line.iter().position(|byte| *byte == 0).ok_or(Obstacle::Foreign)?;
        let (reference, capabilities) = line.split_at(end);
        let mut older = Self::default();
        for word in capabilities.get(1..).unwrap_or_default().split(|byte| *byte == b' ') {
            match word {
                b"shallow" => older.can_stop = true,
                b"side-band-64k" => older.can_divide = true,
                b"ofs-delta" => older.can_count = true,
                word => {
                    if word
                        .strip_prefix(b"object-format=")
                        .is_some_and(|format| format != b"sha1")
                    {
                        return Err(Obstacle::Unsupported(Unsupported::Format));
                    }
                    if let Some(target) = word.strip_prefix(b"symref=HEAD:") {
                        older.head = Some(target.to_vec());
                    }
                }
            }
        }
        older.take(reference, is_wanted, limits)?;
        Ok(older)
    }

    /// Takes a line of a reference.
    pub(crate) fn take(
        &mut self,
        line: &[u8],
        is_wanted: &dyn Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<(), Obstacle> {
        let at = line.iter().position(|byte| *byte == b' ').ok_or(Obstacle::Foreign)?;
        let (id, name) = (&line[..at], &line[at + 1..]);
        // A server that is shallow itself says so among its references.
        if id == b"shallow" || name == NO_NAME {
            return Ok(());
        }
        self.seen += 1;
        if self.seen > limits.references {
            return Err(Obstacle::Limit(Limit::References(limits.references)));
        }
        let id = ObjectId::parse(id).ok_or(Obstacle::Foreign)?;
        if let Some(name) = name.strip_suffix(PEELED) {
            if let Some(tag) = self
                .references
                .last_mut()
                .filter(|tag| tag.name.as_str().as_bytes() == name)
            {
                tag.peeled = Some(id);
            }
            return Ok(());
        }
        let Some(name) = read_name(name).filter(|name| is_wanted(name.as_str())) else {
            return Ok(());
        };
        let target = self.head.as_deref().filter(|_| name.as_str() == "HEAD");
        self.references.push(Advertised {
            id: Some(id),
            peeled: None,
            stands_for: target.and_then(read_name),
            name,
        });
        Ok(())
    }

    /// Asks for a tag or commit, with all it has.
    pub(crate) fn request(&self, want: &ObjectId) -> Result<Vec<u8>, Unsupported> {
        if !self.can_divide {
            return Err(Unsupported::Version);
        }
        let mut request = Request::default();
        let mut asked = "side-band-64k no-progress".to_owned();
        for (can, word) in [(self.can_count, " ofs-delta"), (self.can_stop, " shallow")] {
            asked.push_str(if can { word } else { "" });
        }
        request.line(&format!("want {want} {asked} {AGENT}"));
        if self.can_stop {
            request.line("deepen 1");
        }
        let mut bytes = request.flush();
        bytes.extend_from_slice(b"0009done\n");
        Ok(bytes)
    }

    /// Takes the answer.
    pub(crate) async fn receive(
        &self,
        packets: &mut Packets<'_>,
        limits: &Limits,
        spool: &mut (impl Write + Send),
        watch: &dyn Watch,
    ) -> Result<Measured, GitError> {
        let mut is_shallow_told = !self.can_stop;
        loop {
            match packets.next().await? {
                Packet::Flush if !is_shallow_told => is_shallow_told = true,
                Packet::Line(line) if is_shallow_told && trimmed(line) == b"NAK" => break,
                Packet::Line(line) if !is_shallow_told && line.starts_with(b"shallow ") => {}
                Packet::Line(_) | Packet::Flush | Packet::Delimiter | Packet::End => {
                    return Err(GitError::Wire(WireError::Unexpected("no pack")));
                }
            }
        }
        pack(packets, limits, Box::new(|_| false), spool, watch).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn all(_: &str) -> bool {
        true
    }

    #[test]
    fn references_are_read_with_what_the_server_can() {
        let limits = Limits::default();
        let line = format!("{ID} HEAD\0multi_ack side-band-64k shallow symref=HEAD:refs/heads/main agent=x");
        let mut older = Older::first(line.as_bytes(), &all, &limits).unwrap();
        let peeled = ID.replace('0', "9");
        for line in [
            format!("{ID} refs/heads/main"),
            format!("{ID} refs/tags/v1"),
            format!("{peeled} refs/tags/v1^{{}}"),
            format!("shallow {ID}"),
        ] {
            older.take(line.as_bytes(), &all, &limits).unwrap();
        }
        let seen: Vec<_> = older
            .references
            .iter()
            .map(|reference| (reference.name.as_str(), reference.peeled.is_some()))
            .collect();
        assert_eq!(
            seen,
            [("HEAD", false), ("refs/heads/main", false), ("refs/tags/v1", true)]
        );
        assert_eq!(older.references[0].stands_for, read_name(b"refs/heads/main"));
        let request = String::from_utf8(older.request(&ObjectId::parse(ID.as_bytes()).unwrap()).unwrap()).unwrap();
        assert!(request.ends_with("000ddeepen 1\n00000009done\n"), "{request}");
    }

    #[test]
    fn what_is_none_or_too_much_is_refused() {
        let limits = Limits {
            references: 1,
            total: Duration::ZERO,
            ..Limits::default()
        };
        for line in ["", "HEAD", &format!("{ID} HEAD"), "01 HEAD\0x"] {
            assert!(Older::first(line.as_bytes(), &all, &limits).is_err(), "{line}");
        }
        let sha256 = format!("{ID} HEAD\0object-format=sha256");
        let error = Older::first(sha256.as_bytes(), &all, &limits).unwrap_err();
        assert_eq!(error, Obstacle::Unsupported(Unsupported::Format));

        let empty = format!("{:040} capabilities^{{}}\0", 0);
        let mut older = Older::first(empty.as_bytes(), &all, &limits).unwrap();
        assert!(older.references.is_empty());
        assert_eq!(
            older.request(&ObjectId::parse(ID.as_bytes()).unwrap()),
            Err(Unsupported::Version)
        );
        let line = format!("{ID} refs/heads/a");
        older.take(line.as_bytes(), &|_| false, &limits).unwrap();
        let error = older.take(line.as_bytes(), &|_| false, &limits).unwrap_err();
        assert_eq!(error, Obstacle::Limit(Limit::References(1)));
    }
}
