//! The host's API: what it shows, what people want through it, and its figures.
//!
//! [`door`] opens the port with everything clients need to find it. [`showcase`] keeps the control objects as they are,
//! from what sources say and what the store remembers. [`requests`] takes orders from the API's requests to the loop of the
//! host, [`fulfilment`] carries them out, and [`figures`] counts. [`Serving`] is all of it, one piece of the host's loop.
//!
//! It decides nothing about sources: it tells them, and answers what they say.
//!
//! # Invariants
//! - An order that was begun is carried out, also when whoever asked is gone; its outcome is shown before it is answered.
//! - What is shown is read again when something happened, and never because time passed.

mod door;
mod figures;
mod fulfilment;
mod process;
mod requests;
mod showcase;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use k1s_api::board::board;
use k1s_api::control::OrderError;
use k1s_api::server::{Listener, Tls, serve};
use k1s_api::service::{About, Access, Api, Parts, Vitals};
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::{Reader, Store, StoreError, Writer};
use k1s_sync_engine::id::SourceName;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub(crate) use self::door::{Door, DoorError, IDENTITY_DIRECTORY, KUBECONFIG_FILE};
use self::figures::Figures;
use self::fulfilment::{Fulfilled, Fulfilment, fulfil};
use self::requests::{Request, Requests};
use self::showcase::Showcase;
use crate::config::SourceSettings;
use crate::source::{Notice, Order};

/// Orders that may wait for the host; requests wait when there are more.
const WAITING_ORDERS: usize = 64;
/// Orders that are carried out at the same time.
const ORDERS_AT_ONCE: usize = 16;

/// Whether orders are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Business {
    Open,
    /// The host stops; reads are still answered.
    Closing,
}

/// The API of a host that runs.
pub(crate) struct Serving {
    writer: Writer,
    reader: Reader,
    sources: BTreeMap<SourceName, mpsc::Sender<Order>>,
    showcase: Showcase,
    figures: Arc<Figures>,
    requests: mpsc::Receiver<Request>,
    fulfilments: FuturesUnordered<Fulfilment>,
    business: Business,
    /// Held as long as the loop of the host goes on; what is asked of a host without it is not well.
    alive: watch::Sender<()>,
    close: watch::Sender<bool>,
    server: JoinSet<()>,
}

impl Serving {
    /// Shows what is known and begins to answer; orders wait until there are sources to tell.
    pub(crate) fn begin(store: &Store, door: Door, configured: &[Arc<SourceSettings>]) -> Result<Self, StoreError> {
        let (board_writer, board) = board(store.instance_id().as_str(), SystemClock.now());
        let (sender, requests) = mpsc::channel(WAITING_ORDERS);
        let (close, closing) = watch::channel(false);
        let (alive, living) = watch::channel(());
        let figures = Arc::new(Figures::new(store.reader().clone(), living, configured));
        let mut showcase = Showcase::new(store.reader().clone(), board_writer, configured);
        showcase.show(&figures);
        let parts = Parts {
            reader: store.reader().clone(),
            servery: store.servery()?,
            board,
            control: Arc::new(Requests::new(sender)),
            vitals: Arc::clone(&figures) as Arc<dyn Vitals>,
            access: Access::Token(Arc::new(door.gate)),
            about: About {
                release: env!("CARGO_PKG_VERSION").into(),
            },
            closing: closing.clone(),
        };
        let mut server = JoinSet::new();
        server.spawn(served(door.listener, door.tls, Api::new(parts), closing));
        Ok(Self {
            writer: store.writer().clone(),
            reader: store.reader().clone(),
            sources: BTreeMap::new(),
            showcase,
            figures,
            requests,
            fulfilments: FuturesUnordered::new(),
            business: Business::Open,
            alive,
            close,
            server,
        })
    }

    /// Takes a configuration that replaces the one before.
    pub(crate) fn configure(&mut self, configured: &[Arc<SourceSettings>]) {
        self.figures.configure(configured);
        self.showcase.configure(configured);
    }

    /// Shows why the configuration's files are refused, or that they are not.
    pub(crate) fn judge(&mut self, refusal: Option<String>) {
        self.showcase.judge(refusal);
    }

    /// Says where orders for each source go.
    pub(crate) fn direct(&mut self, sources: BTreeMap<SourceName, mpsc::Sender<Order>>) {
        self.sources = sources;
    }

    /// Takes note of what a source says.
    pub(crate) fn note(&mut self, notice: &Notice) {
        self.figures.note(notice);
        self.showcase.note(notice);
    }

    /// Takes no orders any more; what can be read can be read on.
    pub(crate) fn stop(&mut self) {
        self.business = Business::Closing;
    }

    /// Carries out orders and shows what is so, for as long as it is waited for; cancelling it loses nothing.
    pub(crate) async fn work(&mut self) {
        loop {
            tokio::select! {
                biased;
                Some(fulfilled) = self.fulfilments.next(), if !self.fulfilments.is_empty() => self.conclude(fulfilled),
                Some(request) = self.requests.recv(), if self.fulfilments.len() < ORDERS_AT_ONCE => self.take(request),
                () = self.showcase.due() => self.showcase.show(&self.figures),
                Some(ended) = self.server.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!("the API's server died: {error}");
                    }
                }
            }
        }
    }

    /// Ends the answering: watches end, connections are closed within a second.
    pub(crate) async fn end(mut self) {
        self.showcase.show(&self.figures);
        // Whoever still waits for an order hears that the host stops.
        drop((self.requests, self.fulfilments));
        self.close.send_replace(true);
        while let Some(ended) = self.server.join_next().await {
            if let Err(error) = ended {
                tracing::error!("the API's server died: {error}");
            }
        }
        drop(self.alive);
    }

    fn take(&mut self, request: Request) {
        match self.business {
            Business::Open => self
                .fulfilments
                .push(fulfil(request, &self.sources, &self.writer, &self.reader)),
            Business::Closing => request.answer(Err(OrderError::Stopping)),
        }
    }

    fn conclude(&mut self, fulfilled: Fulfilled) {
        let Fulfilled { request, outcome } = fulfilled;
        if outcome.is_ok() {
            self.showcase.ordered(&request.order);
            self.showcase.show(&self.figures);
        }
        request.answer(outcome);
    }
}

async fn served(listener: Listener, tls: Tls, api: Api, mut closing: watch::Receiver<bool>) {
    let closed = async move {
        if closing.wait_for(|closed| *closed).await.is_err() {
            tracing::debug!("the host is gone");
        }
    };
    serve(listener, tls, api, closed).await;
}
