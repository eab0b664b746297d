//! `sync`: has a source list now, and waits for it if asked to.

use std::time::Duration;

use k1s_api::object::{REQUESTED_AT, Source, SyncOptions};
use k1s_sync_engine::id::SourceName;
use serde_json::{Value, json};

use crate::cli::{Outcome, SyncArguments};
use crate::client::{ChangeKind, Client, ClientError, JSON, with_query};
use crate::console::line;
use crate::control::SOURCES;
use crate::output::{Lines, Palette};
use crate::status::{failures, is_settled, tally};

/// Has a source list now.
pub(crate) async fn sync(arguments: SyncArguments) -> Result<Outcome, ClientError> {
    let SyncArguments {
        source,
        store,
        wait,
        accept_root,
    } = arguments;
    let mut client = Client::open(&store).await?;
    let requested_at = format!("{:.6}", jiff::Timestamp::now());
    let options = SyncOptions {
        accept_root,
        requested_at: Some(requested_at.clone()),
        ..SyncOptions::default()
    };
    let path = format!("{SOURCES}/{source}");
    client.post(&format!("{path}/sync"), &json!(options)).await?;
    if !wait {
        line(&format!("source {source}   asked to list now"));
        client.close()?;
        return Ok(Outcome::Done);
    }
    let outcome = handled(&mut client, &source, &requested_at).await?;
    client.close()?;
    Ok(outcome)
}

/// Follows a source until it has handled a request, and says what came of it.
async fn handled(client: &mut Client, source: &SourceName, requested_at: &str) -> Result<Outcome, ClientError> {
    let fields = format!("metadata.name={source}");
    let path = with_query(SOURCES, &[("watch", "true"), ("fieldSelector", fields.as_str())]);
    let mut watch = client.watch(&path, JSON).await?;
    while let Some(event) = watch.next().await? {
        if event.kind == ChangeKind::Bookmark {
            continue;
        }
        let now = Source::read(&event.object)?;
        // The newest request that the host shows is this one, or came later and hides it.
        let handled = now.status.last_handled_requested_at.as_deref();
        let newest = event
            .object
            .pointer("/metadata/annotations")
            .and_then(|all| all.get(REQUESTED_AT));
        let is_newest = |handled: &str| newest.and_then(Value::as_str) == Some(handled);
        if handled.is_some_and(|handled| is_newest(handled) || is_later(handled, requested_at)) {
            return Ok(told(source, &now));
        }
    }
    Err(ClientError::Cut("the host ended it".to_owned()))
}

fn is_later(one: &str, other: &str) -> bool {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    time(one).zip(time(other)).is_some_and(|(one, other)| one > other)
}

fn told(name: &SourceName, source: &Source) -> Outcome {
    if let Some(pass) = &source.status.last_pass {
        let lines = Lines::new(Palette::for_stdout(), std::env::current_dir().unwrap_or_default());
        let took = Duration::try_from_secs_f64(pass.seconds).unwrap_or_default();
        line(&lines.summary(name, &tally(pass), took));
        failures(pass).iter().for_each(|text| line(text));
    }
    if is_settled(source) {
        Outcome::Done
    } else {
        Outcome::Partial
    }
}
