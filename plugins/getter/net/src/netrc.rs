//! Files of logins, by machine.
//!
//! Read as go-getter reads them: words between white space; `#` where a keyword could stand begins a comment; a value that
//! begins with `#` reaches to the end of its line; `macdef` reaches to an empty line; the first entry of a machine counts,
//! and `default` where there is none. A word that is no keyword is an error.

use std::fmt;

use k1s_getter_address::{Login, Secret};

/// The largest file that is read, in bytes.
pub const NETRC_BYTES: usize = 1 << 20;

/// A file is not one of logins. Tells the line and quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetrcError {
    /// It is larger than is read.
    #[error("the netrc file is larger than {NETRC_BYTES} bytes")]
    TooLong,
    /// A word is no keyword.
    #[error("line {0} of the netrc file: a keyword was expected (machine, default, login, password, account, macdef)")]
    Keyword(usize),
    /// A keyword lacks its value.
    #[error("line {0} of the netrc file: a value is missing")]
    Value(usize),
    /// A login or password belongs to no machine.
    #[error("line {0} of the netrc file: this belongs to no machine")]
    Machine(usize),
}

/// Logins by machine.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Netrc(Vec<Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    /// None for `default`.
    machine: Option<String>,
    login: Secret,
    password: Secret,
}

impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netrc({} redacted)", self.0.len())
    }
}

impl Netrc {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// See [`NetrcError`].
    pub fn parse(text: &str) -> Result<Self, NetrcError> {
        if text.len() > NETRC_BYTES {
            return Err(NetrcError::TooLong);
        }
        let mut words = Words { rest: text, line: 1 };
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(keyword) = words.next() {
            let line = words.line;
            match keyword {
                comment if comment.starts_with('#') => {}
                "machine" => entries.push(Entry::of(Some(words.value()?))),
                "default" => entries.push(Entry::of(None)),
                "macdef" => words.skip_macro()?,
                "login" | "password" | "account" => {
                    let value = words.value()?;
                    let entry = entries.last_mut().ok_or(NetrcError::Machine(line))?;
                    match keyword {
                        "login" => entry.login = Secret::new(value),
                        "password" => entry.password = Secret::new(value),
                        _ => {}
                    }
                }
                _ => return Err(NetrcError::Keyword(line)),
            }
        }
        Ok(Self(entries))
    }

    /// Returns the login for a machine: a host, with its port where that is not the scheme's own.
    pub fn find(&self, machine: &str) -> Option<Login> {
        let named = |entry: &&Entry| {
            entry
                .machine
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case(machine))
        };
        let entry = self.0.iter().find(named);
        let entry = entry.or_else(|| self.0.iter().find(|entry| entry.machine.is_none()))?;
        let is_login = !(entry.login.expose().is_empty() && entry.password.expose().is_empty());
        is_login.then(|| Login {
            user: entry.login.clone(),
            password: Some(entry.password.clone()),
        })
    }
}

impl Entry {
    fn of(machine: Option<&str>) -> Self {
        Self {
            machine: machine.map(str::to_owned),
            login: Secret::new(""),
            password: Secret::new(""),
        }
    }
}

struct Words<'a> {
    rest: &'a str,
    /// The line of the last word, from 1.
    line: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.rest.trim_ascii_start();
        let skipped = &self.rest[..self.rest.len() - word.len()];
        self.line += skipped.matches('\n').count();
        let end = if word.starts_with('#') {
            word.find('\n')
        } else {
            word.find(|char: char| char.is_ascii_whitespace())
        };
        let (word, rest) = word.split_at(end.unwrap_or(word.len()));
        self.rest = rest;
        (!word.is_empty()).then(|| word.trim_ascii_end())
    }

    fn value(&mut self) -> Result<&'a str, NetrcError> {
        let line = self.line;
        self.next().ok_or(NetrcError::Value(line))
    }

    /// Skips a name and all lines up to an empty one.
    fn skip_macro(&mut self) -> Result<(), NetrcError> {
        self.value()?;
        while let Some((line, rest)) = self.rest.split_once('\n') {
            // The rest of the line of the name is never an empty line.
            let is_first = line.len() == self.rest.len();
            self.line += 1;
            self.rest = rest;
            if !is_first && rest.split('\n').next().is_none_or(|next| next.trim_ascii().is_empty()) {
                return Ok(());
            }
        }
        self.rest = "";
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login(text: &str, machine: &str) -> Result<Option<(String, String)>, NetrcError> {
        let found = Netrc::parse(text)?.find(machine);
        Ok(found.map(|login| {
            let password = login.password.as_ref().map(Secret::expose).unwrap_or_default();
            (login.user.expose().to_owned(), password.to_owned())
        }))
    }

    #[test]
    fn logins_are_found() {
        const FILE: &str = "# all of us\n\
            machine a.example login ann password p1 # hers\n\
            machine a.example login late password late\n\
            machine b.example:8443\n\tlogin bob\n\taccount x\n\tpassword #p 2\n\
            macdef init\n machine c.example login evil password evil\n bye\n\n\
            machine e.example\n\
            default login any password d\n";
        for (machine, expected) in [
            ("a.example", Some(("ann", "p1"))),
            ("A.example", Some(("ann", "p1"))),
            ("b.example:8443", Some(("bob", "#p 2"))),
            ("b.example", Some(("any", "d"))),
            ("c.example", Some(("any", "d"))),
            ("e.example", None),
        ] {
            let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
            assert_eq!(login(FILE, machine), Ok(expected), "{machine}");
        }
        assert_eq!(login("machine a login x password y", "b"), Ok(None));
        assert_eq!(login("", "b"), Ok(None));
    }

    #[test]
    fn errors_tell_the_line_and_nothing_else() {
        for (text, expected) in [
            ("machine", NetrcError::Value(1)),
            ("machine a\nlogin\n", NetrcError::Value(2)),
            ("\n\nlogin x", NetrcError::Machine(3)),
            ("machine a\nlogin x CANARY", NetrcError::Keyword(2)),
            ("machine a\nlogin CANARY with space", NetrcError::Keyword(2)),
            ("macdef", NetrcError::Value(1)),
        ] {
            let error = login(text, "a").expect_err(text);
            assert_eq!(error, expected, "{text:?}");
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
        let netrc = Netrc::parse("machine a login CANARY password CANARY");
        assert!(!format!("{netrc:?}").contains("CANARY"));
        assert_eq!(Netrc::parse(&"#".repeat(NETRC_BYTES + 1)), Err(NetrcError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::vec(("[a-z]{1,3}", "[!-~&&[^#]][!-~]{0,8}", "[!-~&&[^#]][!-~]{0,8}", "[ \n\t]{1,3}"), 0..8),
        ) {
            let text: String = entries
                .iter()
                .map(|(name, user, password, gap)| format!("machine{gap}{name}{gap}login{gap}{user}{gap}password{gap}{password}\n"))
                .collect();
            for (name, ..) in &entries {
                let first = entries.iter().find(|(other, ..)| other == name);
                let expected = first.map(|(_, user, password, _)| (user.clone(), password.clone()));
                prop_assert_eq!(login(&text, name), Ok(expected));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(
            text in "(machine|default|login|password|macdef|account|#| |\n|\t|a|é|\u{0}){0,40}",
        ) {
            if let Err(NetrcError::Keyword(line) | NetrcError::Value(line) | NetrcError::Machine(line)) = login(&text, "a") {
                prop_assert!(line <= text.matches('\n').count() + 1);
            }
        }
    }
}
