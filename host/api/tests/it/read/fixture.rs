//! An API over a store in memory, filled by edits, and how tests ask it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use k1s_api::board::{BoardWriter, ControlBody, ControlKey, board};
use k1s_api::control::{Answer, Control, Order, OrderError};
use k1s_api::object::ControlKind;
use k1s_api::service::{About, Access, Api, Body, Check, Parts, Vitals};
use k1s_object::{InstanceId, Key, Timestamp};
use k1s_store::clock::Clock;
use k1s_store::engine::MemoryEngine;
use k1s_store::writer::{Edit, EditBody, Precondition};
use k1s_store::{OpenOptions, Store, Writer};
use k1s_sync_engine::id::Revision;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

/// When the store's clock begins: 2023-11-14T22:13:20Z.
const BEGIN: u64 = 1_700_000_000_000;
/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// The `Accept` header of kubectl.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Nobody;

impl Control for Nobody {
    fn order(&self, _: Order, _: Box<str>) -> Answer<'_> {
        Box::pin(async { Err(OrderError::NoDaemon) })
    }
}

impl Vitals for Nobody {
    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }

    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }
}

/// An API, and what is behind it.
pub(crate) struct Fixture {
    store: Store,
    clock: Arc<ManualClock>,
    api: Api,
    /// Writes control objects.
    pub(crate) board: BoardWriter,
    closing: watch::Sender<bool>,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) code: StatusCode,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// A watch whose events are read one by one.
pub(crate) struct Watching {
    body: Body,
    rest: Vec<u8>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock(AtomicU64::new(BEGIN)));
        let options = OpenOptions {
            instance_id: None,
            new_instance_id: InstanceId::new("test-1").unwrap(),
            clock: clock.clone(),
        };
        let store = Store::open(Arc::new(MemoryEngine::default()), options).unwrap();
        let (board_writer, board) = board("test-1", clock.now());
        let (closing, is_closing) = watch::channel(false);
        let api = Api::new(Parts {
            reader: store.reader().clone(),
            servery: store.servery().unwrap(),
            board,
            control: Arc::new(Nobody),
            vitals: Arc::new(Nobody),
            access: Access::Trusted,
            about: About {
                release: "0.1.0".into(),
            },
            closing: is_closing,
        });
        Self {
            store,
            clock,
            api,
            board: board_writer,
            closing,
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Writes into the store.
    pub(crate) fn writer(&self) -> Writer {
        self.store.writer().clone()
    }

    pub(crate) fn revision(&self) -> u64 {
        self.store.reader().revision().get()
    }

    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Writes an object, and returns the revision that it has then.
    pub(crate) async fn put(&self, object: Value) -> u64 {
        self.edit(key_of(&object), EditBody::Put(object)).await
    }

    /// Deletes an object, and returns the revision that did it.
    pub(crate) async fn delete(&self, object: &Value) -> u64 {
        self.edit(key_of(object), EditBody::Delete).await
    }

    async fn edit(&self, key: Key, body: EditBody) -> u64 {
        let edit = Edit {
            key,
            body,
            precondition: Precondition::default(),
            user: "tester".into(),
        };
        let edited = self.store.writer().edit(edit).await.unwrap();
        Revision::get(edited.revision)
    }

    /// Says what a source is.
    pub(crate) fn put_source(&self, name: &str, status: Value) {
        let body = ControlBody {
            created: self.clock.now(),
            annotations: BTreeMap::new(),
            spec: json!({"plugin": "filesystem", "suspend": false}),
            status,
        };
        self.board.put(&source(name), &body);
    }

    pub(crate) async fn answer(&self, path: &str, accept: &str) -> Response<Body> {
        let request = Request::get(path)
            .header(ACCEPT, accept)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = self.api.clone().oneshot(request);
        timeout(PATIENCE, answer).await.expect("an answer in time").unwrap()
    }

    pub(crate) async fn ask(&self, path: &str) -> Answered {
        self.ask_as(path, "application/json").await
    }

    pub(crate) async fn ask_as(&self, path: &str, accept: &str) -> Answered {
        let answer = self.answer(path, accept).await;
        let code = answer.status();
        let body = timeout(PATIENCE, answer.into_body().collect())
            .await
            .expect("an answer in time");
        let text = String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answered { code, text, body }
    }

    /// Names of the objects of a list.
    pub(crate) async fn names(&self, path: &str) -> Vec<String> {
        let answered = self.ask(path).await;
        assert_eq!(answered.code, StatusCode::OK, "{path}: {}", answered.text);
        names(&answered.body)
    }

    pub(crate) async fn watch(&self, path: &str) -> Watching {
        self.watch_as(path, "application/json").await
    }

    pub(crate) async fn watch_as(&self, path: &str, accept: &str) -> Watching {
        let answer = self.answer(path, accept).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        Watching {
            body: answer.into_body(),
            rest: Vec::new(),
        }
    }
}

impl Watching {
    /// The next event; `None` when the watch is over.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.unwrap();
            self.rest.extend_from_slice(&frame.into_data().unwrap());
        }
    }

    /// The next event, which has to come soon.
    pub(crate) async fn event(&mut self) -> Value {
        timeout(PATIENCE, self.next())
            .await
            .expect("an event in time")
            .expect("an event")
    }

    /// The next events as `TYPE name`; a bookmark as `BOOKMARK`.
    pub(crate) async fn told(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..count {
            told.push(short(&self.event().await));
        }
        told
    }

    /// Makes sure that there is nothing more to come.
    pub(crate) async fn ended(&mut self) {
        let next = timeout(PATIENCE, self.next()).await.expect("an end in time");
        assert_eq!(next, None);
    }
}

pub(crate) fn short(event: &Value) -> String {
    let name = event.pointer("/object/metadata/name").and_then(Value::as_str);
    let kind = event["type"].as_str().unwrap();
    name.map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"))
}

pub(crate) fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn source(name: &str) -> ControlKey {
    ControlKey {
        kind: ControlKind::Source,
        name: name.into(),
    }
}

/// A config map; `labels` as `a=b,c=d`.
pub(crate) fn config_map(namespace: &str, name: &str, labels: &str, value: &str) -> Value {
    let labels = labels.split(',').filter_map(|label| label.split_once('='));
    let labels: BTreeMap<&str, &str> = labels.collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "data": {"v": value},
    })
}

fn key_of(object: &Value) -> Key {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    Key::new(
        group,
        text("/kind"),
        text("/metadata/namespace"),
        text("/metadata/name"),
    )
}
