//! The loop over one address while a session lasts: orders of the host, and the origin asked in between, at its time or when
//! somebody says that it is worth it.
//!
//! The host hears of it only when there is something to say: what is declared is another, the origin fails in another way, or
//! answers again.

use std::time::Instant;

use k1s_source::{Changes, Code, Order, Problem, Reason};
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::bench::News;
use crate::desk::Desk;
use crate::pace::Asker;

/// Somebody's words that it is worth asking now.
#[derive(Debug)]
pub(crate) struct Words(Option<watch::Receiver<u64>>);

impl Words {
    /// Hears nobody.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Hears whoever changes a count.
    #[cfg(feature = "webhook")]
    pub(crate) fn of(count: watch::Receiver<u64>) -> Self {
        Self(Some(count))
    }

    /// Waits for a word; those that came since the last are one. Can be dropped without a word being lost.
    pub(crate) async fn next(&mut self) {
        if let Some(count) = &mut self.0
            && count.changed().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Why something is to be done.
enum Cause {
    /// The host orders it; without an order, it is over.
    Host(Option<Order>),
    /// It is time, or work that nobody waited for is done.
    Due,
    /// Somebody said so.
    Word,
}

/// Keeps the host up to date until it asks to stop.
pub(crate) async fn keep(desk: &mut Desk, changes: &mut Changes, mut words: Words) -> Result<(), Problem> {
    loop {
        let due = desk.next_timeout();
        // All waits can be dropped: orders and words stay where they are, and the time is asked for again.
        let cause = tokio::select! {
            biased;
            order = changes.order() => Cause::Host(order),
            () = until(due) => Cause::Due,
            () = words.next() => Cause::Word,
            () = desk.back() => Cause::Due,
        };
        match cause {
            Cause::Host(None) => return Ok(()),
            Cause::Host(Some(order)) => list(desk, order, changes).await?,
            Cause::Due => look(desk, changes).await?,
            // An origin that asked to be left alone is.
            Cause::Word if desk.admits(Asker::Person) => look(desk, changes).await?,
            Cause::Word => {}
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
