//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Most edits, as a share of the longer name, between a name and a suggestion for it.
const LIKENESS: f64 = 0.6;

/// Most findings that are reported of one configuration; later ones are dropped.
const MAX_FINDINGS: usize = 200;

/// A place in a file; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was named by whoever named it.
    pub file: Arc<PathBuf>,
    /// The line; 0 when the whole file is meant.
    pub line: u32,
    /// The column; 0 when the whole file is meant.
    pub column: u32,
}

impl Place {
    pub(super) fn whole(file: &Arc<PathBuf>) -> Self {
        Self {
            file: Arc::clone(file),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where; absent for what the command line says.
    pub place: Option<Place>,
    /// What, and what to do about it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What was found, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Adds a finding, which is not even made when there are enough.
    pub(super) fn add(&mut self, finding: impl FnOnce() -> Finding) {
        if self.list.len() < MAX_FINDINGS {
            self.list.push(finding());
        }
    }

    /// Adds what is not there yet.
    pub(super) fn extend(&mut self, findings: Vec<Finding>) {
        let room = MAX_FINDINGS.saturating_sub(self.list.len());
        let fresh: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| !self.list.contains(finding))
            .collect();
        self.list.extend(fresh.into_iter().take(room));
    }
}

/// A configuration that cannot be used: everything found, in the order of files, lines and columns; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ConfigError {
    findings: Vec<Finding>,
}

impl ConfigError {
    /// Takes what was found, or nothing when nothing was.
    pub(super) fn of(findings: Findings) -> Result<(), Self> {
        let mut findings = findings.list;
        if findings.is_empty() {
            return Ok(());
        }
        findings.sort();
        Err(Self { findings })
    }

    /// What is wrong.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl From<Finding> for ConfigError {
    fn from(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
        }
    }
}

/// One line for each finding.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

/// The name that is most like `written`, if one is like it at all.
pub(super) fn closest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lower = written.to_lowercase();
    names
        .into_iter()
        .map(|name| {
            (
                strsim::normalized_damerau_levenshtein(&lower, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}

/// `; did you mean "…"?` where a name is like `written`, else nothing.
pub(super) fn suggestion<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    closest(written, names).map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_is_alike_is_suggested() {
        let names = ["plugin", "prune", "allowEmpty"];
        for (written, expected) in [
            ("plugn", Some("plugin")),
            ("Plugin", Some("plugin")),
            ("allow_empty", Some("allowEmpty")),
            ("zzz", None),
        ] {
            assert_eq!(closest(written, names), expected, "{written}");
        }
    }
}
