//! Where a scope goes on after a restart: the token that the host keeps.

use thiserror::Error;

/// The form of the token; another one is another program's.
const FORM: &str = "1";
/// The longest token in bytes.
const LONGEST: usize = 1024;

/// A token that this program did not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored position is not one of this source")]
pub struct PositionError;

/// How far a scope has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What tells the cluster from others.
    pub cluster: String,
    /// The version of the kind that was read.
    pub api: String,
    /// The resource version up to which everything was told.
    pub at: String,
}

impl Position {
    /// Writes the token.
    #[must_use]
    pub fn to_token(&self) -> String {
        let Self { cluster, api, at } = self;
        format!("{FORM} {api} {at} {cluster}")
    }

    /// Reads a token.
    ///
    /// # Errors
    /// Refuses what [`Position::to_token`] did not write.
    pub fn read(token: &[u8]) -> Result<Self, PositionError> {
        let text = std::str::from_utf8(token).ok().filter(|text| text.len() <= LONGEST);
        let mut words = text.ok_or(PositionError)?.splitn(4, ' ');
        let form = words.next();
        match (form, words.next(), words.next(), words.next()) {
            (Some(FORM), Some(api), Some(at), Some(cluster)) if ![api, at, cluster].contains(&"") => Ok(Self {
                cluster: cluster.to_owned(),
                api: api.to_owned(),
                at: at.to_owned(),
            }),
            (_, _, _, _) => Err(PositionError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let position = Position {
            cluster: "url https://a b".to_owned(),
            api: "v1".to_owned(),
            at: "123".to_owned(),
        };
        assert_eq!(Position::read(position.to_token().as_bytes()), Ok(position));
    }

    #[test]
    fn others_are_refused() {
        for token in [
            "",
            "1",
            "1 v1 3",
            "1 v1 3 ",
            "1 v1  x",
            "2 v1 3 x",
            "11 v1 3 x",
            "\u{0}",
        ] {
            assert_eq!(Position::read(token.as_bytes()), Err(PositionError), "{token:?}");
        }
        let long = format!("1 v1 3 {}", "x".repeat(LONGEST));
        assert_eq!(Position::read(long.as_bytes()), Err(PositionError));
        assert_eq!(Position::read(b"1 v1 3 \xff"), Err(PositionError));
    }
}
