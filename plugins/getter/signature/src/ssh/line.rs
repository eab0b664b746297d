//! One line of a file of allowed signers: `principals [options] type key [comment]`.

use ssh_key::PublicKey;

use super::time;

/// One signer.
#[derive(Debug)]
pub(super) struct Allowed {
    /// Whom the key belongs to, as the file says it.
    pub(super) principals: String,
    pub(super) key: PublicKey,
    /// For what the key counts; everything when nothing is said.
    namespaces: Option<String>,
    after: Option<i64>,
    before: Option<i64>,
}

impl Allowed {
    pub(super) fn parse(line: &str) -> Result<Self, &'static str> {
        let (principals, rest) = word(line)?;
        if principals.is_empty() || rest.is_empty() {
            return Err("a line is `PRINCIPALS [OPTIONS] TYPE KEY [COMMENT]`");
        }
        let mut allowed = Self::of(principals, rest);
        if let Ok(allowed) = allowed {
            return Ok(allowed);
        }
        let (options, rest) = word(rest)?;
        allowed = Self::of(principals, rest);
        let mut allowed = allowed.map_err(|_| "there is no key that can be read: `ssh-ed25519 AAAA…`")?;
        for option in split(options, ',')? {
            allowed.take(option)?;
        }
        Ok(allowed)
    }

    fn of(principals: &str, key: &str) -> Result<Self, ssh_key::Error> {
        Ok(Self {
            principals: principals.to_owned(),
            key: PublicKey::from_openssh(key)?,
            namespaces: None,
            after: None,
            before: None,
        })
    }

    fn take(&mut self, option: &str) -> Result<(), &'static str> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.trim_matches('"'))),
            None => (option, None),
        };
        match (name.to_ascii_lowercase().as_str(), value) {
            ("namespaces", Some(list)) => self.namespaces = Some(list.to_owned()),
            ("valid-after", Some(text)) => self.after = Some(time::parse(text)?),
            ("valid-before", Some(text)) => self.before = Some(time::parse(text)?),
            ("cert-authority", None) => return Err("certificates are not supported: name the keys of the signers"),
            _ => return Err("there is an option that is not known"),
        }
        Ok(())
    }

    /// Whether the key counts for a purpose.
    pub(super) fn is_for(&self, namespace: &str) -> bool {
        let Some(list) = &self.namespaces else {
            return true;
        };
        let mut matched = false;
        for pattern in list.split(',') {
            match pattern.strip_prefix('!') {
                Some(not) if matches(not.as_bytes(), namespace.as_bytes()) => return false,
                Some(_) => {}
                None => matched |= matches(pattern.as_bytes(), namespace.as_bytes()),
            }
        }
        matched
    }

    /// Why the key did not count at a time; nothing when it did.
    pub(super) fn outside(&self, at: i64) -> Option<&'static str> {
        if self.after.is_some_and(|after| at < after) {
            return Some("it was made before the key's `valid-after`");
        }
        if self.before.is_some_and(|before| at > before) {
            return Some("it was made after the key's `valid-before`");
        }
        None
    }
}

/// The first word and what follows it; blanks between quotes belong to a word.
fn word(text: &str) -> Result<(&str, &str), &'static str> {
    let end = ends(text, |c| c == ' ' || c == '\t')?;
    let (word, rest) = text.split_at(end);
    Ok((word, rest.trim_start()))
}

/// The parts between separators that are not between quotes.
fn split(mut text: &str, separator: char) -> Result<Vec<&str>, &'static str> {
    let mut parts = Vec::new();
    loop {
        let end = ends(text, |c| c == separator)?;
        let (part, rest) = text.split_at(end);
        parts.push(part);
        match rest.strip_prefix(separator) {
            Some(rest) => text = rest,
            None => return Ok(parts),
        }
    }
}

/// Where the first such character is that is not between quotes, or the end.
fn ends(text: &str, is_end: impl Fn(char) -> bool) -> Result<usize, &'static str> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if !quoted && is_end(c) => return Ok(at),
            _ => {}
        }
    }
    if quoted {
        return Err("a quotation mark is not closed");
    }
    Ok(text.len())
}

/// Whether a pattern with `*` and `?` matches all of a text. Goes back to the last `*` only, so it takes at most the product
/// of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(one) if *one == b'?' || one == byte => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_has_them() {
        for (pattern, text, expected) in [
            ("git", "git", true),
            ("git", "gits", false),
            ("*", "", true),
            ("*", "git", true),
            ("g?t", "git", true),
            ("g?t", "gt", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxx", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn quotes_hold_a_word_together() {
        assert_eq!(word("\"a b\" c d"), Ok(("\"a b\"", "c d")));
        assert_eq!(word("a\tb"), Ok(("a", "b")));
        assert_eq!(split("a=\"x,y\",b", ','), Ok(vec!["a=\"x,y\"", "b"]));
        assert!(word("\"a b").is_err());
    }
}
