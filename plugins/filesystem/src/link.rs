//! Where a symbolic link leads.
//!
//! A target is named by its path below the root without any link in it, so that it is opened by the same confined call
//! as everything else; what changes between the two is refused there.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Component, Path, PathBuf};

use k1s_manifests::{RelPath, Special};
use rustix::fs::{AtFlags, FileType, statat};

use crate::fault::Fault;
use crate::root::Root;

/// Where a link leads.
#[derive(Debug)]
pub(crate) enum Target {
    /// To a regular file in the root.
    File(RelPath),
    /// To a directory in the root.
    Directory(RelPath),
    /// To something else in the root.
    Special(Special),
    /// Out of the root, to a directory.
    DirectoryOutside,
    /// Out of the root, to anything else, or to nothing.
    Outside,
    /// To nothing, but not out of the root.
    Nowhere,
    /// The system does not tell.
    Unresolved(Fault),
}

/// Resolves the link at `real`, whose directory has no link in its path.
pub(crate) fn resolve(root: &Root, real: &RelPath) -> Target {
    let link = root.real().join(real.as_str());
    match link.canonicalize() {
        Ok(target) => inside(root, &target),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            dangling(root, &link)
        }
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Target::Nowhere,
        Err(error) => Target::Unresolved(Fault::Unresolved(error)),
    }
}

/// How many parts of a path are resolved to find the way of a link; the system itself gives up after 40 links.
const MOST_PARTS: usize = 1024;

/// Returns the directories in the root in which it is decided where the link at `real` leads: those of every link on
/// the way, and that of the target or of the first part that is missing.
pub(crate) fn way(root: &Root, real: &RelPath) -> BTreeSet<RelPath> {
    let mut way = BTreeSet::new();
    let mut parts: VecDeque<OsString> = real.parts().map(OsString::from).collect();
    let mut at = root.real().to_owned();
    for _ in 0..MOST_PARTS {
        let Some(part) = parts.pop_front() else { break };
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let text = fs::read_link(&next);
        if text.is_ok() || parts.is_empty() || !next.exists() {
            let below = at.strip_prefix(root.real()).ok();
            way.extend(below.and_then(Path::to_str).and_then(RelPath::new));
        }
        match text {
            Ok(text) => {
                if text.is_absolute() {
                    at = PathBuf::from("/");
                }
                let plain = text.components().filter_map(|part| match part {
                    Component::Normal(name) => Some(name.to_owned()),
                    Component::ParentDir => Some("..".into()),
                    Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
                });
                for part in plain.collect::<Vec<_>>().into_iter().rev() {
                    parts.push_front(part);
                }
            }
            Err(_no_link) if next.exists() => at = next,
            Err(_missing) => break,
        }
    }
    way
}

fn inside(root: &Root, target: &Path) -> Target {
    let Ok(below) = target.strip_prefix(root.real()) else {
        return if target.is_dir() {
            Target::DirectoryOutside
        } else {
            Target::Outside
        };
    };
    let Some(path) = below.to_str().and_then(RelPath::new) else {
        return Target::Unresolved(Fault::Name);
    };
    match statat(root.folder().as_fd(), path.as_operand(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => match Special::of(FileType::from_raw_mode(stat.st_mode)) {
            None => Target::File(path),
            Some(Special::Directory) => Target::Directory(path),
            Some(special) => Target::Special(special),
        },
        Err(errno) => Target::Unresolved(Fault::Unresolved(errno.into())),
    }
}

/// Judges a link to nothing by what is written in it.
fn dangling(root: &Root, link: &Path) -> Target {
    match fs::read_link(link) {
        Ok(text) => {
            let target = normalise(&link.parent().unwrap_or(root.real()).join(text));
            let is_inside = target.starts_with(root.real()) || target.starts_with(root.path());
            if is_inside { Target::Nowhere } else { Target::Outside }
        }
        Err(error) => Target::Unresolved(Fault::Unresolved(error)),
    }
}

fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_inside_outside_or_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("x"), "").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/.hidden")).unwrap();
        fs::write(at("a/.hidden/x.yaml"), "").unwrap();
        symlink(".hidden", at("a/data")).unwrap();
        let root = Root::open(folder.path()).unwrap();
        let target = |text: &Path| {
            symlink(text, at("a/link")).unwrap();
            let target = format!("{:?}", resolve(&root, &RelPath::new("a/link").unwrap()));
            fs::remove_file(at("a/link")).unwrap();
            target
        };
        for (text, expected) in [
            (PathBuf::from("data/x.yaml"), r#"File(RelPath("a/.hidden/x.yaml"))"#),
            (at("a/.hidden/x.yaml"), r#"File(RelPath("a/.hidden/x.yaml"))"#),
            ("data".into(), r#"Directory(RelPath("a/.hidden"))"#),
            ("..".into(), r#"Directory(RelPath(""))"#),
            (outside.path().into(), "DirectoryOutside"),
            (outside.path().join("x"), "Outside"),
            (outside.path().join("none"), "Outside"),
            ("../../none".into(), "Outside"),
            ("../none".into(), "Nowhere"),
            (at("none"), "Nowhere"),
            ("link".into(), "Nowhere"),
            ("data/x.yaml/more".into(), "Nowhere"),
        ] {
            assert_eq!(target(&text), expected, "{}", text.display());
        }
    }

    #[test]
    fn the_way_of_a_link_is_every_directory_that_decides_about_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("..2026_01/sub")).unwrap();
        fs::create_dir_all(at("far/away")).unwrap();
        fs::write(at("..2026_01/x.yaml"), "").unwrap();
        for (text, link) in [
            ("..2026_01", "..data"),
            ("..data/x.yaml", "x.yaml"),
            ("../../..data", "far/away/data"),
            ("far/away/data/x.yaml", "long.yaml"),
            ("far/none/x.yaml", "broken.yaml"),
            ("loop", "loop"),
        ] {
            symlink(text, at(link)).unwrap();
        }
        let root = Root::open(folder.path()).unwrap();
        for (link, expected) in [
            ("x.yaml", &["", "..2026_01"][..]),
            ("long.yaml", &["", "..2026_01", "far/away"]),
            ("broken.yaml", &["", "far"]),
            ("loop", &[""]),
        ] {
            let way = way(&root, &RelPath::new(link).unwrap());
            let way: Vec<_> = way.iter().map(RelPath::as_str).collect();
            assert_eq!(way, expected, "{link}");
        }
    }
}
