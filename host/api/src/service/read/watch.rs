//! Watches: every change after a revision once, in order, one line of JSON each.
//!
//! Nothing is queued for a watcher: the next changes are read from where it stands when it has taken the last ones. One
//! that is too slow for the window in which changes are kept is told so by an `ERROR` event and lists again.
//!
//! An object that begins to match the selectors is `ADDED`, one that no longer matches is `DELETED` in its last state that
//! did; for that, what it was before is looked up. Where that is not kept any more, one that matches is `MODIFIED` and one
//! that does not is `DELETED`, which changes nothing for a client that never had it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use k1s_store::StoreError;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_sync_engine::id::Revision;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::collection::{AsOf, Before, Change, Collection, Item, Place};
use super::form::Form;
use super::list::Extent;
use super::options::{Bookmarks, WatchOptions};
use super::selection::Selection;
use super::stream::streamed;
use super::table::Headers;
use crate::board::ControlChange as ChangeKind;
use crate::service::Body;
use crate::service::blocking::reading;
use crate::service::failure::Failure;

/// How often a watcher is told how far it is.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// Marks the bookmark that ends the initial state.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Where a watch begins.
#[derive(Debug)]
pub(super) enum Beginning {
    /// With the state.
    State(Extent, End),
    /// Behind a revision.
    After(Revision),
}

/// How the initial state ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is not told.
    Silent,
    /// By a bookmark that says so.
    Marked,
}

/// What a watch is made of.
#[derive(Debug)]
pub(super) struct Watched {
    /// What is watched.
    pub(super) collection: Collection,
    /// Which of it.
    pub(super) selection: Selection,
    /// In which form.
    pub(super) form: Form,
    /// Group and version, and kind, as bookmarks have them.
    pub(super) named: (String, String),
    /// True once the host stops.
    pub(super) closing: watch::Receiver<bool>,
}

/// A watch in progress.
#[derive(Debug)]
struct Watcher {
    watched: Watched,
    headers: Headers,
    bookmarks: Bookmarks,
    deadline: Instant,
    next_bookmark: Instant,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The state is told.
    State { as_of: AsOf, extent: Extent, end: End },
    /// Changes after this revision are told.
    Following(Revision),
}

/// What happens next to a watcher that knows everything.
enum Next {
    Changes,
    Bookmark,
    End,
}

/// Answers with a watch.
pub(super) fn watch(watched: Watched, beginning: Beginning, options: &WatchOptions) -> Response<Body> {
    let now = Instant::now();
    let watcher = Watcher {
        watched,
        headers: Headers::Shown,
        bookmarks: options.bookmarks,
        deadline: now + options.length,
        next_bookmark: now + BOOKMARK_INTERVAL,
        phase: match beginning {
            Beginning::State(extent, end) => Phase::State {
                as_of: AsOf::Newest,
                extent,
                end,
            },
            Beginning::After(revision) => Phase::Following(revision),
        },
    };
    streamed(stream::unfold(Some(watcher), |watcher| async move {
        let (text, rest) = watcher?.go_on().await?;
        Some((Ok(Bytes::from(text)), rest))
    }))
}

/// Answers with a watch that only says why there is none. Clients of lists begin anew when they read that.
pub(super) fn refused(failure: &Failure) -> Response<Body> {
    let line = error_line(failure);
    streamed(stream::iter([Ok(Bytes::from(line))]))
}

fn error_line(failure: &Failure) -> String {
    line("ERROR", &failure.status())
}

