//! `sources` and `status`: how each source fares, as its `Source` object tells.

use std::time::Duration;

use k1s_api::object::{Condition, ConditionStatus, Failure, Pass, Source, Tallied};
use k1s_object::Timestamp;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_sync_engine::event::Tally;
use serde_json::Value;

use crate::cli::{Outcome, SourcesArguments, StatusArguments};
use crate::client::{Client, ClientError};
use crate::console::line;
use crate::control::SOURCES;
use crate::output::{Lines, Palette, Table, count, counts, elapsed, since_text, visible};
use crate::prunes::{as_list, everything, print_document};

/// Prints which sources there are, and what runs for them.
pub(crate) async fn sources(arguments: SourcesArguments) -> Result<Outcome, ClientError> {
    let mut client = Client::open(&arguments.store).await?;
    let all = everything(&mut client, SOURCES).await?;
    client.close()?;
    let sources = all.iter().map(Source::read).collect::<Result<Vec<_>, _>>()?;
    if print_document(arguments.output, || as_list(all))? {
        return Ok(Outcome::Done);
    }
    if sources.is_empty() {
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
    for Source { name, status, .. } in &sources {
        let plugin = status.plugin.clone().unwrap_or_default();
        let suspended = status.suspended_since.as_deref().map(|since| {
            let by = status.suspended_by.as_deref().unwrap_or_default();
            format!("{} ago by {by}", since_text(since, now))
        });
        table.push([
            name.clone(),
            plugin.source_type,
            plugin.path,
            plugin.version,
            count(status.objects),
            ago(status.last_launch.as_deref(), now),
            suspended.unwrap_or_else(|| "no".to_owned()),
        ]);
    }
    line(table.to_string().trim_end());
    Ok(Outcome::Done)
}

/// Prints how sources fare; partial when one needs a person or does not work.
pub(crate) async fn status(arguments: StatusArguments) -> Result<Outcome, ClientError> {
    let mut client = Client::open(&arguments.store).await?;
    let mut all = everything(&mut client, SOURCES).await?;
    client.close()?;
    if let Some(asked) = &arguments.source {
        let known: Vec<String> = all.iter().map(name_of).collect();
        all.retain(|source| name_of(source) == asked.as_str());
        if all.is_empty() {
            let source = asked.clone();
            return Err(ClientError::NoSource {
                source_name: source,
                known,
            });
        }
    }
    let sources = all.iter().map(Source::read).collect::<Result<Vec<_>, _>>()?;
    let document = || match (&arguments.source, all.as_slice()) {
        (Some(_), [only]) => only.clone(),
        (_, _) => as_list(all),
    };
    if !print_document(arguments.output, document)? {
        let now = SystemClock.now();
        match (&arguments.source, sources.as_slice()) {
            (_, []) => anstream::eprintln!("No source has run into this store yet."),
            (Some(_), [only]) => page(only, now).iter().for_each(|text| line(text)),
            (_, all) => line(overview(all, now).to_string().trim_end()),
        }
    }
    let settled = sources.iter().all(is_settled);
    Ok(if settled { Outcome::Done } else { Outcome::Partial })
}

fn name_of(object: &Value) -> String {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// Whether nothing failed, nothing waits, and it works.
pub(crate) fn is_settled(source: &Source) -> bool {
    source.status.failed == 0 && !source.status.conditions.iter().any(Condition::needs_someone)
}

fn overview(sources: &[Source], now: Timestamp) -> Table {
    let mut table = Table::new(["SOURCE", "READY", "OBJECTS", "PENDING", "FAILED", "LAST CHANGE", "NOTE"]);
    for source in sources {
        let Source { name, status, .. } = source;
        table.push([
            name.clone(),
            ready(source).to_owned(),
            count(status.objects),
            count(status.pending),
            count(status.failed),
            ago(status.last_change.as_deref(), now),
            note(source, now),
        ]);
    }
    table
}

/// What a person should know first; an empty cell would read as an answer.
fn note(source: &Source, now: Timestamp) -> String {
    let Source { name, status, .. } = source;
    if let Some(first) = status.conditions.iter().find(|condition| condition.needs_someone()) {
        return told(first, now);
    }
    match status.failed {
        0 => "-".to_owned(),
        failed => format!("{} failed: k1s-sync-host status {name}", count(failed)),
    }
}

fn told(condition: &Condition, now: Timestamp) -> String {
    let since = condition.last_transition_time.as_deref();
    let since = since.map_or_else(String::new, |then| format!(" for {}", since_text(then, now)));
    format!("{}{since}: {}", condition.kind, condition.message)
}

fn ready(source: &Source) -> &'static str {
    let ready = source
        .status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready");
    ready.map_or(ConditionStatus::Unknown, |ready| ready.status).as_str()
}

fn ago(then: Option<&str>, now: Timestamp) -> String {
    then.map_or_else(|| "never".to_owned(), |then| format!("{} ago", since_text(then, now)))
}

/// Everything that is known of one source.
fn page(source: &Source, now: Timestamp) -> Vec<String> {
    let Source { name, status, .. } = source;
    let mut page = vec![format!("source {name}")];
    let mut fact = |name: &str, value: String| page.push(format!("  {name:<12}  {value}"));
    fact("ready", ready(source).to_owned());
    if let Some(phase) = &status.phase {
        fact("phase", phase.clone());
    }
    if let Some(plugin) = &status.plugin {
        fact(
            "plugin",
            format!("{} ({} {})", plugin.path, plugin.source_type, plugin.version),
        );
    }
    for root in &status.roots {
        fact("root", visible(root).into_owned());
    }
    fact(
        "objects",
        format!("{}, {} pending", count(status.objects), count(status.pending)),
    );
    fact("last launch", ago(status.last_launch.as_deref(), now));
    fact("last change", ago(status.last_change.as_deref(), now));
    if let Some(pass) = &status.last_pass {
        fact("last pass", pass_line(pass, status.phase.as_deref(), now));
    }
    for condition in status.conditions.iter().filter(|condition| condition.kind != "Ready") {
        page.push(format!("  {}", told(condition, now)));
    }
    page.extend(status.last_pass.as_ref().map(failures).unwrap_or_default());
    page
}

/// The last pass; of a host that has stopped, the one that said something new: those after it ended the same way.
fn pass_line(pass: &Pass, running: Option<&str>, now: Timestamp) -> String {
    let took = Duration::try_from_secs_f64(pass.seconds).unwrap_or_default();
    let since = if running.is_some() { "" } else { "; nothing new since" };
    format!(
        "{} in {}, {}{since}",
        counts(&tally(pass)),
        elapsed(took),
        ago(pass.ended.as_deref(), now)
    )
}

/// One line for everything of a pass that failed or waits, as far as it is told.
pub(crate) fn failures(pass: &Pass) -> Vec<String> {
    let lines = Lines::new(Palette::for_stdout(), std::env::current_dir().unwrap_or_default());
    let place = |failure: &Failure| {
        let mut place = lines.path(&failure.path);
        for number in [failure.line, failure.column]
            .into_iter()
            .take_while(|number| *number > 0)
        {
            place.push_str(&format!(":{number}"));
        }
        place
    };
    let width = pass.failures.iter().map(|failure| place(failure).chars().count()).max();
    let width = width.unwrap_or_default();
    let codes = pass
        .failures
        .iter()
        .map(|failure| failure.code.len())
        .max()
        .unwrap_or_default();
    let line = |failure: &Failure| {
        let subject = failure
            .object
            .as_deref()
            .filter(|object| !failure.message.contains(object));
        let subject = subject.map_or_else(String::new, |object| format!("{object}: "));
        let (place, code) = (place(failure), &failure.code);
        visible(&format!(
            "  {place:<width$}   {code:<codes$}  {subject}{}",
            failure.message
        ))
        .into_owned()
    };
    let mut told: Vec<String> = pass.failures.iter().map(line).collect();
    let all = pass.tally.failed + pass.tally.pending;
    let shown = u64::try_from(told.len()).unwrap_or(u64::MAX);
    if all > shown {
        told.push(format!("  and {} more", count(all - shown)));
    }
    told
}

/// The verdicts of a pass, counted.
pub(crate) fn tally(pass: &Pass) -> Tally {
    let Tallied {
        created,
        updated,
        unchanged,
        deleted,
        failed,
        pending,
        ignored,
    } = pass.tally;
    Tally {
        created,
        updated,
        unchanged,
        deleted,
        failed,
        pending,
        ignored,
    }
}
