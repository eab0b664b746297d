//! What is said in the log of requests that were refused: anybody can send as many as they like.

use tokio::time::Instant;

use crate::hook::Refusal;
use crate::limits::COMPLAINTS;

/// How many requests were refused of which nothing was said.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    last: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    /// Notes that a request was refused, and says so if nothing was said for a while.
    pub(crate) fn hear(&mut self, refusal: Refusal, now: Instant) {
        match self.unsaid_until(now) {
            None => tracing::debug!("a webhook was refused: {refusal}"),
            Some(0) => tracing::warn!("a webhook was refused: {refusal}"),
            Some(unsaid) => tracing::warn!("a webhook was refused, and {unsaid} since the last word on it: {refusal}"),
        }
    }

    /// Returns how many there were before this one of which nothing was said, if it is time to say something.
    fn unsaid_until(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now < last + COMPLAINTS) {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn refusals_are_said_once_in_a_while_and_counted_between() {
        let (mut complaints, began) = (Complaints::default(), Instant::now());
        let second = Duration::from_secs(1);
        let mut at = |seconds: u32| complaints.unsaid_until(began + second * seconds);
        assert_eq!([at(0), at(1), at(2), at(59)], [Some(0), None, None, None]);
        assert_eq!([at(60), at(61), at(200), at(300)], [Some(3), None, Some(1), Some(0)]);
    }
}
