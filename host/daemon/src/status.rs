//! `sources` and `status`: how each source fares, as far as the data file of a host that has stopped tells.

use k1s_object::Timestamp;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::reader::SourceFacts;
use k1s_store::served::rfc3339;
use k1s_store::status::{FailureRow, PassRow};
use k1s_sync_engine::event::{SyncEvent, Verdict};
use k1s_sync_engine::problem::Problem;
use serde_json::{Value, json};

use crate::cli::{Outcome, SourcesArguments, StatusArguments};
use crate::condition::{Condition, Truth, conditions, is_settled};
use crate::console::line;
use crate::control::{ControlError, open};
use crate::output::{Lines, Palette, Table, count, counts, elapsed};
use crate::prunes::{document, print_document, since};

/// Prints which sources the store knows, and what runs for them.
pub(crate) fn sources(arguments: &SourcesArguments) -> Result<Outcome, ControlError> {
    let store = open(&arguments.store)?;
    let mut facts = Vec::new();
    for name in store.reader().sources()? {
        facts.push(store.reader().source_facts(&name)?);
    }
    if print_document(arguments.output, || facts.iter().map(report).collect())?.is_some() {
        return Ok(Outcome::Done);
    }
    if facts.is_empty() {
        anstream::eprintln!("No source has run into this store yet.");
        return Ok(Outcome::Done);
    }
    let now = SystemClock.now();
    let mut table = Table::new([
        "SOURCE",
        "TYPE",
        "PLUGIN",
        "VERSION",
        "OBJECTS",
        "LAST LAUNCH",
        "SUSPENDED",
    ]);
    for of_source in &facts {
        let plugin = of_source.status.plugin.as_ref();
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        table.push([
            of_source.name.to_string(),
            text(plugin.map(|plugin| &*plugin.source_type)),
            text(plugin.map(|plugin| &*plugin.path)),
            text(plugin.map(|plugin| &*plugin.version)),
            count(of_source.objects),
            ago(Some(of_source.row.launched), now),
            of_source.row.suspended.as_ref().map_or_else(
                || "no".to_owned(),
                |by| format!("{} ago by {}", since(by.since, now), by.user),
            ),
        ]);
    }
    line(table.to_string().trim_end());
    Ok(Outcome::Done)
}

/// Prints how sources fare; partial when one needs a person or does not work.
pub(crate) fn status(arguments: &StatusArguments) -> Result<Outcome, ControlError> {
    let store = open(&arguments.store)?;
    let names = match &arguments.source {
        Some(name) => vec![name.clone()],
        None => store.reader().sources()?,
    };
    let mut facts = Vec::new();
    for name in names {
        facts.push(store.reader().source_facts(&name)?);
    }
    let documents = || match (&arguments.source, facts.as_slice()) {
        (Some(_), [only]) => report(only),
        (_, all) => all.iter().map(report).collect(),
    };
    if print_document(arguments.output, documents)?.is_none() {
        let now = SystemClock.now();
        match (&arguments.source, facts.as_slice()) {
            (_, []) => anstream::eprintln!("No source has run into this store yet."),
            (Some(_), [only]) => page(only, now).iter().for_each(|text| line(text)),
            (_, all) => line(overview(all, now).to_string().trim_end()),
        }
    }
    let settled = facts.iter().all(is_settled);
    Ok(if settled { Outcome::Done } else { Outcome::Partial })
}

fn overview(facts: &[SourceFacts], now: Timestamp) -> Table {
    let mut table = Table::new(["SOURCE", "READY", "OBJECTS", "PENDING", "FAILED", "LAST CHANGE", "NOTE"]);
    for of_source in facts {
        let conditions = conditions(of_source);
        table.push([
            of_source.name.to_string(),
            ready(&conditions).to_owned(),
            count(of_source.objects),
            count(of_source.pending),
            count(failed(of_source)),
            ago(of_source.row.changed, now),
            note(of_source, &conditions, now),
        ]);
    }
    table
}

/// What a person should know first; an empty cell would read as an answer.
fn note(of_source: &SourceFacts, conditions: &[Condition], now: Timestamp) -> String {
    let name = &of_source.name;
    if let Some(first) = conditions.iter().find(|condition| condition.needs_someone()) {
        return told(first, now);
    }
    match failed(of_source) {
        0 => "-".to_owned(),
        failed => format!("{} failed: k1s-sync-host status {name}", count(failed)),
    }
}

fn told(condition: &Condition, now: Timestamp) -> String {
    let since = condition
        .since
        .map_or_else(String::new, |then| format!(" for {}", since(then, now)));
    format!("{}{since}: {}", condition.kind, condition.message)
}

fn failed(of_source: &SourceFacts) -> u64 {
    of_source.status.pass.as_ref().map_or(0, |pass| pass.tally.failed)
}

