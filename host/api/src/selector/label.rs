//! Label selectors as kubectl takes them: `app=shop,tier!=cache,env in (dev,test),!legacy,size>3`.

use std::collections::BTreeSet;
use std::str::FromStr;

use k1s_object::{NameError, validate_subdomain};
use thiserror::Error;

/// Longest name part of a label's key, and longest value, in bytes.
const MAX_LABEL_PART: usize = 63;

/// Says which labels an object must have; all requirements hold together, and the empty selector takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Exists,
    Absent,
    In(BTreeSet<String>),
    /// Holds also where the key is absent, as in Kubernetes.
    NotIn(BTreeSet<String>),
    /// Compares whole numbers; a label that is none does not match.
    Above(i64),
    Below(i64),
}

/// Why a text is not a label selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// There is nothing between two commas.
    #[error("a requirement is empty; write for example app=shop,tier!=cache")]
    Empty,
    /// A list is not closed, or closed before it is opened.
    #[error("{text:?} has a parenthesis without its other half")]
    Parenthesis {
        /// The selector.
        text: String,
    },
    /// A set requirement without a list.
    #[error("{text:?} needs a list in parentheses, for example env in (dev,test)")]
    List {
        /// The requirement.
        text: String,
    },
    /// The key breaks the rules of labels.
    #[error("{key:?} is not a label's key{}", source.as_ref().map_or_else(String::new, |error| format!(": the prefix {error}")))]
    Key {
        /// The key.
        key: String,
        /// What is wrong with its prefix.
        source: Option<NameError>,
    },
    /// A comparison with something else than a whole number.
    #[error("{value:?} is not a whole number, which > and < compare with")]
    Number {
        /// The value.
        value: String,
    },
    /// The value breaks the rules of labels.
    #[error(
        "{value:?} is not a label's value: use at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
    )]
    Value {
        /// The value.
        value: String,
    },
}

