use proptest::prelude::*;

use super::*;

const LONG: Duration = Duration::from_mins(5);

fn millis(next: &Next) -> Option<u128> {
    match next {
        Next::Wait(time) => Some(time.as_millis()),
        Next::List(_) | Next::Watch { .. } | Next::Parked(_) | Next::Gone(_) => None,
    }
}

fn watch(from: &str) -> Next {
    Next::Watch { from: from.to_owned() }
}

#[test]
fn it_lists_and_then_watches_from_where_it_was() {
    let mut course = Course::new(Way::Pages);
    assert_eq!(course.next(), Next::List(Way::Pages));
    course.listed("5");
    assert_eq!(course.next(), watch("5"));
    course.advanced("7");
    course.watch_ended(LONG, Brought::Nothing, 0);
    assert_eq!(course.next(), watch("7"));
    course.ordered();
    assert_eq!(course.next(), Next::List(Way::Pages));
    assert_eq!(Course::new(Way::Initial).resumed("3").next(), watch("3"));
}

#[test]
fn each_refusal_of_a_watch_has_its_consequence() {
    let second = Some(Duration::from_secs(9));
    for (verdict, expected, after) in [
        (Verdict::Expired, Next::List(Way::Pages), None),
        (Verdict::NotUnderstood, Next::List(Way::Pages), None),
        (
            Verdict::Ahead,
            Next::Wait(Duration::from_millis(800)),
            Some(Next::List(Way::Pages)),
        ),
        (
            Verdict::Unauthorized,
            Next::Wait(Duration::from_millis(800)),
            Some(watch("5")),
        ),
        (
            Verdict::Failing,
            Next::Wait(Duration::from_millis(800)),
            Some(watch("5")),
        ),
        (
            Verdict::Busy(None),
            Next::Wait(Duration::from_millis(800)),
            Some(watch("5")),
        ),
        (
            Verdict::Busy(second),
            Next::Wait(Duration::from_secs(9)),
            Some(watch("5")),
        ),
        (Verdict::Forbidden, Next::Parked(FIRST_PROBE), Some(watch("5"))),
        (Verdict::NotServed, Next::Gone(LAST_PROBE), Some(watch("5"))),
    ] {
        let mut course = Course::new(Way::Pages).resumed("5");
        course.watch_refused(verdict, 0);
        assert_eq!(course.next(), expected, "{verdict:?}");
        if let Some(after) = after {
            course.waited();
            assert_eq!(course.next(), after, "{verdict:?}");
        }
    }
}

#[test]
fn each_refusal_of_a_listing_has_its_consequence() {
    for (way, verdict, expected) in [
        (Way::Initial, Verdict::NotUnderstood, Next::List(Way::Pages)),
        (Way::Pages, Verdict::Expired, Next::List(Way::Whole)),
        (Way::Whole, Verdict::Expired, Next::Wait(Duration::from_millis(800))),
        (
            Way::Pages,
            Verdict::NotUnderstood,
            Next::Wait(Duration::from_millis(800)),
        ),
        (Way::Initial, Verdict::Failing, Next::Wait(Duration::from_millis(800))),
        (Way::Pages, Verdict::Forbidden, Next::Parked(FIRST_PROBE)),
        (Way::Pages, Verdict::NotServed, Next::Gone(LAST_PROBE)),
    ] {
        let mut course = Course::new(way);
        course.listing_refused(verdict, 0);
        assert_eq!(course.next(), expected, "{way:?} {verdict:?}");
    }
    let mut course = Course::new(Way::Pages);
    course.listing_refused(Verdict::Expired, 0);
    course.listed("1");
    course.ordered();
    assert_eq!(course.next(), Next::List(Way::Pages), "pages are tried again");
}

#[test]
fn initial_events_that_break_are_not_asked_for_again() {
    let mut course = Course::new(Way::Initial);
    course.listing_broke(0);
    assert_eq!(millis(&course.next()), Some(800));
    course.waited();
    assert_eq!(course.next(), Next::List(Way::Pages));
}

#[test]
fn what_cannot_be_read_in_a_watch_is_listed() {
    let mut course = Course::new(Way::Pages).resumed("5");
    course.watch_unreadable(0);
    assert_eq!(millis(&course.next()), Some(800));
    course.waited();
    assert_eq!(course.next(), Next::List(Way::Pages));
}

