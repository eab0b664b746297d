//! One shape for what go-getter and this crate make of an address, to compare them by.

use std::collections::BTreeMap;

use k1s_getter_address::{Address, Archive, Checksum, Download, Endpoint, Origin, Parameters, Remote, Site, Source};
use serde::Deserialize;

/// A line of `fixtures/addresses.jsonl`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    #[serde(rename = "c")]
    pub(crate) class: String,
    #[serde(rename = "in")]
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) detected: String,
    #[serde(default)]
    pub(crate) refused: bool,
    #[serde(default)]
    pub(crate) getter: String,
    #[serde(default)]
    pub(crate) scheme: String,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) password: String,
    #[serde(default)]
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Vec<String>>,
    #[serde(default, rename = "fragment")]
    _fragment: String,
    #[serde(default)]
    pub(crate) subdir: String,
    #[serde(default)]
    pub(crate) archive: String,
    #[serde(default)]
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) sums: String,
    pub(crate) bucket: Option<Bucket>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucket {
    #[serde(default)]
    region: String,
    name: String,
    key: String,
    #[serde(default)]
    version: String,
}

/// What an address means, by name.
pub(crate) type Meaning = BTreeMap<&'static str, String>;

/// Parameters that this crate reads, by getter.
const OWN: [(&str, &[&str]); 7] = [
    ("git", &["ref", "depth", "sshkey"]),
    ("hg", &["rev"]),
    ("http", &["filename"]),
    ("https", &["filename"]),
    ("file", &["filename"]),
    (
        "s3",
        &[
            "filename",
            "region",
            "version",
            "aws_access_key_id",
            "aws_access_key_secret",
            "aws_access_token",
            "aws_profile",
        ],
    ),
    ("gcs", &["filename"]),
];

impl Line {
    /// Returns what go-getter makes of the address.
    pub(crate) fn meaning(&self) -> Meaning {
        let own = OWN
            .iter()
            .find(|(getter, _)| *getter == self.getter)
            .map_or(&[][..], |(_, own)| own);
        let is_own = |name: &str| own.contains(&name);
        let first = |name: &str| {
            self.query
                .get(name)
                .and_then(|values| values.first())
                .cloned()
                .unwrap_or_default()
        };
        let left: BTreeMap<_, _> = self.query.iter().filter(|(name, _)| !is_own(name)).collect();
        let mut meaning = Meaning::from([
            ("getter", self.getter.replace("https", "http")),
            (
                "subdir",
                if self.subdir == "." {
                    String::new()
                } else {
                    self.subdir.clone()
                },
            ),
            (
                "archive",
                Archive::named(&self.archive).map_or(String::new(), |archive| archive.name().to_owned()),
            ),
            (
                "filename",
                if self.archive.is_empty() {
                    self.filename.clone()
                } else {
                    first("filename")
                },
            ),
            ("sums", self.sums.clone()),
            ("left", format!("{left:?}")),
        ]);
        match self.getter.as_str() {
            "git" => meaning.extend([
                ("revision", first("ref")),
                ("depth", first("depth").replace('0', "")),
                ("key", first("sshkey")),
            ]),
            "hg" => drop(meaning.insert("revision", first("rev"))),
            _ => {}
        }
        meaning.extend(self.place());
        meaning
    }

    fn place(&self) -> Meaning {
        let mut meaning = Meaning::new();
        if let Some(bucket) = &self.bucket {
            let parts = [
                ("region", &bucket.region),
                ("bucket", &bucket.name),
                ("object", &bucket.key),
                ("version", &bucket.version),
            ];
            meaning.extend(parts.map(|(name, value)| (name, value.clone())));
        } else {
            let path = if self.scheme == "file" {
                clean(&self.path)
            } else {
                slash(&self.path)
            };
            let (user, password) = (self.user.clone(), self.password.clone());
            meaning.extend([
                ("scheme", self.scheme.clone()),
                ("host", self.host.trim_end_matches(':').to_lowercase()),
                ("path", path),
                ("user", user),
                ("password", password),
            ]);
        }
        meaning
    }
}

