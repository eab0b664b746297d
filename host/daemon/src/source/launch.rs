//! From an executable to a source that is ready for its session: start, prove who answers, agree, configure.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::ffi::OsString;
use std::time::Duration;

use k1s_crash::{Point, pass};
use k1s_process::{Child, Environment, LaunchSpec, Limits, SpawnError};
use k1s_source_proto::{PROTOCOL_MAJORS, features, limits, v1};
use k1s_sync_engine::id::Epoch;
use k1s_sync_engine::policy::Identity;
use k1s_sync_engine::problem::{Level, Problem, ProblemCode, Retry};
use k1s_sync_engine::session;
use tokio::time::Instant;
use tonic::Status;

use super::actor::Host;
use super::configuration::{self, Prepared};
use super::logs::Echo;
use crate::config::{PluginRef, SourceSettings};
use crate::transport::{Connections, DialError, Hearing, Parting, capability, diagnostic, dial};

/// A source that is ready for its session.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) connections: Connections,
    pub(super) capabilities: BTreeSet<session::Capability>,
    pub(super) limits: session::Limits,
    /// How often the plugin wants to be listed, if it says so.
    pub(super) resync: Option<Duration>,
    /// Fingerprint of the fields of its configuration that select.
    pub(super) selection: u64,
    /// The fields of its configuration that say which place it is.
    pub(super) identity: Identity,
    /// The plugin's own name.
    pub(super) name: String,
    /// The plugin's word for the kind of place it reads.
    pub(super) source_type: String,
    /// The plugin's word for its release.
    pub(super) version: String,
}

/// A process of a plugin with what it prints.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) echo: Echo,
}

/// Starts the process.
pub(super) async fn spawn(host: &Host, settings: &SourceSettings, plugin: &PluginRef) -> Result<Process, Problem> {
    let declared = plugin
        .env
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let environment = Environment::allowed_from(std::env::vars_os(), &declared)
        .map_err(|error| refused(ProblemCode::ConfigInvalid, error.to_string()))?;
    let spec = LaunchSpec {
        program: plugin.program.clone(),
        args: plugin.args.iter().map(OsString::from).collect(),
        environment,
        limits: Limits::default(),
    };
    match host.spawner.spawn(spec, &host.runtime_directory).await {
        Ok((child, lines)) => Ok(Process {
            child,
            echo: Echo::new(settings, lines),
        }),
        Err(error) => {
            let problem = spawn_problem(&error);
            tell_full(host, error).await;
            Err(problem)
        }
    }
}

/// A full disk on which the store is, too, is an outage of the store and no fault of the source.
async fn tell_full(host: &Host, error: SpawnError) {
    let Some((path, cause)) = error.into_full() else { return };
    if path.starts_with(&host.data_directory)
        && let Err(error) = host.writer.lose(path, cause).await
    {
        tracing::debug!("the store was closed before it heard that its disk is full: {error}");
    }
}

/// Agrees with the process on everything the session needs, within the start deadline.
pub(super) async fn prepare(
    host: &Host,
    settings: &SourceSettings,
    process: &mut Process,
    epoch: Epoch,
) -> Result<Ready, Problem> {
    let within = settings.timing.start_deadline;
    let deadline = Instant::now() + within;
    tokio::time::timeout_at(deadline, agree(host, settings, process, epoch, deadline))
        .await
        .unwrap_or_else(|_| {
            let message = format!("the plugin was not ready within {within:?}; see its log, or raise startDeadline");
            Err(Problem::with_source(ProblemCode::StartTimeout, message))
        })
}

async fn agree(
    host: &Host,
    settings: &SourceSettings,
    process: &mut Process,
    epoch: Epoch,
    deadline: Instant,
) -> Result<Ready, Problem> {
    let Process { child, echo } = process;
    let nonce = child.nonce().as_str().to_owned();
    let mut connections = echo
        .during(dial(child, deadline))
        .await
        .map_err(|error| dial_problem(error, settings))?;
    pass(Point::H1);
    let (limits, description) = echo.during(introduce(host, &mut connections, &nonce, epoch)).await?;
    let variable = |name: &str| std::env::var(name).ok();
    let prepared = configuration::prepare(
        &settings.config,
        &description.config_schema,
        &settings.base_dir,
        &variable,
    )
    .map_err(|error| refused(ProblemCode::ConfigInvalid, error.to_string()))?;
    let (selection, identity) = (prepared.selection, prepared.identity.clone());
    // Before the plugin knows its secrets, so that it can never print one.
    echo.redaction.add(prepared.secrets.values().map(|secret| &**secret));
    let resync = echo.during(configure(settings, &mut connections, prepared)).await?;
    Ok(Ready {
        connections,
        capabilities: description
            .capabilities
            .iter()
            .filter_map(|code| capability(*code))
            .collect(),
        limits,
        resync: resync.or(interval(description.default_resync_ms)),
        selection,
        identity,
        name: description.name,
        source_type: description.r#type,
        version: description.version,
    })
}

