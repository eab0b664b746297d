//! What a plugin said in one listing.

use k1s_source_proto::SnapshotDigest;
use k1s_source_proto::v1;
use k1s_source_proto::v1::event::Change;
use k1s_source_proto::v1::snapshot_end::Outcome;

/// A listing of one scope, from begin to end.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) root_identity: String,
    pub(crate) events: Vec<v1::Event>,
    /// Problems outside events, as `CODE: message`.
    pub(crate) problems: Vec<String>,
    pub(super) end: Option<v1::SnapshotEnd>,
}

impl Listing {
    pub(crate) fn is_complete(&self) -> bool {
        self.end.as_ref().unwrap().outcome() == Outcome::Complete
    }

    /// The events as `upsert Kind name path:line`, `seen …`, `ignored CODE path:line`, `failed CODE path:line:column`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.events.iter().map(line).collect()
    }

    /// The messages of what failed.
    pub(crate) fn messages(&self) -> Vec<&str> {
        let mut messages = Vec::new();
        for event in &self.events {
            if let Some(Change::Failed(problem)) = &event.change {
                messages.push(problem.message.as_str());
            }
        }
        messages
    }

    /// How many events begin with `word`.
    pub(crate) fn count(&self, word: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(word)).count()
    }
}

pub(super) fn line(event: &v1::Event) -> String {
    let v1::Provenance { path, line, column, .. } = event.provenance.clone().unwrap_or_default();
    let place = if line == 0 { path } else { format!("{path}:{line}") };
    let key = event
        .key
        .as_ref()
        .map(|key| format!("{} {} ", key.kind, key.name))
        .unwrap_or_default();
    match event.change.as_ref().unwrap() {
        Change::Upsert(_) => format!("upsert {key}{place}"),
        Change::Seen(_) => format!("seen {key}{place}"),
        Change::Ignored(ignored) => format!("ignored {} {place}", short(ignored.code().as_str_name(), "CODE_")),
        Change::Failed(problem) if line == 0 => format!("failed {} {key}{place}", code(problem)),
        Change::Failed(problem) => format!("failed {} {key}{place}:{column}", code(problem)),
        Change::Delete(_) => format!("delete {key}{place}"),
    }
}

pub(super) fn code(problem: &v1::Problem) -> String {
    short(problem.code().as_str_name(), "PROBLEM_CODE_")
}

fn short(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap().to_owned()
}

/// Adds an event to a digest.
pub(super) fn feed(digest: &mut SnapshotDigest, event: &v1::Event) {
    let key = event.key.as_ref();
    match event.change.as_ref().unwrap() {
        Change::Upsert(upsert) => digest.upsert(key.unwrap(), &upsert.content_hash[..].try_into().unwrap()),
        Change::Delete(_) => digest.delete(key.unwrap()),
        Change::Seen(_) => digest.seen(key.unwrap(), &event.source_version),
        Change::Ignored(_) => digest.ignored(key),
        Change::Failed(_) => digest.failed(key),
    }
}
