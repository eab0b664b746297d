//! What the parameters of a list or a watch mean: from where, how much, how long.
//!
//! The rules and the words of refusals are those of `ValidateListOptions` (k8s.io/apimachinery, internalversion/validation) and
//! of `ValidateListOptions` (k8s.io/apiserver, storage).

use std::time::Duration;

use k1s_sync_engine::id::Revision;

use super::collection::AsOf;
use super::token::Token;
use crate::service::failure::{Cause, CauseReason, Failure};
use crate::service::query::Query;
use crate::service::request::ResourceCall;

/// A watch of which no length is asked for takes this long, up to twice.
const MIN_WATCH: Duration = Duration::from_secs(30 * 60);
/// A watch takes no longer, whatever is asked for.
const MAX_WATCH: Duration = Duration::from_secs(24 * 60 * 60);

/// What a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListOptions {
    /// As of which revision, and from where.
    pub(super) start: ListStart,
    /// How many objects at most; at least one.
    pub(super) limit: Option<usize>,
}

/// As of which revision a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListStart {
    /// The newest, once that is at least this.
    AtLeast(Revision),
    /// This one.
    Exactly(Revision),
    /// It goes on.
    Token(Token),
}

/// What a watch is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WatchOptions {
    /// What it begins with.
    pub(super) start: WatchStart,
    /// Whether it is told how far it is.
    pub(super) bookmarks: Bookmarks,
    /// How long it takes.
    pub(super) length: Duration,
}

/// What a watch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchStart {
    /// The first change after this revision.
    After(Revision),
    /// The next change.
    Next,
    /// Every object as of the newest revision, once that is at least this; then the first change after it.
    State(Revision),
    /// The same, and between the two a bookmark that says so.
    MarkedState(Revision),
}

/// Whether a watch is told how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bookmarks {
    /// About once a minute, and before it ends.
    Wanted,
    /// Never.
    Unwanted,
}

/// Any revision will do.
pub(super) const ANY: Revision = Revision::new(0);

/// How a resource version is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Exact,
    NotOlderThan,
}

impl ListOptions {
    /// Reads the parameters of a list.
    ///
    /// # Errors
    /// 400 and 422 for what makes no sense.
    pub(super) fn read(call: &ResourceCall) -> Result<Self, Failure> {
        let query = &call.query;
        let matching = check_list(query)?;
        let limit = query.limit()?.and_then(|limit| usize::try_from(limit).ok());
        let asked = query.resource_version();
        let start = if let Some(token) = query.continue_token() {
            if asked.is_some_and(|version| version != "0") {
                let why = "specifying resource version is not allowed when using continue";
                return Err(Failure::bad_request(why));
            }
            ListStart::Token(Token::read(token, call.namespace.as_deref())?)
        } else {
            let revision = minimum(query)?;
            match matching {
                // Without a match, a limit asks for the state that the pages of another list are of.
                None if limit.is_some() && revision != ANY => ListStart::Exactly(revision),
                Some(Match::Exact) => ListStart::Exactly(revision),
                None | Some(Match::NotOlderThan) => ListStart::AtLeast(revision),
            }
        };
        Ok(Self { start, limit })
    }
}

impl ListStart {
    /// As of which revision the first page is wanted.
    pub(super) fn as_of(&self) -> AsOf {
        match self {
            Self::AtLeast(_) => AsOf::Newest,
            Self::Exactly(revision) => AsOf::Exactly(*revision),
            Self::Token(token) => token.as_of,
        }
    }

    /// Which revision has to be reached before.
    pub(super) fn needs(&self) -> Revision {
        match self {
            Self::AtLeast(revision) | Self::Exactly(revision) => *revision,
            Self::Token(_) => ANY,
        }
    }
}

impl WatchOptions {
    /// Reads the parameters of a watch; `chance` chooses its length where none is asked for.
    ///
    /// # Errors
    /// 400 and 422 for what makes no sense.
    pub(super) fn read(call: &ResourceCall, chance: u32) -> Result<Self, Failure> {
        let query = &call.query;
        check_watch(query)?;
        let asked = query.resource_version().filter(|version| *version != "0");
        let revision = asked.map(|asked| parse(asked).map_err(|why| unreadable(call, asked, &why)));
        let revision = revision.transpose()?;
        let bookmarks = if query.allows_bookmarks() {
            Bookmarks::Wanted
        } else {
            Bookmarks::Unwanted
        };
        let start = match (query.send_initial_events(), revision) {
            (None, None) => WatchStart::State(ANY),
            (None | Some(false), Some(revision)) => WatchStart::After(revision),
            (Some(false), None) => WatchStart::Next,
            (Some(true), revision) => match bookmarks {
                Bookmarks::Wanted => WatchStart::MarkedState(revision.unwrap_or(ANY)),
                Bookmarks::Unwanted => WatchStart::State(revision.unwrap_or(ANY)),
            },
        };
        Ok(Self {
            start,
            bookmarks,
            length: length(query.timeout_seconds()?, chance),
        })
    }
}

