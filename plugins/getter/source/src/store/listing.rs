//! What a listing of a bucket means: its state, what may be wanted of it, and what of that has to be asked for. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k1s_getter_archive::Limits;
use k1s_getter_bucket::{Entry as Object, Folder};
use k1s_manifests::RelPath;
use sha2::{Digest as _, Sha256};

use super::StoreError;
use crate::content::Content;
use crate::tree::{Class, Entry, Kind, Refusal, Shape, Tree};
use crate::wish::Wish;

/// By key, the entity tag that an object had and the content that it was.
pub(super) type Known = BTreeMap<String, (String, Content)>;

/// What is wanted of a listing.
#[derive(Debug)]
pub(super) struct Sorted {
    /// What is known without asking for anything.
    pub(super) tree: Tree,
    /// What has to be known of.
    pub(super) wanted: Vec<(RelPath, Object)>,
}

/// Returns the SHA-256 of what is listed.
pub(super) fn hash(folder: &Folder) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut put = |text: &str| {
        hasher.update(text);
        // Neither a path nor a tag holds this byte, nor does a key whose characters are spelled out.
        hasher.update([0]);
    };
    for (path, object) in &folder.entries {
        put(path.as_str());
        put(&object.etag);
        put(&object.bytes.to_string());
    }
    for key in folder.refused.keys() {
        put(&key.escape_default().to_string());
    }
    put(&folder.refused_count.to_string());
    hasher.finalize().into()
}

/// Tells what may be wanted of a listing, and what of it cannot be read.
pub(super) fn sort(folder: &Folder, wish: &Wish, limits: &Limits) -> Result<Sorted, StoreError> {
    let count = folder.entries.len().saturating_add(folder.refused_count);
    if u64::try_from(count).unwrap_or(u64::MAX) > limits.entries {
        return Err(StoreError::TooMany(limits.entries));
    }
    let (mut roots, mut entries, mut wanted) = (BTreeSet::new(), refusals(folder, wish), Vec::new());
    let mut total = 0_u64;
    for (path, object) in &folder.entries {
        // The path of a key is checked more strictly than this.
        let Some(path) = RelPath::new(path.as_str()) else {
            continue;
        };
        roots.extend(roots_above(&path, wish));
        if !wish.takes(&path) {
            continue;
        }
        if object.bytes > wish.file_bytes {
            let said = format!("larger than maxFileBytes, {} bytes", wish.file_bytes);
            let kind = Kind::Refused(Refusal::new(Class::TooLarge, said));
            entries.push(Entry { path, kind });
            continue;
        }
        total = total.saturating_add(object.bytes);
        wanted.push((path, object.clone()));
    }
    if total > limits.total_bytes {
        return Err(StoreError::TooLarge(limits.total_bytes));
    }
    let tree = Tree {
        shape: Shape::Many,
        roots,
        entries,
        ..Tree::default()
    };
    Ok(Sorted { tree, wanted })
}

/// Returns what of the wanted has to be asked for; `has` tells what is on this machine.
pub(super) fn missing(wanted: &[(RelPath, Object)], known: &Known, has: impl Fn(&Content) -> bool) -> Vec<Object> {
    let is_known = |object: &Object| {
        let last = known.get(&object.key);
        last.is_some_and(|(etag, content)| *etag == object.etag && has(content))
    };
    let objects = wanted.iter().map(|(_, object)| object);
    objects.filter(|object| !is_known(object)).cloned().collect()
}

/// Tells of the keys that cannot be paths, where they look like something that is wanted.
fn refusals(folder: &Folder, wish: &Wish) -> Vec<Entry> {
    let told = folder.refused.iter().filter_map(|(key, fault)| {
        let name = key.escape_default().to_string().replace('/', "%2F");
        let path = RelPath::new(&name).filter(|path| wish.takes(path))?;
        let said = format!("the key of this object {fault}, so that it is not asked for");
        let kind = Kind::Refused(Refusal::new(Class::Unsupported, said));
        Some(Entry { path, kind })
    });
    told.collect()
}

