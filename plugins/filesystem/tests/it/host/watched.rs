//! A folder that a plugin watches, and what a host has heard of it since.

use k1s_source_proto::v1::sync_request::Reason;
use serde_json::{Value, json};

use super::{Folder, Listing, Said, Session, User, map};

/// A folder under watch.
pub(crate) struct Watched {
    pub(crate) folder: Folder,
    pub(crate) session: Session,
    /// Everything said since the first listing, as lines; listings nobody ordered as `listing`.
    pub(crate) said: Vec<String>,
}

impl Watched {
    /// Fills a folder, and waits until it has been listed.
    pub(crate) async fn with(options: Value, files: &[(&str, &str)]) -> Self {
        Self::of(User::Own, options, files).await
    }

    pub(crate) async fn of(user: User, options: Value, files: &[(&str, &str)]) -> Self {
        let mut all = json!({"debounce": "20ms", "deleteSettle": "150ms"});
        all.as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        let mut folder = Folder::with(all);
        folder.user = user;
        for (path, text) in files {
            folder.write(path, text);
        }
        Self::begin(folder).await
    }

    pub(crate) async fn begin(mut folder: Folder) -> Self {
        let mut session = folder.open().await;
        let listing = session.listing().await.1;
        folder.inventory.apply(&listing);
        Self {
            folder,
            session,
            said: Vec::new(),
        }
    }

    /// Hears what is said next, and applies it.
    pub(crate) async fn hear(&mut self) {
        match self.session.said().await {
            Said::Batch(events) => {
                self.folder.inventory.apply_changes(&events);
                self.said.extend(events.iter().map(super::listing::line));
            }
            Said::Problem(text) => self.said.push(text),
            Said::Listing(listing) => {
                self.said.push(format!(
                    "listing {}",
                    if listing.is_complete() {
                        "complete"
                    } else {
                        "incomplete"
                    }
                ));
                self.said.extend(listing.problems.clone());
                self.folder.inventory.apply(&listing);
            }
            Said::Drained => panic!("drained unasked"),
        }
    }

    /// Hears on until the host holds exactly these lines.
    pub(crate) async fn until(&mut self, expected: &[&str]) {
        let mut sorted = expected.to_vec();
        sorted.sort_unstable();
        while self.folder.inventory.lines() != sorted {
            self.hear().await;
        }
    }

    /// Hears on until a line that begins with `start` was said.
    pub(crate) async fn until_said(&mut self, start: &str) {
        while !self.said.iter().any(|line| line.starts_with(start)) {
            self.hear().await;
        }
    }

    /// Hears on until something that goes after everything so far is known to be gone: whatever else was to be deleted
    /// has been by then. Forgets what was said of it, and returns the rest.
    pub(crate) async fn settle(&mut self) -> Vec<String> {
        self.folder.write("zz-sentinel.yaml", map("zz-sentinel", "1"));
        self.until_said("upsert ConfigMap zz-sentinel").await;
        self.folder.remove("zz-sentinel.yaml");
        self.until_said("delete ConfigMap zz-sentinel").await;
        self.said.retain(|line| !line.contains("zz-sentinel"));
        std::mem::take(&mut self.said)
    }

    /// Orders a listing and applies it.
    pub(crate) async fn sync(&mut self, reason: Reason) -> Listing {
        let scope = self.folder.scope().to_owned();
        let listing = self.session.sync(&scope, reason).await;
        self.folder.inventory.apply(&listing);
        listing
    }
}

/// How many lines begin with `start`.
pub(crate) fn count(lines: &[String], start: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(start)).count()
}
