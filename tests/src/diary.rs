//! A source that wants to know what is durable, and keeps a diary of what it was told of that.
//!
//! It speaks the contract itself, for the SDK has no use for acknowledgements: one listing of [`BATCHES`] batches with
//! [`OBJECTS`] ConfigMaps each, whose content is the process that sent them. It waits for an acknowledgement whenever two
//! batches are without one, so that commits and batches alternate.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process;

use anyhow::Context as _;
use k1s_object::{ContentHash, Key};
use k1s_source_proto::v1::host_message::Message as Said;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::source_server::{Source, SourceServer};
use k1s_source_proto::{ADDR_VARIABLE, NONCE_VARIABLE, PROTOCOL_MAJOR, SnapshotDigest, v1};
use tokio::net::UnixListener;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// The program's name.
pub const SOURCE: &str = "k1s-diary-source";
/// Batches in the listing.
pub const BATCHES: u64 = 40;
/// Objects in a batch.
pub const OBJECTS: u64 = 5;
/// The variable that names the diary.
pub const DIARY: &str = "K1S_DIARY";
/// Batches that may be without acknowledgement.
const UNACKNOWLEDGED: u64 = 2;
/// Messages that wait to be sent.
const OUTBOUND: usize = 4;

/// What a diary says: by process, the last batch that it was told is durable.
///
/// # Errors
/// When it cannot be read, or an entry is not one. What was not written to its end is not there.
pub fn read(diary: &Path) -> anyhow::Result<BTreeMap<u32, u64>> {
    let text = std::fs::read_to_string(diary)?;
    let mut through_by_process = BTreeMap::new();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let (process, through) = line.split_once(' ').with_context(|| line.to_owned())?;
        through_by_process.insert(process.parse()?, through.parse()?);
    }
    Ok(through_by_process)
}

/// The key of an object of a batch, from 1.
#[must_use]
pub fn key(batch: u64, object: u64) -> Key {
    Key::new("", "ConfigMap", "diary", &format!("entry-{batch}-{object}"))
}

/// Serves until the host closes standard input or stops the source.
///
/// # Errors
/// When the process was not started by a host, or the server fails.
pub fn serve() -> anyhow::Result<()> {
    let variable = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
    let address = variable(ADDR_VARIABLE)?;
    let path = address.strip_prefix("unix:").context("an address of a Unix socket")?;
    let diary = PathBuf::from(variable(DIARY)?);
    let nonce = variable(NONCE_VARIABLE)?;
    let digits = nonce
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16));
    let nonce = digits.collect::<Result<Vec<u8>, _>>()?;
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        process::exit(0)
    });
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let service = SourceServer::new(Diarist { nonce, diary });
            let listener = UnixListenerStream::new(UnixListener::bind(path)?);
            Ok(Server::builder()
                .add_service(service)
                .serve_with_incoming(listener)
                .await?)
        })
}

struct Diarist {
    nonce: Vec<u8>,
    diary: PathBuf,
}

type Sent = Result<v1::SourceMessage, Status>;

#[tonic::async_trait]
impl Source for Diarist {
    type StartStream = Pin<Box<dyn Stream<Item = Sent> + Send>>;

    async fn handshake(&self, _: Request<v1::HandshakeRequest>) -> Result<Response<v1::HandshakeResponse>, Status> {
        Ok(Response::new(v1::HandshakeResponse {
            protocol_major: PROTOCOL_MAJOR,
            supported_majors: vec![PROTOCOL_MAJOR],
            nonce: self.nonce.clone().into(),
            ..v1::HandshakeResponse::default()
        }))
    }

    async fn describe(&self, _: Request<v1::DescribeRequest>) -> Result<Response<v1::DescribeResponse>, Status> {
        let capabilities = [
            v1::Capability::Snapshot,
            v1::Capability::Watch,
            v1::Capability::WantsAcks,
        ];
        Ok(Response::new(v1::DescribeResponse {
            r#type: "diary".to_owned(),
            config_schema: "{}".to_owned(),
            capabilities: capabilities.map(Into::into).to_vec(),
            ..v1::DescribeResponse::default()
        }))
    }

