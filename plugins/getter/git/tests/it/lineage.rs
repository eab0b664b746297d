//! Whether a server still has a commit.

use k1s_getter_git::ObjectId;

use crate::making::{Made, Served, target};
use crate::script::{GREETING, Script, message};

const ID: &str = "0123456789012345678901234567890123456789";

#[tokio::test]
async fn a_commit_is_there_whatever_leads_to_it() {
    let made = Made::with_files();
    let first = made.id("HEAD");
    let second = made.commit("Second");
    made.git(&["update-ref", "refs/heads/main", &first.to_string()]);
    let served = Served::start(&made).await;
    let mut remote = served.remote();
    target(&mut remote, "main").await;
    served.traffic();
    for (id, is_there) in [
        (first, true),
        // Forced away, and nothing leads to it any more.
        (second, true),
        (ObjectId::parse(ID.as_bytes()).unwrap(), false),
    ] {
        assert_eq!(remote.has_commit(&id).await.unwrap(), Some(is_there), "{id}");
    }
    let traffic = served.traffic();
    assert!(traffic.down + traffic.up <= 3 * 1024, "{traffic:?}");

    let other = Made::with_files();
    other.commit("Of another repository, with the same files");
    let other = Served::start(&other).await;
    assert_eq!(other.remote().has_commit(&second).await.unwrap(), Some(false));
}

#[tokio::test]
async fn what_a_server_cannot_or_does_not_tell_is_not_guessed() {
    let id = ObjectId::parse(ID.as_bytes()).unwrap();
    let asked = async |greeting: Vec<u8>, answer: &[&str]| {
        let script = Script {
            greeting,
            ..Script::answering(message(answer))
        };
        script.remote().has_commit(&id).await
    };
    let old = message(&[&format!("{ID} HEAD\0multi_ack side-band-64k")]);
    assert_eq!(asked(old, &[]).await.unwrap(), None);
    let less = message(&["version 2", "fetch=shallow filter"]);
    assert_eq!(asked(less, &["acknowledgments", "NAK"]).await.unwrap(), None);
    let newest = || message(GREETING);
    let yes = format!("ACK {ID}");
    for (lines, told) in [
        (&[yes.as_str()][..], true),
        (&["NAK"], false),
        (&[&yes, "NAK"], true),
        (&["NAK", &yes], true),
    ] {
        let answer = [&["acknowledgments"], lines].concat();
        assert_eq!(asked(newest(), &answer).await.unwrap(), Some(told), "{lines:?}");
    }
    // What says that it can tell, and does not, is asked no more than what cannot.
    for answer in [
        &[][..],
        &["acknowledgments"],
        &["acknowledgments", "ready"],
        &["acknowledgments", "ACK 77"],
        &["packfile"],
    ] {
        assert_eq!(asked(newest(), answer).await.unwrap(), None, "{answer:?}");
    }
}
