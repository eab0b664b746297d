//! The orders of one scope on their way to its loop, and the generations they were promised.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prost::bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Order, Reason};

/// Most orders that wait: to go on from a token, to list, and to list without anything counting as seen. Further ones are
/// the same.
pub(crate) const QUEUE: usize = 3;

/// The last generation that was given out. Whoever numbers a generation holds it until the order is on its way, so
/// that orders arrive in the order of their numbers.
type Last = Arc<Mutex<u64>>;

/// The host's end of one scope's orders.
#[derive(Debug)]
pub(crate) struct Orders {
    queue: mpsc::Sender<Order>,
    last: Last,
    /// Why the last order was to list; none if it was to go on from a token.
    last_listing: Option<Reason>,
}

/// The loop's end of one scope's orders.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: mpsc::Receiver<Order>,
    last: Last,
}

impl Orders {
    /// Makes both ends, with the order that the session begins with in between.
    pub(crate) fn open(token: Option<Bytes>) -> (Self, Inbox) {
        let (queue, orders) = mpsc::channel(QUEUE);
        let last = Last::default();
        let inbox = Inbox {
            queue: orders,
            last: Arc::clone(&last),
        };
        let mut opened = Self {
            queue,
            last,
            last_listing: None,
        };
        opened.push(Reason::First, token);
        (opened, inbox)
    }

    /// Orders a listing and returns the generation that will answer. One that has not begun answers this order as
    /// well, unless only this one forbids `Seen`. One that goes on from a token lists nothing and answers none.
    pub(crate) fn order(&mut self, reason: Reason) -> u64 {
        let suffices = match self.last_listing {
            Some(last) => reason != Reason::ForgetKnown || last == Reason::ForgetKnown,
            None => false,
        };
        {
            let last = locked(&self.last);
            if self.queue.capacity() < QUEUE && suffices {
                return *last;
            }
        }
        self.push(reason, None)
    }

    fn push(&mut self, reason: Reason, token: Option<Bytes>) -> u64 {
        let mut last = locked(&self.last);
        let generation = *last + 1;
        let listing = token.is_none().then_some(reason);
        if self.queue.try_send(Order::new(generation, reason, token)).is_ok() {
            *last = generation;
            self.last_listing = listing;
        }
        *last
    }
}

impl Inbox {
    /// Waits for the host's next order; none when the session is over.
    pub(crate) async fn recv(&mut self) -> Option<Order> {
        self.queue.recv().await
    }

    /// Returns the order that waits, if one does.
    pub(crate) fn waiting(&mut self) -> Option<Order> {
        self.queue.try_recv().ok()
    }

    /// Returns the order that waits, or else one of the source's own.
    pub(crate) fn own(&mut self) -> Order {
        let mut last = locked(&self.last);
        self.queue.try_recv().unwrap_or_else(|_none| {
            *last += 1;
            Order::new(*last, Reason::Own, None)
        })
    }
}

fn locked(last: &Last) -> MutexGuard<'_, u64> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_wait_are_shared_and_those_that_began_are_not() {
        let (mut orders, mut inbox) = Orders::open(None);
        assert_eq!(orders.order(Reason::Requested), 1, "the first listing has not begun");
        assert_eq!(inbox.queue.try_recv().unwrap().generation(), 1);
        assert_eq!(
            orders.order(Reason::Interval),
            2,
            "the open one is answered by the next"
        );
        assert_eq!(orders.order(Reason::Verify), 2);
        assert_eq!(
            orders.order(Reason::ForgetKnown),
            3,
            "an order with Seen does not answer one without"
        );
        assert_eq!(orders.order(Reason::ForgetKnown), 3);
        assert_eq!(orders.order(Reason::Requested), 3);
        assert_eq!(inbox.queue.try_recv().unwrap().generation(), 2);
        let last = inbox.queue.try_recv().unwrap();
        assert_eq!((last.generation(), last.reason()), (3, Reason::ForgetKnown));
        assert!(inbox.queue.try_recv().is_err());
    }

    #[test]
    fn going_on_from_a_token_answers_no_order_to_list() {
        let (mut orders, mut inbox) = Orders::open(Some(Bytes::from_static(b"here")));
        assert_eq!(orders.order(Reason::Requested), 2, "what goes on lists nothing");
        assert_eq!(orders.order(Reason::Interval), 2);
        assert_eq!(orders.order(Reason::ForgetKnown), 3);
        assert_eq!(orders.order(Reason::Requested), 3);
        assert!(inbox.queue.try_recv().unwrap().token().is_some());
        let listing = inbox.queue.try_recv().unwrap();
        assert_eq!((listing.generation(), listing.token()), (2, None));
        assert_eq!(inbox.queue.try_recv().unwrap().generation(), 3);
    }

    #[test]
    fn an_order_of_the_sources_own_never_overtakes_the_hosts() {
        let (mut orders, mut inbox) = Orders::open(None);
        assert_eq!(inbox.own().generation(), 1, "the one that waits answers");
        let own = inbox.own();
        assert_eq!((own.generation(), own.reason()), (2, Reason::Own));
        assert_eq!(orders.order(Reason::Requested), 3);
        assert_eq!(orders.order(Reason::Interval), 3);
        let next = inbox.own();
        assert_eq!((next.generation(), next.reason()), (3, Reason::Requested));
    }
}
