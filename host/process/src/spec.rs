//! What to launch: program, arguments, environment and limits, as plain values.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Environment;

/// Describes one launch; the working directory, the address and the nonce are the host's and not part of it.
#[derive(Debug, Clone)]
pub struct LaunchSpec {
    /// Absolute path of the executable; it is started by this path, symbolic links included.
    pub program: PathBuf,
    /// Arguments after the program's name.
    pub args: Vec<OsString>,
    /// All variables of the child but address and nonce.
    pub environment: Environment,
    /// What the child may use.
    pub limits: Limits,
}

/// Bounds set on the child before it runs; core dumps are always off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most open descriptors (`RLIMIT_NOFILE`, soft and hard); the host's own hard limit if that is lower.
    pub open_files: u64,
    /// `oom_score_adj` of the child, 0 to 1000: the higher, the sooner the kernel takes it instead of the host. Linux only.
    pub oom_score_adj: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_files: 4096,
            oom_score_adj: 500,
        }
    }
}
