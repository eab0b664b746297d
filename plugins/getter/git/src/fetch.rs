//! Asking for objects, and taking the pack that comes.

use std::io::Write;

use crate::advertised::AGENT;
use crate::capabilities::Capabilities;
use crate::fault::GitError;
use crate::id::ObjectId;
use crate::limits::Limits;
use crate::meter::{Bases, Measured, Meter};
use crate::packet::{Packet, Request, trimmed};
use crate::watch::Watch;
use crate::wire::{Packets, WireError, shown};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand<'d> {
    /// Commits, without those before them, with their trees, and without files where the server can leave them out; of what
    /// `have` has, nothing.
    Commits {
        wants: &'d [ObjectId],
        have: Option<ObjectId>,
    },
    /// Just these objects.
    Objects(&'d [ObjectId]),
}

/// Asks for objects. There is nothing to negotiate, so that the server answers with the pack at once.
pub(crate) fn request(capabilities: &Capabilities, demand: Demand<'_>) -> Vec<u8> {
    let mut request = Request::default();
    request.line("command=fetch").line(AGENT);
    if capabilities.asks_format {
        request.line("object-format=sha1");
    }
    request.delimiter().line("no-progress").line("ofs-delta");
    let wants = match demand {
        Demand::Objects(wants) => wants,
        Demand::Commits { wants, have } => {
            if capabilities.can_stop {
                if let Some(have) = have {
                    request.line(&format!("shallow {have}"));
                }
                request.line("deepen 1");
            }
            if capabilities.can_filter {
                request.line("filter blob:none");
            }
            if let Some(have) = have {
                // Of a pack that may lean on what we have, and only of one, servers leave out what a commit has in common with
                // one that is not its parent.
                request.line("thin-pack").line(&format!("have {have}"));
            }
            wants
        }
    };
    for want in wants {
        request.line(&format!("want {want}"));
    }
    request.line("done");
    request.flush()
}

/// Takes the answer: whatever stands before the pack is passed over, the pack is written to `spool` and measured. It may lean on
/// `bases`.
pub(crate) async fn receive(
    packets: &mut Packets<'_>,
    limits: &Limits,
    bases: Bases,
    spool: &mut (impl Write + Send),
    watch: &dyn Watch,
) -> Result<Measured, GitError> {
    loop {
        match packets.next().await? {
            Packet::Line(line) if trimmed(line) == b"packfile" => break,
            Packet::Line(_) | Packet::Delimiter => {}
            Packet::Flush | Packet::End => return Err(GitError::Wire(WireError::Unexpected("no pack"))),
        }
    }
    pack(packets, limits, bases, spool, watch).await
}

/// Takes the pack of an answer, to its end.
pub(crate) async fn pack(
    packets: &mut Packets<'_>,
    limits: &Limits,
    bases: Bases,
    spool: &mut (impl Write + Send),
    watch: &dyn Watch,
) -> Result<Measured, GitError> {
    let mut meter = Meter::new(*limits, bases);
    loop {
        let beside = match packets.next_of_pack().await? {
            Packet::Flush => break,
            Packet::Line([1, bytes @ ..]) if !bytes.is_empty() => {
                meter.feed(bytes)?;
                spool.write_all(bytes).map_err(GitError::Spool)?;
                watch.came(bytes.len() as u64);
                let (objects, of) = meter.counted();
                watch.counted(objects, of);
                continue;
            }
            Packet::Line([3, words @ ..]) => return Err(GitError::Wire(WireError::Refused(shown(words)))),
            // Progress, and nothing at all, are no part of the pack and have no end by themselves.
            Packet::Line(line @ ([] | [1] | [2, ..])) => line.len() + 4,
            Packet::Line(_) | Packet::Delimiter | Packet::End => {
                return Err(GitError::Wire(WireError::Unexpected(
                    "something in its pack that is none",
                )));
            }
        };
        packets.count(beside)?;
    }
    Ok(meter.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_can_is_asked() {
        let id = ObjectId::from_bytes(&[0xab; 20]).unwrap();
        let demand = Demand::Commits {
            wants: &[id],
            have: Some(id),
        };
        let text = |capabilities: Capabilities| String::from_utf8(request(&capabilities, demand)).unwrap();
        let full = text(Capabilities {
            asks_format: true,
            tells_unborn: true,
            can_stop: true,
            can_filter: true,
            can_wait: true,
        });
        let hex = "ab".repeat(20);
        for line in [
            "object-format=sha1",
            "deepen 1",
            "filter blob:none",
            &format!("shallow {hex}"),
            &format!("have {hex}"),
        ] {
            assert!(full.contains(line), "{line}");
        }
        assert!(full.ends_with(&format!("0032want {hex}\n0009done\n0000")), "{full}");
        let least = text(Capabilities::default());
        for line in ["object-format", "deepen", "filter", "shallow"] {
            assert!(!least.contains(line), "{line}");
        }
    }
}
