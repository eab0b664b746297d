//! Turns a launch into a command whose child inherits nothing by accident.
//!
//! What runs between fork and exec allocates nothing and takes no lock, as another thread of the host may have held one.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::FdFlags;
use rustix::process::{Pid, Resource, Rlimit, getpid, getrlimit, setrlimit};

use crate::environment::{ADDRESS_VARIABLE, NONCE_VARIABLE};
use crate::launch_directory::LaunchDirectory;
use crate::spec::{LaunchSpec, Limits};

/// The first descriptor that is not standard input, output or error.
const FIRST_OTHER_DESCRIPTOR: u32 = 3;
/// How far descriptors are looked through one by one where the kernel cannot do it in one call.
const DESCRIPTOR_SCAN_LIMIT: u64 = 65_536;

/// The child's ends of its three pipes.
pub(crate) struct ChildPipes {
    pub(crate) stdin: PipeReader,
    pub(crate) stdout: PipeWriter,
    pub(crate) stderr: PipeWriter,
}

/// Builds the command; the thread that calls this must be the one that starts it.
pub(crate) fn confined_command(spec: &LaunchSpec, launch: &LaunchDirectory, pipes: ChildPipes) -> Command {
    let mut address = std::ffi::OsString::from("unix:");
    address.push(launch.socket());
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.environment.iter())
        .env(ADDRESS_VARIABLE, address)
        .env(NONCE_VARIABLE, launch.nonce().as_str())
        .current_dir(launch.scratch())
        .process_group(0)
        .stdin(pipes.stdin)
        .stdout(pipes.stdout)
        .stderr(pipes.stderr);
    let confinement = Confinement::new(spec.limits);
    // SAFETY: `apply` makes system calls only; it neither allocates nor locks, and all it needs was computed before.
    unsafe { command.pre_exec(move || confinement.apply()) };
    command
}

/// What the child sets on itself, computed before it exists.
struct Confinement {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only Linux can tie a child to its parent")
    )]
    host: Pid,
    open_files: Rlimit,
    #[cfg(target_os = "linux")]
    oom_score_adj: String,
}

#[cfg(target_os = "linux")]
const OOM_SCORE_MAX: u16 = 1000;

impl Confinement {
    fn new(limits: Limits) -> Self {
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let open_files = Some(limits.open_files.min(hard));
        Self {
            host: getpid(),
            open_files: Rlimit {
                current: open_files,
                maximum: open_files,
            },
            #[cfg(target_os = "linux")]
            oom_score_adj: limits.oom_score_adj.max(own_oom_score()).min(OOM_SCORE_MAX).to_string(),
        }
    }

    fn apply(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        self.apply_on_linux()?;
        setrlimit(
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        )?;
        close_others_on_exec()?;
        setrlimit(Resource::Nofile, self.open_files)?;
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn apply_on_linux(&self) -> io::Result<()> {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The host may have died before the signal was armed; then somebody else is the parent now.
        if getppid() != Some(self.host) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        rustix::thread::set_no_new_privs(true)?;
        self.raise_oom_score();
        Ok(())
    }

    /// Asks the kernel to take the child before the host. Without `/proc` that cannot be asked, and the child runs anyway.
    #[cfg(target_os = "linux")]
    fn raise_oom_score(&self) {
        use rustix::fs::{Mode, OFlags};
        if let Ok(file) = rustix::fs::open(
            c"/proc/self/oom_score_adj",
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            match rustix::io::write(file, self.oom_score_adj.as_bytes()) {
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// Reads the host's own score, below which no child is set; one that protects the host counts as zero.
#[cfg(target_os = "linux")]
fn own_oom_score() -> u16 {
    let score = std::fs::read_to_string("/proc/self/oom_score_adj").ok();
    score.and_then(|score| score.trim().parse().ok()).unwrap_or(0)
}

/// Marks every descriptor but the standard three, among them those the host's own parent leaked into it.
fn close_others_on_exec() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the call takes three numbers and changes only flags of this process's descriptors.
        let result = unsafe {
            libc::syscall(
                libc::SYS_close_range,
                FIRST_OTHER_DESCRIPTOR,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            )
        };
        if result == 0 {
            return Ok(());
        }
    }
    let limit = getrlimit(Resource::Nofile)
        .current
        .unwrap_or(DESCRIPTOR_SCAN_LIMIT)
        .min(DESCRIPTOR_SCAN_LIMIT);
    for descriptor in FIRST_OTHER_DESCRIPTOR..u32::try_from(limit).unwrap_or(u32::MAX) {
        let Ok(descriptor) = i32::try_from(descriptor) else {
            break;
        };
        // SAFETY: the descriptor may be closed, in which case the call below fails with EBADF and nothing happens.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        match rustix::io::fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
            Ok(()) | Err(rustix::io::Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
