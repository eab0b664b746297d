//! The loop over one address while a session lasts: orders of the host, and the origin asked in between.
//!
//! The host hears of it only when there is something to say: what is declared is another, the origin fails in another way, or
//! answers again.

use std::time::Instant;

use k1s_source::{Changes, Code, Order, Problem, Reason};
use tokio::time::sleep_until;

use crate::bench::News;
use crate::desk::Desk;
use crate::pace::Asker;

/// Keeps the host up to date until it asks to stop.
pub(crate) async fn keep(desk: &mut Desk, changes: &mut Changes) -> Result<(), Problem> {
    loop {
        let due = desk.next_timeout();
        // Both waits can be dropped: an order stays where it is, and the time is asked for again.
        let order = tokio::select! {
            biased;
            order = changes.order() => Some(order),
            () = until(due) => None,
        };
        match order {
            Some(None) => return Ok(()),
            Some(Some(order)) => list(desk, order, changes).await?,
            None => look(desk, changes).await?,
        }
        if desk.is_lost() {
            // What was wrong has been told; the next order opens everything anew.
            return Err(Problem::new(Code::Internal, "the work on an address was broken off"));
        }
    }
}

async fn list(desk: &mut Desk, order: Order, changes: &mut Changes) -> Result<(), Problem> {
    let asker = asker(order.reason());
    let mut out = changes.begin(order);
    let listed = desk.list(asker, &mut out).await;
    out.end(listed).await
}

async fn look(desk: &mut Desk, changes: &mut Changes) -> Result<(), Problem> {
    match desk.ask(changes).await? {
        News::None => Ok(()),
        News::Some => {
            let order = changes.relist();
            let mut out = changes.begin(order);
            let declared = desk.declare(&mut out).await;
            out.end(declared).await
        }
    }
}

fn asker(reason: Reason) -> Asker {
    match reason {
        Reason::First | Reason::Requested => Asker::Person,
        Reason::Interval | Reason::ForgetKnown | Reason::Verify | Reason::Own => Asker::Host,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
