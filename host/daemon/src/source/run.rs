//! One run of a source: from the launch of its process until that is reaped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k1s_source_proto::v1;
use k1s_store::StoreError;
use k1s_store::status::{PluginRow, StatusNote};
use k1s_store::writer::{Opening, ReadAhead};
use k1s_sync_engine::id::{Epoch, SourceName};
use k1s_sync_engine::message::Mode;
use k1s_sync_engine::policy::{Program, SourcePolicy};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::session::{self, Capability, Demand, EndCause, Session};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::actor::{Host, News, Steer};
use super::conversation::Conversation;
use super::launch::{self, Process, Ready};
use super::logs::Echo;
use super::notice::{Notice, What};
use super::opening;
use super::record::record;
use super::storage::unavailable;
use crate::config::{Activation, DEFAULT_INTERVAL, SourceSettings};

/// Messages of the host that may wait for the plugin to read.
const OUTGOING: usize = 64;

/// How a run ended; the process is reaped.
#[derive(Debug)]
pub(super) enum RunEnd {
    /// No session came about.
    Failed(Problem),
    /// The session ended.
    Ended(EndCause),
}

/// What a run needs beside the host.
pub(super) struct Run<'a> {
    pub(super) host: &'a Host,
    pub(super) settings: &'a SourceSettings,
    pub(super) epoch: Epoch,
    pub(super) mode: Mode,
    pub(super) notices: &'a mpsc::Sender<Notice>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) steer: watch::Receiver<Steer>,
}

impl Run<'_> {
    /// Runs to the end; meets what is demanded of it meanwhile.
    pub(super) async fn run(mut self, demands: mpsc::Receiver<Demand>) -> RunEnd {
        let Activation::Enabled(plugin) = &self.settings.activation else {
            return RunEnd::Failed(Problem::with_source(
                ProblemCode::Internal,
                "a disabled source was launched",
            ));
        };
        let mut process = match launch::spawn(self.host, self.settings, plugin).await {
            Ok(process) => process,
            Err(problem) => return RunEnd::Failed(problem),
        };
        let end = self.with(&mut process, demands).await;
        self.reap(process, end).await
    }

    async fn with(&mut self, process: &mut Process, demands: mpsc::Receiver<Demand>) -> RunEnd {
        let mut steer = self.steer.clone();
        let prepared = tokio::select! {
            prepared = launch::prepare(self.host, self.settings, process, self.epoch) => prepared,
            // Nothing has been said yet that could be lost.
            _ = steer.wait_for(|steer| *steer != Steer::Go) => return RunEnd::Ended(EndCause::Drained),
        };
        match prepared {
            Ok(ready) => self.converse(&mut process.echo, ready, demands).await,
            Err(problem) => RunEnd::Failed(problem),
        }
    }

    /// Opens the session and follows it to its end.
    pub(super) async fn converse(&mut self, echo: &mut Echo, ready: Ready, demands: mpsc::Receiver<Demand>) -> RunEnd {
        let name = &self.settings.name;
        let policy = self.policy(&ready);
        let opened = match self.host.writer.open_session(name.clone(), self.epoch, policy).await {
            Ok(opened) => opened,
            Err(StoreError::IdentityChanged { before, now, .. }) => {
                let message = another_identity(name, &before, &now);
                return RunEnd::Failed(launch::refused(ProblemCode::IdentityChanged, message));
            }
            Err(error) => return RunEnd::Failed(unavailable(&error)),
        };
        let end = self.hold(echo, ready, &opened, demands).await;
        if let Err(error) = self.host.writer.close_session(name.clone(), self.epoch).await {
            tracing::warn!(source = %name, "{error}");
        }
        end
    }

    /// Begins the session that the store has opened, and follows it to its end.
    async fn hold(
        &mut self,
        echo: &mut Echo,
        ready: Ready,
        opened: &Opening,
        demands: mpsc::Receiver<Demand>,
    ) -> RunEnd {
        let name = &self.settings.name;
        record(&self.host.writer, name, self.plugin_note(&ready)).await;
        // While the source is told what the host holds, and lists.
        if let Err(error) = self.host.writer.index().await {
            return RunEnd::Failed(unavailable(&error));
        }
        let plan = opening::plan(opened, &ready.capabilities, self.mode);
        let (outgoing, stream) = mpsc::channel(OUTGOING);
        let mut data = ready.connections.data.clone();
        let started = async {
            let sending = opening::send(&plan, opened, &ready.capabilities, &self.host.reader, name, &outgoing);
            let starting = data.start(ReceiverStream::new(stream));
            tokio::join!(sending, starting)
        };
        let mut steer = self.steer.clone();
        let within = self.settings.timing.start_deadline;
        let started = tokio::select! {
            started = echo.during(tokio::time::timeout(within, started)) => started,
            // Nothing has been said yet that could be lost.
            _ = steer.wait_for(|steer| *steer != Steer::Go) => return RunEnd::Ended(EndCause::Drained),
        };
        let incoming = match started {
            Ok((Ok(()), Ok(response))) => response.into_inner(),
            Ok((Err(error), _)) => return RunEnd::Failed(unavailable(&error)),
            Ok((_, Err(status))) => return RunEnd::Failed(start_failed(&status)),
            Err(_) => {
                let message = format!("the plugin did not begin its session within {within:?}");
                return RunEnd::Failed(Problem::with_source(ProblemCode::StartTimeout, message));
            }
        };
        if self.news.send(News::Launched(self.epoch)).await.is_err() {
            // Only a host that is going away no longer follows its sources.
            return RunEnd::Ended(EndCause::Drained);
        }
        let session = Session::new(self.session_settings(&ready, plan), self.host.clock.moment());
        let ahead = ReadAhead::new(self.settings.policy.status, opened);
        let conversation = Conversation::new(self, echo, session, &ready.connections, outgoing, ahead);
        RunEnd::Ended(conversation.converse(incoming, demands).await)
    }

    fn policy(&self, ready: &Ready) -> SourcePolicy {
        SourcePolicy {
            source_type: ready.source_type.as_str().into(),
            program: Program {
                name: ready.name.as_str().into(),
                major: major(&ready.version),
            },
            identity: ready.identity.clone(),
            ..self.settings.policy.clone()
        }
        .selecting(ready.selection)
    }

    fn plugin_note(&self, ready: &Ready) -> StatusNote {
        let path = match &self.settings.activation {
            Activation::Enabled(plugin) => plugin.program.display().to_string(),
            Activation::Disabled => String::new(),
        };
        StatusNote::Plugin(PluginRow {
            path: path.into(),
            source_type: ready.source_type.as_str().into(),
            version: ready.version.as_str().into(),
        })
    }

    fn session_settings(&self, ready: &Ready, plan: opening::Plan) -> session::Settings {
        let reports_all =
            ready.capabilities.contains(&Capability::Watch) && ready.capabilities.contains(&Capability::ReportsDeletes);
        let own = self
            .settings
            .timing
            .interval
            .or(ready.resync)
            .unwrap_or(DEFAULT_INTERVAL);
        session::Settings {
            limits: ready.limits,
            capabilities: ready.capabilities.clone(),
            resumed: plan.resumed,
            interval: if reports_all {
                self.settings.timing.interval
            } else {
                Some(own)
            },
            jitter: self.host.clock.jitter(),
            hung_after: Some(self.settings.timing.hung_after),
            ..session::Settings::new(plan.mode, self.host.clock.timestamp())
        }
    }

    /// Ends the process, if it has not ended by itself, and adds to a failure how it did.
    async fn reap(&self, mut process: Process, end: RunEnd) -> RunEnd {
        let grace = if *self.steer.borrow() == Steer::Kill {
            Duration::ZERO
        } else {
            self.host.stop.grace
        };
        let Process { child, echo } = &mut process;
        let ended = echo.during(child.terminate(grace)).await;
        echo.finish().await;
        let report = match ended {
            Ok(report) => report,
            Err(error) => {
                self.tell(Problem::with_source(ProblemCode::Internal, error.to_string()))
                    .await;
                return end;
            }
        };
        let redaction = &echo.redaction;
        let crashed = |message: &str| redaction.problem(launch::crashed(message, &report));
        match end {
            RunEnd::Ended(EndCause::Ended(problem)) if problem.code == ProblemCode::Crashed => {
                RunEnd::Ended(EndCause::Ended(crashed(&format!("{} ({report})", problem.message))))
            }
            RunEnd::Failed(problem) if problem.code == ProblemCode::Crashed && problem.detail.is_empty() => {
                RunEnd::Failed(crashed(&format!("{} ({report})", problem.message)))
            }
            RunEnd::Failed(problem) => RunEnd::Failed(redaction.problem(problem)),
            ended @ RunEnd::Ended(_) => ended,
        }
    }

    async fn tell(&self, problem: Problem) {
        let notice = Notice {
            source: self.settings.name.clone(),
            what: What::Problem(problem),
        };
        drop(self.notices.send(notice).await);
    }
}

