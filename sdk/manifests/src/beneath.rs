//! Opening what lies below a folder, and only that.
//!
//! Follows no link at all, so that no race can lead outside the root; a link that is to be followed is resolved first
//! and its target opened like any other path. Uses openat2(2) with `RESOLVE_BENEATH`, and where the kernel or a sandbox
//! lacks it, opens part by part without following links, which gives the same guarantee.
//!
//! Invariant: what [`Beneath::open_file`] returns is a regular file that lay below the folder when it was opened, and
//! opening never blocks.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat};
use rustix::io::Errno;

use crate::relative::RelPath;

/// How often an open is tried again that the kernel gave up because of a rename nearby.
const RACES: usize = 64;

/// Something could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing.
    #[error("it does not exist")]
    Missing,
    /// The process may not.
    #[error("permission denied")]
    Denied,
    /// A part of the path is a link or leads outside.
    #[error("a link on its way leads elsewhere")]
    Link,
    /// It is no regular file.
    #[error("it is {kind}")]
    NotAFile {
        /// What it is.
        kind: Special,
    },
    /// The system refuses the path itself.
    #[error("its path is too long for the system")]
    PathTooLong,
    /// Any other failure.
    #[error("it cannot be opened: {0}")]
    Io(#[source] io::Error),
}

/// What a thing that is not a regular file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// Something that this program does not know.
    Unknown,
}

impl Special {
    /// Classifies a type; `None` is a regular file.
    pub fn of(kind: FileType) -> Option<Self> {
        match kind {
            FileType::RegularFile => None,
            FileType::Directory => Some(Self::Directory),
            FileType::Symlink => Some(Self::Link),
            FileType::Fifo => Some(Self::Fifo),
            FileType::Socket => Some(Self::Socket),
            FileType::CharacterDevice | FileType::BlockDevice => Some(Self::Device),
            FileType::Unknown => Some(Self::Unknown),
        }
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::Link => "a link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Unknown => "of an unknown type",
        })
    }
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Missing,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::LOOP | Errno::XDEV => Self::Link,
            Errno::NAMETOOLONG => Self::PathTooLong,
            // What opening a socket gives.
            Errno::NXIO => Self::NotAFile { kind: Special::Socket },
            errno => Self::Io(errno.into()),
        }
    }
}

/// The way in which paths are opened here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beneath {
    /// By one call, which the kernel confines.
    Openat2,
    /// Part by part.
    Parts,
}

impl Beneath {
    /// Finds out what this kernel and sandbox allow.
    pub fn detect(folder: BorrowedFd<'_>) -> Self {
        match by_openat2(folder, ".", OFlags::PATH) {
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Self::Parts,
            Ok(_) | Err(_) => Self::Openat2,
        }
    }

    /// Opens `path` below `folder`, following no link.
    ///
    /// # Errors
    /// Fails if there is nothing, a link is on the way, or the system refuses.
    pub fn open(self, folder: BorrowedFd<'_>, path: &RelPath, flags: OFlags) -> Result<OwnedFd, OpenError> {
        match self {
            Self::Openat2 => Ok(by_openat2(folder, path.as_operand(), flags)?),
            Self::Parts => Ok(by_parts(folder, path, flags)?),
        }
    }

