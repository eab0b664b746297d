//! Drives the engine's session over the stream: each arm of the loop only builds an input.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use k1s_crash::{Point, pass_by};
use k1s_source_proto::v1;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_store::StoreError;
use k1s_store::status::StatusNote;
use k1s_store::writer::{ReadAhead, Ticket};
use k1s_sync_engine::id::{Generation, Moment, ScopeId};
use k1s_sync_engine::message::{Mode, SourceMessage, SyncReason};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::session::{Command, Demand, EndCause, Report, Session};
use k1s_sync_engine::work::{Receipt, Work};
use tokio::sync::mpsc;
use tonic::transport::Channel;

use super::actor::{News, Steer};
use super::logs::Echo;
use super::notice::{Held, Notice, What};
use super::pass::{Pass, Progress};
use super::record::{pass_of, record};
use super::run::{Incoming, Run};
use super::storage::unavailable;
use crate::transport::{Connections, Inbound, host_message, source_message, sync_reason};

/// What came of a call beside the stream.
enum Answer {
    Sync(ScopeId, Generation),
    Stopping,
    Failed(Problem),
}

type Call = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One session over one stream.
pub(super) struct Conversation<'a> {
    run: &'a Run<'a>,
    echo: &'a mut Echo,
    session: Session,
    control: SourceClient<Channel>,
    outgoing: mpsc::Sender<v1::HostMessage>,
    /// Work that is not durable, and since when it is here.
    tickets: VecDeque<(Ticket<Receipt>, Moment)>,
    calls: FuturesUnordered<Call>,
    pass: Pass,
    ahead: ReadAhead,
    /// Demands that are met, while the pass that met them is not summed up.
    met: Vec<Demand>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        run: &'a Run<'a>,
        echo: &'a mut Echo,
        session: Session,
        connections: &Connections,
        outgoing: mpsc::Sender<v1::HostMessage>,
        ahead: ReadAhead,
    ) -> Self {
        Self {
            run,
            echo,
            session,
            control: connections.control.clone(),
            outgoing,
            tickets: VecDeque::new(),
            calls: FuturesUnordered::new(),
            pass: Pass::default(),
            ahead,
            met: Vec::new(),
        }
    }

    /// Goes on until the session ends.
    pub(super) async fn converse(mut self, mut incoming: Incoming, mut demands: mpsc::Receiver<Demand>) -> EndCause {
        let mut steer = self.run.steer.clone();
        let clock = &self.run.host.clock;
        loop {
            if let Some(cause) = self.obey().await {
                return self.conclude(cause).await;
            }
            let timeout = self.session.next_timeout();
            let stepped = tokio::select! {
                biased;
                Ok(()) = steer.changed() => {
                    let order = *steer.borrow_and_update();
                    self.steered(order)
                }
                Some(demand) = demands.recv() => {
                    self.session.handle_demand(demand);
                    Ok(())
                }
                receipt = oldest(&mut self.tickets), if !self.tickets.is_empty() => self.committed(receipt).await,
                Some(answer) = self.calls.next(), if !self.calls.is_empty() => self.answered(answer),
                message = incoming.message(), if self.session.wants_messages() => self.received(message),
                () = self.echo.step() => Ok(()),
                () = clock.reach(timeout) => {
                    self.session.handle_timeout(clock.moment());
                    Ok(())
                }
            };
            if let Err(cause) = stepped {
                return self.conclude(cause).await;
            }
        }
    }

    /// Carries out what the session asks for; returns the cause when it is over.
    async fn obey(&mut self) -> Option<EndCause> {
        while let Some(command) = self.session.next_command() {
            match command {
                Command::Submit(work) => {
                    if let Err(error) = self.submit(work).await {
                        return Some(store_failed(&error));
                    }
                }
                // A stream that has ended is noticed by whoever reads it.
                Command::Send(message) => drop(self.outgoing.send(host_message(message)).await),
                Command::RequestSync { scope, reason } => self.calls.push(sync(self.control.clone(), scope, reason)),
                Command::Report(report) => self.tell(report).await,
                Command::End(cause) => return Some(cause),
            }
        }
        None
    }

    async fn submit(&mut self, work: Work) -> Result<(), StoreError> {
        let Run {
            host, settings, epoch, ..
        } = self.run;
        let here = host.clock.moment();
        if let Work::BeginGeneration { .. } = work {
            self.pass.begin_listing(host.clock.moment());
        }
        let submission = self.ahead.submission(work);
        let ticket = host.writer.submit(settings.name.clone(), *epoch, submission).await?;
        self.tickets.push_back((ticket, here));
        Ok(())
    }

    async fn committed(&mut self, receipt: Result<Receipt, StoreError>) -> Result<(), EndCause> {
        let here = self.tickets.pop_front().map(|(_, here)| here);
        let receipt = self.redacted(receipt.map_err(|error| store_failed(&error))?);
        if let Some(here) = here {
            let lag = self.run.host.clock.moment().since(here);
            self.notify(What::Durable { lag }).await;
        }
        self.ahead.learn(&receipt);
        if self.pass.is_open() {
            if self.pass.take(&receipt) == Progress::Closed && self.run.mode != Mode::Once {
                self.finish_pass().await?;
            }
        } else {
            if !receipt.events.is_empty() {
                self.notify(What::Events(receipt.events.clone())).await;
            }
            if let Some(held) = receipt.declared.as_ref().and_then(Held::of) {
                self.notify(What::Held(held)).await;
            }
        }
        self.session.handle_committed(receipt, self.run.host.clock.moment());
        Ok(())
    }

    fn redacted(&self, receipt: Receipt) -> Receipt {
        let events = receipt
            .events
            .into_iter()
            .map(|event| self.echo.redaction.event(event))
            .collect();
        Receipt { events, ..receipt }
    }

    fn received(&mut self, message: Result<Option<v1::SourceMessage>, tonic::Status>) -> Result<(), EndCause> {
        match message {
            Ok(Some(message)) => {
                self.understood(source_message(message).map_err(|error| EndCause::Violation(error.into()))?)
            }
            Ok(None) => self.session.handle_stream_end(),
            Err(status) => {
                tracing::debug!(source = %self.run.settings.name, "the stream ended: {status}");
                self.session.handle_stream_end();
            }
        }
        Ok(())
    }

    fn understood(&mut self, message: Inbound) {
        match message {
            Inbound::Session(message) => {
                pass_by(|| point(&message));
                self.session.handle_message(message, self.run.host.clock.moment());
            }
            Inbound::Log(log) => self.echo.record(&log),
            Inbound::Redact(redact) => self.echo.redaction.add(redact.values.iter().map(|value| &**value)),
            Inbound::Metric => {}
        }
    }

    fn answered(&mut self, answer: Answer) -> Result<(), EndCause> {
        match answer {
            Answer::Sync(scope, generation) => self.session.handle_sync_answer(&scope, generation),
            Answer::Stopping => {}
            Answer::Failed(problem) => return Err(EndCause::Ended(problem)),
        }
        Ok(())
    }

    fn steered(&mut self, order: Steer) -> Result<(), EndCause> {
        match order {
            Steer::Go => {}
            Steer::Drain { deadline } => {
                self.session.handle_stop(deadline);
                let left = deadline.since(self.run.host.clock.moment());
                self.calls.push(stop(self.control.clone(), left));
            }
            Steer::Kill => {
                return Err(EndCause::Ended(Problem::with_source(
                    ProblemCode::Timeout,
                    "the source was killed",
                )));
            }
        }
        Ok(())
    }

    /// Waits for what was handed to the writer, so that the summary speaks of all of it.
    async fn conclude(mut self, cause: EndCause) -> EndCause {
        while !self.tickets.is_empty() {
            let receipt = oldest(&mut self.tickets).await;
            self.tickets.pop_front();
            if let Ok(receipt) = receipt {
                self.pass.take(&self.redacted(receipt));
            }
        }
        if self.run.mode == Mode::Once && cause == EndCause::Finished {
            // A run that cannot be summed up is not known to be clean.
            return self.finish_pass().await.err().unwrap_or(cause);
        }
        cause
    }

    async fn finish_pass(&mut self) -> Result<(), EndCause> {
        let Run { host, settings, .. } = self.run;
        let summary = self.pass.finish(&host.reader, &settings.name, host.clock.moment());
        let summary = summary.map_err(|error| store_failed(&error))?;
        record(&host.writer, &settings.name, pass_of(&summary)).await;
        self.notify(What::Pass(summary)).await;
        for demand in std::mem::take(&mut self.met) {
            self.tell_met(demand).await;
        }
        Ok(())
    }

    async fn tell(&mut self, report: Report) {
        match report {
            // The summary of the pass says it.
            Report::GenerationClosed(_) => {}
            Report::Live(_) => {
                // A session that went on from its token lists nothing by which it could be seen to work again.
                let Run { host, settings, .. } = self.run;
                record(&host.writer, &settings.name, StatusNote::Recovered).await;
                self.notify(What::Live).await;
            }
            Report::Met(demand) if self.pass.is_open() => self.met.push(demand),
            Report::Met(demand) => self.tell_met(demand).await,
            Report::Progress(progress) => self.notify(What::Progress(progress)).await,
            Report::Problem(problem) => {
                let problem = self.echo.redaction.problem(problem);
                self.notify(What::Problem(problem)).await;
            }
        }
    }

    async fn tell_met(&mut self, demand: Demand) {
        if self.run.news.send(News::Met(demand)).await.is_err() {
            tracing::debug!("nobody waits for {demand:?} any more");
        }
    }

    async fn notify(&mut self, what: What) {
        let notice = Notice {
            source: self.run.settings.name.clone(),
            what,
        };
        drop(self.run.notices.send(notice).await);
    }
}

