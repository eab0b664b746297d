//! Deletes that come in several batches are one piece of work, or none.

use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::message::{Batch, Mode, More, ScopeGone, SourceMessage, SyncReason};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::{Command, EndCause, Limits, Report, Session, Settings};
use k1s_sync_engine::work::Work;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cast::*;
use crate::session_rules::{gone, run, with_token, works};

/// A live scope, and then this.
fn alive(then: impl IntoIterator<Item = SourceMessage>) -> Vec<SourceMessage> {
    let before = vec![begin("s", 1), end("s", 1, &[]), live("s")];
    before.into_iter().chain(then).collect()
}

fn applied(commands: &[Command]) -> Vec<&Batch> {
    let works = works(commands).into_iter();
    works
        .filter_map(|work| match work {
            Work::Apply(batch) => Some(batch),
            _ => None,
        })
        .collect()
}

fn roomy() -> Settings {
    let settings = able(Mode::Full);
    Settings {
        limits: Limits {
            batch_events: 8,
            window_deletes: 64,
            ..settings.limits
        },
        ..settings
    }
}

fn end_cause(commands: &[Command]) -> Option<&EndCause> {
    commands.iter().find_map(|command| match command {
        Command::End(cause) => Some(cause),
        _ => None,
    })
}

proptest! {
    /// However the deletes of a window are cut into batches, what is submitted is one set with the last of them; and of a
    /// session that is cut before that, nothing is.
    #[test]
    fn a_window_is_submitted_whole_or_not_at_all(sizes in vec(0..8_usize, 1..9), cut in 0..12_usize) {
        let names: Vec<String> = (0..sizes.iter().sum()).map(|number| format!("n{number}")).collect();
        let mut rest = names.as_slice();
        let mut messages = vec![];
        for (index, size) in sizes.iter().enumerate() {
            let (these, others) = rest.split_at(*size);
            rest = others;
            let events: Vec<Event> = these.iter().map(|name| delete(name)).collect();
            let more = if index + 1 == sizes.len() { More::Last } else { More::Follows };
            messages.push(SourceMessage::Batch(Batch { more, ..batch(index as u64 + 1, "s", None, events) }));
        }
        let mut session = Session::new(roomy(), START);
        let whole = cut >= messages.len();
        for message in alive(messages.into_iter().take(cut)) {
            session.handle_message(message, START);
        }
        session.handle_stream_end();
        let commands = commands(&mut session);
        let applied = applied(&commands);
        prop_assert_eq!(applied.len(), usize::from(whole));
        for batch in applied {
            let deleted: Vec<&str> = batch
                .earlier
                .iter()
                .chain(&batch.events)
                .filter_map(|event| event.change.key().map(|key| &*key.name))
                .collect();
            prop_assert_eq!(deleted, names.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(batch.seq.get(), sizes.len() as u64);
        }
    }
}

#[test]
fn a_window_ends_with_a_batch_of_anything_and_only_signs_of_life_come_between() {
    let last = vec![delete("c"), upsert("a", "{}")];
    let commands = run(
        able(Mode::Full),
        alive([
            going_on(1, "s", &["a", "b"]),
            SourceMessage::Problem(complaint(
                k1s_sync_engine::problem::Level::Object,
                ProblemCode::DataInvalid,
            )),
            going_on(2, "s", &[]),
            with_token(changed(3, "s", last.clone()), "t"),
            changed(4, "s", vec![delete("d")]),
        ]),
    );
    assert_eq!(end_cause(&commands), None);
    let [window, alone] = applied(&commands)[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(window.earlier, [delete("a"), delete("b")]);
    assert_eq!((&window.events, &window.token), (&last, &Some(token("t"))));
    assert_eq!((alone.earlier.len(), alone.events.len()), (0, 1));
}

#[test]
fn what_may_not_be_in_a_window_ends_the_session_and_deletes_nothing() {
    let marked = |message: SourceMessage| match message {
        SourceMessage::Batch(batch) => SourceMessage::Batch(Batch {
            more: More::Follows,
            ..batch
        }),
        other => other,
    };
    let inside = "something else came before all deletes of a window of scope \"s\" had";
    let cases = [
        (begin("s", 2), inside),
        (begin("t", 1), inside),
        (live("s"), inside),
        (SourceMessage::KindInfo(kind("A")), inside),
        (gone("s", ScopeGone::Deselected), inside),
        (drained(1), inside),
        (
            marked(changed(2, "s", vec![upsert("a", "{}")])),
            "batch 2 goes on in the next one, and has more than deletes",
        ),
        (
            marked(changed(2, "s", vec![seen("a")])),
            "batch 2 goes on in the next one, and has more than deletes",
        ),
        (
            marked(with_token(changed(2, "s", vec![]), "t")),
            "batch 2 goes on in the next one, and has a token",
        ),
    ];
    for (message, text) in cases {
        let commands = run(
            able(Mode::Full),
            alive([going_on(1, "s", &["a"]), message, changed(2, "s", vec![delete("b")])]),
        );
        let Some(EndCause::Violation(problem)) = end_cause(&commands) else {
            panic!("{text}: {commands:?}")
        };
        assert_eq!(problem.message, text);
        assert_eq!(problem.code, ProblemCode::ProtocolViolation);
        assert_eq!(applied(&commands), Vec::<&Batch>::new(), "{text}");
    }
    let listing = vec![begin("s", 1), marked(listed(1, "s", 1, vec![delete("a")]))];
    let commands = run(able(Mode::Full), listing);
    assert!(matches!(end_cause(&commands), Some(EndCause::Violation(problem))
        if problem.message == "batch 1 goes on in the next one, and has a listing"));
}

#[test]
fn a_batch_of_another_scope_does_not_come_into_a_window() {
    let messages = [
        begin("t", 1),
        end("t", 1, &[]),
        live("t"),
        going_on(1, "s", &["a"]),
        changed(2, "t", vec![delete("b")]),
    ];
    let commands = run(able(Mode::Full), alive(messages));
    assert!(
        matches!(end_cause(&commands), Some(EndCause::Violation(_))),
        "{commands:?}"
    );
    assert_eq!(applied(&commands), Vec::<&Batch>::new());
}

#[test]
fn of_more_than_are_judged_as_one_none_is_applied_and_a_listing_is_ordered() {
    let four = ["a", "b", "c", "d"];
    let bytes = Settings {
        limits: Limits {
            window_bytes: 1000,
            ..able(Mode::Full).limits
        },
        ..able(Mode::Full)
    };
    for (settings, names, fits) in [
        (able(Mode::Full), &["e", "f"][..], true),
        (able(Mode::Full), &["e", "f", "g"][..], false),
        (bytes, &[][..], false),
    ] {
        let last: Vec<Event> = names.iter().map(|name| delete(name)).collect();
        let last = last.into_iter().chain([upsert("h", "{}")]).collect();
        let commands = run(
            settings,
            alive([
                going_on(1, "s", &four),
                with_token(changed(2, "s", last), "t"),
                with_token(changed(3, "s", vec![delete("i")]), "u"),
            ]),
        );
        assert_eq!(end_cause(&commands), None);
        let [window, later] = applied(&commands)[..] else {
            panic!("{commands:?}")
        };
        let is_delete = |event: &Event| matches!(event.change, Change::Delete { .. });
        let deletes = window
            .earlier
            .iter()
            .chain(&window.events)
            .filter(|event| is_delete(event));
        assert_eq!(deletes.count(), if fits { 4 + names.len() } else { 0 });
        assert!(window.events.contains(&upsert("h", "{}")));
        // A position behind deletes that were left out would never tell of them again.
        assert_eq!([&window.token, &later.token].map(Option::is_some), [fits; 2]);
        let ordered = commands.contains(&Command::RequestSync {
            scope: scope("s"),
            reason: SyncReason::Verify,
        });
        let told = commands.iter().any(
            |command| matches!(command, Command::Report(Report::Problem(problem)) if problem.code == ProblemCode::TooLarge),
        );
        assert_eq!((ordered, told), (!fits, !fits));
    }
}
