//! What every engine does.

use k1s_store::Table;
use k1s_store::engine::{EngineError, Finish, KeyRange, Read};

use crate::subject::{Memory, Redb, Subject, commit, put, rows};

/// Runs each case on each engine.
macro_rules! on_every_engine {
    ($($case:ident,)+) => {
        mod memory {
            $(#[test] fn $case() { super::$case::<super::Memory>(); })+
        }
        mod redb {
            $(#[test] fn $case() { super::$case::<super::Redb>(); })+
        }
    };
}

on_every_engine! {
    a_transaction_reads_its_own_writes,
    readers_keep_the_state_they_began_with,
    an_aborted_transaction_leaves_nothing,
    an_error_in_the_body_leaves_nothing_and_comes_back,
    an_abort_does_not_spoil_the_next_transaction,
    scans_visit_exactly_the_range_in_order,
    a_scan_ends_where_the_visitor_says,
    every_table_is_its_own,
    keys_and_values_may_be_empty,
    values_may_be_large,
    deleting_what_is_not_there_changes_nothing,
    what_was_committed_outlives_a_restart,
    what_was_committed_outlives_a_compaction,
    readers_on_other_threads_see_transactions_whole,
}

fn keys(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<&[u8]> {
    rows.iter().map(|(key, _)| key.as_slice()).collect()
}

fn a_transaction_reads_its_own_writes<S: Subject>() {
    let subject = S::start();
    put(subject.engine(), Table::Current, &[(b"old", b"1"), (b"gone", b"1")]).unwrap();
    commit(subject.engine(), |transaction| {
        transaction.put(Table::Current, b"new", b"2").unwrap();
        transaction.put(Table::Current, b"old", b"2").unwrap();
        transaction.delete(Table::Current, b"gone").unwrap();
        assert_eq!(
            transaction.get(Table::Current, b"new").unwrap().as_deref(),
            Some(&b"2"[..])
        );
        assert_eq!(
            transaction.get(Table::Current, b"old").unwrap().as_deref(),
            Some(&b"2"[..])
        );
        assert_eq!(transaction.get(Table::Current, b"gone").unwrap(), None);
        let seen = rows(transaction, Table::Current, &KeyRange::all(), usize::MAX).unwrap();
        assert_eq!(keys(&seen), [&b"new"[..], b"old"]);
    })
    .unwrap();
}

fn readers_keep_the_state_they_began_with<S: Subject>() {
    let subject = S::start();
    let engine = subject.engine();
    put(engine, Table::Current, &[(b"a", b"1"), (b"b", b"1")]).unwrap();
    let before = engine.read().unwrap();
    commit(engine, |transaction| {
        transaction.put(Table::Current, b"a", b"2").unwrap();
        transaction.delete(Table::Current, b"b").unwrap();
        transaction.put(Table::Held, b"c", b"2").unwrap();
        let during = engine.read().unwrap();
        assert_eq!(during.get(Table::Current, b"a").unwrap().as_deref(), Some(&b"1"[..]));
    })
    .unwrap();
    let after = engine.read().unwrap();
    for (read, a, b, c) in [
        (&before, Some(&b"1"[..]), Some(&b"1"[..]), None),
        (&after, Some(b"2"), None, Some(&b"2"[..])),
    ] {
        assert_eq!(read.get(Table::Current, b"a").unwrap().as_deref(), a);
        assert_eq!(read.get(Table::Current, b"b").unwrap().as_deref(), b);
        assert_eq!(read.get(Table::Held, b"c").unwrap().as_deref(), c);
    }
}

fn an_aborted_transaction_leaves_nothing<S: Subject>() {
    let subject = S::start();
    let engine = subject.engine();
    put(engine, Table::Current, &[(b"a", b"1")]).unwrap();
    engine
        .write(&mut |transaction| {
            transaction.put(Table::Current, b"a", b"2")?;
            transaction.put(Table::Current, b"b", b"2")?;
            transaction.put(Table::Pending, b"c", b"2")?;
            Ok(Finish::Abort)
        })
        .unwrap();
    let subject = subject.restart();
    let read = subject.engine().read().unwrap();
    let current = rows(&*read, Table::Current, &KeyRange::all(), usize::MAX).unwrap();
    assert_eq!(current, [(b"a".to_vec(), b"1".to_vec())]);
    assert_eq!(rows(&*read, Table::Pending, &KeyRange::all(), usize::MAX).unwrap(), []);
}

fn an_error_in_the_body_leaves_nothing_and_comes_back<S: Subject>() {
    let subject = S::start();
    let engine = subject.engine();
    let outcome = engine.write(&mut |transaction| {
        transaction.put(Table::Current, b"a", b"1")?;
        Err(EngineError::Row {
            table: Table::Current.name(),
            detail: "as told".to_owned(),
        })
    });
    assert!(
        matches!(&outcome, Err(EngineError::Row { table: "current", detail }) if detail == "as told"),
        "{outcome:?}"
    );
    assert_eq!(engine.read().unwrap().get(Table::Current, b"a").unwrap(), None);
}

fn an_abort_does_not_spoil_the_next_transaction<S: Subject>() {
    let subject = S::start();
    let engine = subject.engine();
    for round in 0..3_u8 {
        engine
            .write(&mut |transaction| {
                transaction.put(Table::Meta, b"aborted", &[round])?;
                Ok(Finish::Abort)
            })
            .unwrap();
        put(engine, Table::Meta, &[(b"committed", &[round])]).unwrap();
        let read = engine.read().unwrap();
        assert_eq!(read.get(Table::Meta, b"aborted").unwrap(), None);
        assert_eq!(read.get(Table::Meta, b"committed").unwrap(), Some(vec![round]));
    }
}

fn scans_visit_exactly_the_range_in_order<S: Subject>() {
    let subject = S::start();
    let engine = subject.engine();
    let stored: [&[u8]; 8] = [b"b", b"a\xff", b"a\0", b"", b"\xff\xff", b"a", b"a\0b", b"a\x01"];
    put(engine, Table::Inventory, &stored.map(|key| (key, &b"v"[..]))).unwrap();
    let between = |start: &[u8], end: &[u8]| KeyRange {
        start: start.to_vec(),
        end: Some(end.to_vec()),
    };
    let cases: [(KeyRange, &[&[u8]]); 11] = [
        (
            KeyRange::all(),
            &[b"", b"a", b"a\0", b"a\0b", b"a\x01", b"a\xff", b"b", b"\xff\xff"],
        ),
        (KeyRange::prefix(b"a"), &[b"a", b"a\0", b"a\0b", b"a\x01", b"a\xff"]),
        (KeyRange::prefix(b"a\0"), &[b"a\0", b"a\0b"]),
        (KeyRange::prefix(b"a\xff"), &[b"a\xff"]),
        (KeyRange::prefix(b"\xff"), &[b"\xff\xff"]),
        (KeyRange::prefix(b"c"), &[]),
        (KeyRange::prefix(b"a").after(b"a\0"), &[b"a\0b", b"a\x01", b"a\xff"]),
        (between(b"a", b"b"), &[b"a", b"a\0", b"a\0b", b"a\x01", b"a\xff"]),
        (between(b"a", b"a"), &[]),
        (between(b"b", b"a"), &[]),
        (KeyRange::prefix(b"a").after(b"b"), &[]),
    ];
    let read = engine.read().unwrap();
    for (range, expected) in &cases {
        let seen = rows(&*read, Table::Inventory, range, usize::MAX).unwrap();
        assert_eq!(keys(&seen), *expected, "{range:?}");
    }
    commit(engine, |transaction| {
        for (range, expected) in &cases {
            let seen = rows(transaction, Table::Inventory, range, usize::MAX).unwrap();
            assert_eq!(keys(&seen), *expected, "{range:?} in a transaction");
        }
    })
    .unwrap();
}

fn a_scan_ends_where_the_visitor_says<S: Subject>() {
    let subject = S::start();
    let engine = subject.engine();
    let stored: Vec<[u8; 2]> = (0..1000_u16).map(u16::to_be_bytes).collect();
    let pairs: Vec<(&[u8], &[u8])> = stored.iter().map(|key| (&key[..], &b"value"[..])).collect();
    put(engine, Table::Versions, &pairs).unwrap();
    let read = engine.read().unwrap();
    for limit in [1, 2, 999, 1000] {
        let seen = rows(&*read, Table::Versions, &KeyRange::all(), limit).unwrap();
        assert_eq!(seen.len(), limit);
        assert!(
            seen.iter()
                .map(|(key, _)| &key[..])
                .eq(stored.iter().take(limit).map(|key| &key[..]))
        );
    }
}

fn every_table_is_its_own<S: Subject>() {
    let subject = S::start();
    commit(subject.engine(), |transaction| {
        for table in Table::ALL {
            transaction.put(*table, b"key", table.name().as_bytes()).unwrap();
        }
    })
    .unwrap();
    let subject = subject.restart();
    let read = subject.engine().read().unwrap();
    for table in Table::ALL {
        let seen = rows(&*read, *table, &KeyRange::all(), usize::MAX).unwrap();
        assert_eq!(seen, [(b"key".to_vec(), table.name().as_bytes().to_vec())]);
    }
}

fn keys_and_values_may_be_empty<S: Subject>() {
    let subject = S::start();
    put(subject.engine(), Table::Scopes, &[(b"", b""), (b"a", b"")]).unwrap();
    let subject = subject.restart();
    let read = subject.engine().read().unwrap();
    assert_eq!(read.get(Table::Scopes, b"").unwrap(), Some(Vec::new()));
    assert_eq!(read.get(Table::Scopes, b"a").unwrap(), Some(Vec::new()));
    assert_eq!(read.get(Table::Scopes, b"b").unwrap(), None);
}

fn values_may_be_large<S: Subject>() {
    const LARGE: usize = 8 << 20;
    let subject = S::start();
    let value: Vec<u8> = (0..LARGE).map(|index| (index % 251) as u8).collect();
    put(
        subject.engine(),
        Table::Versions,
        &[(b"a", b"before"), (b"b", &value), (b"c", b"after")],
    )
    .unwrap();
    let subject = subject.restart();
    let read = subject.engine().read().unwrap();
    assert!(
        read.get(Table::Versions, b"b")
            .unwrap()
            .is_some_and(|stored| stored == value)
    );
    let seen = rows(&*read, Table::Versions, &KeyRange::all(), usize::MAX).unwrap();
    assert_eq!(
        seen.iter().map(|(_, value)| value.len()).collect::<Vec<_>>(),
        [6, LARGE, 5]
    );
}

fn deleting_what_is_not_there_changes_nothing<S: Subject>() {
    let subject = S::start();
    commit(subject.engine(), |transaction| {
        transaction.delete(Table::Scopes, b"a").unwrap();
        transaction.put(Table::Scopes, b"b", b"1").unwrap();
        transaction.delete(Table::Scopes, b"a").unwrap();
    })
    .unwrap();
    let read = subject.engine().read().unwrap();
    let seen = rows(&*read, Table::Scopes, &KeyRange::all(), usize::MAX).unwrap();
    assert_eq!(keys(&seen), [b"b"]);
}

fn what_was_committed_outlives_a_restart<S: Subject>() {
    let mut subject = S::start();
    for round in 0..3_u8 {
        put(subject.engine(), Table::Sources, &[(&[round], &[round, round])]).unwrap();
        subject = subject.restart();
        let read = subject.engine().read().unwrap();
        for earlier in 0..=round {
            assert_eq!(
                read.get(Table::Sources, &[earlier]).unwrap(),
                Some(vec![earlier, earlier])
            );
        }
        drop(read);
    }
}

fn what_was_committed_outlives_a_compaction<S: Subject>() {
    let mut subject = S::start();
    let keys: Vec<[u8; 2]> = (0..500_u16).map(u16::to_be_bytes).collect();
    let large = [7; 2000];
    let pairs: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &large[..])).collect();
    put(subject.engine(), Table::Versions, &pairs).unwrap();
    commit(subject.engine(), |transaction| {
        for key in keys.iter().filter(|key| key[1] % 10 > 0) {
            transaction.delete(Table::Versions, key).unwrap();
        }
    })
    .unwrap();
    let stored = |subject: &S| {
        let read = subject.engine().read().unwrap();
        rows(&*read, Table::Versions, &KeyRange::all(), usize::MAX).unwrap()
    };
    let before = stored(&subject);
    assert!(before.len() > 40);
    for _ in 0..2 {
        subject.engine_mut().compact().unwrap();
        assert!(stored(&subject) == before);
    }
    put(subject.engine(), Table::Meta, &[(b"a", b"1")]).unwrap();
    let subject = subject.restart();
    assert!(stored(&subject) == before);
    let read = subject.engine().read().unwrap();
    assert_eq!(read.get(Table::Meta, b"a").unwrap().as_deref(), Some(&b"1"[..]));
}

fn readers_on_other_threads_see_transactions_whole<S: Subject>() {
    const TRANSACTIONS: u32 = 100;
    let subject = S::start();
    let engine = subject.engine();
    let write = |number: u32| put_everywhere(engine, number);
    write(0);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| watch_until(engine, TRANSACTIONS)))
            .collect();
        for number in 1..=TRANSACTIONS {
            write(number);
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

fn put_everywhere(engine: &dyn k1s_store::engine::Engine, number: u32) {
    commit(engine, |transaction| {
        for table in [Table::Current, Table::Versions, Table::Inventory] {
            transaction.put(table, b"number", &number.to_be_bytes()).unwrap();
        }
    })
    .unwrap();
}

/// Reads until the number is `last`; it is the same in every table, and never falls.
fn watch_until(engine: &dyn k1s_store::engine::Engine, last: u32) {
    let mut seen = 0;
    while seen < last {
        let read = engine.read().unwrap();
        let number = |table| number_in(&*read, table);
        let current = number(Table::Current);
        assert_eq!([number(Table::Versions), number(Table::Inventory)], [current, current]);
        assert!(current >= seen, "{current} after {seen}");
        seen = current;
    }
}

fn number_in(read: &dyn Read, table: Table) -> u32 {
    let bytes = read.get(table, b"number").unwrap().unwrap();
    u32::from_be_bytes(bytes.try_into().unwrap())
}
