//! Every rule of the contract: what keeps it passes, what breaks it ends the session and says which rule.

use std::collections::BTreeSet;

use bytes::Bytes;
use k1s_object::ContentHash;
use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::id::{Generation, Seq};
use k1s_sync_engine::message::{Counts, Mode, ScopeGone, SnapshotEnd, SourceMessage};
use k1s_sync_engine::problem::{Level, ProblemCode};
use k1s_sync_engine::session::{
    Capability, Command, EndCause, MAX_KINDS, MAX_MESSAGE_BYTES, MAX_ROOT_IDENTITY_BYTES, MAX_SCOPES, Report, Session,
    Settings,
};
use k1s_sync_engine::work::Work;

use crate::cast::*;

use ProblemCode::{CountMismatch, HashMismatch, ProtocolViolation};

pub(crate) fn run(settings: Settings, messages: Vec<SourceMessage>) -> Vec<Command> {
    let mut session = Session::new(settings, START);
    messages
        .into_iter()
        .for_each(|message| session.handle_message(message, START));
    commands(&mut session)
}

fn violation(commands: &[Command]) -> Option<(ProblemCode, String)> {
    commands.iter().find_map(|command| match command {
        Command::End(EndCause::Violation(problem)) => Some((problem.code, problem.message.clone())),
        Command::End(other) => panic!("ended by {other:?}"),
        Command::Submit(_) | Command::Send(_) | Command::RequestSync { .. } | Command::Report(_) => None,
    })
}

pub(crate) fn works(commands: &[Command]) -> Vec<&Work> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Submit(work) => Some(work),
            Command::Send(_) | Command::RequestSync { .. } | Command::Report(_) | Command::End(_) => None,
        })
        .collect()
}

fn lying(body: &str) -> Event {
    event(Change::Upsert {
        key: key("a"),
        object: Bytes::copy_from_slice(body.as_bytes()),
        content_hash: ContentHash::of(b"something else"),
    })
}

pub(crate) fn with_token(message: SourceMessage, text: &str) -> SourceMessage {
    match message {
        SourceMessage::Batch(mut batch) => {
            batch.token = Some(token(text));
            SourceMessage::Batch(batch)
        }
        SourceMessage::SnapshotEnd(mut end) => {
            end.token = Some(token(text));
            SourceMessage::SnapshotEnd(end)
        }
        other => other,
    }
}

pub(crate) fn gone(id: &str, reason: ScopeGone) -> SourceMessage {
    SourceMessage::ScopeGone {
        scope: scope(id),
        reason,
    }
}

fn rooted(length: usize) -> SourceMessage {
    SourceMessage::SnapshotBegin {
        scope: scope("s"),
        generation: Generation::new(1),
        root_identity: "r".repeat(length),
        expected: None,
    }
}

pub(crate) fn miscounted() -> SourceMessage {
    SourceMessage::SnapshotEnd(SnapshotEnd {
        counts: Counts {
            upserts: 2,
            ..Counts::default()
        },
        ..end_of("s", 1, &[upsert("a", "{}")])
    })
}

fn misdigested() -> SourceMessage {
    SourceMessage::SnapshotEnd(SnapshotEnd {
        digest: [7; 32],
        ..end_of("s", 1, &[upsert("a", "{}")])
    })
}