fn roots_above(path: &RelPath, wish: &Wish) -> Vec<RelPath> {
    let mut roots = Vec::new();
    let mut next = path.parent();
    while let Some(directory) = next {
        next = directory.parent();
        if wish.is_root(&directory) {
            roots.push(directory);
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::{Address, Policy};

    use super::*;
    use crate::wish::Files;

    fn object(key: &str, etag: &str, bytes: u64) -> Object {
        Object {
            key: key.to_owned(),
            etag: format!("\"{etag}\""),
            bytes,
        }
    }

    fn wish(subdir: &str) -> Wish {
        Wish {
            subdir: Address::parse(&format!("/x{subdir}"), &Policy::default())
                .unwrap()
                .subdir,
            files: Files::All,
            pinned: None,
            file_bytes: 10,
        }
    }

    fn paths(sorted: &Sorted) -> Vec<&str> {
        sorted.wanted.iter().map(|(path, _)| path.as_str()).collect()
    }

    /// A listing as the store's, of keys below `team/`.
    fn folder(objects: &[Object]) -> Folder {
        Folder::of("team/", objects.to_vec())
    }

    #[test]
    fn what_is_asked_for_is_what_is_wanted_and_not_too_large() {
        let listed = folder(&[
            object("team/a/b.yaml", "1", 10),
            object("team/c.yaml", "2", 1),
            object("team/large.yaml", "3", 11),
            object("../d.yaml", "4", 1),
        ]);
        let limits = Limits::default();
        let all = sort(&listed, &wish(""), &limits).unwrap();
        assert_eq!(paths(&all), ["a/b.yaml", "c.yaml"]);
        let told: Vec<&str> = all.tree.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(told, ["..%2Fd.yaml", "large.yaml"]);
        let part = sort(&listed, &wish("//a"), &limits).unwrap();
        assert_eq!(paths(&part), ["a/b.yaml"]);
        assert_eq!(part.tree.roots.len(), 1);

        let few = Limits { entries: 3, ..limits };
        assert!(matches!(sort(&listed, &wish(""), &few), Err(StoreError::TooMany(3))));
        let small = Limits {
            total_bytes: 10,
            ..limits
        };
        assert!(matches!(
            sort(&listed, &wish(""), &small),
            Err(StoreError::TooLarge(10))
        ));
    }

    #[test]
    fn only_what_has_another_tag_is_asked_for_again() {
        let listed = folder(&[
            object("team/a", "1", 1),
            object("team/b", "2", 1),
            object("team/c", "3", 1),
        ]);
        let wanted = sort(&listed, &wish(""), &Limits::default()).unwrap().wanted;
        let known = |key: &str, etag: &str| (key.to_owned(), (format!("\"{etag}\""), Content::of(key.as_bytes())));
        let memory = Known::from([known("team/a", "1"), known("team/b", "old"), known("team/c", "3")]);
        let missing = missing(&wanted, &memory, |content| *content != Content::of(b"team/c"));
        let missing: Vec<&str> = missing.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(missing, ["team/b", "team/c"]);
    }

    #[test]
    fn another_listing_is_another_state() {
        let one = [object("team/a", "1", 1), object("../x", "1", 1)];
        let state = hash(&folder(&one));
        assert_eq!(
            state,
            hash(&folder(&[one[1].clone(), one[0].clone()])),
            "in whatever order"
        );
        for other in [
            vec![object("team/a", "2", 1), one[1].clone()],
            vec![object("team/a", "1", 2), one[1].clone()],
            vec![object("team/b", "1", 1), one[1].clone()],
            vec![one[0].clone()],
            vec![one[0].clone(), object("../y", "1", 1)],
        ] {
            assert_ne!(state, hash(&folder(&other)), "{other:?}");
        }
    }
}
