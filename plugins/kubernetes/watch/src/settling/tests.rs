use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SETTLE: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn names(due: &[Due]) -> Vec<&str> {
    due.iter().map(|due| due.name.as_str()).collect()
}

#[test]
fn deletes_that_come_together_are_told_together_and_hold_the_position() {
    let mut settling = Settling::new(SETTLE, "1");
    settling.put("", "a", "2");
    assert_eq!((settling.position(), settling.next_due()), ("2", None));
    settling.gone("", "a", "3", at(0));
    settling.gone("", "b", "4", at(500));
    settling.put("", "c", "5");
    assert_eq!((settling.position(), settling.next_due()), ("2", Some(at(1500))));
    assert_eq!(names(&settling.take_due(at(1499))), [""; 0]);
    assert_eq!(names(&settling.take_due(at(1500))), ["a", "b"]);
    assert_eq!((settling.position(), settling.next_due()), ("5", None));
}

#[test]
fn what_comes_back_in_time_was_never_missing() {
    let mut settling = Settling::new(SETTLE, "1");
    settling.gone("n", "a", "2", at(0));
    settling.gone("n", "b", "3", at(0));
    settling.put("n", "a", "4");
    assert_eq!(settling.position(), "2");
    assert_eq!(names(&settling.take_due(at(1000))), ["b"]);
    assert_eq!(settling.position(), "4");
}

#[test]
fn deletes_that_keep_coming_do_not_hold_each_other_up_for_ever() {
    let mut settling = Settling::new(SETTLE, "0");
    for step in 0..12 {
        settling.gone("", &format!("{step:02}"), "9", at(step * 500));
        let due = settling.take_due(at(step * 500));
        let expected: &[&str] = match step {
            10 => &["00", "01", "02", "03", "04", "05", "06", "07", "08"],
            _ => &[],
        };
        assert_eq!(names(&due), expected, "{step}");
    }
}

#[test]
fn more_than_can_wait_are_told_at_once() {
    let mut settling = Settling::new(SETTLE, "0");
    for index in 0..=MOST {
        assert_eq!(settling.take_due(at(0)), []);
        settling.gone("", &index.to_string(), "1", at(0));
    }
    assert_eq!(settling.take_due(at(0)).len(), MOST + 1);
    assert_eq!(settling.position(), "1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever was told and wherever it stops: going on from the position tells the rest.
    #[test]
    fn a_restart_at_any_moment_loses_nothing(
        steps in prop::collection::vec((0_u8..4, any::<bool>(), 0_u64..1500), 1..40),
        stop in 0_usize..40,
    ) {
        let mut truth = BTreeSet::new();
        let mut host = BTreeSet::new();
        let mut settling = Settling::new(SETTLE, "0");
        let mut now = 0;
        let apply = |host: &mut BTreeSet<String>, settling: &mut Settling, index: usize, now: u64| {
            let (object, is_put, _) = steps[index];
            let (name, version) = (object.to_string(), (index + 1).to_string());
            if is_put {
                settling.put("", &name, &version);
                host.insert(name);
            } else {
                settling.gone("", &name, &version, at(now));
            }
            for due in settling.take_due(at(now)) {
                host.remove(&due.name);
            }
        };
        for (index, (object, is_put, passed)) in steps.iter().enumerate() {
            if *is_put { truth.insert(object.to_string()); } else { truth.remove(&object.to_string()); }
            if index < stop {
                apply(&mut host, &mut settling, index, now);
                now += passed;
                let position: usize = settling.position().parse().unwrap();
                prop_assert!(position <= index + 1);
            }
        }
        let from: usize = settling.position().parse().unwrap();
        let mut settling = Settling::new(SETTLE, from.to_string());
        for index in from..steps.len() {
            apply(&mut host, &mut settling, index, now);
        }
        for due in settling.take_due(at(now) + SETTLE * 10) {
            host.remove(&due.name);
        }
        prop_assert_eq!(host, truth);
        prop_assert_eq!(settling.position(), steps.len().to_string());
    }
}