#[test]
fn what_the_contract_allows_passes() {
    let listing = || vec![begin("s", 1), listed(1, "s", 1, one()), end("s", 1, &one())];
    let then = |more: Vec<SourceMessage>| [listing(), more].concat();
    let cases: Vec<(&str, Vec<SourceMessage>)> = vec![
        ("an empty listing", vec![begin("s", 1), end("s", 1, &[])]),
        ("a listing", listing()),
        ("generations with gaps", then(vec![begin("s", 9), end("s", 9, &[])])),
        (
            "a listing of generation 0 and a scope without a name",
            vec![begin("", 0), end("", 0, &[])],
        ),
        (
            "live changes, with and without a token, empty and with a delete",
            then(vec![
                live("s"),
                live("s"),
                changed(2, "s", vec![delete("a"), seen("b")]),
                with_token(changed(3, "s", vec![]), "12345678"),
            ]),
        ),
        (
            "a live scope listed again, with a delete inside, and live after it without a word",
            then(vec![
                live("s"),
                begin("s", 2),
                listed(2, "s", 2, vec![delete("a"), upsert("a", "{}")]),
                end("s", 2, &[delete("a"), upsert("a", "{}")]),
                changed(3, "s", one()),
            ]),
        ),
        (
            "two scopes listed at the same time",
            vec![
                begin("s", 1),
                begin("t", 1),
                listed(1, "t", 1, one()),
                listed(2, "s", 1, vec![ignored(), failed("x")]),
                end("t", 1, &one()),
                end("s", 1, &[ignored(), failed("x")]),
            ],
        ),
        (
            "one object over the batch's bytes, alone",
            vec![begin("s", 1), listed(1, "s", 1, vec![upsert("a", &"x".repeat(48))])],
        ),
        (
            "as many events and bytes as a batch may hold",
            vec![
                begin("s", 1),
                listed(1, "s", 1, (0..4).map(|_| upsert("a", "12345678")).collect()),
            ],
        ),
        (
            "a scope that no session saw goes away",
            vec![gone("old", ScopeGone::ReplacedBy(scope("s")))],
        ),
        (
            "a scope goes away and comes back",
            then(vec![gone("s", ScopeGone::Unsupported), begin("s", 2), end("s", 2, &[])]),
        ),
        ("the longest root identity", vec![rooted(MAX_ROOT_IDENTITY_BYTES)]),
        ("the same kind again", vec![SourceMessage::KindInfo(kind("A")); 2]),
    ];
    for (name, messages) in cases {
        assert_eq!(violation(&run(able(Mode::Full), messages)), None, "{name}");
    }
}

fn one() -> Vec<Event> {
    vec![upsert("a", "{}")]
}

/// After one batch of an open listing.
fn open(more: SourceMessage) -> Vec<SourceMessage> {
    vec![begin("s", 1), listed(1, "s", 1, one()), more]
}

/// After a complete listing.
fn closed(more: SourceMessage) -> Vec<SourceMessage> {
    vec![begin("s", 1), listed(1, "s", 1, one()), end("s", 1, &one()), more]
}

/// After a complete listing of a scope that is live.
fn alive(more: SourceMessage) -> Vec<SourceMessage> {
    [closed(live("s")), vec![more]].concat()
}

fn assert_ended(code: ProblemCode, cases: Vec<(Vec<SourceMessage>, &str)>) {
    for (messages, text) in cases {
        let commands = run(able(Mode::Full), messages.clone());
        let (found, message) = violation(&commands).unwrap_or_else(|| panic!("passed: {messages:?}"));
        assert_eq!(found, code, "{text}");
        assert!(message.contains(text), "{message:?} does not contain {text:?}");
        assert!(matches!(commands.last(), Some(Command::End(_))), "{text}");
    }
}

#[test]
fn what_is_too_large_ends_the_session() {
    let crowd = (0..5).map(|_| ignored()).collect();
    let heavy = vec![upsert("a", &"x".repeat(32)), upsert("b", "y")];
    let huge = vec![upsert("a", &"x".repeat(49))];
    assert_ended(
        ProtocolViolation,
        vec![
            (
                open(listed(2, "s", 1, crowd)),
                "5 events in a batch; at most 4 are allowed",
            ),
            (
                open(listed(2, "s", 1, heavy)),
                "33 bytes of objects in a batch; at most 32 are allowed",
            ),
            (
                open(listed(2, "s", 1, huge)),
                "49 bytes of an object; at most 48 are allowed",
            ),
            (
                alive(with_token(changed(2, "s", vec![]), "123456789")),
                "9 bytes of a token; at most 8 are allowed",
            ),
            (
                open(with_token(end("s", 1, &one()), "123456789")),
                "9 bytes of a token; at most 8 are allowed",
            ),
            (
                vec![rooted(MAX_ROOT_IDENTITY_BYTES + 1)],
                "16385 bytes of root identity; at most 16384 are allowed",
            ),
            (
                vec![SourceMessage::KindInfo(kind(&"k".repeat(400)))],
                "bytes of a kind; at most 1024 are allowed",
            ),
        ],
    );
}

