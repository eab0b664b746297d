//! Requests to one cluster at its pace, and their answers in chunks.
//!
//! Every request is a GET. Answers that are no success are read as refusals. Nothing waits for ever: neither for an answer nor
//! for its next bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::header::{ACCEPT, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use k1s_kubernetes_watch::{Lines, Refusal, Verdict};
use k1s_source::Bytes;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::trouble::Trouble;

/// What objects are asked for as.
pub(crate) const JSON: &str = "application/json";
/// How long the server may take to begin its answer; it gives up itself after a minute.
const ANSWER: Duration = Duration::from_secs(75);
/// How long the server may take to say who it is: nobody is told meanwhile that it is being waited for.
const WHO: Duration = Duration::from_secs(30);
/// The most bytes of an answer that is read as a whole.
const WHOLE_BYTES: usize = 32 << 20;
/// The most bytes of a refusal.
const REFUSAL_BYTES: usize = 64 << 10;
/// The longest line of a watch: an object of the contract's 8 MiB, as some writers escape it.
const LINE_BYTES: usize = 16 << 20;
/// How long it is believed that the cluster is still the same.
const SAME: Duration = Duration::from_secs(10);
/// What tells a cluster from others: its uid outlives everything but the cluster.
const IDENTITY: &str = "/api/v1/namespaces/kube-system";

/// How fast a cluster may be asked.
#[derive(Debug)]
pub(crate) struct Pace {
    started: Instant,
    every: Duration,
    /// When the next request may leave, in nanoseconds since the start.
    next: AtomicU64,
}

impl Pace {
    /// Makes one for so many requests a second, of which a second's worth may come at once after a rest.
    pub(crate) fn new(qps: u32) -> Self {
        Self {
            started: Instant::now(),
            every: Duration::from_secs(1) / qps.max(1),
            next: AtomicU64::new(0),
        }
    }

