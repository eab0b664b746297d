//! Waits for a child to listen on its socket, and notices at once when it never will.

use std::io;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

use crate::child::Child;
use crate::exit::ExitReport;

/// The pause after the first attempt; it doubles with each.
pub const CONNECT_BACKOFF_FIRST: Duration = Duration::from_millis(1);
/// The longest pause between two attempts.
pub const CONNECT_BACKOFF_LAST: Duration = Duration::from_millis(50);

/// How waiting for a child's socket ended.
#[derive(Debug)]
pub enum ConnectOutcome {
    /// The child, or somebody in its place, accepts connections; [`verify_peer`](crate::verify_peer) tells which.
    Connected(UnixStream),
    /// The child ended before it listened.
    Exited(Box<ExitReport>),
    /// The deadline passed; the child still runs.
    DeadlinePassed {
        /// Why the last attempt failed.
        last_error: io::Error,
    },
}

/// Connects to the socket of `child`, trying again after 1, 2, 4 … 50 ms until `deadline`. Safe to cancel.
pub async fn connect(child: &mut Child, deadline: Instant) -> ConnectOutcome {
    let socket = child.socket_path().to_owned();
    let mut pause = CONNECT_BACKOFF_FIRST;
    let mut last_error = io::Error::from(io::ErrorKind::TimedOut);
    loop {
        let attempt = async {
            match UnixStream::connect(&socket).await {
                Ok(stream) => Ok(stream),
                Err(error) => {
                    last_error = error;
                    sleep(pause).await;
                    Err(())
                }
            }
        };
        let step = async {
            tokio::select! {
                biased;
                report = child.wait() => Some(ConnectOutcome::Exited(Box::new(report))),
                connected = attempt => connected.ok().map(ConnectOutcome::Connected),
            }
        };
        match timeout_at(deadline, step).await {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => pause = (pause * 2).min(CONNECT_BACKOFF_LAST),
            Err(_) => return ConnectOutcome::DeadlinePassed { last_error },
        }
    }
}
