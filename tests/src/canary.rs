//! Secrets that are searched for afterwards: words that are found nowhere but where they were meant to go.
//!
//! A canary has a core of letters and digits, which no encoding of addresses changes, between characters that most do. The
//! core is looked for as it is in letters of any case, percent-encoded, in hexadecimal, and in base64 wherever it may begin in
//! what was encoded.
//!
//! # Invariants
//! - What is found is told by its name and its place, with the text around it.
//! - What nobody encoded letter by letter is found however it was written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// How much is shown before and behind what was found, in bytes.
const AROUND: usize = 60;

/// How long what is looked for of a key is at least: so much is nowhere by chance.
const LEAST_RUN: usize = 12;
/// How many lines at the end of a key of Ed25519 are of its private half.
const PRIVATE_LINES: usize = 3;

/// A secret that nobody else has.
#[derive(Clone, Debug)]
pub struct Canary {
    core: String,
    text: String,
}

impl Canary {
    /// Makes the one of a name of letters and digits.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let core = format!("cnry{name}Zq7Xw9K2");
        Self {
            text: format!("/{core}+%="),
            core,
        }
    }

    /// Takes over a private key as `ssh-keygen` writes it: of its last lines, in which nothing is public, the longest run of
    /// letters and digits is looked for. None if it has no such run.
    #[must_use]
    pub fn of_key(pem: &str) -> Option<Self> {
        let lines = pem
            .lines()
            .filter(|line| !line.starts_with('-'))
            .rev()
            .take(PRIVATE_LINES);
        let runs = lines.flat_map(|line| line.split(|char: char| !char.is_ascii_alphanumeric()));
        let core = runs.max_by_key(|run| run.len()).filter(|run| run.len() >= LEAST_RUN)?;
        Some(Self {
            core: core.to_owned(),
            text: pem.to_owned(),
        })
    }

    /// The secret.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The secret as a part of an address.
    #[must_use]
    pub fn encoded(&self) -> String {
        let encode = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        self.text.bytes().map(encode).collect()
    }

    /// The secret in base64, as a part of an address.
    #[must_use]
    pub fn base64(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.text)
    }

    /// What is looked for in text that is in small letters, and what in text as it is.
    fn forms(&self) -> (Vec<String>, Vec<String>) {
        let hexadecimal = self.core.bytes().map(|byte| format!("{byte:02x}")).collect();
        let folded = vec![self.core.to_ascii_lowercase(), hexadecimal];
        let exact = (0..3).flat_map(|before| [true, false].map(|is_standard| self.core_in_base64(before, is_standard)));
        (folded, exact.collect())
    }

    /// What of its base64 does not depend on what stands before it, so many bytes of the last three, and behind it.
    fn core_in_base64(&self, before: usize, is_standard: bool) -> String {
        let bytes = [vec![0; before], self.core.clone().into_bytes()].concat();
        let encoded = if is_standard {
            BASE64_STANDARD_NO_PAD.encode(&bytes)
        } else {
            BASE64_URL_SAFE_NO_PAD.encode(&bytes)
        };
        let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        encoded.get(first..end).unwrap_or_default().to_owned()
    }
}

/// A search for canaries.
#[derive(Clone, Debug)]
pub struct Search(Vec<Canary>);

impl Search {
    /// Looks for all of these.
    #[must_use]
    pub fn of(canaries: &[&Canary]) -> Self {
        Self(canaries.iter().map(|canary| (*canary).clone()).collect())
    }

    /// Everything that is looked for in one text, as a server would say it that repeats what it was told.
    #[must_use]
    pub fn echo(&self) -> String {
        let each = |canary: &Canary| {
            let coded = BASE64_STANDARD.encode(format!("user:{}", canary.text));
            format!("{} {} {coded} ", canary.text, canary.encoded())
        };
        self.0.iter().map(each).collect()
    }

    /// Looks into bytes.
    ///
    /// # Errors
    /// When a canary is in them, with `place`.
    pub fn look(&self, place: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let plain = decoded(&text);
        for text in [&text, &plain] {
            let folded = text.to_ascii_lowercase();
            for canary in &self.0 {
                let (in_folded, in_exact) = canary.forms();
                let found = in_folded.iter().find_map(|form| folded.find(form));
                let found = found.or_else(|| in_exact.iter().find_map(|form| text.find(form)));
                ensure!(
                    found.is_none(),
                    "{} is in {place}: …{}…",
                    canary.core,
                    around(text, found.unwrap_or_default())
                );
            }
        }
        Ok(())
    }

