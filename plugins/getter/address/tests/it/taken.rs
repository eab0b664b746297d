//! What is read that go-getter has no example of.

use k1s_getter_address::{
    Address, AzureEndpoint, Checksum, Download, Endpoint, Origin, Reference, Remote, Revision, Route, Source, Subdir,
};

use crate::golden::open;

fn parse(address: &str) -> Address {
    Address::parse(address, &open()).unwrap_or_else(|error| panic!("{address}: {error}"))
}

fn download(address: &str) -> Download {
    match parse(address).source {
        Source::Download(download) => download,
        other @ (Source::Git(_) | Source::Mercurial(_) | Source::Oci(_)) => panic!("{address}: {other:?}"),
    }
}

#[test]
fn repositories_of_forges() {
    for (address, path, subdir) in [
        ("bitbucket.org/org/repo", "/org/repo.git", None),
        ("bitbucket.org/org/repo.git//a", "/org/repo.git", Some("a")),
        ("gitlab.com/a/b/c/d.git//e/f?ref=x", "/a/b/c/d.git", Some("e/f")),
        ("gitlab.com/a/b/c//d", "/a/b.git", Some("c/d")),
        ("gitlab.com/a/b/c.git/d", "/a/b/c.git", Some("d")),
        ("github.com/a/b/c?ref=feature/x", "/a/b.git", Some("c")),
        ("GITHUB.com/a/b/", "/a/b.git", None),
    ] {
        let found = parse(address);
        let Source::Git(git) = found.source else {
            panic!("{address}")
        };
        let Remote::Site(site) = git.remote else {
            panic!("{address}")
        };
        assert_eq!(site.path, path, "{address}");
        assert_eq!(
            found.subdir,
            subdir.map(|subdir| Subdir::Path(subdir.to_owned())),
            "{address}"
        );
        if address.contains("feature") {
            assert_eq!(git.revision, Some(Revision::Name("feature/x".into())));
        }
    }
}

#[test]
fn commits_are_told_from_names() {
    let commit = "0123456789ABCDEF0123456789abcdef01234567";
    for (revision, is_commit) in [
        (commit, true),
        (&commit[..39], false),
        ("v1.2.3", false),
        ("refs/tags/v1", false),
    ] {
        let Source::Git(git) = parse(&format!("git::https://h/r?ref={revision}")).source else {
            panic!("{revision}")
        };
        let expected = if is_commit {
            Revision::Commit(revision.to_lowercase())
        } else {
            Revision::Name(revision.to_owned())
        };
        assert_eq!(git.revision, Some(expected));
    }
}

#[test]
fn artifacts() {
    let digest = format!("sha256:{}", "a".repeat(64));
    for (address, port, name, reference) in [
        (
            "oci://registry.example.com/a/b:v1".to_owned(),
            None,
            "a/b",
            Reference::Tag("v1".into()),
        ),
        (
            "oci://localhost:5000/a".to_owned(),
            Some(5000),
            "a",
            Reference::Tag("latest".into()),
        ),
        (
            format!("oci://h/a@{digest}"),
            None,
            "a",
            Reference::Digest(digest.clone()),
        ),
        (
            format!("oci://h/a:v1@{digest}//sub"),
            None,
            "a",
            Reference::Digest(digest.clone()),
        ),
    ] {
        let Source::Oci(oci) = parse(&address).source else {
            panic!("{address}")
        };
        assert_eq!(
            (oci.port, oci.name.as_str(), oci.reference),
            (port, name, reference),
            "{address}"
        );
    }
}

#[test]
fn blobs_of_azure() {
    for (address, account, container, blob, signed) in [
        (
            "azure::https://acct.blob.core.windows.net/c/d/x.zip",
            "acct",
            "c",
            "d/x.zip",
            0,
        ),
        ("acct.blob.core.windows.net/c", "acct", "c", "", 0),
        (
            "azure::https://acct.blob.core.windows.net/c/x?sv=2020&sig=abc%3D",
            "acct",
            "c",
            "x",
            2,
        ),
        (
            "azure::http://127.0.0.1:10000/devstoreaccount1/c/x",
            "devstoreaccount1",
            "c",
            "x",
            0,
        ),
    ] {
        let Origin::Azure(azure) = download(address).origin else {
            panic!("{address}")
        };
        assert_eq!(
            (azure.account.as_str(), azure.container.as_str(), azure.blob.as_str()),
            (account, container, blob),
            "{address}"
        );
        assert_eq!(azure.signature.iter().count(), signed, "{address}");
        assert_eq!(
            matches!(azure.endpoint, AzureEndpoint::Compatible(_)),
            address.contains("127.0.0.1"),
            "{address}"
        );
    }
}

