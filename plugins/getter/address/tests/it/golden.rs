//! Every address of the fixtures means what go-getter takes it for, but for the named deviations.

use k1s_getter_address::{Address, Policy, Subdir, Transport};
use serde::Deserialize;

use crate::deviations::{DEVIATIONS, Deviation, Difference};
use crate::projection::{self, Line};

const ADDRESSES: &str = include_str!("../../fixtures/addresses.jsonl");
const GLOBS: &str = include_str!("../../fixtures/globs.jsonl");
/// Fewer lines would mean that the fixtures are not what they were.
const FEWEST: usize = 2000;

/// The policy that go-getter has: everything goes.
pub(crate) fn open() -> Policy {
    [Transport::Http, Transport::Git, Transport::File]
        .into_iter()
        .fold(Policy::default().relative_to("/base/dir"), Policy::allowing)
}

pub(crate) fn lines() -> Vec<Line> {
    ADDRESSES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn difference(line: &Line) -> Option<Difference> {
    match (Address::parse(&line.address, &open()), line.refused) {
        (Err(_), true) => None,
        (Err(error), false) => Some(Difference::WeRefuse(error)),
        (Ok(address), true) => Some(Difference::TheyRefuse(address)),
        (Ok(address), false) => {
            let (ours, mut theirs) = (projection::meaning(&address), line.meaning());
            if line.archive == "some" && !ours["archive"].is_empty() {
                theirs.insert("archive", ours["archive"].clone());
            }
            let names = ours.keys().chain(theirs.keys()).copied();
            let differing: std::collections::BTreeSet<_> =
                names.filter(|name| ours.get(name) != theirs.get(name)).collect();
            (!differing.is_empty()).then_some(Difference::Fields(differing, address))
        }
    }
}

#[test]
fn addresses_mean_what_go_getter_takes_them_for() {
    let lines = lines();
    assert!(lines.len() >= FEWEST, "{} lines", lines.len());
    let mut unexplained = Vec::new();
    let mut uses = vec![0; DEVIATIONS.len()];
    for line in &lines {
        let Some(difference) = difference(line) else { continue };
        match DEVIATIONS
            .iter()
            .position(|deviation| (deviation.covers)(line, &difference))
        {
            Some(at) => uses[at] += 1,
            None => unexplained.push(format!(
                "{} {:?} -> {:?}\n      {difference:?}",
                line.class, line.address, line.detected
            )),
        }
    }
    assert!(
        unexplained.is_empty(),
        "{} unexplained:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    for (deviation, uses) in DEVIATIONS.iter().zip(uses) {
        assert!(
            uses > 0,
            "no line deviates any more: {} ({})",
            deviation.name,
            deviation.reason
        );
    }
}

#[test]
fn what_is_documented_and_tested_deviates_little() {
    let lines = lines();
    let plain = lines
        .iter()
        .filter(|line| matches!(line.class.as_str(), "documented" | "tested"));
    let (total, differing) = plain.fold((0, 0), |(total, differing), line| {
        (total + 1, differing + usize::from(difference(line).is_some()))
    });
    assert!(total > 110 && differing * 6 < total, "{differing} of {total} differ");
}

#[derive(Deserialize)]
struct Match {
    pattern: String,
    name: String,
    #[serde(default)]
    matches: bool,
    #[serde(default)]
    bad: bool,
}

#[test]
fn patterns_match_what_go_matches() {
    let mut compared = 0;
    for line in GLOBS.lines() {
        let line: Match = serde_json::from_str(line).unwrap();
        // go-getter expands part by part, so that no class ever sees a slash; Go's matcher alone would let it match one.
        if line.pattern.contains('[') && (line.name.contains('/') || line.pattern.contains('/')) {
            continue;
        }
        let address = format!("./x//{}", line.pattern.replace('?', "%3F"));
        match Address::parse(&address, &open()) {
            Ok(Address {
                subdir: Some(subdir), ..
            }) => {
                assert!(!line.bad || line.pattern.contains('['), "{} is read", line.pattern);
                if let Subdir::Glob(glob) = &subdir {
                    assert_eq!(glob.matches(&line.name), line.matches, "{} {}", line.pattern, line.name);
                    compared += 1;
                }
            }
            Ok(_) => panic!("{address} has no sub-directory"),
            // Go finds out about a broken pattern only where it gets that far with a name.
            Err(_) => assert!(!line.matches, "{} {}", line.pattern, line.name),
        }
    }
    assert!(compared > 500, "{compared} compared");
}

#[test]
fn each_difference_is_documented() {
    let page = include_str!("../../../../../docs/getter-addresses.md");
    let rows = page.lines().filter(|line| line.starts_with("| ")).collect::<Vec<_>>();
    for Deviation { name, reason, .. } in DEVIATIONS {
        let row = format!("| {name} | {reason} |");
        assert!(rows.contains(&row.as_str()), "docs/getter-addresses.md lacks: {row}");
    }
}
