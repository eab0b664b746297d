//! `git-upload-pack` at the other end of a stream, as SSH runs it.

use crate::daemon::Duplex;
use crate::transport::{Dial, Pending, Session, Transport};

/// A repository that a program of git has, at the other end of a stream that somebody makes.
pub struct Upload {
    dial: Box<dyn Dial>,
}

impl Upload {
    /// What the program should find in its environment: without it, it speaks version 0.
    pub const ENVIRONMENT: [(&'static str, &'static str); 1] = [("GIT_PROTOCOL", "version=2")];

    /// Takes what makes streams, each of which is one run of the program that [`Self::command`] names.
    pub fn new(dial: Box<dyn Dial>) -> Self {
        Self { dial }
    }

    /// Returns the command that runs the program over a repository, with its path quoted as git does. `None` if the path holds a
    /// control character, or does not begin with a slash.
    pub fn command(path: &str) -> Option<String> {
        let is_plain = path.starts_with('/') && !path.chars().any(char::is_control);
        let quoted = path.replace('\'', r"'\''").replace('!', r"'\!'");
        is_plain.then(|| format!("git-upload-pack '{quoted}'"))
    }
}

impl Transport for Upload {
    fn open(&self) -> Pending<'_, Box<dyn Session>> {
        Box::pin(async {
            let stream = self.dial.dial().await?;
            Ok(Box::new(Duplex(stream)) as Box<dyn Session>)
        })
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g18_cve_2026_45570_paths_are_quoted_as_git_does() {
        for (path, command) in [
            ("/a/b.git", Some("git-upload-pack '/a/b.git'")),
            ("/it's", Some(r"git-upload-pack '/it'\''s'")),
            ("/a!b", Some(r"git-upload-pack '/a'\!'b'")),
            ("/$(id)`id`;\"", Some("git-upload-pack '/$(id)`id`;\"'")),
            ("/ü", Some("git-upload-pack '/ü'")),
            ("/a\nb", None),
            ("/a\0b", None),
            ("/a\u{85}b", None),
            ("-x", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(Upload::command(path).as_deref(), command, "{path:?}");
        }
    }
}