    /// Looks into each file below a directory, and at its name, but not into `known`, where the canaries were put. What is
    /// gone by the time it is looked at is passed over.
    ///
    /// # Errors
    /// As [`Search::look`], or when a file cannot be read.
    pub fn look_below(&self, directory: &Path, known: &[PathBuf]) -> anyhow::Result<()> {
        for entry in unless_gone(fs::read_dir(directory))?.into_iter().flatten() {
            let path = entry?.path();
            let place = path.display().to_string();
            self.look("a name", place.as_bytes())?;
            let kind = unless_gone(fs::symlink_metadata(&path))?.map(|found| found.file_type());
            if kind.is_some_and(|kind| kind.is_dir()) {
                self.look_below(&path, known)?;
            } else if kind.is_some_and(|kind| kind.is_file()) && !known.contains(&path) {
                let bytes = unless_gone(fs::read(&path)).with_context(|| place.clone())?;
                self.look(&place, &bytes.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Looks at what others can see of a process: its command line and its environment.
    ///
    /// # Errors
    /// As [`Search::look`], or when the process has ended.
    pub fn look_at(&self, process: u32) -> anyhow::Result<()> {
        for file in ["cmdline", "environ"] {
            let path = format!("/proc/{process}/{file}");
            self.look(&path, &fs::read(&path)?)?;
        }
        Ok(())
    }
}

fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// The text without percent-encoding; what is none stays.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'%'),
        }
        bytes.extend_from_slice(&part.as_bytes()[if byte.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn around(text: &str, at: usize) -> &str {
    let (from, to) = (at.saturating_sub(AROUND), (at + AROUND).min(text.len()));
    &text[text.floor_char_boundary(from)..text.floor_char_boundary(to)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_canary_is_found_in_every_form() {
        let canary = Canary::new("Planted");
        let search = Search::of(&[&Canary::new("Other"), &canary]);
        let core = &canary.core;
        let each = |byte: fn(u8) -> String| core.bytes().map(byte).collect::<String>();
        let mut planted = vec![
            canary.text().to_owned(),
            canary.encoded(),
            canary.encoded().to_lowercase(),
            core.to_uppercase(),
            each(|byte| format!("%{byte:02x}")),
            each(|byte| format!("{byte:02X}")),
            BASE64_STANDARD.encode(format!("user:{}", canary.text())),
        ];
        planted.extend((0..6).map(|before| BASE64_STANDARD.encode("x".repeat(before) + canary.text())));
        planted.extend((0..6).map(|before| BASE64_URL_SAFE_NO_PAD.encode("?".repeat(before) + canary.text())));
        for text in planted {
            let bytes = [b"\xff\0 90% of ", text.as_bytes(), b"\xfe%zz%"].concat();
            let error = search.look("here", &bytes).unwrap_err().to_string();
            assert!(error.starts_with("cnryPlantedZq7Xw9K2 is in here"), "{text}: {error}");
        }
        search.look("here", b"cnryPlanted Zq7Xw9K2 %63%6e").unwrap();
    }

    #[test]
    fn it_is_found_in_files_in_names_and_in_what_a_server_repeats() {
        let canary = Canary::new("Planted");
        let search = Search::of(&[&canary]);
        assert!(search.look("an answer", search.echo().as_bytes()).is_err());
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deep/file");
        fs::create_dir(directory.path().join("deep")).unwrap();
        fs::write(&file, canary.encoded()).unwrap();
        assert!(search.look_below(directory.path(), &[]).is_err());
        search.look_below(directory.path(), &[file]).unwrap();
        fs::write(directory.path().join(&canary.core), "").unwrap();
        assert!(search.look_below(directory.path(), &[]).is_err());
    }

    #[test]
    fn it_is_found_at_a_process() {
        let canary = Canary::new("Planted");
        let search = Search::of(&[&canary]);
        for is_variable in [true, false] {
            let mut command = std::process::Command::new("cat");
            if is_variable {
                command.env("PLANTED", canary.text());
            } else {
                command.args(["-", canary.text()]);
            }
            let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
            // A process that has just begun shows nothing yet.
            let found = || {
                let told = search.look_at(child.id()).err().map(|error| error.to_string());
                Ok(told.is_some_and(|told| told.starts_with("cnryPlanted")).then_some(()))
            };
            crate::eventually(std::time::Duration::from_secs(60), "it is found", found).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
