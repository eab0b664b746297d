//! What a message prints of itself never contains a secret, an object or the nonce.

use k1s_source_proto::v1::*;

const CANARY: &str = "canary-7b1f";

#[test]
fn secrets_nonce_and_objects_are_not_printed() {
    let bytes = || bytes::Bytes::from_static(CANARY.as_bytes());
    let secrets = || [("/token".to_owned(), bytes())].into();
    let printed = [
        format!(
            "{:?}",
            HandshakeRequest {
                nonce: bytes(),
                ..Default::default()
            }
        ),
        format!(
            "{:?}",
            HandshakeResponse {
                nonce: bytes(),
                ..Default::default()
            }
        ),
        format!(
            "{:?}",
            ValidateRequest {
                secrets: secrets(),
                config: bytes(),
                probe: true
            }
        ),
        format!(
            "{:?}",
            InitializeRequest {
                secrets: secrets(),
                config: bytes(),
                ..Default::default()
            }
        ),
        format!("{:?}", Redact { values: vec![bytes()] }),
        format!(
            "{:?}",
            Upsert {
                object: bytes(),
                content_hash: bytes()
            }
        ),
    ];
    for text in printed {
        assert!(!text.contains(CANARY), "{text}");
        assert!(
            text.contains("bytes") || text.contains("/token") || text.contains("values: 1"),
            "{text}"
        );
    }
}
