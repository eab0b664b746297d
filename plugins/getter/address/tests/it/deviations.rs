//! Where this crate deliberately differs from go-getter, and why.

use std::collections::BTreeSet;

use k1s_getter_address::{Address, AddressError, Download, Origin, Part, Rule, Source};
use percent_encoding::percent_decode_str;

use crate::projection::{self, Line};

/// How one address differs.
#[derive(Debug)]
pub(crate) enum Difference {
    WeRefuse(AddressError),
    TheyRefuse(Address),
    Fields(BTreeSet<&'static str>, Address),
}

pub(crate) struct Deviation {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) covers: fn(&Line, &Difference) -> bool,
}

/// A deviation that consists in refusing what breaks some rules.
macro_rules! refused {
    ($name:literal, $reason:literal, $pattern:pat) => {
        Deviation {
            name: $name,
            reason: $reason,
            covers: |_, difference| matches!(difference, Difference::WeRefuse(error) if matches!((error.part, error.rule), $pattern)),
        }
    };
}

/// A deviation in what is read.
const fn read(name: &'static str, reason: &'static str, covers: fn(&Line, &Difference) -> bool) -> Deviation {
    Deviation { name, reason, covers }
}

pub(crate) const DEVIATIONS: &[Deviation] = &[
    refused!(
        "a parameter that nobody reads is refused",
        "go-getter drops it, so that a slip such as `verison=` fetches something else without a word",
        (Part::Query, Rule::Meaningless)
    ),
    refused!(
        "an unknown or incomplete scheme is refused",
        "go-getter reads it as the path of a file below the working directory, or leaves it to git, which runs a program for it",
        (Part::Scheme, Rule::Unknown | Rule::Opaque | Rule::Unfit | Rule::Program)
    ),
    refused!(
        "a second getter is refused",
        "go-getter hands it to git, which would take it for a helper program (G04)",
        (Part::Getter, Rule::Nested | Rule::Program)
    ),
    refused!(
        "hosts, users and ports are held to their grammar",
        "go-getter takes what is wrong for a path, or lets a program find out (G03)",
        (
            Part::Host,
            Rule::Characters | Rule::Missing | Rule::Option | Rule::Meaningless
        ) | (Part::Login, Rule::Characters | Rule::Option)
            | (Part::Port, Rule::Number { .. })
    ),
    refused!(
        "nothing begins with a dash",
        "it would be an option of the program that it is handed to (G01, G02, G03)",
        (Part::Whole | Part::Path | Part::Parameter(_), Rule::Option)
    ),
    refused!(
        "a repository is no archive and has no file name or checksum",
        "go-getter then takes the last part of the path for a file in a repository of the rest",
        (Part::Parameter("archive" | "filename" | "checksum"), Rule::Meaningless)
    ),
    refused!(
        "an unknown format is refused",
        "go-getter then unpacks nothing, without a word",
        (Part::Parameter("archive"), Rule::Format)
    ),
    refused!(
        "a fragment is the generation of an object",
        "elsewhere go-getter drops it, and who writes `#main` means `?ref=main`",
        (Part::Fragment, Rule::Meaningless | Rule::Number { .. })
    ),
    refused!(
        "the form of scp for another user is refused",
        "go-getter takes it for the path of a file",
        (Part::Login, Rule::Scp)
    ),
    refused!(
        "no path on a server has a part `.` or `..`, however it is written",
        "go-getter sends it as it is, and some of those who are asked resolve it, before or after they look whether it is allowed",
        (Part::Path, Rule::Outside)
    ),
    refused!(
        "hosts and paths of stores are held to their grammar",
        "go-getter asks other hosts of the same owner, rewrites paths, or ignores logins and ports",
        (Part::Host, Rule::Store | Rule::Contradiction)
            | (Part::Path, Rule::Object | Rule::Characters)
            | (Part::Login, Rule::Meaningless)
    ),
    refused!(
        "the region is that of the host",
        "go-getter ignores the parameter where the host has one",
        (Part::Parameter("region"), Rule::Contradiction | Rule::Characters)
    ),
    refused!(
        "broken escapes and semicolons are refused",
        "go-getter drops such a parameter, or takes such a URL for the path of a file",
        (_, Rule::Escape) | (Part::Query | Part::Parameter(_), Rule::Characters)
    ),
    refused!(
        "a depth is a number",
        "go-getter takes what is none for all of the history",
        (Part::Parameter("depth"), Rule::Number { .. })
    ),
    refused!(
        "a checksum, revision, key or version is not empty",
        "go-getter takes it for none, so that a template that was not filled in fetches without a check, or another version",
        (
            Part::Parameter("checksum" | "ref" | "rev" | "sshkey" | "version"),
            Rule::Empty
        )
    ),
    refused!(
        "a revision is `ref` for git and `rev` for Mercurial",
        "go-getter sends the other one to the server, and fetches the default branch",
        (Part::Parameter("ref" | "rev"), Rule::Meaningless)
    ),
    refused!(
        "a revision is a name or a commit",
        "git would read an expression such as `main~1`, which needs a history to be resolved (G06)",
        (Part::Parameter("ref" | "rev"), Rule::Revision)
    ),
    refused!(
        "a parameter is there once",
        "go-getter takes the first and drops the others",
        (_, Rule::Twice)
    ),
    refused!(
        "a file name is one name",
        "go-getter lets it hold slashes (P06)",
        (Part::Parameter("filename"), Rule::FileName)
    ),
    refused!(
        "a file of checksums is where its file is",
        "go-getter asks any server or file for it (S03)",
        (Part::Parameter("checksum"), Rule::OtherOrigin)
    ),
    refused!(
        "a checksum is as long as its algorithm makes it",
        "go-getter finds out after the download",
        (Part::Parameter("checksum"), Rule::Checksum(_))
    ),
    refused!(
        "control characters are refused, encoded ones too",
        "they end up in paths, logs and command lines (G18, P06)",
        (_, Rule::Control)
    ),
    refused!(
        "an address names something",
        "go-getter takes what is missing for the working directory, or makes up a repository `.git`",
        (Part::Path | Part::Whole, Rule::Empty | Rule::Missing)
    ),
    refused!(
        "a home is not a path",
        "go-getter takes `~` for the name of a directory",
        (Part::Path, Rule::Home)
    ),
    refused!(
        "a sub-directory is checked as it is meant",
        "go-getter finds out after the download, or not if it is encoded (P01, P05)",
        (Part::Subdir, Rule::Pattern | Rule::Outside | Rule::Characters)
    ),
    refused!(
        "an SSH key is for SSH",
        "go-getter drops it, and asks without",
        (Part::Parameter("sshkey"), Rule::Meaningless | Rule::Base64)
    ),
    read(
        "the path of a repository may end like an archive",
        "go-getter then takes the last part for a file in a repository of the rest",
        |line, difference| matches!(line.getter.as_str(), "git" | "hg") && fields(difference, &["archive"]),
    ),
    read(
        "oci:// is known",
        "users ask for it; go-getter refuses it",
        |_, difference| matches!(difference, Difference::TheyRefuse(address) if matches!(address.source, Source::Oci(_))),
    ),
    read(
        "a whole bucket can be named",
        "go-getter wants a slash behind it",
        |_, difference| {
            let Difference::TheyRefuse(Address {
                source: Source::Download(download),
                ..
            }) = difference
            else {
                return false;
            };
            match &download.origin {
                Origin::S3(s3) => s3.key.is_empty(),
                Origin::Gcs(gcs) => gcs.object.is_empty(),
                Origin::Http(_) | Origin::Azure(_) | Origin::File(_) => false,
            }
        },
    ),
    read(
        "hosts of S3 are read from the end of the name, at a dot",
        "go-getter misses buckets with dots and the host without region, and takes `evilamazonaws.com` for Amazon's (S05)",
        |_, difference| matches!(difference, Difference::TheyRefuse(address) if is_s3(address)),
    ),
    read(
        "what only contains the name of a store is a path",
        "go-getter then asks that store for something else, or refuses it (S05)",
        |line, difference| {
            let address = match difference {
                Difference::TheyRefuse(address) => address,
                Difference::Fields(_, address) if matches!(line.getter.as_str(), "s3" | "gcs") => address,
                Difference::Fields(..) | Difference::WeRefuse(_) => return false,
            };
            is_file(address) && (line.address.contains(".amazonaws.com/") || line.address.contains(".googleapis.com/"))
        },
    ),
    read(
        "above the root is the root",
        "as everywhere on Unix; go-getter keeps `/..` and finds no name in it",
        |line, difference| line.address == "/.." && matches!(difference, Difference::TheyRefuse(_)),
    ),
    read(
        "s3.REGION is a host with the bucket in the path",
        "go-getter's own detector writes it, and its getter then reads `s3` for the bucket",
        |line, difference| {
            line.getter == "s3" && line.host.starts_with("s3.") && fields(difference, &["bucket", "object"])
        },
    ),
    read(
        "the region parameter goes with the host without region",
        "go-getter ignores it there and asks us-east-1",
        |line, difference| {
            line.host == "s3.amazonaws.com" && line.query.contains_key("region") && fields(difference, &["region"])
        },
    ),
    read(
        "a part that ends in .git ends the repository",
        "GitLab has groups in groups, which go-getter cannot name",
        |line, difference| {
            line.address.starts_with("gitlab.com/")
                && is_git(difference)
                && within(difference, &["path", "subdir", "revision"])
        },
    ),
    read(
        "the query of a forge's address is a query",
        "go-getter's detectors of forges take slashes in it for paths, and a `?` behind a sub-directory for its name",
        |line, difference| {
            let is_forge = line.address.starts_with("github.com/") || line.address.starts_with("gitlab.com/");
            is_forge
                && line.address.contains('?')
                && is_git(difference)
                && within(difference, &["left", "subdir", "revision", "depth", "key"])
        },
    ),
    read(
        "hosts of Azure are known",
        "users ask for it; go-getter takes it for the path of a file",
        |line, difference| {
            line.address.contains(".blob.core.windows.net/")
                && matches!(difference, Difference::Fields(_, address) if matches!(&address.source, Source::Download(Download { origin: Origin::Azure(_), .. })))
        },
    ),
    read(
        "hosts are the same in upper case",
        "go-getter takes `GitHub.com/a/b` for the path of a file",
        |line, difference| {
            line.address.to_lowercase().starts_with("github.com/") && line.getter == "file" && is_git(difference)
        },
    ),
    read(
        "a parameter without value is none",
        "go-getter hands some of them on",
        |line, difference| fields(difference, &["left"]) && line.query.values().flatten().any(String::is_empty),
    ),
    read(
        "a sub-directory is decoded",
        "go-getter's detectors encode it and its client does not decode it, so that `a b` becomes `a%20b`, and `*` `%2A`",
        |line, difference| match difference {
            Difference::Fields(_, address) => {
                fields(difference, &["subdir"])
                    && decoded(&line.subdir) == decoded(&projection::meaning(address)["subdir"])
            }
            Difference::WeRefuse(_) | Difference::TheyRefuse(_) => false,
        },
    ),
    read(
        "a plus in an SSH key is a plus",
        "in a query it is a space, so that go-getter cannot read keys as base64 prints them",
        |_, difference| fields(difference, &["key"]),
    ),
];

/// Whether exactly these differ.
fn fields(difference: &Difference, names: &[&'static str]) -> bool {
    matches!(difference, Difference::Fields(differing, _) if differing.iter().eq(names))
}

/// Whether none but these differ.
fn within(difference: &Difference, names: &[&'static str]) -> bool {
    matches!(difference, Difference::Fields(differing, _) if differing.iter().all(|name| names.contains(name)))
}

fn is_git(difference: &Difference) -> bool {
    matches!(difference, Difference::Fields(_, address) if matches!(address.source, Source::Git(_)))
}

fn is_s3(address: &Address) -> bool {
    matches!(
        &address.source,
        Source::Download(Download {
            origin: Origin::S3(_),
            ..
        })
    )
}

fn is_file(address: &Address) -> bool {
    matches!(
        &address.source,
        Source::Download(Download {
            origin: Origin::File(_),
            ..
        })
    )
}

/// Decodes until nothing is encoded any more, and cleans as go-getter does.
fn decoded(subdir: &str) -> String {
    let mut text = subdir.to_owned();
    loop {
        let next = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect::<Vec<_>>()
        .join("/")
}
