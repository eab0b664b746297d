//! Trees, and what a walk finds in them.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::config::Config;

fn tree(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        write(folder.path(), file, "");
    }
    folder
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Walks with a configuration and prints what is found, a line each.
fn walk(folder: &Path, config: &str) -> Vec<String> {
    let config: Config = serde_json::from_str(config).unwrap();
    let settings = config.check(folder).unwrap();
    let root = Root::open(folder).unwrap();
    Walk::new(&root, &settings, &Interest::Everything, &Lookout::blind())
        .unwrap()
        .map(|found| shown(&found))
        .collect()
}

fn shown(Found { path, what }: &Found) -> String {
    match what {
        What::File(candidate) if candidate.real == *path => path.to_string(),
        What::File(candidate) => format!("{path} at {}", candidate.real),
        What::ChartPart => format!("{path} chart"),
        What::Link => format!("{path} link"),
        What::Fault(fault) => format!("{path} {:?}: {fault}", fault.code()),
    }
}

#[test]
fn files_come_in_the_order_of_their_paths() {
    let folder = tree(&[
        "b.yaml",
        "a/z.yaml",
        "a/b/c.yml",
        "a.yaml",
        "a0.json",
        "a-b/x.yaml",
        "c.txt",
        "Z.yaml",
    ]);
    let found = walk(folder.path(), "{}");
    assert_eq!(
        found,
        [
            "Z.yaml",
            "a-b/x.yaml",
            "a.yaml",
            "a/b/c.yml",
            "a/z.yaml",
            "a0.json",
            "b.yaml"
        ]
    );
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(found, sorted);
}

