//! Addresses.

use crate::archive::Archive;
use crate::checksum::{Algorithm, Checksum, Digest, DigestError};
use crate::detect::{Kind, Located, Place, locate};
use crate::fault::{AddressError, Part, Rule, Text};
use crate::origin::git::{self, Depth, Revision};
use crate::origin::oci::Oci;
use crate::origin::{Origin, azure, gcs, s3};
use crate::policy::{Policy, Transport};
use crate::query::{Parameters, Query, Taken, is_base64, nearest, with_plus};
use crate::scan::{Sections, sections};
use crate::secret::Secret;
use crate::site::{Remote, Site};
use crate::subdir::Subdir;

/// The longest name of a file, in bytes: what file systems take.
const FILE_NAME_BYTES: usize = 255;
/// Values of `archive` that mean no archive, as go-getter reads them.
const NO_ARCHIVE: [&str; 6] = ["0", "f", "F", "false", "False", "FALSE"];

/// What is fetched, and which part of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What is fetched.
    pub source: Source,
    /// The part that is wanted; `None` for all.
    pub subdir: Option<Subdir>,
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A repository of git.
    Git(Git),
    /// A repository of Mercurial.
    Mercurial(Mercurial),
    /// An artifact of a registry.
    Oci(Oci),
    /// Files.
    Download(Download),
}

/// A repository of git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Git {
    /// Where it is.
    pub remote: Remote,
    /// What of it; `None` for the default branch.
    pub revision: Option<Revision>,
    /// How many commits back; `None` for all.
    pub depth: Option<Depth>,
    /// The private key to ask with over SSH, in base64.
    pub ssh_key: Option<Secret>,
}

/// A repository of Mercurial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mercurial {
    /// Where it is.
    pub remote: Remote,
    /// What of it; `None` for the default branch.
    pub revision: Option<Revision>,
}

/// A file or a set of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Where it is.
    pub origin: Origin,
    /// The format to unpack it from; `None` where it is taken as it is.
    pub archive: Option<Archive>,
    /// What says whether it is what was meant.
    pub checksum: Option<Checksum>,
    /// The name that a single file gets; `None` for the last part of its path.
    pub filename: Option<String>,
}

/// What an address is read for.
#[derive(Clone, Copy)]
enum Purpose {
    Source,
    /// The file of checksums of another.
    Sums,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Fails with the part that is wrong, the rule, and a spelling that works.
    pub fn parse(address: &str, policy: &Policy) -> Result<Self, AddressError> {
        read(address, policy, Purpose::Source)
    }
}

fn read(address: &str, policy: &Policy, purpose: Purpose) -> Result<Address, AddressError> {
    let text = Text(address);
    let sections = sections(address)?;
    let mut query = Query::parse(text, sections.query)?;
    let located = locate(text, &sections, policy)?;
    if let Some(fragment) = sections.fragment
        && located.kind != Kind::Gcs
    {
        let error = text.refuse(Part::Fragment, fragment, Rule::Meaningless);
        return Err(error.write("`?ref=` for a revision of git, or `%23` for a `#`"));
    }
    let subdir = Subdir::parse(text, located.below, sections.subdir.unwrap_or_default())?;
    let source = match located.kind {
        Kind::Git => {
            is_not_one_file(&mut query)?;
            Source::Git(git(text, &sections, located, query)?)
        }
        Kind::Mercurial => {
            is_not_one_file(&mut query)?;
            Source::Mercurial(mercurial(text, &sections, located, query)?)
        }
        Kind::Oci => Source::Oci(artifact(text, &sections, located, query)?),
        Kind::Http | Kind::S3 | Kind::Gcs | Kind::Azure | Kind::File => {
            Source::Download(download(text, &sections, located, query, policy, purpose)?)
        }
    };
    Ok(Address { source, subdir })
}

/// Refuses for a repository what has a meaning only where one file is fetched.
fn is_not_one_file(query: &mut Query<'_>) -> Result<(), AddressError> {
    for name in ["checksum", "filename"] {
        query.forbid(name)?;
    }
    match query.take("archive")? {
        Some(taken) if archive(&taken)?.is_some() => Err(taken.refuse(Rule::Meaningless)),
        Some(_) | None => Ok(()),
    }
}

