//! The name rules of Kubernetes that hold for every kind.

use thiserror::Error;

/// Longest DNS-1123 label, as in RFC 1123.
const MAX_LABEL: usize = 63;
/// Longest DNS-1123 subdomain.
const MAX_SUBDOMAIN: usize = 253;

/// Why a name cannot be used; the message completes "the name …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Too long for its place.
    #[error("has {length} characters; at most {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A character outside the alphabet, or in the wrong place.
    #[error(
        "{name:?} is not allowed: use lower-case letters, digits, '-'{dot}, and begin and end with a letter or digit"
    )]
    Characters {
        /// The name.
        name: String,
        /// `" and '.'"` where dots are allowed.
        dot: &'static str,
    },
    /// A name that could not be part of a path.
    #[error("{name:?} is not allowed: it may not be '.' or '..' nor contain '/' or '%'")]
    PathSegment {
        /// The name.
        name: String,
    },
}

/// Checks a DNS-1123 label: the rule for namespaces and sources.
///
/// # Errors
/// What is wrong with it.
pub fn validate_label_name(name: &str) -> Result<(), NameError> {
    bounded(name, MAX_LABEL)?;
    if is_label(name) {
        Ok(())
    } else {
        Err(NameError::Characters {
            name: name.to_owned(),
            dot: "",
        })
    }
}

/// Checks a DNS-1123 subdomain: labels joined by dots.
///
/// # Errors
/// What is wrong with it.
pub fn validate_subdomain(name: &str) -> Result<(), NameError> {
    bounded(name, MAX_SUBDOMAIN)?;
    if name.split('.').all(is_label) {
        Ok(())
    } else {
        Err(NameError::Characters {
            name: name.to_owned(),
            dot: " and '.'",
        })
    }
}

/// Checks what holds for the name of any object: it must fit into a path. Kinds with stricter rules have a schema.
pub(crate) fn validate_path_segment(name: &str) -> Result<(), NameError> {
    bounded(name, MAX_SUBDOMAIN)?;
    let unsafe_part = matches!(name, "." | "..") || name.contains(['/', '%']) || name.contains(char::is_control);
    if unsafe_part {
        Err(NameError::PathSegment { name: name.to_owned() })
    } else {
        Ok(())
    }
}

fn bounded(name: &str, limit: usize) -> Result<(), NameError> {
    match name.len() {
        0 => Err(NameError::Empty),
        length if length > limit => Err(NameError::TooLong { length, limit }),
        _ => Ok(()),
    }
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    let edges = bytes.first().is_some_and(|b| inner(*b)) && bytes.last().is_some_and(|b| inner(*b));
    edges && bytes.len() <= MAX_LABEL && bytes.iter().all(|b| inner(*b) || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_rules_differ_as_in_kubernetes() {
        let long = "a".repeat(64);
        for (name, label, subdomain, segment) in [
            ("shop", true, true, true),
            ("a.b", false, true, true),
            ("system:node", false, false, true),
            ("Shop", false, false, true),
            ("-a", false, false, true),
            ("", false, false, false),
            (".", false, false, false),
            ("a/b", false, false, false),
            ("a%b", false, false, false),
            ("a\u{0}b", false, false, false),
            (long.as_str(), false, false, true),
        ] {
            assert_eq!(validate_label_name(name).is_ok(), label, "label {name:?}");
            assert_eq!(validate_subdomain(name).is_ok(), subdomain, "subdomain {name:?}");
            assert_eq!(validate_path_segment(name).is_ok(), segment, "segment {name:?}");
        }
    }
}
