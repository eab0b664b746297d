//! What is held, by key and by path.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn key(name: &str) -> Key {
    Key {
        kind: "ConfigMap".into(),
        namespace: "n".into(),
        name: name.into(),
        ..Key::default()
    }
}

#[test]
fn a_path_is_whole_only_with_all_its_documents_at_one_version() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["v 1/1"], Some("v")),
        (&["v w 1/2", "v w 2/2"], Some("v w")),
        (&["v 2/2", "v 1/2"], Some("v")),
        (&["v 1/2"], None),
        (&["v 2/2"], None),
        (&["v 1/2", "w 2/2"], None),
        (&["v 1/2", "v 1/2"], None),
        (&["v 1/2", "v 2/3"], None),
        (&["v 0/2", "v 1/2", "v 2/2"], None),
        (&["v"], None),
        (&[""], None),
        (&["v x/1"], None),
        (&["v 1/1", ""], None),
    ];
    for (versions, expected) in cases {
        let mut known = Known::default();
        for (index, version) in versions.iter().enumerate() {
            known.hold(&key(&index.to_string()), "p", version, 0);
        }
        assert_eq!(known.path("p").unwrap().version.as_deref(), *expected, "{versions:?}");
    }
}

#[test]
fn versions_given_and_read_agree_at_every_length() {
    for length in 1..200 {
        let version = "v".repeat(length);
        let mut known = Known::default();
        for index in 0..3 {
            let version = document_version(&version, index, 3);
            assert!(version.len() <= limits::SOURCE_VERSION_BYTES);
            known.hold(&key(&index.to_string()), "p", &version, 0);
        }
        assert_eq!(
            known.path("p").unwrap().version.as_deref(),
            Some(&*bounded_path_version(&version)),
            "{length}"
        );
    }
    assert_eq!(document_version("", 0, 1), "");
    assert_eq!(
        document_version("v", 99_999_998, 99_999_999).len(),
        "v 99999999/99999999".len()
    );
    assert!(document_version(&"v".repeat(128), 99_999_998, 99_999_999).len() <= limits::SOURCE_VERSION_BYTES);
}

#[test]
fn a_key_that_moves_belongs_to_its_last_path() {
    let mut known = Known::default();
    known.hold(&key("a"), "p", "1 1/1", 1);
    known.hold(&key("a"), "q", "2 1/1", 1);
    assert_eq!(known.owner(&key("a")), Some("q"));
    assert_eq!(known.path("p"), None);
    assert_eq!(
        known.path("q").unwrap().objects,
        [(key("a"), "2 1/1".to_owned())].into()
    );
    known.hold(&key("a"), "p", "3 1/1", 1);
    assert_eq!(known.path("p").unwrap().version.as_deref(), Some("3"));
    assert_eq!(known.path("q"), None);
    known.remove(&key("a"));
    assert_eq!((known.path("p"), known.version(&key("a"))), (None, None));
}

#[test]
fn a_complete_generation_forgets_what_it_did_not_touch() {
    let mut known = Known::default();
    known.told(KnownObject::new(parts(&key("gone")), "1", "p"));
    known.told(KnownObject::new(parts(&key("pinned")), "1", "broken"));
    known.told(KnownObject::new(parts(&key("seen")), "1", "p"));
    known.told(KnownObject::new([""; 4], "1", "p"));
    known.hold(&key("sent"), "p", "2", 4);
    known.touch(&key("seen"), 4);
    known.complete(4, |path| path == "broken");
    let version = |name| known.version(&key(name));
    assert_eq!(
        [version("gone"), version("pinned"), version("seen"), version("sent")],
        [None, Some("1"), Some("1"), Some("2")]
    );
    let mut paths: Vec<&str> = known.paths().collect();
    paths.sort_unstable();
    assert_eq!(paths, ["broken", "p"]);
}

#[test]
fn thousands_are_held_in_places_that_are_used_again() {
    let mut known = Known::default();
    let names: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let tell = |known: &mut Known, names: &[String], version: &str| {
        for name in names {
            known.told(KnownObject::new(parts(&key(name)), version, name));
        }
    };
    tell(&mut known, &names, "1 1/1");
    let (kept, gone) = names.split_at(1_500);
    gone.iter().for_each(|name| known.remove(&key(name)));
    assert_eq!(known.slots.end(), 5_000);
    tell(&mut known, gone, "2 1/1");
    assert_eq!(known.slots.end(), 5_000);
    assert!(kept.iter().all(|name| known.path_version(name) == Some("1")));
    assert!(gone.iter().all(|name| known.path_version(name) == Some("2")));
    assert_eq!(known.paths().count(), 5_000);
}

