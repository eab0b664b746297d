//! The source: folders of manifests, one scope each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k1s_source::{
    Capability, Changes, Context, Diagnostic, Permission, Probe, Problem, Scope, SnapshotWriter, Source, list_on_order,
};

use crate::config::{Config, Settings, Watching};
use crate::memory::Memory;
use crate::snapshot;
use crate::watch::{self, Lookout};

/// Folders of Kubernetes manifests.
#[derive(Debug)]
pub struct Filesystem {
    settings: Arc<Settings>,
    folder_by_scope: BTreeMap<Scope, Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Taken by the listing under way, and put back by one that ended well.
    memory: Mutex<Memory>,
}

/// How often a folder that is watched is listed all the same, in case the system kept something to itself. An idle
/// source of 100,000 files stays far below 0.5 % of a core with it.
const WATCHED_RESYNC: Duration = Duration::from_mins(10);

impl Folder {
    fn swap(&self, memory: Memory) -> Memory {
        std::mem::replace(&mut *self.memory.lock().unwrap_or_else(PoisonError::into_inner), memory)
    }
}

impl Source for Filesystem {
    const TYPE: &'static str = "filesystem";
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CAPABILITIES: &'static [Capability] = &[
        Capability::Watch,
        Capability::Seen,
        Capability::NeedsKnown,
        Capability::MultiScope,
    ];
    const PERMISSIONS: &'static [Permission] = &[Permission {
        name: "read",
        target: "/proc/self",
        reason: "to tell on which mount a folder lies, so that an unmounted disk is not taken for an empty one",
    }];

    type Config = Config;

    fn new(config: Config, context: &Context) -> Result<Self, Vec<Diagnostic>> {
        let settings = config.check(&context.base_dir)?;
        let folders = settings.roots.iter().map(|path| (scope(path), Folder::new(path)));
        Ok(Self {
            folder_by_scope: folders.collect(),
            settings: Arc::new(settings),
        })
    }

    async fn validate(config: &Config, _probe: Probe) -> Vec<Diagnostic> {
        config.check(Path::new("/")).err().unwrap_or_default()
    }

    fn scopes(&self) -> Vec<Scope> {
        self.folder_by_scope.keys().cloned().collect()
    }

    fn resync(&self) -> Option<Duration> {
        match self.settings.watching {
            Watching::Notified | Watching::Polled(_) => Some(WATCHED_RESYNC),
            Watching::Off => None,
        }
    }

    async fn snapshot(&self, scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let Some(folder) = self.folder_by_scope.get(scope) else {
            return Ok(());
        };
        let last = folder.swap(Memory::default());
        let blind = Arc::new(Lookout::blind());
        let listed = snapshot::list(&folder.path, &self.settings, &last, &blind, out).await?;
        folder.swap(listed.memory);
        Ok(())
    }

    async fn watch(&self, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        match (self.folder_by_scope.get(scope), self.settings.watching) {
            (Some(folder), Watching::Notified | Watching::Polled(_)) => {
                watch::keep(&folder.path, &self.settings, changes).await
            }
            (None, _) | (Some(_), Watching::Off) => list_on_order(self, scope, changes).await,
        }
    }
}

impl Folder {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            memory: Mutex::default(),
        }
    }
}

fn scope(path: &Path) -> Scope {
    Scope::new(path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_folder_that_is_watched_is_listed_rarely() {
        let resync = |config| {
            let config: Config = serde_json::from_value(config).unwrap();
            let context = Context {
                source_name: "test".to_owned(),
                base_dir: PathBuf::from("/srv"),
                instance_id: "instance".to_owned(),
            };
            Filesystem::new(config, &context).unwrap().resync()
        };
        assert_eq!(resync(json!({})), Some(WATCHED_RESYNC));
        assert_eq!(resync(json!({"pollInterval": "5s"})), Some(WATCHED_RESYNC));
        assert_eq!(resync(json!({"watch": false})), None);
    }
}
