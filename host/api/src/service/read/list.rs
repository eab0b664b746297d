//! Lists: in one answer or in pages, always as of one revision.
//!
//! A long list is read and sent page by page, so it needs the memory of a page whatever its length. Should a page fail when
//! others were sent already, the connection is cut: no client can take that for the end.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::Response;
use k1s_store::StoreError;

use super::collection::{AsOf, Collection, ItemPage, Place, Text, TextPage};
use super::form::{Form, ListMetadata};
use super::options::{ListOptions, ListStart};
use super::selection::Selection;
use super::stream::streamed;
use super::token::Token;
use crate::service::answer::{self, JSON};
use crate::service::blocking::reading;
use crate::service::failure::Failure;
use crate::service::{Body, Interrupted};

/// Objects that are read at once.
pub(super) const OBJECTS_AT_ONCE: usize = 500;

/// What is said when the pages of a list cannot be of one revision any more; the words of k8s.io/apiserver.
const PAGES_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a \
     new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
     results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
     deleted between the time the first chunk was returned and now may show up in the list.";
/// What is said when a revision cannot be listed any more; the words of k8s.io/apiserver.
const REVISION_EXPIRED: &str = "The resourceVersion for the provided list is too old.";

/// A list in the making.
#[derive(Debug)]
pub(super) struct Listing {
    collection: Collection,
    selection: Selection,
    form: Form,
    as_of: AsOf,
    extent: Extent,
    /// Objects that may still be shown.
    left: Option<usize>,
    /// Objects that were shown.
    shown: usize,
    progress: Progress,
}

/// What is still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything.
    All,
    /// Everything from a place on.
    From(Place),
    /// At most the object that is there.
    Only(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Head,
    Items,
}

impl Extent {
    /// Where to read on, and how much at most.
    pub(super) fn bounds(&self) -> (Option<&Place>, usize) {
        match self {
            Self::All => (None, OBJECTS_AT_ONCE),
            Self::From(place) => (Some(place), OBJECTS_AT_ONCE),
            Self::Only(place) => (Some(place), 1),
        }
    }

    /// What is left when the page before `next` was read.
    pub(super) fn after(&self, next: Option<Place>) -> Option<Self> {
        match self {
            Self::All | Self::From(_) => next.map(Self::From),
            Self::Only(_) => None,
        }
    }
}

/// Answers with a list.
///
/// # Errors
/// When not even the first page can be had.
pub(super) async fn list(
    collection: Collection,
    selection: Selection,
    form: Form,
    extent: Extent,
    options: ListOptions,
) -> Result<Response<Body>, Failure> {
    let listing = Listing {
        collection,
        selection,
        form,
        as_of: options.start.as_of(),
        extent: match &options.start {
            ListStart::Token(token) => Extent::From(token.from.clone()),
            ListStart::AtLeast(_) | ListStart::Exactly(_) => extent,
        },
        left: options.limit,
        shown: 0,
        progress: Progress::Head,
    };
    let begun = reading(move || listing.go_on()).await;
    let (first, rest) = begun.map_err(|failure| refused(failure, options.start))?;
    Ok(match rest {
        None => answer::page(JSON, first),
        Some(rest) => streamed(stream::iter([Ok(first)]).chain(stream::try_unfold(Some(rest), chunk))),
    })
}

async fn chunk(rest: Option<Listing>) -> Result<Option<(Bytes, Option<Listing>)>, Interrupted> {
    let Some(listing) = rest else { return Ok(None) };
    match reading(move || listing.go_on()).await {
        Ok(chunk) => Ok(Some(chunk)),
        Err(failure) => {
            tracing::warn!(%failure, "a list is cut short");
            Err(Interrupted(failure.to_string().into()))
        }
    }
}

/// The answer when a list cannot begin.
fn refused(failure: Failure, start: ListStart) -> Failure {
    let is_out_of_reach = matches!(
        failure,
        Failure::Expired { .. } | Failure::TooLargeResourceVersion { .. }
    );
    match start {
        ListStart::Token(token) if is_out_of_reach => Failure::Expired {
            message: PAGES_EXPIRED.into(),
            continue_token: Some(
                Token {
                    as_of: AsOf::Newest,
                    ..token
                }
                .write(),
            ),
        },
        ListStart::Exactly(_) if matches!(failure, Failure::Expired { .. }) => Failure::expired(REVISION_EXPIRED),
        ListStart::Token(_) | ListStart::Exactly(_) | ListStart::AtLeast(_) => failure,
    }
}

impl Listing {
    /// Reads a page, and says what is left. Blocks.
    fn go_on(mut self) -> Result<(Bytes, Option<Self>), StoreError> {
        let (from, most) = self.extent.bounds();
        let most = match self.left {
            Some(left) if self.selection.is_everything() => most.min(left),
            Some(_) | None => most,
        };
        let TextPage { texts, mut next, at } = self.page(from, most)?;
        self.as_of = AsOf::Exactly(at);
        let mut text = self.begin();
        text.reserve(texts.iter().map(|text| text.json.len() + 1).sum());
        for Text { place, json } in texts {
            if self.left == Some(0) {
                next = Some(place);
                break;
            }
            if self.shown > 0 {
                text.push(',');
            }
            text.push_str(&json);
            self.shown += 1;
            self.left = self.left.map(|left| left - 1);
        }
        let left = self.extent.after(next);
        Ok(match left {
            Some(extent) if self.left != Some(0) => {
                self.extent = extent;
                (text.into(), Some(self))
            }
            left => {
                text.push_str(&self.end(left));
                (text.into(), None)
            }
        })
    }

    /// The objects of a page that are meant, as they are shown. Where nothing of them has to be known, they are not read.
    fn page(&self, from: Option<&Place>, most: usize) -> Result<TextPage, StoreError> {
        if self.form.is_whole() && self.selection.is_everything() {
            return self.collection.texts(from, most, self.as_of);
        }
        let ItemPage { items, next, at } = self.collection.page(from, most, self.as_of)?;
        let meant = items.into_iter().filter(|item| self.selection.matches(&item.document));
        let texts = meant.map(|item| Text {
            json: self.form.item(&item).to_string(),
            place: item.place,
        });
        Ok(TextPage {
            texts: texts.collect(),
            next,
            at,
        })
    }

    fn begin(&mut self) -> String {
        match std::mem::replace(&mut self.progress, Progress::Items) {
            Progress::Head => self.form.head(),
            Progress::Items => String::new(),
        }
    }

    /// What the list ends with, where something may be left for another.
    fn end(&self, left: Option<Extent>) -> String {
        let from = left.and_then(|left| match left {
            Extent::From(place) => Some(place),
            Extent::All | Extent::Only(_) => None,
        });
        let resource_version = match self.as_of {
            AsOf::Exactly(revision) => revision.to_string(),
            AsOf::Newest => String::new(),
        };
        let token = from.map(|from| Token {
            as_of: self.as_of,
            from,
        });
        Form::tail(&ListMetadata {
            resource_version,
            continue_token: token.map(|token| token.write()),
        })
    }
}