fn line(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

impl Watcher {
    /// Makes the next lines; `None` when the watch is over.
    async fn go_on(mut self) -> Option<(String, Option<Self>)> {
        loop {
            if self.is_over() {
                return self.farewell();
            }
            let read = reading(move || {
                let text = self.read()?;
                Ok((self, text))
            });
            match read.await {
                Ok((watcher, text)) => {
                    self = watcher;
                    if !text.is_empty() {
                        return Some((text, Some(self)));
                    }
                }
                Err(failure) => return Some((error_line(&failure), None)),
            }
            let Phase::Following(reached) = self.phase else {
                continue;
            };
            match self.next(reached).await {
                Next::Changes => {}
                Next::Bookmark => {
                    let text = self.bookmark(reached);
                    return Some((text, Some(self)));
                }
                Next::End => return self.farewell(),
            }
        }
    }

    fn is_over(&self) -> bool {
        let closing = &self.watched.closing;
        *closing.borrow() || closing.has_changed().is_err() || Instant::now() >= self.deadline
    }

    /// The last line: how far the watcher came, so that it can go on from there.
    fn farewell(mut self) -> Option<(String, Option<Self>)> {
        match (self.bookmarks, &self.phase) {
            (Bookmarks::Wanted, Phase::Following(reached)) => Some((self.bookmark(*reached), None)),
            (Bookmarks::Wanted, Phase::State { .. }) | (Bookmarks::Unwanted, _) => None,
        }
    }

    async fn next(&mut self, reached: Revision) -> Next {
        let Watched {
            collection, closing, ..
        } = &mut self.watched;
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Next::End,
            () = sleep_until(self.deadline) => Next::End,
            () = sleep_until(self.next_bookmark), if self.bookmarks == Bookmarks::Wanted => Next::Bookmark,
            is_open = collection.passes(reached) => if is_open { Next::Changes } else { Next::End },
        }
    }

    /// Reads what is next: a page of the state, or some changes. Blocks.
    fn read(&mut self) -> Result<String, StoreError> {
        self.watched.form.at(SystemClock.now());
        match &self.phase {
            Phase::State { as_of, extent, end } => {
                let (as_of, extent, end) = (*as_of, extent.clone(), *end);
                self.read_state(as_of, &extent, end)
            }
            Phase::Following(reached) => self.read_changes(*reached),
        }
    }

    fn read_state(&mut self, as_of: AsOf, extent: &Extent, end: End) -> Result<String, StoreError> {
        let (from, most) = extent.bounds();
        let page = self.watched.collection.page(from, most, as_of)?;
        let mut text = String::new();
        for item in &page.items {
            if self.watched.selection.matches(&item.document) {
                text.push_str(&self.event(ChangeKind::Added, item));
            }
        }
        self.phase = match extent.after(page.next) {
            Some(extent) => Phase::State {
                as_of: AsOf::Exactly(page.at),
                extent,
                end,
            },
            None => Phase::Following(page.at),
        };
        match (&self.phase, end) {
            (Phase::Following(at), End::Marked) => {
                let marked = json!({INITIAL_EVENTS_END: "true"});
                let mark = self.mark(*at, Some(&marked));
                text.push_str(&mark);
            }
            (Phase::Following(_), End::Silent) | (Phase::State { .. }, _) => {}
        }
        Ok(text)
    }

    fn read_changes(&mut self, after: Revision) -> Result<String, StoreError> {
        let found = self.watched.collection.changes(after)?;
        let mut text = String::new();
        for change in found.changes {
            if let Some((kind, item)) = self.told(change)? {
                text.push_str(&self.event(kind, &item));
            }
        }
        self.phase = Phase::Following(found.reached);
        if self.bookmarks == Bookmarks::Wanted && Instant::now() >= self.next_bookmark {
            text.push_str(&self.bookmark(found.reached));
        }
        Ok(text)
    }

    /// What a change is to who sees only the objects that match.
    fn told(&self, change: Change) -> Result<Option<(ChangeKind, Item)>, StoreError> {
        let selection = &self.watched.selection;
        let matches = selection.matches(&change.item.document);
        // The state before a deletion is the one it shows.
        if change.kind != ChangeKind::Modified || selection.is_constant() {
            return Ok(matches.then_some((change.kind, change.item)));
        }
        let before = self.watched.collection.before(&change)?;
        Ok(match before {
            Before::Was(was) if selection.matches(&was.document) => Some(if matches {
                (ChangeKind::Modified, change.item)
            } else {
                (ChangeKind::Deleted, was.at(change.revision))
            }),
            Before::Was(_) | Before::Absent => matches.then_some((ChangeKind::Added, change.item)),
            Before::Forgotten if matches => Some((ChangeKind::Modified, change.item)),
            Before::Forgotten => Some((ChangeKind::Deleted, change.item)),
        })
    }

    fn event(&mut self, kind: ChangeKind, item: &Item) -> String {
        let word = match kind {
            ChangeKind::Added => "ADDED",
            ChangeKind::Modified => "MODIFIED",
            ChangeKind::Deleted => "DELETED",
        };
        self.line(word, item)
    }

    fn line(&mut self, word: &str, item: &Item) -> String {
        let headers = std::mem::replace(&mut self.headers, Headers::Omitted);
        line(word, &self.watched.form.one(item, headers))
    }

    /// Says how far the watcher is.
    fn bookmark(&mut self, reached: Revision) -> String {
        self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
        self.mark(reached, None)
    }

    /// A bookmark: an object of the kind that has nothing but a resource version, and perhaps annotations.
    fn mark(&mut self, reached: Revision, annotations: Option<&Value>) -> String {
        let (api_version, kind) = &self.watched.named;
        let mut document = json!({
            "kind": kind,
            "apiVersion": api_version,
            "metadata": {"resourceVersion": reached.to_string()},
        });
        if let Some(annotations) = annotations {
            document["metadata"]["annotations"] = annotations.clone();
        }
        let item = Item {
            place: Place::default(),
            document,
            owned: None,
        };
        self.line("BOOKMARK", &item)
    }
}
