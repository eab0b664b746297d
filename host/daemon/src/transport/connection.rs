//! Two HTTP/2 connections to one plugin: data for the session, control for everything else.
//!
//! A tonic channel reconnects by itself. These must not: a second process at the socket would be a stranger, so each
//! connector gives its stream once and refuses ever after, which ends the session.

use std::io;

use super::hearing::{Heard, Hearing, Parting};
use hyper_util::rt::TokioIo;
use k1s_process::{Child, ConnectOutcome, ExitReport, PeerError, connect, verify_peer};
use k1s_source_proto::limits::{CONNECTION_WINDOW_BYTES, FRAME_BYTES, MESSAGE_BYTES, STREAM_WINDOW_BYTES};
use k1s_source_proto::v1::source_client::SourceClient;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// The two connections of a launch.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Carries only the session.
    pub(crate) data: SourceClient<Channel>,
    /// Carries every other call.
    pub(crate) control: SourceClient<Channel>,
    /// What was heard on the control connection.
    pub(crate) hearing: Hearing,
}

/// Why no connection came about.
#[derive(Debug, Error)]
pub(crate) enum DialError {
    #[error("the plugin ended before it listened: {}", .0.status)]
    Exited(Box<ExitReport>),
    #[error("the plugin did not listen in time: {0}")]
    Late(#[source] io::Error),
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error("the plugin does not speak HTTP/2: {0}")]
    Protocol(#[source] tonic::transport::Error),
    #[error("the plugin closed its connection: {0}")]
    Closed(#[source] tonic::transport::Error),
}

/// Connects twice, each time making sure of who answers.
pub(crate) async fn dial(child: &mut Child, deadline: Instant) -> Result<Connections, DialError> {
    let (control, hearing) = Heard::new(stream(child, deadline).await?);
    let failed = |error| match hearing.parting() {
        Parting::Nonsense => DialError::Protocol(error),
        // Nothing but a stream that takes no bytes keeps a connection from coming about.
        Parting::None | Parting::Left => DialError::Closed(error),
    };
    let control = client(control).await.map_err(failed)?;
    let data = client(stream(child, deadline).await?).await.map_err(failed)?;
    Ok(Connections { data, control, hearing })
}

async fn stream(child: &mut Child, deadline: Instant) -> Result<UnixStream, DialError> {
    match connect(child, deadline).await {
        ConnectOutcome::Connected(stream) => {
            verify_peer(&stream, child)?;
            Ok(stream)
        }
        ConnectOutcome::Exited(report) => Err(DialError::Exited(report)),
        ConnectOutcome::DeadlinePassed { last_error } => Err(DialError::Late(last_error)),
    }
}

/// Speaks HTTP/2 over a stream that is connected.
pub(crate) async fn client<S>(stream: S) -> Result<SourceClient<Channel>, tonic::transport::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut once = Some(TokioIo::new(stream));
    let connector = service_fn(move |_| {
        let stream = once
            .take()
            .ok_or_else(|| io::Error::other("the connection to the plugin is gone"));
        std::future::ready(stream)
    });
    // The name is never resolved; it only gives the requests a legal authority.
    let endpoint = Endpoint::from_static("http://plugin.k1s.invalid")
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES);
    let channel = endpoint.connect_with_connector(connector).await?;
    Ok(SourceClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES))
}
