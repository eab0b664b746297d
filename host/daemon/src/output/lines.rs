//! What a run prints: one summary for each pass of a source, one line for each failure, one for each change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k1s_sync_engine::event::{Provenance, SyncEvent, Tally, Verdict};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::problem::Problem;

use super::palette::Palette;
use super::text::{count, elapsed, key, visible};

/// How local places begin in a provenance.
const LOCAL: &str = "file://";

/// Writes lines for people.
#[derive(Clone, Debug)]
pub struct Lines {
    palette: Palette,
    working_directory: PathBuf,
}

impl Lines {
    /// Writes with these colours, and names files as seen from this (absolute) directory.
    #[must_use]
    pub fn new(palette: Palette, working_directory: PathBuf) -> Self {
        Self {
            palette,
            working_directory,
        }
    }

    /// The summary of a pass: `source files   live: 1,198 created, 2 failed in 0.2 s`.
    #[must_use]
    pub fn summary(&self, source: &SourceName, tally: &Tally, took: Duration) -> String {
        let Palette { good, bad, .. } = self.palette;
        let style = if tally.failed + tally.pending > 0 { bad } else { good };
        let written = if tally.changes() == 0 { ", nothing written" } else { "" };
        format!(
            "source {source}   {style}live{style:#}: {} in {}{written}",
            counts(tally),
            elapsed(took)
        )
    }

    /// One line for everything of `events` that failed or waits, their columns aligned:
    /// `  shop/cart.yaml:14:9   DATA_INVALID  spec.replicas: expected integer`.
    #[must_use]
    pub fn failures(&self, events: &[SyncEvent]) -> Vec<String> {
        let failures: Vec<Failure<'_>> = events.iter().filter_map(|event| self.failure(event)).collect();
        let width = |of: fn(&Failure<'_>) -> usize| failures.iter().map(of).max().unwrap_or_default();
        let place_width = width(|failure| failure.place.chars().count());
        let code_width = width(|failure| failure.problem.code.as_str().len());
        let style = self.palette.bad;
        let line = |Failure {
                        place,
                        subject,
                        problem,
                    }: &Failure<'_>| {
            let code = problem.code.as_str();
            let message = visible(&problem.message);
            format!("  {place:<place_width$}   {style}{code:<code_width$}{style:#}  {subject}{message}")
        };
        failures.iter().map(line).collect()
    }

    fn failure<'e>(&self, event: &'e SyncEvent) -> Option<Failure<'e>> {
        let problem = problem_of(&event.verdict)?;
        let subject = event
            .key
            .as_ref()
            .map(|of| visible(&key(of)).into_owned())
            // Many messages name the object themselves.
            .filter(|subject| !problem.message.contains(subject.as_str()))
            .map_or_else(String::new, |subject| format!("{subject}: "));
        Some(Failure {
            place: self.place(&event.provenance),
            subject,
            problem,
        })
    }

    /// What happened to one object, if something did: `updated Deployment shop/cart (shop/cart.yaml:1)`.
    #[must_use]
    pub fn change(&self, event: &SyncEvent) -> Option<String> {
        let word = match &event.verdict {
            Verdict::Created => "created",
            Verdict::Updated => "updated",
            Verdict::Deleted => "deleted",
            Verdict::Unchanged | Verdict::Error(_) | Verdict::Pending(_) | Verdict::Ignored(_) => return None,
        };
        let subject = key(event.key.as_ref()?);
        let style = self.palette.muted;
        Some(match self.place(&event.provenance) {
            place if place.is_empty() => format!("{word} {}", visible(&subject)),
            place => format!("{word} {} {style}({place}){style:#}", visible(&subject)),
        })
    }

    /// Where something was read: a local file as seen from the working directory, else the path within its place.
    #[must_use]
    pub fn place(&self, provenance: &Provenance) -> String {
        let Provenance {
            uri,
            path,
            line,
            column,
            ..
        } = provenance;
        let mut place = match uri.strip_prefix(LOCAL) {
            Some(root) => self.shown(&Path::new(root).join(&**path)),
            None if path.is_empty() => uri.to_string(),
            None => path.to_string(),
        };
        for number in [line, column].into_iter().take_while(|number| **number > 0) {
            place.push_str(&format!(":{number}"));
        }
        visible(&place).into_owned()
    }

    /// A path, with or without a line, as seen from the working directory.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        visible(&self.shown(Path::new(path))).into_owned()
    }

    fn shown(&self, file: &Path) -> String {
        file.strip_prefix(&self.working_directory)
            .unwrap_or(file)
            .components()
            .collect::<PathBuf>()
            .display()
            .to_string()
    }
}

struct Failure<'e> {
    place: String,
    subject: String,
    problem: &'e Problem,
}

fn problem_of(verdict: &Verdict) -> Option<&Problem> {
    match verdict {
        Verdict::Error(problem) | Verdict::Pending(problem) => Some(problem),
        Verdict::Created | Verdict::Updated | Verdict::Unchanged | Verdict::Deleted | Verdict::Ignored(_) => None,
    }
}

