//! Files of checksums.
//!
//! Reads the lines of GNU's and BSD's programs: `HEX  NAME`, `HEX *NAME`, `HEX ?NAME`, and `ALGORITHM (NAME) = HEX`; a
//! backslash before a line of GNU's means that `\\` and `\n` in the name are escaped. A file that is one checksum and
//! nothing else is that of whatever is asked for. Other lines, such as those of a signature around, are passed over.

use crate::checksum::{Algorithm, Digest};

/// The largest file, in bytes: some ten thousand lines.
pub const SUMS_BYTES: usize = 1 << 20;

/// The checksums of a file of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    entries: Vec<Entry>,
    /// The checksum that is all there is.
    only: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    digest: Digest,
}

/// A file of checksums does not say what was expected. Nothing of it is quoted: it may not be what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SumsError {
    /// It is larger than is read.
    #[error("the file of checksums is larger than {SUMS_BYTES} bytes")]
    TooLarge,
    /// It is not text.
    #[error("the file of checksums is not text")]
    NotText,
    /// It has no checksum for the name.
    #[error("the file of checksums has none for `{0}`")]
    Missing(String),
    /// It has different checksums of one algorithm for the name.
    #[error("the file of checksums has two for `{name}` that differ, both {}", algorithm.name())]
    Ambiguous {
        /// The name.
        name: String,
        /// The algorithm.
        algorithm: Algorithm,
    },
}

impl Sums {
    /// Reads a file.
    ///
    /// # Errors
    /// Fails if it is too large or not UTF-8.
    pub fn parse(bytes: &[u8]) -> Result<Self, SumsError> {
        if bytes.len() > SUMS_BYTES {
            return Err(SumsError::TooLarge);
        }
        let text = str::from_utf8(bytes).map_err(|_| SumsError::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut entries = Vec::new();
        for line in text.lines() {
            entries.extend(bsd(line).or_else(|| gnu(line)));
        }
        Ok(Self {
            entries,
            only: Digest::guess(text.trim()).ok(),
        })
    }

    /// Finds the checksum of the file at a path; the file of checksums is at another of the same server. Both are absolute.
    ///
    /// A name in the file of checksums is that of the file, its path relative to the file of checksums, or its path. Of
    /// several algorithms the strongest counts.
    ///
    /// # Errors
    /// Fails if there is none, or two that differ.
    pub fn find(&self, path: &str, sums: &str) -> Result<&Digest, SumsError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let relative = relative(path, sums);
        let is_meant = |entry: &&Entry| match entry.name.strip_prefix("./") {
            Some(below) => below == relative,
            None => [name, &relative, path].contains(&entry.name.as_str()),
        };
        let meant: Vec<&Digest> = self
            .entries
            .iter()
            .filter(is_meant)
            .map(|entry| &entry.digest)
            .collect();
        let strongest = meant.iter().copied().max_by_key(|digest| digest.algorithm());
        let digest = strongest
            .or(self.only.as_ref())
            .ok_or_else(|| SumsError::Missing(name.to_owned()))?;
        let differs = |other: &&Digest| other.algorithm() == digest.algorithm() && **other != *digest;
        if meant.iter().copied().any(|other| differs(&other)) {
            return Err(SumsError::Ambiguous {
                name: name.to_owned(),
                algorithm: digest.algorithm(),
            });
        }
        Ok(digest)
    }
}

/// Reads `ALGORITHM (NAME) = HEX`.
fn bsd(line: &str) -> Option<Entry> {
    let (algorithm, rest) = line.trim().split_once(" (")?;
    let (name, hexadecimal) = rest.rsplit_once(") = ")?;
    let digest = Digest::of(Algorithm::named(algorithm)?, hexadecimal).ok()?;
    entry(name.to_owned(), digest)
}

/// Reads `HEX  NAME`, with `*` or `?` in the place of the second space, or with other space between.
fn gnu(line: &str) -> Option<Entry> {
    let line = line.trim_end_matches(['\r', '\n']);
    let (is_escaped, line) = match line.strip_prefix('\\') {
        Some(line) => (true, line),
        None => (false, line.trim_start()),
    };
    let (hexadecimal, name) = line.split_once([' ', '\t'])?;
    let name = name.trim_start();
    let digest = Digest::guess(hexadecimal).ok()?;
    let name = if is_escaped {
        unescape(name)?
    } else {
        name.trim_end().to_owned()
    };
    entry(name, digest)
}

fn entry(name: String, digest: Digest) -> Option<Entry> {
    let plain = name.strip_prefix(['*', '?']).unwrap_or(&name);
    (!plain.is_empty()).then(|| Entry {
        name: plain.to_owned(),
        digest,
    })
}

fn unescape(name: &str) -> Option<String> {
    let mut plain = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(char) = chars.next() {
        plain.push(match char {
            '\\' => match chars.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            char => char,
        });
    }
    Some(plain)
}

/// Returns the path of a file as seen from the directory of another.
fn relative(path: &str, other: &str) -> String {
    let directory = other.rsplit_once('/').map_or("", |(directory, _)| directory);
    let (mut to, mut from) = (path.split('/').peekable(), directory.split('/').peekable());
    while to.peek().is_some() && to.peek() == from.peek() {
        to.next();
        from.next();
    }
    let up = from.filter(|part| !part.is_empty()).map(|_| "..");
    up.chain(to).collect::<Vec<_>>().join("/")
}
