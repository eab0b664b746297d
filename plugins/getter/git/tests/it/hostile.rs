//! Servers that say what they should not.

use std::time::Duration;

use k1s_getter_git::{
    GitError, Limit, Limits, ObjectId, Pending, Remote, Reply, RevisionError, Session, Transport, Unsupported,
    WireError,
};
use tokio::time::interval;

use crate::making::{Made, Place, Served, revision, target};
use crate::script::{Drip, GREETING, Script, Then, message, packet};

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const LIMITS: Limits = Limits {
    reply_bytes: 100_000,
    references: 500,
    pack_bytes: 1 << 20,
    objects: 100,
    object_bytes: 1 << 20,
    total_bytes: 1 << 20,
    delta_depth: 50,
    held_bytes: 1 << 20,
    entries: 1_000,
    path_depth: 64,
    path_bytes: 4096,
    list_bytes: 1 << 20,
    idle: Duration::from_secs(30),
    total: Duration::from_secs(600),
};

async fn poll(script: Script) -> Result<(), GitError> {
    let mut remote = script.remote_within(LIMITS);
    remote.resolve(&[revision("main")]).await.map(drop)
}

async fn fetch(script: Script) -> GitError {
    let place = Place::new();
    let id = ObjectId::parse(ID.as_bytes()).unwrap();
    script
        .remote_within(LIMITS)
        .fetch_blobs(&place.cache, &[id])
        .await
        .unwrap_err()
}

fn endless(head: Vec<u8>, block: Vec<u8>) -> Script {
    Script {
        then: Then::Endless(block),
        ..Script::answering(head)
    }
}

fn limit(error: &GitError) -> Option<Limit> {
    if let GitError::Wire(WireError::Limit(limit)) | GitError::Limit(limit) = error {
        return Some(*limit);
    }
    None
}

