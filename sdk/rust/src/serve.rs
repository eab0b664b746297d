//! The entry point of a plugin's executable: what the host gave, the socket, the life of the process.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use k1s_source_proto::v1::source_server::SourceServer;
use k1s_source_proto::{ADDR_VARIABLE, NONCE_VARIABLE, limits};
use tokio::net::UnixListener;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tonic::transport;

use crate::connection::incoming;
use crate::server::{Nonce, Server, Work};
use crate::session::Ended;
use crate::usage::{Asked, asked};
use crate::{Source, lifeline, log};

/// Threads that run the source; one that blocks must not keep the host waiting for an answer.
const WORKER_THREADS: std::ops::RangeInclusive<usize> = 2..=4;
/// Sessions that wait for the one before to end.
const SESSIONS: usize = 1;
/// Longest time that connections get to close after the last session.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Why a plugin cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not one of a Unix socket.
    #[error("{ADDR_VARIABLE} must be unix:<absolute path>")]
    Address,
    /// The path is too long for a socket.
    #[error("the socket path {} has {} bytes, more than {}", .path.display(), .path.as_os_str().len(), limits::SOCKET_PATH_BYTES)]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// The nonce is missing or not 64 hexadecimal digits.
    #[error("{NONCE_VARIABLE} must be {} lower-case hexadecimal digits", 2 * limits::NONCE_BYTES)]
    Nonce,
    /// The socket cannot be bound.
    #[error("cannot listen on {}", .path.display())]
    Bind {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The runtime cannot start.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The server failed.
    #[error("the server failed")]
    Transport(#[from] transport::Error),
}

/// Serves `S` to the host that started this process, and returns the exit code: all that `main` has to do.
///
/// Without a host it prints what the program is; `--describe` and `--version` work without one as well. Exits by
/// itself when standard input ends, for then the host is gone.
#[must_use]
pub fn serve<S: Source>() -> ExitCode {
    let address = env::var_os(ADDR_VARIABLE);
    match asked(env::args_os().skip(1), address.is_some()) {
        Asked::Serve => {}
        Asked::Answer(answer) => return answer.print::<S>(),
    }
    log::init();
    match start::<S>(&address.unwrap_or_default(), env::var(NONCE_VARIABLE).ok().as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "{error}");
            ExitCode::FAILURE
        }
    }
}

fn start<S: Source>(address: &OsString, nonce: Option<&str>) -> Result<(), ServeError> {
    let path = socket_path(address)?;
    let nonce = nonce.and_then(read_nonce).ok_or(ServeError::Nonce)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(*WORKER_THREADS.start(), *WORKER_THREADS.end()))
        .enable_io()
        .enable_time()
        .build()
        .map_err(ServeError::Runtime)?;
    lifeline::hold();
    // Sessions run on this thread: one that a blocking source woke must not wait in that source's thread.
    let served = runtime.block_on(async {
        let bind = |source| ServeError::Bind {
            path: path.clone(),
            source,
        };
        serve_on::<S>(UnixListener::bind(&path).map_err(bind)?, nonce).await
    });
    // A source that blocks a thread for ever must not keep the process.
    runtime.shutdown_background();
    served
}

/// Serves `S` on a listener until the host asks to stop; `nonce` is that of the launch. What belongs to the process
/// (arguments, standard input, logs) is left alone, so tests can drive a source in their own process.
///
/// # Errors
/// Fails when the server does.
pub async fn serve_on<S: Source>(listener: UnixListener, nonce: [u8; limits::NONCE_BYTES]) -> Result<(), ServeError> {
    let (work, sessions) = mpsc::channel(SESSIONS);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<SourceServer<Server<S>>>().await;
    let source_service = SourceServer::new(Server::<S>::new(nonce, work))
        .max_decoding_message_size(limits::MESSAGE_BYTES)
        .max_encoding_message_size(limits::MESSAGE_BYTES);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = transport::Server::builder()
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_frame_size(limits::FRAME_BYTES)
        .add_service(health_service)
        .add_service(source_service)
        .serve_with_incoming_shutdown(incoming(listener), async {
            // Stop is the end of the sender, whatever ended it.
            stopped.await.unwrap_or_default();
        });
    tokio::pin!(server);
    tokio::select! {
        served = &mut server => return Ok(served?),
        () = run_sessions(sessions) => drop(stop),
    }
    match timeout(CLOSE_GRACE, server).await {
        Ok(served) => Ok(served?),
        Err(_) => {
            tracing::debug!("the host keeps its connections");
            Ok(())
        }
    }
}

/// Runs one session after the other until the host asked to stop.
async fn run_sessions<S: Source>(mut sessions: mpsc::Receiver<Work<S>>) {
    while let Some(work) = sessions.recv().await {
        match work {
            Work::Run(session) => match session.run().await {
                Ended::Cut => {}
                Ended::Stopped => return,
            },
            Work::Quit => return,
        }
    }
}

fn socket_path(address: &OsString) -> Result<PathBuf, ServeError> {
    let path = address
        .to_str()
        .and_then(|address| address.strip_prefix("unix:"))
        .ok_or(ServeError::Address)?;
    let path = Path::new(path).to_owned();
    if !path.is_absolute() {
        return Err(ServeError::Address);
    }
    if path.as_os_str().len() > limits::SOCKET_PATH_BYTES {
        return Err(ServeError::PathTooLong { path });
    }
    Ok(path)
}

fn read_nonce(text: &str) -> Option<Nonce> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?))
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_absolute_socket_paths_of_bounded_length() {
        let path = |address: &str| socket_path(&OsString::from(address));
        assert_eq!(path("unix:/run/x/s").unwrap(), Path::new("/run/x/s"));
        for wrong in ["", "/run/x/s", "tcp:127.0.0.1:1", "unix:", "unix:s"] {
            assert!(matches!(path(wrong), Err(ServeError::Address)), "{wrong}");
        }
        let longest = format!("/{}", "x".repeat(limits::SOCKET_PATH_BYTES - 1));
        assert!(path(&format!("unix:{longest}")).is_ok());
        assert!(matches!(
            path(&format!("unix:{longest}x")),
            Err(ServeError::PathTooLong { .. })
        ));
    }

    #[test]
    fn a_nonce_is_32_bytes_in_lower_case() {
        let nonce = read_nonce(&format!("{}0aff", "00".repeat(30))).unwrap();
        assert_eq!(&nonce[29..], [0, 0x0a, 0xff]);
        for wrong in [
            "",
            "00",
            &"0A".repeat(32),
            &"00".repeat(33),
            &"0".repeat(63),
            &"g0".repeat(32),
        ] {
            assert_eq!(read_nonce(wrong), None, "{wrong}");
        }
    }
}
