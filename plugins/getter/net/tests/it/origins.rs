//! Origins that look like others.

use k1s_getter_address::Secret;
use k1s_getter_net::{Credential, Key, Reference, Request, Settings};

use crate::servers::{Server, answer, client, trusting};

#[tokio::test]
async fn s05_a_host_that_ends_or_begins_like_another_gets_no_credential() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "")).await?;
    let client = client(Settings {
        keys: vec![Key {
            origin: server.origin("s3.amazonaws.com.test"),
            credential: Some(Credential::Bearer(Reference::Given(Secret::new("CANARY")))),
            headers: Vec::new(),
            identity: None,
        }],
        ..trusting()
    });
    for (host, is_told) in [
        ("s3.amazonaws.com.test", true),
        ("S3.AmazonAWS.com.test", true),
        ("s3.amazonaws.com.evil.test", false),
        ("evil-s3.amazonaws.com.test", false),
        ("evil.s3.amazonaws.com.test", false),
        ("amazonaws.com.test", false),
        ("s3.amazonaws.com.test.test", false),
    ] {
        client.send(Request::get(server.url(host, "/b/k"))).await?;
        let seen = server.seen().pop();
        assert_eq!(
            seen.is_some_and(|seen| seen.header("authorization").is_some()),
            is_told,
            "{host}"
        );
    }
    Ok(())
}
