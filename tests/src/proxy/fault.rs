//! How a proxy fails, and when.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{Asked, Kind};

/// How a request fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It is answered by the proxy, and the cluster never sees it.
    Refused(Refusal),
    /// It is never answered, and its connection stays open.
    Ignored,
    /// Its connection breaks before anything is answered.
    Broken,
    /// A part of the answer is passed on, then the connection breaks.
    Torn(Part),
    /// A part of the answer is passed on, then it ends as if that were all.
    Ended(Part),
    /// A part of the answer is passed on, then a line that is not the cluster's, and it ends.
    Said(Part, String),
    /// The answer comes in pieces of so many bytes, with a rest before each.
    Slow(usize, Duration),
    /// The answer's date is of another time.
    Dated(Skew),
}

/// How much of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many bytes.
    Bytes(usize),
    /// So many lines; a watch has one for each event.
    Lines(usize),
    /// So many lines, and half of the next one.
    Halved(usize),
}

/// By how much a clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// It is late already.
    Ahead(Duration),
    /// It is still early.
    Behind(Duration),
}

/// An answer that a request is refused with, as Kubernetes words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(super) status: u16,
    reason: &'static str,
    message: &'static str,
    pub(super) retry_after: Option<Duration>,
}

/// Which requests fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    kind: Kind,
    resource: Option<String>,
    skipped: usize,
    times: usize,
    fault: Fault,
    seen: usize,
}

impl Fault {
    /// A part of a watch is passed on, then the cluster says that it has forgotten what happened then.
    #[must_use]
    pub fn expired(after: Part) -> Self {
        let event = json!({"type": "ERROR", "object": Refusal::gone().document()});
        Self::Said(after, event.to_string())
    }
}

impl Skew {
    pub(super) fn now(self) -> SystemTime {
        match self {
            Self::Ahead(time) => SystemTime::now() + time,
            Self::Behind(time) => SystemTime::now() - time,
        }
    }
}

impl Refusal {
    const fn new(status: u16, reason: &'static str, message: &'static str) -> Self {
        Self {
            status,
            reason,
            message,
            retry_after: None,
        }
    }

    /// The cluster has forgotten what happened then.
    #[must_use]
    pub const fn gone() -> Self {
        Self::new(410, "Expired", "too old resource version: 1 (2)")
    }

    /// Whoever asks is not known, or not any more.
    #[must_use]
    pub const fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// Too much is asked.
    #[must_use]
    pub const fn throttled() -> Self {
        Self::new(429, "TooManyRequests", "the server has received too many requests")
    }

    /// The cluster is not there for a while.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self::new(
            503,
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        )
    }

    /// With the time after which to ask again, in whole seconds.
    #[must_use]
    pub const fn after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    pub(super) fn document(&self) -> serde_json::Value {
        json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "code": self.status, "reason": self.reason, "message": self.message,
        })
    }
}

impl Rule {
    /// Every request of a kind fails.
    #[must_use]
    pub const fn every(kind: Kind, fault: Fault) -> Self {
        Self {
            kind,
            resource: None,
            skipped: 0,
            times: usize::MAX,
            fault,
            seen: 0,
        }
    }

    /// The first request of a kind fails, from when the rule is given.
    #[must_use]
    pub const fn next(kind: Kind, fault: Fault) -> Self {
        Self::every(kind, fault).times(1)
    }

    /// Only so many fail.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// The first so many do not fail.
    #[must_use]
    pub const fn but_for(mut self, skipped: usize) -> Self {
        self.skipped = skipped;
        self
    }

    /// Only those for a resource count, as [`Asked::resource`] names it.
    #[must_use]
    pub fn of(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// How a request fails by this rule, which counts it.
    pub(super) fn judge(&mut self, asked: &Asked) -> Option<Fault> {
        let is_other = |resource: &String| *resource != asked.resource;
        if self.kind != asked.kind || self.resource.as_ref().is_some_and(is_other) {
            return None;
        }
        let number = self.seen;
        self.seen += 1;
        let is_due = number >= self.skipped && number - self.skipped < self.times;
        is_due.then(|| self.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn a_rule_counts_what_it_is_for() {
        let mut rule = Rule::every(Kind::List, Fault::Broken).of("pods").but_for(1).times(2);
        let targets = ["pods", "secrets", "pods", "pods?watch=true", "pods", "pods"];
        let verdicts: Vec<bool> = (targets.iter())
            .map(|target| {
                let uri = format!("/api/v1/{target}").parse().unwrap();
                rule.judge(&Asked::of(&Method::GET, &uri)).is_some()
            })
            .collect();
        assert_eq!(verdicts, [false, false, true, false, true, false]);
    }
}
