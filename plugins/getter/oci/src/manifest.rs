//! Manifests of artifacts.

use k1s_getter_address::{Algorithm, Archive, Digest};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::fault::ManifestError;
use crate::limits::{LAYERS, TEXT_BYTES};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What is asked for.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";
/// The name of a file or directory, as ORAS notes it.
const TITLE: &str = "org.opencontainers.image.title";
/// What ORAS notes of a directory, which it packs.
const UNPACK: &str = "io.deis.oras.content.unpack";

/// What an artifact consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its layers, in order.
    pub layers: Vec<Layer>,
}

/// A part of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub media_type: String,
    /// What its bytes are.
    pub digest: Digest,
    /// How many bytes that is.
    pub size: u64,
    /// The name of the file or directory that it is, as it was written; whoever makes a path of it has to look at it.
    pub title: Option<String>,
    /// Whether whoever packed it says that it has to be unpacked.
    pub is_packed: bool,
}

/// What a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// An archive.
    Archive(Archive),
    /// One file of this name.
    File(&'a str),
    /// Something that is neither.
    Other,
}

impl Layer {
    /// Tells what it holds. One that has a name is a file of that name, unless it was packed or is named as an archive is:
    /// ORAS calls whatever is not said otherwise a tar. All else is what its media type says.
    pub fn content(&self) -> Content<'_> {
        match self.title.as_deref() {
            Some(title) if !self.is_packed => Archive::of_path(title).map_or(Content::File(title), Content::Archive),
            Some(_) | None => self.archive().map_or(Content::Other, Content::Archive),
        }
    }

    fn archive(&self) -> Option<Archive> {
        let plain = self.media_type.split(';').next().unwrap_or_default().trim();
        let is = |ends: &[&str]| ends.iter().any(|end| plain.ends_with(end));
        if is(&["tar+gzip", "tar.gzip", "tar+gz", "x-gtar", "x-tgz"]) {
            return Some(Archive::TarGz);
        }
        if is(&["tar+zstd", "tar.zstd"]) {
            return Some(Archive::TarZst);
        }
        if is(&[".tar", "/tar", "x-tar"]) {
            return Some(Archive::Tar);
        }
        is(&["/zip"]).then_some(Archive::Zip)
    }
}

/// What a manifest turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Artifact(Manifest),
    /// An index of one manifest, which is this.
    Elsewhere(Digest),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    schema_version: u64,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    // Of the first version of Docker's format, and of none since.
    fs_layers: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// Reads a manifest, `kind` being the media type with which it came.
pub(crate) fn read(kind: Option<&str>, bytes: &[u8]) -> Result<Found, ManifestError> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| ManifestError::Unreadable(error.to_string()))?;
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if let (Some(sent), Some(said)) = (kind, &document.media_type)
        && sent != said
    {
        return Err(ManifestError::Ambiguous("another kind than it was sent as"));
    }
    if document.fs_layers.is_some() {
        return Err(ManifestError::Kind("Docker's first".to_owned()));
    }
    if document.schema_version != 2 {
        return Err(ManifestError::Kind(format!(
            "schema version {}",
            document.schema_version
        )));
    }
    let kind = document.media_type.as_deref().or(kind);
    match (kind, document.layers, document.manifests) {
        (_, Some(_), Some(_)) => Err(ManifestError::Ambiguous("both layers and manifests")),
        (Some(OCI_MANIFEST | DOCKER_MANIFEST) | None, Some(layers), None) => artifact(layers),
        (Some(OCI_INDEX | DOCKER_LIST) | None, None, Some(manifests)) => index(&manifests),
        (kind, _, _) => Err(ManifestError::Kind(shown(kind.unwrap_or("unknown")))),
    }
}

fn artifact(layers: Vec<Descriptor>) -> Result<Found, ManifestError> {
    if layers.len() > LAYERS {
        return Err(ManifestError::Layers);
    }
    let layers = layers.into_iter().map(|layer| {
        let mut annotations = layer.annotations.unwrap_or_default();
        let title = annotations.remove(TITLE);
        let is_long = |text: &str| text.len() > TEXT_BYTES;
        if is_long(&layer.media_type) || title.as_deref().is_some_and(is_long) {
            return Err(ManifestError::Text);
        }
        Ok(Layer {
            media_type: layer.media_type,
            digest: digest(&layer.digest).ok_or(ManifestError::Digest)?,
            size: layer.size,
            title,
            is_packed: annotations.get(UNPACK).is_some_and(|value| value == "true"),
        })
    });
    let layers = layers.collect::<Result<_, _>>()?;
    Ok(Found::Artifact(Manifest { layers }))
}

fn index(manifests: &[Descriptor]) -> Result<Found, ManifestError> {
    let [only] = manifests else {
        return Err(ManifestError::Several(manifests.len()));
    };
    digest(&only.digest).map(Found::Elsewhere).ok_or(ManifestError::Digest)
}

/// Reads `sha256:` or `sha512:` and hexadecimal digits.
pub(crate) fn digest(text: &str) -> Option<Digest> {
    let (algorithm, hexadecimal) = text.split_once(':')?;
    let algorithm = match algorithm {
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        _ => return None,
    };
    Digest::of(algorithm, hexadecimal).ok()
}

fn shown(kind: &str) -> String {
    kind.chars().filter(|c| !c.is_control()).take(TEXT_BYTES).collect()
}

#[cfg(test)]
mod tests;
