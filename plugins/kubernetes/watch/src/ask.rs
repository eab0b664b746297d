//! The requests: a page of a listing, a listing as initial events, a watch.

use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::resource::Part;

/// Everything that is not unreserved in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which objects of a part are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selectors {
    /// As in `kubectl -l`; empty for all.
    pub labels: String,
    /// As in `kubectl --field-selector`; empty for all.
    pub fields: String,
}

/// A request about the objects of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// One page of a listing.
    Page {
        /// The most objects; none for all that there are.
        limit: Option<u32>,
        /// What the page before said about where it ended.
        after: Option<String>,
    },
    /// A listing whose objects come as events, and the changes behind it.
    Initial,
    /// The changes since a resource version.
    Watch {
        /// The resource version.
        from: String,
    },
}

impl Ask {
    /// Returns path and query. A watch ends by itself after `lasting`, whole seconds.
    #[must_use]
    pub fn target(&self, part: &Part, selectors: &Selectors, lasting: Duration) -> String {
        let mut query = Query {
            text: part.path(),
            separator: '?',
        };
        match self {
            Self::Page { limit, after } => {
                if let Some(limit) = limit {
                    query.add("limit", &limit.to_string());
                }
                if let Some(after) = after {
                    query.add("continue", after);
                }
            }
            Self::Initial => {
                query.watch("", lasting);
                query.add("sendInitialEvents", "true");
                query.add("resourceVersionMatch", "NotOlderThan");
            }
            Self::Watch { from } => query.watch(from, lasting),
        }
        if !selectors.labels.is_empty() {
            query.add("labelSelector", &selectors.labels);
        }
        if !selectors.fields.is_empty() {
            query.add("fieldSelector", &selectors.fields);
        }
        query.text
    }
}

struct Query {
    text: String,
    separator: char,
}

impl Query {
    fn add(&mut self, name: &str, value: &str) {
        // Writing to a text cannot fail.
        write!(
            self.text,
            "{}{name}={}",
            self.separator,
            utf8_percent_encode(value, QUERY)
        )
        .ok();
        self.separator = '&';
    }

    fn watch(&mut self, from: &str, lasting: Duration) {
        self.add("watch", "true");
        self.add("allowWatchBookmarks", "true");
        self.add("timeoutSeconds", &lasting.as_secs().to_string());
        if !from.is_empty() {
            self.add("resourceVersion", from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Reach, Resource};

    #[test]
    fn each_request_has_its_query() {
        let part = Part::everywhere(Resource {
            group: String::new(),
            plural: "pods".to_owned(),
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            reach: Reach::Namespaced,
        });
        let page = |limit, after: Option<&str>| Ask::Page {
            limit,
            after: after.map(str::to_owned),
        };
        let watch = "/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290";
        for (ask, expected) in [
            (page(None, None), "/api/v1/pods".to_owned()),
            (page(Some(500), None), "/api/v1/pods?limit=500".to_owned()),
            (
                page(Some(2), Some("a/b=")),
                "/api/v1/pods?limit=2&continue=a%2Fb%3D".to_owned(),
            ),
            (
                Ask::Initial,
                format!("{watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"),
            ),
            (
                Ask::Watch { from: "7".to_owned() },
                format!("{watch}&resourceVersion=7"),
            ),
        ] {
            let lasting = Duration::from_secs(290);
            assert_eq!(ask.target(&part, &Selectors::default(), lasting), expected);
        }
        let selectors = Selectors {
            labels: "a in (b,c)".to_owned(),
            fields: "metadata.name!=x".to_owned(),
        };
        let selected = page(None, None).target(&part, &selectors, Duration::ZERO);
        assert_eq!(
            selected,
            "/api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=metadata.name%21%3Dx"
        );
    }
}
