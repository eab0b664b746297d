//! What an author writes: the [`Source`] trait and the values it speaks in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k1s_source_proto::{limits, v1};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Changes, Diagnostic, Problem, Scopes, SnapshotWriter};

/// A place that declares objects.
///
/// Only [`new`](Source::new) and [`snapshot`](Source::snapshot) must be written; the SDK does the rest of the
/// contract. Panics become problems of the class INTERNAL, whatever they interrupt.
pub trait Source: Sized + Send + Sync + 'static {
    /// The kind of place in one word, a DNS label, for example `filesystem`.
    const TYPE: &'static str;
    /// The name of the plugin, usually `env!("CARGO_PKG_NAME")`.
    const NAME: &'static str = Self::TYPE;
    /// The version of the plugin, usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str = "0.0.0";
    /// What the source can do beyond listing.
    const CAPABILITIES: &'static [Capability] = &[];
    /// Kinds the source may declare, as `<group>/<kind>` with `*` for either; empty means any.
    const KINDS: &'static [&'static str] = &[];
    /// What the source needs beyond the paths of its configuration.
    const PERMISSIONS: &'static [Permission] = &[];
    /// How often to list when the source does not watch; none leaves it to the host.
    const RESYNC: Option<Duration> = None;
    /// Who says which scopes there are.
    const PARTS: Parts = Parts::Fixed;
    /// Where a user reads more.
    const DOCUMENTATION: &'static str = "";

    /// The configuration. Its schema is what users see; give it defaults where that can be.
    type Config: DeserializeOwned + JsonSchema + Send + Sync;

    /// Makes the source for one launch. Must not wait for the place; listing does that.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration; the launch ends with it.
    fn new(config: Self::Config, context: &Context) -> Result<Self, Vec<Diagnostic>>;

    /// Judges a configuration that already fits its type. Only with [`Probe::Connect`], which needs
    /// [`Capability::Probe`], may it touch anything outside.
    fn validate(config: &Self::Config, probe: Probe) -> impl Future<Output = Vec<Diagnostic>> + Send {
        let _: (&Self::Config, Probe) = (config, probe);
        std::future::ready(Vec::new())
    }

    /// Returns the parts of the place that are complete or incomplete by themselves, the same in every launch with
    /// the same configuration. More than one needs [`Capability::MultiScope`].
    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::whole()]
    }

    /// Asks the place which scopes it has, opens each, and follows how they come and go until the host asks to stop. Called
    /// only with [`Parts::Discovered`], and then [`scopes`](Source::scopes) is not.
    ///
    /// # Errors
    /// Returns why the place cannot be asked: a session that lists once ends with it; otherwise this is called again after a
    /// time that grows from one to 30 seconds.
    fn discover(&self, scopes: &mut Scopes) -> impl Future<Output = Result<(), Problem>> + Send {
        let _: &mut Scopes = scopes;
        std::future::ready(Ok(()))
    }

    /// Returns how often to list with this configuration, where the user has not said it. A source that watches lists
    /// only to be sure.
    fn resync(&self) -> Option<Duration> {
        Self::RESYNC
    }

    /// Declares everything that the scope holds. What it holds no more is what goes unmentioned.
    ///
    /// # Errors
    /// Returning an error says that something is missing: nothing is deleted then. An object or file that cannot be
    /// read is better told to [`SnapshotWriter::failed`], which keeps only what was there.
    fn snapshot(&self, scope: &Scope, out: &mut SnapshotWriter<'_>)
    -> impl Future<Output = Result<(), Problem>> + Send;

    /// Obeys the host's orders for one scope until it is told to stop, and tells changes as they come.
    ///
    /// Called only where the source has [`Capability::Watch`] and the host wants to watch; otherwise
    /// [`list_on_order`] runs. One loop owns a scope, so state that listing and watching share can be local to it.
    /// After an error the host may order again, which calls this again.
    ///
    /// # Errors
    /// Returns why it cannot go on.
    fn watch(&self, scope: &Scope, changes: &mut Changes) -> impl Future<Output = Result<(), Problem>> + Send {
        list_on_order(self, scope, changes)
    }
}

/// Answers each order with a snapshot until there are none: what runs for a source that does not watch.
///
/// # Errors
/// Returns an error only when the session is over; a snapshot that failed has been told to the host.
pub async fn list_on_order<S: Source>(source: &S, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
    while let Some(order) = changes.order().await {
        let mut out = changes.begin(order);
        let result = source.snapshot(scope, &mut out).await;
        out.end(result).await?;
    }
    Ok(())
}

/// A part of a source that is complete or incomplete by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

impl Scope {
    /// Names the only scope of a source without parts.
    #[must_use]
    pub fn whole() -> Self {
        Self::new("")
    }

    /// Names a scope: at most 256 bytes, the same for the same part in every launch.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.0.len() <= limits::SCOPE_BYTES
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Circumstances of one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The configured name of this source.
    pub source_name: String,
    /// The directory that relative paths of the user were resolved against.
    pub base_dir: PathBuf,
    /// Identifies the host's store, stable across restarts.
    pub instance_id: String,
}

/// Whether a validation may look outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Touch nothing outside.
    Offline,
    /// Connect to the place and see whether it answers.
    Connect,
}

/// Who says which scopes a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// The configuration: [`Source::scopes`].
    Fixed,
    /// The place: [`Source::discover`].
    Discovered,
}

/// What a source can do beyond listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Tells changes until it is told to stop.
    Watch,
    /// Goes on from a token without listing again.
    Resume,
    /// Reports deletes made while it was away when it resumes.
    ReportsDeletes,
    /// May say that an object is unchanged instead of sending it.
    Seen,
    /// Wants to know what the host holds before it begins.
    NeedsKnown,
    /// Can connect to the place to validate a configuration.
    Probe,
    /// Uses more than one scope.
    MultiScope,
}

impl Capability {
    pub(crate) fn to_wire(self) -> v1::Capability {
        match self {
            Self::Watch => v1::Capability::Watch,
            Self::Resume => v1::Capability::Resume,
            Self::ReportsDeletes => v1::Capability::ReportsDeletes,
            Self::Seen => v1::Capability::Seen,
            Self::NeedsKnown => v1::Capability::NeedsKnown,
            Self::Probe => v1::Capability::Probe,
            Self::MultiScope => v1::Capability::MultiScope,
        }
    }
}

/// Something the host's sandbox would otherwise deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `network`, `exec`, `read` or `write`.
    pub name: &'static str,
    /// A host and port, a program or a path.
    pub target: &'static str,
    /// Why, for a user who decides.
    pub reason: &'static str,
}
