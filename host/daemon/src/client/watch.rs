//! A watch, event by event.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use k1s_api::server::client::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::ClientError;

/// Longest event that is read, in bytes.
const MAX_EVENT: usize = 32 * 1024 * 1024;

/// A watch; the connection is its own while it lasts.
pub(crate) struct Watch<'c> {
    body: Incoming,
    read: Vec<u8>,
    #[expect(dead_code, reason = "it moves the bytes of the body")]
    connection: &'c mut Connection<Full<Bytes>>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// One event of a watch.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WatchEvent {
    #[serde(rename = "type")]
    pub(crate) kind: ChangeKind,
    pub(crate) object: Value,
}

impl<'c> Watch<'c> {
    pub(super) fn new(body: Incoming, connection: &'c mut Connection<Full<Bytes>>) -> Self {
        Self {
            body,
            read: Vec::new(),
            connection,
        }
    }

    /// The next event; none when the host ended the watch.
    ///
    /// # Errors
    /// When the watch broke, or the host says that it cannot go on.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchEvent>, ClientError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return event(&line).map(Some);
            }
            if self.read.len() > MAX_EVENT {
                return Err(ClientError::Cut("an event is too long".to_owned()));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::Cut(error.to_string())),
                Some(Ok(frame)) => self.read.extend(frame.into_data().unwrap_or_default()),
            }
        }
    }
}

fn event(line: &[u8]) -> Result<WatchEvent, ClientError> {
    let event: WatchEvent = serde_json::from_slice(line)?;
    if event.kind == ChangeKind::Error {
        let message = event.object.get("message").and_then(Value::as_str);
        return Err(ClientError::Cut(message.unwrap_or_default().to_owned()));
    }
    Ok(event)
}
