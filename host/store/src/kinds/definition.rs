//! What a CustomResourceDefinition says of its kind's names.

use std::cmp::{Ordering, Reverse};

use k1s_object::{GroupKind, KindNames, KindScope, NameError, validate_label_name, validate_subdomain};
use serde_json::Value;
use thiserror::Error;

/// Why a CustomResourceDefinition defines no kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DefinitionError {
    /// A field is absent, empty or of another type.
    #[error("{field} is missing or no {expected}")]
    Field {
        /// The field's path.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// A name that cannot stand in a path.
    #[error("{field} {source}")]
    Name {
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// Not `<plural>.<group>`.
    #[error("metadata.name is {name:?}, but plural and group make it {expected:?}")]
    Identity {
        /// The object's name.
        name: String,
        /// What it must be.
        expected: String,
    },
    /// Neither `Namespaced` nor `Cluster`.
    #[error("spec.scope is {scope:?}; it must be Namespaced or Cluster")]
    Scope {
        /// What it is.
        scope: String,
    },
    /// A version that is there twice.
    #[error("version {version:?} is in spec.versions twice")]
    Duplicate {
        /// The version.
        version: String,
    },
    /// No version, or more than one, is the one that is stored.
    #[error("{count} versions have storage: true; exactly one must")]
    Storage {
        /// How many do.
        count: usize,
    },
    /// No version is served.
    #[error("no version has served: true")]
    Unserved,
}

/// Reads what a CustomResourceDefinition (`apiextensions.k8s.io/v1`) says of its kind; its schemas are not looked at.
///
/// Served versions come in Kubernetes' order of preference: stable before beta before alpha, higher numbers first, others
/// last, by name.
///
/// # Errors
/// Why it defines no kind.
pub fn definition_names(body: &Value) -> Result<KindNames, DefinitionError> {
    let group = text(body, "spec.group", "/spec/group")?;
    let plural = text(body, "spec.names.plural", "/spec/names/plural")?;
    let kind = text(body, "spec.names.kind", "/spec/names/kind")?;
    check("spec.group", validate_subdomain(group))?;
    check("spec.names.plural", validate_label_name(plural))?;
    check("spec.names.kind", validate_label_name(&kind.to_lowercase()))?;
    let (name, expected) = (
        text(body, "metadata.name", "/metadata/name")?,
        format!("{plural}.{group}"),
    );
    if name != expected {
        return Err(DefinitionError::Identity {
            name: name.to_owned(),
            expected,
        });
    }
    let singular = body.pointer("/spec/names/singular").and_then(Value::as_str);
    Ok(KindNames {
        group_kind: GroupKind::new(group, kind),
        versions: served(body)?,
        plural: plural.into(),
        singular: singular
            .filter(|name| !name.is_empty())
            .map_or_else(|| kind.to_lowercase().into(), Into::into),
        short_names: names(body, "spec.names.shortNames", "/spec/names/shortNames")?,
        categories: names(body, "spec.names.categories", "/spec/names/categories")?,
        scope: scope(body)?,
    })
}

fn text<'b>(body: &'b Value, field: &'static str, pointer: &str) -> Result<&'b str, DefinitionError> {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found.filter(|text| !text.is_empty()).ok_or(DefinitionError::Field {
        field,
        expected: "text",
    })
}

fn check(field: &'static str, outcome: Result<(), NameError>) -> Result<(), DefinitionError> {
    outcome.map_err(|source| DefinitionError::Name { field, source })
}

fn names(body: &Value, field: &'static str, pointer: &str) -> Result<Vec<Box<str>>, DefinitionError> {
    let wrong = DefinitionError::Field {
        field,
        expected: "list of names",
    };
    let items = match body.pointer(pointer) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_array().ok_or(wrong.clone())?,
    };
    items
        .iter()
        .map(|item| {
            let name = item.as_str().ok_or(wrong.clone())?;
            check(field, validate_label_name(name))?;
            Ok(name.into())
        })
        .collect()
}

fn scope(body: &Value) -> Result<KindScope, DefinitionError> {
    match text(body, "spec.scope", "/spec/scope")? {
        "Namespaced" => Ok(KindScope::Namespaced),
        "Cluster" => Ok(KindScope::Cluster),
        scope => Err(DefinitionError::Scope {
            scope: scope.to_owned(),
        }),
    }
}

fn served(body: &Value) -> Result<Vec<Box<str>>, DefinitionError> {
    let versions = body.pointer("/spec/versions").and_then(Value::as_array);
    let versions = versions.ok_or(DefinitionError::Field {
        field: "spec.versions",
        expected: "list",
    })?;
    let is = |version: &Value, flag: &str| version.get(flag) == Some(&Value::Bool(true));
    let mut all: Vec<&str> = Vec::new();
    let mut served: Vec<Box<str>> = Vec::new();
    for version in versions {
        let name = text(version, "spec.versions[*].name", "/name")?;
        check("spec.versions[*].name", validate_label_name(name))?;
        if all.contains(&name) {
            return Err(DefinitionError::Duplicate {
                version: name.to_owned(),
            });
        }
        all.push(name);
        if is(version, "served") {
            served.push(name.into());
        }
    }
    let count = versions.iter().filter(|version| is(version, "storage")).count();
    if count != 1 {
        return Err(DefinitionError::Storage { count });
    }
    if served.is_empty() {
        return Err(DefinitionError::Unserved);
    }
    served.sort_by(|left, right| by_preference(left, right));
    Ok(served)
}

