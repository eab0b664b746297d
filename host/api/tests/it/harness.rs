//! An API with everything behind it, and how tests ask it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use k1s_api::board::board;
use k1s_api::service::{About, Access, Api, Parts};
use k1s_object::{InstanceId, Timestamp};
use k1s_store::clock::SystemClock;
use k1s_store::engine::MemoryEngine;
use k1s_store::{OpenOptions, Store};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::daemon::Daemon;

/// An API and what is behind it.
pub(crate) struct Harness {
    pub(crate) store: Store,
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) api: Api,
    _closing: watch::Sender<bool>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) code: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Harness {
    /// An API for whoever can call it, with the source `files` on its board.
    pub(crate) fn new() -> Self {
        Self::with(Access::Trusted)
    }

    pub(crate) fn with(access: Access) -> Self {
        let options = OpenOptions {
            instance_id: None,
            new_instance_id: InstanceId::new("test-1").unwrap(),
            clock: Arc::new(SystemClock),
        };
        let store = Store::open(Arc::new(MemoryEngine::default()), options).unwrap();
        let (board_writer, board) = board("test-1", Timestamp::from_millis(1_700_000_000_000));
        let daemon = Arc::new(Daemon::new(store.writer().clone(), board_writer));
        daemon.put("files", false, None);
        let (closing, is_closing) = watch::channel(false);
        let api = Api::new(Parts {
            reader: store.reader().clone(),
            servery: store.servery().unwrap(),
            board,
            control: daemon.clone(),
            vitals: daemon.clone(),
            access,
            about: About {
                release: "0.1.0".into(),
            },
            closing: is_closing,
        });
        Self {
            store,
            daemon,
            api,
            _closing: closing,
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answered {
        let (head, body) = self.api.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answered {
            code: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Asks with one method, some headers and a body.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let builder = Request::builder().method(method).uri(path);
        let builder = headers
            .iter()
            .fold(builder, |builder, (name, value)| builder.header(*name, *value));
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.send(builder.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, &[], "").await
    }

    /// Patches `sources/files`.
    pub(crate) async fn patch(&self, query: &str, patch: &str) -> Answered {
        let path = format!("/apis/sync.k1s.io/v1alpha1/sources/files{query}");
        let headers = [("content-type", "application/merge-patch+json")];
        self.ask("PATCH", &path, &headers, patch).await
    }

    /// Posts below a control object: `sources/files/sync`.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answered {
        let path = format!("/apis/sync.k1s.io/v1alpha1/{path}");
        self.ask("POST", &path, &[], body).await
    }
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Code, reason and message of a refusal, which is one line.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let status = self.json();
        assert_eq!(
            (&status["kind"], &status["apiVersion"], &status["status"]),
            (&"Status".into(), &"v1".into(), &"Failure".into()),
            "{status}"
        );
        assert_eq!(status["code"], self.code.as_u16(), "{status}");
        assert_eq!(self.text.trim_end().lines().count(), 1, "{status}");
        let text = |field: &str| status[field].as_str().unwrap().to_owned();
        (self.code.as_u16(), text("reason"), text("message"))
    }
}