    /// Opens a regular file for reading and returns its state. A FIFO without a writer, a device or a socket is refused
    /// and not waited for; usually it is not even opened, which for a device could have an effect.
    ///
    /// # Errors
    /// As [`Beneath::open`], and if it is no regular file.
    pub fn open_file(self, folder: BorrowedFd<'_>, path: &RelPath) -> Result<(File, Stat), OpenError> {
        let regular = |stat: Stat| match Special::of(FileType::from_raw_mode(stat.st_mode)) {
            None => Ok(stat),
            Some(Special::Link) => Err(OpenError::Link),
            Some(kind) => Err(OpenError::NotAFile { kind }),
        };
        regular(statat(folder, path.as_operand(), AtFlags::SYMLINK_NOFOLLOW)?)?;
        let file = self.open(folder, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = regular(fstat(&file)?)?;
        Ok((File::from(file), stat))
    }
}

fn by_openat2(folder: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..RACES {
        result = openat2(folder, path, flags, Mode::empty(), resolve);
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    refuse_link(result?, flags)
}

fn by_parts(folder: BorrowedFd<'_>, path: &RelPath, flags: OFlags) -> Result<OwnedFd, Errno> {
    let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts: Vec<&str> = path.parts().collect();
    let last = parts.pop().unwrap_or(".");
    let mut at: Option<OwnedFd> = None;
    for part in parts {
        let here = at.as_ref().map_or(folder, |fd| fd.as_fd());
        at = Some(openat(here, part, through, Mode::empty()).map_err(|errno| link_or(errno, here, part))?);
    }
    let here = at.as_ref().map_or(folder, |fd| fd.as_fd());
    let opened = openat(here, last, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
    refuse_link(opened.map_err(|errno| link_or(errno, here, last))?, flags)
}

/// Tells a link from another thing that is not a directory.
fn link_or(errno: Errno, folder: BorrowedFd<'_>, part: &str) -> Errno {
    let is_link = || {
        let stat = statat(folder, part, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    };
    if errno == Errno::NOTDIR && is_link() {
        Errno::LOOP
    } else {
        errno
    }
}

/// With `O_PATH` the kernel hands out a final link instead of refusing it.
fn refuse_link(fd: OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    if flags.contains(OFlags::PATH) && FileType::from_raw_mode(fstat(&fd)?.st_mode) == FileType::Symlink {
        Err(Errno::LOOP)
    } else {
        Ok(fd)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, FileType, RenameFlags, mknodat, renameat_with};

    use super::*;

    const WAYS: [Beneath; 2] = [Beneath::Openat2, Beneath::Parts];

    fn folder(path: &Path) -> OwnedFd {
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn only_regular_files_below_are_opened() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.yaml"), "secret").unwrap();
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("sub/deep")).unwrap();
        fs::write(at("sub/deep/a.yaml"), "content").unwrap();
        symlink(outside.path(), at("out")).unwrap();
        symlink(outside.path().join("secret.yaml"), at("out.yaml")).unwrap();
        symlink("sub", at("in")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("/proc/self/root", at("magic")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();

        let folder = folder(root.path());
        for way in WAYS {
            let open = |text: &str| way.open_file(folder.as_fd(), &path(text));
            let (mut file, stat) = open("sub/deep/a.yaml").unwrap();
            let mut content = String::new();
            file.read_to_string(&mut content).unwrap();
            assert_eq!((content.as_str(), stat.st_size), ("content", 7), "{way:?}");
            for link in [
                "out/secret.yaml",
                "out.yaml",
                "in/deep/a.yaml",
                "loop",
                "magic/etc/hostname",
            ] {
                assert!(
                    matches!(open(link), Err(OpenError::Link)),
                    "{way:?} {link}: {:?}",
                    open(link)
                );
            }
            for missing in ["none", "none/x", "sub/deep/a.yaml/x"] {
                assert!(matches!(open(missing), Err(OpenError::Missing)), "{way:?} {missing}");
            }
            for (special, expected) in [
                ("fifo", Special::Fifo),
                ("socket", Special::Socket),
                ("sub", Special::Directory),
            ] {
                match open(special) {
                    Err(OpenError::NotAFile { kind }) => assert_eq!(kind, expected, "{way:?}"),
                    other => panic!("{way:?} {special}: {other:?}"),
                }
            }
            let long = vec!["x".repeat(200); 30].join("/");
            assert!(
                matches!(open(&long), Err(OpenError::PathTooLong | OpenError::Missing)),
                "{way:?}"
            );
            let through_a_link = way.open(folder.as_fd(), &path("in"), OFlags::PATH);
            assert!(matches!(through_a_link, Err(OpenError::Link)), "{way:?}");
        }
    }

    #[test]
    fn devices_are_refused() {
        let dev = folder(Path::new("/dev"));
        for way in WAYS {
            let opened = way.open_file(dev.as_fd(), &path("zero"));
            assert!(
                matches!(opened, Err(OpenError::NotAFile { kind: Special::Device })),
                "{way:?}"
            );
        }
    }

    #[test]
    fn this_kernel_has_openat2() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Beneath::detect(folder(root.path()).as_fd()), Beneath::Openat2);
    }

    #[test]
    fn a_race_does_not_lead_outside() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("a.yaml"), "outside").unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(root.path().join("sub/a.yaml"), "inside").unwrap();
        symlink(outside.path(), root.path().join("trap")).unwrap();
        let folder = folder(root.path());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat_with(&folder, "sub", &folder, "trap", RenameFlags::EXCHANGE).unwrap();
                }
            });
            for way in WAYS {
                let mut refused = 0;
                for _ in 0..20_000 {
                    match way.open_file(folder.as_fd(), &path("sub/a.yaml")) {
                        Ok((mut file, _)) => {
                            let mut content = String::new();
                            file.read_to_string(&mut content).unwrap();
                            assert_eq!(content, "inside", "{way:?}");
                        }
                        Err(_) => refused += 1,
                    }
                }
                assert!(refused > 0, "{way:?}: the race never happened");
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
