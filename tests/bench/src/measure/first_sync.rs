//! First sync: a new store from a tree of files, against [`insert`](crate::insert).

use std::fs;

use anyhow::ensure;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::ground::{self, Ground};
use super::row::{Measured, Pair, Row, Side};
use super::{note, yardstick};
use crate::dump::{Dump, STORE_FILE};
use crate::insert::Inserted;

pub(super) fn measure(ground: &Ground, runs: u32) -> anyhow::Result<Measured> {
    let tree = ground.tree()?;
    let settings = [format!("path={}", tree.display())];
    let (data, other) = (ground.beside_stores("first-sync"), ground.beside_stores("inserted"));
    let mut pairs = Vec::new();
    let mut size = None;
    for run in 1..=runs {
        let expected = format!("{}{} created in ", super::host::SUMMARY, ground.objects);
        let product = ground.host(FILESYSTEM_SOURCE, &settings, &data, expected)?.side;
        let into = other.join(STORE_FILE);
        let inserted: Inserted = yardstick::run(&[
            "insert".as_ref(),
            tree.as_ref(),
            data.join(STORE_FILE).as_ref(),
            into.as_ref(),
        ])?;
        ensure!(inserted.objects == ground.objects, "{} inserted", inserted.objects);
        let (filled, store) = ground::store(&data)?;
        let differences = filled.differences(&Dump::of(&into)?, &[]);
        let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
        ensure!(
            said.is_empty(),
            "the yardstick inserted other rows: {}",
            said.join(", ")
        );

        let pair = Pair {
            product,
            yardstick: Side {
                peak: inserted.peak,
                written: inserted.written,
                ..Side::of(inserted.cost)
            },
        };
        note(Row::FirstSync, run, runs, &pair);
        pairs.push(pair);
        size = Some(store);
        fs::remove_dir_all(&data)?;
        fs::remove_dir_all(&other)?;
    }
    Measured::new(pairs, size)
}
