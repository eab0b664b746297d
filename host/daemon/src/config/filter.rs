//! Patterns for the kinds and namespaces that a source may touch, as users write them.

use k1s_sync_engine::pattern::Pattern;
use k1s_sync_engine::policy::NameFilter;

use super::node::{Node, Read};

/// The kinds a source may touch.
#[derive(Debug)]
pub(super) struct KindFilter(pub(super) NameFilter);

/// The namespaces a source may touch.
#[derive(Debug)]
pub(super) struct NamespaceFilter(pub(super) NameFilter);

impl Read for KindFilter {
    fn read(node: &Node<'_>) -> Option<Self> {
        filter(node, kind_patterns).map(Self)
    }
}

impl Read for NamespaceFilter {
    fn read(node: &Node<'_>) -> Option<Self> {
        filter(node, namespace_patterns).map(Self)
    }
}

fn filter(node: &Node<'_>, patterns: fn(&str) -> Option<Vec<Pattern>>) -> Option<NameFilter> {
    let mut fields = node.fields()?;
    let mut list = |name| -> Option<Vec<Pattern>> {
        let Some(node) = fields.node(name) else {
            return Some(Vec::new());
        };
        let read = |item: &Node<'_>| {
            let text = item.text()?;
            patterns(text).map_or_else(|| item.refuse(refusal(text)), Some)
        };
        Some(node.items_with(read)?.concat())
    };
    let (allow, deny) = (list("allow"), list("deny"));
    fields.finish(&[]);
    Some(NameFilter {
        allow: allow?,
        deny: deny?,
    })
}

fn refusal(text: &str) -> String {
    format!(
        "{text:?} is not a pattern; write a name with `*` for any characters, for a kind with its group before a slash"
    )
}

/// `group/Kind` means that; `Kind` alone means it in every group, and so in the one without a name, too.
fn kind_patterns(text: &str) -> Option<Vec<Pattern>> {
    match text.split_once('/') {
        Some((group, kind)) => (is_pattern(group) && is_pattern(kind)).then(|| vec![Pattern::new(text)]),
        None => is_pattern(text).then(|| vec![Pattern::new(text), Pattern::new(&format!("*/{text}"))]),
    }
}

fn namespace_patterns(text: &str) -> Option<Vec<Pattern>> {
    is_pattern(text).then(|| vec![Pattern::new(text)])
}

fn is_pattern(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'*'))
}

#[cfg(test)]
mod tests {
    use k1s_object::GroupKind;
    use k1s_sync_engine::policy::SourcePolicy;

    use super::*;

    #[test]
    fn a_kind_without_a_group_is_meant_in_all_of_them() {
        for (pattern, deployment, secret) in [
            ("Deployment", true, false),
            ("apps/*", true, false),
            ("*", true, true),
            ("Secret", false, true),
            ("other/Deployment", false, false),
        ] {
            let kinds = NameFilter {
                allow: kind_patterns(pattern).unwrap(),
                deny: Vec::new(),
            };
            let policy = SourcePolicy {
                kinds,
                ..SourcePolicy::default()
            };
            let permits = |group, kind| policy.permits(&GroupKind::new(group, kind), "shop").is_ok();
            assert_eq!(
                (permits("apps", "Deployment"), permits("", "Secret")),
                (deployment, secret),
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for text in ["", "apps/", "/Secret", "a/b/c", "Deploy?ent", "[a]", "a b"] {
            assert!(kind_patterns(text).is_none(), "{text:?}");
        }
    }
}
