//! `prunes`: what is held, what can be undone, and a person's word on it.

use k1s_api::object::{HeldPrune, HeldPruneState, PrunedObjectList};
use k1s_object::Timestamp;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::command::PruneRef;
use serde_json::{Value, json};

use crate::cli::{Outcome, PrunesAction, PrunesArguments, ReportForm, ReportOutput};
use crate::client::{Client, ClientError, JSON};
use crate::console::line;
use crate::control::{command, shown, told};
use crate::output::{Lines, Palette, Table, count, since_text};

/// Where prunes are.
const PRUNES: &str = "/apis/sync.k1s.io/v1alpha1/heldprunes";

/// Does what is asked about prunes.
pub(crate) async fn prunes(arguments: PrunesArguments) -> Result<Outcome, ClientError> {
    let PrunesArguments { action, store } = arguments;
    let mut client = Client::open(&store).await?;
    let outcome = match action {
        PrunesAction::List { source, output } => {
            let mut all = everything(&mut client, PRUNES).await?;
            if let Some(source) = source {
                all.retain(|prune| prune.pointer("/spec/source").and_then(Value::as_str) == Some(source.as_str()));
            }
            list(all, output)?
        }
        PrunesAction::Show { prune, output } => {
            let all = everything(&mut client, PRUNES).await?;
            let objects = client.get(&format!("{PRUNES}/{prune}/objects"), JSON).await?;
            show(&all, &prune, objects, output)?
        }
        PrunesAction::Approve { prune } => {
            told(&command(&mut client, &format!("{PRUNES}/{prune}/approve")).await?, None)
        }
        PrunesAction::Undo { prune } => told(&command(&mut client, &format!("{PRUNES}/{prune}/undo")).await?, None),
    };
    client.close()?;
    Ok(outcome)
}

/// All objects of a list.
pub(crate) async fn everything(client: &mut Client, path: &str) -> Result<Vec<Value>, ClientError> {
    let mut all = Vec::new();
    let keep = |mut page: Value| {
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            all.extend(items);
        }
    };
    client.pages(path, &[], JSON, keep).await?;
    Ok(all)
}

/// Prints a document as asked for; false when a table is.
pub(crate) fn print_document(output: ReportOutput, document: impl FnOnce() -> Value) -> Result<bool, ClientError> {
    match output.form {
        ReportForm::Table => return Ok(false),
        ReportForm::Json => line(&format!("{:#}", document())),
        ReportForm::Yaml => line(k1s_yaml::to_string(&document())?.trim_end()),
    }
    Ok(true)
}

/// Several objects as one document, as kubectl prints them.
pub(crate) fn as_list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}})
}

fn list(all: Vec<Value>, output: ReportOutput) -> Result<Outcome, ClientError> {
    let mut prunes = all.iter().map(HeldPrune::read).collect::<Result<Vec<_>, _>>()?;
    if print_document(output, || as_list(all))? {
        return Ok(Outcome::Done);
    }
    if prunes.is_empty() {
        anstream::eprintln!("Nothing is held, and nothing can be undone.");
        return Ok(Outcome::Done);
    }
    // What waits comes first, then what happened last.
    prunes.sort_by(|one, other| {
        let rank = |prune: &HeldPrune| prune.status.state == HeldPruneState::Pruned;
        let by_age = || other.status.since.cmp(&one.status.since);
        rank(one).cmp(&rank(other)).then_with(by_age)
    });
    line(table(&prunes, SystemClock.now()).to_string().trim_end());
    Ok(Outcome::Done)
}

fn table(prunes: &[HeldPrune], now: Timestamp) -> Table {
    let mut table = Table::new(["ID", "SOURCE", "STATE", "OBJECTS", "AGE", "NOTE"]);
    for prune in prunes {
        let (state, note) = match prune.status.state {
            HeldPruneState::Held => ("Held", prune.status.message.clone().unwrap_or_default()),
            HeldPruneState::Pruned => ("Pruned", format!("k1s-sync-host prunes undo {}", prune.name)),
        };
        table.push([
            prune.name.clone(),
            prune.spec.source.clone(),
            state.to_owned(),
            count(prune.status.objects),
            since_text(&prune.status.since, now),
            note,
        ]);
    }
    table
}

fn show(all: &[Value], asked: &PruneRef, objects: Value, output: ReportOutput) -> Result<Outcome, ClientError> {
    let prefix = asked.to_string();
    let named = |prune: &&Value| {
        let name = prune.pointer("/metadata/name").and_then(Value::as_str);
        name.is_some_and(|name| name.starts_with(&prefix))
    };
    // The API has answered for it, so it is there and the only one.
    let document = all.iter().find(named).cloned().unwrap_or_default();
    let prune = HeldPrune::read(&document)?;
    let listed: PrunedObjectList = serde_json::from_value(objects.clone())?;
    let whole = || {
        let mut whole = document;
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("items".to_owned(), objects.get("items").cloned().unwrap_or_default());
        }
        whole
    };
    if print_document(output, whole)? {
        return Ok(Outcome::Done);
    }
    line(&headline(&prune, SystemClock.now()));
    let lines = Lines::new(Palette::for_stdout(), std::env::current_dir().unwrap_or_default());
    let mut table = Table::new(["OBJECT", "WAS IN"]);
    for pruned in &listed.items {
        let origin = pruned.origin.as_deref().map(|origin| lines.path(origin));
        table.push([shown(&pruned.object), origin.unwrap_or_default()]);
    }
    line(table.to_string().trim_end());
    line(&next_step(&prune));
    Ok(Outcome::Done)
}

fn headline(prune: &HeldPrune, now: Timestamp) -> String {
    let (name, source) = (&prune.name, &prune.spec.source);
    let (objects, ago) = (count(prune.status.objects), since_text(&prune.status.since, now));
    match prune.status.state {
        HeldPruneState::Held => format!(
            "prune {name} · source {source} · {objects} deletes held for {ago}: {}",
            prune.status.message.as_deref().unwrap_or_default()
        ),
        HeldPruneState::Pruned => format!("prune {name} · source {source} · {objects} deleted {ago} ago"),
    }
}

fn next_step(prune: &HeldPrune) -> String {
    let name = &prune.name;
    match prune.status.state {
        HeldPruneState::Held => {
            format!("delete them: k1s-sync-host prunes approve {name} · keep one: declare it again")
        }
        HeldPruneState::Pruned => format!("bring them back: k1s-sync-host prunes undo {name}"),
    }
}
