//! Names of optional behaviour that a handshake may agree on.
//!
//! What `source.proto` describes without naming a feature is part of the major version and not optional.

use crate::v1::Feature;

/// The source stops sending batches between `Pause` and `Continue`. The host sends them only where the source
/// names it; elsewhere the flow control of HTTP/2 is the only brake.
pub const PAUSE: &str = "pause";

/// Every feature of this major version, sorted.
pub const ALL: &[&str] = &[PAUSE];

/// Returns the names in `wanted` that are required and not in `known`, in the order given.
#[must_use]
pub fn unmet<'a>(wanted: &'a [Feature], known: &[&str]) -> Vec<&'a str> {
    wanted
        .iter()
        .filter(|feature| feature.required && !known.contains(&feature.name.as_str()))
        .map(|feature| feature.name.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(name: &str, required: bool) -> Feature {
        Feature {
            name: name.to_owned(),
            required,
        }
    }

    #[test]
    fn only_required_and_unknown_features_are_unmet() {
        let wanted = [
            feature(PAUSE, true),
            feature("later", false),
            feature("warp", true),
            feature("again", true),
        ];
        assert_eq!(unmet(&wanted, ALL), ["warp", "again"]);
        assert_eq!(unmet(&wanted[..2], ALL), Vec::<&str>::new());
    }

    #[test]
    fn the_list_is_sorted_and_without_repetition() {
        assert!(ALL.is_sorted_by(|left, right| left < right));
    }
}
