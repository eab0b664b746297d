//! Carrying out one order: a source that is configured is told, and tells the store itself; everything else goes straight
//! to the store.

use std::collections::BTreeMap;
use std::pin::Pin;

use k1s_api::control::{self, OrderError, OrderOutcome, SyncOrder};
use k1s_store::command::Command;
use k1s_store::{Reader, Writer};
use k1s_sync_engine::id::SourceName;
use tokio::sync::{mpsc, oneshot};

use super::requests::Request;
use crate::source::{Order, Wish};

/// An order that is being carried out.
pub(super) type Fulfilment = Pin<Box<dyn Future<Output = Fulfilled> + Send>>;

/// An order and what came of it.
#[derive(Debug)]
pub(super) struct Fulfilled {
    pub(super) request: Request,
    pub(super) outcome: Result<OrderOutcome, OrderError>,
}

/// Carries an order out; once it is waited for it goes on whether or not anybody waits for the answer.
pub(super) fn fulfil(
    request: Request,
    sources: &BTreeMap<SourceName, mpsc::Sender<Order>>,
    writer: &Writer,
    reader: &Reader,
) -> Fulfilment {
    let told = wish(&request.order).and_then(|(source, wish)| Some((sources.get(source)?.clone(), wish)));
    let (writer, reader) = (writer.clone(), reader.clone());
    Box::pin(async move {
        let user = request.user.clone();
        let outcome = match told {
            Some((source, wish)) => tell(&source, wish, user).await,
            None => without_source(&writer, &reader, request.order.clone(), user).await,
        };
        Fulfilled { request, outcome }
    })
}

/// Which source an order is for and what it is told; none when only the store is concerned.
fn wish(order: &control::Order) -> Option<(&SourceName, Wish)> {
    match order {
        control::Order::Command(Command::Suspend { source }) => Some((source, Wish::Suspend)),
        control::Order::Command(Command::Resume { source }) => Some((source, Wish::Resume)),
        control::Order::Command(Command::Reset { source }) => Some((source, Wish::Reset)),
        control::Order::Sync(SyncOrder {
            source,
            requested_at,
            root,
        }) => Some((
            source,
            Wish::Sync {
                requested_at: requested_at.clone(),
                root: *root,
            },
        )),
        control::Order::Command(
            Command::ApprovePrune { .. } | Command::UndoPrune { .. } | Command::AcceptRoot { .. },
        ) => None,
    }
}

async fn tell(source: &mpsc::Sender<Order>, wish: Wish, user: Box<str>) -> Result<OrderOutcome, OrderError> {
    let (reply, answer) = oneshot::channel();
    let order = Order { wish, user, reply };
    // A source ends only with the host.
    source.send(order).await.map_err(|_| OrderError::Stopping)?;
    answer.await.map_err(|_| OrderError::Stopping)?
}

/// Of a source that is not configured the store knows all there is.
async fn without_source(
    writer: &Writer,
    reader: &Reader,
    order: control::Order,
    user: Box<str>,
) -> Result<OrderOutcome, OrderError> {
    match order {
        control::Order::Command(command) => Ok(OrderOutcome::Done(writer.command(command, user).await?)),
        control::Order::Sync(SyncOrder { source, .. }) => {
            let known = reader.source_facts(&source)?;
            Err(OrderError::NotRunning {
                source_name: known.name,
                why: "it is not configured; configure it, and start the host again".to_owned(),
            })
        }
    }
}
