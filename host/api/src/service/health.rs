//! Whether the host is well, what it is, and its figures.

use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use super::failure::Failure;
use super::path::Probe;
use super::query::Query;
use super::{About, Body, Check, answer};

/// The release of Kubernetes whose API this is, as far as it is served: kubectl and client-go compare it with their own.
const KUBERNETES: &str = "1.35.3";
/// Its first two numbers.
const MAJOR_MINOR: (&str, &str) = ("1", "35");
const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of OpenMetrics 1.0.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/healthz`, `/livez`, `/readyz`, of everything or of one check, in the words of a Kubernetes API server.
///
/// What makes the host not ready does not make it dead: a process that answers lives, and nobody gains by its restart.
pub(crate) fn health(checks: &[Check], probe: &Probe, query: &Query) -> Response<Body> {
    let relevant = checks.iter().filter(|_| probe.page != "livez");
    if let Some(name) = &probe.check {
        let mut relevant = relevant;
        return match relevant.find(|check| check.name == *name) {
            None if **name == *"ping" => said(StatusCode::OK, "ok".to_owned()),
            None => answer::refusal(&Failure::NoPage),
            Some(Check { outcome: Ok(()), .. }) => said(StatusCode::OK, "ok".to_owned()),
            Some(Check { outcome: Err(why), .. }) => said(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("internal server error: {why}\n"),
            ),
        };
    }
    report(relevant, probe.page, query)
}

fn report<'c>(checks: impl Iterator<Item = &'c Check>, page: &str, query: &Query) -> Response<Body> {
    let mut lines = String::from("[+]ping ok\n");
    let mut is_well = true;
    for Check { name, outcome } in checks {
        let line = if query.all("exclude").any(|excluded| *excluded == **name) {
            format!("[+]{name} excluded: ok\n")
        } else {
            match outcome {
                Ok(()) => format!("[+]{name} ok\n"),
                Err(why) => {
                    is_well = false;
                    format!("[-]{name} failed: {why}\n")
                }
            }
        };
        lines.push_str(&line);
    }
    if !is_well {
        return said(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("{lines}{page} check failed\n"),
        );
    }
    match query.first("verbose") {
        None => said(StatusCode::OK, "ok".to_owned()),
        Some(_) => said(StatusCode::OK, format!("{lines}{page} check passed\n")),
    }
}

fn said(code: StatusCode, text: String) -> Response<Body> {
    let mut answer = answer::page(TEXT, text);
    *answer.status_mut() = code;
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}

/// `/version`. Clients read the numbers to decide what they may ask for, so those say which Kubernetes this is like; what
/// it really is stands behind the plus sign, where semantic versions carry what is not compared.
///
/// # Errors
/// Never in practice.
pub(crate) fn version(about: &About) -> Result<Response<Body>, Failure> {
    answer::json(&json!({
        "major": MAJOR_MINOR.0,
        "minor": MAJOR_MINOR.1,
        "gitVersion": format!("v{KUBERNETES}+k1s-sync.{}", about.release),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": format!("{}/{}", std::env::consts::OS, go_architecture()),
    }))
}

/// The architecture as Go calls it.
fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `/metrics`.
pub(crate) fn metrics(text: String) -> Response<Body> {
    answer::page(OPENMETRICS, text)
}