fn git(
    text: Text<'_>,
    sections: &Sections<'_>,
    located: Located<'_>,
    mut query: Query<'_>,
) -> Result<Git, AddressError> {
    query.forbid_instead_of("ref", ["tag", "branch", "commit", "rev"])?;
    let revision = query
        .take_filled("ref")?
        .map(|taken| git::revision(&taken))
        .transpose()?;
    let depth = query
        .take("depth")?
        .map(|taken| git::depth(&taken))
        .transpose()?
        .flatten();
    let ssh_key = query
        .take_filled("sshkey")?
        .map(|taken| ssh_key(&taken, &located.place))
        .transpose()?;
    Ok(Git {
        remote: remote(text, sections, located.place, query, &["ref", "depth", "sshkey"])?,
        revision,
        depth,
        ssh_key,
    })
}

fn ssh_key(taken: &Taken<'_>, place: &Place) -> Result<Secret, AddressError> {
    match place {
        Place::Site(site) if site.transport == Transport::Ssh => {}
        Place::Site(_) | Place::Path(_) | Place::Artifact(_) => {
            return Err(taken.refuse(Rule::Meaningless).write("an address of `ssh://`"));
        }
    }
    // In a query, `+` is a space.
    let key = with_plus(&taken.value);
    if is_base64(&key) {
        Ok(Secret::new(&key))
    } else {
        Err(taken.refuse(Rule::Base64).write("what `base64 -w0 KEYFILE` prints"))
    }
}

fn mercurial(
    text: Text<'_>,
    sections: &Sections<'_>,
    located: Located<'_>,
    mut query: Query<'_>,
) -> Result<Mercurial, AddressError> {
    query.forbid_instead_of("rev", ["tag", "branch", "commit", "ref"])?;
    let revision = query
        .take_filled("rev")?
        .map(|taken| git::changeset(&taken))
        .transpose()?;
    Ok(Mercurial {
        remote: remote(text, sections, located.place, query, &["rev"])?,
        revision,
    })
}

fn remote(
    text: Text<'_>,
    sections: &Sections<'_>,
    place: Place,
    query: Query<'_>,
    known: &[&str],
) -> Result<Remote, AddressError> {
    match place {
        Place::Site(site) => {
            let parameters = match site.transport {
                Transport::Https | Transport::Http => query.forward(),
                // They have no parameters: git would take them for the end of the path.
                Transport::Ssh | Transport::Git | Transport::File => {
                    query.finish(known)?;
                    Parameters::default()
                }
            };
            Ok(Remote::Site(Site { parameters, ..site }))
        }
        Place::Path(path) => {
            query.finish(known)?;
            Ok(Remote::Directory(path))
        }
        Place::Artifact(_) => Err(text.refuse(Part::Scheme, sections.source, Rule::Unfit)),
    }
}

fn artifact(
    text: Text<'_>,
    sections: &Sections<'_>,
    located: Located<'_>,
    query: Query<'_>,
) -> Result<Oci, AddressError> {
    query.finish(&[])?;
    match located.place {
        Place::Artifact(oci) => Ok(oci),
        Place::Site(_) | Place::Path(_) => Err(text.refuse(Part::Scheme, sections.source, Rule::Unfit)),
    }
}