/// The counts that are not zero: `1,198 created, 2 failed`.
#[must_use]
pub fn counts(tally: &Tally) -> String {
    let Tally {
        created,
        updated,
        unchanged,
        deleted,
        failed,
        pending,
        ignored,
    } = *tally;
    let words = [
        (created, "created"),
        (updated, "updated"),
        (deleted, "deleted"),
        (unchanged, "unchanged"),
        (failed, "failed"),
        (pending, "pending"),
        (ignored, "ignored"),
    ];
    let some: Vec<String> = words
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", count(number)))
        .collect();
    if some.is_empty() {
        "no objects".to_owned()
    } else {
        some.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use k1s_object::Key;
    use k1s_sync_engine::problem::ProblemCode;

    use super::*;

    fn lines() -> Lines {
        Lines::new(Palette::plain(), "/srv/me".into())
    }

    fn read_at(uri: &str, path: &str, line: u32, column: u32) -> Provenance {
        Provenance {
            uri: uri.into(),
            path: path.into(),
            line,
            column,
            ..Provenance::default()
        }
    }

    fn event(verdict: Verdict, provenance: Provenance) -> SyncEvent {
        SyncEvent {
            key: Some(Key::new("apps", "Deployment", "shop", "cart")),
            verdict,
            provenance,
        }
    }

    #[test]
    fn a_summary_names_what_there_was() {
        let source = SourceName::new("files").unwrap();
        let first = Tally {
            created: 1198,
            failed: 2,
            ignored: 4,
            ..Tally::default()
        };
        let second = Tally {
            unchanged: 1198,
            failed: 2,
            ignored: 4,
            ..Tally::default()
        };
        let mixed = Tally {
            created: 1,
            updated: 2,
            deleted: 3,
            unchanged: 4,
            failed: 5,
            pending: 6,
            ignored: 7,
        };
        for (tally, expected) in [
            (
                first,
                "source files   live: 1,198 created, 2 failed, 4 ignored in 0.2 s",
            ),
            (
                second,
                "source files   live: 1,198 unchanged, 2 failed, 4 ignored in 0.2 s, nothing written",
            ),
            (
                mixed,
                "source files   live: 1 created, 2 updated, 3 deleted, 4 unchanged, 5 failed, 6 pending, 7 ignored in 0.2 s",
            ),
            (
                Tally::default(),
                "source files   live: no objects in 0.2 s, nothing written",
            ),
        ] {
            assert_eq!(lines().summary(&source, &tally, Duration::from_millis(212)), expected);
        }
    }

    #[test]
    fn failures_are_aligned_and_everything_else_left_out() {
        let problem = |code, message: &str| Problem::with_object(code, message);
        let keyless = SyncEvent {
            key: None,
            ..event(
                Verdict::Error(problem(ProblemCode::DataInvalid, "expected integer,\nfound \"three\"")),
                read_at("file:///srv/me/manifests", "shop/cart.yaml", 14, 9),
            )
        };
        let events = [
            keyless,
            event(Verdict::Created, read_at("", "x", 1, 1)),
            event(
                Verdict::Pending(problem(ProblemCode::NoKind, "no such kind")),
                read_at("file:///srv", "all.yaml", 2, 0),
            ),
        ];
        let expected = [
            "  manifests/shop/cart.yaml:14:9   DATA_INVALID  expected integer, found \"three\"",
            "  /srv/all.yaml:2                 NO_KIND       Deployment shop/cart: no such kind",
        ];
        assert_eq!(lines().failures(&events), expected);
    }

    #[test]
    fn a_change_is_told_with_its_place() {
        let place = || read_at("file:///srv/me/./manifests", "shop/cart.yaml", 1, 0);
        for (verdict, expected) in [
            (
                Verdict::Created,
                Some("created Deployment shop/cart (manifests/shop/cart.yaml:1)"),
            ),
            (
                Verdict::Updated,
                Some("updated Deployment shop/cart (manifests/shop/cart.yaml:1)"),
            ),
            (
                Verdict::Deleted,
                Some("deleted Deployment shop/cart (manifests/shop/cart.yaml:1)"),
            ),
            (Verdict::Unchanged, None),
        ] {
            assert_eq!(lines().change(&event(verdict, place())).as_deref(), expected);
        }
        let nowhere = event(Verdict::Deleted, Provenance::default());
        assert_eq!(
            lines().change(&nowhere).as_deref(),
            Some("deleted Deployment shop/cart")
        );
    }

    #[test]
    fn places_elsewhere_are_paths_within_them() {
        for (provenance, expected) in [
            (read_at("https://example.com/repo", "a.yaml", 3, 1), "a.yaml:3:1"),
            (
                read_at("https://example.com/repo", "", 0, 0),
                "https://example.com/repo",
            ),
            (read_at("", "a\u{1b}[2J.yaml", 0, 0), "a^[[2J.yaml"),
            (read_at("file:///srv/me/one.yaml", "", 2, 0), "one.yaml:2"),
        ] {
            assert_eq!(lines().place(&provenance), expected);
        }
    }

    #[test]
    fn colours_frame_the_words_they_are_about() {
        let lines = Lines::new(Palette::coloured(), PathBuf::new());
        let source = SourceName::new("files").unwrap();
        let summary = lines.summary(
            &source,
            &Tally {
                created: 1,
                ..Tally::default()
            },
            Duration::ZERO,
        );
        assert_eq!(summary, "source files   \u{1b}[32mlive\u{1b}[0m: 1 created in 0.0 s");
    }
}