/// The crash point of a message that has arrived.
fn point(message: &SourceMessage) -> Option<Point> {
    match message {
        SourceMessage::SnapshotBegin { .. } => Some(Point::H2),
        SourceMessage::Batch(_) => Some(Point::H3),
        SourceMessage::SnapshotEnd(_) => Some(Point::H8),
        SourceMessage::Drained { .. } => Some(Point::H10),
        SourceMessage::KindInfo(_)
        | SourceMessage::ScopeGone { .. }
        | SourceMessage::Live { .. }
        | SourceMessage::Progress(_)
        | SourceMessage::Heartbeat { .. }
        | SourceMessage::Problem(_) => None,
    }
}

/// The answer to the oldest work; cancelling it loses nothing.
async fn oldest(tickets: &mut VecDeque<(Ticket<Receipt>, Moment)>) -> Result<Receipt, StoreError> {
    match tickets.front_mut() {
        Some((ticket, _)) => ticket.redeem().await,
        None => std::future::pending().await,
    }
}

fn sync(mut control: SourceClient<Channel>, scope: ScopeId, reason: SyncReason) -> Call {
    Box::pin(async move {
        let request = v1::SyncRequest {
            scope: scope.as_str().to_owned(),
            reason: sync_reason(reason).into(),
        };
        match control.sync(request).await {
            Ok(answer) => Answer::Sync(scope, Generation::new(answer.into_inner().generation)),
            Err(status) => Answer::Failed(Problem::with_source(
                ProblemCode::Crashed,
                format!("Sync failed: {}: {}", status.code(), status.message()),
            )),
        }
    })
}

fn stop(mut control: SourceClient<Channel>, left: std::time::Duration) -> Call {
    Box::pin(async move {
        let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        // A plugin that does not answer is ended by the session's deadline.
        drop(control.stop(v1::StopRequest { deadline_ms }).await);
        Answer::Stopping
    })
}

fn store_failed(error: &StoreError) -> EndCause {
    EndCause::Ended(unavailable(error))
}
