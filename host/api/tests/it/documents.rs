//! Documents, and a source that declares them.

use k1s_object::{ContentHash, Document, StatusRule};
use k1s_store::Writer;
use k1s_sync_engine::event::{Change, Event, Provenance};
use k1s_sync_engine::id::{Epoch, Generation, ScopeId, Seq, SourceName, SourceVersion};
use k1s_sync_engine::message::{Batch, EmptyListing, More};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{Absence, GenerationEnd, Outcome, Receipt, Work};
use serde_json::{Value, json};

/// A ConfigMap of namespace `shop`.
pub(crate) fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"v": "1"}})
}

/// A definition of `widgets.example.com`, in three versions.
pub(crate) fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"], "categories": ["example"]},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1beta1", "served": true, "storage": false},
                {"name": "v1", "served": true, "storage": true},
                {"name": "v2alpha1", "served": false, "storage": false},
            ],
        },
    })
}

/// A source that lists all it has.
pub(crate) struct Lister {
    writer: Writer,
    name: SourceName,
    epoch: Epoch,
    generation: u64,
}

impl Lister {
    /// Launches a source.
    pub(crate) async fn launch(writer: Writer, name: &str) -> Self {
        let name = SourceName::new(name).unwrap();
        let epoch = writer.raise_epoch(name.clone()).await.unwrap();
        let policy = SourcePolicy::default();
        writer.open_session(name.clone(), epoch, policy).await.unwrap();
        Self {
            writer,
            name,
            epoch,
            generation: 0,
        }
    }

    /// Lists these documents and no others; what came of the absence of the rest.
    pub(crate) async fn list(&mut self, documents: impl IntoIterator<Item = Value>) -> Absence {
        self.generation += 1;
        let (scope, generation) = (ScopeId::new("").unwrap(), Generation::new(self.generation));
        self.work(Work::BeginGeneration {
            scope: scope.clone(),
            generation,
            root_identity: "root".to_owned(),
        })
        .await;
        self.work(Work::Apply(Batch {
            seq: Seq::new(self.generation),
            scope: scope.clone(),
            generation: None,
            events: documents.into_iter().map(|body| declared(&body)).collect(),
            token: None,
            more: More::Last,
            earlier: Vec::new(),
        }))
        .await;
        let end = Work::EndGeneration(GenerationEnd {
            scope,
            generation,
            outcome: Outcome::Complete,
            token: None,
            empty: EmptyListing::Suspicious,
        });
        self.work(end).await.closed.unwrap().absence
    }

    async fn work(&self, work: Work) -> Receipt {
        let ticket = self.writer.submit(self.name.clone(), self.epoch, work).await;
        ticket.unwrap().redeem().await.unwrap()
    }
}

fn declared(body: &Value) -> Event {
    let key = Document::read(&body.to_string().into(), StatusRule::Drop)
        .unwrap()
        .key()
        .clone();
    let object = bytes::Bytes::from(body.to_string());
    Event {
        provenance: Provenance {
            uri: "file:///srv/manifests".into(),
            path: format!("{}.yaml", key.name).into(),
            line: 7,
            ..Provenance::default()
        },
        change: Change::Upsert {
            key,
            content_hash: ContentHash::of(&object),
            object,
        },
        source_version: SourceVersion::default(),
    }
}
