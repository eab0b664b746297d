//! What a server says it can, before it is asked anything.

use crate::fault::{GitError, Unsupported};
use crate::packet::{Packet, trimmed};
use crate::wire::{Packets, WireError};

/// What smart HTTP may put in front.
const SERVICE: &[u8] = b"# service=";

/// What a server can, as far as that is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Whether it wants to be told the format of names of objects.
    pub(crate) asks_format: bool,
    /// Whether it tells of a HEAD that names a branch without commits.
    pub(crate) tells_unborn: bool,
    /// Whether it can stop at a depth.
    pub(crate) can_stop: bool,
    /// Whether it can leave out files.
    pub(crate) can_filter: bool,
}

/// A line of the greeting means that the server cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Unsupported(Unsupported),
    /// It is no greeting.
    Foreign,
}

impl Capabilities {
    /// Takes a line that is not the first.
    pub(crate) fn take(&mut self, line: &[u8]) -> Result<(), Obstacle> {
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, b"".as_slice()),
        };
        let has = |feature: &[u8]| value.split(|byte| *byte == b' ').any(|word| word == feature);
        match name {
            b"object-format" if value != b"sha1" => return Err(Obstacle::Unsupported(Unsupported::Format)),
            b"object-format" => self.asks_format = true,
            b"ls-refs" => self.tells_unborn = has(b"unborn"),
            b"fetch" => (self.can_stop, self.can_filter) = (has(b"shallow"), has(b"filter")),
            _ => {}
        }
        Ok(())
    }
}

/// Checks the first line.
fn first(line: &[u8]) -> Result<(), Obstacle> {
    let is_reference = |line: &[u8]| {
        let id = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        matches!(id.len(), 40 | 64) && id.iter().all(u8::is_ascii_hexdigit)
    };
    match line {
        b"version 2" => Ok(()),
        b"version 1" => Err(Obstacle::Unsupported(Unsupported::Version)),
        line if is_reference(line) => Err(Obstacle::Unsupported(Unsupported::Version)),
        _ => Err(Obstacle::Foreign),
    }
}

/// Reads a greeting.
pub(crate) async fn read(packets: &mut Packets<'_>) -> Result<Capabilities, GitError> {
    let mut capabilities = Capabilities::default();
    let mut is_first = true;
    let mut is_service = false;
    loop {
        let taken = match packets.next().await? {
            Packet::Line(line) if is_first && line.starts_with(SERVICE) => {
                is_service = true;
                continue;
            }
            Packet::Flush if is_service => {
                is_service = false;
                continue;
            }
            Packet::Line(line) if is_first => first(trimmed(line)),
            Packet::Line(line) => capabilities.take(trimmed(line)),
            Packet::Flush if !is_first => return Ok(capabilities),
            Packet::Flush | Packet::Delimiter | Packet::End => Err(Obstacle::Foreign),
        };
        is_first = false;
        taken.map_err(|obstacle| match obstacle {
            Obstacle::Unsupported(what) => GitError::Unsupported(what),
            Obstacle::Foreign => GitError::Wire(WireError::Unexpected("no greeting of git in it")),
        })?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_say_what_can_be_done() {
        let mut all = Capabilities::default();
        for line in [
            "agent=git/2.39.5",
            "ls-refs=unborn",
            "fetch=shallow wait-for-done filter",
            "server-option",
            "object-format=sha1",
            "object-info",
        ] {
            all.take(line.as_bytes()).unwrap();
        }
        let expected = Capabilities {
            asks_format: true,
            tells_unborn: true,
            can_stop: true,
            can_filter: true,
        };
        assert_eq!(all, expected);

        let mut least = Capabilities::default();
        for line in ["ls-refs", "fetch=filtered", "x=y=z", ""] {
            least.take(line.as_bytes()).unwrap();
        }
        assert_eq!(least, Capabilities::default());
        let other = Obstacle::Unsupported(Unsupported::Format);
        assert_eq!(least.take(b"object-format=sha256"), Err(other));
    }

    #[test]
    fn older_versions_are_told_from_what_is_no_git() {
        let old = Err(Obstacle::Unsupported(Unsupported::Version));
        assert_eq!(first(b"version 2"), Ok(()));
        assert_eq!(first(b"version 1"), old);
        assert_eq!(first(format!("{:040} HEAD\0multi_ack", 0).as_bytes()), old);
        assert_eq!(first(format!("{:064} capabilities^{{}}\0", 0).as_bytes()), old);
        for line in ["", "version 3", "<html>", "SSH-2.0-x"] {
            assert_eq!(first(line.as_bytes()), Err(Obstacle::Foreign), "{line}");
        }
    }
}