#[test]
fn many_paths_are_looked_up_as_one_is() {
    let mut known = Known::default();
    known.hold(&key("a"), "p", "1 1/2", 1);
    known.hold(&key("b"), "p", "1 2/2", 1);
    known.hold(&key("c"), "pp", "2 1/1", 1);
    known.hold(&key("d"), "q", "3 1/2", 1);
    let found = known.find_paths(["q", "pp", "p", "none", ""].into_iter());
    let versions: Vec<Option<&str>> = found.iter().map(|found| found.map(|(_, version)| version)).collect();
    assert_eq!(versions, [None, Some("2"), Some("1"), None, None]);
    let mut entries = Vec::new();
    let mut keys = |path: &str, version: &str, found| {
        known.collect_at(path, version, found, &mut entries);
        let keys = entries.iter().filter_map(|entry| known.key_at(*entry));
        keys.map(|[.., name]| name).collect::<String>()
    };
    let of_pp = found[1].map(|(found, _)| found);
    // What was found of another path, or of a path at another version, does not count.
    assert_eq!(
        [keys("p", "1", of_pp), keys("p", "1", None), keys("pp", "2", of_pp)],
        ["ab", "ab", "c"]
    );
    assert_eq!([keys("pp", "1", of_pp), keys("none", "2", of_pp)], ["", ""]);
}

#[test]
fn what_was_seen_is_seen_in_its_generation() {
    let mut known = Known::default();
    known.hold(&key("a"), "p", "1 1/1", 1);
    assert_eq!(known.seen_at(&key("a"), 1), None);
    let entry = known.entry_of(&key("a")).unwrap();
    assert_eq!(known.see_at(entry, 2), Some((key("a"), "1 1/1".to_owned())));
    known.touch(&key("a"), 2);
    assert_eq!(
        (known.seen_at(&key("a"), 2), known.seen_at(&key("a"), 1)),
        (Some("p"), None)
    );
    known.touch(&key("a"), 3);
    assert_eq!(known.seen_at(&key("a"), 3), None);
}

#[test]
fn forgetting_versions_keeps_the_owners() {
    let mut known = Known::default();
    known.hold(&key("a"), "p", "1", 1);
    known.forget_versions();
    assert_eq!(
        (known.version(&key("a")), known.owner(&key("a"))),
        (Some(""), Some("p"))
    );
    assert_eq!(known.path("p").unwrap().version, None);
}

#[test]
fn keys_are_told_apart_by_each_of_their_parts() {
    let parts = |parts: [&str; 4]| {
        let [group, kind, namespace, name] = parts.map(str::to_owned);
        Key {
            group,
            kind,
            namespace,
            name,
        }
    };
    let keys = [
        parts(["a", "b", "c", "d"]),
        parts(["ab", "", "c", "d"]),
        parts(["", "abcd", "", ""]),
        parts(["", "", "", "abcd"]),
        parts(["é", "\0", "c", ""]),
    ];
    let mut known = Known::default();
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(known.owner(key), None);
        known.hold(key, &index.to_string(), "v", 0);
    }
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(known.owner(key), Some(index.to_string().as_str()));
        assert_eq!(
            known.path(&index.to_string()).unwrap().objects,
            [(key.clone(), "v".to_owned())].into()
        );
    }
}

/// What is held, plainly: path, version and last generation of each name.
type Plain = BTreeMap<u8, (u8, u8, u64)>;

fn agree(known: &Known, plain: &Plain) {
    let mut paths: Vec<&str> = known.paths().collect();
    paths.sort_unstable();
    let expected: BTreeSet<String> = plain.values().map(|(path, _, _)| path.to_string()).collect();
    assert_eq!(paths, expected.iter().map(String::as_str).collect::<Vec<_>>());
    for path in expected {
        let held = plain.iter().filter(|(_, (at, _, _))| at.to_string() == path);
        let held = held.map(|(name, (_, version, _))| (key(&name.to_string()), version.to_string()));
        assert_eq!(known.path(&path).unwrap().objects, held.collect());
    }
    let paths = ["0", "1", "2", "3", "4", ""];
    let at_once = known.find_paths(paths.into_iter());
    assert_eq!(at_once, paths.map(|path| known.find_path(path)));
    for name in 0..8 {
        let version = plain.get(&name).map(|(_, version, _)| version.to_string());
        assert_eq!(known.version(&key(&name.to_string())), version.as_deref());
    }
}

proptest! {
    #[test]
    fn what_is_known_equals_a_plain_map(steps in prop::collection::vec((0..5_u8, 0..8_u8, 0..4_u8, 0..3_u8), 0..120)) {
        let (mut known, mut plain, mut generation) = (Known::default(), Plain::new(), 1);
        for (step, name, path, version) in steps {
            let of = key(&name.to_string());
            match step {
                0 | 1 => {
                    known.hold(&of, &path.to_string(), &version.to_string(), generation);
                    plain.insert(name, (path, version, generation));
                }
                2 => {
                    known.remove(&of);
                    plain.remove(&name);
                }
                3 => {
                    known.touch(&of, generation);
                    plain.entry(name).and_modify(|held| held.2 = generation);
                }
                _ => {
                    let untouched: BTreeSet<Key> = known.untouched(generation).map(|(key, _)| key).collect();
                    let expected = plain.iter().filter(|(_, held)| held.2 != generation);
                    assert_eq!(untouched, expected.map(|(name, _)| key(&name.to_string())).collect());
                    known.complete(generation, |path| path == "0");
                    plain.retain(|_, held| held.2 == generation || held.0 == 0);
                    generation += 1;
                }
            }
            agree(&known, &plain);
        }
    }
}
