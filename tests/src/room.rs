//! Disks on which a host runs out of room, and finds room again: for real, as the kernel tells it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// How much room a disk of [`Way::Disk`] has.
pub const DISK_BYTES: u64 = 16 << 20;

/// What fills a disk.
const FILLER: &str = "filler";

/// How there comes to be no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// No file of the process may grow beyond a size: a write fails with `EFBIG`. Needs no privilege.
    Limit,
    /// A file system of its own is filled: a write fails with `ENOSPC`. Needs the right to mount one.
    Disk,
}

impl Way {
    /// The ways that this system allows; what is left out is said.
    #[must_use]
    pub fn allowed() -> Vec<Self> {
        if may_mount() {
            return vec![Self::Limit, Self::Disk];
        }
        eprintln!("this system lets nobody mount a file system: a disk that is really full is not tried");
        vec![Self::Limit]
    }

    /// The command, changed so that its process can run out of room below `directory`, which is made.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn prepare(self, command: &Command, directory: &Path) -> anyhow::Result<Command> {
        fs::create_dir_all(directory)?;
        Ok(match self {
            // Without the signal, the write itself fails.
            Self::Limit => through_shell(command, Command::new("sh"), "trap '' XFSZ; exec \"$@\""),
            Self::Disk => {
                let mount = format!(
                    "mount -t tmpfs -o size={DISK_BYTES},mode=700 room {} && exec \"$@\"",
                    directory.display()
                );
                through_shell(command, namespace(), &mount)
            }
        })
    }
}

/// Whether a process here may have mounts of its own.
#[must_use]
pub fn may_mount() -> bool {
    let tried = namespace().args(["mount", "-t", "tmpfs", "room", "/mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Runs what follows with mounts of its own.
#[must_use]
pub fn namespace() -> Command {
    let mut command = Command::new("unshare");
    if rustix::process::geteuid().is_root() {
        command.arg("--mount");
    } else {
        command.args(["--user", "--map-root-user", "--mount"]);
    }
    command
}

/// The same command, begun by a shell that runs a script first.
#[must_use]
pub fn through_shell(command: &Command, mut shell: Command, script: &str) -> Command {
    if shell.get_program() != "sh" {
        shell.arg("sh");
    }
    shell
        .args(["-c", script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        // A group of its own, so that nothing of the shell's is signalled.
        .process_group(0);
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// The room of a process that was started by [`Way::prepare`].
#[derive(Debug)]
pub struct Room {
    way: Way,
    process: Pid,
    directory: PathBuf,
}

impl Room {
    /// The room of a process below a directory.
    ///
    /// # Errors
    /// When the number is that of no process.
    pub fn of(way: Way, process: u32, directory: &Path) -> anyhow::Result<Self> {
        let process = i32::try_from(process).ok().and_then(Pid::from_raw);
        Ok(Self {
            way,
            process: process.context("no process")?,
            directory: directory.to_owned(),
        })
    }

    /// Leaves no room: a file cannot become larger than it is.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn take(&self, file: &str) -> anyhow::Result<()> {
        match self.way {
            Way::Limit => self.limit(Some(fs::metadata(self.seen(file))?.len())),
            Way::Disk => {
                let filler = self.seen(FILLER);
                let filled = std::io::copy(&mut std::io::repeat(1), &mut File::create(&filler)?);
                let error = filled.err().context("a disk without end")?;
                ensure!(error.kind() == std::io::ErrorKind::StorageFull, "{error}");
                Ok(())
            }
        }
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn give_back(&self) -> anyhow::Result<()> {
        match self.way {
            Way::Limit => self.limit(None),
            Way::Disk => Ok(fs::remove_file(self.seen(FILLER))?),
        }
    }

    /// Where a file below the directory is for everyone else.
    #[must_use]
    pub fn seen(&self, name: &str) -> PathBuf {
        let file = self.directory.join(name);
        match self.way {
            Way::Limit => file,
            Way::Disk => {
                let root = PathBuf::from(format!("/proc/{}/root", self.process.as_raw_nonzero()));
                root.join(file.strip_prefix("/").unwrap_or(&file))
            }
        }
    }

    /// What a failed write says.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self.way {
            Way::Limit => "File too large",
            Way::Disk => "No space left on device",
        }
    }

    fn limit(&self, bytes: Option<u64>) -> anyhow::Result<()> {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(self.process), Resource::Fsize, limit)?;
        Ok(())
    }
}