fn download(
    text: Text<'_>,
    sections: &Sections<'_>,
    located: Located<'_>,
    mut query: Query<'_>,
    policy: &Policy,
    purpose: Purpose,
) -> Result<Download, AddressError> {
    let archive = query.take("archive")?.map(|taken| archive(&taken)).transpose()?;
    let filename = query.take("filename")?.map(|taken| filename(&taken)).transpose()?;
    let sum = query.take_filled("checksum")?;
    let slice = sections.source;
    let origin = match (located.kind, located.place) {
        (Kind::S3, Place::Site(site)) => Origin::S3(s3::s3(text, slice, site, query)?),
        (Kind::Gcs, Place::Site(site)) => Origin::Gcs(gcs::gcs(text, slice, &site, sections.fragment, query)?),
        (Kind::Azure, Place::Site(site)) => Origin::Azure(azure::azure(text, slice, site, query)?),
        (_, Place::Site(site)) => Origin::Http(Site {
            parameters: query.forward(),
            ..site
        }),
        (_, Place::Path(path)) => {
            query.finish(&["archive", "checksum", "filename"])?;
            Origin::File(path)
        }
        (_, Place::Artifact(_)) => return Err(text.refuse(Part::Scheme, slice, Rule::Unfit)),
    };
    let checksum = match (sum, purpose) {
        (None, _) => None,
        (Some(sum), Purpose::Sums) => return Err(sum.refuse(Rule::Meaningless)),
        (Some(sum), Purpose::Source) => Some(checksum(&sum, &origin, policy)?),
    };
    Ok(Download {
        archive: archive.unwrap_or_else(|| Archive::of_path(&origin.path())),
        origin,
        checksum,
        filename,
    })
}

fn archive(taken: &Taken<'_>) -> Result<Option<Archive>, AddressError> {
    if NO_ARCHIVE.contains(&taken.value.as_str()) {
        return Ok(None);
    }
    Archive::named(&taken.value).map(Some).ok_or_else(|| {
        let error = taken.refuse(Rule::Format);
        match nearest(&taken.value, Archive::names()) {
            Some(name) => error.write(format!("`archive={name}`")),
            None => error.write("`archive=` with one of tar, tar.bz2, tar.gz, tar.xz, tar.zst, zip, bz2, gz, xz and zst, or `archive=false`"),
        }
    })
}

fn filename(taken: &Taken<'_>) -> Result<String, AddressError> {
    let name = &taken.value;
    if name.len() > FILE_NAME_BYTES {
        return Err(taken.refuse(Rule::TooLong(FILE_NAME_BYTES)));
    }
    if matches!(name.as_str(), "." | "..") || name.contains(['/', '\\']) {
        return Err(taken.refuse(Rule::FileName).write("a name without slashes"));
    }
    Ok(name.clone())
}

fn checksum(taken: &Taken<'_>, origin: &Origin, policy: &Policy) -> Result<Checksum, AddressError> {
    let digest = match taken.value.split_once(':') {
        Some(("file", address)) => return sums(taken, address, origin, policy),
        Some((name, hexadecimal)) => Algorithm::named(name)
            .ok_or(DigestError::Algorithm)
            .and_then(|algorithm| Digest::of(algorithm, hexadecimal)),
        None => Digest::guess(&taken.value),
    };
    digest.map(Checksum::Digest).map_err(|error| {
        let refused = taken.refuse(Rule::Checksum(error));
        match taken
            .value
            .split_once(':')
            .and_then(|(name, _)| nearest(name, Algorithm::names()))
        {
            Some(name) => refused.write(format!("`checksum={name}:HEXADECIMAL`")),
            None => refused.write("`checksum=sha256:HEXADECIMAL`"),
        }
    })
}

/// Reads the address of a file of checksums, which has to be of the same origin: else an address could have this machine,
/// or another one in its network, asked for what only they can see.
fn sums(taken: &Taken<'_>, address: &str, origin: &Origin, policy: &Policy) -> Result<Checksum, AddressError> {
    let found = read(address, policy, Purpose::Sums).map_err(|inner| AddressError {
        spelling: inner.spelling,
        ..taken.refuse(inner.rule)
    })?;
    match found {
        Address {
            source: Source::Download(download),
            subdir: None,
        } => {
            if origin.is_same(&download.origin) {
                Ok(Checksum::File(Box::new(download)))
            } else {
                Err(taken.refuse(Rule::OtherOrigin).write("`checksum=sha256:HEXADECIMAL`"))
            }
        }
        Address { .. } => Err(taken
            .refuse(Rule::FileName)
            .write("`checksum=file:` and the address of a file")),
    }
}
