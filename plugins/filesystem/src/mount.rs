//! Which mount a folder lies on, as `/proc` tells.

use std::fs;
use std::io;
use std::os::fd::RawFd;

/// A mount point and what is mounted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where, with octal escapes undone; bytes that are not UTF-8 are replaced.
    pub(crate) point: String,
    /// The type, for example `ext4`.
    pub(crate) file_system: String,
}

/// The mount of a folder is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    /// `/proc` cannot be read; a sandbox has to grant it.
    #[error("{file} cannot be read")]
    Read {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel does not say on which mount an open folder lies.
    #[error("{file} names no mount")]
    NoId {
        /// Which file.
        file: String,
    },
    /// The mount is not in the table: it was detached.
    #[error("mount {id} is not in /proc/self/mountinfo: it has been unmounted")]
    Detached {
        /// The kernel's number of it.
        id: u64,
    },
}

/// Returns the mount on which the open folder `fd` lies.
pub(crate) fn of(fd: RawFd) -> Result<Mount, MountError> {
    let read = |file: &str| {
        fs::read(file).map_err(|source| MountError::Read {
            file: file.to_owned(),
            source,
        })
    };
    let file = format!("/proc/self/fdinfo/{fd}");
    let id = mount_id(&String::from_utf8_lossy(&read(&file)?)).ok_or(MountError::NoId { file })?;
    find(&String::from_utf8_lossy(&read("/proc/self/mountinfo")?), id).ok_or(MountError::Detached { id })
}

fn mount_id(fdinfo: &str) -> Option<u64> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))?
        .trim()
        .parse()
        .ok()
}

/// Finds a mount by its number; the format is in proc_pid_mountinfo(5).
fn find(mountinfo: &str, id: u64) -> Option<Mount> {
    mountinfo.lines().find_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let mut fields = place.split(' ');
        let number: u64 = fields.next()?.parse().ok()?;
        let point = fields.nth(3)?;
        let file_system = what.split(' ').next()?.to_owned();
        (number == id).then(|| Mount {
            point: unescape(point),
            file_system,
        })
    })
}

/// Undoes the escapes of blanks and backslashes, which are three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part
            .split_at_checked(3)
            .and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 8).ok()?, rest)))
        {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            None => {
                bytes.push(b'\\');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;

    use super::*;

    const TABLE: &str = "\
22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
37 35 98:0 / /mnt/with\\040blank\\134 rw - fuse.sshfs host:/ - rw
";

    #[test]
    fn a_mount_is_found_by_its_number() {
        let mount = |point: &str, file_system: &str| Mount {
            point: point.into(),
            file_system: file_system.into(),
        };
        assert_eq!(find(TABLE, 36), Some(mount("/mnt2", "ext3")));
        assert_eq!(find(TABLE, 37), Some(mount("/mnt/with blank\\", "fuse.sshfs")));
        assert_eq!(find(TABLE, 35), None);
        assert_eq!(mount_id("pos:\t0\nflags:\t02\nmnt_id:\t36\nino:\t2\n"), Some(36));
        assert_eq!(mount_id("pos:\t0\n"), None);
    }

    #[test]
    fn the_kernel_knows_where_proc_is() {
        let proc = File::open("/proc").unwrap();
        let mount = of(proc.as_raw_fd()).unwrap();
        assert_eq!((mount.point.as_str(), mount.file_system.as_str()), ("/proc", "proc"));
    }
}