#[test]
fn what_is_out_of_order_ends_the_session() {
    assert_ended(
        ProtocolViolation,
        vec![
            (open(listed(3, "s", 1, one())), "batch 3 arrived where batch 2 was due"),
            (open(listed(1, "s", 1, one())), "batch 1 arrived where batch 2 was due"),
            (
                open(begin("s", 2)),
                r#"scope "s" began listing 2 while listing 1 was open"#,
            ),
            (closed(begin("s", 1)), r#"scope "s" began listing 1 after listing 1"#),
            (closed(begin("s", 0)), r#"scope "s" began listing 0 after listing 1"#),
            (vec![listed(1, "s", 1, one())], r#"listing 1 of scope "s" is not open"#),
            (open(listed(2, "s", 2, one())), r#"listing 2 of scope "s" is not open"#),
            (
                closed(listed(2, "s", 1, one())),
                r#"listing 1 of scope "s" is not open"#,
            ),
            (closed(end("s", 1, &one())), r#"listing 1 of scope "s" is not open"#),
            (open(end("s", 2, &one())), r#"listing 2 of scope "s" is not open"#),
            (vec![end("s", 1, &[])], r#"listing 1 of scope "s" is not open"#),
            (open(drained(2)), "drained up to batch 2, but the last batch was 1"),
            (
                [open(drained(1)), vec![live("s")]].concat(),
                "a message after the source had drained",
            ),
        ],
    );
}

#[test]
fn a_change_in_the_wrong_place_ends_the_session() {
    let away = || gone("s", ScopeGone::Deselected);
    assert_ended(
        ProtocolViolation,
        vec![
            (
                open(changed(2, "s", one())),
                r#"scope "s" sent a change outside its open listing 1"#,
            ),
            (
                alive(begin("s", 2))
                    .into_iter()
                    .chain([changed(2, "s", one())])
                    .collect(),
                r#"scope "s" sent a change outside its open listing 2"#,
            ),
            (
                open(with_token(listed(2, "s", 1, vec![]), "t")),
                "batch 2 has a token inside a listing",
            ),
            (
                closed(changed(2, "s", one())),
                r#"scope "s" sent a change before it was live"#,
            ),
            (
                vec![changed(1, "t", one())],
                r#"scope "t" sent a change before it was live"#,
            ),
            (
                [alive(away()), vec![changed(2, "s", one())]].concat(),
                r#"scope "s" sent a change before it was live"#,
            ),
            (open(live("s")), r#"scope "s" went live while listing 1 was open"#),
            (vec![live("s")], r#"scope "s" went live before it was listed"#),
            (
                [closed(away()), vec![live("s")]].concat(),
                r#"scope "s" went live before it was listed"#,
            ),
            (
                vec![gone("s", ScopeGone::ReplacedBy(scope("s")))],
                r#"scope "s" is replaced by itself"#,
            ),
        ],
    );
}

#[test]
fn a_lie_ends_the_session() {
    let second = vec![upsert("b", "{}"), lying("{}")];
    assert_ended(
        HashMismatch,
        vec![(open(listed(2, "s", 1, second)), "does not have the hash sent with it")],
    );
    assert_ended(
        CountMismatch,
        vec![
            (
                open(miscounted()),
                r#"the counts of listing 1 of scope "s" are not those of the events that arrived"#,
            ),
            (
                open(misdigested()),
                r#"the digest of listing 1 of scope "s" is not that of the events that arrived"#,
            ),
        ],
    );
}

#[test]
fn what_was_not_announced_may_not_be_used() {
    let listing = |more: Vec<SourceMessage>| [vec![begin("s", 1), end("s", 1, &[])], more].concat();
    let cases = [
        (
            Capability::Seen,
            vec![begin("s", 1), listed(1, "s", 1, vec![seen("a")])],
        ),
        (Capability::Watch, listing(vec![live("s"), changed(1, "s", one())])),
        (
            Capability::Resume,
            listing(vec![live("s"), with_token(changed(1, "s", vec![]), "t")]),
        ),
        (
            Capability::Resume,
            vec![begin("s", 1), with_token(end("s", 1, &[]), "t")],
        ),
        (Capability::MultiScope, listing(vec![begin("t", 1)])),
    ];
    for (capability, messages) in cases {
        let mut settings = able(Mode::Full);
        assert_eq!(violation(&run(settings.clone(), messages.clone())), None);
        settings.capabilities.remove(&capability);
        let (code, text) = violation(&run(settings, messages)).unwrap();
        assert_eq!(code, ProtocolViolation);
        assert!(
            text.ends_with(&format!("without the capability {capability}")),
            "{text}"
        );
    }
}

#[test]
fn a_position_alone_is_no_change() {
    let mut settings = able(Mode::Full);
    settings.capabilities.remove(&Capability::Watch);
    let messages = alive(with_token(changed(2, "s", vec![]), "t"));
    assert_eq!(violation(&run(settings, messages)), None);
}

#[test]
fn a_resumed_scope_may_go_live_unlisted() {
    let settings = Settings {
        resumed: BTreeSet::from([scope("s")]),
        ..able(Mode::Resume)
    };
    let messages = vec![live("s"), changed(1, "s", vec![upsert("a", "{}")])];
    assert_eq!(violation(&run(settings, messages)), None);
}

#[test]
fn scopes_and_kinds_are_bounded() {
    let scopes = (0..=MAX_SCOPES).map(|number| begin(&number.to_string(), 1));
    let kinds = (0..=MAX_KINDS).map(|number| SourceMessage::KindInfo(kind(&format!("K{number}"))));
    for (messages, text) in [
        (scopes.collect::<Vec<_>>(), "more than 4096 scopes"),
        (kinds.collect(), "more than 4096 kinds"),
    ] {
        let commands = run(able(Mode::Full), messages);
        assert_eq!(violation(&commands), Some((ProtocolViolation, text.to_owned())));
        assert_eq!(works(&commands).len(), 4096);
    }
}

#[test]
fn a_broken_batch_is_submitted_not_even_in_part() {
    let commands = run(
        able(Mode::Full),
        vec![
            begin("s", 1),
            listed(1, "s", 1, vec![upsert("a", "{}"), lying("{}")]),
            listed(1, "s", 1, vec![upsert("a", "{}")]),
        ],
    );
    assert_eq!(works(&commands).len(), 1);
    assert_eq!(commands.len(), 2);
}

#[test]
fn a_kind_is_submitted_when_it_is_new_or_changed() {
    let mut changed = kind("A");
    changed.plural = "aes".into();
    let commands = run(
        able(Mode::Full),
        [kind("A"), kind("A"), changed.clone(), kind("B")]
            .map(SourceMessage::KindInfo)
            .to_vec(),
    );
    let expected = [Work::Kind(kind("A")), Work::Kind(changed), Work::Kind(kind("B"))];
    assert_eq!(works(&commands), expected.iter().collect::<Vec<_>>());
}

#[test]
fn endless_words_about_a_problem_are_cut() {
    let mut problem = complaint(Level::Object, ProblemCode::Internal);
    problem.message = "ü".repeat(MAX_MESSAGE_BYTES);
    let commands = run(able(Mode::Full), vec![SourceMessage::Problem(problem)]);
    let [Command::Report(Report::Problem(cut))] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(cut.message, "ü".repeat(MAX_MESSAGE_BYTES / 2));
}

#[test]
fn nothing_comes_of_a_session_that_ended() {
    let mut session = Session::new(able(Mode::Full), START);
    session.handle_message(begin("s", 1), START);
    session.handle_message(drained(5), START);
    assert!(matches!(
        commands(&mut session)[..],
        [Command::Submit(_), Command::End(EndCause::Violation(_))]
    ));
    session.handle_message(begin("t", 1), START);
    session.handle_stop(after(1));
    session.handle_timeout(after(1000));
    session.handle_stream_end();
    session.handle_sync(&scope("s"), k1s_sync_engine::message::SyncReason::Requested);
    let durable = k1s_sync_engine::work::Receipt {
        seq: Some(Seq::new(1)),
        ..Default::default()
    };
    session.handle_committed(durable, START);
    assert_eq!(commands(&mut session), []);
    assert_eq!((session.next_timeout(), session.wants_messages()), (None, false));
}
