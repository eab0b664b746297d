//! A tree is what it says it is: checked by reading its files as a source does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

const OBJECTS: usize = 1_000;

/// The document of each key, as the files of a tree have it.
fn read(tree: &Tree) -> BTreeMap<Key, Value> {
    let mut documents = BTreeMap::new();
    for path in tree.files() {
        let text = tree.files[path].text(tree.style);
        for document in k1s_yaml::documents(text.as_bytes(), &k1s_yaml::Limits::default()) {
            let value = document.expect(path).value;
            let items = match value["kind"].as_str() {
                Some("List") => value["items"].as_array().expect(path).clone(),
                _ => vec![value],
            };
            for item in items {
                assert_eq!(
                    documents.insert(key(&item), item),
                    None,
                    "a key is declared twice, again in {path}"
                );
            }
        }
    }
    documents
}

/// What a document says its key is, with the default of a namespaced kind filled in.
fn key(document: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&document["apiVersion"]), text(&document["kind"]));
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let is_cluster = ["Namespace", "CustomResourceDefinition", "ClusterRole"].contains(&kind.as_str());
    let namespace = match document["metadata"]["namespace"].as_str() {
        None if !is_cluster => "default",
        stated => stated.unwrap_or_default(),
    };
    Key::new(group, &kind, namespace, &text(&document["metadata"]["name"]))
}

#[test]
fn files_declare_exactly_the_keys_with_the_content_that_was_made() {
    for layout in [Layout::Mixed, Layout::OnePerFile] {
        let tree = Tree::shaped(7, OBJECTS, 1_500, layout);
        let made: BTreeMap<Key, Value> = tree
            .objects()
            .map(|object| (object.key(), body::body(object, 7, 1_500)))
            .collect();
        assert_eq!(read(&tree), made);
        assert_eq!(tree.keys().len(), OBJECTS);
    }
}

#[test]
fn trees_hold_what_makes_them_hard() {
    let tree = Tree::new(7, OBJECTS);
    let kinds = tree.kinds();
    assert_eq!(kinds.len(), Kind::ALL.len());
    let leaves: Vec<usize> = Kind::leaves().iter().map(|kind| kinds[kind]).collect();
    assert!(
        leaves
            .iter()
            .max()
            .zip(leaves.iter().min())
            .is_some_and(|(most, least)| most - least <= 1)
    );

    let undeclared = tree.undeclared_namespaces();
    assert!(
        undeclared.contains("default") && undeclared.contains("team-0000"),
        "{undeclared:?}"
    );

    let definition = Key::new(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "",
        "orders.shop.example.com",
    );
    let definition = tree.file_of(&definition).expect("the definition is in a file");
    assert_eq!(
        Some(definition),
        tree.files().last(),
        "custom resources come before their definition"
    );

    let texts: Vec<String> = tree.files.values().map(|file| file.text(tree.style)).collect();
    for sign in [
        "\n---\n",
        "kind: List\n",
        "\"kind\": \"List\"",
        " &labels\n",
        " *labels\n",
        "# ",
        ": |\n",
    ] {
        assert!(texts.iter().any(|text| text.contains(sign)), "no file has {sign:?}");
    }
}

#[test]
fn the_seed_decides_everything() {
    let text = |tree: &Tree| tree.steps_to(&Tree::new(0, 0)).len();
    assert_eq!(Tree::new(7, 100).steps_to(&Tree::new(7, 100)), []);
    assert_ne!(Tree::new(7, 100).steps_to(&Tree::new(8, 100)), []);
    assert!(text(&Tree::new(7, 100)) > 0);
    for objects in 0..40 {
        assert_eq!(Tree::new(7, objects).keys().len(), objects);
    }
}

#[test]
fn documents_are_about_as_long_as_asked() {
    for bytes in [1_500, 4_000] {
        let tree = Tree::shaped(7, OBJECTS, bytes, Layout::OnePerFile);
        for object in tree.objects() {
            let length = body::body(object, 7, bytes).to_string().len();
            assert!(length.abs_diff(bytes) < 100, "{} is {length} bytes", object.key());
        }
    }
}

