//! Values that must never be shown, taken out of everything a source says.

use std::borrow::Cow;

use k1s_sync_engine::event::{SyncEvent, Verdict};
use k1s_sync_engine::problem::Problem;

/// What stands in place of a value.
const SHOWN: &str = "***";
/// Most values of one source; a source that names more is redacted by these.
const MAX_VALUES: usize = 10_000;

/// The values of one source that must not be shown, longest first.
#[derive(Default)]
pub(super) struct Redaction {
    values: Vec<String>,
}

impl Redaction {
    /// Adds values; what is not text can never be part of a line.
    pub(super) fn add<'v>(&mut self, values: impl IntoIterator<Item = &'v [u8]>) {
        let texts = values.into_iter().filter_map(|value| std::str::from_utf8(value).ok());
        let room = MAX_VALUES.saturating_sub(self.values.len());
        self.values.extend(
            texts
                .filter(|text| !text.trim().is_empty())
                .take(room)
                .map(str::to_owned),
        );
        self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        self.values.dedup();
    }

    /// A text without the values.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for value in &self.values {
            if shown.contains(value.as_str()) {
                shown = Cow::Owned(shown.replace(value.as_str(), SHOWN));
            }
        }
        shown
    }

    /// A problem without the values.
    pub(super) fn problem(&self, problem: Problem) -> Problem {
        if self.values.is_empty() {
            return problem;
        }
        let (message, detail) = (
            self.text(&problem.message).into_owned(),
            self.text(&problem.detail).into_owned(),
        );
        Problem {
            message,
            detail,
            ..problem
        }
    }

    /// An event without the values in what went wrong.
    pub(super) fn event(&self, event: SyncEvent) -> SyncEvent {
        let verdict = match event.verdict {
            Verdict::Error(problem) => Verdict::Error(self.problem(problem)),
            Verdict::Pending(problem) => Verdict::Pending(self.problem(problem)),
            good @ (Verdict::Created
            | Verdict::Updated
            | Verdict::Unchanged
            | Verdict::Deleted
            | Verdict::Ignored(_)) => good,
        };
        SyncEvent { verdict, ..event }
    }
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redaction({} values)", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_values_go_first_and_nothing_else_changes() {
        let mut redaction = Redaction::default();
        redaction.add([&b"abc"[..], b"abcdef", b"", b" ", b"\xff"]);
        assert_eq!(redaction.text("x abcdef abc y"), "x *** *** y");
        assert_eq!(redaction.text("nothing"), "nothing");
        assert_eq!(format!("{redaction:?}"), "Redaction(2 values)");
    }
}
