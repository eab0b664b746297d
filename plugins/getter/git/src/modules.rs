//! What `.gitmodules` says: where the repositories are that a repository has in itself.
//!
//! The file is of the form of git's configuration, and of it two values are read: `path` and `url` of each `submodule`. It is
//! whoever made the commit that wrote it, so it is read here, from bytes; no file of the machine is looked at, nothing is
//! included, and nothing that a key of it could run exists. A name says nothing here, and is still one that git takes.

use std::collections::BTreeMap;

use crate::name;

/// The longest URL, in bytes.
const URL_BYTES: usize = 4096;
/// The longest path, in bytes.
const PATH_BYTES: usize = 4096;
/// What the sections are called that are read.
const SECTION: &str = "submodule";

/// What `.gitmodules` says: URLs by the paths of submodules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    url_by_path: BTreeMap<String, String>,
}

/// `.gitmodules` is none that git would follow, or one that leads git astray.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`.gitmodules`, line {line}: {fault}")]
pub struct ModulesError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: ModulesFault,
}

/// What is wrong with a line of `.gitmodules`. Nothing of the line is quoted: a URL can have a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModulesFault {
    /// It is not of the form.
    #[error("it is not of the form of git's configuration")]
    Syntax,
    /// A name leads elsewhere, as that of a directory of git's.
    #[error("the name of the submodule is empty or leads elsewhere")]
    Name,
    /// A path is none of a tree.
    #[error("the path of the submodule is none that a tree has")]
    Path,
    /// A URL is none.
    #[error("the URL of the submodule is empty, too long, or has characters that it cannot have")]
    Url,
    /// A program could take it for an option.
    #[error("the path or URL of the submodule begins with `-`, as an option does")]
    Option,
    /// It is said twice, so that readers differ about it.
    #[error("this was said before, or the path is that of another submodule")]
    Twice,
}

/// What is known of a submodule by its name.
#[derive(Debug, Default)]
struct Named {
    path: Option<String>,
    url: Option<String>,
}

impl Modules {
    /// The path of the file.
    pub const FILE: &str = ".gitmodules";
    /// The most bytes of the file: 1 MiB.
    pub const BYTES: u64 = 1 << 20;

    /// Reads the file. A submodule of which it names no path, or no URL, is as none.
    ///
    /// # Errors
    /// Fails at the first line that is not as it should be.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModulesError> {
        let mut reader = Reader {
            rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
            line: 1,
        };
        let mut modules = BTreeMap::new();
        reader
            .read(&mut modules)
            .and_then(|()| Self::of(modules))
            .map_err(|fault| ModulesError {
                line: reader.line,
                fault,
            })
    }

    /// Returns the URL of the submodule at a path.
    pub fn url(&self, path: &str) -> Option<&str> {
        self.url_by_path.get(path).map(String::as_str)
    }

    /// Returns paths and URLs.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.url_by_path.iter().map(|(path, url)| (path.as_str(), url.as_str()))
    }

    fn of(modules: BTreeMap<String, Named>) -> Result<Self, ModulesFault> {
        let mut url_by_path = BTreeMap::new();
        for named in modules.into_values() {
            if let (Some(path), Some(url)) = (named.path, named.url)
                && url_by_path.insert(path, url).is_some()
            {
                return Err(ModulesFault::Twice);
            }
        }
        Ok(Self { url_by_path })
    }
}

impl Named {
    fn take(&mut self, key: &str, value: Option<Vec<u8>>) -> Result<(), ModulesFault> {
        let (place, checked) = match key {
            "path" => (&mut self.path, path(value)?),
            "url" => (&mut self.url, url(value)?),
            _ => return Ok(()),
        };
        match place.replace(checked) {
            Some(_) => Err(ModulesFault::Twice),
            None => Ok(()),
        }
    }
}

fn path(value: Option<Vec<u8>>) -> Result<String, ModulesFault> {
    let text = text(value).ok_or(ModulesFault::Path)?;
    if text.starts_with('-') {
        return Err(ModulesFault::Option);
    }
    let is_path = text.len() <= PATH_BYTES && text.split('/').all(|part| name::entry(part.as_bytes()).is_ok());
    if is_path { Ok(text) } else { Err(ModulesFault::Path) }
}

fn url(value: Option<Vec<u8>>) -> Result<String, ModulesFault> {
    let text = text(value).ok_or(ModulesFault::Url)?;
    if text.starts_with('-') {
        return Err(ModulesFault::Option);
    }
    let is_url = !text.is_empty() && text.len() <= URL_BYTES && !text.chars().any(char::is_control);
    if is_url { Ok(text) } else { Err(ModulesFault::Url) }
}

/// A value, if there is one and it is text.
fn text(value: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(value?).ok()
}

