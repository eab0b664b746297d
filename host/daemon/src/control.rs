//! The verbs that tell the store what a person wants, on the data file of a host that has stopped.
//!
//! Each hands one typed command to the store's writer, the same that an API would hand over, and says what came of it.

use k1s_object::Key;
use k1s_store::command::{Approved, Command, CommandOutcome, Switched, Undone};
use k1s_store::{Store, StoreError};
use k1s_sync_engine::id::SourceName;
use thiserror::Error;

use crate::cli::{OneSource, Outcome, StoreDirectory, StoreFlags};
use crate::console::line;
use crate::data_directory::{OpenError, Place};
use crate::output::{count, key, visible};
use crate::run::directories;

/// Keys that an answer names; more are only counted.
const NAMED_KEYS: usize = 20;

/// Why a verb about sources or prunes failed.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Yaml(#[from] k1s_yaml::EmitError),
}

/// Opens the store of a host that has stopped.
pub(crate) fn open(directory: &StoreDirectory) -> Result<Store, OpenError> {
    let flags = StoreFlags {
        data_dir: directory.data_dir.clone(),
        ephemeral: false,
    };
    Place::choose(&flags, &directories())?.open_existing()
}

/// Switches a source off.
pub(crate) async fn suspend(arguments: OneSource) -> Result<Outcome, ControlError> {
    let OneSource { source, store } = arguments;
    let command = Command::Suspend { source: source.clone() };
    tell(&store, command, &source).await
}

/// Switches a source on.
pub(crate) async fn resume(arguments: OneSource) -> Result<Outcome, ControlError> {
    let OneSource { source, store } = arguments;
    let command = Command::Resume { source: source.clone() };
    tell(&store, command, &source).await
}

/// Makes a source begin anew.
pub(crate) async fn reset(arguments: OneSource) -> Result<Outcome, ControlError> {
    let OneSource { source, store } = arguments;
    let command = Command::Reset { source: source.clone() };
    tell(&store, command, &source).await
}

async fn tell(directory: &StoreDirectory, command: Command, source: &SourceName) -> Result<Outcome, ControlError> {
    let store = open(directory)?;
    let word = match &command {
        Command::Suspend { .. } => "suspended",
        Command::Resume { .. } => "resumed",
        Command::Reset { .. } => "reset",
        Command::AcceptRoot { .. } => "root accepted",
        Command::ApprovePrune { .. } | Command::UndoPrune { .. } => "done",
    };
    let outcome = perform(store, command).await?;
    Ok(report(&outcome, source, word))
}

/// Has the writer do a command, and closes the store.
pub(crate) async fn perform(store: Store, command: Command) -> Result<CommandOutcome, ControlError> {
    let outcome = store.writer().command(command, user()).await;
    store.close()?;
    Ok(outcome?)
}

/// Whom a command is recorded under.
fn user() -> Box<str> {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
        .into()
}

fn report(outcome: &CommandOutcome, source: &SourceName, word: &str) -> Outcome {
    match outcome {
        CommandOutcome::Switched(Switched::Now) => {
            line(&format!("source {source}   {word}"));
            Outcome::Done
        }
        CommandOutcome::Switched(Switched::Before) => {
            line(&format!("source {source}   {word} already, nothing changed"));
            Outcome::Done
        }
        CommandOutcome::Reset { scopes, objects } => {
            line(&format!(
                "source {source}   reset: positions of {} scopes and last states of {} objects forgotten; \
                 the next run lists everything anew",
                count(*scopes),
                count(*objects)
            ));
            Outcome::Done
        }
        CommandOutcome::RootAccepted { scopes } => {
            line(&format!(
                "source {source}   root accepted: the next complete listing says which place {} scopes are",
                count(*scopes)
            ));
            Outcome::Done
        }
        CommandOutcome::Approved(approved) => report_approval(approved),
        CommandOutcome::Undone(undone) => report_undo(undone),
    }
}

/// Says what an approval came to; objects that stay held are still to be settled.
pub(crate) fn report_approval(approved: &Approved) -> Outcome {
    let Approved {
        id,
        source,
        deleted,
        released,
        kept,
    } = approved;
    line(&format!("source {source}   {} deleted", count(*deleted)));
    if *released > 0 {
        line(&format!(
            "  {} needed no delete: gone already, or handed over",
            count(*released)
        ));
    }
    if *deleted > 0 {
        line(&format!(
            "  within 24 hours: k1s-sync-host prunes undo {} brings them back",
            id.0
        ));
    }
    keys(
        "stays held; it is annotated to be kept, or holds objects that would stay",
        kept,
    );
    settled(kept.is_empty())
}

/// Says what an undo came to.
pub(crate) fn report_undo(undone: &Undone) -> Outcome {
    let Undone {
        id: _,
        source,
        restored,
        existing,
        lost,
    } = undone;
    line(&format!(
        "source {source}   {} restored; they belong to no source until one declares them again",
        count(*restored)
    ));
    keys("exists again and was left alone", existing);
    keys("is lost: its last state is not kept any more", lost);
    settled(existing.is_empty() && lost.is_empty())
}

fn settled(all: bool) -> Outcome {
    if all { Outcome::Done } else { Outcome::Partial }
}

fn keys(what: &str, keys: &[Key]) {
    for object in keys.iter().take(NAMED_KEYS) {
        line(&format!("  {} {what}", visible(&key(object))));
    }
    if let Some(more) = keys.len().checked_sub(NAMED_KEYS).filter(|more| *more > 0) {
        line(&format!("  and {more} more"));
    }
}
