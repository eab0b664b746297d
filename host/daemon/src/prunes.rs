//! `prunes`: what is held, what can be undone, and a person's word on it.

use std::time::Duration;

use k1s_object::Timestamp;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::command::{Command, CommandOutcome};
use k1s_store::reader::{Prune, PruneState, PrunedObject};
use k1s_store::served::rfc3339;
use serde_json::{Value, json};

use crate::cli::{Outcome, PrunesAction, PrunesArguments, ReportForm, ReportOutput};
use crate::console::{line, why_held};
use crate::control::{ControlError, open, perform, report_approval, report_undo};
use crate::output::{Lines, Palette, Table, age, count, key};

/// Does what is asked about prunes.
pub(crate) async fn prunes(arguments: PrunesArguments) -> Result<Outcome, ControlError> {
    let PrunesArguments { action, store } = arguments;
    let store = open(&store)?;
    let command = match action {
        PrunesAction::List { source, output } => {
            let prunes = store.reader().prunes(source.as_ref())?;
            return list(&prunes, output);
        }
        PrunesAction::Show { prune, output } => {
            let prune = store.reader().prune(&prune)?;
            let objects = store.reader().pruned_objects(&prune)?;
            return show(&prune, &objects, output);
        }
        PrunesAction::Approve { prune } => Command::ApprovePrune { prune },
        PrunesAction::Undo { prune } => Command::UndoPrune { prune },
    };
    Ok(match perform(store, command).await? {
        CommandOutcome::Approved(approved) => report_approval(&approved),
        CommandOutcome::Undone(undone) => report_undo(&undone),
        CommandOutcome::Switched(_) | CommandOutcome::Reset { .. } | CommandOutcome::RootAccepted { .. } => {
            Outcome::Done
        }
    })
}

/// Prints a value as asked for; `None` when a table is.
pub(crate) fn print_document(
    output: ReportOutput,
    document: impl FnOnce() -> Value,
) -> Result<Option<()>, ControlError> {
    match output.form {
        ReportForm::Table => return Ok(None),
        ReportForm::Json => line(&format!("{:#}", document())),
        ReportForm::Yaml => line(k1s_yaml::to_string(&document())?.trim_end()),
    }
    Ok(Some(()))
}

fn list(prunes: &[Prune], output: ReportOutput) -> Result<Outcome, ControlError> {
    let documents = || Value::Array(prunes.iter().map(document).collect());
    if print_document(output, documents)?.is_none() {
        if prunes.is_empty() {
            anstream::eprintln!("Nothing is held, and nothing can be undone.");
        } else {
            line(table(prunes, SystemClock.now()).to_string().trim_end());
        }
    }
    Ok(Outcome::Done)
}

fn table(prunes: &[Prune], now: Timestamp) -> Table {
    let mut table = Table::new(["ID", "SOURCE", "STATE", "OBJECTS", "AGE", "NOTE"]);
    for prune in prunes {
        let (state, note) = match &prune.state {
            PruneState::Held { reason, .. } => ("Held", why_held(reason)),
            PruneState::Done { .. } => ("Pruned", format!("k1s-sync-host prunes undo {}", prune.id.0)),
        };
        table.push([
            prune.id.0.to_string(),
            prune.owner.source.to_string(),
            state.to_owned(),
            count(prune.objects),
            since(prune.state.since(), now),
            note,
        ]);
    }
    table
}

/// How long ago something was, as kubectl writes ages.
pub(crate) fn since(then: Timestamp, now: Timestamp) -> String {
    age(Duration::from_millis(now.as_millis().saturating_sub(then.as_millis())))
}

fn show(prune: &Prune, objects: &[PrunedObject], output: ReportOutput) -> Result<Outcome, ControlError> {
    let whole = || {
        let mut whole = document(prune);
        let listed = objects.iter().map(|object| {
            json!({
                "apiGroup": object.key.group_kind.group,
                "kind": object.key.group_kind.kind,
                "namespace": object.key.namespace,
                "name": object.key.name,
                "uid": object.uid.to_string(),
                "path": object.provenance.as_ref().map(|at| &at.path),
            })
        });
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("items".to_owned(), listed.collect());
        }
        whole
    };
    if print_document(output, whole)?.is_none() {
        line(&headline(prune, SystemClock.now()));
        let lines = Lines::new(Palette::for_stdout(), std::env::current_dir().unwrap_or_default());
        let mut table = Table::new(["OBJECT", "WAS IN"]);
        for object in objects {
            let place = object.provenance.as_ref().map(|at| lines.place(at));
            table.push([key(&object.key), place.unwrap_or_default()]);
        }
        line(table.to_string().trim_end());
        line(&next_step(prune));
    }
    Ok(Outcome::Done)
}

fn headline(prune: &Prune, now: Timestamp) -> String {
    let (objects, ago) = (count(prune.objects), since(prune.state.since(), now));
    let source = &prune.owner.source;
    match &prune.state {
        PruneState::Held { reason, .. } => format!(
            "prune {} · source {source} · {objects} deletes held for {ago}: {}",
            prune.id.0,
            why_held(reason)
        ),
        PruneState::Done { .. } => format!("prune {} · source {source} · {objects} deleted {ago} ago", prune.id.0),
    }
}

fn next_step(prune: &Prune) -> String {
    match &prune.state {
        PruneState::Held { .. } => format!(
            "delete them: k1s-sync-host prunes approve {0} · keep one: declare it again",
            prune.id.0
        ),
        PruneState::Done { .. } => format!("bring them back: k1s-sync-host prunes undo {}", prune.id.0),
    }
}

/// A prune as JSON.
pub(crate) fn document(prune: &Prune) -> Value {
    let (state, reason) = match &prune.state {
        PruneState::Held { reason, .. } => ("Held", Some(why_held(reason))),
        PruneState::Done { .. } => ("Pruned", None),
    };
    json!({
        "id": prune.id.0,
        "source": prune.owner.source.as_str(),
        "scope": prune.owner.scope.as_str(),
        "state": state,
        "reason": reason,
        "objects": prune.objects,
        "since": rfc3339(prune.state.since()),
    })
}