/// How far along a version is; greater is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Alpha,
    Beta,
    Stable,
}

type Precedence<'v> = (Reverse<Option<(Stage, u64, u64)>>, &'v str);

/// Orders versions as `CompareKubeAwareVersionStrings` of k8s.io/apimachinery does, the preferred one first: stable before
/// beta before alpha, higher numbers first, others last, by name.
#[must_use]
pub fn by_preference(left: &str, right: &str) -> Ordering {
    preference(left).cmp(&preference(right))
}

fn preference(version: &str) -> Precedence<'_> {
    (Reverse(stage(version)), version)
}

/// Reads `v<number>`, `v<number>alpha<number>` or `v<number>beta<number>`.
fn stage(version: &str) -> Option<(Stage, u64, u64)> {
    let number = |digits: &str| {
        let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        only_digits.then(|| digits.parse::<u64>().ok()).flatten()
    };
    let rest = version.strip_prefix('v')?;
    for (word, stage) in [("alpha", Stage::Alpha), ("beta", Stage::Beta)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((stage, number(major)?, number(minor)?));
        }
    }
    Some((Stage::Stable, number(rest)?, 0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {
                    "kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList",
                    "shortNames": ["wd"], "categories": ["all", "example"],
                },
                "versions": [
                    {"name": "v1alpha1", "served": true, "storage": false},
                    {"name": "v1", "served": true, "storage": true},
                    {"name": "v2beta1", "served": true, "storage": false},
                    {"name": "v3", "served": false, "storage": false},
                ],
            },
        })
    }

    fn changed(pointer: &str, value: Value) -> Value {
        let mut body = definition();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    }

    #[test]
    fn a_definition_names_its_kind() {
        let expected = KindNames {
            group_kind: GroupKind::new("example.com", "Widget"),
            versions: vec!["v1".into(), "v2beta1".into(), "v1alpha1".into()],
            plural: "widgets".into(),
            singular: "widget".into(),
            short_names: vec!["wd".into()],
            categories: vec!["all".into(), "example".into()],
            scope: KindScope::Namespaced,
        };
        assert_eq!(definition_names(&definition()).as_ref(), Ok(&expected));
        for (pointer, value) in [
            ("/spec/names/singular", json!("")),
            ("/spec/names/singular", Value::Null),
        ] {
            assert_eq!(definition_names(&changed(pointer, value)).as_ref(), Ok(&expected));
        }
        let bare = definition_names(&changed("/spec/names", json!({"kind": "Widget", "plural": "widgets"})));
        let bare = bare.unwrap();
        assert_eq!(
            (&*bare.singular, bare.short_names.len(), bare.categories.len()),
            ("widget", 0, 0)
        );
        let cluster = definition_names(&changed("/spec/scope", json!("Cluster"))).unwrap();
        assert_eq!(cluster.scope, KindScope::Cluster);
    }

    #[test]
    fn what_defines_no_kind_is_told() {
        for (pointer, value, told) in [
            ("/spec/group", Value::Null, "spec.group is missing or no text"),
            ("/spec/group", json!("a/b"), "spec.group \"a/b\" is not allowed"),
            ("/spec/names", json!({}), "spec.names.plural is missing or no text"),
            ("/spec/names/kind", json!(7), "spec.names.kind is missing or no text"),
            (
                "/spec/names/kind",
                json!("Wid/get"),
                "spec.names.kind \"wid/get\" is not allowed",
            ),
            (
                "/spec/names/plural",
                json!("../x"),
                "spec.names.plural \"../x\" is not allowed",
            ),
            (
                "/metadata/name",
                json!("widgets.example.org"),
                "plural and group make it \"widgets.example.com\"",
            ),
            ("/spec/scope", json!("namespaced"), "spec.scope is \"namespaced\""),
            (
                "/spec/names/shortNames",
                json!("wd"),
                "spec.names.shortNames is missing or no list of names",
            ),
            (
                "/spec/names/categories",
                json!([1]),
                "spec.names.categories is missing or no list of names",
            ),
            ("/spec/versions", json!({}), "spec.versions is missing or no list"),
            ("/spec/versions", json!([]), "0 versions have storage: true"),
            ("/spec/versions/0/storage", json!(true), "2 versions have storage: true"),
            (
                "/spec/versions/0/name",
                json!("v1"),
                "version \"v1\" is in spec.versions twice",
            ),
            (
                "/spec/versions",
                json!([{"name": "v1", "storage": true}]),
                "no version has served: true",
            ),
        ] {
            let error = definition_names(&changed(pointer, value.clone()))
                .unwrap_err()
                .to_string();
            assert!(error.contains(told), "{pointer} {value}: {error}");
        }
        assert!(definition_names(&json!("text")).is_err());
    }

    #[test]
    fn versions_are_preferred_as_in_kubernetes() {
        // The example of the Kubernetes documentation, "Versions in CustomResourceDefinitions", version priority.
        let expected = [
            "v10",
            "v2",
            "v1",
            "v11beta2",
            "v10beta3",
            "v3beta1",
            "v12alpha1",
            "v11alpha2",
            "foo1",
            "foo10",
        ];
        let mut versions = expected;
        versions.reverse();
        versions.sort_by(|left, right| by_preference(left, right));
        assert_eq!(versions, expected);
        for unusual in ["v", "v1alpha", "valpha1", "1", "v1.2", "v+1"] {
            assert_eq!(stage(unusual), None, "{unusual}");
        }
    }
}
