//! Reads: one object, a list, a watch; of stored kinds and of control kinds alike.
//!
//! What the parameters mean is decided in `options`, which objects are meant in `selection`, how they are shown in `form`;
//! all three are done before the store is asked. What differs between the store and the board is behind
//! [`collection::Collection`].

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use k1s_object::KindScope;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_sync_engine::id::Revision;
use tokio::time::timeout;
use uuid::Uuid;

use super::accept::Accept;
use super::blocking::reading;
use super::failure::Failure;
use super::request::{Resource, ResourceCall};
use super::{Body, Parts, answer};

mod collection;
mod definition;
mod form;
mod list;
mod options;
mod selection;
mod stream;
mod table;
mod token;
mod watch;

use collection::{Collection, Place};
use definition::Definition;
use form::{Form, Shown};
use list::Extent;
use options::{ListOptions, WatchOptions, WatchStart};
use selection::Selection;
use table::Headers;
use watch::{Beginning, End, Watched};

/// How long a revision that is not reached yet is waited for, as by a Kubernetes API server.
const FRESHNESS_WAIT: Duration = Duration::from_secs(3);

/// Answers a `GET` of one object, of a list, or of its changes.
///
/// # Errors
/// Why it is refused. What happens to a watch later is told in the watch.
pub(crate) async fn read(parts: &Arc<Parts>, call: ResourceCall) -> Result<Response<Body>, Failure> {
    if call.subresource.is_some() {
        return Err(Failure::NoPage);
    }
    match &call.name {
        Some(name) => get(parts, &call, name).await,
        None if call.query.watch() => watch(parts, &call).await,
        None => list(parts, &call).await,
    }
}

async fn get(parts: &Parts, call: &ResourceCall, name: &str) -> Result<Response<Body>, Failure> {
    let needed = options::minimum(&call.query)?;
    let definition = definition(parts, call).await?;
    let form = Form::choose(call, Shown::One, definition.as_ref(), SystemClock.now())?;
    let mut collection = Collection::of(parts, call);
    fresh(&mut collection, needed).await?;
    let wanted: Box<str> = name.into();
    let found = reading(move || collection.get(&wanted)).await?;
    let item = found.ok_or_else(|| Failure::NotFound {
        of: call.named(),
        name: name.into(),
    })?;
    answer::json(&form.one(&item, Headers::Shown))
}

async fn list(parts: &Parts, call: &ResourceCall) -> Result<Response<Body>, Failure> {
    let options = ListOptions::read(call)?;
    let definition = definition(parts, call).await?;
    let selection = Selection::read(call, definition.as_ref())?;
    let form = Form::choose(call, Shown::List, definition.as_ref(), SystemClock.now())?;
    let mut collection = Collection::of(parts, call);
    fresh(&mut collection, options.start.needs()).await?;
    let extent = extent(call, &selection);
    list::list(collection, selection, form, extent, options).await
}

async fn watch(parts: &Parts, call: &ResourceCall) -> Result<Response<Body>, Failure> {
    let options = WatchOptions::read(call, Uuid::new_v4().as_fields().0)?;
    let definition = definition(parts, call).await?;
    let selection = Selection::read(call, definition.as_ref())?;
    let form = Form::choose(call, Shown::Changes, definition.as_ref(), SystemClock.now())?;
    let mut collection = Collection::of(parts, call);
    let beginning = match options.start {
        WatchStart::State(needed) => {
            fresh(&mut collection, needed).await?;
            Beginning::State(extent(call, &selection), End::Silent)
        }
        WatchStart::MarkedState(needed) => {
            fresh(&mut collection, needed).await?;
            Beginning::State(extent(call, &selection), End::Marked)
        }
        WatchStart::Next => Beginning::After(collection.newest()),
        WatchStart::After(revision) => {
            if let Err(failure) = fresh(&mut collection, revision).await {
                // Revisions are given out once they are reached, so this one is of a store that is no more.
                return Ok(watch::refused(&Failure::expired(failure.to_string())));
            }
            Beginning::After(revision)
        }
    };
    let watched = Watched {
        collection,
        selection,
        form,
        named: (form::api_version(&call.resource), call.resource.kind().to_owned()),
        closing: parts.closing.clone(),
    };
    Ok(watch::watch(watched, beginning, &options))
}

/// The definition of the kind, where it decides about the answer.
async fn definition(parts: &Parts, call: &ResourceCall) -> Result<Option<Definition>, Failure> {
    let is_table = matches!(call.accept, Accept::Table(_));
    if !is_table && call.query.field_selector().is_none() {
        return Ok(None);
    }
    let (reader, resource) = (parts.reader.clone(), call.resource.clone());
    reading(move || Definition::load(&reader, &resource)).await
}

/// How much of the collection has to be looked at: one object, where the fields say which.
fn extent(call: &ResourceCall, selection: &Selection) -> Extent {
    let namespace = match (&call.namespace, &call.resource) {
        (Some(namespace), _) => Some(namespace.clone()),
        (None, Resource::Stored { names, .. }) => (names.scope == KindScope::Cluster).then(Box::default),
        (None, Resource::Control(_)) => Some(Box::default()),
    };
    match (namespace, selection.only_name()) {
        (Some(namespace), Some(name)) => Extent::Only(Place {
            namespace,
            name: name.into(),
        }),
        (None, _) | (_, None) => Extent::All,
    }
}

/// Waits a little for a revision.
///
/// # Errors
/// 504 when it does not come.
async fn fresh(collection: &mut Collection, needed: Revision) -> Result<(), Failure> {
    let newest = collection.newest();
    if newest >= needed {
        return Ok(());
    }
    let before = Revision::new(needed.get() - 1);
    match timeout(FRESHNESS_WAIT, collection.passes(before)).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Failure::TooLargeResourceVersion {
            asked: needed.get(),
            current: newest.get(),
        }),
    }
}