fn ready(conditions: &[Condition]) -> &'static str {
    conditions
        .iter()
        .find(|condition| condition.kind == "Ready")
        .map_or("Unknown", |condition| condition.truth.as_str())
}

fn ago(then: Option<Timestamp>, now: Timestamp) -> String {
    then.filter(|then| then.as_millis() > 0)
        .map_or_else(|| "never".to_owned(), |then| format!("{} ago", since(then, now)))
}

/// Everything that is known of one source.
fn page(of_source: &SourceFacts, now: Timestamp) -> Vec<String> {
    let conditions = conditions(of_source);
    let mut page = vec![format!("source {}", of_source.name)];
    let mut fact = |name: &str, value: String| page.push(format!("  {name:<12}  {value}"));
    fact("ready", ready(&conditions).to_owned());
    if let Some(plugin) = &of_source.status.plugin {
        fact(
            "plugin",
            format!("{} ({} {})", plugin.path, plugin.source_type, plugin.version),
        );
    }
    for root in of_source.roots.values() {
        fact("root", crate::output::visible(root).into_owned());
    }
    fact(
        "objects",
        format!("{}, {} pending", count(of_source.objects), count(of_source.pending)),
    );
    fact("last launch", ago(Some(of_source.row.launched), now));
    fact("last change", ago(of_source.row.changed, now));
    if let Some(pass) = &of_source.status.pass {
        fact("last pass", pass_line(pass, now));
    }
    for condition in conditions.iter().filter(|condition| condition.kind != "Ready") {
        page.push(format!("  {}", told(condition, now)));
    }
    page.extend(failures(of_source));
    page
}

/// The pass that said something new: those after it ended the same way and changed nothing.
fn pass_line(pass: &PassRow, now: Timestamp) -> String {
    format!(
        "{} in {}, {} ago; nothing new since",
        counts(&pass.tally),
        elapsed(pass.took),
        since(pass.ended, now)
    )
}

fn failures(of_source: &SourceFacts) -> Vec<String> {
    let Some(pass) = &of_source.status.pass else {
        return Vec::new();
    };
    let events: Vec<SyncEvent> = pass.failures.iter().map(event).collect();
    let lines = Lines::new(Palette::for_stdout(), std::env::current_dir().unwrap_or_default());
    let mut told = lines.failures(&events);
    let all = pass.tally.failed + pass.tally.pending;
    let shown = u64::try_from(told.len()).unwrap_or(u64::MAX);
    if all > shown {
        told.push(format!("  and {} more", count(all - shown)));
    }
    told
}

fn event(failure: &FailureRow) -> SyncEvent {
    SyncEvent {
        key: failure.key.clone(),
        verdict: Verdict::Error(Problem::with_object(failure.code, failure.message.clone())),
        provenance: failure.provenance.clone(),
    }
}

fn report(of_source: &SourceFacts) -> Value {
    let SourceFacts {
        name,
        row,
        status,
        objects,
        pending,
        held,
        roots,
    } = of_source;
    let conditions: Vec<Value> = conditions(of_source).iter().map(condition_document).collect();
    json!({
        "name": name.as_str(),
        "plugin": status.plugin.as_ref().map(|plugin| json!({
            "path": plugin.path, "type": plugin.source_type, "version": plugin.version,
        })),
        "roots": roots.values().collect::<Vec<_>>(),
        "objects": objects,
        "pending": pending,
        "failed": failed(of_source),
        "suspended": row.suspended.as_ref().map(|by| json!({"since": rfc3339(by.since), "by": by.user})),
        "lastLaunch": (row.launched.as_millis() > 0).then(|| rfc3339(row.launched)),
        "lastChange": row.changed.map(rfc3339),
        "lastPass": status.pass.as_ref().map(pass_document),
        "held": held.iter().map(document).collect::<Vec<_>>(),
        "conditions": conditions,
    })
}

fn pass_document(pass: &PassRow) -> Value {
    let failures: Vec<Value> = pass
        .failures
        .iter()
        .map(|failure| {
            json!({
                "code": failure.code.as_str(),
                "message": failure.message,
                "path": failure.provenance.path,
                "line": failure.provenance.line,
                "column": failure.provenance.column,
            })
        })
        .collect();
    json!({
        "counts": pass.tally,
        "seconds": pass.took.as_secs_f64(),
        "ended": rfc3339(pass.ended),
        "failures": failures,
        "incomplete": pass.incomplete.as_ref().map(|problem| problem.message.clone()),
    })
}

fn condition_document(condition: &Condition) -> Value {
    let Condition {
        kind,
        truth,
        reason,
        message,
        since,
    } = condition;
    let truth: &Truth = truth;
    json!({
        "type": kind,
        "status": truth.as_str(),
        "reason": reason,
        "message": message,
        "since": since.map(rfc3339),
    })
}
