//! Under whose name a change is recorded. It says who asked, for people; nothing is decided by it.

use http::HeaderMap;
use http::header::USER_AGENT;

use super::failure::{Cause, CauseReason, Failure};
use super::query::Query;

/// The longest name, in bytes; that of `fieldManager` in Kubernetes.
const MAX_BYTES: usize = 128;
/// Who does not say who it is.
const NOBODY: &str = "unknown";

/// The name from `fieldManager`, or the first word of `User-Agent`.
///
/// # Errors
/// 422 for a `fieldManager` that is too long or cannot be printed; `kind` is what was to be changed.
pub(crate) fn name(query: &Query, headers: &HeaderMap, kind: &str) -> Result<Box<str>, Failure> {
    if let Some(manager) = query.text("fieldManager") {
        return checked(manager).map_err(|detail| Failure::Invalid {
            kind: kind.into(),
            name: "".into(),
            causes: vec![Cause::new(CauseReason::Invalid, "fieldManager", detail)],
        });
    }
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let word = agent.and_then(|agent| agent.split('/').next()).unwrap_or_default();
    let printable = word.chars().filter(|character| !character.is_control());
    let name: String = printable.take(MAX_BYTES).collect();
    Ok(match name.trim() {
        "" => NOBODY.into(),
        name => name.into(),
    })
}

fn checked(manager: &str) -> Result<Box<str>, String> {
    if manager.len() > MAX_BYTES {
        Err(format!("may not be more than {MAX_BYTES} bytes"))
    } else if manager.chars().any(char::is_control) {
        Err(format!("{manager:?}: should only contain printable characters"))
    } else {
        Ok(manager.into())
    }
}
