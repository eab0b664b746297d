//! Source plugins as child processes that never outlive their host.
//!
//! [`Spawner`] starts one executable, described by a [`LaunchSpec`], inside a private directory of the
//! [`RuntimeDirectory`]. The result is a [`Child`], the only handle that can signal or reap the process, and an
//! [`OutputReceiver`] with the lines it prints. [`connect`] waits for its socket, [`verify_peer`] proves who listens there.
//!
//! # What it does not do
//! No protocol is spoken here, nothing is restarted and nothing is logged: what happened is returned, and the caller
//! decides. Sandboxes, pins and resource groups are not applied here either.
//!
//! # Invariants
//! - **No orphan.** A child dies with its host by three means: its stdin is a pipe whose only write end the host holds,
//!   Linux kills it with the thread that started it (which ends only after the last child), and the next host's
//!   [`sweep`](RuntimeDirectory::sweep) kills what was left.
//! - **No stranger is signalled.** A signal goes only to a group whose leader is not reaped yet, so its number cannot be
//!   in use again, or, in a sweep, through a pidfd whose process was identified after it was opened.
//! - **A child is never blocked by its reader.** Output is always drained; what nobody takes is dropped and counted.
//! - **Each child is reaped exactly once**, also when its [`Child`] is dropped.
//! - **Nothing is inherited by accident.** Environment, descriptors, directory and group of a child are all set here.
//!
//! # Example
//! ```
//! use std::{collections::BTreeMap, time::Duration};
//! use k1s_process::{Environment, LaunchSpec, Limits, RuntimeDirectory, Spawner};
//!
//! # let home = tempfile::tempdir()?;
//! # let base = home.path().join("run");
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let directory = RuntimeDirectory::open(&base)?;
//! let left_by_an_earlier_host = directory.sweep();
//! assert!(left_by_an_earlier_host.killed.is_empty());
//!
//! let spawner = Spawner::start()?;
//! let spec = LaunchSpec {
//!     program: "/bin/sh".into(),
//!     args: vec!["-c".into(), "echo ready; read until_the_host_is_gone".into()],
//!     environment: Environment::allowed_from(std::env::vars_os(), &BTreeMap::new())?,
//!     limits: Limits::default(),
//! };
//! let (mut child, mut output) = spawner.spawn(spec, &directory).await?;
//! let line = output.recv().await.ok_or("no output")?;
//! assert_eq!(line.text(), "ready");
//!
//! let report = child.terminate(Duration::from_millis(500)).await?;
//! assert_eq!(report.status.to_string(), "killed by signal 15 (SIGTERM)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(
    unsafe_code,
    reason = "code between fork and exec, and adopting descriptors there, has no safe interface"
)]

mod child;
mod confinement;
mod connect;
mod custody;
mod environment;
mod exit;
mod launch_directory;
mod launch_record;
mod leader;
mod lifeline;
mod line;
mod nonce;
mod oom;
mod output;
mod peer;
mod permission;
mod process_table;
mod record;
mod removal;
mod ring;
mod runtime_dir;
mod spawner;
mod spec;
mod stop;
mod sweep;

pub use child::{Child, TerminateError};
pub use connect::{CONNECT_BACKOFF_FIRST, CONNECT_BACKOFF_LAST, ConnectOutcome, connect};
pub use environment::{ADDRESS_VARIABLE, Environment, EnvironmentError, NONCE_VARIABLE};
pub use exit::{ExitReport, ExitStatus};
pub use line::{LINE_LIMIT, LinePart};
pub use nonce::Nonce;
pub use output::{OUTPUT_QUEUE_BYTES, OUTPUT_QUEUE_LINES, OutputCounts, OutputLine, OutputReceiver, OutputStream};
pub use peer::{PEER_MISMATCH, PeerError, verify_peer};
pub use permission::{PermissionError, check_executable, check_unalterable};
pub use process_table::StartTime;
pub use record::{LogLevel, LogRecord};
pub use ring::LAST_OUTPUT_LIMIT;
pub use runtime_dir::{RuntimeDirectory, RuntimeDirectoryError, SOCKET_PATH_LIMIT, runtime_base};
pub use spawner::{CHILD_LIMIT, SpawnError, Spawner};
pub use spec::{LaunchSpec, Limits};
pub use stop::StopBudget;
pub use sweep::{SweepReport, SweptProcess, Unswept};
