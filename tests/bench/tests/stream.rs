//! The replaying source and the bare stream send the same: otherwise one would be no yardstick for the other.

#![forbid(unsafe_code)]

use hyper_util::rt::TokioIo;
use k1s_bench::bare;
use k1s_bench::replay::Replay;
use k1s_source_proto::limits::{MESSAGE_BYTES, NONCE_BYTES};
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::{
    Begin, Event, HandshakeRequest, HostMessage, InitializeRequest, Ready, SourceMessage, begin,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tonic::transport::Endpoint;
use tower::service_fn;

/// Not a multiple of a batch.
const OBJECTS: u64 = 1_300;
const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

fn events(messages: impl IntoIterator<Item = SourceMessage>) -> Vec<Event> {
    let batches = messages.into_iter().filter_map(|message| match message.message {
        Some(Message::Batch(batch)) => Some(batch.events),
        _ => None,
    });
    batches.flatten().collect()
}

/// Serves the source in this process and returns everything it says in one session.
async fn replayed(directory: &TempDir) -> anyhow::Result<Vec<SourceMessage>> {
    let socket = directory.path().join("s");
    let listener = UnixListener::bind(&socket)?;
    // Ends with this function.
    let mut served = JoinSet::new();
    served.spawn(k1s_source::serve_on::<Replay>(listener, NONCE));
    let mut stream = Some(TokioIo::new(UnixStream::connect(&socket).await?));
    let connector = service_fn(move |_| std::future::ready(stream.take().ok_or(std::fmt::Error)));
    let endpoint = Endpoint::from_static("http://source.invalid");
    let channel = endpoint.connect_with_connector(connector).await?;
    let mut client = SourceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
    let handshake = HandshakeRequest {
        protocol_majors: vec![1],
        nonce: NONCE.to_vec().into(),
        instance_id: "instance".to_owned(),
        epoch: 1,
        ..HandshakeRequest::default()
    };
    client.handshake(handshake).await?;
    let config = json!({"objects": OBJECTS, "begun": directory.path().join("begun")});
    let initialize = InitializeRequest {
        config: config.to_string().into_bytes().into(),
        base_dir: "/".to_owned(),
        source_name: "replay".to_owned(),
        ..InitializeRequest::default()
    };
    let initialized = client.initialize(initialize).await?.into_inner();
    assert_eq!(initialized.diagnostics, []);
    let begin = Begin {
        mode: begin::Mode::Once.into(),
        ..Begin::default()
    };
    let opening =
        [ToSource::Begin(begin), ToSource::Ready(Ready {})].map(|message| HostMessage { message: Some(message) });
    // A stream that goes on: its end would be the host's.
    let opening = tokio_stream::StreamExt::chain(tokio_stream::iter(opening), tokio_stream::pending());
    let mut stream = client.start(opening).await?.into_inner();
    let mut said = Vec::new();
    while let Some(message) = stream.message().await? {
        let is_last = matches!(message.message, Some(Message::SnapshotEnd(_)));
        said.push(message);
        if is_last {
            break;
        }
    }
    Ok(said)
}

#[tokio::test]
async fn both_send_the_same_events() -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let replayed = events(replayed(&directory).await?);
    assert_eq!(replayed.len() as u64, OBJECTS);
    assert!(replayed == events(bare::messages(OBJECTS)), "the events differ");
    let begun = std::fs::read_to_string(directory.path().join("begun"))?;
    assert!(begun.parse::<u64>()? > 0);
    Ok(())
}
