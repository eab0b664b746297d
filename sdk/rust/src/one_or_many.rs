//! Fields of a configuration that take one text or a list of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One text, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One text.
    One(String),
    /// A list, which may be empty.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Returns each text with its JSON Pointer, where the field is at the pointer `field`.
    #[must_use]
    pub fn located(&self, field: &str) -> Vec<(String, &str)> {
        match self {
            Self::One(text) => vec![(field.to_owned(), text)],
            Self::Many(texts) => texts
                .iter()
                .enumerate()
                .map(|(index, text)| (format!("{field}/{index}"), text.as_str()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_place_of_its_field_or_of_its_item() {
        let read = |json: &str| serde_json::from_str::<OneOrMany>(json).unwrap();
        assert_eq!(read("\"a\"").located("/path"), [("/path".to_owned(), "a")]);
        let items = [("/path/0".to_owned(), "a"), ("/path/1".to_owned(), "b")];
        assert_eq!(read("[\"a\", \"b\"]").located("/path"), items);
        assert!(read("[]").located("/path").is_empty());
    }
}
