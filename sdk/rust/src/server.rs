//! The gRPC service: checks the order of calls, runs the author's code guarded, hands sessions to the runner.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k1s_crash::{Point, pass};
use k1s_source_proto::v1::source_server::Source as SourceService;
use k1s_source_proto::{PROTOCOL_MAJORS, features, v1};
use prost::bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::caught::{caught, caught_call};
use crate::describe::{describe, resync_ms};
use crate::launch::{Greeting, Stage};
use crate::limits::SessionLimits;
use crate::redactor::Redactor;
use crate::session::{COMMANDS, Command, Initialized, OUTBOUND, Session, reason_of};
use crate::{Capability, Code, Context, Diagnostic, Parts, Probe, Problem, Scope, Severity, Source, config};

/// The nonce of a launch.
pub(crate) type Nonce = [u8; k1s_source_proto::limits::NONCE_BYTES];

/// What the runner is given.
#[derive(Debug)]
pub(crate) enum Work<S> {
    Run(Box<Session<S>>),
    Quit,
}

/// The service of one launch.
#[derive(Debug)]
pub(crate) struct Server<S> {
    nonce: Nonce,
    stage: Mutex<Stage<S>>,
    work: mpsc::Sender<Work<S>>,
}

impl<S: Source> Server<S> {
    pub(crate) fn new(nonce: Nonce, work: mpsc::Sender<Work<S>>) -> Self {
        Self {
            nonce,
            stage: Mutex::new(Stage::New),
            work,
        }
    }

    /// The lock is held for one transition at a time and never while anything waits.
    fn stage(&self) -> MutexGuard<'_, Stage<S>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the runner that nothing follows.
    fn quit(&self) {
        if self.work.try_send(Work::Quit).is_err() {
            tracing::debug!("the runner has other work, which ends the launch as well");
        }
    }
}

#[tonic::async_trait]
impl<S: Source> SourceService for Server<S> {
    async fn handshake(
        &self,
        request: Request<v1::HandshakeRequest>,
    ) -> Result<Response<v1::HandshakeResponse>, Status> {
        pass(Point::K1);
        let request = request.into_inner();
        let common = PROTOCOL_MAJORS
            .iter()
            .rev()
            .find(|major| request.protocol_majors.contains(major))
            .copied();
        if request.nonce != self.nonce[..] {
            return Err(Status::permission_denied("the nonce is not that of this launch"));
        }
        let limits = SessionLimits::lowered(&request.limits.unwrap_or_default());
        self.stage().greet(common.map(|_| Greeting {
            limits,
            instance_id: request.instance_id,
        }))?;
        tracing::debug!(
            host = request.host_version,
            epoch = request.epoch,
            major = common,
            "handshake"
        );
        let feature = |name: &&str| v1::Feature {
            name: (*name).to_owned(),
            required: false,
        };
        Ok(Response::new(v1::HandshakeResponse {
            protocol_major: common.unwrap_or_default(),
            supported_majors: PROTOCOL_MAJORS.to_vec(),
            features: features::ALL.iter().map(feature).collect(),
            nonce: Bytes::copy_from_slice(&self.nonce),
            limits: None,
        }))
    }

    async fn describe(&self, _: Request<v1::DescribeRequest>) -> Result<Response<v1::DescribeResponse>, Status> {
        self.stage().ask()?;
        Ok(Response::new(describe::<S>()))
    }

    async fn validate(&self, request: Request<v1::ValidateRequest>) -> Result<Response<v1::ValidateResponse>, Status> {
        self.stage().ask()?;
        let v1::ValidateRequest { config, probe, secrets } = request.into_inner();
        let probe = match probe && S::CAPABILITIES.contains(&Capability::Probe) {
            true => Probe::Connect,
            false => Probe::Offline,
        };
        let redactor = Redactor::new(&secrets);
        let diagnostics = match config::read::<S::Config>(&config, &secrets) {
            Ok(config) => caught(S::validate(&config, probe))
                .await
                .unwrap_or_else(|problem| vec![fault(&problem)]),
            Err(diagnostics) => diagnostics,
        };
        Ok(Response::new(v1::ValidateResponse {
            diagnostics: to_wire(diagnostics, &redactor),
        }))
    }

    async fn initialize(
        &self,
        request: Request<v1::InitializeRequest>,
    ) -> Result<Response<v1::InitializeResponse>, Status> {
        let request = request.into_inner();
        let greeting = self.stage().initialize()?;
        let redactor = Arc::new(Redactor::new(&request.secrets));
        let made = initialize::<S>(request, greeting, &redactor);
        let (initialized, diagnostics) = match made {
            Ok(initialized) => (Some(Arc::new(initialized)), Vec::new()),
            Err(diagnostics) => (None, diagnostics),
        };
        let resync = initialized.as_ref().and_then(|initialized| initialized.resync);
        self.stage().initialized(initialized);
        Ok(Response::new(v1::InitializeResponse {
            diagnostics: to_wire(diagnostics, &redactor),
            resync_ms: resync_ms(resync),
        }))
    }