async fn introduce(
    host: &Host,
    connections: &mut Connections,
    nonce: &str,
    epoch: Epoch,
) -> Result<(session::Limits, v1::DescribeResponse), Problem> {
    let limits = handshake(host, connections, nonce, epoch).await?;
    let described = connections.control.describe(v1::DescribeRequest {}).await;
    Ok((
        limits,
        described
            .map_err(|status| failed("Describe", &status, &connections.hearing))?
            .into_inner(),
    ))
}

async fn handshake(
    host: &Host,
    connections: &mut Connections,
    nonce: &str,
    epoch: Epoch,
) -> Result<session::Limits, Problem> {
    let known = features::ALL.iter().map(|name| v1::Feature {
        name: (*name).to_owned(),
        required: false,
    });
    let request = v1::HandshakeRequest {
        protocol_majors: PROTOCOL_MAJORS.to_vec(),
        features: known.collect(),
        nonce: nonce_bytes(nonce).into(),
        limits: Some(wire_limits()),
        instance_id: host.instance_id.to_string(),
        epoch: epoch.get(),
        host_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let expected = request.nonce.clone();
    let answer = connections
        .control
        .handshake(request)
        .await
        .map_err(|status| failed("Handshake", &status, &connections.hearing))?;
    let answer = answer.into_inner();
    if answer.nonce != expected {
        return Err(Problem::with_source(
            ProblemCode::PeerMismatch,
            "the process that answered does not know the nonce of this launch",
        ));
    }
    if !PROTOCOL_MAJORS.contains(&answer.protocol_major) {
        let message = format!(
            "the plugin speaks versions {:?} of the contract, the host {PROTOCOL_MAJORS:?}",
            answer.supported_majors
        );
        return Err(refused(ProblemCode::Unsupported, message));
    }
    let unmet = features::unmet(&answer.features, features::ALL);
    if !unmet.is_empty() {
        let message = format!("the plugin requires {unmet:?}, the host knows {:?}", features::ALL);
        return Err(refused(ProblemCode::Unsupported, message));
    }
    Ok(agreed_limits(answer.limits.unwrap_or_default()))
}

async fn configure(
    settings: &SourceSettings,
    connections: &mut Connections,
    prepared: Prepared,
) -> Result<Option<Duration>, Problem> {
    let request = v1::ValidateRequest {
        config: prepared.config.clone(),
        probe: false,
        secrets: Default::default(),
    };
    let validated = connections
        .control
        .validate(request)
        .await
        .map_err(|status| failed("Validate", &status, &connections.hearing))?;
    accept(settings, &validated.into_inner().diagnostics)?;
    let request = v1::InitializeRequest {
        config: prepared.config,
        secrets: prepared.secrets,
        base_dir: settings.base_dir.to_string_lossy().into_owned(),
        source_name: settings.name.to_string(),
    };
    let initialized = connections
        .control
        .initialize(request)
        .await
        .map_err(|status| failed("Initialize", &status, &connections.hearing))?;
    let initialized = initialized.into_inner();
    accept(settings, &initialized.diagnostics)?;
    Ok(interval(initialized.resync_ms))
}

/// An interval as on the wire, where 0 is none.
fn interval(milliseconds: u64) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

/// Warnings are logged; errors refuse the launch until the configuration changes.
fn accept(settings: &SourceSettings, diagnostics: &[v1::Diagnostic]) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for found in diagnostics {
        let place = settings.origin.place(&format!("/config{}", found.pointer));
        let line = match place {
            Some(place) => format!("{place}: {}", diagnostic(found)),
            None => diagnostic(found),
        };
        match v1::diagnostic::Severity::try_from(found.severity) {
            Ok(v1::diagnostic::Severity::Warning) => tracing::warn!(source = %settings.name, "{line}"),
            Ok(v1::diagnostic::Severity::Error | v1::diagnostic::Severity::Unspecified) | Err(_) => errors.push(line),
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(refused(ProblemCode::ConfigInvalid, errors.join("\n")))
    }
}

fn wire_limits() -> v1::Limits {
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    v1::Limits {
        max_message_bytes: size(limits::MESSAGE_BYTES),
        max_batch_events: size(limits::BATCH_EVENTS),
        max_batch_bytes: size(limits::BATCH_BYTES),
        max_object_bytes: size(limits::OBJECT_BYTES),
        max_token_bytes: size(limits::TOKEN_BYTES),
    }
}

/// The host's limits, lowered where the plugin asked for it.
fn agreed_limits(asked: v1::Limits) -> session::Limits {
    let own = session::Limits::default();
    let lower = |own: usize, asked: u32| match usize::try_from(asked) {
        Ok(0) | Err(_) => own,
        Ok(asked) => own.min(asked),
    };
    session::Limits {
        batch_events: lower(own.batch_events, asked.max_batch_events),
        batch_bytes: lower(own.batch_bytes, asked.max_batch_bytes),
        object_bytes: lower(own.object_bytes, asked.max_object_bytes),
        token_bytes: lower(own.token_bytes, asked.max_token_bytes),
        ..own
    }
}

/// The nonce is 64 hexadecimal digits, made by this host.
fn nonce_bytes(nonce: &str) -> Vec<u8> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .unwrap_or(0)
    };
    nonce
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |value, byte| (value << 4) | digit(byte)))
        .collect()
}