/// The number at the begin of a version; of one that has none, zero.
fn major(version: &str) -> u64 {
    let digits = version.trim_start_matches('v');
    let end = digits
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Says which fields name another place than before, and the way out.
fn another_identity(name: &SourceName, before: &str, now: &str) -> String {
    let fields = |text: &str| serde_json::from_str::<BTreeMap<String, Value>>(text).unwrap_or_default();
    let (before, now) = (fields(before), fields(now));
    let pointers: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or_else(|| "unset".to_owned(), ToString::to_string);
    let changes: Vec<String> = pointers
        .into_iter()
        .filter(|pointer| before.get(*pointer) != now.get(*pointer))
        .map(|pointer| {
            format!(
                "config{pointer} is {}, was {}",
                shown(now.get(pointer)),
                shown(before.get(pointer))
            )
        })
        .collect();
    format!(
        "another place than its objects came from: {}; set it back, or k1s-sync-host reset {name} accepts it (what it has \
         of the former place stays, and belongs to no source)",
        changes.join(", ")
    )
}

fn start_failed(status: &tonic::Status) -> Problem {
    Problem::with_source(
        ProblemCode::Crashed,
        format!("Start failed: {}: {}", status.code(), status.message()),
    )
}

/// The wire's stream of a session.
pub(super) type Incoming = tonic::Streaming<v1::SourceMessage>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_place_is_told_field_by_field() {
        let name = SourceName::new("files").expect("valid");
        let told = another_identity(&name, r#"{"/a":1,"/b":"x","/c":true}"#, r#"{"/b":"y","/c":true}"#);
        assert!(
            told.contains(r#"config/a is unset, was 1, config/b is "y", was "x";"#),
            "{told}"
        );
        assert!(told.contains("k1s-sync-host reset files"), "{told}");
    }

    #[test]
    fn a_major_version_is_a_number_or_zero() {
        for (version, expected) in [
            ("1.2.3", 1),
            ("v2", 2),
            ("12-rc.1", 12),
            ("", 0),
            ("next", 0),
            ("0.9", 0),
        ] {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