#[test]
fn the_configuration_selects() {
    let folder = tree(&[
        "a.yaml",
        "x/b.yaml",
        "x/vendor/c.yaml",
        "vendor/d.yaml",
        ".git/e.yaml",
        "x/.f/g.yaml",
        ".h.yaml",
    ]);
    for (config, expected) in [
        (
            "{}",
            &[".h.yaml", "a.yaml", "vendor/d.yaml", "x/b.yaml", "x/vendor/c.yaml"][..],
        ),
        (r#"{"recursive": false}"#, &[".h.yaml", "a.yaml"]),
        (r#"{"exclude": "vendor"}"#, &[".h.yaml", "a.yaml", "x/b.yaml"]),
        (
            r#"{"exclude": ["/vendor/", ".*"]}"#,
            &["a.yaml", "x/b.yaml", "x/vendor/c.yaml"],
        ),
        (r#"{"include": "x/**/*.yaml"}"#, &["x/b.yaml", "x/vendor/c.yaml"]),
        (
            r#"{"include": ["/*.yaml", "c.*"], "exclude": ".h.*"}"#,
            &["a.yaml", "x/vendor/c.yaml"],
        ),
    ] {
        assert_eq!(walk(folder.path(), config), expected, "{config}");
    }
}

#[test]
fn k1signore_files_leave_out() {
    let folder = tree(&[
        "a.yaml",
        "b.tmp.yaml",
        "out/c.yaml",
        "x/b.tmp.yaml",
        "x/d.yaml",
        "x/out/e.yaml",
        "y/keep.tmp.yaml",
    ]);
    write(folder.path(), ".k1signore", "*.tmp.yaml\n/out/\n");
    write(folder.path(), "x/.k1signore", "d.yaml\n");
    write(folder.path(), "y/.k1signore", "!keep.*\n");
    assert_eq!(walk(folder.path(), "{}"), ["a.yaml", "x/out/e.yaml", "y/keep.tmp.yaml"]);
}

#[test]
fn a_directory_whose_rules_are_unknown_is_one_failure() {
    let folder = tree(&["a.yaml", "x/b.yaml", "x/sub/c.yaml", "z.yaml"]);
    write(folder.path(), "x/.k1signore", "fine\na[z-a]\n");
    let found = walk(folder.path(), "{}");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[1].starts_with("x DataInvalid: .k1signore:2: "), "{found:?}");
    fs::remove_file(folder.path().join("x/.k1signore")).unwrap();
    symlink("elsewhere", folder.path().join("x/.k1signore")).unwrap();
    assert!(walk(folder.path(), "{}")[1].starts_with("x Unsupported: .k1signore cannot be used"));
}

#[test]
fn what_is_helms_is_no_object() {
    let folder = tree(&[
        "app/Chart.yaml",
        "app/values.yaml",
        "app/values-prod.yaml",
        "app/templates/deploy.yaml",
        "app/templates/sub/svc.yaml",
        "app/crds/crd.yaml",
        "app/charts/dep/Chart.yaml",
        "app/charts/dep/templates/x.yaml",
        "plain/templates/y.yaml",
        "plain/values.yaml",
        "templates/z.yaml",
    ]);
    let expected = [
        "app/Chart.yaml chart",
        "app/charts/dep/Chart.yaml chart",
        "app/charts/dep/templates/x.yaml chart",
        "app/crds/crd.yaml",
        "app/templates/deploy.yaml chart",
        "app/templates/sub/svc.yaml chart",
        "app/values-prod.yaml chart",
        "app/values.yaml chart",
        "plain/templates/y.yaml",
        "plain/values.yaml",
        "templates/z.yaml",
    ];
    assert_eq!(walk(folder.path(), "{}"), expected);
}

#[test]
fn links_are_reported_and_those_that_escape_fail() {
    let outside = tree(&["secret.yaml", "secret"]);
    let folder = tree(&["a.yaml", "dir/b.yaml", "dir/note"]);
    let link = |text: &Path, name: &str| symlink(text, folder.path().join(name)).unwrap();
    link(Path::new("a.yaml"), "in.yaml");
    link(Path::new("a.yaml"), "in.txt");
    link(Path::new("dir"), "in-dir");
    link(Path::new("dir"), ".in-dir");
    link(Path::new("none.yaml"), "broken.yaml");
    link(Path::new("none"), "broken");
    link(&outside.path().join("secret.yaml"), "out.yaml");
    link(&outside.path().join("secret"), "out");
    link(outside.path(), "out-dir");
    link(outside.path(), ".out-dir");
    let escape = "Unsupported: a link that leads outside the folder, which is never followed";
    let (out, out_dir) = (format!("out.yaml {escape}"), format!("out-dir {escape}"));
    assert_eq!(
        walk(folder.path(), "{}"),
        [
            "a.yaml",
            "broken.yaml link",
            "dir/b.yaml",
            "in-dir link",
            "in.yaml link",
            &out_dir,
            &out
        ]
    );
    assert_eq!(
        walk(folder.path(), r#"{"followSymlinks": true}"#),
        [
            "a.yaml",
            "broken.yaml DataInvalid: a link that leads nowhere",
            "dir/b.yaml",
            "in-dir/b.yaml at dir/b.yaml",
            "in.yaml at a.yaml",
            &out_dir,
            &out
        ]
    );
    let flat = walk(folder.path(), r#"{"recursive": false}"#);
    assert_eq!(flat, ["a.yaml", "broken.yaml link", "in.yaml link", &out]);
}

#[test]
fn a_configmap_volume_is_read_through_its_hidden_directory() {
    let folder = tree(&["..2026_01/x.yaml"]);
    symlink("..2026_01", folder.path().join("..data")).unwrap();
    symlink("..data/x.yaml", folder.path().join("x.yaml")).unwrap();
    assert_eq!(
        walk(folder.path(), r#"{"followSymlinks": true}"#),
        ["x.yaml at ..2026_01/x.yaml"]
    );
    assert_eq!(walk(folder.path(), "{}"), ["x.yaml link"]);
}

#[test]
fn links_in_circles_end() {
    let folder = tree(&["a/f.yaml", "b/g.yaml"]);
    for (text, name) in [("..", "a/up"), ("../b", "a/b"), ("../a", "b/a"), (".", "a/self")] {
        symlink(text, folder.path().join(name)).unwrap();
    }
    let found = walk(folder.path(), r#"{"followSymlinks": true}"#);
    let expected = [
        "a/b/a link",
        "a/b/g.yaml at b/g.yaml",
        "a/f.yaml",
        "a/self link",
        "a/up link",
    ];
    assert_eq!(found[..5], expected);
    assert!(found.contains(&"b/g.yaml".to_owned()));
}

#[test]
fn many_links_to_many_directories_do_not_multiply() {
    let names: Vec<String> = (0..40).map(|number| format!("d{number:02}")).collect();
    let folder = tempfile::tempdir().unwrap();
    for name in &names {
        write(folder.path(), &format!("{name}/f.yaml"), "");
        for other in names.iter().filter(|other| *other != name) {
            symlink(format!("../{other}"), folder.path().join(name).join(other)).unwrap();
        }
    }
    let files = walk(folder.path(), r#"{"followSymlinks": true}"#)
        .iter()
        .filter(|line| !line.ends_with("link"))
        .count();
    assert!((40..=80).contains(&files), "{files}");
}

#[test]
fn what_is_no_file_fails_if_it_is_selected() {
    let folder = tree(&["z.yaml"]);
    for name in ["fifo.yaml", "fifo"] {
        let at = folder.path().join(name);
        rustix::fs::mknodat(rustix::fs::CWD, at, FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket.yaml")).unwrap();
    fs::create_dir(folder.path().join("dir.yaml")).unwrap();
    assert_eq!(
        walk(folder.path(), "{}"),
        [
            "fifo.yaml Unsupported: cannot be read: it is a FIFO",
            "socket.yaml Unsupported: cannot be read: it is a socket",
            "z.yaml"
        ]
    );
}

#[test]
fn names_that_are_not_utf8_fail() {
    let folder = tree(&["z.yaml"]);
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff.yaml");
    fs::write(folder.path().join(odd), "").unwrap();
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"odd-\xff")), "").unwrap();
    assert_eq!(
        walk(folder.path(), "{}"),
        ["odd-\u{fffd}.yaml DataInvalid: its name is not UTF-8", "z.yaml"]
    );
}

#[test]
fn depth_is_bounded_by_the_systems_paths_only() {
    let folder = tempfile::tempdir().unwrap();
    let deep = ["d"; 1000].join("/");
    write(folder.path(), &format!("{deep}/deep.yaml"), "");
    assert_eq!(walk(folder.path(), "{}"), [format!("{deep}/deep.yaml")]);
}

#[test]
fn what_vanishes_under_the_walk_is_left_out() {
    let folder = tree(&["a/x.yaml", "b/y.yaml", "c.yaml", "d.yaml"]);
    let settings = Config::default().check(folder.path()).unwrap();
    let root = Root::open(folder.path()).unwrap();
    let lookout = Lookout::blind();
    let mut walk = Walk::new(&root, &settings, &Interest::Everything, &lookout).unwrap();
    assert_eq!(shown(&walk.next().unwrap()), "a/x.yaml");
    fs::remove_dir_all(folder.path().join("b")).unwrap();
    fs::remove_file(folder.path().join("c.yaml")).unwrap();
    assert_eq!(walk.map(|found| shown(&found)).collect::<Vec<_>>(), ["d.yaml"]);
}

#[test]
fn a_walk_finds_only_what_is_of_interest_by_the_same_rules() {
    let folder = tree(&[
        "a/b/x.yaml",
        "a/b/y.yaml",
        "a/c/z.yaml",
        "a/b.yaml",
        "chart/Chart.yaml",
        "chart/templates/t.yaml",
        "chart/templates/u.yaml",
    ]);
    write(folder.path(), "a/.k1signore", "y.yaml\n");
    let settings = Config::default().check(folder.path()).unwrap();
    let root = Root::open(folder.path()).unwrap();
    for (interest, expected) in [
        (&["a/b/x.yaml"][..], &["a/b/x.yaml"][..]),
        (&["a/b/y.yaml"], &[]),
        (&["a/b"], &["a/b/x.yaml"]),
        (&["a/b/x.yaml", "a/c"], &["a/b/x.yaml", "a/c/z.yaml"]),
        (&["chart/templates/t.yaml"], &["chart/templates/t.yaml chart"]),
        (&["none/at/all.yaml"], &[]),
    ] {
        let paths = interest.iter().map(|path| RelPath::new(path).unwrap()).collect();
        let (interest, lookout) = (Interest::Paths(paths), Lookout::blind());
        let walk = Walk::new(&root, &settings, &interest, &lookout).unwrap();
        assert_eq!(
            walk.map(|found| shown(&found)).collect::<Vec<_>>(),
            expected,
            "{interest:?}"
        );
    }
}
