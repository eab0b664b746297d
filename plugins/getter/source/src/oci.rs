//! The origin that is an artifact of a registry.
//!
//! A look asks what the tag stands for; only another digest is brought, layer by layer. A layer that is an archive is
//! unpacked, one that is a file has the name that it was given, and others are passed over. What is in a later layer takes the
//! place of what is in an earlier one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::Arc;

use k1s_getter_address::{Algorithm, Archive, Digest, Oci};
use k1s_getter_archive::{ArchiveError, Limit, Limits};
use k1s_getter_oci::{self as oci, Layer, Registry};
use k1s_manifests::RelPath;
use tokio::task::spawn_blocking;

use crate::cache::{Cache, Put};
use crate::config::{Access, Bounds};
use crate::content::Content;
use crate::network::Network;
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::tree::{Blob, Class, Entry, Kind, Mark, Mode, Refusal, Tree};
use crate::unpack::{Parcel, unpack};
use crate::wish::Wish;

/// The longest title that is told in an error, in characters.
const TITLE_CHARS: usize = 128;

/// An artifact of a registry.
pub(crate) struct Artifact {
    oci: Oci,
    bounds: Bounds,
    network: Arc<Network>,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
    /// Set up with the first look.
    registry: Option<Registry>,
}

/// How a layer is taken.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// With the name that it was given.
    Archive(Archive, String),
    File(RelPath),
}

impl Artifact {
    /// Begins with what an address names.
    pub(crate) fn new(oci: &Oci, access: &Access, cache: Arc<Cache>, meter: Arc<Meter>) -> Self {
        Self {
            oci: oci.clone(),
            bounds: access.bounds,
            network: Arc::clone(&access.network),
            cache,
            meter,
            registry: None,
        }
    }

    /// Returns what asks, which is set up the first time.
    async fn registry(&mut self) -> Result<Registry, OriginError> {
        if let Some(registry) = self.registry.take() {
            return Ok(registry);
        }
        let (network, oci) = (Arc::clone(&self.network), self.oci.clone());
        let made = spawn_blocking(move || {
            let access = network.registry().map_err(OriginError::Network)?;
            Registry::new(&oci, access).map_err(OriginError::Oci)
        });
        made.await?
    }

    async fn changed(&self, registry: &mut Registry, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        // What is pinned need not be what the tag stands for any more.
        let digest = match wish.pinned.as_deref().and_then(digest_of) {
            Some(digest) => digest,
            None => registry.look().await.map_err(OriginError::Oci)?,
        };
        let mark = Mark(digest.to_string());
        if last == Some(&mark) {
            return Ok(Looked::Same);
        }
        let manifest = registry.manifest(&digest).await.map_err(OriginError::Oci)?;
        let mut taken = Vec::new();
        for layer in &manifest.layers {
            taken.extend(taken_of(layer, wish)?.map(|taken| (layer, taken)));
        }
        let bytes = taken
            .iter()
            .fold(0_u64, |bytes, (layer, _)| bytes.saturating_add(layer.size));
        if bytes > self.bounds.download_bytes {
            return Err(OriginError::Layers(self.bounds.download_bytes));
        }
        self.meter.expect(bytes);
        let (mut merged, mut left) = (Merged::default(), self.bounds.archive);
        for (layer, taken) in taken {
            let tree = self.layer(registry, layer, taken, wish, left).await?;
            left = less(left, &tree)?;
            merged.add(tree);
        }
        Ok(Looked::Other(Tree {
            revision: digest.to_string(),
            mark,
            roots: merged.roots,
            entries: merged.entry_by_path.into_values().collect(),
            ..Tree::default()
        }))
    }

