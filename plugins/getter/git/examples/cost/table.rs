//! What was measured, and what is held of it.

use std::time::{Duration, Instant};

use crate::making::{Counter, Traffic};

/// Polls that are not the first: over git's own protocol, and over HTTPS, where the connection is kept.
pub(crate) const NEXT_POLL: &str = "k1s: poll, once more";
pub(crate) const NEXT_POLL_OVER_TLS: &str = "k1s: poll over https, once more";
/// The most bytes of a poll, and of a poll that finds a commit of no concern and fetches it, both ways.
const POLL_BYTES: u64 = 1 << 10;
const UNCONCERNED_BYTES: u64 = 2 << 10;
/// The most bytes of the first fetch of one directory, both ways: what the page says of the repository that it measures.
const FIRST_BYTES: u64 = 200_000;

/// What a step cost, each time.
#[derive(Default)]
struct Step {
    name: String,
    costs: Vec<(Traffic, Duration)>,
}

/// The steps, in the order of the table.
#[derive(Default)]
pub(crate) struct Table(Vec<Step>);

impl Table {
    /// Adds what a step cost that has just ended.
    pub(crate) fn add(&mut self, name: &str, counter: &Counter, begun: Instant) {
        let cost = (counter.traffic(), begun.elapsed());
        match self.0.iter_mut().find(|step| step.name == name) {
            Some(step) => step.costs.push(cost),
            None => self.0.push(Step {
                name: name.to_owned(),
                costs: vec![cost],
            }),
        }
    }

    /// Bytes of a step the last time, both ways.
    fn bytes(&self, name: &str) -> u64 {
        let step = self.0.iter().find(|step| step.name.starts_with(name)).unwrap();
        step.costs.last().map(|(traffic, _)| traffic.down + traffic.up).unwrap()
    }

    /// Holds the product to what its page says, as far as that does not hang on the size.
    pub(crate) fn judge(&self) {
        for (step, most) in [
            ("k1s: poll", POLL_BYTES),
            (NEXT_POLL, POLL_BYTES),
            (NEXT_POLL_OVER_TLS, POLL_BYTES),
            (
                "k1s: poll and fetch, the part that is wanted is unchanged",
                UNCONCERNED_BYTES,
            ),
        ] {
            assert!(self.bytes(step) <= most, "{step}: {}", self.bytes(step));
        }
        let first = self.bytes("k1s: commit and all trees") + self.bytes("k1s: files of 1 directory");
        assert!(first <= FIRST_BYTES, "the first fetch: {first}");
        for peer in ["git: clone --depth 1", "go-getter: one directory"] {
            assert!(first < self.bytes(peer), "{first} against {peer}: {}", self.bytes(peer));
        }
        let next = self.bytes("k1s: poll and fetch, one file of the part is changed");
        assert!(next < self.bytes("go-getter: update"), "{next}");
    }

    pub(crate) fn print(&self) {
        println!("| step | bytes down | bytes up | ms |\n|---|---|---|---|");
        for Step { name, costs } in &self.0 {
            let of = |part: fn(&(Traffic, Duration)) -> u128, shown: fn(u128) -> String| {
                let mut values: Vec<u128> = costs.iter().map(part).collect();
                values.sort_unstable();
                let (first, last) = (values[0], values[values.len() - 1]);
                let middle = shown(values[values.len() / 2]);
                if first == last {
                    middle
                } else {
                    format!("{middle} ({}–{})", shown(first), shown(last))
                }
            };
            let down = of(|(traffic, _)| u128::from(traffic.down), |bytes| bytes.to_string());
            let up = of(|(traffic, _)| u128::from(traffic.up), |bytes| bytes.to_string());
            let time = of(
                |(_, time)| time.as_micros(),
                |micros| format!("{}.{}", micros / 1000, micros % 1000 / 100),
            );
            println!("| {name} | {down} | {up} | {time} |");
        }
    }
}
