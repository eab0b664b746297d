//! The configuration: what a user writes, and what it means once it is checked.
//!
//! Touches no file and no network. Invariant: [`Settings`] hold at least one cluster, each with a label of its own, and only
//! patterns and paths that can be read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k1s_kubernetes_watch::{Fields, Kinds, Namespaces, Selectors, Way};
use k1s_source::{Diagnostic, Period};
use schemars::JsonSchema;
use serde::Deserialize;

/// The most clusters of one source.
const CLUSTERS: usize = 64;
/// The longest label in bytes: with kind and namespace it is the id of a scope.
const LABEL_BYTES: usize = 64;
/// How many objects a page has unless configured otherwise, as client-go's reflector asks for.
const DEFAULT_PAGE: u32 = 500;
/// The most objects of a page.
const MOST_PAGE: u32 = 10_000;
/// How many requests a second a cluster is asked at most, unless configured otherwise.
const DEFAULT_QPS: u32 = 50;
/// The largest `qps`.
const MOST_QPS: u32 = 1_000;
/// How long something must have been gone before its delete is sent, unless configured otherwise (contract.md §4).
const DEFAULT_DELETE_SETTLE: Duration = Duration::from_secs(1);
/// The longest `deleteSettle`.
const MOST_DELETE_SETTLE: Duration = Duration::from_mins(1);
/// What is left out of each object unless configured otherwise: what only the cluster itself can use.
const PRUNED: [&str; 3] = [
    "metadata.managedFields",
    "metadata.finalizers",
    "metadata.ownerReferences",
];

/// The objects of other clusters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// The clusters to read. Without any, the current context of `~/.kube/config`.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    contexts: Vec<Context>,
    /// Which kinds are read, as globs over `[group/]resource`, for example `configmaps` or `apps/*`. Without a slash the
    /// resource is meant in every group; `core` is the core group.
    kinds: Patterns,
    /// Which namespaces are read, as globs. Objects without a namespace are not concerned.
    namespaces: Patterns,
    /// Reads only objects with these labels, as in `kubectl -l`.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    label_selector: String,
    /// Reads only objects with these fields, as in `kubectl --field-selector`; every kind read must know them.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    field_selector: String,
    /// Whether Secrets are read, if `kinds` allows them.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    include_secrets: bool,
    /// Fields that are left out of each object: names with dots between them, or JSON Pointers. `*` is any name or element.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    prune_fields: Vec<String>,
    /// How many objects a page of a listing has.
    #[schemars(range(min = 1, max = MOST_PAGE), extend("x-k1s-effect" = "tuning"))]
    page_size: u32,
    /// How many requests a second a cluster is asked at most.
    #[schemars(range(min = 1, max = MOST_QPS), extend("x-k1s-effect" = "tuning"))]
    qps: u32,
    /// Whether a listing is asked for as a stream of events where the server can.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    watch_list: bool,
    /// How long an object must have been gone before its delete is sent, so that one that is replaced is never missing; at
    /// most 1m.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    delete_settle: Period,
}

/// One cluster, and as whom it is asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Context {
    /// What the cluster is called in scopes, at most 64 bytes, with ":" for "/"; the name of the context otherwise. Another name is another
    /// scope: what was read under the old one is kept, but no longer followed.
    name: Option<String>,
    /// The kubeconfig file; `~/.kube/config` otherwise.
    kubeconfig: Option<PathBuf>,
    /// The context in it; the current one otherwise.
    context: Option<String>,
    /// Whether this runs in the cluster itself, as one of its service accounts.
    in_cluster: bool,
}

/// What is chosen, and what is not although it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Patterns {
    /// What is read; everything usual if it is empty.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    allow: Vec<String>,
    /// What is not read even so.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    deny: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contexts: Vec::new(),
            kinds: Patterns::default(),
            namespaces: Patterns::default(),
            label_selector: String::new(),
            field_selector: String::new(),
            include_secrets: false,
            prune_fields: PRUNED.map(str::to_owned).to_vec(),
            page_size: DEFAULT_PAGE,
            qps: DEFAULT_QPS,
            watch_list: true,
            delete_settle: Period::new(DEFAULT_DELETE_SETTLE),
        }
    }
}

/// Where a cluster's address and credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a context of a kubeconfig; the current one of the usual file where nothing is said.
    Kubeconfig {
        path: Option<PathBuf>,
        context: Option<String>,
    },
    /// Where a cluster puts them for what runs in it.
    InCluster,
}

/// A cluster and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) label: String,
    pub(crate) place: Place,
}

/// A configuration that can work.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) targets: Vec<Target>,
    pub(crate) kinds: Kinds,
    pub(crate) namespaces: Namespaces,
    pub(crate) selectors: Selectors,
    pub(crate) fields: Fields,
    pub(crate) page_size: u32,
    /// Requests a second.
    pub(crate) qps: u32,
    /// How a listing is asked for first.
    pub(crate) way: Way,
    pub(crate) delete_settle: Duration,
}