/// A problem that only another configuration or another plugin solves.
pub(super) fn refused(code: ProblemCode, message: String) -> Problem {
    Problem {
        code,
        level: Level::Source,
        retry: Retry::OnConfigChange,
        message,
        detail: String::new(),
    }
}

/// Why a call failed: what the plugin answered, that it went away, or that it broke the protocol below the contract, of which
/// the status says nothing that could be relied on.
pub(super) fn failed(call: &str, status: &Status, hearing: &Hearing) -> Problem {
    let was_answered = status.source().is_none();
    let (code, what) = match hearing.parting() {
        _ if was_answered => (ProblemCode::Crashed, ""),
        Parting::Left => (ProblemCode::Crashed, ""),
        Parting::None | Parting::Nonsense => (ProblemCode::ProtocolViolation, "the plugin does not speak HTTP/2: "),
    };
    let message = format!("{what}{call} failed: {}: {}", status.code(), status.message());
    Problem::with_source(code, message)
}

fn spawn_problem(error: &SpawnError) -> Problem {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Problem::with_source(ProblemCode::Crashed, format!("{error}{cause}"))
}

fn dial_problem(error: DialError, settings: &SourceSettings) -> Problem {
    match error {
        // How is added when it is reaped.
        DialError::Exited(_) => Problem::with_source(ProblemCode::Crashed, "the plugin ended before it listened"),
        DialError::Late(cause) => Problem::with_source(
            ProblemCode::StartTimeout,
            format!(
                "the plugin did not listen within {:?} ({cause}); see its log, or raise startDeadline",
                settings.timing.start_deadline
            ),
        ),
        DialError::Closed(cause) => Problem::with_source(
            ProblemCode::Crashed,
            format!("the plugin closed its connection: {cause}"),
        ),
        DialError::Peer(cause) => Problem::with_source(ProblemCode::PeerMismatch, cause.to_string()),
        DialError::Protocol(cause) => Problem::with_source(
            ProblemCode::ProtocolViolation,
            format!("the plugin does not speak HTTP/2: {cause}"),
        ),
    }
}

/// A crash with the end of what the process printed.
pub(super) fn crashed(message: &str, report: &k1s_process::ExitReport) -> Problem {
    const SHOWN: usize = 2048;
    let text = String::from_utf8_lossy(&report.last_output);
    let start = text.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
    Problem {
        detail: text.get(start..).unwrap_or_default().trim_end().to_owned(),
        ..Problem::with_source(ProblemCode::Crashed, message)
    }
}
