//! Which files the configuration selects, by path alone.
//!
//! A pattern without a slash matches a name at any depth; one with a slash matches the path below the root. A slash at
//! the end makes it a pattern for directories. `*` and `?` stop at slashes, `**` does not. What ignore files leave out is
//! decided by [`Rules`](crate::Rules).

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use k1s_source::{Diagnostic, OneOrMany};

/// What is included unless configured otherwise.
pub const INCLUDE: [&str; 3] = ["*.yaml", "*.yml", "*.json"];
/// The most patterns of `include` or of `exclude`.
const PATTERNS: usize = 1024;

/// A pattern cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// It is empty, or only a slash.
    #[error("an empty pattern matches nothing")]
    Empty,
    /// It begins with `!`.
    #[error("`{pattern}`: negation works in ignore files only")]
    Negated {
        /// As written.
        pattern: String,
    },
    /// It has a part `..` or `.`.
    #[error("`{pattern}`: a pattern cannot have `.` or `..` as a part")]
    Dots {
        /// As written.
        pattern: String,
    },
    /// It ends with a slash where files are meant.
    #[error("`{pattern}` names directories; for the files in them write `{pattern}**`")]
    Directory {
        /// As written.
        pattern: String,
    },
    /// It is no glob.
    #[error(transparent)]
    Glob(#[from] globset::Error),
}

/// Patterns, checked one by one.
#[derive(Debug, Default)]
pub struct Patterns {
    /// For files and directories alike.
    any: Vec<globset::Glob>,
    /// For directories.
    directories: Vec<globset::Glob>,
}

impl Patterns {
    /// Adds a pattern for files only.
    ///
    /// # Errors
    /// As [`Patterns::add`], and if it is one for directories.
    pub fn add_for_files(&mut self, pattern: &str) -> Result<(), PatternError> {
        if pattern.ends_with('/') && pattern.len() > 1 {
            return Err(PatternError::Directory {
                pattern: pattern.to_owned(),
            });
        }
        self.add(pattern)
    }

    /// Adds a pattern for files and directories, or for directories only.
    ///
    /// # Errors
    /// Fails if it can match nothing, or is no pattern.
    pub fn add(&mut self, pattern: &str) -> Result<(), PatternError> {
        let owned = || pattern.to_owned();
        if pattern.starts_with('!') {
            return Err(PatternError::Negated { pattern: owned() });
        }
        let (body, list) = match pattern.strip_suffix('/') {
            Some(body) => (body, &mut self.directories),
            None => (pattern, &mut self.any),
        };
        let anchored = body.strip_prefix('/').unwrap_or(body);
        if anchored.is_empty() {
            return Err(PatternError::Empty);
        }
        if anchored.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(PatternError::Dots { pattern: owned() });
        }
        let glob = if body.contains('/') {
            anchored.to_owned()
        } else {
            format!("**/{body}")
        };
        list.push(GlobBuilder::new(&glob).literal_separator(true).build()?);
        Ok(())
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.any.is_empty() && self.directories.is_empty()
    }
}

/// What is selected by `include` and `exclude`.
#[derive(Debug)]
pub struct Selection {
    include: GlobSet,
    exclude: GlobSet,
    exclude_directories: GlobSet,
}

impl Selection {
    /// Reads the fields `include` and `exclude` of a configuration.
    ///
    /// # Errors
    /// Returns every fault, with its pointer.
    pub fn configured(include: &OneOrMany, exclude: &OneOrMany) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let included = patterns(include, "/include", Patterns::add_for_files, &mut faults);
        let excluded = patterns(exclude, "/exclude", Patterns::add, &mut faults);
        if included.is_empty() && faults.is_empty() {
            let fault = Diagnostic::error("/include", "no pattern, so that no file would ever be read");
            faults.push(fault.suggestion("leave `include` out for *.yaml, *.yml and *.json"));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Self::new(&included, &excluded).map_err(|error| {
            let said = format!("the patterns together are too large: {error}");
            vec![Diagnostic::error("", said)]
        })
    }

