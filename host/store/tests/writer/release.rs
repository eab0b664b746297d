//! Sources that are configured no longer.

use std::collections::BTreeSet;

use k1s_store::Table;
use k1s_store::row::Standing;
use k1s_store::writer::{Leaving, Released};
use k1s_sync_engine::event::Tally;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::{Absence, GenerationEnd};
use serde_json::json;

use crate::apply::generous;
use crate::documents::{cm, config_map, upsert, widget};
use crate::faulty::rows;
use crate::harness::{Harness, WHOLE, source, token};

fn release(harness: &Harness, configured: &[&str]) -> Vec<Released> {
    let configured: BTreeSet<_> = configured.iter().map(|name| source(name)).collect();
    let leaving = Leaving::AllBut(configured);
    harness.wait(harness.writer().release(leaving)).expect("released")
}

fn released(name: &str, objects: u64, pending: u64) -> Released {
    Released {
        source: source(name),
        objects,
        pending,
        deleted: 0,
        held: 0,
    }
}

/// Rows of a table that belong to a source.
fn rows_of(harness: &Harness, table: Table, name: &str) -> usize {
    let prefix = [name.as_bytes(), b"\0"].concat();
    let all = rows(&*harness.engine);
    all.iter()
        .filter(|(of, key, _)| *of == table && key.starts_with(&prefix))
        .count()
}

#[test]
fn a_source_that_is_gone_leaves_orphans_and_nothing_else() {
    let harness = Harness::new();
    let files = harness.session("files");
    let declared = || vec![upsert(config_map("shop/a", "1")), upsert(config_map("shop/b", "1"))];
    files.begin(WHOLE);
    files.apply(declared().into_iter().chain([upsert(widget("shop/w", "1"))]).collect());
    files.end_with(GenerationEnd {
        token: Some(token("here")),
        ..files.end_of(WHOLE)
    });
    // Held: nothing is left.
    assert!(matches!(files.list(vec![]).absence, Absence::Held { rows: 2, .. }));
    files.apply(vec![upsert(widget("shop/w", "1"))]);
    harness.session("other").list(vec![upsert(config_map("shop/c", "1"))]);
    let before = harness.object(&cm("shop/a"));
    let epoch = harness.reader().epoch(&source("files")).expect("readable");

    let (commits, revision) = (harness.engine.commits(), harness.revision());
    assert_eq!(release(&harness, &["files", "other", "new"]), []);
    assert_eq!(harness.engine.commits(), commits, "nothing to release");
    assert_eq!(release(&harness, &["other"]), [released("files", 2, 1)]);
    assert_eq!(harness.engine.commits(), commits + 1);
    assert_eq!(harness.revision(), revision, "no object changed");
    assert_eq!(release(&harness, &["other"]), []);
    assert_eq!(harness.engine.commits(), commits + 1, "nothing is left to release");

    let after = harness.object(&cm("shop/a"));
    assert_eq!(
        (after.uid, after.revision, after.owned),
        (before.uid, before.revision, None)
    );
    assert_eq!(harness.standing("files", &cm("shop/a")), Some(Standing::Orphaned));
    for table in [Table::Pending, Table::Held, Table::HeldRows, Table::Scopes] {
        assert_eq!(rows_of(&harness, table, "files"), 0, "{table:?}");
    }
    assert_eq!(
        rows(&*harness.engine)
            .iter()
            .filter(|row| row.0 == Table::PendingByCause)
            .count(),
        0
    );
    assert_eq!(harness.owner(&cm("shop/c")).as_deref(), Some("other"));
    assert_eq!(harness.reader().epoch(&source("files")).expect("readable"), epoch);
    // What its session still wanted to say belongs to before.
    assert!(files.submit(files.batch(WHOLE, declared(), None)).is_err());
}

#[test]
fn who_declares_a_released_object_has_it() {
    for name in ["files", "renamed"] {
        let harness = Harness::new();
        let declared = |value: &str| vec![upsert(config_map("shop/a", value)), upsert(config_map("shop/b", "1"))];
        harness.session("files").list(declared("1"));
        let uid = harness.object(&cm("shop/a")).uid;
        let mut edited = config_map("shop/a", "1");
        edited["data"]["extra"] = "local".into();
        harness.put(&cm("shop/a"), edited);
        harness.reopen();
        assert_eq!(release(&harness, &[]), [released("files", 2, 0)]);
        let session = harness.session_with(name, generous());
        if name == "renamed" {
            let listing = session.list(declared("other"));
            assert_eq!(listing.pending, 1, "not equal, so not adopted");
            assert_eq!(
                harness.pending(name),
                [("ConfigMap shop/a".to_owned(), ProblemCode::AdoptionConflict)]
            );
            session.list(declared("1"));
        } else {
            // By its base: it may change what it once declared.
            let listing = session.list(declared("2"));
            let tally = Tally {
                updated: 1,
                unchanged: 1,
                ..Tally::default()
            };
            assert_eq!(listing.tally, tally);
            assert_eq!(harness.body(&cm("shop/a"))["data"], json!({"v": "2", "extra": "local"}));
        }
        assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some(name));
        assert_eq!(harness.object(&cm("shop/a")).uid, uid);
        assert_eq!(session.list(vec![]).absence, Absence::Pruned(2), "{name}");
    }
}

#[test]
fn a_claim_on_what_is_released_is_heard_at_once() {
    let harness = Harness::new();
    harness.session("first").list(vec![upsert(config_map("shop/a", "1"))]);
    let second = harness.session("second");
    assert_eq!(second.list(vec![upsert(config_map("shop/a", "1"))]).pending, 1);
    assert_eq!(release(&harness, &["second"]), [released("first", 1, 0)]);
    assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("second"));
    assert_eq!(harness.pending("second"), []);
}

#[test]
fn much_is_released_in_steps() {
    const OBJECTS: u32 = 4500;
    let harness = Harness::new();
    let all = (0..OBJECTS).map(|n| upsert(config_map(&format!("shop/c{n}"), "1")));
    harness.session("files").list(all.collect());
    harness.session("more").list(vec![upsert(config_map("shop/more", "1"))]);
    let commits = harness.engine.commits();
    assert_eq!(
        release(&harness, &[]),
        [released("files", u64::from(OBJECTS), 0), released("more", 1, 0)]
    );
    assert_eq!(harness.engine.commits(), commits + 2);
    assert!(
        harness
            .rows("files")
            .values()
            .all(|row| row.standing == Standing::Orphaned)
    );
}
