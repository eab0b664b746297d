//! Trees, and what is picked of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use k1s_getter_address::{Address, Policy};
use k1s_manifests::{INCLUDE, Selection};
use k1s_source::OneOrMany;

use super::*;
use crate::tree::Mode;

fn wish(address: &str) -> Wish {
    let include = OneOrMany::Many(INCLUDE.map(str::to_owned).to_vec());
    Wish {
        subdir: Address::parse(address, &Policy::default()).unwrap().subdir,
        files: Files::Manifests(Arc::new(
            Selection::configured(&include, &OneOrMany::Many(Vec::new())).unwrap(),
        )),
        file_bytes: 1 << 20,
        pinned: None,
    }
}

fn file(text: &str) -> Kind {
    Kind::File(Blob {
        content: Content::of(text.as_bytes()),
        bytes: None,
        mode: Mode::Plain,
    })
}

fn tree(wish: &Wish, entries: &[(&str, Kind)]) -> Tree {
    let entries: Vec<Entry> = entries
        .iter()
        .map(|(path, kind)| Entry {
            path: RelPath::new(path).unwrap(),
            kind: kind.clone(),
        })
        .collect();
    let mut roots = BTreeSet::new();
    for entry in &entries {
        let mut next = entry.path.parent();
        while let Some(directory) = next {
            next = directory.parent();
            if wish.is_root(&directory) {
                roots.insert(directory);
            }
        }
    }
    Tree {
        revision: "r".to_owned(),
        roots,
        entries,
        ..Tree::default()
    }
}

fn picked(address: &str, entries: &[(&str, Kind)], ignored: &[(&str, &str)]) -> Result<Vec<String>, PickError> {
    let wish = wish(address);
    let ignored = ignored
        .iter()
        .map(|(path, text)| (RelPath::new(path).unwrap(), Ok(Arc::from(*text))))
        .collect();
    let picked = pick(&tree(&wish, entries), &wish, &ignored)?;
    Ok(picked
        .picks
        .iter()
        .map(|pick| match &pick.what {
            What::File(_) => pick.path.clone(),
            What::ChartPart => format!("{} chart", pick.path),
            What::Link => format!("{} link", pick.path),
            What::Submodule => format!("{} submodule", pick.path),
            What::Refused(refusal) => format!("{} refused: {}", pick.path, refusal.said),
        })
        .collect())
}

#[test]
fn paths_begin_at_the_part_that_is_wanted() {
    let entries = [
        ("v1/apps/a.yaml", file("a")),
        ("v1/b.yaml", file("b")),
        ("c.yaml", file("c")),
    ];
    assert_eq!(picked("/x//v*", &entries, &[]).unwrap(), ["apps/a.yaml", "b.yaml"]);
    assert_eq!(picked("/x//v1/apps", &entries, &[]).unwrap(), ["a.yaml"]);
    assert_eq!(
        picked("/x", &entries, &[]).unwrap(),
        ["c.yaml", "v1/apps/a.yaml", "v1/b.yaml"]
    );
}

#[test]
fn p05_a_pattern_means_exactly_one_directory_and_no_link() {
    let two = [("a/x.yaml", file("a")), ("b/x.yaml", file("b"))];
    let error = picked("/x//*", &two, &[]).unwrap_err();
    assert!(matches!(error, PickError::Choice(Choice::Several { .. })), "{error}");
    let error = picked("/x//c*", &two, &[]).unwrap_err();
    assert!(matches!(error, PickError::Choice(Choice::None(_))), "{error}");
    let link = [("a/x.yaml", file("a")), ("link", Kind::Link)];
    assert_eq!(
        picked("/x//l*", &link, &[]).unwrap_err(),
        PickError::Link("link".to_owned())
    );
}

#[test]
fn ignore_files_hold_from_the_root_down() {
    let entries = [
        (".sourceignore", file("1")),
        ("a.yaml", file("a")),
        ("sub/.sourceignore", file("2")),
        ("sub/a.yaml", file("a")),
        ("sub/b.yaml", file("b")),
        ("sub/out/c.yaml", file("c")),
    ];
    let rules = [(".sourceignore", "a.yaml\n"), ("sub/.sourceignore", "!a.yaml\nout/\n")];
    assert_eq!(picked("/x", &entries, &rules).unwrap(), ["sub/a.yaml", "sub/b.yaml"]);
    assert_eq!(
        picked("/x//sub", &entries, &rules[..1]).unwrap(),
        ["b.yaml", "out/c.yaml"]
    );
}

#[test]
fn a_directory_whose_rules_are_unknown_is_refused_as_a_whole() {
    let entries = [
        ("sub/.sourceignore", file("1")),
        ("sub/a.yaml", file("a")),
        ("b.yaml", file("b")),
    ];
    let said = picked("/x", &entries, &[("sub/.sourceignore", "\na[z-a]\n")]).unwrap();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].starts_with("sub refused: .sourceignore:2:"), "{said:?}");
    let entries = [("sub/.sourceignore", Kind::Link), ("sub/a.yaml", file("a"))];
    let said = picked("/x", &entries, &[]).unwrap();
    assert_eq!(
        said,
        ["sub refused: .sourceignore is a link, which is never followed, so nothing in this folder is read"]
    );
}

#[test]
fn charts_are_no_objects_and_links_are_told() {
    let entries = [
        ("chart/Chart.yaml", file("1")),
        ("chart/templates/a.yaml", file("2")),
        ("chart/crds/a.yaml", file("3")),
        ("chart/values.yaml", file("4")),
        ("link.yaml", Kind::Link),
        ("link.txt", Kind::Link),
    ];
    let said = [
        "chart/Chart.yaml chart",
        "chart/crds/a.yaml",
        "chart/templates/a.yaml chart",
        "chart/values.yaml chart",
        "link.yaml link",
    ];
    assert_eq!(picked("/x", &entries, &[]).unwrap(), said);
    assert_eq!(picked("/x//chart/templates", &entries, &[]).unwrap(), ["a.yaml"]);
}

#[test]
fn one_file_is_taken_whatever_its_name_is() {
    let wish = wish("/x");
    let mut tree = tree(&wish, &[("manifest", file("a"))]);
    assert!(pick(&tree, &wish, &Ignored::new()).unwrap().picks.is_empty());
    tree.shape = Shape::File;
    assert_eq!(pick(&tree, &wish, &Ignored::new()).unwrap().picks.len(), 1);
}
