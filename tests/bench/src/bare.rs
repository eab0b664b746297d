//! The yardstick of a stream: a bare tonic stream of the same messages from one process to another, over a Unix socket
//! with the product's windows and frames, whose sink hashes each object.
//!
//! No SDK, no session, no digest, no store. The messages are made before the stream is asked for.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hyper_util::rt::TokioIo;
use k1s_source_proto::limits::{
    BATCH_EVENTS, CONNECTION_WINDOW_BYTES, FRAME_BYTES, MESSAGE_BYTES, STREAM_WINDOW_BYTES,
};
use k1s_source_proto::v1;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_source_proto::v1::source_server::{Source, SourceServer};
use k1s_tests::program;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tower::service_fn;

use crate::cost::{Cost, Stopwatch, Whose};
use crate::objects;

/// What a server prints when it listens.
const READY: &str = "ready";
/// The longest time a server may take to make its messages.
const PREPARATION: Duration = Duration::from_secs(300);

/// What a sink took in.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Streamed {
    /// What it cost this process, from the request to the end of the stream.
    pub cost: Cost,
    /// Objects whose hash was what the message said.
    pub objects: u64,
}

/// Messages of up to [`BATCH_EVENTS`] events, as a source sends them in one listing.
pub fn messages(objects: u64) -> impl Iterator<Item = v1::SourceMessage> {
    let step = BATCH_EVENTS as u64;
    (0..objects.div_ceil(step)).map(move |index| {
        let numbers = index * step..objects.min((index + 1) * step);
        let batch = v1::Batch {
            seq: index + 1,
            generation: Some(1),
            events: numbers.map(objects::event).collect(),
            ..v1::Batch::default()
        };
        v1::SourceMessage {
            message: Some(v1::source_message::Message::Batch(batch)),
        }
    })
}

/// Answers the first `Start` with the messages of so many objects, and serves until the process ends.
///
/// # Errors
/// When the socket cannot be bound, or the server fails.
pub async fn serve(socket: &Path, objects: u64) -> anyhow::Result<()> {
    let messages: Vec<Sent> = messages(objects).map(Ok).collect();
    let listener = UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
    println!("{READY}");
    let messages = Mutex::new(Some(messages));
    let service = SourceServer::new(Bare { messages }).max_encoding_message_size(MESSAGE_BYTES);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .add_service(service)
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await?;
    Ok(())
}

/// Starts a server as a process of its own, takes in what it sends and hashes each object.
///
/// # Errors
/// When the server does not come up, a hash is not what the message says, or not every object arrives.
pub async fn receive(server: &mut Command, socket: &Path, objects: u64) -> anyhow::Result<Streamed> {
    let mut server = program::start(server)?;
    server.until_printed(READY, PREPARATION)?;
    let mut client = connect(socket).await?;
    let watch = Stopwatch::start(Whose::Own)?;
    let mut stream = client.start(tokio_stream::empty()).await?.into_inner();
    let mut taken = 0;
    while let Some(message) = stream.message().await? {
        taken += hashed(message)?;
    }
    let cost = watch.stop()?;
    ensure!(taken == objects, "{taken} of {objects} objects arrived");
    Ok(Streamed { cost, objects: taken })
}

/// Hashes the objects of a message and returns how many there were.
fn hashed(message: v1::SourceMessage) -> anyhow::Result<u64> {
    let Some(v1::source_message::Message::Batch(batch)) = message.message else {
        return Ok(0);
    };
    let mut count = 0;
    for event in batch.events {
        if let Some(v1::event::Change::Upsert(upsert)) = event.change {
            let hash = Sha256::digest(&upsert.object);
            ensure!(upsert.content_hash == *hash, "the hash of {:?} is another", event.key);
            count += 1;
        }
    }
    Ok(count)
}

/// Connects with the product's windows and frames.
pub(crate) async fn connect(socket: &Path) -> anyhow::Result<SourceClient<Channel>> {
    let stream = UnixStream::connect(socket).await?;
    let mut once = Some(TokioIo::new(stream));
    let connector = service_fn(move |_| {
        let stream = once.take().ok_or_else(|| io::Error::other("the connection is gone"));
        std::future::ready(stream)
    });
    let channel = Endpoint::from_static("http://plugin.k1s.invalid")
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .connect_with_connector(connector)
        .await?;
    Ok(SourceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES))
}

type Sent = Result<v1::SourceMessage, Status>;

/// A server that only streams, and only once: a second copy of the messages would be made while the time runs.
struct Bare {
    messages: Mutex<Option<Vec<Sent>>>,
}

#[tonic::async_trait]
impl Source for Bare {
    type StartStream = tokio_stream::Iter<std::vec::IntoIter<Sent>>;

    async fn start(&self, _: Request<Streaming<v1::HostMessage>>) -> Result<Response<Self::StartStream>, Status> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner).take();
        let messages = messages.ok_or_else(|| Status::failed_precondition("the messages were sent"))?;
        Ok(Response::new(tokio_stream::iter(messages)))
    }

    async fn handshake(&self, _: Request<v1::HandshakeRequest>) -> Result<Response<v1::HandshakeResponse>, Status> {
        Err(only_streams())
    }

    async fn describe(&self, _: Request<v1::DescribeRequest>) -> Result<Response<v1::DescribeResponse>, Status> {
        Err(only_streams())
    }

    async fn validate(&self, _: Request<v1::ValidateRequest>) -> Result<Response<v1::ValidateResponse>, Status> {
        Err(only_streams())
    }

    async fn initialize(&self, _: Request<v1::InitializeRequest>) -> Result<Response<v1::InitializeResponse>, Status> {
        Err(only_streams())
    }

    async fn sync(&self, _: Request<v1::SyncRequest>) -> Result<Response<v1::SyncResponse>, Status> {
        Err(only_streams())
    }

    async fn stop(&self, _: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        Err(only_streams())
    }
}

fn only_streams() -> Status {
    Status::unimplemented("this server only streams")
}
