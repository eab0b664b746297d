//! Reading objects before it is the writer's turn.
//!
//! The writer is one thread, and reading an object takes longer than judging it. Whoever submits work can read its objects
//! on a thread of its own. That is a guess: an object that is unchanged is known by its hash, and never read at all. So
//! objects are read ahead while most of what comes changes something, as in a first sync, and are left to the writer else.
//! Only time depends on it.

use bytes::Bytes;
use k1s_object::{Document, StatusRule};
use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::work::{Receipt, Work};

use crate::writer::Opening;

/// Work for the writer, with what was read of its objects.
#[derive(Debug)]
pub struct Submission {
    pub(crate) work: Work,
    pub(crate) documents: Documents,
}

/// What was read of the objects of a batch: one for each event, or none at all.
#[derive(Debug, Default)]
pub(crate) struct Documents(Vec<Option<Document>>);

/// Nothing was read.
impl From<Work> for Submission {
    fn from(work: Work) -> Self {
        Self {
            work,
            documents: Documents::default(),
        }
    }
}

impl Submission {
    /// Bytes of the objects it brings, roughly.
    pub(crate) fn size(&self) -> usize {
        match &self.work {
            Work::Apply(batch) => batch.events.iter().chain(&batch.earlier).map(Event::size).sum(),
            Work::Kind(_) | Work::BeginGeneration { .. } | Work::EndGeneration(_) | Work::ScopeGone { .. } => 0,
        }
    }
}

impl Documents {
    /// Pairs each event with what was read of its object.
    pub(crate) fn beside(self, events: Vec<Event>) -> impl Iterator<Item = (Event, Option<Document>)> {
        events
            .into_iter()
            .zip(self.0.into_iter().chain(std::iter::repeat_with(|| None)))
    }
}

/// Whether the objects of one session are worth reading ahead.
#[derive(Clone, Copy, Debug)]
pub struct ReadAhead {
    status: StatusRule,
    next: Guess,
}

/// What most of the next objects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    News,
    Unchanged,
}

impl ReadAhead {
    /// Begins with a session of a source whose status is treated as told: nothing is known of a source that has no scope.
    #[must_use]
    pub fn new(status: StatusRule, opening: &Opening) -> Self {
        Self {
            status,
            next: if opening.scopes.is_empty() {
                Guess::News
            } else {
                Guess::Unchanged
            },
        }
    }

    /// Learns from what became of earlier work.
    pub fn learn(&mut self, receipt: &Receipt) {
        let tally = &receipt.tally;
        let read = tally.created + tally.updated + tally.pending;
        if read > tally.unchanged {
            self.next = Guess::News;
        } else if tally.unchanged > 0 {
            self.next = Guess::Unchanged;
        }
    }

    /// Reads the objects of a batch, where that is likely to spare the writer something.
    #[must_use]
    pub fn submission(&self, work: Work) -> Submission {
        let documents = match (&work, self.next) {
            (Work::Apply(batch), Guess::News) => batch.events.iter().map(|event| self.document(event)).collect(),
            (Work::Apply(_), Guess::Unchanged)
            | (
                Work::Kind(_) | Work::BeginGeneration { .. } | Work::EndGeneration(_) | Work::ScopeGone { .. },
                Guess::News | Guess::Unchanged,
            ) => Vec::new(),
        };
        Submission {
            work,
            documents: Documents(documents),
        }
    }

    fn document(&self, event: &Event) -> Option<Document> {
        match &event.change {
            Change::Upsert { object, .. } => self.read(object),
            Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => None,
        }
    }

    /// What cannot be read is read by the writer again, which says why.
    fn read(&self, object: &Bytes) -> Option<Document> {
        Document::read(object, self.status).ok()
    }
}

#[cfg(test)]
mod tests {
    use k1s_object::{ContentHash, DeclaredKey};
    use k1s_sync_engine::event::{Provenance, Tally};
    use k1s_sync_engine::id::{Generation, ScopeId, Seq, SourceVersion};
    use k1s_sync_engine::message::{Batch, More};

    use super::*;
    use crate::writer::StoredScope;

    fn ahead(scopes: &[&str]) -> ReadAhead {
        let scopes = scopes
            .iter()
            .map(|id| (ScopeId::new(id).unwrap(), StoredScope::default()));
        let opening = Opening {
            scopes: scopes.collect(),
        };
        ReadAhead::new(StatusRule::Drop, &opening)
    }

    fn batch(objects: &[&'static str]) -> Work {
        let event = |object: &&'static str| Event {
            change: Change::Upsert {
                key: DeclaredKey::new("", "A", "", "a"),
                object: Bytes::from_static(object.as_bytes()),
                content_hash: ContentHash::of(object.as_bytes()),
            },
            provenance: Provenance::default(),
            source_version: SourceVersion::default(),
        };
        Work::Apply(Batch {
            seq: Seq::new(1),
            scope: ScopeId::default(),
            generation: Some(Generation::new(1)),
            events: objects.iter().map(event).collect(),
            token: None,
            more: More::Last,
            earlier: Vec::new(),
        })
    }

    fn read(ahead: ReadAhead, work: Work) -> Vec<bool> {
        let Submission { work, documents } = ahead.submission(work);
        let Work::Apply(batch) = work else { return Vec::new() };
        documents
            .beside(batch.events)
            .map(|(_, document)| document.is_some())
            .collect()
    }

    #[test]
    fn what_can_be_read_is_read_for_a_source_of_which_nothing_is_known() {
        let objects = [r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}"#, "no object"];
        assert_eq!(read(ahead(&[]), batch(&objects)), [true, false]);
        assert_eq!(read(ahead(&[""]), batch(&objects)), [false, false]);
    }

    #[test]
    fn what_became_of_the_last_objects_says_what_to_expect_of_the_next() {
        let mut ahead = ahead(&[""]);
        let told = |created, pending, unchanged| Receipt {
            tally: Tally {
                created,
                pending,
                unchanged,
                ..Tally::default()
            },
            ..Receipt::default()
        };
        for (receipt, expected) in [
            (told(0, 0, 9), Guess::Unchanged),
            (told(3, 2, 4), Guess::News),
            (told(0, 0, 0), Guess::News),
            (told(1, 0, 1), Guess::Unchanged),
            (told(0, 0, 0), Guess::Unchanged),
        ] {
            ahead.learn(&receipt);
            assert_eq!(ahead.next, expected, "{receipt:?}");
        }
    }
}
