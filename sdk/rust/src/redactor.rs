//! Keeps the secrets of one launch out of every text that the SDK passes on.

use std::collections::BTreeMap;

use prost::bytes::Bytes;

/// What stands in place of a secret.
const MASK: &str = "<secret>";

/// Replaces known secrets, as they are and as Rust prints them in quotes.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a secret within another leaves nothing of it.
    values: Vec<String>,
}

impl Redactor {
    pub(crate) fn new(secrets: &BTreeMap<String, Bytes>) -> Self {
        let mut values: Vec<String> = secrets
            .values()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .flat_map(|value| [value.escape_debug().to_string(), value])
            .filter(|value| !value.is_empty())
            .collect();
        values.sort_unstable_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        values.dedup();
        Self { values }
    }

    pub(crate) fn clean(&self, text: String) -> String {
        self.values.iter().fold(text, |text, value| {
            if text.contains(value) {
                text.replace(value, MASK)
            } else {
                text
            }
        })
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("values", &self.values.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_plain_quoted_and_nested() {
        let secret = |value: &'static str| Bytes::from_static(value.as_bytes());
        let secrets = [
            ("/a", secret("tok\"en")),
            ("/b", secret("tok\"en-long")),
            ("/c", secret("")),
        ];
        let secrets = secrets
            .into_iter()
            .map(|(pointer, value)| (pointer.to_owned(), value))
            .collect();
        let redactor = Redactor::new(&secrets);
        let text = format!("plain tok\"en-long, {:?}, tok\"en", "tok\"en");
        assert_eq!(redactor.clean(text), "plain <secret>, \"<secret>\", <secret>");
        assert_eq!(format!("{redactor:?}"), "Redactor { values: 4 }");
    }
}
