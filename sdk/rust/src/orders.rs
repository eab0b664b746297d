//! The orders of one scope on their way to its loop, and the generations they were promised.

use prost::bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Order, Reason};

/// Most orders that wait: one that lets things count as seen and one that does not. Further ones are the same.
pub(crate) const QUEUE: usize = 2;

/// The host's end of one scope's orders.
#[derive(Debug)]
pub(crate) struct Orders {
    queue: mpsc::Sender<Order>,
    last_generation: u64,
    last_reason: Reason,
}

impl Orders {
    /// Makes both ends, with the order that the session begins with in between.
    pub(crate) fn open(token: Option<Bytes>) -> (Self, mpsc::Receiver<Order>) {
        let (queue, orders) = mpsc::channel(QUEUE);
        let mut opened = Self {
            queue,
            last_generation: 0,
            last_reason: Reason::First,
        };
        opened.push(Reason::First, token);
        (opened, orders)
    }

    /// Orders a listing and returns the generation that will answer. One that has not begun answers this order as
    /// well, unless only this one forbids `Seen`.
    pub(crate) fn order(&mut self, reason: Reason) -> u64 {
        let waits = self.queue.capacity() < QUEUE;
        let suffices = reason != Reason::ForgetKnown || self.last_reason == Reason::ForgetKnown;
        if !(waits && suffices) {
            self.push(reason, None);
        }
        self.last_generation
    }

    fn push(&mut self, reason: Reason, token: Option<Bytes>) {
        let generation = self.last_generation + 1;
        if self.queue.try_send(Order::new(generation, reason, token)).is_ok() {
            self.last_generation = generation;
            self.last_reason = reason;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_wait_are_shared_and_those_that_began_are_not() {
        let (mut orders, mut queue) = Orders::open(None);
        assert_eq!(orders.order(Reason::Requested), 1, "the first listing has not begun");
        assert_eq!(queue.try_recv().unwrap().generation(), 1);
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
        assert_eq!(queue.try_recv().unwrap().generation(), 2);
        let last = queue.try_recv().unwrap();
        assert_eq!((last.generation(), last.reason()), (3, Reason::ForgetKnown));
        assert!(queue.try_recv().is_err());
    }
}