impl Config {
    /// Checks everything that can be checked without a cluster; relative paths start at `base`.
    ///
    /// # Errors
    /// Returns every fault found.
    pub(crate) fn check(&self, base: &Path) -> Result<Settings, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let targets = self.targets(base, &mut faults);
        let kinds = found(self.read_kinds(), &mut faults);
        let namespaces = Namespaces::new(&self.namespaces.allow, &self.namespaces.deny);
        let namespaces = found(namespaces.map_err(|error| fault("/namespaces", &error)), &mut faults);
        let fields = Fields::read(&self.prune_fields).map_err(|error| fault("/pruneFields", &error));
        let fields = found(fields, &mut faults);
        let ranges = [("/pageSize", self.page_size, MOST_PAGE), ("/qps", self.qps, MOST_QPS)];
        let beyond = ranges
            .into_iter()
            .filter(|(_, value, most)| !(1..=*most).contains(value));
        faults.extend(
            beyond.map(|(pointer, value, most)| {
                Diagnostic::error(pointer, format!("{value} is not between 1 and {most}"))
            }),
        );
        if self.delete_settle.get() > MOST_DELETE_SETTLE {
            let said = format!(
                "{} is too long: at most {}",
                self.delete_settle,
                Period::new(MOST_DELETE_SETTLE)
            );
            faults.push(Diagnostic::error("/deleteSettle", said));
        }
        let (Some(kinds), Some(namespaces), Some(fields), true) = (kinds, namespaces, fields, faults.is_empty()) else {
            return Err(faults);
        };
        Ok(Settings {
            targets,
            kinds,
            namespaces,
            selectors: Selectors {
                labels: self.label_selector.clone(),
                fields: self.field_selector.clone(),
            },
            fields,
            page_size: self.page_size,
            qps: self.qps,
            way: if self.watch_list { Way::Initial } else { Way::Pages },
            delete_settle: self.delete_settle.get(),
        })
    }

    fn read_kinds(&self) -> Result<Kinds, Diagnostic> {
        let Patterns { allow, deny } = &self.kinds;
        let kinds = Kinds::new(allow, deny).map_err(|error| fault("/kinds", &error))?;
        if self.include_secrets {
            return Ok(kinds.with_secrets());
        }
        match allow
            .iter()
            .any(|pattern| ["secrets", "core/secrets"].contains(&pattern.as_str()))
        {
            true => {
                let said = "Secrets are named, and come only with `includeSecrets: true`";
                Err(Diagnostic::error("/kinds/allow", said).suggestion("set includeSecrets to true as well"))
            }
            false => Ok(kinds),
        }
    }

    fn targets(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Vec<Target> {
        if self.contexts.len() > CLUSTERS {
            let said = format!("{} clusters; the limit is {CLUSTERS}", self.contexts.len());
            faults.push(Diagnostic::error("/contexts", said));
            return Vec::new();
        }
        if self.contexts.is_empty() {
            return vec![Context::default().target(base)];
        }
        let mut targets: Vec<Target> = Vec::new();
        for (index, context) in self.contexts.iter().enumerate() {
            let target = context.target(base);
            let pointer = format!("/contexts/{index}");
            if context.in_cluster && (context.kubeconfig.is_some() || context.context.is_some()) {
                let said = "a cluster is reached by inCluster or by a kubeconfig, not by both";
                faults.push(Diagnostic::error(pointer.clone(), said));
            }
            let name = format!("{pointer}/name");
            if target.label.is_empty() || target.label.len() > LABEL_BYTES {
                let said = format!("{:?} does not have 1 to {LABEL_BYTES} bytes", target.label);
                faults.push(Diagnostic::error(name.clone(), said).suggestion("give it a short name"));
            }
            if targets.iter().any(|other| other.label == target.label) {
                let said = format!("two clusters are called {:?}", target.label);
                faults.push(Diagnostic::error(name, said).suggestion("give each a name of its own"));
            }
            targets.push(target);
        }
        targets
    }
}

impl Context {
    fn target(&self, base: &Path) -> Target {
        let usual = if self.in_cluster { "in-cluster" } else { "current" };
        let label = self.name.as_deref().or(self.context.as_deref()).unwrap_or(usual);
        Target {
            // It is followed by a slash in scopes.
            label: label.replace('/', ":"),
            place: match self.in_cluster {
                true => Place::InCluster,
                false => Place::Kubeconfig {
                    path: self.kubeconfig.as_ref().map(|path| base.join(path)),
                    context: self.context.clone(),
                },
            },
        }
    }
}

fn fault(pointer: &str, error: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error(pointer, error.to_string())
}

fn found<T>(result: Result<T, Diagnostic>, faults: &mut Vec<Diagnostic>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests;
