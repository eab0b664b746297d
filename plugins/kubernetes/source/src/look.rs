//! One look at a cluster: what it serves, and what of it is followed in which scopes.
//!
//! A kind is followed in the whole cluster. One that is forbidden there is followed in each chosen namespace by itself, as far as
//! those can be told: by name, or because the cluster lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k1s_kubernetes_watch::discovery::{ACCEPT, PATHS, Served};
use k1s_kubernetes_watch::{Ask, Extent, Part, Reach, Resource, Selectors, Verdict};
use k1s_source::Scope;
use serde::Deserialize;

use crate::config::Settings;
use crate::declare::Followed;
use crate::link::{JSON, Link};
use crate::trouble::Trouble;

/// How often it is asked whether what is forbidden in the whole cluster still is.
const PROBE: Duration = Duration::from_mins(10);
/// The most namespaces that are followed each by itself from the beginning, where all are named.
const NAMED: usize = 16;
/// The most scopes of all clusters, a little less than a host takes.
const SCOPES: usize = 4000;
/// The longest id of a scope in bytes.
const SCOPE_BYTES: usize = 256;
/// What is needed of namespaces: their names.
const NAMES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Group and plural of the kinds that may not be asked for in the whole cluster, and when that was found out last; none where
/// that is only known of the last session.
pub(crate) type Forbidden = BTreeMap<(String, String), Option<Instant>>;

/// What a look found.
pub(crate) struct Seen {
    pub(crate) served: Served,
    pub(crate) followed_by_scope: BTreeMap<Scope, Followed>,
    /// What would be followed if it were not too much.
    pub(crate) surplus: BTreeSet<Scope>,
    /// What is still forbidden.
    pub(crate) forbidden: Forbidden,
}

#[derive(Deserialize)]
struct Names {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// Looks at a cluster that is called `label`.
pub(crate) async fn look_over(
    link: &Link,
    label: &str,
    settings: &Settings,
    forbidden: Forbidden,
) -> Result<Seen, Trouble> {
    let mut served = Served::default();
    for path in PATHS {
        served.add(&link.read(path, ACCEPT).await?)?;
    }
    let forbidden = still_forbidden(link, &served, forbidden).await;
    let namespaces = match forbidden.is_empty() {
        true => None,
        false => chosen_namespaces(link, settings).await?,
    };
    let by_namespace = |resource: &Resource| match forbidden.contains_key(&name_of(resource)) {
        true => namespaces.as_deref(),
        false => None,
    };
    let followed = served
        .resources
        .iter()
        .flat_map(|resource| followed(resource, settings, by_namespace(resource)));
    let mut scoped = followed.filter_map(|followed| Some((scope(label, &followed.part)?, followed)));
    let followed_by_scope = scoped.by_ref().take(SCOPES / settings.targets.len().max(1)).collect();
    let surplus: BTreeSet<Scope> = scoped.map(|(scope, _)| scope).collect();
    if !surplus.is_empty() {
        let count = surplus.len();
        tracing::warn!(
            label,
            count,
            "there are more kinds and namespaces than can be followed: choose fewer"
        );
    }
    Ok(Seen {
        served,
        followed_by_scope,
        surplus,
        forbidden,
    })
}

/// Returns how a kind is known whatever its version.
pub(crate) fn name_of(resource: &Resource) -> (String, String) {
    (resource.group.clone(), resource.plural.clone())
}

/// Asks again for what was forbidden a while ago. Only a server that answers has allowed it.
async fn still_forbidden(link: &Link, served: &Served, mut forbidden: Forbidden) -> Forbidden {
    let is_due = |since: &Option<Instant>| since.is_none_or(|since| since.elapsed() >= PROBE);
    for resource in &served.resources {
        let name = name_of(resource);
        if !forbidden.get(&name).is_some_and(is_due) {
            continue;
        }
        let ask = Ask::Page {
            limit: Some(1),
            after: None,
        };
        let target = ask.target(
            &Part::everywhere(resource.clone()),
            &Selectors::default(),
            Duration::ZERO,
        );
        match link.read(&target, JSON).await {
            Ok(_) => drop(forbidden.remove(&name)),
            Err(trouble) => {
                tracing::debug!(%trouble, %resource, "the kind is still followed by namespace");
                forbidden.insert(name, Some(Instant::now()));
            }
        }
    }
    forbidden
}

/// The namespaces that are chosen; none where nobody can tell them.
async fn chosen_namespaces(link: &Link, settings: &Settings) -> Result<Option<Vec<String>>, Trouble> {
    if let Some(named) = settings.namespaces.named() {
        return Ok(Some(named.into_iter().map(str::to_owned).collect()));
    }
    let body = match link.read("/api/v1/namespaces", NAMES).await {
        Ok(body) => body,
        Err(trouble) if trouble.verdict() == Some(Verdict::Forbidden) => return Ok(None),
        Err(trouble) => return Err(trouble),
    };
    let Names { items } = serde_json::from_slice(&body).map_err(|_| Trouble::Timeless)?;
    let names = items.into_iter().map(|item| item.metadata.name);
    let chosen: Vec<String> = names.filter(|name| settings.namespaces.choose(name)).collect();
    Ok((!chosen.is_empty()).then_some(chosen))
}

/// Returns the scope of a part; none where its names are too long to be one.
fn scope(label: &str, part: &Part) -> Option<Scope> {
    let id = format!("{label}/{part}");
    if id.len() > SCOPE_BYTES {
        tracing::warn!(
            id,
            "the names are too long for it to be followed; a short `name` of the cluster may help"
        );
        return None;
    }
    Some(Scope::new(id))
}

/// Whether every kind is followed by namespace from the beginning: they are few, and all named.
pub(crate) fn follows_by_name(settings: &Settings) -> bool {
    settings.namespaces.named().is_some_and(|named| named.len() <= NAMED)
}

/// The parts of a kind that are followed: one for each namespace where they are few and all named, or where the kind is
/// forbidden in the whole cluster; else one for all.
fn followed(resource: &Resource, settings: &Settings, by_namespace: Option<&[String]>) -> Vec<Followed> {
    let Some(extent) = settings.kinds.extent(resource) else {
        return Vec::new();
    };
    match (resource.reach, by_namespace, settings.namespaces.named()) {
        (Reach::Namespaced, Some(namespaces), _) => each(resource, extent, namespaces.iter().map(String::as_str)),
        (Reach::Namespaced, None, Some(named)) if follows_by_name(settings) => {
            each(resource, extent, named.into_iter())
        }
        (Reach::Namespaced | Reach::Cluster, _, _) => vec![Followed {
            part: Part::everywhere(resource.clone()),
            extent,
        }],
    }
}

fn each<'n>(resource: &Resource, extent: Extent, namespaces: impl Iterator<Item = &'n str>) -> Vec<Followed> {
    let followed = namespaces.map(|namespace| Followed {
        part: Part {
            resource: resource.clone(),
            namespace: Some(namespace.to_owned()),
        },
        extent,
    });
    followed.collect()
}
