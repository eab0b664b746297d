//! What a path names, before anybody knows which kinds there are.
//!
//! Each segment is decoded by itself. Slashes at the end are passed over, as a Kubernetes API server does; an empty segment
//! in between, a broken escape or a control character name nothing.

use super::query::decoded;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Whether the host is well: `/healthz`, `/livez`, `/readyz`.
    Health(Probe),
    /// `/version`.
    Version,
    /// `/metrics`.
    Metrics,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(Box<str>),
    /// `/api/v1` and `/apis/GROUP/VERSION`.
    Resources(GroupVersion),
    /// One object, or many of a kind.
    Resource(Place),
}

/// A question after the host's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The page's name, for example `readyz`.
    pub(crate) page: &'static str,
    /// One check alone.
    pub(crate) check: Option<Box<str>>,
}

/// A group in a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupVersion {
    /// Empty for the core group.
    pub(crate) group: Box<str>,
    /// For example `v1`.
    pub(crate) version: Box<str>,
}

/// Where something is, in the words of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Group and version.
    pub(crate) of: GroupVersion,
    /// The namespace, if one is named.
    pub(crate) namespace: Option<Box<str>>,
    /// The plural.
    pub(crate) resource: Box<str>,
    /// The object.
    pub(crate) name: Option<Box<str>>,
    /// Something below the object.
    pub(crate) subresource: Option<Box<str>>,
}

/// What is below a namespace itself, and is no kind with objects in it.
const BELOW_NAMESPACES: [&str; 2] = ["status", "finalize"];

impl Page {
    /// Reads the path of a request; `None` for one that can name nothing.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let trimmed = path.strip_prefix('/')?.trim_end_matches('/');
        let segments: Vec<Box<str>> = trimmed.split('/').map(segment).collect::<Option<_>>()?;
        let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        Some(match segments.as_slice() {
            ["healthz", rest @ ..] => Self::Health(probe("healthz", rest)?),
            ["livez", rest @ ..] => Self::Health(probe("livez", rest)?),
            ["readyz", rest @ ..] => Self::Health(probe("readyz", rest)?),
            ["version"] => Self::Version,
            ["metrics"] => Self::Metrics,
            ["api"] => Self::CoreVersions,
            ["api", version, rest @ ..] => below("", version, rest)?,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).into()),
            ["apis", group, version, rest @ ..] => below(group, version, rest)?,
            _ => return None,
        })
    }

    /// Whether it is shown to everybody.
    pub(crate) const fn is_open(&self) -> bool {
        match self {
            Self::Health(_) | Self::Version => true,
            Self::Metrics
            | Self::CoreVersions
            | Self::Groups
            | Self::Group(_)
            | Self::Resources(_)
            | Self::Resource(_) => false,
        }
    }
}

fn segment(text: &str) -> Option<Box<str>> {
    let decoded = decoded(text)?;
    let can_name = !decoded.is_empty() && !decoded.chars().any(char::is_control);
    can_name.then_some(decoded)
}

fn probe(page: &'static str, rest: &[&str]) -> Option<Probe> {
    let check = match rest {
        [] => None,
        [name] => Some((*name).into()),
        [_, _, ..] => return None,
    };
    Some(Probe { page, check })
}

fn below(group: &str, version: &str, rest: &[&str]) -> Option<Page> {
    let of = GroupVersion {
        group: group.into(),
        version: version.into(),
    };
    let (namespace, rest) = match rest {
        [] => return Some(Page::Resources(of)),
        ["namespaces", _, below, ..] if BELOW_NAMESPACES.contains(below) => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).into()), rest),
        [_, ..] => (None, rest),
    };
    let (resource, name, subresource) = match rest {
        [resource] => (*resource, None, None),
        [resource, name] => (*resource, Some((*name).into()), None),
        [resource, name, subresource] => (*resource, Some((*name).into()), Some((*subresource).into())),
        [] | [_, _, _, _, ..] => return None,
    };
    Some(Page::Resource(Place {
        of,
        namespace,
        resource: resource.into(),
        name,
        subresource,
    }))
}
