//! `kubectl get --watch`, and what it has shown so far.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::eventually;
use crate::program::{Finished, Running};

/// One event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub kind: String,
    /// The object: after the change, or as it last was.
    pub object: Value,
}

impl Event {
    /// Namespace and name of the object; the namespace is empty for a cluster-scoped one.
    #[must_use]
    pub fn name(&self) -> (&str, &str) {
        let text = |pointer: &str| self.object.pointer(pointer).and_then(Value::as_str);
        let namespace = text("/metadata/namespace").unwrap_or_default();
        (namespace, text("/metadata/name").unwrap_or_default())
    }
}

/// A watch that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    running: Running,
}

impl Watch {
    pub(super) fn new(running: Running) -> Self {
        Self { running }
    }

    /// What was shown so far.
    ///
    /// # Errors
    /// When that is not a sequence of events.
    pub fn events(&self) -> anyhow::Result<Vec<Event>> {
        let (stdout, stderr) = self.running.printed()?;
        events(&stdout).with_context(|| format!("--- stderr\n{stderr}"))
    }

    /// Waits until `condition` yields a value of what was shown.
    ///
    /// # Errors
    /// When it does not by `deadline`; the error shows all events.
    pub fn until<T>(
        &self,
        deadline: Duration,
        what: &str,
        mut condition: impl FnMut(&[Event]) -> Option<T>,
    ) -> anyhow::Result<T> {
        let outcome = eventually(deadline, what, || Ok(condition(&self.events()?)));
        outcome.with_context(|| {
            let (stdout, stderr) = self.running.printed().unwrap_or_default();
            format!("a watch that showed\n{stdout}--- stderr\n{stderr}")
        })
    }

    /// Waits for the end of the watch, which the server makes, and returns everything that was shown.
    ///
    /// # Errors
    /// When it has not ended by `deadline`, or does not end well.
    pub fn finish(self, deadline: Duration) -> anyhow::Result<Vec<Event>> {
        let Finished { stdout, stderr, .. } = self.running.wait(deadline)?.expect_code(0)?;
        ensure!(stderr.is_empty(), "{stderr}");
        events(&stdout)
    }
}

/// Reads events from output whose last one may not be written to its end yet.
fn events(output: &str) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    for read in serde_json::Deserializer::from_str(output).into_iter::<Value>() {
        let mut value = match read {
            Ok(value) => value,
            Err(error) if error.is_eof() => break,
            Err(error) => return Err(error).context("a watch shows what is no JSON"),
        };
        let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
        let object = value.get_mut("object").map(Value::take);
        events.push(Event {
            kind: kind.with_context(|| format!("an event without type: {value}"))?,
            object: object.context("an event without object")?,
        });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_to_its_end_is_left_out() {
        let whole = "{\"type\": \"ADDED\", \"object\": {\"metadata\": {\"name\": \"a\", \"namespace\": \"n\"}}}\n";
        for end in 0..whole.len() {
            let read = events(&format!("{whole}{}", &whole[..end])).unwrap();
            let complete = if end + 1 == whole.len() { 2 } else { 1 };
            assert_eq!(read.len(), complete, "{end}");
            assert_eq!((read[0].kind.as_str(), read[0].name()), ("ADDED", ("n", "a")));
        }
        assert!(events("{}").is_err() && events("ADDED a").is_err());
    }
}