/// Returns what this crate makes of an address.
pub(crate) fn meaning(address: &Address) -> Meaning {
    let subdir = address.subdir.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut meaning = Meaning::from([
        ("subdir", subdir),
        ("archive", String::new()),
        ("filename", String::new()),
        ("sums", String::new()),
    ]);
    match &address.source {
        Source::Git(git) => {
            let revision = git.revision.as_ref().map_or("", |revision| revision.as_str());
            let depth = git
                .depth
                .map_or(String::new(), |depth| depth.to_string().replace('0', ""));
            let key = git.ssh_key.as_ref().map_or("", |key| key.expose());
            meaning.extend([
                ("getter", "git".into()),
                ("revision", revision.into()),
                ("depth", depth),
                ("key", key.into()),
            ]);
            remote(&mut meaning, &git.remote);
        }
        Source::Mercurial(mercurial) => {
            let revision = mercurial.revision.as_ref().map_or("", |revision| revision.as_str());
            meaning.extend([("getter", "hg".into()), ("revision", revision.into())]);
            remote(&mut meaning, &mercurial.remote);
        }
        Source::Oci(oci) => drop(meaning.insert("getter", format!("oci {oci:?}"))),
        Source::Download(found) => download(&mut meaning, found),
    }
    meaning
}

fn download(meaning: &mut Meaning, download: &Download) {
    meaning.insert("archive", download.archive.map_or("", Archive::name).to_owned());
    meaning.insert("filename", download.filename.clone().unwrap_or_default());
    if let Some(Checksum::File(file)) = &download.checksum {
        meaning.insert(
            "sums",
            match &file.origin {
                Origin::Http(site) => format!("{}://{}{}", site.transport.scheme(), site.host, site.path),
                Origin::File(path) => format!("file://{path}"),
                store @ (Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_)) => format!("{store:?}"),
            },
        );
    }
    let mut store = |getter: &str, region: &str, bucket: &str, object: &str, version: String| {
        let parts = [
            ("getter", getter),
            ("region", region),
            ("bucket", bucket),
            ("object", object),
            ("version", &version),
            ("left", "{}"),
        ];
        meaning.extend(parts.map(|(name, value)| (name, value.to_owned())));
    };
    match &download.origin {
        Origin::Http(site) => {
            meaning.insert("getter", "http".into());
            at(meaning, site);
        }
        Origin::S3(s3) => {
            store(
                "s3",
                &s3.region,
                &s3.bucket,
                &s3.key,
                s3.version.clone().unwrap_or_default(),
            );
            if let Endpoint::Compatible(site) = &s3.endpoint {
                assert!(site.path.is_empty() && site.parameters.is_empty(), "{site:?}");
            }
        }
        Origin::Gcs(gcs) => {
            let generation = gcs
                .generation
                .map_or(String::new(), |generation| generation.to_string());
            store("gcs", "", &gcs.bucket, &gcs.object, generation);
        }
        Origin::Azure(azure) => drop(meaning.insert("getter", format!("azure {azure:?}"))),
        Origin::File(path) => {
            meaning.insert("getter", "file".to_owned());
            directory(meaning, path);
        }
    }
}

fn remote(meaning: &mut Meaning, remote: &Remote) {
    match remote {
        Remote::Site(site) => at(meaning, site),
        Remote::Directory(path) => directory(meaning, path),
    }
}

/// What is on this machine.
fn directory(meaning: &mut Meaning, path: &str) {
    let parts = [
        ("scheme", "file"),
        ("host", ""),
        ("path", path),
        ("user", ""),
        ("password", ""),
        ("left", "{}"),
    ];
    meaning.extend(parts.map(|(name, value)| (name, value.to_owned())));
}

fn at(meaning: &mut Meaning, site: &Site) {
    let port = site.port.map_or(String::new(), |port| format!(":{port}"));
    let (user, password) = match &site.login {
        None => (String::new(), String::new()),
        Some(login) => (
            login.user.expose().to_owned(),
            login
                .password
                .as_ref()
                .map_or("", |password| password.expose())
                .to_owned(),
        ),
    };
    meaning.extend([
        ("scheme", site.transport.scheme().to_owned()),
        ("host", format!("{}{port}", site.host)),
        ("path", slash(&site.decoded_path())),
        ("user", user),
        ("password", password),
        ("left", left(&site.parameters)),
    ]);
}

fn left(parameters: &Parameters) -> String {
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in parameters.iter() {
        left.entry(name).or_default().push(value.expose());
    }
    left.values_mut().for_each(|values| values.sort_unstable());
    format!("{left:?}")
}

/// A path on a server is the same with and without the first slash.
fn slash(path: &str) -> String {
    path.strip_prefix('/').unwrap_or(path).to_owned()
}

/// Takes out of a path what leads nowhere else: `.`, `..`, and slashes that are too many.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