    async fn turn(&self) {
        let now = nanoseconds(self.started.elapsed());
        let rested = now.saturating_sub(nanoseconds(Duration::from_secs(1)));
        let every = nanoseconds(self.every);
        let take = |next: u64| Some(next.max(rested) + every);
        // Taking a turn never fails.
        let turn = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .unwrap_or_default()
            .max(rested);
        if turn > now {
            sleep(Duration::from_nanos(turn - now)).await;
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The way to one cluster, with the credentials of one moment.
pub(crate) struct Link {
    client: Client,
    pace: Arc<Pace>,
    /// Scheme, host and port.
    pub(crate) url: String,
    /// What tells the cluster from others.
    pub(crate) identity: String,
    /// Counts the links to the cluster, from 1.
    pub(crate) number: u64,
    started: Instant,
    /// When the identity was last asked for, in nanoseconds since the start.
    asked: AtomicU64,
}

impl Link {
    /// Makes a link and asks the cluster who it is.
    pub(crate) async fn open(client: Client, url: String, number: u64, pace: Arc<Pace>) -> Result<Self, Trouble> {
        let mut link = Self {
            client,
            pace,
            url,
            identity: String::new(),
            number,
            started: Instant::now(),
            asked: AtomicU64::new(0),
        };
        link.identity = link.ask_identity().await?;
        Ok(link)
    }

    /// Asks whether the cluster is still that which the link was made to, unless that was asked a moment ago.
    pub(crate) async fn check(&self) -> Result<(), Trouble> {
        let asked = Duration::from_nanos(self.asked.load(Ordering::Relaxed));
        if self.started.elapsed().saturating_sub(asked) < SAME {
            return Ok(());
        }
        self.check_now().await
    }

    /// Asks whether the cluster is still that which the link was made to.
    pub(crate) async fn check_now(&self) -> Result<(), Trouble> {
        if self.ask_identity().await? != self.identity {
            return Err(Trouble::OtherCluster);
        }
        self.asked.store(nanoseconds(self.started.elapsed()), Ordering::Relaxed);
        Ok(())
    }

    /// Where it may not be asked for, the address has to do.
    async fn ask_identity(&self) -> Result<String, Trouble> {
        // Not at the pace: each listing asks it once, and there are few at a time.
        let asked = async { self.ask_now(IDENTITY, JSON).await?.whole(WHOLE_BYTES).await };
        let body = match timeout(WHO, asked).await.unwrap_or(Err(Trouble::Silent(WHO))) {
            Ok(body) => body,
            Err(Trouble::Refused(refusal))
                if refusal.verdict() == Verdict::Forbidden || refusal.reason == "NotFound" =>
            {
                return Ok(format!("address {}", self.url));
            }
            Err(trouble) => return Err(trouble),
        };
        let namespace: Value = serde_json::from_slice(&body).unwrap_or_default();
        match namespace.pointer("/metadata/uid").and_then(Value::as_str) {
            Some(uid) if !uid.is_empty() => Ok(uid.to_owned()),
            Some(_) | None => Err(Trouble::Configuration(format!(
                "{} is not a Kubernetes API server",
                self.url
            ))),
        }
    }

    /// Asks for a path with its query.
    pub(crate) async fn ask(&self, target: &str, accept: &str) -> Result<Answer, Trouble> {
        self.pace.turn().await;
        self.ask_now(target, accept).await
    }

    async fn ask_now(&self, target: &str, accept: &str) -> Result<Answer, Trouble> {
        let request = Request::get(target).header(ACCEPT, accept).body(Body::empty());
        let request = request.map_err(|error| Trouble::Configuration(format!("{target}: {error}")))?;
        let answer = timeout(ANSWER, self.client.send(request))
            .await
            .map_err(|_| Trouble::Silent(ANSWER))?;
        let answer = answer.map_err(|error| Trouble::kube(&error))?;
        if answer.status().is_success() {
            return Ok(Answer {
                body: answer.into_body(),
                patience: ANSWER,
            });
        }
        Err(refusal(answer).await)
    }

    /// Asks for something small and reads all of it.
    pub(crate) async fn read(&self, target: &str, accept: &str) -> Result<Vec<u8>, Trouble> {
        self.ask(target, accept).await?.whole(WHOLE_BYTES).await
    }

    /// Asks for lines that come over a long time; `patience` is how long there may be none.
    pub(crate) async fn listen(&self, target: &str, patience: Duration) -> Result<Stream, Trouble> {
        let answer = self.ask(target, JSON).await?;
        Ok(Stream {
            answer: Answer { patience, ..answer },
            lines: Lines::new(LINE_BYTES),
            chunk: Bytes::new(),
        })
    }
}

async fn refusal(answer: Response<Body>) -> Trouble {
    let code = answer.status().as_u16();
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let answer = Answer {
        body: answer.into_body(),
        patience: ANSWER,
    };
    // The status says enough where the words do not arrive.
    let body = answer.whole(REFUSAL_BYTES).await.unwrap_or_default();
    Trouble::Refused(Refusal::read(code, retry_after.as_deref(), &body))
}

/// An answer whose bytes still come.
pub(crate) struct Answer {
    body: Body,
    patience: Duration,
}

impl Answer {
    /// Waits for the next bytes; none at the end. Dropping the wait loses nothing.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let frame = timeout(self.patience, self.body.frame())
                .await
                .map_err(|_| Trouble::Silent(self.patience))?;
            let Some(frame) = frame else { return Ok(None) };
            match frame.map_err(|error| Trouble::kube(&error))?.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                // Trailers say nothing here.
                Ok(_) | Err(_) => {}
            }
        }
    }

    async fn whole(mut self, limit: usize) -> Result<Vec<u8>, Trouble> {
        let read = async {
            let mut whole = Vec::new();
            while let Some(chunk) = self.chunk().await? {
                if whole.len() + chunk.len() > limit {
                    return Err(Trouble::Configuration(format!("an answer has more than {limit} bytes")));
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(whole)
        };
        timeout(ANSWER, read).await.unwrap_or(Err(Trouble::Silent(ANSWER)))
    }
}

/// Lines that come over a long time.
pub(crate) struct Stream {
    answer: Answer,
    lines: Lines,
    /// What came and was not cut into lines yet.
    chunk: Bytes,
}

impl Stream {
    /// Waits for the next line; none at the end. Dropping the wait loses nothing.
    pub(crate) async fn line(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            if let Some(line) = self.waiting()? {
                return Ok(Some(line));
            }
            match self.answer.chunk().await? {
                Some(chunk) => self.chunk = chunk,
                None if self.lines.is_between() => return Ok(None),
                None => return Err(Trouble::Cut),
            }
        }
    }

    /// Sets how long there may be no line.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.answer.patience = patience;
    }

    /// Returns the next line, if it has come.
    pub(crate) fn waiting(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let mut rest = &self.chunk[..];
        let line = self.lines.next(&mut rest)?;
        let used = self.chunk.len() - rest.len();
        self.chunk = self.chunk.slice(used..);
        Ok(line)
    }
}
