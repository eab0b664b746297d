//! What was asked of a cluster.

use std::fmt;

use http::{Method, Uri};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Which kinds there are, or which version.
    Discovery,
    /// A collection, or a page of it.
    List,
    /// What changes in a collection.
    Watch,
    /// What is in a collection, and then what changes in it.
    WatchList,
    /// One object.
    Get,
    /// Whether something is allowed.
    Review,
    /// A change.
    Write,
}

/// A request that was asked, and what came of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it is for.
    pub kind: Kind,
    /// The method.
    pub method: Method,
    /// Path and query, as they were sent.
    pub target: String,
    /// The resource with its group, as `configmaps` or `deployments.apps`; empty if it is for none.
    pub resource: String,
    /// The namespace, if it is for one.
    pub namespace: Option<String>,
    /// What was answered, if anything was.
    pub status: Option<u16>,
    /// Bytes of the answer's body that were passed on.
    pub bytes: u64,
    /// Whether the answer has ended, or was broken off.
    pub is_over: bool,
}

impl Asked {
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        let place = Place::of(uri.path());
        let has = |name: &str, wanted: fn(&str) -> bool| {
            let pairs = uri.query().unwrap_or_default().split('&');
            let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
            pairs.any(|(key, value)| key == name && wanted(value))
        };
        let is_true = |value: &str| matches!(value, "true" | "1");
        let kind = match &place {
            Some(place) if place.resource.ends_with("accessreviews") => Kind::Review,
            Some(_) | None if method != Method::GET => Kind::Write,
            None => Kind::Discovery,
            Some(_) if has("watch", is_true) && has("sendInitialEvents", is_true) => Kind::WatchList,
            Some(_) if has("watch", is_true) => Kind::Watch,
            Some(place) if place.is_object => Kind::Get,
            Some(_) => Kind::List,
        };
        let target = uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Self {
            kind,
            method: method.clone(),
            target,
            resource: place.as_ref().map_or_else(String::new, Place::name),
            namespace: place.and_then(|place| place.namespace).map(str::to_owned),
            status: None,
            bytes: 0,
            is_over: false,
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_over { "" } else { "…" };
        let status = self
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        write!(
            formatter,
            "{:?} {} {}: {status}, {} B{end}",
            self.kind, self.method, self.target, self.bytes
        )
    }
}

/// A path below `/api/v1` or `/apis/GROUP/VERSION` that names a resource.
struct Place<'p> {
    group: &'p str,
    namespace: Option<&'p str>,
    resource: &'p str,
    is_object: bool,
}

impl<'p> Place<'p> {
    fn of(path: &'p str) -> Option<Self> {
        let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
        let (group, words) = match words.as_slice() {
            ["api", _, words @ ..] => ("", words),
            ["apis", group, _, words @ ..] => (*group, words),
            _ => return None,
        };
        let (namespace, words) = match words {
            // What a namespace itself has is no resource in it.
            ["namespaces", _, "status" | "finalize"] | ["namespaces"] | ["namespaces", _] => (None, words),
            ["namespaces", namespace, words @ ..] => (Some(*namespace), words),
            words => (None, words),
        };
        let (resource, rest) = words.split_first()?;
        Some(Self {
            group,
            namespace,
            resource,
            is_object: !rest.is_empty(),
        })
    }

    fn name(&self) -> String {
        let Self { group, resource, .. } = self;
        if group.is_empty() {
            return (*resource).to_owned();
        }
        format!("{resource}.{group}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests, with what each is for: its kind, resource and namespace.
    const CASES: [(&str, Kind, &str, &str); 16] = [
        ("GET /version", Kind::Discovery, "", ""),
        ("GET /apis", Kind::Discovery, "", ""),
        ("GET /api/v1", Kind::Discovery, "", ""),
        ("GET /apis/apps/v1?timeout=32s", Kind::Discovery, "", ""),
        ("GET /api/v1/pods", Kind::List, "pods", ""),
        ("GET /api/v1/pods?limit=500&continue=x", Kind::List, "pods", ""),
        ("GET /api/v1/pods?watch=false", Kind::List, "pods", ""),
        ("GET /api/v1/pods?limit=1&watch=true", Kind::Watch, "pods", ""),
        (
            "GET /api/v1/pods?&watch=1&sendInitialEvents=true",
            Kind::WatchList,
            "pods",
            "",
        ),
        (
            "GET /apis/apps/v1/namespaces/a/deployments",
            Kind::List,
            "deployments.apps",
            "a",
        ),
        (
            "GET /apis/apps/v1/namespaces/a/deployments/b",
            Kind::Get,
            "deployments.apps",
            "a",
        ),
        ("GET /api/v1/namespaces", Kind::List, "namespaces", ""),
        ("GET /api/v1/namespaces/kube-system", Kind::Get, "namespaces", ""),
        ("PUT /api/v1/namespaces/a/finalize", Kind::Write, "namespaces", ""),
        ("DELETE /api/v1/pods", Kind::Write, "pods", ""),
        (
            "POST /apis/review/v1/selfsubjectaccessreviews",
            Kind::Review,
            "selfsubjectaccessreviews.review",
            "",
        ),
    ];

    #[test]
    fn requests_are_known_by_method_path_and_query() {
        for (line, kind, resource, namespace) in CASES {
            let (method, target) = line.split_once(' ').unwrap();
            let asked = Asked::of(&method.parse().unwrap(), &target.parse().unwrap());
            let told = (asked.kind, asked.resource.as_str(), asked.namespace.as_deref());
            assert_eq!(
                told,
                (kind, resource, Some(namespace).filter(|name| !name.is_empty())),
                "{line}"
            );
            assert_eq!(asked.target, target);
        }
    }
}
