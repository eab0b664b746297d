//! What rings when it is worth looking.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::limits::PAUSE;

/// Rung by whoever hears a word, waited for by whoever looks.
#[derive(Debug)]
pub struct Bell {
    rung: Arc<Notify>,
    /// Before this it does not ring again.
    not_before: Instant,
}

/// The other end of a [`Bell`].
#[derive(Clone, Debug)]
pub(crate) struct Rope(Arc<Notify>);

impl Bell {
    pub(crate) fn hung() -> (Rope, Self) {
        let rung = Arc::new(Notify::new());
        let bell = Self {
            rung: Arc::clone(&rung),
            not_before: Instant::now(),
        };
        (Rope(rung), bell)
    }

    /// Waits for a ring, that of the past included if nobody has waited since, and for the pause after the last. Can be dropped
    /// at any time without a ring being lost.
    pub async fn rung(&mut self) {
        sleep_until(self.not_before).await;
        self.rung.notified().await;
        self.not_before = Instant::now() + PAUSE;
    }
}

impl Rope {
    pub(crate) fn pull(&self) {
        self.0.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rings_that_nobody_waited_for_are_one_and_there_is_a_pause_between_two() {
        let (rope, mut bell) = Bell::hung();
        assert!(
            timeout(Duration::from_secs(3_600), bell.rung()).await.is_err(),
            "it rang by itself"
        );
        for _ in 0..5 {
            rope.pull();
        }
        let began = Instant::now();
        bell.rung().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(
            timeout(Duration::from_secs(3_600), bell.rung()).await.is_err(),
            "the five were not one"
        );

        rope.pull();
        bell.rung().await;
        rope.pull();
        let rung = Instant::now();
        bell.rung().await;
        assert_eq!(rung.elapsed(), PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_no_ring() {
        let (rope, mut bell) = Bell::hung();
        rope.pull();
        bell.rung().await;
        rope.pull();
        assert!(timeout(PAUSE / 2, bell.rung()).await.is_err(), "it did not pause");
        bell.rung().await;
    }
}
