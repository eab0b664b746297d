//! The form in which an answer is wanted, from the `Accept` header.
//!
//! Clauses are tried by their quality, exact ones before those with a `*`, and else in their order; the first that can be
//! served is. Only JSON is served; other media types are passed over, and 406 names what could have been asked for.

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::ACCEPT;

use super::failure::Failure;

/// Clauses of all `Accept` headers that are read; the rest is passed over.
const MAX_CLAUSES: usize = 64;
/// The group of tables and of objects reduced to their metadata.
const META_GROUP: &str = "meta.k8s.io";
/// The group of aggregated discovery.
const DISCOVERY_GROUP: &str = "apidiscovery.k8s.io";

/// The form in which objects are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// As they are.
    Json,
    /// As a `Table`.
    Table(MetaVersion),
    /// Each reduced to its metadata; does not fit a list.
    PartialObjectMetadata(MetaVersion),
    /// A list of objects reduced to their metadata; fits a list only.
    PartialObjectMetadataList(MetaVersion),
}

/// A version of `meta.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetaVersion {
    /// `meta.k8s.io/v1`.
    V1,
    /// `meta.k8s.io/v1beta1`.
    V1Beta1,
}

impl MetaVersion {
    /// As in `apiVersion`.
    pub(crate) const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// The form in which discovery is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiscoveryForm {
    /// Groups or versions only.
    Legacy,
    /// Everything at once.
    Aggregated(DiscoveryVersion),
}

/// A version of `apidiscovery.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiscoveryVersion {
    /// `apidiscovery.k8s.io/v2`.
    V2,
    /// `apidiscovery.k8s.io/v2beta1`.
    V2Beta1,
}

/// One clause of an `Accept` header that JSON satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause<'h> {
    /// Thousandths.
    quality: u16,
    breadth: Breadth,
    group: Option<&'h str>,
    version: Option<&'h str>,
    kind: Option<&'h str>,
}

/// How much a media type covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Breadth {
    Exact,
    Applications,
    Everything,
}

impl Breadth {
    /// Of a media type that covers JSON.
    fn of(media_type: &str) -> Option<Self> {
        let known = [
            ("application/json", Self::Exact),
            ("application/*", Self::Applications),
            ("*/*", Self::Everything),
        ];
        let mut covering = known.into_iter();
        covering.find_map(|(name, breadth)| media_type.eq_ignore_ascii_case(name).then_some(breadth))
    }
}

impl Accept {
    /// Chooses the form of objects.
    ///
    /// # Errors
    /// 406 when nothing fits.
    pub(crate) fn of_objects(headers: &HeaderMap) -> Result<Self, Failure> {
        choose(headers, |clause| {
            let Some(kind) = clause.kind else {
                return Some(Self::Json);
            };
            let version = match (clause.group, clause.version) {
                (Some(META_GROUP), Some("v1")) => MetaVersion::V1,
                (Some(META_GROUP), Some("v1beta1")) => MetaVersion::V1Beta1,
                (_, _) => return None,
            };
            match kind {
                "Table" => Some(Self::Table(version)),
                "PartialObjectMetadata" => Some(Self::PartialObjectMetadata(version)),
                "PartialObjectMetadataList" => Some(Self::PartialObjectMetadataList(version)),
                _ => None,
            }
        })
    }
}

impl DiscoveryForm {
    /// Chooses the form of discovery.
    ///
    /// # Errors
    /// 406 when nothing fits.
    pub(crate) fn of_groups(headers: &HeaderMap) -> Result<Self, Failure> {
        choose(headers, |clause| match (clause.group, clause.version, clause.kind) {
            (None, None, None) => Some(Self::Legacy),
            (Some(DISCOVERY_GROUP), Some("v2"), Some("APIGroupDiscoveryList")) => {
                Some(Self::Aggregated(DiscoveryVersion::V2))
            }
            (Some(DISCOVERY_GROUP), Some("v2beta1"), Some("APIGroupDiscoveryList")) => {
                Some(Self::Aggregated(DiscoveryVersion::V2Beta1))
            }
            (_, _, _) => None,
        })
    }
}

/// Checks that plain JSON will do.
///
/// # Errors
/// 406 when it will not.
pub(crate) fn plain(headers: &HeaderMap) -> Result<(), Failure> {
    choose(headers, |clause| clause.kind.is_none().then_some(()))
}

fn choose<T>(headers: &HeaderMap, fits: impl Fn(&Clause<'_>) -> Option<T>) -> Result<T, Failure> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let texts = values.flat_map(|value| value.split(',')).map(str::trim);
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).take(MAX_CLAUSES).collect();
    let mut clauses: Vec<Clause<'_>> = if texts.is_empty() {
        vec![Clause::plain(Breadth::Everything)]
    } else {
        texts.into_iter().filter_map(Clause::read).collect()
    };
    clauses.sort_by_key(|clause| (Reverse(clause.quality), clause.breadth));
    clauses.iter().find_map(fits).ok_or(Failure::NotAcceptable)
}

impl<'h> Clause<'h> {
    const fn plain(breadth: Breadth) -> Self {
        Self {
            quality: 1000,
            breadth,
            group: None,
            version: None,
            kind: None,
        }
    }

    /// Reads a clause; `None` for one that JSON does not satisfy, or that is unwanted or broken.
    fn read(text: &'h str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut clause = Self::plain(Breadth::of(parts.next()?)?);
        for parameter in parts {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            match key {
                "q" => clause.quality = quality(value)?,
                "g" => clause.group = Some(value),
                "v" => clause.version = Some(value),
                "as" => clause.kind = Some(value),
                // `charset`, `pretty`, `profile` of aggregated discovery, and what later clients think of.
                _ => {}
            }
        }
        (clause.quality > 0).then_some(clause)
    }
}

/// A quality between 0 and 1, in whole thousandths.
fn quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").get(..3)?.parse::<u16>().ok()?;
    match whole {
        "0" | "" if !text.is_empty() => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

    fn of(values: &[&str]) -> Option<Accept> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        Accept::of_objects(&headers).ok()
    }

    #[test]
    fn the_most_wanted_form_that_is_served_is_chosen() {
        let old = "application/json;as=Table;v=v1beta1;g=meta.k8s.io";
        let list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let table = Some(Accept::Table(MetaVersion::V1));
        for (values, expected) in [
            (&[][..], Some(Accept::Json)),
            (&[TABLE], table),
            (&[old, TABLE], Some(Accept::Table(MetaVersion::V1Beta1))),
            (&["application/json", TABLE], Some(Accept::Json)),
            (&["application/json;q=0.9", TABLE], table),
            (
                &["application/json;q=0.9", &format!("{TABLE};q=0.8")],
                Some(Accept::Json),
            ),
            (&["*/*", TABLE], table),
            (&["application/*", TABLE], table),
            (
                &["application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", TABLE],
                table,
            ),
            (&[list], Some(Accept::PartialObjectMetadataList(MetaVersion::V1))),
            (&["text/html"], None),
            (&["application/json;q=0"], None),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
            assert_eq!(of(&[&values.join(", ")]), expected, "{values:?}");
        }
    }

    #[test]
    fn qualities_are_thousandths() {
        for (text, expected) in [
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("0.5", Some(500)),
            (".25", Some(250)),
            ("0", Some(0)),
            ("0.12345", Some(123)),
            ("1.1", None),
            ("2", None),
            ("-1", None),
            ("", None),
            ("0.x", None),
        ] {
            assert_eq!(quality(text), expected, "{text}");
        }
    }
}
