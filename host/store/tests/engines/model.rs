//! Engines against ordered maps: random transactions, snapshots held over them, and restarts.

use std::collections::BTreeMap;

use k1s_store::Table;
use k1s_store::engine::{Engine, EngineError, Finish, KeyRange, Read, Write};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::subject::{Memory, Redb, Row, Subject, rows};

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put(Table, Vec<u8>, Vec<u8>),
    Delete(Table, Vec<u8>),
    Get(Table, Vec<u8>),
    Scan(Table, KeyRange, usize),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    Abort,
    Fail,
}

#[derive(Clone, Debug)]
struct Transaction {
    /// Whether a reader is opened before it and compared after everything else.
    watched: bool,
    steps: Vec<Step>,
    end: End,
}

fn table() -> impl Strategy<Value = Table> {
    prop_oneof![Just(Table::Meta), Just(Table::Current), Just(Table::Kinds)]
}

/// Few different bytes, so that keys meet again and prefixes matter.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0_u8), Just(1), Just(b'a'), Just(0xff)], 0..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![9 => vec(any::<u8>(), 0..20), 1 => (any::<u8>(), 4000..40_000_usize).prop_map(|(b, n)| vec![b; n])]
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        Just(KeyRange::all()),
        key().prop_map(|prefix| KeyRange::prefix(&prefix)),
        (key(), key()).prop_map(|(prefix, after)| KeyRange::prefix(&prefix).after(&after)),
        (key(), key()).prop_map(|(start, end)| KeyRange { start, end: Some(end) }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (table(), key(), value()).prop_map(|(table, key, value)| Step::Put(table, key, value)),
        2 => (table(), key()).prop_map(|(table, key)| Step::Delete(table, key)),
        1 => (table(), key()).prop_map(|(table, key)| Step::Get(table, key)),
        1 => (table(), range(), 1..6_usize).prop_map(|(table, range, limit)| Step::Scan(table, range, limit)),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let end = prop_oneof![3 => Just(End::Commit), 1 => Just(End::Abort), 1 => Just(End::Fail)];
    (any::<bool>(), vec(step(), 0..20), end).prop_map(|(watched, steps, end)| Transaction { watched, steps, end })
}

/// Transactions between restarts.
fn lives() -> impl Strategy<Value = Vec<Vec<Transaction>>> {
    vec(vec(transaction(), 0..8), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn memory_is_an_ordered_map(lives in lives()) {
        run::<Memory>(&lives);
    }
}

proptest! {
    // Each syncs a file many times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn redb_is_an_ordered_map(lives in lives()) {
        run::<Redb>(&lives);
    }
}

fn run<S: Subject>(lives: &[Vec<Transaction>]) {
    let mut subject = S::start();
    let mut model = Model::new();
    for life in lives {
        live(subject.engine(), &mut model, life);
        subject = subject.restart();
        assert_same(&*subject.engine().read().unwrap(), &model);
    }
}

fn live(engine: &dyn Engine, model: &mut Model, life: &[Transaction]) {
    let mut snapshots = Vec::new();
    for transaction in life {
        if transaction.watched {
            snapshots.push((engine.read().unwrap(), model.clone()));
        }
        apply(engine, model, transaction);
    }
    snapshots.push((engine.read().unwrap(), model.clone()));
    for (read, expected) in &snapshots {
        assert_same(&**read, expected);
    }
}

fn apply(engine: &dyn Engine, model: &mut Model, transaction: &Transaction) {
    let mut changed = model.clone();
    let outcome = engine.write(&mut |write| {
        for step in &transaction.steps {
            take(write, &mut changed, step)?;
        }
        match transaction.end {
            End::Commit => Ok(Finish::Commit),
            End::Abort => Ok(Finish::Abort),
            End::Fail => Err(EngineError::Row {
                table: "none",
                detail: String::new(),
            }),
        }
    });
    match transaction.end {
        End::Commit => {
            outcome.unwrap();
            *model = changed;
        }
        End::Abort => outcome.unwrap(),
        End::Fail => assert!(
            matches!(outcome, Err(EngineError::Row { table: "none", .. })),
            "{outcome:?}"
        ),
    }
}

fn take(write: &mut dyn Write, model: &mut Model, step: &Step) -> Result<(), EngineError> {
    match step {
        Step::Put(table, key, value) => {
            write.put(*table, key, value)?;
            model.insert((*table, key.clone()), value.clone());
        }
        Step::Delete(table, key) => {
            write.delete(*table, key)?;
            model.remove(&(*table, key.clone()));
        }
        Step::Get(table, key) => {
            assert_eq!(write.get(*table, key)?.as_ref(), model.get(&(*table, key.clone())));
        }
        Step::Scan(table, range, limit) => {
            let expected: Vec<Row> = within(model, *table, range).take(*limit).collect();
            assert_eq!(rows(write, *table, range, *limit)?, expected);
        }
    }
    Ok(())
}

fn within<'m>(model: &'m Model, table: Table, range: &'m KeyRange) -> impl Iterator<Item = Row> + 'm {
    model
        .iter()
        .filter(move |((of, key), _)| {
            *of == table && *key >= range.start && range.end.as_ref().is_none_or(|end| key < end)
        })
        .map(|((_, key), value)| (key.clone(), value.clone()))
}

fn assert_same(read: &dyn Read, model: &Model) {
    for table in [Table::Meta, Table::Current, Table::Kinds] {
        let expected: Vec<Row> = within(model, table, &KeyRange::all()).collect();
        assert_eq!(rows(read, table, &KeyRange::all(), usize::MAX).unwrap(), expected);
    }
}