/// The revision that a read of one object or a list needs at least.
///
/// # Errors
/// 400 for what is no revision.
pub(super) fn minimum(query: &Query) -> Result<Revision, Failure> {
    let Some(asked) = query.resource_version() else {
        return Ok(ANY);
    };
    parse(asked).map_err(|why| {
        Failure::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {asked:?}: {why}"
        ))
    })
}

/// Reads a revision; what is wrong with it is said in the words of Go's strconv.
fn parse(asked: &str) -> Result<Revision, String> {
    let parsed = asked.parse().ok().filter(|_| !asked.starts_with('+'));
    parsed
        .map(Revision::new)
        .ok_or_else(|| format!("strconv.ParseUint: parsing {asked:?}: invalid syntax"))
}

fn unreadable(call: &ResourceCall, asked: &str, why: &str) -> Failure {
    Failure::Invalid {
        kind: call.named().to_string().into(),
        name: Box::default(),
        causes: vec![Cause::new(
            CauseReason::Invalid,
            "resourceVersion",
            format!("{asked:?}: {why}"),
        )],
    }
}

fn length(asked: Option<i64>, chance: u32) -> Duration {
    match asked.map(u64::try_from) {
        None | Some(Ok(0)) => MIN_WATCH + MIN_WATCH.mul_f64(f64::from(chance) / f64::from(u32::MAX)),
        Some(Ok(seconds)) => Duration::from_secs(seconds).min(MAX_WATCH),
        Some(Err(_)) => Duration::ZERO,
    }
}

fn check_list(query: &Query) -> Result<Option<Match>, Failure> {
    let mut wrong = Wrong::default();
    let matching = query.resource_version_match();
    if let Some(word) = matching {
        if query.resource_version().is_none() {
            wrong.forbidden(
                MATCH,
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
        }
        if query.continue_token().is_some() {
            wrong.forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided");
        }
        if read_match(word).is_none() {
            wrong.unsupported(word, "\"Exact\", \"NotOlderThan\", \"\"");
        }
        if word == "Exact" && query.resource_version() == Some("0") {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            wrong.forbidden(MATCH, why);
        }
    }
    if query.send_initial_events().is_some() {
        wrong.forbidden(INITIAL, "sendInitialEvents is forbidden for list");
    }
    wrong.judge()?;
    Ok(matching.and_then(read_match))
}

fn check_watch(query: &Query) -> Result<(), Failure> {
    let mut wrong = Wrong::default();
    let matching = query.resource_version_match();
    let initial = query.send_initial_events();
    if initial.is_some() && matching != Some("NotOlderThan") {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        wrong.forbidden(MATCH, why);
    }
    if let Some(word) = matching {
        if initial.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            wrong.forbidden(MATCH, why);
        }
        if word != "NotOlderThan" {
            wrong.unsupported(word, "\"NotOlderThan\"");
        }
        if query.continue_token().is_some() {
            wrong.forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided");
        }
    }
    wrong.judge()
}

fn read_match(word: &str) -> Option<Match> {
    match word {
        "Exact" => Some(Match::Exact),
        "NotOlderThan" => Some(Match::NotOlderThan),
        _ => None,
    }
}

const MATCH: &str = "resourceVersionMatch";
const INITIAL: &str = "sendInitialEvents";

/// What is wrong with the parameters.
#[derive(Default)]
struct Wrong {
    causes: Vec<Cause>,
}

impl Wrong {
    fn forbidden(&mut self, field: &str, why: &str) {
        self.causes.push(Cause::new(CauseReason::Forbidden, field, why));
    }

    fn unsupported(&mut self, word: &str, supported: &str) {
        let why = format!("{word:?}: supported values: {supported}");
        self.causes.push(Cause::new(CauseReason::NotSupported, MATCH, why));
    }

    fn judge(self) -> Result<(), Failure> {
        if self.causes.is_empty() {
            return Ok(());
        }
        Err(Failure::Invalid {
            kind: "ListOptions.meta.k8s.io".into(),
            name: Box::default(),
            causes: self.causes,
        })
    }
}
