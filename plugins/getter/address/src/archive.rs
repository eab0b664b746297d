//! Formats of archives and of compressed files, as go-getter names them.

/// A format, named as go-getter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archive {
    /// One file, compressed by bzip2.
    Bz2,
    /// One file, compressed by gzip.
    Gz,
    /// One file, compressed by xz.
    Xz,
    /// One file, compressed by Zstandard.
    Zst,
    /// A tar archive.
    Tar,
    /// A tar archive, compressed by bzip2.
    TarBz2,
    /// A tar archive, compressed by gzip.
    TarGz,
    /// A tar archive, compressed by xz.
    TarXz,
    /// A tar archive, compressed by Zstandard.
    TarZst,
    /// A zip archive.
    Zip,
}

impl Archive {
    /// Every name, the longest first.
    const NAMES: [(&str, Self); 14] = [
        ("tar.bz2", Self::TarBz2),
        ("tar.zst", Self::TarZst),
        ("tar.gz", Self::TarGz),
        ("tar.xz", Self::TarXz),
        ("tbz2", Self::TarBz2),
        ("tzst", Self::TarZst),
        ("bz2", Self::Bz2),
        ("tar", Self::Tar),
        ("tgz", Self::TarGz),
        ("txz", Self::TarXz),
        ("zip", Self::Zip),
        ("zst", Self::Zst),
        ("gz", Self::Gz),
        ("xz", Self::Xz),
    ];

    /// Returns the format of a name such as `tar.gz`.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, archive)| *archive)
    }

    /// Returns the format that a path ends in, by its longest extension.
    pub fn of_path(path: &str) -> Option<Self> {
        let is_end = |name: &str| path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        let found = Self::NAMES.iter().find(|(name, _)| is_end(name));
        found.map(|(_, archive)| *archive)
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, archive)| *archive == self);
        found.map_or("", |(name, _)| name)
    }

    /// Returns every name.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }
}
