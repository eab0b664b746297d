//! First sync: a new store from a tree of files, against [`insert`](crate::insert).

use std::fs;

use anyhow::ensure;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use super::side::Side;
use super::{host, store, yardstick};
use crate::dump::{Dump, STORE_FILE};
use crate::insert::Inserted;

const TIME: Figure = Figure::aimed("time", Unit::Seconds, Target::Times(1.25));

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let tree = ground.tree()?;
    let objects = ground.scale.objects;
    let settings = [format!("path={}", tree.display())];
    let (data, other) = (ground.beside_stores("first-sync"), ground.beside_stores("inserted"));
    let expected = format!("{}{objects} created in ", host::SUMMARY);
    let mut measured = Measured::default();
    for _ in ground.runs() {
        let product = host::once(ground, FILESYSTEM_SOURCE, &settings, &data, &expected)?.side;
        let into = other.join(STORE_FILE);
        let inserted: Inserted = yardstick::run(&[
            "insert".as_ref(),
            tree.as_ref(),
            data.join(STORE_FILE).as_ref(),
            into.as_ref(),
        ])?;
        ensure!(inserted.objects == objects, "{} inserted", inserted.objects);
        let differences = store::dump(&data)?.differences(&Dump::of(&into)?, &[]);
        let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
        ensure!(
            said.is_empty(),
            "the yardstick inserted other rows: {}",
            said.join(", ")
        );

        let yardstick = Side {
            peak: inserted.peak,
            written: inserted.written,
            ..Side::of(inserted.cost)
        };
        measured.sides(TIME, &product, &yardstick);
        measured.note(Row::FirstSync);
        fs::remove_dir_all(&data)?;
        fs::remove_dir_all(&other)?;
    }
    Ok(measured)
}
