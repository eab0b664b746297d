//! The verbs that tell the host, or the store of one that has stopped, what a person wants, and what came of it.

use k1s_api::object::{CommandReport, ObjectRef, SyncOptions};
use k1s_sync_engine::id::SourceName;
use serde_json::{Value, json};

use crate::cli::{OneSource, Outcome};
use crate::client::{Client, ClientError, JSON};
use crate::console::line;
use crate::output::{count, visible};

/// Keys that an answer names; more are only counted.
const NAMED_KEYS: usize = 20;
/// What a source does that was not suspended and still waits for a person's word, or for time to pass.
const WAITING: [&str; 3] = ["Quarantined", "CircuitOpen", "Waiting"];
/// Where sources are.
pub(crate) const SOURCES: &str = "/apis/sync.k1s.io/v1alpha1/sources";

/// Switches a source off.
pub(crate) async fn suspend(arguments: OneSource) -> Result<Outcome, ClientError> {
    switch(arguments, true, "suspended").await
}

/// Switches a source on.
pub(crate) async fn resume(arguments: OneSource) -> Result<Outcome, ClientError> {
    switch(arguments, false, "resumed").await
}

async fn switch(arguments: OneSource, suspend: bool, word: &str) -> Result<Outcome, ClientError> {
    let OneSource { source, store } = arguments;
    let mut client = Client::open(&store).await?;
    let path = format!("{SOURCES}/{source}");
    let before = client.get(&path, JSON).await?;
    if before.pointer("/spec/suspend") == Some(&Value::Bool(suspend)) {
        let phase = before
            .pointer("/status/phase")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !suspend && WAITING.contains(&phase) {
            let options = SyncOptions::default();
            client.post(&format!("{path}/sync"), &json!(options)).await?;
            line(&format!("source {source}   {word}: it is tried again now"));
        } else {
            line(&format!("source {source}   {word} already, nothing changed"));
        }
    } else {
        client.patch(&path, &json!({"spec": {"suspend": suspend}})).await?;
        line(&format!("source {source}   {word}"));
    }
    client.close()?;
    Ok(Outcome::Done)
}

/// Makes a source begin anew.
pub(crate) async fn reset(arguments: OneSource) -> Result<Outcome, ClientError> {
    let OneSource { source, store } = arguments;
    let mut client = Client::open(&store).await?;
    let report = command(&mut client, &format!("{SOURCES}/{source}/reset")).await?;
    client.close()?;
    Ok(told(&report, Some(&source)))
}

/// Has a command done.
pub(crate) async fn command(client: &mut Client, path: &str) -> Result<CommandReport, ClientError> {
    let report = client.post(path, &json!({})).await?;
    Ok(serde_json::from_value(report)?)
}

/// Says what a command came to; what had to be left alone is still to be settled.
pub(crate) fn told(report: &CommandReport, of: Option<&SourceName>) -> Outcome {
    match report {
        CommandReport::Approval {
            prune,
            source,
            deleted,
            released,
            kept,
        } => {
            line(&format!("source {source}   {} deleted", count(*deleted)));
            if *released > 0 {
                let released = count(*released);
                line(&format!("  {released} needed no delete: gone already, or handed over"));
            }
            if *deleted > 0 {
                line(&format!(
                    "  within 24 hours: k1s-sync-host prunes undo {prune} brings them back"
                ));
            }
            named(
                "stays held; it is annotated to be kept, or holds objects that would stay",
                kept,
            );
            settled(kept.is_empty())
        }
        CommandReport::Undo {
            prune: _,
            source,
            restored,
            existing,
            lost,
        } => {
            line(&format!(
                "source {source}   {} restored; they belong to no source until one declares them again",
                count(*restored)
            ));
            named("exists again and was left alone", existing);
            named("is lost: its last state is not kept any more", lost);
            settled(existing.is_empty() && lost.is_empty())
        }
        CommandReport::Reset { scopes, objects } => {
            let source = of.map(ToString::to_string).unwrap_or_default();
            line(&format!(
                "source {source}   reset: positions of {} scopes and last states of {} objects forgotten; \
                 the next run lists everything anew",
                count(*scopes),
                count(*objects)
            ));
            Outcome::Done
        }
        CommandReport::Switch { .. } | CommandReport::RootAcceptance { .. } => Outcome::Done,
    }
}

fn settled(all: bool) -> Outcome {
    if all { Outcome::Done } else { Outcome::Partial }
}

fn named(what: &str, objects: &[ObjectRef]) {
    for object in objects.iter().take(NAMED_KEYS) {
        line(&format!("  {} {what}", visible(&shown(object))));
    }
    if let Some(more) = objects.len().checked_sub(NAMED_KEYS).filter(|more| *more > 0) {
        line(&format!("  and {more} more"));
    }
}

/// An object as users name it: `Deployment shop/cart`.
pub(crate) fn shown(object: &ObjectRef) -> String {
    let ObjectRef {
        kind, namespace, name, ..
    } = object;
    match namespace.as_str() {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}
