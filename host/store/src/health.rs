//! Whether anything can be stored: what the writer found out last, for everyone who would otherwise try in vain.

use std::sync::Arc;

use k1s_object::Timestamp;

use crate::engine::EngineError;

/// Whether anything can be stored.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// How often, since the store was opened, something could not be stored. Each time ended every session.
    pub outages: u64,
    /// What is wrong, until a probe was stored ([`Writer::probe`](crate::Writer::probe)).
    pub outage: Option<Outage>,
}

/// Why nothing can be stored.
#[derive(Clone, Debug)]
pub struct Outage {
    /// When that was found.
    pub since: Timestamp,
    /// The failure that was found first: those that follow from it say less.
    pub reason: Arc<EngineError>,
}

impl Outage {
    /// Whether the file is damaged. Nothing is stored any more until a person has seen to it; everything else may pass.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        !self.reason.may_pass()
    }
}

impl Health {
    /// Notes that something could not be stored.
    pub(crate) fn lose(&mut self, reason: &Arc<EngineError>, now: Timestamp) {
        self.outages += 1;
        let is_news = match &self.outage {
            None => true,
            Some(outage) => !reason.may_pass() && !outage.is_damage(),
        };
        if is_news {
            self.outage = Some(Outage {
                since: self.outage.as_ref().map_or(now, |outage| outage.since),
                reason: Arc::clone(reason),
            });
        }
    }
}