    type StartStream = Pin<Box<dyn Stream<Item = Result<v1::SourceMessage, Status>> + Send>>;

    async fn start(&self, request: Request<Streaming<v1::HostMessage>>) -> Result<Response<Self::StartStream>, Status> {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let initialized = self.stage().start(sender)?;
        let (outbound, messages) = mpsc::channel(OUTBOUND);
        let session = Session {
            initialized,
            inbound: request.into_inner(),
            outbound,
            commands,
        };
        self.work
            .send(Work::Run(Box::new(session)))
            .await
            .map_err(|_| Status::failed_precondition("the launch is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(messages).fuse())))
    }

    async fn sync(&self, request: Request<v1::SyncRequest>) -> Result<Response<v1::SyncResponse>, Status> {
        let request = request.into_inner();
        let session = self.stage().session()?;
        let (reply, answer) = oneshot::channel();
        let reason = reason_of(&request);
        let command = Command::Sync {
            scope: Scope::new(request.scope),
            reason,
            reply,
        };
        session.send(command).await.map_err(|_| session_over())?;
        let generation = answer.await.map_err(|_| session_over())??;
        Ok(Response::new(v1::SyncResponse { generation }))
    }

    async fn stop(&self, request: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        let deadline = Duration::from_millis(request.into_inner().deadline_ms);
        let session = self.stage().stop()?;
        let stopped = match session {
            Some(session) => {
                let (reply, answer) = oneshot::channel();
                let sent = session.send(Command::Stop { deadline, reply }).await;
                sent.is_ok() && answer.await.is_ok()
            }
            None => false,
        };
        if !stopped {
            self.quit();
        }
        Ok(Response::new(v1::StopResponse {}))
    }
}

fn initialize<S: Source>(
    request: v1::InitializeRequest,
    greeting: Greeting,
    redactor: &Arc<Redactor>,
) -> Result<Initialized<S>, Vec<Diagnostic>> {
    let v1::InitializeRequest {
        config,
        secrets,
        base_dir,
        source_name,
    } = request;
    let config = config::read::<S::Config>(&config, &secrets)?;
    let context = Context {
        source_name,
        base_dir: PathBuf::from(base_dir),
        instance_id: greeting.instance_id,
    };
    let source = caught_call(|| S::new(config, &context)).unwrap_or_else(|problem| Err(vec![fault(&problem)]));
    let source = source.map_err(at_least_one)?;
    let scopes = || match S::PARTS {
        Parts::Fixed => Some(source.scopes()),
        Parts::Discovered => None,
    };
    let said = caught_call(|| (scopes(), source.resync()));
    let (scopes, resync) = said.map_err(|problem| vec![fault(&problem)])?;
    if let Some(scopes) = &scopes {
        check_scopes(scopes)?;
    }
    Ok(Initialized {
        scopes: scopes.unwrap_or_default(),
        source,
        resync,
        redactor: Arc::clone(redactor),
        limits: greeting.limits,
    })
}

/// A refusal without a reason would look like success.
fn at_least_one(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity() == Severity::Error)
    {
        return diagnostics;
    }
    let nameless = Diagnostic::error("", "the source refused the configuration and did not say why");
    diagnostics.into_iter().chain([nameless.code(Code::Internal)]).collect()
}

fn check_scopes(scopes: &[Scope]) -> Result<(), Vec<Diagnostic>> {
    let distinct: BTreeSet<&Scope> = scopes.iter().collect();
    if scopes.is_empty() || distinct.len() != scopes.len() || !scopes.iter().all(Scope::is_valid) {
        let summary = "the source has a fault: its scopes are none, repeated or longer than 256 bytes";
        return Err(vec![Diagnostic::error("", summary).code(Code::Internal)]);
    }
    Ok(())
}

fn fault(problem: &Problem) -> Diagnostic {
    Diagnostic::error("", problem.message())
        .code(Code::Internal)
        .detail(problem.details())
}

fn to_wire(diagnostics: Vec<Diagnostic>, redactor: &Redactor) -> Vec<v1::Diagnostic> {
    diagnostics
        .into_iter()
        .map(|diagnostic| diagnostic.into_wire(|text| redactor.clean(text)))
        .collect()
}

fn session_over() -> Status {
    Status::failed_precondition("the session is over")
}