    /// Brings a layer, and returns what is in it.
    async fn layer(
        &self,
        registry: &mut Registry,
        layer: &Layer,
        taken: Taken,
        wish: &Wish,
        left: Limits,
    ) -> Result<Tree, OriginError> {
        let file = self.cache.unfinished()?;
        let cache = Arc::clone(&self.cache);
        let system = |source: io::Error| cache.system(source);
        let mut writer = tokio::fs::File::from_std(file.reopen().map_err(system)?);
        registry.layer(layer, &mut writer).await.map_err(OriginError::Oci)?;
        self.meter.add(layer.size);
        let (file, wish) = (file.reopen().map_err(system)?, wish.clone());
        spawn_blocking(move || match taken {
            Taken::File(path) => one(file, path, &wish, &cache),
            Taken::Archive(archive, name) => {
                let parcel = Parcel {
                    file,
                    name,
                    archive: Some(archive),
                };
                unpack(parcel, &wish, &left, &cache)
            }
        })
        .await?
    }
}

impl Origin for Artifact {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(async move {
            let mut registry = self.registry().await?;
            let looked = self.changed(&mut registry, last, wish).await;
            self.registry = Some(registry);
            looked
        })
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        // A look puts all that may be wanted into the cache.
        Box::pin(std::future::ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}

/// What layers hold together.
#[derive(Default)]
struct Merged {
    roots: BTreeSet<RelPath>,
    entry_by_path: BTreeMap<RelPath, Entry>,
}

impl Merged {
    fn add(&mut self, tree: Tree) {
        self.roots.extend(tree.roots);
        let entries = tree.entries.into_iter().map(|entry| (entry.path.clone(), entry));
        self.entry_by_path.extend(entries);
    }
}

/// Returns how much later layers may have, once this is in the cache.
fn less(left: Limits, tree: &Tree) -> Result<Limits, OriginError> {
    let bytes = |entry: &Entry| match &entry.kind {
        Kind::File(blob) => blob.bytes.unwrap_or_default(),
        Kind::Link | Kind::Submodule | Kind::Refused(_) => 0,
    };
    let bytes = tree.entries.iter().map(bytes).fold(0, u64::saturating_add);
    let entries = u64::try_from(tree.entries.len()).unwrap_or(u64::MAX);
    let limit = |limit| OriginError::Archive(ArchiveError::Limit(limit));
    Ok(Limits {
        total_bytes: left
            .total_bytes
            .checked_sub(bytes)
            .ok_or_else(|| limit(Limit::TotalBytes(left.total_bytes)))?,
        entries: left
            .entries
            .checked_sub(entries)
            .ok_or_else(|| limit(Limit::Entries(left.entries)))?,
        ..left
    })
}

/// Reads the digest of an artifact.
fn digest_of(text: &str) -> Option<Digest> {
    let (name, hexadecimal) = text.split_once(':')?;
    let algorithm = [Algorithm::Sha256, Algorithm::Sha512]
        .into_iter()
        .find(|algorithm| algorithm.name() == name)?;
    Digest::of(algorithm, hexadecimal).ok()
}

/// Tells how a layer is taken; `None` if it is not.
fn taken_of(layer: &Layer, wish: &Wish) -> Result<Option<Taken>, OriginError> {
    match layer.content() {
        oci::Content::Archive(archive) => {
            let name = layer.title.as_deref().and_then(|title| title.rsplit('/').next());
            Ok(Some(Taken::Archive(archive, name.unwrap_or_default().to_owned())))
        }
        oci::Content::Other => Ok(None),
        oci::Content::File(title) => {
            let is_plain = !title.contains(|char: char| char == '\\' || char.is_control());
            let path = RelPath::new(title).filter(|path| is_plain && !path.is_root());
            let path = path.ok_or_else(|| OriginError::Title(title.chars().take(TITLE_CHARS).collect()))?;
            Ok(wish.takes(&path).then_some(Taken::File(path)))
        }
    }
}

/// Takes a layer that is one file.
fn one(mut file: File, path: RelPath, wish: &Wish, cache: &Cache) -> Result<Tree, OriginError> {
    let most = wish.file_bytes;
    let kind = match cache.put(&mut file, most)? {
        Put::Whole { content, bytes } => Kind::File(Blob {
            content,
            bytes: Some(bytes),
            mode: Mode::Plain,
        }),
        Put::TooLarge => {
            let said = format!("larger than maxFileBytes, {most} bytes");
            Kind::Refused(Refusal::new(Class::TooLarge, said))
        }
    };
    let roots = std::iter::successors(path.parent(), RelPath::parent);
    Ok(Tree {
        roots: roots.filter(|directory| wish.is_root(directory)).collect(),
        entries: vec![Entry { path, kind }],
        ..Tree::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::Files;

    fn wish() -> Wish {
        Wish {
            subdir: None,
            files: Files::All,
            file_bytes: 4,
            pinned: None,
        }
    }

    fn layer(media_type: &str, title: Option<&str>) -> Layer {
        Layer {
            media_type: media_type.to_owned(),
            digest: Digest::of(Algorithm::Sha256, &"00".repeat(32)).unwrap(),
            size: 1,
            title: title.map(str::to_owned),
            is_packed: false,
        }
    }

    #[test]
    fn p07_a_title_never_leads_out() {
        for title in ["../a.yaml", "/abs", "a/../../b", "a\\b", "", "a//b", "a\nb"] {
            let taken = taken_of(&layer("text/yaml", Some(title)), &wish());
            assert!(matches!(taken, Err(OriginError::Title(_))), "{title:?}: {taken:?}");
        }
        let taken = taken_of(&layer("text/yaml", Some("deep/a.yaml")), &wish()).unwrap();
        assert_eq!(taken, Some(Taken::File(RelPath::new("deep/a.yaml").unwrap())));
        let taken = taken_of(&layer("application/vnd.oci.image.layer.v1.tar+gzip", None), &wish()).unwrap();
        assert_eq!(taken, Some(Taken::Archive(Archive::TarGz, String::new())));
        assert_eq!(
            taken_of(&layer("application/octet-stream", None), &wish()).unwrap(),
            None
        );
    }

    #[test]
    fn a_digest_that_is_pinned_is_read_as_it_is_told() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = Digest::of(algorithm, &"ab".repeat(algorithm.length())).unwrap();
            assert_eq!(digest_of(&digest.to_string()), Some(digest));
        }
        assert_eq!(digest_of("md5:00"), None);
    }

    /// What each layer has is on the disk before anybody looks at all of them.
    #[test]
    fn layers_are_bounded_together() {
        let (folder, cache) = cache();
        let whole = Limits {
            total_bytes: 5,
            entries: 3,
            ..Limits::default()
        };
        let after = |texts: &[&str]| {
            texts.iter().try_fold(whole, |left, text| {
                less(left, &layered(folder.path(), &cache, "a", text))
            })
        };
        let left = after(&["1", "22"]).unwrap();
        assert_eq!((left.total_bytes, left.entries), (2, 1));
        for (texts, said) in [(&["22", "22", "22"][..], "total_bytes, 1"), (&["1"; 4], "entries, 0")] {
            let error = after(texts).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    /// What a layer is that is one file.
    fn layered(folder: &std::path::Path, cache: &Cache, path: &str, text: &str) -> Tree {
        let file = folder.join("layer");
        std::fs::write(&file, text).unwrap();
        one(File::open(file).unwrap(), RelPath::new(path).unwrap(), &wish(), cache).unwrap()
    }

    #[test]
    fn a_later_layer_takes_the_place_of_an_earlier_one() {
        let (folder, cache) = cache();
        let mut merged = Merged::default();
        for (path, text) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "large")] {
            merged.add(layered(folder.path(), &cache, path, text));
        }
        let kinds: Vec<(String, Option<Content>)> = merged
            .entry_by_path
            .into_values()
            .map(|entry| match entry.kind {
                Kind::File(blob) => (entry.path.to_string(), Some(blob.content)),
                Kind::Link | Kind::Submodule | Kind::Refused(_) => (entry.path.to_string(), None),
            })
            .collect();
        let content = |text: &str| Some(Content::of(text.as_bytes()));
        let expected = [("a", content("2")), ("b", content("1")), ("c", None)];
        assert_eq!(kinds, expected.map(|(path, content)| (path.to_owned(), content)));
    }
}