#[test]
fn s05_hosts_that_end_or_begin_as_a_store_does_are_not_official() {
    for host in [
        "evilamazonaws.com",
        "s3.evilamazonaws.com",
        "s3.amazonaws.com.evil.example",
        "s3.amazonaws.com.",
        "s3.eu-west-1.amazonaws.com-evil.example",
    ] {
        let Origin::S3(s3) = download(&format!("s3::https://{host}/b/k")).origin else {
            panic!("{host}")
        };
        assert!(matches!(s3.endpoint, Endpoint::Compatible(_)), "{host}: {s3:?}");
    }
    for host in [
        "evilblob.core.windows.net",
        "acct.evilblob.core.windows.net",
        "acct.blob.core.windows.net.evil.example",
        "acct.blob.core.windows.net.",
        "acct.blob.core.windows.net-evil.example",
    ] {
        let Origin::Azure(azure) = download(&format!("azure::https://{host}/a/c/x")).origin else {
            panic!("{host}")
        };
        assert!(
            matches!(azure.endpoint, AzureEndpoint::Compatible(_)),
            "{host}: {azure:?}"
        );
    }
}

#[test]
fn buckets_of_every_spelling() {
    for (address, region, bucket, key) in [
        ("s3::https://s3.amazonaws.com/b/k/l", "us-east-1", "b", "k/l"),
        (
            "s3::https://s3.amazonaws.com/b/k?region=eu-west-1",
            "eu-west-1",
            "b",
            "k",
        ),
        ("s3::https://s3.eu-west-1.amazonaws.com/b/k", "eu-west-1", "b", "k"),
        ("s3::https://s3-eu-west-1.amazonaws.com/b/k", "eu-west-1", "b", "k"),
        ("s3::https://b.s3.amazonaws.com/k", "us-east-1", "b", "k"),
        ("s3::https://b.s3.eu-west-1.amazonaws.com/k", "eu-west-1", "b", "k"),
        ("s3::https://b.c.s3.eu-west-1.amazonaws.com/k", "eu-west-1", "b.c", "k"),
        ("b.s3-eu-west-1.amazonaws.com/k", "eu-west-1", "b", "k"),
        ("b.s3.cn-north-1.amazonaws.com.cn/k", "cn-north-1", "b", "k"),
        ("s3::http://127.0.0.1:9000/b/k?region=x", "x", "b", "k"),
    ] {
        let Origin::S3(s3) = download(address).origin else {
            panic!("{address}")
        };
        assert_eq!(
            (s3.region.as_str(), s3.bucket.as_str(), s3.key.as_str()),
            (region, bucket, key),
            "{address}"
        );
        assert_eq!(
            matches!(s3.endpoint, Endpoint::Compatible(_)),
            address.contains("127.0.0.1"),
            "{address}"
        );
    }
}