    async fn validate(&self, _: Request<v1::ValidateRequest>) -> Result<Response<v1::ValidateResponse>, Status> {
        Ok(Response::new(v1::ValidateResponse::default()))
    }

    async fn initialize(&self, _: Request<v1::InitializeRequest>) -> Result<Response<v1::InitializeResponse>, Status> {
        Ok(Response::new(v1::InitializeResponse::default()))
    }

    async fn start(&self, request: Request<Streaming<v1::HostMessage>>) -> Result<Response<Self::StartStream>, Status> {
        let (send, messages) = mpsc::channel(OUTBOUND);
        let (inbound, diary) = (request.into_inner(), self.diary.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Err(error) = list(inbound, &diary, send).await {
                eprintln!("{error:#}");
            }
        });
        // The task ends with the stream that holds it.
        let stream = ReceiverStream::new(messages).map(move |message| {
            let _held = &task;
            Ok(v1::SourceMessage { message: Some(message) })
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn sync(&self, _: Request<v1::SyncRequest>) -> Result<Response<v1::SyncResponse>, Status> {
        Err(Status::unimplemented("there is one listing"))
    }

    async fn stop(&self, _: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        process::exit(0)
    }
}

/// Sends the listing, and writes down every acknowledgement.
async fn list(
    mut inbound: Streaming<v1::HostMessage>,
    diary: &Path,
    send: mpsc::Sender<Message>,
) -> anyhow::Result<()> {
    let mut diary = OpenOptions::new().append(true).create(true).open(diary)?;
    while !matches!(next(&mut inbound).await?, Said::Ready(_)) {}
    let begin = v1::SnapshotBegin {
        generation: 1,
        root_identity: "diary".to_owned(),
        ..v1::SnapshotBegin::default()
    };
    send.send(Message::SnapshotBegin(begin)).await?;
    let mut digest = SnapshotDigest::new();
    let mut acknowledged = 0;
    for seq in 1..=BATCHES {
        while seq > acknowledged + UNACKNOWLEDGED {
            acknowledged = acknowledgement(&mut inbound, &mut diary).await?;
        }
        send.send(Message::Batch(batch(seq, &mut digest))).await?;
    }
    send.send(Message::SnapshotEnd(v1::SnapshotEnd {
        generation: 1,
        outcome: v1::snapshot_end::Outcome::Complete.into(),
        counts: Some(digest.counts()),
        digest: digest.finish().to_vec().into(),
        ..v1::SnapshotEnd::default()
    }))
    .await?;
    send.send(Message::Live(v1::Live::default())).await?;
    loop {
        acknowledgement(&mut inbound, &mut diary).await?;
    }
}

/// Waits for an acknowledgement and writes it down.
async fn acknowledgement(inbound: &mut Streaming<v1::HostMessage>, diary: &mut std::fs::File) -> anyhow::Result<u64> {
    loop {
        if let Said::Ack(ack) = next(inbound).await? {
            writeln!(diary, "{} {}", process::id(), ack.through_seq)?;
            return Ok(ack.through_seq);
        }
    }
}

async fn next(inbound: &mut Streaming<v1::HostMessage>) -> anyhow::Result<Said> {
    let message = inbound.message().await?.context("the host left")?;
    message.message.context("an empty message")
}

fn batch(seq: u64, digest: &mut SnapshotDigest) -> v1::Batch {
    let events = (1..=OBJECTS).map(|number| {
        let Key { group_kind, namespace, name } = key(seq, number);
        let object = format!(
            r#"{{"apiVersion":"v1","data":{{"process":"{}"}},"kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"{namespace}"}}}}"#,
            process::id()
        );
        let hash = *ContentHash::of(object.as_bytes()).as_bytes();
        let key = v1::Key {
            group: group_kind.group.clone().into(),
            kind: group_kind.kind.clone().into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        digest.upsert(&key, &hash);
        v1::Event {
            key: Some(key),
            change: Some(v1::event::Change::Upsert(v1::Upsert {
                object: object.into(),
                content_hash: hash.to_vec().into(),
            })),
            ..v1::Event::default()
        }
    });
    v1::Batch {
        seq,
        generation: Some(1),
        events: events.collect(),
        ..v1::Batch::default()
    }
}