#[test]
fn waits_grow_until_something_works() {
    let mut course = Course::new(Way::Pages).resumed("5");
    let mut waits = Vec::new();
    for _ in 0..3 {
        course.watch_broke(Brought::Nothing, 0);
        waits.extend(millis(&course.next()));
        course.waited();
    }
    assert_eq!((waits.as_slice(), course.failures()), (&[800, 1600, 3200][..], 3));
    course.watch_broke(Brought::Something, 0);
    assert_eq!(millis(&course.next()), Some(800));
    course.waited();
    course.watch_ended(Duration::ZERO, Brought::Nothing, 0);
    assert_eq!(
        millis(&course.next()),
        Some(1600),
        "a watch that ends at once did not work"
    );
    course.waited();
    course.watch_ended(Duration::ZERO, Brought::Something, 0);
    assert_eq!((course.next(), course.failures()), (watch("5"), 0));
}

#[test]
fn a_server_that_forgets_at_once_is_not_listed_in_a_loop() {
    let mut course = Course::new(Way::Pages);
    let waits: Vec<u128> = (0..3)
        .filter_map(|step| {
            course.listed(step.to_string());
            course.watch_refused(Verdict::Expired, 0);
            let wait = millis(&course.next());
            course.waited();
            assert_eq!(course.next(), Next::List(Way::Pages));
            wait
        })
        .collect();
    assert_eq!(waits, [800, 1600, 3200]);
}

#[test]
fn what_is_forbidden_is_asked_again_later_and_later() {
    let mut course = Course::new(Way::Pages);
    let parked = |seconds| Next::Parked(Duration::from_secs(seconds));
    let mut probes = Vec::new();
    for _ in 0..7 {
        course.waited();
        course.listing_refused(Verdict::Forbidden, 0);
        probes.push(course.next());
    }
    assert_eq!(probes, [30, 60, 120, 240, 480, 600, 600].map(parked));
    course.waited();
    course.listed("1");
    course.watch_refused(Verdict::Forbidden, 0);
    assert_eq!(course.next(), Next::Parked(FIRST_PROBE));
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Done,
    Refused(Verdict),
    Broke,
    Ordered,
}

fn happening() -> impl Strategy<Value = Happening> {
    let verdict = prop_oneof![
        Just(Verdict::Expired),
        Just(Verdict::Ahead),
        Just(Verdict::Unauthorized),
        Just(Verdict::Forbidden),
        Just(Verdict::NotServed),
        Just(Verdict::NotUnderstood),
        (0_u64..100).prop_map(|seconds| Verdict::Busy(Some(Duration::from_secs(seconds)))),
        Just(Verdict::Failing),
    ];
    prop_oneof![
        Just(Happening::Done),
        verdict.prop_map(Happening::Refused),
        Just(Happening::Broke),
        Just(Happening::Ordered),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// It never asks without a pause for ever, never waits for ever, and watches only from where it was told to have come.
    #[test]
    fn whatever_happens_it_goes_on_in_bounds(
        happenings in prop::collection::vec((happening(), any::<u64>()), 0..60),
    ) {
        let mut course = Course::new(Way::Initial);
        let mut told: Option<u64> = None;
        let mut version = 0;
        let mut eager = 0;
        for (happening, chance) in happenings {
            let next = course.next();
            version += 1;
            match (&next, happening) {
                (_, Happening::Ordered) => { course.ordered(); told = None; eager = 0; }
                (Next::List(_), Happening::Done) => { course.listed(version.to_string()); told = Some(version); }
                (Next::List(_), Happening::Refused(verdict)) => course.listing_refused(verdict, chance),
                (Next::List(_), Happening::Broke) => course.listing_broke(chance),
                (Next::Watch { from }, happening) => {
                    prop_assert_eq!(Some(from.clone()), told.map(|told| told.to_string()));
                    match happening {
                        Happening::Done => {
                            course.advanced(&version.to_string());
                            told = Some(version);
                            course.watch_ended(LONG, Brought::Something, chance);
                            eager = 0;
                        }
                        Happening::Refused(verdict) => course.watch_refused(verdict, chance),
                        Happening::Broke | Happening::Ordered => course.watch_broke(Brought::Nothing, chance),
                    }
                }
                (Next::Wait(time) | Next::Parked(time) | Next::Gone(time), _) => {
                    prop_assert!(*time >= Duration::from_millis(800) && *time <= LAST_PROBE, "{time:?}");
                    course.waited();
                    eager = 0;
                    continue;
                }
            }
            eager += 1;
            prop_assert!(eager <= 5, "asked {eager} times without a pause");
        }
    }
}
