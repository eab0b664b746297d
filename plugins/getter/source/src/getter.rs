//! The source: addresses, one scope each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k1s_source::{
    Capability, Changes, Context, Diagnostic, Permission, Probe, Problem, Scope, SnapshotWriter, Source, list_on_order,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::bench::Turn;
use crate::config::{Config, Settings};
use crate::desk::Desk;
#[cfg(feature = "webhook")]
use crate::hearing::Hearing;
use crate::keeper::{self, Words};
use crate::kept::hexadecimal;
use crate::pace::Asker;
use crate::target::Target;

/// How often an address that is asked by itself is listed all the same: a listing says again what is known.
const LEAST_RESYNC: Duration = Duration::from_mins(10);
/// Where caches are, below the user's cache directory.
const OWN_CACHE: &str = "k1s-sync/getter";
/// Letters of the name of an address' cache.
const CACHE_NAME: usize = 32;

/// Manifests from wherever go-getter fetches.
pub struct Getter {
    settings: Arc<Settings>,
    #[cfg(feature = "webhook")]
    hearing: Hearing,
    plan_by_scope: BTreeMap<Scope, Plan>,
}

struct Plan {
    target: Target,
    folder: PathBuf,
    turn: Turn,
    /// Opened with the first listing; one session at a time has it.
    desk: Mutex<Option<Desk>>,
}

impl Plan {
    /// Takes the desk, which is opened if it was not, or if work on it panicked.
    async fn desk(&self, settings: &Settings) -> Result<MutexGuard<'_, Option<Desk>>, Problem> {
        let mut desk = self.desk.lock().await;
        if desk.as_ref().is_none_or(Desk::is_lost) {
            let turn = Arc::clone(&self.turn);
            *desk = Some(Desk::open(&self.target, settings, &self.folder, turn).await?);
        }
        Ok(desk)
    }
}

impl Source for Getter {
    const TYPE: &'static str = "getter";
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CAPABILITIES: &'static [Capability] = &[
        Capability::Watch,
        Capability::Seen,
        Capability::NeedsKnown,
        Capability::MultiScope,
    ];
    const PERMISSIONS: &'static [Permission] = &[Permission {
        name: "write",
        target: "~/.cache/k1s-sync/getter",
        reason: "to keep what was fetched, so that an origin that is down takes nothing away",
    }];

    type Config = Config;

    fn new(config: Config, context: &Context) -> Result<Self, Vec<Diagnostic>> {
        let settings = config.check(&context.base_dir)?;
        let caches = caches(settings.cache_dir.as_deref(), |name| std::env::var_os(name));
        let mut turn_by_authority: BTreeMap<String, Turn> = BTreeMap::new();
        let plans = settings.targets.iter().map(|target| {
            let plan = Plan {
                target: target.clone(),
                folder: caches.join(cache_name(context, target)),
                turn: Arc::clone(turn_by_authority.entry(target.authority()).or_insert_with(one_turn)),
                desk: Mutex::default(),
            };
            (target.scope.clone(), plan)
        });
        Ok(Self {
            plan_by_scope: plans.collect(),
            #[cfg(feature = "webhook")]
            hearing: Hearing::new(settings.heard.clone()),
            settings: Arc::new(settings),
        })
    }

    async fn validate(config: &Config, _probe: Probe) -> Vec<Diagnostic> {
        config.check(Path::new("/")).err().unwrap_or_default()
    }

    fn scopes(&self) -> Vec<Scope> {
        self.plan_by_scope.keys().cloned().collect()
    }

    fn resync(&self) -> Option<Duration> {
        Some(LEAST_RESYNC.max(self.settings.interval))
    }

    async fn snapshot(&self, scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let Some(plan) = self.plan_by_scope.get(scope) else {
            return Ok(());
        };
        match plan.desk(&self.settings).await?.as_mut() {
            Some(desk) => desk.list(Asker::Person, out).await,
            None => Ok(()),
        }
    }

    async fn watch(&self, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        let Some(plan) = self.plan_by_scope.get(scope) else {
            return list_on_order(self, scope, changes).await;
        };
        match plan.desk(&self.settings).await?.as_mut() {
            Some(desk) => keeper::keep(desk, changes, self.words().await).await,
            None => Ok(()),
        }
    }
}

impl Getter {
    #[cfg(feature = "webhook")]
    async fn words(&self) -> Words {
        self.hearing.words().await
    }

    #[cfg(not(feature = "webhook"))]
    fn words(&self) -> std::future::Ready<Words> {
        std::future::ready(Words::none())
    }
}

/// Makes the one permit to ask an authority.
fn one_turn() -> Turn {
    Arc::new(Semaphore::new(1))
}

/// Returns where caches are: what is configured, else the user's cache directory, else the directory of this launch.
fn caches(configured: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = || {
        let home = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        // Nothing outlives a launch there, and all is fetched again by the next.
        home.or_else(|| std::env::current_dir().ok())
            .unwrap_or_default()
            .join(OWN_CACHE)
    };
    configured.map_or_else(own, Path::to_owned)
}

/// Names the cache of an address: no two sources share one, whoever runs them.
fn cache_name(context: &Context, target: &Target) -> String {
    let mut hasher = Sha256::new();
    for part in [&*context.instance_id, &*context.source_name, target.scope.id()] {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    let mut name = hexadecimal(&hasher.finalize());
    name.truncate(CACHE_NAME);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_where_the_user_or_the_system_says() {
        let at = |configured: Option<&str>, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            caches(configured.map(Path::new), variable)
        };
        let home = [("HOME", "/h")];
        assert_eq!(at(Some("/c"), &home), Path::new("/c"));
        assert_eq!(at(None, &home), Path::new("/h/.cache/k1s-sync/getter"));
        assert_eq!(
            at(None, &[("XDG_CACHE_HOME", "/x"), home[0]]),
            Path::new("/x/k1s-sync/getter")
        );
        assert_eq!(
            at(None, &[("XDG_CACHE_HOME", "x"), home[0]]),
            Path::new("/h/.cache/k1s-sync/getter")
        );
        assert!(at(None, &[]).is_absolute());
    }

    #[test]
    fn no_two_sources_share_a_cache() {
        let context = |instance: &str, source: &str| Context {
            source_name: source.to_owned(),
            base_dir: PathBuf::from("/"),
            instance_id: instance.to_owned(),
        };
        let target = |address: &str| {
            Target::new(k1s_getter_address::Address::parse(address, &k1s_getter_address::Policy::default()).unwrap())
        };
        let name = cache_name(&context("i", "s"), &target("/a"));
        assert_eq!(name.len(), CACHE_NAME);
        for other in [
            cache_name(&context("is", ""), &target("/a")),
            cache_name(&context("i", "t"), &target("/a")),
            cache_name(&context("i", "s"), &target("/b")),
        ] {
            assert_ne!(name, other);
        }
    }
}
