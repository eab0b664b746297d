//! A server that says no: why, and what that means for what was asked.

use std::time::Duration;

use serde::Deserialize;

/// The longest that a server's wish to be left alone is heeded.
const LONGEST_PATIENCE: Duration = Duration::from_mins(10);
/// The most bytes of a message that are kept.
const MESSAGE_BYTES: usize = 1024;

/// What a refusal means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What was asked about is too long ago: list.
    Expired,
    /// The server has not come as far as what was asked about: it is another one, or was put back. List.
    Ahead,
    /// The credentials are not good, or no longer.
    Unauthorized,
    /// Whoever asks may not.
    Forbidden,
    /// The kind is not served.
    NotServed,
    /// The server does not understand the request.
    NotUnderstood,
    /// The server asks for patience, for this long if it says so.
    Busy(Option<Duration>),
    /// The server fails.
    Failing,
}

/// A server that said no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, or the code of a `Status` in a watch.
    pub code: u16,
    /// The server's word for it, for example `Expired`; may be empty.
    pub reason: String,
    /// For people; may be empty.
    pub message: String,
    /// After how long it may be asked again.
    pub retry_after: Option<Duration>,
    /// Whether the resource version that was asked about is in the future.
    is_ahead: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    causes: Vec<Cause>,
    retry_after_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
}

impl Refusal {
    /// Reads the answer to a request: its HTTP status, its `Retry-After` in seconds, and its body, which may be anything.
    #[must_use]
    pub fn read(code: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let seconds = retry_after.and_then(|text| text.trim().parse().ok());
        let refusal = Self::of(status);
        Self {
            code,
            retry_after: seconds.map(patience).or(refusal.retry_after),
            ..refusal
        }
    }

    /// Reads the `Status` that a watch ends with.
    #[must_use]
    pub fn of_status(status: serde_json::Value) -> Self {
        Self::of(serde_json::from_value(status).unwrap_or_default())
    }

    fn of(status: Status) -> Self {
        let Status {
            code,
            reason,
            mut message,
            details,
        } = status;
        let details = details.unwrap_or_default();
        let is_ahead =
            |cause: &Cause| cause.reason == "ResourceVersionTooLarge" || cause.message == "Too large resource version";
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        Self {
            code,
            reason,
            message,
            retry_after: details.retry_after_seconds.filter(|seconds| *seconds > 0).map(patience),
            is_ahead: details.causes.iter().any(is_ahead),
        }
    }

    /// Returns what it means.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.code, self.reason.as_str()) {
            (_, "Expired" | "Gone") | (410, _) => Verdict::Expired,
            (504, _) if self.is_ahead || self.message.starts_with("Too large resource version") => Verdict::Ahead,
            (401, _) => Verdict::Unauthorized,
            (403, _) => Verdict::Forbidden,
            (404 | 405, _) => Verdict::NotServed,
            (400 | 406 | 415 | 422, _) => Verdict::NotUnderstood,
            (429 | 503, _) => Verdict::Busy(self.retry_after),
            (_, _) => Verdict::Failing,
        }
    }
}

fn patience(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST_PATIENCE)
}

/// What the server said, or its status where it said nothing.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.message.as_str(), self.reason.as_str()) {
            ("", "") => write!(f, "status {}", self.code),
            ("", reason) => write!(f, "status {}, {reason}", self.code),
            (message, _) => f.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_answer_has_its_meaning() {
        let plain = |code| Refusal::read(code, None, b"<html>");
        let said = |code, status: serde_json::Value| Refusal::read(code, None, status.to_string().as_bytes());
        let ahead = json!({"reason": "Timeout", "message": "Too large resource version: 9, current: 3",
            "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1}});
        let second = Some(Duration::from_secs(1));
        for (refusal, expected) in [
            (plain(410), Verdict::Expired),
            (said(200, json!({"code": 410, "reason": "Expired"})), Verdict::Expired),
            (said(400, json!({"reason": "Gone"})), Verdict::Expired),
            (said(504, ahead), Verdict::Ahead),
            (plain(504), Verdict::Failing),
            (plain(401), Verdict::Unauthorized),
            (plain(403), Verdict::Forbidden),
            (plain(404), Verdict::NotServed),
            (plain(405), Verdict::NotServed),
            (plain(400), Verdict::NotUnderstood),
            (plain(422), Verdict::NotUnderstood),
            (plain(429), Verdict::Busy(None)),
            (
                said(429, json!({"details": {"retryAfterSeconds": 1}})),
                Verdict::Busy(second),
            ),
            (
                said(503, json!({"details": {"retryAfterSeconds": 0}})),
                Verdict::Busy(None),
            ),
            (Refusal::read(503, Some(" 1 "), b""), Verdict::Busy(second)),
            (
                Refusal::read(503, Some("Wed, 21 Oct 2015 07:28:00 GMT"), b""),
                Verdict::Busy(None),
            ),
            (
                Refusal::read(429, Some("99999999999"), b""),
                Verdict::Busy(Some(LONGEST_PATIENCE)),
            ),
            (plain(500), Verdict::Failing),
            (plain(302), Verdict::Failing),
        ] {
            assert_eq!(refusal.verdict(), expected, "{refusal:?}");
        }
    }

    #[test]
    fn a_watch_ends_with_a_status_and_texts_are_short() {
        let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
        let refusal = Refusal::of_status(status);
        assert_eq!(
            (refusal.verdict(), refusal.to_string()),
            (Verdict::Expired, "too old resource version".to_owned())
        );
        assert_eq!(Refusal::of_status(json!("nonsense")).verdict(), Verdict::Failing);
        let long = json!({"message": "é".repeat(4000)}).to_string();
        assert!(Refusal::read(500, None, long.as_bytes()).to_string().len() <= MESSAGE_BYTES);
        assert_eq!(Refusal::read(502, None, b"").to_string(), "status 502");
        let named = Refusal::read(403, None, br#"{"reason":"Forbidden"}"#);
        assert_eq!(named.to_string(), "status 403, Forbidden");
    }
}
