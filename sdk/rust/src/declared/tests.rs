//! Which declaration is used, by table and against a plain reading of the rule.

use proptest::prelude::*;

use super::*;

fn object(name: &str) -> Object {
    let key = Key {
        kind: "ConfigMap".into(),
        namespace: "n".into(),
        name: name.into(),
        ..Key::default()
    };
    Object {
        key,
        json: format!("{{\"name\":\"{name}\"}}").into(),
        hash: [0; 32],
    }
}

fn settle(declared: &mut Declared, owner: Option<&str>) -> Vec<(&'static str, String)> {
    let settled = declared.settle(|_| owner);
    settled
        .into_iter()
        .map(|settled| match settled {
            Settled::Won(_, at) => ("won", at.place()),
            Settled::Lost(_, at, problem) => ("lost", format!("{}: {problem}", at.place())),
        })
        .collect()
}

#[test]
fn the_lowest_path_wins_at_the_end() {
    let mut declared = Declared::default();
    assert_eq!(
        declared.declare(&object("k"), &At::path("b").line(2), 0, None),
        Standing::Send
    );
    assert_eq!(
        declared.declare(&object("k"), &At::path("c").line(3), 0, None),
        Standing::Held
    );
    assert_eq!(
        declared.declare(&object("k"), &At::path("a").line(1), 0, None),
        Standing::Held
    );
    let expected = [
        ("won", "a:1".to_owned()),
        ("lost", "b:2: ConfigMap n/k, also in a:1, which is used".to_owned()),
        ("lost", "c:3: ConfigMap n/k, also in a:1, which is used".to_owned()),
    ];
    assert_eq!(settle(&mut declared, None), expected);
    assert_eq!(settle(&mut declared, None), []);
}

#[test]
fn the_path_applied_now_keeps_the_key_until_the_end() {
    let mut declared = Declared::default();
    assert_eq!(
        declared.declare(&object("k"), &At::path("b"), 1, Some("a")),
        Standing::Held
    );
    assert_eq!(
        declared.declare(&object("k"), &At::path("a"), 2, Some("a")),
        Standing::Send
    );
    let expected = [("lost", "b: ConfigMap n/k, also in a, which is used".to_owned())];
    assert_eq!(settle(&mut declared, Some("a")), expected);

    let mut declared = Declared::default();
    assert_eq!(
        declared.declare(&object("k"), &At::path("b"), 1, Some("gone")),
        Standing::Held
    );
    assert_eq!(settle(&mut declared, Some("gone")), [("won", "b".to_owned())]);
}

#[test]
fn a_path_that_cannot_be_read_keeps_what_it_declared() {
    let mut declared = Declared::default();
    assert_eq!(
        declared.declare(&object("k"), &At::path("a"), 1, Some("broken")),
        Standing::Held
    );
    declared.failed("broken");
    let expected = [("lost", "a: ConfigMap n/k, also in broken, which is used".to_owned())];
    assert_eq!(settle(&mut declared, Some("broken")), expected);
}

#[test]
fn a_path_that_is_unchanged_still_declares() {
    let mut declared = Declared::default();
    let key = object("k").key;
    assert!(declared.may_see(&parts(&key), "b"));
    declared.saw(&parts(&key), "b");
    assert!(declared.may_see(&parts(&key), "b"));
    assert!(!declared.may_see(&parts(&key), "a"), "the key is another path's");
    assert_eq!(
        declared.declare(&object("k"), &At::path("a"), 1, Some("b")),
        Standing::Held
    );
    let lost = ("lost", "b: ConfigMap n/k, also in a, which is used".to_owned());
    assert_eq!(settle(&mut declared, Some("b")), [("won", "a".to_owned()), lost]);
    declared.saw(&parts(&key), "b");
    assert!(!declared.may_see(&parts(&key), "b"), "the key is another path's now");
}

#[test]
fn a_place_may_say_again_what_it_said() {
    let mut declared = Declared::default();
    let first = declared.next_call();
    let again = declared.next_call();
    let at = |line| At::path("a").line(line);
    assert_eq!(declared.declare(&object("k"), &at(1), first, None), Standing::Send);
    assert_eq!(
        declared.declare(&object("k"), &at(9), first, None),
        Standing::Held,
        "twice in one file"
    );
    assert_eq!(
        declared.declare(&object("k"), &at(5), again, None),
        Standing::Send,
        "the file was read again"
    );
    assert_eq!(declared.declare(&object("r"), &at(1), 0, None), Standing::Send);
    assert_eq!(
        declared.declare(&object("r"), &at(1), 0, None),
        Standing::Send,
        "the same row"
    );
    assert_eq!(
        declared.declare(&object("r"), &at(2), 0, None),
        Standing::Held,
        "another row"
    );
    declared.deleted(&object("r").key);
    assert_eq!(declared.declare(&object("r"), &at(3), 0, None), Standing::Send);
}

#[test]
fn without_room_the_first_sent_wins() {
    let mut declared = Declared::default();
    let large = Object {
        json: vec![b' '; HELD_BYTES].into(),
        ..object("large")
    };
    assert_eq!(declared.declare(&large, &At::path("b"), 1, None), Standing::Send);
    assert_eq!(declared.declare(&large, &At::path("c"), 2, None), Standing::Held);
    assert_eq!(
        declared.declare(&large, &At::path("c"), 3, None),
        Standing::Held,
        "it replaces what it said"
    );
    let refused = declared.declare(&large, &At::path("a"), 4, None);
    assert_eq!(
        refused,
        Standing::Refused(Problem::duplicate_key(&large.key, &At::path("b")))
    );
    assert_eq!(
        declared.declare(&object("k"), &At::path("x"), 5, Some("w")),
        Standing::Send,
        "no room to wait"
    );
    assert_eq!(settle(&mut declared, None).len(), 1);
    assert_eq!(
        declared.declare(&large, &At::path("a"), 6, None),
        Standing::Held,
        "there is room again"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// Whatever the order, the key ends with the lowest path, unless the one applied before failed and said nothing.
    #[test]
    fn the_end_does_not_depend_on_the_order(
        paths in prop::collection::btree_set(0..6u8, 1..6).prop_map(|set| set.into_iter().collect::<Vec<_>>()),
        owner in prop::option::of(0..6u8),
        owner_failed: bool,
        seed in any::<prop::sample::Index>(),
    ) {
        let mut order = paths.clone();
        order.rotate_left(seed.index(paths.len()));
        let name = |path: u8| format!("p{path}");
        let owner_path = owner.map(name);
        let silent = owner.is_some_and(|owner| owner_failed && !paths.contains(&owner));
        let mut declared = Declared::default();
        let mut winner = silent.then(|| owner_path.clone()).flatten();
        if let Some(path) = owner_path.as_deref().filter(|_| silent) {
            declared.failed(path);
        }
        for path in order {
            let call = declared.next_call();
            if declared.declare(&object("k"), &At::path(name(path)), call, owner_path.as_deref()) == Standing::Send {
                prop_assert!(winner.replace(name(path)).is_none(), "two are sent before the end");
            }
        }
        let mut losers = 0;
        for settled in declared.settle(|_| owner_path.as_deref()) {
            match settled {
                Settled::Won(_, at) => winner = Some(at.path),
                Settled::Lost(..) => losers += 1,
            }
        }
        let expected = if silent { owner_path } else { paths.first().map(|path| name(*path)) };
        prop_assert_eq!(winner, expected);
        prop_assert_eq!(losers, paths.len() - usize::from(!silent));
    }
}