#[test]
fn steps_make_on_disk_what_a_change_makes_of_the_tree() {
    let mut tree = Tree::new(7, OBJECTS);
    let root = tempfile::tempdir().expect("a directory");
    tree.write(root.path()).expect("the tree is written");

    let files: Vec<String> = tree.files().map(str::to_owned).collect();
    let directory = tree.directories().first().expect("a directory").to_string();
    let key = tree.keys_in(&files[2]).first().expect("a key").clone();
    let lost = tree.keys_in(&files[1]).len();
    let steps = [
        tree.edit(&key),
        tree.delete_file(&files[1]),
        tree.rename_file(&files[0]),
        tree.move_directory(&directory),
    ];
    for step in steps {
        step.and_then(|step| step.apply(root.path()))
            .expect("a step is possible");
    }
    assert_eq!(on_disk(root.path()), texts(&tree));
    assert_eq!(tree.keys().len(), OBJECTS - lost);
    assert!(tree.keys().contains(&key));

    let branch = tree.branch(50);
    for step in tree.steps_to(&branch) {
        step.apply(root.path()).expect("a step is possible");
    }
    assert_eq!(on_disk(root.path()), texts(&branch));
    assert!(tree.edit(&Key::new("", "ConfigMap", "", "missing")).is_err());
    assert!(tree.delete_file(&files[1]).is_err() && tree.rename_file(&files[1]).is_err());
}

fn texts(tree: &Tree) -> BTreeMap<String, String> {
    tree.files
        .iter()
        .map(|(path, file)| (path.clone(), file.text(tree.style)))
        .collect()
}

fn on_disk(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).expect("a directory is listed") {
            let path = entry.expect("an entry is read").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let relative = path
                    .strip_prefix(root)
                    .expect("below the root")
                    .to_str()
                    .expect("ASCII")
                    .to_owned();
                found.insert(relative, fs::read_to_string(path).expect("a file is read"));
            }
        }
    }
    found
}

#[test]
fn a_broken_file_fails_at_the_line_that_is_told() {
    let tree = Tree::new(7, OBJECTS);
    let texts = texts(&tree);
    for path in tree.files() {
        let broken = tree.break_syntax(path).expect("a file of the tree");
        let Step::Write { text, .. } = &broken.spoil else {
            panic!("a file is spoilt by writing it")
        };
        let failed: Vec<usize> = k1s_yaml::documents(text.as_bytes(), &k1s_yaml::Limits::default())
            .filter_map(Result::err)
            .map(|error| error.line as usize)
            .collect();
        assert_eq!(failed, [broken.line], "{path}");
        assert_eq!(
            broken.mend,
            Step::Write {
                path: path.to_owned(),
                text: texts[path].clone()
            }
        );
    }
}

#[test]
fn a_branch_differs_in_exactly_as_many_keys_as_asked() {
    for (objects, layout) in [(500, Layout::OnePerFile), (1_000, Layout::Mixed), (20, Layout::Mixed)] {
        let tree = Tree::shaped(7, objects, 200, layout);
        for keys in [0, 1, 15, 100, 300] {
            let branch = tree.branch(keys);
            let difference = tree.difference(&branch);
            assert_eq!(difference.len(), keys, "{objects} objects");
            let (before, after) = (read(&tree), read(&branch));
            for key in before.keys().chain(after.keys()) {
                let expected = difference.edited.contains(key)
                    || difference.only_first.contains(key)
                    || difference.only_second.contains(key);
                assert_eq!(before.get(key) != after.get(key), expected, "{key}");
            }
        }
    }
}

#[test]
fn a_branch_touches_every_kind_alike_and_stays_inside_the_guard() {
    let tree = Tree::shaped(7, 500, 200, Layout::OnePerFile);
    let difference = tree.difference(&tree.branch(100));
    let all = [&difference.only_first, &difference.only_second, &difference.edited];
    let mut by_kind: BTreeMap<_, usize> = BTreeMap::new();
    for key in all.into_iter().flatten() {
        *by_kind.entry(&key.group_kind).or_default() += 1;
    }
    assert_eq!(by_kind.len(), Kind::ALL.len());
    assert!(by_kind.values().all(|count| (6..=7).contains(count)), "{by_kind:?}");
    assert!(all.iter().all(|keys| keys.len() > 20), "{difference:?}");
}
