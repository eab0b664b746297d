//! What is no HTTP/2 ends a handshake with one code, whenever it comes; a plugin that goes away ends it with another.

use k1s_source_proto::v1;
use k1s_sync_engine::problem::ProblemCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::source::launch::failed;
use crate::transport::{Heard, Parting, client};

/// The frame that each side begins with: settings, none of them other than usual.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// The end in order, of a connection on which no stream was begun.
const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// The answer to a ping that nobody sent, on a stream; only the connection has pings.
const PING: [u8; 17] = [0, 0, 8, 6, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
/// The end of the first call, which the plugin cancels.
const RST_STREAM: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
/// More than there are ways for two tasks to meet.
const TIMES: usize = 50;

/// When a plugin says something.
#[derive(Clone, Copy, Debug)]
enum When {
    /// Before it has heard anything.
    AtOnce,
    /// When it has heard how the host begins.
    Greeted,
    /// When it has heard the call.
    Called,
}

/// What a plugin does when it has said it.
#[derive(Clone, Copy, Debug)]
enum Then {
    Stays,
    Goes,
}

async fn speak(mut stream: UnixStream, words: &[u8], when: When, then: Then) {
    let mut heard = [0; 4096];
    let least = match when {
        When::AtOnce => 0,
        When::Greeted => 24,
        // The preface, settings, and the head of the request.
        When::Called => 120,
    };
    let mut length = 0;
    while length < least {
        match stream.read(&mut heard).await {
            Ok(0) | Err(_) => return,
            Ok(more) => length += more,
        }
    }
    // The host may have gone already.
    drop(stream.write_all(words).await);
    if let Then::Stays = then {
        while matches!(stream.read(&mut heard).await, Ok(1..)) {}
    }
}

/// How the host takes it.
async fn taken(words: &[u8], when: When, then: Then) -> ProblemCode {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (heard, hearing) = Heard::new(ours);
    let call = async {
        let mut client = match client(heard).await {
            Ok(client) => client,
            Err(_) if hearing.parting() == Parting::Nonsense => return ProblemCode::ProtocolViolation,
            Err(_) => return ProblemCode::Crashed,
        };
        let status = client.handshake(v1::HandshakeRequest::default()).await.unwrap_err();
        failed("Handshake", &status, &hearing).code
    };
    tokio::join!(call, speak(theirs, words, when, then)).0
}

#[tokio::test]
async fn nonsense_is_a_violation_whenever_it_comes() {
    let late = [&SETTINGS[..], b"and so on, and so on"].concat();
    let misplaced = [&SETTINGS[..], &PING].concat();
    let words: [(&str, &[u8]); 6] = [
        ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("a line for a person", b"listening on the socket\n"),
        ("nothing but zeroes", &[0; 64]),
        ("no settings first", &PING),
        ("nonsense behind the settings", &late),
        ("a frame in the wrong place", &misplaced),
    ];
    for (what, words) in words {
        for when in [When::AtOnce, When::Greeted, When::Called] {
            for then in [Then::Stays, Then::Goes] {
                for _ in 0..TIMES {
                    let code = taken(words, when, then).await;
                    assert_eq!(code, ProblemCode::ProtocolViolation, "{what}, {when:?}, {then:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_plugin_that_goes_away_has_crashed() {
    let ended = [&SETTINGS[..], &GOAWAY].concat();
    let words: [(&str, &[u8]); 4] = [
        ("without a word", b""),
        ("within its first word", &SETTINGS[..5]),
        ("behind the settings", &SETTINGS),
        ("in order", &ended),
    ];
    for (what, words) in words {
        for when in [When::AtOnce, When::Greeted, When::Called] {
            for _ in 0..TIMES {
                assert_eq!(
                    taken(words, when, Then::Goes).await,
                    ProblemCode::Crashed,
                    "{what}, {when:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_plugin_that_gives_up_a_call_has_crashed_although_it_stays() {
    let words = [&SETTINGS[..], &RST_STREAM].concat();
    for then in [Then::Stays, Then::Goes] {
        for _ in 0..TIMES {
            assert_eq!(
                taken(&words, When::Called, then).await,
                ProblemCode::Crashed,
                "{then:?}"
            );
        }
    }
}