#[test]
fn hosts_of_a_region_by_their_route() {
    for (host, route, region, bucket) in [
        ("s3.dualstack.us-west-2", Route::DualStack, "us-west-2", None),
        ("b.c.s3.dualstack.us-west-2", Route::DualStack, "us-west-2", Some("b.c")),
        ("s3-fips.us-gov-west-1", Route::Fips, "us-gov-west-1", None),
        ("s3-fips-us-gov-west-1", Route::Fips, "us-gov-west-1", None),
        ("b.s3-fips.us-east-1", Route::Fips, "us-east-1", Some("b")),
        ("s3-fips.dualstack.us-east-1", Route::FipsDualStack, "us-east-1", None),
        (
            "b.s3-fips.dualstack.us-east-1",
            Route::FipsDualStack,
            "us-east-1",
            Some("b"),
        ),
        (
            "bucket.vpce-1a2b-3c.s3.us-east-1.vpce",
            Route::Interface("vpce-1a2b-3c".into()),
            "us-east-1",
            None,
        ),
        (
            "b.bucket.vpce-1a2b-3c.s3.us-east-1.vpce",
            Route::Interface("vpce-1a2b-3c".into()),
            "us-east-1",
            Some("b"),
        ),
        ("s3-external-1", Route::Plain, "us-east-1", None),
        ("b.s3-external-1", Route::Plain, "us-east-1", Some("b")),
        ("dualstack.s3.us-west-2", Route::Plain, "us-west-2", Some("dualstack")),
        ("s3.eusc-de-east-1", Route::Plain, "eusc-de-east-1", None),
    ] {
        let path = bucket.map_or("first/k", |_| "k");
        let address = format!("s3::https://{host}.amazonaws.com/{path}");
        let Origin::S3(s3) = download(&address).origin else {
            panic!("{address}")
        };
        assert_eq!(
            (s3.region.as_str(), s3.bucket.as_str(), s3.key.as_str()),
            (region, bucket.unwrap_or("first"), "k"),
            "{address}"
        );
        let domain = "amazonaws.com";
        assert_eq!(s3.endpoint, Endpoint::Amazon { domain, route }, "{address}");
        assert_eq!(parse(&parse(&address).to_string()), parse(&address), "{address}");
    }
}

#[test]
fn files_of_checksums_of_the_same_origin() {
    for address in [
        "https://h/d/x?checksum=file:https://h/d/SUMS",
        "./x?checksum=file:./x.sum",
        "https://h:444/x?checksum=file:https://H:444/y%3Ftoken=1",
        "https://h/x?checksum=file:https://h:443/y",
        "https://h:443/x?checksum=file:https://h/y",
        "http://h/x?checksum=file:http://h:80/y",
        "s3::https://s3.amazonaws.com/b/x?checksum=file:s3::https://b.s3.amazonaws.com/y",
        "s3::http://h:9000/b/x?checksum=file:s3::http://h:9000/b/y",
        "gcs::https://www.googleapis.com/storage/v1/b/x?checksum=file:gcs::https://www.googleapis.com/storage/v1/b/y",
        "azure::https://a.blob.core.windows.net/c/x?checksum=file:azure::https://a.blob.core.windows.net:443/c/y",
    ] {
        assert!(
            matches!(download(address).checksum, Some(Checksum::File(_))),
            "{address}"
        );
    }
}

#[test]
fn the_port_of_a_transport_need_not_be_named() {
    for (named, plain) in [
        ("https://h:443/x", "https://h/x"),
        ("http://h:80/x", "http://h/x"),
        ("git::ssh://git@h:22/r", "git::ssh://git@h/r"),
        ("git://h:9418/r", "git://h/r"),
        (
            "gcs::https://www.googleapis.com:443/storage/v1/b/o",
            "gcs::https://www.googleapis.com/storage/v1/b/o",
        ),
        (
            "s3::https://s3.amazonaws.com:443/b/k",
            "s3::https://s3.amazonaws.com/b/k",
        ),
    ] {
        assert_eq!(parse(named), parse(plain), "{named}");
    }
    for (one, other) in [
        ("https://h:80/x", "https://h/x"),
        ("http://h:443/x", "http://h/x"),
        ("git::ssh://git@h:443/r", "git::ssh://git@h/r"),
    ] {
        assert_ne!(parse(one), parse(other), "{one}");
    }
}

#[test]
fn p02_an_absolute_sub_directory_is_below_the_root() {
    for address in [
        "./repo///etc",
        "git::https://h/r.git///etc",
        "https://h/x.zip//%2e/etc",
        "github.com/a/b///etc",
    ] {
        assert_eq!(parse(address).subdir, Some(Subdir::Path("etc".into())), "{address}");
    }
}

#[test]
fn p05_one_path_is_chosen() {
    let paths = ["a", "ab", "b", "ab/c"];
    for (address, expected) in [
        ("./x//b", Some("b")),
        ("./x//c", None),
        ("./x//a*", None),
        ("./x//ab/*", Some("ab/c")),
        ("./x//*b*", None),
        ("./x//%3Fb", Some("ab")),
    ] {
        let chosen = parse(address).subdir.and_then(|subdir| subdir.choose(paths).ok());
        assert_eq!(chosen, expected, "{address}");
    }
}