impl LabelSelector {
    /// Whether it takes everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Tells whether an object matches; `label` looks up one of its labels.
    #[must_use]
    pub fn matches<'o>(&self, label: impl Fn(&str) -> Option<&'o str>) -> bool {
        self.requirements
            .iter()
            .all(|Requirement { key, rule }| match (rule, label(key)) {
                (Rule::Exists, value) => value.is_some(),
                (Rule::Absent, value) => value.is_none(),
                (Rule::In(values), value) => value.is_some_and(|value| values.contains(value)),
                (Rule::NotIn(values), value) => value.is_none_or(|value| !values.contains(value)),
                (Rule::Above(limit), value) => value.and_then(number).is_some_and(|value| value > *limit),
                (Rule::Below(limit), value) => value.and_then(number).is_some_and(|value| value < *limit),
            })
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let requirements = split(text)?
            .into_iter()
            .map(|part| requirement(part.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }
}

/// Splits at the commas that are not inside parentheses.
fn split(text: &str) -> Result<Vec<&str>, SelectorError> {
    let unbalanced = || SelectorError::Parenthesis { text: text.to_owned() };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut open = false;
    for (at, character) in text.char_indices() {
        match character {
            '(' if open => return Err(unbalanced()),
            '(' => open = true,
            ')' if !open => return Err(unbalanced()),
            ')' => open = false,
            ',' if !open => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if open {
        return Err(unbalanced());
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn requirement(text: &str) -> Result<Requirement, SelectorError> {
    if text.is_empty() {
        return Err(SelectorError::Empty);
    }
    let (key, rule) = if let Some(key) = text.strip_prefix('!') {
        (key, Rule::Absent)
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Rule::NotIn(one(value)?))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Rule::In(one(value)?))
    } else if let Some((key, value)) = text.split_once('>') {
        (key, Rule::Above(limit(value)?))
    } else if let Some((key, value)) = text.split_once('<') {
        (key, Rule::Below(limit(value)?))
    } else if let Some((key, operator)) = text.split_once(char::is_whitespace) {
        (key, set(operator.trim(), text)?)
    } else {
        (text, Rule::Exists)
    };
    Ok(Requirement {
        key: checked_key(key.trim())?,
        rule,
    })
}

fn set(operator: &str, text: &str) -> Result<Rule, SelectorError> {
    let malformed = || SelectorError::List { text: text.to_owned() };
    let list = |rest: &str| -> Result<BTreeSet<String>, SelectorError> {
        let inner = rest
            .trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or_else(malformed)?;
        inner.split(',').map(checked_value).collect()
    };
    if let Some(rest) = operator.strip_prefix("notin") {
        Ok(Rule::NotIn(list(rest)?))
    } else if let Some(rest) = operator.strip_prefix("in") {
        Ok(Rule::In(list(rest)?))
    } else {
        Err(malformed())
    }
}

fn limit(value: &str) -> Result<i64, SelectorError> {
    let value = value.trim();
    number(value).ok_or_else(|| SelectorError::Number {
        value: value.to_owned(),
    })
}

fn one(value: &str) -> Result<BTreeSet<String>, SelectorError> {
    Ok(BTreeSet::from([checked_value(value)?]))
}

fn checked_value(value: &str) -> Result<String, SelectorError> {
    let value = value.trim();
    if value.is_empty() || is_label_part(value) {
        Ok(value.to_owned())
    } else {
        Err(SelectorError::Value {
            value: value.to_owned(),
        })
    }
}

fn checked_key(key: &str) -> Result<String, SelectorError> {
    let refused = |source| SelectorError::Key {
        key: key.to_owned(),
        source,
    };
    let name = match key.split_once('/') {
        Some((prefix, name)) => {
            validate_subdomain(prefix).map_err(|error| refused(Some(error)))?;
            name
        }
        None => key,
    };
    if is_label_part(name) {
        Ok(key.to_owned())
    } else {
        Err(refused(None))
    }
}

fn is_label_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= MAX_LABEL_PART
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let selector: LabelSelector = selector.parse().unwrap();
        selector.matches(|key| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value))
    }

    #[test]
    fn requirements_mean_what_kubernetes_says() {
        let labels = [
            ("app", "shop"),
            ("example.com/tier", "web"),
            ("empty", ""),
            ("size", "5"),
        ];
        for (selector, expected) in [
            ("", true),
            ("app", true),
            ("absent", false),
            ("!app", false),
            ("!absent", true),
            ("app=shop", true),
            ("app==shop", true),
            ("app=cart", false),
            ("app!=shop", false),
            ("app != cart", true),
            ("absent!=x", true),
            ("empty=", true),
            ("app in (cart, shop)", true),
            ("app in (cart)", false),
            ("app notin (cart)", true),
            ("absent notin (cart)", true),
            ("example.com/tier=web,app", true),
            ("example.com/tier=web,app=cart", false),
            ("app in (a,shop),example.com/tier in (web)", true),
            ("size>4", true),
            ("size > 5", false),
            ("size<6", true),
            ("size < -6", false),
            ("app>0", false),
            ("absent<9", false),
        ] {
            assert_eq!(matches(selector, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_not_a_selector_is_refused() {
        for (selector, expected) in [
            ("a,,b", "is empty"),
            ("a in (b", "parenthesis"),
            ("a in b)", "parenthesis"),
            ("a in b", "needs a list"),
            ("a near (b)", "needs a list"),
            ("a=b c", "not a label's value"),
            ("-a=b", "not a label's key"),
            ("Up/a=b", "the prefix \"Up\" is not allowed"),
            ("!", "not a label's key"),
            ("a>b", "\"b\" is not a whole number"),
            ("a<", "\"\" is not a whole number"),
            ("!a>1", "not a label's key"),
        ] {
            let error = selector.parse::<LabelSelector>().unwrap_err().to_string();
            assert!(error.contains(expected), "{selector:?}: {error}");
        }
    }
}
