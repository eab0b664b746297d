//! What is done by a `POST` below a control object.

use std::sync::Arc;

use http::Response;
use k1s_store::command::{Command, PruneRef};
use serde_json::Value;

use super::{Run, Target, patch, requested_at, user};
use crate::control::{Order, OrderOutcome, RootRule, SyncOrder};
use crate::object::{API_VERSION, CommandReport, SyncOptions};
use crate::service::body::Sent;
use crate::service::failure::{Cause, CauseReason, Failure};
use crate::service::{Body, Parts, answer};

/// What carries the parameters of a `POST` in Kubernetes.
const OPTIONS: &str = "CreateOptions.meta.k8s.io";
/// The media type of a body.
const JSON: &str = "application/json";

/// Lists a source now; the answer is the source, with the request in its annotations.
pub(super) async fn sync(parts: &Arc<Parts>, name: &str, sent: &Sent) -> Result<Response<Body>, Failure> {
    let target = Target::source(name);
    let run = Run::of(sent, OPTIONS)?;
    let user = user(sent, OPTIONS)?;
    let SyncOptions {
        accept_root,
        requested_at: text,
        ..
    } = options(sent)?;
    let source = target.source_name()?;
    let text = text.unwrap_or_else(|| jiff::Timestamp::now().to_string());
    patch::check_request(&text)
        .map_err(|why| target.invalid(vec![Cause::new(CauseReason::Invalid, "requestedAt", why)]))?;
    if run == Run::Real {
        let order = Order::Sync(SyncOrder {
            source,
            requested_at: text.as_str().into(),
            root: if accept_root { RootRule::Accept } else { RootRule::Keep },
        });
        target.order(parts, order, &user).await?;
        let shown = target.shown(&parts.board, |object| requested_at(object) == Some(&text));
        return answer::json(&*shown.await?);
    }
    let object = parts.board.get(&target.key()).ok_or_else(|| target.not_found())?;
    answer::json(&*object.body)
}

/// Lets a source begin anew.
pub(super) async fn reset(parts: &Arc<Parts>, name: &str, sent: &Sent) -> Result<Response<Body>, Failure> {
    let target = Target::source(name);
    let source = target.source_name()?;
    command(parts, target, Command::Reset { source }, sent).await
}

/// Deletes what is held.
pub(super) async fn approve(parts: &Arc<Parts>, name: &str, sent: &Sent) -> Result<Response<Body>, Failure> {
    let target = Target::prune(name);
    let prune = prune(target)?;
    command(parts, target, Command::ApprovePrune { prune }, sent).await
}

/// Brings back what was deleted.
pub(super) async fn undo(parts: &Arc<Parts>, name: &str, sent: &Sent) -> Result<Response<Body>, Failure> {
    let target = Target::prune(name);
    let prune = prune(target)?;
    command(parts, target, Command::UndoPrune { prune }, sent).await
}

/// The prune of this id, or the only one whose id begins like this.
pub(super) fn prune(target: Target<'_>) -> Result<PruneRef, Failure> {
    target.name.parse().map_err(|_| target.not_found())
}

async fn command(
    parts: &Arc<Parts>,
    target: Target<'_>,
    command: Command,
    sent: &Sent,
) -> Result<Response<Body>, Failure> {
    let user = user(sent, OPTIONS)?;
    no_options(sent)?;
    if Run::of(sent, OPTIONS)? == Run::Dry {
        let why = "what this would do is known only when it is done; leave dryRun out";
        return Err(target.invalid(vec![Cause::new(CauseReason::Forbidden, "dryRun", why)]));
    }
    match target.order(parts, Order::Command(command), &user).await? {
        OrderOutcome::Done(outcome) => report(outcome.into()),
        OrderOutcome::Requested => Err(Failure::internal("a command came to no outcome")),
    }
}

fn report(report: CommandReport) -> Result<Response<Body>, Failure> {
    let mut report = serde_json::to_value(report).map_err(|error| Failure::internal(error.to_string()))?;
    report["apiVersion"] = API_VERSION.into();
    answer::json(&report)
}

/// Reads what `sync` takes.
fn options(sent: &Sent) -> Result<SyncOptions, Failure> {
    let Some(body) = body(sent)? else {
        return Ok(SyncOptions::default());
    };
    let options: SyncOptions = serde_json::from_slice(body).map_err(|error| undecodable("SyncOptions", &error))?;
    let is_named = |found: &str, expected: &str| found.is_empty() || found == expected;
    if is_named(&options.api_version, API_VERSION) && is_named(&options.kind, "SyncOptions") {
        Ok(options)
    } else {
        Err(Failure::bad_request(format!(
            "the body is {} {}, it must be {API_VERSION} SyncOptions",
            options.api_version, options.kind
        )))
    }
}

/// Refuses a body that says anything, where there is nothing to say.
fn no_options(sent: &Sent) -> Result<(), Failure> {
    let Some(body) = body(sent)? else { return Ok(()) };
    let value: Value = serde_json::from_slice(body).map_err(|error| undecodable("options", &error))?;
    let says_nothing = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    if says_nothing {
        Ok(())
    } else {
        Err(Failure::bad_request("this takes no options: send no body, or {}"))
    }
}

/// The body, where there is one.
fn body(sent: &Sent) -> Result<Option<&[u8]>, Failure> {
    let body = sent.body.trim_ascii();
    match sent.media_type().as_deref() {
        None | Some(JSON) => Ok((!body.is_empty()).then_some(body)),
        // Programs that post nothing often call it a form.
        Some("application/x-www-form-urlencoded") if body.is_empty() => Ok(None),
        Some(_) => Err(Failure::UnsupportedMediaType { accepted: JSON }),
    }
}

fn undecodable(what: &str, error: &serde_json::Error) -> Failure {
    Failure::bad_request(format!("the body does not read as {what}: {error}"))
}
