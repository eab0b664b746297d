//! When a listing proves something, and which positions may be stored.

use k1s_sync_engine::id::Generation;
use k1s_sync_engine::message::{Completeness, Mode, ScopeGone, SnapshotEnd, SourceMessage};
use k1s_sync_engine::problem::{Level, ProblemCode};
use k1s_sync_engine::session::Session;
use k1s_sync_engine::work::{Absence, GenerationClosed, Outcome, Receipt, Work};

use crate::cast::*;
use crate::session_rules::{gone, miscounted, run, with_token, works};

/// The judgement of the one listing these messages end.
fn judged(messages: Vec<SourceMessage>) -> (Result<(), ProblemCode>, Option<&'static str>) {
    let commands = run(able(Mode::Full), messages);
    let ends = works(&commands).into_iter().filter_map(|work| match work {
        Work::EndGeneration(end) => Some(end),
        Work::Kind(_) | Work::BeginGeneration { .. } | Work::Apply(_) | Work::ScopeGone { .. } => None,
    });
    let [end] = ends.collect::<Vec<_>>()[..] else {
        panic!("not one end: {commands:?}")
    };
    let token = end.token.as_ref().map(|_| "token");
    match &end.outcome {
        Outcome::Complete => (Ok(()), token),
        Outcome::Incomplete(problem) => (Err(problem.code), token),
    }
}

#[test]
fn only_a_flawless_listing_is_complete() {
    let source = |code| SourceMessage::Problem(complaint(Level::Source, code));
    let in_scope = |id: &str, code| SourceMessage::Problem(complaint(Level::Scope(scope(id)), code));
    let object = SourceMessage::Problem(complaint(Level::Object, ProblemCode::DataInvalid));
    let one = || vec![upsert("a", "{}")];
    let with = |more: Vec<SourceMessage>| {
        let mut messages = vec![begin("s", 1), listed(1, "s", 1, one())];
        messages.extend(more);
        messages.push(with_token(end("s", 1, &one()), "t"));
        messages
    };
    let own_word = SourceMessage::SnapshotEnd(SnapshotEnd {
        completeness: Completeness::Incomplete(ProblemCode::Permission),
        digest: [0; 32],
        token: Some(token("t")),
        ..end_of("s", 1, &[])
    });
    let cases = [
        ("flawless", with(vec![]), Ok(()), Some("token")),
        ("a problem with an object", with(vec![object]), Ok(()), Some("token")),
        (
            "a problem with another scope",
            with(vec![in_scope("t", ProblemCode::Auth)]),
            Ok(()),
            Some("token"),
        ),
        (
            "a problem before it began",
            [vec![source(ProblemCode::ResumeRejected)], with(vec![])].concat(),
            Ok(()),
            Some("token"),
        ),
        (
            "a problem with the source",
            with(vec![source(ProblemCode::Unavailable), source(ProblemCode::Auth)]),
            Err(ProblemCode::Unavailable),
            None,
        ),
        (
            "a problem with its scope",
            with(vec![in_scope("s", ProblemCode::Permission)]),
            Err(ProblemCode::Permission),
            None,
        ),
        (
            "the source's own word, whatever it counted",
            vec![begin("s", 1), own_word],
            Err(ProblemCode::Permission),
            None,
        ),
        (
            "a lie about the counts",
            vec![begin("s", 1), listed(1, "s", 1, one()), miscounted()],
            Err(ProblemCode::CountMismatch),
            None,
        ),
        (
            "the scope goes away",
            vec![begin("s", 1), gone("s", ScopeGone::Deselected)],
            Err(ProblemCode::Partial),
            None,
        ),
    ];
    for (name, messages, outcome, token) in cases {
        assert_eq!(judged(messages), (outcome, token), "{name}");
    }
}

#[test]
fn no_position_is_stored_while_the_last_listing_proved_nothing() {
    let spoiled = SourceMessage::Problem(complaint(Level::Source, ProblemCode::Unavailable));
    let commands = run(
        able(Mode::Full),
        vec![
            begin("s", 1),
            spoiled,
            end("s", 1, &[]),
            live("s"),
            with_token(changed(1, "s", vec![upsert("a", "{}")]), "t1"),
            begin("s", 2),
            end("s", 2, &[]),
            with_token(changed(2, "s", vec![]), "t2"),
        ],
    );
    let tokens: Vec<_> = works(&commands)
        .into_iter()
        .filter_map(|work| match work {
            Work::Apply(batch) => Some(batch.token.clone()),
            Work::Kind(_) | Work::BeginGeneration { .. } | Work::EndGeneration(_) | Work::ScopeGone { .. } => None,
        })
        .collect();
    assert_eq!(tokens, [None, Some(token("t2"))]);
}

#[test]
fn no_position_is_stored_after_the_writer_found_the_last_listing_unproven() {
    let unproven = |generation| {
        let problem = complaint(Level::Source, ProblemCode::Partial);
        Receipt {
            closed: Some(GenerationClosed {
                scope: scope("s"),
                generation: Generation::new(generation),
                absence: Absence::Unproven(problem),
                pending: 0,
            }),
            ..Receipt::default()
        }
    };
    for (generation, stored) in [(1, Some(token("t"))), (2, None)] {
        let mut session = Session::new(able(Mode::Full), START);
        for message in [
            begin("s", 1),
            end("s", 1, &[]),
            begin("s", 2),
            end("s", 2, &[]),
            live("s"),
        ] {
            session.handle_message(message, START);
        }
        session.handle_committed(unproven(generation), START);
        commands(&mut session);
        session.handle_message(with_token(changed(1, "s", vec![]), "t"), START);
        let found = commands(&mut session);
        let [Work::Apply(batch)] = works(&found)[..] else {
            panic!("{found:?}")
        };
        assert_eq!(batch.token, stored, "listing {generation}");
    }
}
