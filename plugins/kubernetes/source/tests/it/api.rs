//! An API server that serves ConfigMaps, and answers requests about them as a test wrote it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::host::soon;

/// What a request about ConfigMaps is answered with.
pub(crate) struct Reply {
    status: u16,
    body: String,
    then: Then,
    /// Which cluster this is from then on.
    identity: Option<&'static str>,
}

/// What happens when an answer's body is sent.
enum Then {
    /// It ends.
    End,
    /// It ends in the middle.
    Cut,
    /// The connection stays as it is.
    Stay,
}

impl Reply {
    /// A page of a list: its resource version, what the next begins with, and its objects.
    pub(crate) fn page(version: &str, after: &str, objects: &[Value]) -> Self {
        let metadata = json!({"resourceVersion": version, "continue": after});
        Self::of(
            200,
            &json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": objects}),
        )
    }

    /// A refusal with a status.
    pub(crate) fn refusal(status: u16, reason: &str) -> Self {
        Self::of(
            status,
            &json!({"kind": "Status", "code": status, "reason": reason, "message": reason}),
        )
    }

    /// A watch that goes on.
    pub(crate) fn watch(events: &[(&str, Value)]) -> Self {
        let mut body = String::new();
        for (kind, object) in events {
            writeln!(body, "{}", json!({"type": kind, "object": object})).unwrap();
        }
        Self {
            status: 200,
            body,
            then: Then::Stay,
            identity: None,
        }
    }

    /// The same, ended by the server.
    pub(crate) fn ended(self) -> Self {
        Self {
            then: Then::End,
            ..self
        }
    }

    /// The same, with the beginning of a line and then no more.
    pub(crate) fn cut_off(self) -> Self {
        Self {
            body: format!("{}{{\"type\":\"ADD", self.body),
            then: Then::Cut,
            ..self
        }
    }

    /// The same, and from then on this is another cluster.
    pub(crate) fn changing_to(self, identity: &'static str) -> Self {
        Self {
            identity: Some(identity),
            ..self
        }
    }

    fn of(status: u16, body: &Value) -> Self {
        Self {
            status,
            body: body.to_string(),
            then: Then::End,
            identity: None,
        }
    }
}

/// An object with a resource version.
pub(crate) fn map(name: &str, version: u64) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "resourceVersion": version.to_string(), "managedFields": [{}]},
        "data": {"v": version.to_string()}})
}

/// The bookmark that ends initial events.
pub(crate) fn end_of_initial(version: u64) -> Value {
    json!({"metadata": {"resourceVersion": version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}})
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    identity: Mutex<Option<&'static str>>,
    asked: Mutex<Vec<String>>,
    news: Notify,
}

/// A server, for as long as this lives.
pub(crate) struct Api {
    pub(crate) address: String,
    script: Arc<Script>,
    _connections: JoinSet<()>,
}

impl Api {
    /// Serves the replies, each once, in this order; further requests are not answered.
    pub(crate) async fn with(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into()),
            ..Script::default()
        });
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&script)));
        Self {
            address,
            script,
            _connections: connections,
        }
    }

    /// Waits until so many requests about ConfigMaps have come, and returns them.
    pub(crate) async fn asked(&self, count: usize) -> Vec<String> {
        soon("a request", async {
            loop {
                let news = self.script.news.notified();
                let asked = locked(&self.script.asked).clone();
                if asked.len() >= count {
                    return asked;
                }
                news.await;
            }
        })
        .await
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

async fn accept(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let script = Arc::clone(&script);
        connections.spawn(async move {
            // A client that leaves has what it wanted.
            serve(stream, &script).await.ok();
        });
    }
}

async fn serve(stream: TcpStream, script: &Script) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut target = None;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            target = target.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        }
        let reply = reply(&target.unwrap_or_default(), script);
        let Some(Reply { status, body, then, .. }) = reply else {
            return std::future::pending().await;
        };
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        // In pieces, as they may arrive.
        for piece in body.as_bytes().chunks(50) {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            stream.write_all(piece).await?;
            stream.write_all(b"\r\n").await?;
        }
        stream.flush().await?;
        match then {
            Then::End => stream.write_all(b"0\r\n\r\n").await?,
            Then::Cut => return Ok(()),
            Then::Stay => return std::future::pending().await,
        }
    }
}

fn reply(target: &str, script: &Script) -> Option<Reply> {
    let verbs = json!(["list", "watch"]);
    let resource = |plural: &str, kind: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": verbs});
    let resources = [
        resource("configmaps", "ConfigMap"),
        resource("secrets", "Secret"),
        resource("pods", "Pod"),
    ];
    let groups = |items: Value| Reply::of(200, &json!({"kind": "APIGroupDiscoveryList", "items": items}));
    match target {
        "/api/v1/namespaces/kube-system" => {
            let identity = locked(&script.identity).unwrap_or("this-cluster");
            Some(Reply::of(200, &json!({"metadata": {"uid": identity}})))
        }
        "/api" => Some(groups(
            json!([{"versions": [{"version": "v1", "resources": resources}]}]),
        )),
        "/api/v1/namespaces" => {
            let names = ["n", "n-2", "other"].map(|name| json!({"metadata": {"name": name}}));
            Some(Reply::of(200, &json!({"items": names})))
        }
        "/apis" => Some(groups(json!([]))),
        _ => {
            locked(&script.asked).push(target.to_owned());
            script.news.notify_waiters();
            let reply = locked(&script.replies).pop_front()?;
            if reply.identity.is_some() {
                *locked(&script.identity) = reply.identity;
            }
            Some(reply)
        }
    }
}