    /// Compiles the patterns; of `include` those for files count.
    ///
    /// # Errors
    /// Fails if they are too large together.
    pub fn new(include: &Patterns, exclude: &Patterns) -> Result<Self, PatternError> {
        Ok(Self {
            include: set(&include.any)?,
            exclude: set(&exclude.any)?,
            exclude_directories: set(&exclude.directories)?,
        })
    }

    /// Returns whether the file at `path` below the root is selected, its directories aside.
    pub fn takes_file(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }

    /// Returns whether the directory at `path` below the root may be entered; one whose name begins with "." never is.
    pub fn enters(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        !name.starts_with('.') && !self.exclude.is_match(path) && !self.exclude_directories.is_match(path)
    }
}

fn patterns(
    texts: &OneOrMany,
    field: &'static str,
    add: fn(&mut Patterns, &str) -> Result<(), PatternError>,
    faults: &mut Vec<Diagnostic>,
) -> Patterns {
    let located = texts.located(field);
    let mut patterns = Patterns::default();
    if located.len() > PATTERNS {
        faults.push(Diagnostic::error(
            field,
            format!("{} patterns; the limit is {PATTERNS}", located.len()),
        ));
        return patterns;
    }
    for (pointer, text) in located {
        if let Err(error) = add(&mut patterns, text) {
            faults.push(Diagnostic::error(pointer, error.to_string()));
        }
    }
    patterns
}

fn set(globs: &[globset::Glob]) -> Result<GlobSet, PatternError> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(glob.clone());
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let patterns = |texts: &[&str]| {
            let mut patterns = Patterns::default();
            texts.iter().for_each(|text| patterns.add(text).unwrap());
            patterns
        };
        Selection::new(&patterns(include), &patterns(exclude)).unwrap()
    }

    #[test]
    fn files_are_selected_by_name_or_by_path() {
        for (include, exclude, path, taken) in [
            ("*.yaml", "-", "a.yaml", true),
            ("*.yaml", "-", "a/b/c.yaml", true),
            ("*.yaml", "-", "a.yaml/c", false),
            ("*.yaml", "-", "a.YAML", false),
            ("/*.yaml", "-", "a.yaml", true),
            ("/*.yaml", "-", "a/b.yaml", false),
            ("apps/*.yaml", "-", "apps/b.yaml", true),
            ("apps/*.yaml", "-", "apps/x/b.yaml", false),
            ("apps/*.yaml", "-", "deep/apps/b.yaml", false),
            ("apps/**/*.yaml", "-", "apps/x/y/b.yaml", true),
            ("apps/**/*.yaml", "-", "apps/b.yaml", true),
            ("*.{yaml,json}", "-", "x/b.json", true),
            ("*.yaml", "secret-*", "x/secret-a.yaml", false),
            ("*.yaml", "x/*", "x/a.yaml", false),
            ("*.yaml", "x/*", "y/x/a.yaml", true),
            ("*.yaml", "a.yaml/", "a.yaml", true),
        ] {
            let selection = selection(&[include], &[exclude]);
            assert_eq!(
                selection.takes_file(path),
                taken,
                "{path} by include {include}, exclude {exclude}"
            );
        }
    }

    #[test]
    fn directories_are_entered_unless_excluded() {
        for (exclude, path, entered) in [
            ("vendor", "vendor", false),
            ("vendor", "a/vendor", false),
            ("vendor/", "a/vendor", false),
            ("/vendor", "a/vendor", true),
            ("/vendor/", "vendor", false),
            ("a/*/c", "a/b/c", false),
            ("*.yaml", "a", true),
            ("*.yaml", ".git", false),
            ("*.yaml", "a/.git", false),
            ("*.yaml", ".git/a", true),
        ] {
            assert_eq!(
                selection(&["*"], &[exclude]).enters(path),
                entered,
                "{path} by exclude {exclude}"
            );
        }
    }

    #[test]
    fn patterns_that_cannot_match_are_refused() {
        assert!(Patterns::default().add_for_files("apps/").is_err());
        for pattern in ["", "/", "!a", "../a", "./a", "a/../b", "a[", "{a"] {
            assert!(Patterns::default().add(pattern).is_err(), "{pattern}");
        }
    }
}
