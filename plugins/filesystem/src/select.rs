//! Which files the configuration selects, by path alone.
//!
//! A pattern without a slash matches a name at any depth; one with a slash matches the path below the root. A slash at
//! the end makes it a pattern for directories. `*` and `?` stop at slashes, `**` does not. What `.k1signore` files leave
//! out is decided in [`ignored`](crate::ignored).

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A pattern cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PatternError {
    /// It is empty, or only a slash.
    #[error("an empty pattern matches nothing")]
    Empty,
    /// It begins with `!`.
    #[error("`{pattern}`: negation works in a .k1signore file only")]
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
pub(crate) struct Patterns {
    /// For files and directories alike.
    any: Vec<globset::Glob>,
    /// For directories.
    directories: Vec<globset::Glob>,
}

impl Patterns {
    /// Adds a pattern for files only.
    pub(crate) fn add_for_files(&mut self, pattern: &str) -> Result<(), PatternError> {
        if pattern.ends_with('/') && pattern.len() > 1 {
            return Err(PatternError::Directory {
                pattern: pattern.to_owned(),
            });
        }
        self.add(pattern)
    }

    /// Adds a pattern for files and directories, or for directories only.
    pub(crate) fn add(&mut self, pattern: &str) -> Result<(), PatternError> {
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
    pub(crate) fn is_empty(&self) -> bool {
        self.any.is_empty() && self.directories.is_empty()
    }
}

/// What is selected by `include` and `exclude`.
#[derive(Debug)]
pub(crate) struct Selection {
    include: GlobSet,
    exclude: GlobSet,
    exclude_directories: GlobSet,
}

impl Selection {
    /// Compiles the patterns; of `include` those for files count.
    pub(crate) fn new(include: &Patterns, exclude: &Patterns) -> Result<Self, PatternError> {
        Ok(Self {
            include: set(&include.any)?,
            exclude: set(&exclude.any)?,
            exclude_directories: set(&exclude.directories)?,
        })
    }

    /// Returns whether the file at `path` below the root is selected, its directories aside.
    pub(crate) fn takes_file(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }

    /// Returns whether the directory at `path` below the root may be entered.
    pub(crate) fn enters(&self, path: &str) -> bool {
        !self.exclude.is_match(path) && !self.exclude_directories.is_match(path)
    }
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
