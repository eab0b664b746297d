//! What a server says it can, before it is asked anything.

use crate::fault::{GitError, Unsupported};
use crate::limits::{Limit, Limits};
use crate::older::Older;
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
    /// Whether it can say what it has before it sends anything.
    pub(crate) can_wait: bool,
}

/// A line of the greeting means that the server cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Unsupported(Unsupported),
    /// It is more than a limit.
    Limit(Limit),
    /// It is no greeting.
    Foreign,
}

/// What a server says by itself.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// In version 2, what it can.
    Newer(Capabilities),
    /// In an older one, also its references.
    Older(Older),
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
            b"fetch" => {
                (self.can_stop, self.can_filter) = (has(b"shallow"), has(b"filter"));
                self.can_wait = has(b"wait-for-done");
            }
            _ => {}
        }
        Ok(())
    }
}

/// What has been read of a greeting.
enum Reading {
    Nothing,
    /// The service was named, as smart HTTP does.
    Service,
    /// Version 1 is version 0 with its name in front.
    Version,
    Newer(Capabilities),
    Older(Older),
}

impl Reading {
    fn take(self, packet: Packet<'_>, wanted: &Wanted<'_>) -> Result<Self, Obstacle> {
        let (limits, is_wanted) = (wanted.limits, wanted.is_wanted);
        match (self, packet) {
            (Self::Nothing, Packet::Line(line)) if line.starts_with(SERVICE) => Ok(Self::Service),
            (Self::Service, Packet::Flush) => Ok(Self::Nothing),
            (Self::Nothing, Packet::Line(line)) => match trimmed(line) {
                b"version 2" => Ok(Self::Newer(Capabilities::default())),
                b"version 1" => Ok(Self::Version),
                line => Older::first(line, is_wanted, limits).map(Self::Older),
            },
            (Self::Version, Packet::Line(line)) => Older::first(trimmed(line), is_wanted, limits).map(Self::Older),
            (Self::Newer(mut capabilities), Packet::Line(line)) => {
                capabilities.take(trimmed(line))?;
                Ok(Self::Newer(capabilities))
            }
            (Self::Older(mut older), Packet::Line(line)) => {
                older.take(trimmed(line), is_wanted, limits)?;
                Ok(Self::Older(older))
            }
            (
                Self::Nothing | Self::Service | Self::Version | Self::Newer(_) | Self::Older(_),
                Packet::Line(_) | Packet::Flush | Packet::Delimiter | Packet::End,
            ) => Err(Obstacle::Foreign),
        }
    }
}

/// What is kept of references that come unasked.
pub(crate) struct Wanted<'w> {
    pub(crate) limits: &'w Limits,
    pub(crate) is_wanted: &'w (dyn Fn(&str) -> bool + Sync),
}

/// Reads a greeting.
pub(crate) async fn read(packets: &mut Packets<'_>, wanted: &Wanted<'_>) -> Result<Greeting, GitError> {
    let mut reading = Reading::Nothing;
    loop {
        let packet = packets.next().await?;
        reading = match (reading, packet) {
            (Reading::Newer(capabilities), Packet::Flush) => return Ok(Greeting::Newer(capabilities)),
            (Reading::Older(older), Packet::Flush) => return Ok(Greeting::Older(older)),
            (reading, packet) => reading.take(packet, wanted).map_err(|obstacle| match obstacle {
                Obstacle::Unsupported(what) => GitError::Unsupported(what),
                Obstacle::Limit(limit) => GitError::Wire(WireError::Limit(limit)),
                Obstacle::Foreign => GitError::Wire(WireError::Unexpected("no greeting of git in it")),
            })?,
        };
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
            can_wait: true,
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
}
