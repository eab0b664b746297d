//! The source: clusters, one scope for each kind of each.

use std::path::Path;

use k1s_source::{
    Capability, Changes, Context, Diagnostic, Parts, Permission, Probe, Problem, Scope, Scopes, SnapshotWriter, Source,
    list_on_order,
};

use crate::cluster::Cluster;
use crate::config::{Config, Settings};
use crate::discover::discover;
use crate::follow::Follower;

/// The objects of other clusters.
pub struct Kubernetes {
    settings: Settings,
    clusters: Vec<Cluster>,
}

impl Source for Kubernetes {
    const TYPE: &'static str = "kubernetes";
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CAPABILITIES: &'static [Capability] = &[
        Capability::Watch,
        Capability::Resume,
        Capability::ReportsDeletes,
        Capability::MultiScope,
    ];
    const PARTS: Parts = Parts::Discovered;
    const PERMISSIONS: &'static [Permission] = &[
        Permission {
            name: "network",
            target: "*",
            reason: "to reach the API servers that the kubeconfigs name",
        },
        Permission {
            name: "read",
            target: "~/.kube",
            reason: "to read the kubeconfig and the files that it names",
        },
    ];

    type Config = Config;

    fn new(config: Config, context: &Context) -> Result<Self, Vec<Diagnostic>> {
        let settings = config.check(&context.base_dir)?;
        let clusters = settings
            .targets
            .iter()
            .map(|target| Cluster::new(target.clone(), &settings));
        Ok(Self {
            clusters: clusters.collect(),
            settings,
        })
    }

    async fn validate(config: &Config, _probe: Probe) -> Vec<Diagnostic> {
        config.check(Path::new("/")).err().unwrap_or_default()
    }

    fn scopes(&self) -> Vec<Scope> {
        Vec::new()
    }

    async fn discover(&self, scopes: &mut Scopes) -> Result<(), Problem> {
        discover(&self.clusters, &self.settings, scopes).await
    }

    async fn snapshot(&self, scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        match self.cluster(scope) {
            Some(cluster) => Follower::new(cluster, &self.settings, scope).list_once(out).await,
            None => Ok(()),
        }
    }

    async fn watch(&self, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        match self.cluster(scope) {
            Some(cluster) => Follower::new(cluster, &self.settings, scope).run(changes).await,
            None => list_on_order(self, scope, changes).await,
        }
    }
}

impl Kubernetes {
    fn cluster(&self, scope: &Scope) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.has(scope))
    }
}
