//! Field selectors: `metadata.name=cart,status.phase!=Active`.
//!
//! Which fields can be selected is the kind's affair, so a selector is read together with what is known of that; a field that is
//! absent in an object counts as empty text.

use serde_json::Value;
use thiserror::Error;

/// Says which fields an object must have; all terms hold together, and the empty selector takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Box<str>,
    relation: Relation,
    value: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Is,
    IsNot,
}

/// Why a text is no selector of a kind's fields.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum FieldError {
    /// A term without `=`, `==` or `!=`.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The selector.
        selector: Box<str>,
        /// The term.
        term: Box<str>,
    },
    /// A backslash before something that needs none, or before nothing.
    #[error("invalid field selector: invalid escape sequence in '{term}'")]
    Escape {
        /// The term.
        term: Box<str>,
    },
    /// A field that cannot be selected.
    #[error("field label not supported: {0}")]
    Unknown(Box<str>),
}

impl FieldSelector {
    /// Reads a selector; `known` tells whether a field can be selected.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn read(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, FieldError> {
        let mut terms = Vec::new();
        for term in split(text).into_iter().filter(|term| !term.is_empty()) {
            let read = read_term(text, term)?;
            if !known(&read.field) {
                return Err(FieldError::Unknown(read.field));
            }
            terms.push(read);
        }
        Ok(Self { terms })
    }

    /// Whether it takes everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether an object that matches always will, because no field that can change is selected.
    pub(crate) fn is_constant(&self) -> bool {
        let constant = ["metadata.name", "metadata.namespace"];
        self.terms.iter().all(|term| constant.contains(&&*term.field))
    }

    /// The one name that can match, where there is only one.
    pub(crate) fn only_name(&self) -> Option<&str> {
        let named = |term: &&Term| term.relation == Relation::Is && &*term.field == "metadata.name";
        self.terms.iter().find(named).map(|term| &*term.value)
    }

    /// Tells whether an object matches; `field` looks up one of its fields.
    pub(crate) fn matches(&self, field: impl Fn(&str) -> Box<str>) -> bool {
        self.terms.iter().all(|term| {
            let is = field(&term.field) == term.value;
            match term.relation {
                Relation::Is => is,
                Relation::IsNot => !is,
            }
        })
    }
}

/// The text of a field by its path; empty where it is absent or no scalar.
pub(crate) fn text_at(object: &Value, path: &str) -> Box<str> {
    let found = path.split('.').try_fold(object, |within, name| within.get(name));
    match found {
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => Box::default(),
        Some(Value::String(text)) => text.as_str().into(),
        Some(Value::Bool(truth)) => truth.to_string().into(),
        Some(Value::Number(number)) => number.to_string().into(),
    }
}

/// Splits at the commas that are not escaped.
fn split(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn read_term(selector: &str, term: &str) -> Result<Term, FieldError> {
    let unclear = || FieldError::Term {
        selector: selector.into(),
        term: term.into(),
    };
    let at = term.find('=').ok_or_else(unclear)?;
    let (left, right) = (&term[..at], &term[at + 1..]);
    let (field, relation, value) = match left.strip_suffix('!') {
        Some(field) => (field, Relation::IsNot, right),
        None => (left, Relation::Is, right.strip_prefix('=').unwrap_or(right)),
    };
    Ok(Term {
        field: field.into(),
        relation,
        value: unescaped(value, term)?,
    })
}

fn unescaped(value: &str, term: &str) -> Result<Box<str>, FieldError> {
    let broken = || FieldError::Escape { term: term.into() };
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => text.push(escaped),
                Some(_) | None => return Err(broken()),
            },
            // An operator in a value has to be escaped.
            '=' => return Err(broken()),
            plain => text.push(plain),
        }
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn terms_mean_what_kubernetes_says() {
        let object = json!({
            "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"on": true, "size": 3, "odd": "a,b=c\\d", "list": []},
        });
        for (selector, expected) in [
            ("", true),
            (",", true),
            ("metadata.name=cart", true),
            ("metadata.name==cart", true),
            ("metadata.name!=cart", false),
            ("metadata.name=cart,metadata.namespace!=shop", false),
            ("spec.on=true,spec.size=3", true),
            ("spec.absent=", true),
            ("spec.absent!=x", true),
            ("spec.list=", true),
            (r"spec.odd=a\,b\=c\\d", true),
        ] {
            let read = FieldSelector::read(selector, |_| true).unwrap();
            assert_eq!(read.matches(|field| text_at(&object, field)), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_not_a_selector_is_refused() {
        for (selector, told) in [
            (
                "metadata.name",
                "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
            ),
            ("spec.x=1", "field label not supported: spec.x"),
            ("=1", "field label not supported: "),
            (
                r"metadata.name=a\b",
                r"invalid field selector: invalid escape sequence in 'metadata.name=a\b'",
            ),
            (
                "metadata.name=a=b",
                "invalid field selector: invalid escape sequence in 'metadata.name=a=b'",
            ),
        ] {
            let refused = FieldSelector::read(selector, |field| field == "metadata.name").unwrap_err();
            assert_eq!(refused.to_string(), told, "{selector}");
        }
    }

    #[test]
    fn a_selector_of_names_is_constant() {
        for (selector, constant, name) in [
            ("metadata.name=a,metadata.namespace=b", true, Some("a")),
            ("metadata.name!=a", true, None),
            ("status.phase=Active,metadata.name=a", false, Some("a")),
        ] {
            let read = FieldSelector::read(selector, |_| true).unwrap();
            assert_eq!((read.is_constant(), read.only_name()), (constant, name), "{selector}");
        }
    }
}
