//! Addresses with changes anywhere: whatever is read is shown and read again as the same, and nothing else happens.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::golden::lines;
use crate::roundtrip::check;

/// How many addresses are tried; a few seconds' worth.
const CASES: u32 = 20_000;
/// The most changes of one.
const CHANGES: usize = 6;

static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let picked = include_str!("../../fixtures/corpus/addresses.txt")
        .lines()
        .map(str::to_owned);
    picked.chain(lines().into_iter().map(|line| line.address)).collect()
});

/// A change of a text at some place.
#[derive(Clone, Debug)]
enum Change {
    Insert(char),
    Remove(usize),
    /// Copies what is between two places to a third.
    Copy(Index, Index),
    /// Goes on with another text from the same place on.
    Splice(String),
}

fn change() -> impl Strategy<Value = Change> {
    let telling: Vec<char> = "/?&=#@:%.-*[]\\^~+ ;|0aZ\u{0}\n\u{7f}é".chars().collect();
    prop_oneof![
        6 => select(telling).prop_map(Change::Insert),
        1 => any::<char>().prop_map(Change::Insert),
        4 => (1_usize..6).prop_map(Change::Remove),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Copy(from, to)),
        2 => select(CORPUS.as_slice()).prop_map(Change::Splice),
    ]
}

fn apply(text: &mut Vec<char>, change: &Change, place: Index) {
    let at = place.index(text.len() + 1);
    match change {
        Change::Insert(char) => text.insert(at, *char),
        Change::Remove(count) => drop(text.drain(at..(at + count).min(text.len()))),
        Change::Copy(from, to) => {
            let (one, other) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let copied = text[one.min(other)..one.max(other)].to_vec();
            text.splice(at..at, copied);
        }
        Change::Splice(other) => {
            text.truncate(at);
            text.extend(other.chars().skip(at));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_addresses_are_read_or_refused(
        seed in select(CORPUS.as_slice()),
        changes in prop::collection::vec((change(), any::<Index>()), 0..CHANGES),
    ) {
        let mut text: Vec<char> = seed.chars().collect();
        for (change, place) in &changes {
            apply(&mut text, change, *place);
        }
        drop(check(&text.into_iter().collect::<String>()));
    }
}

#[test]
fn the_corpus_is_read() {
    for address in include_str!("../../fixtures/corpus/addresses.txt").lines() {
        check(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    }
}
