//! A host that keeps nothing: it starts a plugin, agrees with it on what it must, takes in one listing, counts and drops.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use k1s_source_proto::limits::NONCE_BYTES;
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::{self, Begin, HandshakeRequest, HostMessage, InitializeRequest, Ready, begin, event};
use k1s_source_proto::{ADDR_VARIABLE, NONCE_VARIABLE, PROTOCOL_MAJORS};
use serde::{Deserialize, Serialize};
use tokio::time::{interval, timeout};
use tonic::Streaming;
use tonic::transport::Channel;

use crate::bare;
use crate::cost::{Cost, Stopwatch, Whose, peak_memory};

const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];
/// Longest wait for the plugin to listen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a try to connect the next is made.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// What arrived.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Discarded {
    /// What it cost this process, from the call that starts the session to the end of the listing.
    pub cost: Cost,
    /// Objects that arrived.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most memory the plugin had, in bytes.
    pub plugin_peak: Option<u64>,
}

/// Starts a plugin over a folder and drops everything that it lists.
///
/// # Errors
/// When it cannot be started or talked to, or does not list everything.
pub async fn discard(plugin: &Path, folder: &Path) -> anyhow::Result<Discarded> {
    let directory = tempfile::Builder::new().prefix("k").tempdir()?;
    let socket = directory.path().join("s");
    let plugin = Plugin::start(plugin, &socket, directory.path())?;
    let mut client = timeout(PATIENCE, connect(&socket))
        .await
        .context("the plugin does not listen")?;
    agree(&mut client, folder).await?;
    let watch = Stopwatch::start(Whose::Own)?;
    let begin = Begin {
        mode: begin::Mode::Once.into(),
        ..Begin::default()
    };
    let opening =
        [ToSource::Begin(begin), ToSource::Ready(Ready {})].map(|message| HostMessage { message: Some(message) });
    // A stream that goes on: its end would be the host's.
    let opening = tokio_stream::StreamExt::chain(tokio_stream::iter(opening), tokio_stream::pending());
    let mut taken = Taken::default();
    taken.listing(client.start(opening).await?.into_inner()).await?;
    Ok(Discarded {
        cost: watch.stop()?,
        objects: taken.objects,
        bytes: taken.bytes,
        plugin_peak: peak_memory(plugin.0.id()),
    })
}

/// A plugin's process. Dropping it kills it.
struct Plugin(Child);

impl Plugin {
    fn start(program: &Path, socket: &Path, directory: &Path) -> anyhow::Result<Self> {
        let nonce: String = NONCE.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut command = Command::new(program);
        command
            .env(ADDR_VARIABLE, format!("unix:{}", socket.display()))
            .env(NONCE_VARIABLE, nonce)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self(child))
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Fails only if the process has ended, which is what is wanted.
        if self.0.kill().is_ok() {
            self.0.wait().ok();
        }
    }
}

async fn connect(socket: &Path) -> SourceClient<Channel> {
    // A socket that is not there yet tells nobody when it is.
    let mut tries = interval(BETWEEN_TRIES);
    loop {
        tries.tick().await;
        if let Ok(client) = bare::connect(socket).await {
            return client;
        }
    }
}

async fn agree(client: &mut SourceClient<Channel>, folder: &Path) -> anyhow::Result<()> {
    let handshake = HandshakeRequest {
        protocol_majors: PROTOCOL_MAJORS.to_vec(),
        nonce: NONCE.to_vec().into(),
        instance_id: "bench".to_owned(),
        epoch: 1,
        ..HandshakeRequest::default()
    };
    client.handshake(handshake).await?;
    let config = serde_json::json!({"path": folder});
    let initialize = InitializeRequest {
        config: config.to_string().into_bytes().into(),
        base_dir: "/".to_owned(),
        source_name: "files".to_owned(),
        ..InitializeRequest::default()
    };
    let diagnostics = client.initialize(initialize).await?.into_inner().diagnostics;
    ensure!(diagnostics.is_empty(), "{diagnostics:?}");
    Ok(())
}

/// What of a listing has arrived.
#[derive(Default)]
struct Taken {
    objects: u64,
    bytes: u64,
}

impl Taken {
    /// Takes in a stream up to the end of its listing, which has to be everything that was sent.
    async fn listing(&mut self, mut stream: Streaming<v1::SourceMessage>) -> anyhow::Result<()> {
        while let Some(message) = stream.message().await? {
            match message.message {
                Some(Message::Batch(batch)) => batch.events.iter().try_for_each(|event| self.event(event))?,
                Some(Message::Problem(problem)) => bail!("the plugin reports {problem:?}"),
                Some(Message::SnapshotEnd(end)) => return self.ensure_all(&end),
                Some(
                    Message::SnapshotBegin(_)
                    | Message::Heartbeat(_)
                    | Message::Live(_)
                    | Message::Progress(_)
                    | Message::Log(_)
                    | Message::KindInfo(_),
                )
                | None => {}
                Some(
                    other @ (Message::Drained(_) | Message::ScopeGone(_) | Message::Redact(_) | Message::Metric(_)),
                ) => bail!("not in a first listing: {other:?}"),
            }
        }
        Err(io::Error::from(io::ErrorKind::UnexpectedEof)).context("the stream ended before its listing")
    }

    fn event(&mut self, event: &v1::Event) -> anyhow::Result<()> {
        let Some(event::Change::Upsert(upsert)) = &event.change else {
            bail!("not an object: {event:?}");
        };
        self.objects += 1;
        self.bytes += upsert.object.len() as u64;
        Ok(())
    }

    fn ensure_all(&self, end: &v1::SnapshotEnd) -> anyhow::Result<()> {
        let is_complete = end.outcome() == v1::snapshot_end::Outcome::Complete;
        let counted = end.counts.unwrap_or_default().upserts;
        ensure!(
            is_complete && counted == self.objects,
            "{} of {counted} objects, {end:?}",
            self.objects
        );
        Ok(())
    }
}
