//! Sources made of functions, so that each test shows what its source does.

use std::marker::PhantomData;

use k1s_source::{
    Capability, Changes, Context, Diagnostic, Parts, Probe, Problem, Scope, Scopes, Secret, SnapshotWriter, Source,
    list_on_order,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// The configuration of every scripted source.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) note: String,
    pub(crate) count: u8,
    pub(crate) token: Secret,
}

/// What a test's source does; everything but the snapshot has a default.
pub(crate) trait Script: Send + Sync + 'static {
    const CAPABILITIES: &'static [Capability] = &[];
    const PARTS: Parts = Parts::Fixed;

    fn check(_: &Config) -> Result<(), Vec<Diagnostic>> {
        Ok(())
    }

    fn validate(_: &Config, _: Probe) -> impl Future<Output = Vec<Diagnostic>> + Send {
        std::future::ready(Vec::new())
    }

    fn scopes() -> Vec<Scope> {
        vec![Scope::whole()]
    }

    fn discover(_: &mut Scopes) -> impl Future<Output = Result<(), Problem>> + Send {
        std::future::ready(Ok(()))
    }

    fn snapshot(scope: &Scope, out: &mut SnapshotWriter<'_>) -> impl Future<Output = Result<(), Problem>> + Send;

    fn watch(
        source: &Scripted<Self>,
        scope: &Scope,
        changes: &mut Changes,
    ) -> impl Future<Output = Result<(), Problem>> + Send
    where
        Self: Sized,
    {
        list_on_order(source, scope, changes)
    }
}

/// A source that does what its script says.
pub(crate) struct Scripted<T> {
    script: PhantomData<T>,
}

impl<T: Script> Source for Scripted<T> {
    const TYPE: &'static str = "scripted";
    const CAPABILITIES: &'static [Capability] = T::CAPABILITIES;
    const PARTS: Parts = T::PARTS;
    type Config = Config;

    fn new(config: Config, context: &Context) -> Result<Self, Vec<Diagnostic>> {
        assert_eq!(
            (context.source_name.as_str(), context.instance_id.as_str()),
            ("test", "instance")
        );
        T::check(&config)?;
        Ok(Self { script: PhantomData })
    }

    async fn validate(config: &Config, probe: Probe) -> Vec<Diagnostic> {
        T::validate(config, probe).await
    }

    fn scopes(&self) -> Vec<Scope> {
        T::scopes()
    }

    async fn discover(&self, scopes: &mut Scopes) -> Result<(), Problem> {
        T::discover(scopes).await
    }

    async fn snapshot(&self, scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        T::snapshot(scope, out).await
    }

    async fn watch(&self, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        T::watch(self, scope, changes).await
    }
}

/// Makes a ConfigMap.
pub(crate) fn map(name: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name}, "apiVersion": "v1"})
}

/// Makes the text of a ConfigMap.
pub(crate) fn yaml(name: &str) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}
