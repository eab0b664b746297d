//! What is taken for a manifest.

use proptest::prelude::*;

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn layer(more: &str) -> String {
    format!(r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:{HEX}","size":7{more}}}"#)
}

fn manifest(kind: &str, more: &str) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{kind}"{more}}}"#)
}

fn layers(layers: &[String]) -> String {
    format!(r#","layers":[{}]"#, layers.join(","))
}

#[test]
fn an_artifact_has_its_layers_in_order() {
    let one = layer("");
    let two =
        layer(r#","annotations":{"org.opencontainers.image.title":"a/b.yaml","x":"y"},"urls":["https://elsewhere"]"#);
    let text = manifest(OCI_MANIFEST, &layers(&[one, two]));
    let Found::Artifact(manifest) = read(Some(OCI_MANIFEST), text.as_bytes()).unwrap() else {
        panic!("it is an index");
    };
    let titles: Vec<_> = manifest.layers.iter().map(|layer| layer.title.as_deref()).collect();
    assert_eq!(titles, [None, Some("a/b.yaml")]);
    assert!(
        manifest
            .layers
            .iter()
            .all(|layer| layer.size == 7 && layer.digest.to_string() == format!("sha256:{HEX}"))
    );
}

#[test]
fn an_index_of_one_leads_there_and_of_more_nowhere() {
    let one = manifest(OCI_INDEX, &format!(r#","manifests":[{}]"#, layer("")));
    assert_eq!(
        read(Some(OCI_INDEX), one.as_bytes()),
        Ok(Found::Elsewhere(digest(&format!("sha256:{HEX}")).unwrap()))
    );
    let two = manifest(DOCKER_LIST, &format!(r#","manifests":[{},{}]"#, layer(""), layer("")));
    assert_eq!(read(None, two.as_bytes()), Err(ManifestError::Several(2)));
}

#[test]
fn what_is_not_an_artifact_is_named() {
    let good = layers(&[layer("")]);
    for (kind, text, expected) in [
        (
            Some(OCI_INDEX),
            manifest(OCI_MANIFEST, &good),
            ManifestError::Ambiguous("another kind than it was sent as"),
        ),
        (
            None,
            manifest(OCI_MANIFEST, &format!(r#"{good},"manifests":[]"#)),
            ManifestError::Ambiguous("both layers and manifests"),
        ),
        (
            Some(OCI_INDEX),
            manifest(OCI_INDEX, &good),
            ManifestError::Kind(OCI_INDEX.to_owned()),
        ),
        (
            None,
            manifest("text/plain", &good),
            ManifestError::Kind("text/plain".to_owned()),
        ),
        (None, manifest("a\\u0007b", &good), ManifestError::Kind("ab".to_owned())),
    ] {
        assert_eq!(read(kind, text.as_bytes()), Err(expected), "{:.200}", text);
    }
}

#[test]
fn what_no_version_or_limit_allows_is_named() {
    for (kind, text, expected) in [
        (
            None,
            r#"{"schemaVersion":1,"layers":[]}"#.to_owned(),
            ManifestError::Kind("schema version 1".to_owned()),
        ),
        (
            None,
            r#"{"schemaVersion":2,"fsLayers":[]}"#.to_owned(),
            ManifestError::Kind("Docker's first".to_owned()),
        ),
        (
            None,
            r#"{"schemaVersion":2}"#.to_owned(),
            ManifestError::Kind("unknown".to_owned()),
        ),
        (
            None,
            manifest(
                OCI_MANIFEST,
                r#","layers":[{"mediaType":"x","digest":"md5:00","size":1}]"#,
            ),
            ManifestError::Digest,
        ),
        (
            None,
            manifest(OCI_MANIFEST, &layers(&vec![layer(""); LAYERS + 1])),
            ManifestError::Layers,
        ),
        (
            None,
            manifest(
                OCI_MANIFEST,
                &layers(&[layer("").replace("gzip", &"z".repeat(TEXT_BYTES))]),
            ),
            ManifestError::Text,
        ),
    ] {
        assert_eq!(read(kind, text.as_bytes()), Err(expected), "{:.200}", text);
    }
    for text in [
        "",
        "[]",
        "{}",
        r#"{"schemaVersion":2,"layers":[{"digest":"sha256:"}]}"#,
        r#"{"schemaVersion":2,"layers":[{"mediaType":"x","digest":"","size":-1}]}"#,
    ] {
        assert!(
            matches!(read(None, text.as_bytes()), Err(ManifestError::Unreadable(_))),
            "{text}"
        );
    }
}

#[test]
fn a_layer_with_a_name_is_a_file_and_others_are_what_their_media_type_says() {
    let of = |media_type: &str, title: Option<&str>, is_packed| Layer {
        media_type: media_type.to_owned(),
        digest: digest(&format!("sha256:{HEX}")).unwrap(),
        size: 0,
        title: title.map(str::to_owned),
        is_packed,
    };
    const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
    const TAR_GZ: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    for (media_type, title, is_packed, expected) in [
        (TAR_GZ, None, false, Content::Archive(Archive::TarGz)),
        (TAR_GZ, Some("manifests"), true, Content::Archive(Archive::TarGz)),
        (
            "application/vnd.cncf.flux.content.v1.tar+gzip",
            None,
            false,
            Content::Archive(Archive::TarGz),
        ),
        (
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            None,
            false,
            Content::Archive(Archive::TarGz),
        ),
        (
            "application/vnd.oci.image.layer.v1.tar+zstd",
            None,
            false,
            Content::Archive(Archive::TarZst),
        ),
        (TAR, None, false, Content::Archive(Archive::Tar)),
        (TAR, Some("x.yaml"), false, Content::File("x.yaml")),
        (TAR, Some("x.tar.gz"), false, Content::Archive(Archive::TarGz)),
        (
            "application/x-tar; charset=x",
            None,
            false,
            Content::Archive(Archive::Tar),
        ),
        ("application/zip", None, false, Content::Archive(Archive::Zip)),
        ("application/yaml", Some("x.yaml"), false, Content::File("x.yaml")),
        ("application/vnd.acme.config", None, false, Content::Other),
    ] {
        assert_eq!(
            of(media_type, title, is_packed).content(),
            expected,
            "{media_type} {title:?}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_changed_in_a_manifest_is_read_without_harm(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = manifest(OCI_MANIFEST, &layers(&[layer(""), layer("")])).into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        drop(read(Some(OCI_MANIFEST), &text));
    }
}