/// Returns whether git would make a directory of a name: it is something, and no part of it is `..`.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control) && name.split(['/', '\\']).all(|part| part != "..")
}

/// Bytes of a file of git's configuration.
struct Reader<'b> {
    rest: &'b [u8],
    /// The line of what was read last, from 1.
    line: usize,
}

impl Reader<'_> {
    fn read(&mut self, modules: &mut BTreeMap<String, Named>) -> Result<(), ModulesFault> {
        let mut section = None;
        let mut is_ended = false;
        while let Some(byte) = self.next() {
            // A line counts while it is read, so that a fault is told of the line that has it.
            if std::mem::take(&mut is_ended) {
                self.line += 1;
            }
            match byte {
                b'\n' => is_ended = true,
                byte if byte.is_ascii_whitespace() => {}
                b'#' | b';' => self.comment(),
                b'[' => {
                    section = self.section()?;
                    if section.as_deref().is_some_and(|name| !is_name(name)) {
                        return Err(ModulesFault::Name);
                    }
                }
                byte if byte.is_ascii_alphabetic() => {
                    let key = self.key(byte);
                    let value = self.value()?;
                    is_ended = true;
                    if let Some(name) = &section {
                        modules.entry(name.clone()).or_default().take(&key, value)?;
                    }
                }
                _ => return Err(ModulesFault::Syntax),
            }
        }
        Ok(())
    }

    /// Returns the next byte; the end of a line is a line feed, whatever it is in the file.
    fn next(&mut self) -> Option<u8> {
        if let Some(rest) = self.rest.strip_prefix(b"\r\n") {
            self.rest = rest;
            return Some(b'\n');
        }
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn peek(&self) -> Option<u8> {
        match self.rest {
            [b'\r', b'\n', ..] => Some(b'\n'),
            [first, ..] => Some(*first),
            [] => None,
        }
    }

    /// Reads up to the end of the line.
    fn comment(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.next();
        }
    }

    /// Reads the head of a section, and returns the name of the submodule if it is of one.
    fn section(&mut self) -> Result<Option<String>, ModulesFault> {
        let mut base = String::new();
        loop {
            match self.next().ok_or(ModulesFault::Syntax)? {
                b']' => {
                    // An old form, in which the name has no capital letters.
                    let name = base.strip_prefix(SECTION).and_then(|rest| rest.strip_prefix('.'));
                    return Ok(name.map(str::to_owned));
                }
                b' ' | b'\t' => break,
                byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') => {
                    base.push(char::from(byte.to_ascii_lowercase()));
                }
                _ => return Err(ModulesFault::Syntax),
            }
        }
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.next();
        }
        let name = self.quoted_name()?;
        if self.next() != Some(b']') {
            return Err(ModulesFault::Syntax);
        }
        Ok((base == SECTION).then_some(name))
    }

    fn quoted_name(&mut self) -> Result<String, ModulesFault> {
        if self.next() != Some(b'"') {
            return Err(ModulesFault::Syntax);
        }
        let mut name = Vec::new();
        loop {
            let byte = match self.next() {
                Some(b'"') => return String::from_utf8(name).map_err(|_| ModulesFault::Name),
                Some(b'\\') => self.next(),
                byte => byte,
            };
            match byte {
                Some(b'\n') | None => return Err(ModulesFault::Syntax),
                Some(byte) => name.push(byte),
            }
        }
    }

    /// Reads the rest of a key, in small letters.
    fn key(&mut self, first: u8) -> String {
        let mut key = String::from(char::from(first.to_ascii_lowercase()));
        while let Some(byte) = self.peek().filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
            self.next();
            key.push(char::from(byte.to_ascii_lowercase()));
        }
        key
    }

    /// Reads what stands behind a key, to the end of the line: a value, or nothing.
    fn value(&mut self) -> Result<Option<Vec<u8>>, ModulesFault> {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.next();
        }
        match self.next() {
            None | Some(b'\n') => return Ok(None),
            Some(b'=') => {}
            Some(_) => return Err(ModulesFault::Syntax),
        }
        let (mut value, mut spaces, mut is_quoted) = (Vec::new(), Vec::new(), false);
        loop {
            let byte = match self.next() {
                None | Some(b'\n') if is_quoted => return Err(ModulesFault::Syntax),
                None | Some(b'\n') => return Ok(Some(value)),
                Some(byte) => byte,
            };
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'#' | b';' if !is_quoted => self.comment(),
                byte if byte.is_ascii_whitespace() && !is_quoted => {
                    // What stands at the ends is not of the value.
                    if !value.is_empty() {
                        spaces.push(byte);
                    }
                }
                byte => {
                    value.append(&mut spaces);
                    value.extend(match byte {
                        b'\\' => self.escaped()?,
                        byte => Some(byte),
                    });
                }
            }
        }
    }

    /// Reads what stands behind a backslash, which at the end of a line is nothing.
    fn escaped(&mut self) -> Result<Option<u8>, ModulesFault> {
        match self.next() {
            Some(byte @ (b'\\' | b'"')) => Ok(Some(byte)),
            Some(b'n') => Ok(Some(b'\n')),
            Some(b't') => Ok(Some(b'\t')),
            Some(b'b') => Ok(Some(8)),
            Some(b'\n') => {
                self.line += 1;
                Ok(None)
            }
            Some(_) | None => Err(ModulesFault::Syntax),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, ModulesFault) {
        let ModulesError { line, fault } = Modules::parse(text.as_bytes()).unwrap_err();
        (line, fault)
    }

    #[test]
    fn places_are_read_as_git_writes_them() {
        let text = "\u{feff}# A comment\r\n\
            [core]\n\tpath = elsewhere\n\turl = x\n\
            [submodule \"a \\\"b\\\"\"]\n\tPath = vendor/a ; and a comment\n\turl = \"https://h/a b.git\" # here\n\tupdate = !touch x\n\tignore\n\
            [submodule.old] path = vendor/old\nurl = ../old\\\n.git\n\
            [submodule \"without\"]\n\turl = https://h/none.git\n";
        let modules = Modules::parse(text.as_bytes()).unwrap();
        assert_eq!(modules.url("vendor/a"), Some("https://h/a b.git"));
        assert_eq!(modules.url("vendor/old"), Some("../old.git"));
        assert_eq!(modules.url_by_path.len(), 2);
        assert_eq!(modules.url("elsewhere"), None);
        assert_eq!(Modules::parse(b"").unwrap(), Modules::default());
    }

    #[test]
    fn what_git_does_not_read_is_refused_with_its_line() {
        for (text, line) in [
            ("[submodule \"a\"\n", 1),
            ("[submodule \"a", 1),
            ("[submodule a]\n", 1),
            ("[sub_module]\n", 1),
            ("\n=x\n", 2),
            ("[submodule \"a\"]\n\n\tpath vendor\n", 3),
            ("[submodule \"a\"]\n\turl = \"open\n", 2),
            ("[submodule \"a\"]\n\turl = \\x\n", 2),
        ] {
            assert_eq!(fault(text), (line, ModulesFault::Syntax), "{text:?}");
        }
        for text in ["\tpath = a\n\tpath = b", "\turl = a\n\turl = b"] {
            assert_eq!(fault(&format!("[submodule \"a\"]\n{text}\n")), (3, ModulesFault::Twice));
        }
        let two = "[submodule \"a\"]\n\tpath = a\n\turl = x\n[submodule \"b\"]\n\tpath = a\n\turl = y\n";
        assert_eq!(fault(two).1, ModulesFault::Twice);
    }

    /// git made directories of names, and so wrote hooks that it ran.
    #[test]
    fn g10_cve_2018_11235_names_lead_nowhere() {
        for name in ["", "..", "../../x", "a/../b", "a\\..\\b"] {
            let name = name.replace('\\', "\\\\");
            assert_eq!(
                fault(&format!("[submodule \"{name}\"]\n\tpath = a\n\turl = x\n")).1,
                ModulesFault::Name
            );
        }
        assert!(Modules::parse(b"[submodule \"a..b/...\"]\n").is_ok());
    }

    /// git gave paths and URLs to programs, which took them for options.
    #[test]
    fn g10_cve_2018_17456_paths_and_urls_are_no_options() {
        for line in [
            "url = --upload-pack=touch x",
            "url = \"-c\"",
            "path = -c",
            "path = \"--x\"",
        ] {
            assert_eq!(
                fault(&format!("[submodule \"a\"]\n\t{line}\n")),
                (2, ModulesFault::Option),
                "{line}"
            );
        }
    }

    /// git left out what it had written itself: a carriage return at the end.
    #[test]
    fn g10_cve_2025_48384_paths_have_no_control_characters() {
        for path in [
            "\"a\r\"",
            "\"a\\n\"",
            "a/../b",
            "../a",
            "/a",
            "a/",
            "a//b",
            ".git",
            "a/.GIT/hooks",
            "a\\\\b",
            "",
        ] {
            assert_eq!(
                fault(&format!("[submodule \"a\"]\n\tpath = {path}\n")).1,
                ModulesFault::Path,
                "{path:?}"
            );
        }
        for url in ["\"\"", "\"https://h/\r\"", "\"a\\nb\"", &"a".repeat(URL_BYTES + 1)] {
            assert_eq!(
                fault(&format!("[submodule \"a\"]\n\turl = {url}\n")).1,
                ModulesFault::Url,
                "{url:?}"
            );
        }
        assert_eq!(fault("[submodule \"a\"]\n\turl\n"), (2, ModulesFault::Url));
    }
}
