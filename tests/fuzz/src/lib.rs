//! Inputs that are changed by chance, for the tests of readers.
//!
//! A [`Fuzz`] takes inputs of a corpus, changes each in some places and hands it to a test, which panics where a reader does
//! what it must not. Everything follows from a seed and the number of the case, so a case that fails is tried again alone by
//! what is printed. It is told with the fewest of its changes that still fail.
//!
//! The variables of the environment are `PROPTEST_RNG_SEED`, the seed, which property tests take as well and which is drawn if
//! it is not set; `K1S_FUZZ_TIMES`, how many times as many cases are tried; and `K1S_FUZZ_CASE`, the only case to try.
//!
//! # Invariants
//! - The same corpus, seed and number make the same case, on every machine.
//! - The number of cases is bounded, and so is the length of an input: [`GROWTH`] more than the longest of the corpus.
#![forbid(unsafe_code)]

pub mod random;

mod change;

use std::env;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use change::Change;
use random::Random;

/// How much longer than the longest input of the corpus a changed one may be, in bytes.
pub const GROWTH: usize = 16 << 10;
/// The most changes of one input.
const CHANGES: usize = 8;
/// The variable that property tests read, too.
const SEED: &str = "PROPTEST_RNG_SEED";
const CASE: &str = "K1S_FUZZ_CASE";
const TIMES: &str = "K1S_FUZZ_TIMES";

/// An input to try.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which of the corpus it was made of.
    pub from: usize,
    /// The input.
    pub bytes: Vec<u8>,
    /// For what else a test leaves to chance.
    pub random: Random,
}

/// A corpus, and how its inputs are changed.
#[derive(Clone, Copy, Debug)]
pub struct Fuzz<'f> {
    /// What is tried, for people.
    pub name: &'f str,
    /// What inputs are made of; not empty.
    pub corpus: &'f [Vec<u8>],
    /// What is put in here and there, besides single bytes and numbers.
    pub words: &'f [&'f str],
}

/// What is tried of all that could be.
#[derive(Clone, Copy, Debug)]
struct Range {
    seed: u64,
    times: u64,
    only: Option<u64>,
}

/// How an input is made.
struct Plan {
    from: usize,
    changes: Vec<Change>,
    random: Random,
}

impl Fuzz<'_> {
    /// Tries so many cases, or as many times more as the environment says.
    ///
    /// # Panics
    /// As the first case that panics, once it was told how to try it again.
    pub fn run(&self, cases: u32, try_one: impl Fn(Case)) {
        let range = Range {
            seed: number(SEED).unwrap_or_else(|| RandomState::new().hash_one(self.name)),
            times: number(TIMES).unwrap_or(1),
            only: number(CASE),
        };
        self.run_in(range, cases, try_one);
    }

    fn run_in(&self, range: Range, cases: u32, try_one: impl Fn(Case)) {
        let cases = u64::from(cases).saturating_mul(range.times);
        let seed = range.seed;
        println!("{}: {cases} cases of {SEED}={seed}", self.name);
        for number in range.only.map_or(0..cases, |only| only..only.saturating_add(1)) {
            let plan = self.plan(seed, number);
            let tried = |count: usize| catch_unwind(AssertUnwindSafe(|| try_one(self.case(&plan, count))));
            if let Err(cause) = tried(plan.changes.len()) {
                let fewest = (0..plan.changes.len()).find(|count| tried(*count).is_err());
                let fewest = fewest.unwrap_or(plan.changes.len());
                let case = self.case(&plan, fewest);
                eprintln!(
                    "{}: case {number} fails, with {fewest} changes of input {}; {SEED}={seed} {CASE}={number} tries it again:\n{}",
                    self.name,
                    case.from,
                    case.bytes.escape_ascii()
                );
                resume_unwind(cause);
            }
        }
    }

    fn plan(&self, seed: u64, number: u64) -> Plan {
        let mut random = Random::of(seed, usize::try_from(number).unwrap_or(usize::MAX));
        let from = random.below(self.corpus.len());
        let count = random.below(CHANGES + 1);
        let changes = (0..count).map(|_| Change::drawn(&mut random, self.words.len(), self.corpus.len()));
        Plan {
            from,
            changes: changes.collect(),
            random,
        }
    }

    /// Makes the input of a plan with so many of its changes.
    fn case(&self, plan: &Plan, count: usize) -> Case {
        let longest = self.corpus.iter().map(Vec::len).max().unwrap_or(0) + GROWTH;
        let mut bytes = self.corpus.get(plan.from).cloned().unwrap_or_default();
        for change in plan.changes.iter().take(count) {
            change.apply(&mut bytes, self.words, self.corpus);
            bytes.truncate(longest);
        }
        Case {
            from: plan.from,
            bytes,
            random: plan.random.clone(),
        }
    }
}

/// Reads the files of a directory, by their names.
///
/// # Errors
/// Fails if one cannot be read.
pub fn corpus(directory: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let entries: io::Result<Vec<PathBuf>> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut paths = entries?;
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).map(|bytes| (path, bytes));
    paths.into_iter().map(read).collect()
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    fn fuzz(corpus: &[Vec<u8>]) -> Fuzz<'_> {
        Fuzz {
            name: "a test",
            corpus,
            words: &["word"],
        }
    }

    fn tried(fuzz: Fuzz<'_>, seed: u64, only: Option<u64>) -> Vec<Vec<u8>> {
        let all = RefCell::new(Vec::new());
        let range = Range { seed, times: 2, only };
        fuzz.run_in(range, 200, |case| all.borrow_mut().push(case.bytes));
        all.into_inner()
    }

    #[test]
    fn the_same_seed_makes_the_same_cases_and_each_of_them_alone() {
        let corpus = [b"one".to_vec(), Vec::new(), vec![7; 1000]];
        let all = tried(fuzz(&corpus), 1, None);
        assert_eq!(all.len(), 400);
        assert_eq!(all, tried(fuzz(&corpus), 1, None));
        assert_ne!(all, tried(fuzz(&corpus), 2, None));
        assert_eq!(tried(fuzz(&corpus), 1, Some(33)), [all[33].clone()]);
        assert!(all.iter().all(|bytes| bytes.len() <= 1000 + GROWTH));
        let different: BTreeSet<&Vec<u8>> = all.iter().collect();
        assert!(different.len() > 200, "{}", different.len());
        assert!(
            corpus.iter().all(|input| different.contains(input)),
            "some are as they were"
        );
        assert!(all.iter().any(|bytes| bytes.windows(4).any(|part| part == b"word")));
    }

    #[test]
    fn what_fails_ends_the_run() {
        let corpus = [b"one".to_vec()];
        let count = RefCell::new(0);
        let run = catch_unwind(AssertUnwindSafe(|| {
            let range = Range {
                seed: 1,
                times: 1,
                only: None,
            };
            fuzz(&corpus).run_in(range, 1_000, |case| {
                *count.borrow_mut() += 1;
                assert_eq!(case.bytes, b"one");
            });
        }));
        assert!(run.is_err() && *count.borrow() < 1_000);
    }
}
