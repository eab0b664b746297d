//! The API over the file of a host that has stopped: the board says what the store remembers, commands go to its writer.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use k1s_api::board::{BoardWriter, board};
use k1s_api::control::{Answer, Control, Order, OrderError, OrderOutcome};
use k1s_api::service::{About, Access, Api, Check, Parts, Vitals};
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::{Reader, Store, StoreError, Writer};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::ClientError;
use crate::mirror::{prune_body, prune_key, source_body, source_key};

/// The API, and the store under it.
pub(super) struct Local {
    api: Api,
    store: Store,
    #[expect(dead_code, reason = "a watch ends when it is gone")]
    closing: watch::Sender<bool>,
}

impl Local {
    pub(super) fn new(store: Store) -> Result<Self, ClientError> {
        let (writer, board) = board(store.instance_id().as_str(), SystemClock.now());
        fill(store.reader(), &writer)?;
        let (closing, closed) = watch::channel(false);
        let api = Api::new(Parts {
            reader: store.reader().clone(),
            servery: store.servery()?,
            board,
            control: Arc::new(Stopped {
                reader: store.reader().clone(),
                writer: store.writer().clone(),
                board: writer,
            }),
            vitals: Arc::new(Still),
            access: Access::Trusted,
            about: About {
                release: env!("CARGO_PKG_VERSION").into(),
            },
            closing: closed,
        });
        Ok(Self { api, store, closing })
    }

    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), ClientError> {
        let Ok(response) = self.api.clone().oneshot(request).await;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|interrupted| ClientError::Cut(interrupted.to_string()))?;
        Ok((status, body.to_bytes()))
    }

    pub(super) fn close(self) -> Result<(), ClientError> {
        // What the API holds of the writer would keep the store from closing.
        drop(self.api);
        Ok(self.store.close()?)
    }
}

fn fill(reader: &Reader, board: &BoardWriter) -> Result<(), StoreError> {
    for name in reader.sources()? {
        let facts = reader.source_facts(&name)?;
        board.put(&source_key(&name), &source_body(&facts, None, None, None));
    }
    for prune in reader.prunes(None)? {
        board.put(&prune_key(&prune), &prune_body(&prune));
    }
    Ok(())
}

/// Carries out what needs no host that runs.
struct Stopped {
    reader: Reader,
    writer: Writer,
    board: BoardWriter,
}

impl Control for Stopped {
    fn order(&self, order: Order, user: Box<str>) -> Answer<'_> {
        Box::pin(async move {
            match order {
                Order::Command(command) => {
                    let outcome = self.writer.command(command, user).await?;
                    fill(&self.reader, &self.board)?;
                    Ok(OrderOutcome::Done(outcome))
                }
                Order::Sync(_) => Err(OrderError::NoDaemon),
            }
        })
    }
}

/// Nothing runs that could be asked.
struct Still;

impl Vitals for Still {
    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }

    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }
}