#[tokio::test]
async fn answers_without_end_end_at_a_limit() {
    let reply = Some(Limit::ReplyBytes(100_000));
    let reference = packet(format!("{ID} refs/heads/other\n").as_bytes());
    let error = poll(endless(Vec::new(), reference.clone())).await.unwrap_err();
    assert_eq!(limit(&error), Some(Limit::References(500)), "{error}");
    let long = packet(format!("{ID} refs/heads/x{}\n", "x".repeat(60_000)).as_bytes());
    let error = poll(endless(Vec::new(), long)).await.unwrap_err();
    assert_eq!(limit(&error), reply, "{error}");

    let packfile = packet(b"packfile\n");
    for (name, head, block) in [
        (
            "sections before the pack",
            Vec::new(),
            packet(format!("shallow {ID}\n").as_bytes()),
        ),
        ("ends of sections", Vec::new(), b"0001".to_vec()),
        ("progress", packfile.clone(), packet(b"\x02Counting objects\r")),
        ("nothing", packfile.clone(), b"0005\x01".to_vec()),
        ("less than nothing", packfile, b"0004".to_vec()),
    ] {
        let error = fetch(endless(head, block)).await;
        assert_eq!(limit(&error), reply, "{name}: {error}");
    }

    let mut greeting = message(GREETING);
    greeting.truncate(greeting.len() - 4);
    greeting.extend(packet(b"agent=again\n").repeat(10_000));
    let script = Script {
        greeting,
        ..Script::answering(Vec::new())
    };
    let error = poll(script).await.unwrap_err();
    assert_eq!(limit(&error), reply, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up() {
    let script = Script {
        then: Then::Silence,
        ..Script::answering(b"00".to_vec())
    };
    let error = poll(script).await.unwrap_err();
    assert_eq!(limit(&error), Some(Limit::Idle(LIMITS.idle)), "{error}");
}

/// Says a byte of a long packet every ten seconds.
struct Slow;

impl Transport for Slow {
    fn open(&self) -> Pending<'_, Box<dyn Session>> {
        Box::pin(async { Ok(Box::new(Self) as Box<dyn Session>) })
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

impl Session for Slow {
    fn greeting(&mut self) -> Pending<'_, Reply<'_>> {
        let drip = Drip {
            ticks: interval(Duration::from_secs(10)),
            byte: b'1',
        };
        Box::pin(async { Ok(Box::new(drip) as Reply<'_>) })
    }

    fn ask(self: Box<Self>, _: Vec<u8>) -> Pending<'static, Reply<'static>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_given_up() {
    let error = Remote::new(Box::new(Slow), LIMITS)
        .resolve(&[revision("main")])
        .await
        .unwrap_err();
    assert_eq!(limit(&error), Some(Limit::Total(LIMITS.total)), "{error}");
}

#[tokio::test]
async fn what_is_no_server_of_git_is_named() {
    let greeted = async |greeting: Vec<u8>| {
        let script = Script {
            greeting,
            ..Script::answering(message(&[&format!("{ID} refs/heads/main")]))
        };
        poll(script).await.map_err(|error| error.to_string())
    };
    let format = Unsupported::Format.to_string();
    let old = message(&[
        &format!("{ID} HEAD\0multi_ack side-band-64k"),
        &format!("{ID} refs/heads/main"),
    ]);
    let newest = old.clone();
    let service = message(&["# service=git-upload-pack"]);
    let sha256 = message(&["version 2", "object-format=sha256"]);
    for (greeting, expected) in [
        (message(GREETING), Ok(())),
        ([service.clone(), message(GREETING)].concat(), Ok(())),
        (old.clone(), Ok(())),
        ([service, old].concat(), Ok(())),
        ([packet(b"version 1\n"), newest].concat(), Ok(())),
        (sha256, Err(&*format)),
        (message(&[&format!("{ID} HEAD\0object-format=sha256")]), Err(&format)),
        (b"<!DOCTYPE html>".to_vec(), Err("no server of git")),
        (b"fff1".to_vec(), Err("claims 65521 bytes")),
        (b"0000".to_vec(), Err("no greeting")),
        (message(&["version 3"]), Err("no greeting")),
        (Vec::new(), Err("is cut")),
        (
            packet(b"ERR access denied\x1b[31m to\nyou\n"),
            Err("the server says: access denied [31m to you"),
        ),
    ] {
        match (greeted(greeting).await, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "{part}: {error}"),
            (seen, expected) => panic!("{seen:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn words_of_a_server_are_short_and_printable() {
    let long = format!("ERR {}\u{7}", "é".repeat(5_000));
    let error = poll(Script::answering(packet(long.as_bytes())))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.chars().count() < 250 && error.ends_with('…'), "{error}");

    let fatal = [packet(b"packfile\n"), packet(b"\x03out of memory\n")].concat();
    let error = fetch(Script::answering(fatal)).await;
    assert!(
        matches!(&error, GitError::Wire(WireError::Refused(words)) if words == "out of memory"),
        "{error}"
    );
}

#[tokio::test]
async fn answers_that_are_none_are_refused() {
    for (answer, expected) in [
        (message(&["what is this"]), "a line that is no reference"),
        (message(&["0123 refs/heads/main"]), "a line that is no reference"),
        (b"0001".to_vec(), "no end of its references"),
    ] {
        let error = poll(Script::answering(answer)).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (answer, expected) in [
        (b"0000".to_vec(), "no pack"),
        (
            [packet(b"packfile\n"), packet(b"\x07x")].concat(),
            "something in its pack",
        ),
        (
            [packet(b"packfile\n"), b"0001".to_vec()].concat(),
            "something in its pack",
        ),
    ] {
        let error = fetch(Script::answering(answer)).await.to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// A server that answers what was not asked for gets nowhere.
#[tokio::test]
async fn other_references_do_not_count() {
    let answer = message(&[&format!("{ID} refs/heads/main-2"), &format!("{ID} HEAD")]);
    let mut remote = Script::answering(answer).remote();
    let found = remote.resolve(&[revision("main")]).await.unwrap().remove(0);
    assert!(matches!(found, Err(RevisionError::Missing(_))), "{found:?}");
}

/// The server says that a tag leads to a commit, and the tag says something else: whoever verifies the tag has verified
/// another commit.
#[tokio::test]
async fn a_tag_leads_where_it_says_itself() {
    let made = Made::with_files();
    made.git(&["tag", "--annotate", "v1", "--message", "One"]);
    made.commit("Second");
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let mut target = target(&mut remote, "v1").await;
    target.commit = made.id("HEAD");
    let error = remote.fetch(&place.cache, &target, None).await.unwrap_err();
    assert!(matches!(error, GitError::Misled(id) if id == target.id), "{error}");
}
