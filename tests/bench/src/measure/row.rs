//! The rows, by name.

use std::fmt;

use serde::Serialize;

/// A row of the table of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Row {
    /// A new store from a tree of files, durable.
    FirstSync,
    /// The same tree again, unchanged.
    Unchanged,
    /// Everything is sent, nothing has changed.
    Stream,
    /// Everything is listed, read, parsed and sent, and dropped where it arrives.
    Discard,
    /// From a file's change to the event of a watch.
    Edit,
    /// The same to the events of many watches.
    FanOut,
    /// From a plugin's start until its source is live.
    Spawn,
    /// What the host grows by while objects stream, and what an object takes.
    Memory,
    /// A host that has nothing to do.
    Idle,
    /// All objects of a kind through the API.
    List,
    /// What an object takes on the disk, and the growth of the file by changes.
    Growth,
    /// The same work for many more objects.
    Million,
    /// From the start of a host with many objects until it is ready.
    Start,
    /// kubectl and a real API server, on the same files.
    Peer,
}

impl Row {
    /// Every row, in the order they run in.
    pub(super) const ALL: [Self; 14] = [
        Self::FirstSync,
        Self::Unchanged,
        Self::Stream,
        Self::Discard,
        Self::Edit,
        Self::FanOut,
        Self::Spawn,
        Self::Memory,
        Self::Idle,
        Self::List,
        Self::Growth,
        Self::Million,
        Self::Start,
        Self::Peer,
    ];

    /// Whether it runs unless rows are asked for: what needs a server that somebody else wrote does not.
    pub(super) fn is_default(self) -> bool {
        self != Self::Peer
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FirstSync => "first sync",
            Self::Unchanged => "unchanged",
            Self::Stream => "stream",
            Self::Discard => "discard",
            Self::Edit => "edit",
            Self::FanOut => "fan-out",
            Self::Spawn => "spawn",
            Self::Memory => "memory",
            Self::Idle => "idle",
            Self::List => "list",
            Self::Growth => "growth",
            Self::Million => "million",
            Self::Start => "start",
            Self::Peer => "peer",
        })
    }
}
