//! What is refused: the rows of the table of bad inputs that an address alone can break, by their names.

use k1s_getter_address::{Address, Part, Policy, Rule, Transport};

use crate::golden::open;

/// Checks the part, the rule, the bytes of the part, and that a spelling is told which holds `spelling`.
fn refuses(address: &str, policy: &Policy, part: Part, rule: Rule, at: &str, spelling: &str) {
    let error = Address::parse(address, policy).expect_err(address);
    assert_eq!((error.part, error.rule), (part, rule), "{address}: {error}");
    assert_eq!(&address[error.at.clone()], at, "{address}: {error}");
    assert!(
        error.spelling.as_deref().unwrap_or_default().contains(spelling),
        "{address}: {error}"
    );
}

macro_rules! row {
    ($name:ident: $([$address:expr, $part:expr, $rule:expr, $at:expr, $spelling:expr]),+ $(,)?) => {
        #[test]
        fn $name() {
            $(refuses($address, &open(), $part, $rule, $at, $spelling);)+
        }
    };
}

row!(g01_cve_2026_4660_option_for_a_revision:
    ["git::https://h/r?ref=--pathspec-from-file=/etc/passwd", Part::Parameter("ref"), Rule::Option, "ref=--pathspec-from-file=/etc/passwd", ""],
    ["hg::https://h/r?rev=--config=x", Part::Parameter("rev"), Rule::Option, "rev=--config=x", ""],
    ["git::https://h/r?ref=%2dx", Part::Parameter("ref"), Rule::Option, "ref=%2dx", ""],
);
row!(g02_cve_2024_3817_option_for_a_url:
    ["--upload-pack=touch X", Part::Whole, Rule::Option, "--upload-pack=touch X", "./"],
    ["git::--upload-pack=touch X", Part::Whole, Rule::Option, "--upload-pack=touch X", "./"],
);
row!(g03_cve_2025_21613_rustsec_2023_0064_2024_0335_option_for_a_host:
    ["git::ssh://-oProxyCommand=x/foo", Part::Host, Rule::Option, "-oProxyCommand=x", ""],
    ["git::ssh://-lroot@host/r", Part::Login, Rule::Option, "-lroot", ""],
    ["git::ssh://git@host/-x", Part::Path, Rule::Option, "/-x", ""],
    ["git@-host:path", Part::Host, Rule::Option, "-host", ""],
    ["git@host:-x", Part::Path, Rule::Option, "-x", ""],
    ["git@host:/-x", Part::Path, Rule::Option, "-x", ""],
    ["git::ssh://git@host/%2dx", Part::Path, Rule::Option, "/%2dx", ""],
);
row!(g04_cve_2026_28292_programs_for_transports:
    ["git::ext::sh -c x", Part::Getter, Rule::Program, "ext", "one"],
    ["EXT::sh -c x", Part::Getter, Rule::Program, "EXT", ""],
    ["fd::17", Part::Getter, Rule::Program, "fd", ""],
    ["git::ext://x", Part::Scheme, Rule::Program, "ext", ""],
    ["git::foo::http://h/r", Part::Getter, Rule::Nested, "foo", "one"],
    ["git::git::https://h/r", Part::Getter, Rule::Nested, "git", "one"],
    ["gti::https://h/r", Part::Getter, Rule::Unknown, "gti", "`git::`"],
    ["git::ftp://h/r", Part::Scheme, Rule::Unknown, "ftp", ""],
    ["ssh://git@h/r", Part::Scheme, Rule::Unfit, "ssh", "`git::ssh://"],
);
row!(g06_shell_for_a_revision:
    ["git::https://h/r?ref=main | touch /tmp/x", Part::Parameter("ref"), Rule::Revision, "ref=main | touch /tmp/x", "branch"],
    ["git::https://h/r?ref=a..b", Part::Parameter("ref"), Rule::Revision, "ref=a..b", ""],
    ["git::https://h/r?ref=HEAD@{1}", Part::Parameter("ref"), Rule::Revision, "ref=HEAD@{1}", ""],
    ["hg::https://h/r?rev=file('x')", Part::Parameter("rev"), Rule::Revision, "rev=file('x')", ""],
);
row!(g18_control_characters:
    ["git@host:a\nb", Part::Whole, Rule::Control, "\n", ""],
    ["git::ssh://git@host/a%0ab", Part::Path, Rule::Control, "/a%0ab", ""],
    ["git::https://h/r?ref=a%00b", Part::Parameter("ref"), Rule::Control, "ref=a%00b", ""],
    ["https://h/x\u{85}y", Part::Whole, Rule::Control, "\u{85}", ""],
);
row!(p01_sub_directory_that_leads_out:
    ["./repo//../../../../etc/passwd", Part::Subdir, Rule::Outside, "../../../../etc/passwd", ""],
    ["./repo//a/../../b", Part::Subdir, Rule::Outside, "a/../../b", ""],
    ["./repo//%2e%2e/x", Part::Subdir, Rule::Outside, "%2e%2e/x", ""],
    ["./repo//a\\..\\..\\b", Part::Subdir, Rule::Outside, "a\\..\\..\\b", ""],
    ["github.com/a/b/../../c", Part::Subdir, Rule::Outside, "../../c", ""],
    ["./repo//a%2f..%2f..%2fb", Part::Subdir, Rule::Characters, "a%2f..%2f..%2fb", "`/`"],
);
row!(p05_patterns:
    ["./repo//[", Part::Subdir, Rule::Pattern, "[", "`\\`"],
    ["./repo//a/b\\", Part::Subdir, Rule::Pattern, "a/b\\", "`\\`"],
);
row!(p06_file_names:
    ["https://h/x?filename=../../../../tmp/bar.txt", Part::Parameter("filename"), Rule::FileName, "filename=../../../../tmp/bar.txt", "without slashes"],
    ["https://h/x?filename=/etc/x", Part::Parameter("filename"), Rule::FileName, "filename=/etc/x", ""],
    ["https://h/x?filename=a%00b", Part::Parameter("filename"), Rule::Control, "filename=a%00b", ""],
    ["https://h/x?filename=..%5Cx", Part::Parameter("filename"), Rule::FileName, "filename=..%5Cx", ""],
    ["https://h/x?filename=..", Part::Parameter("filename"), Rule::FileName, "filename=..", ""],
);
row!(p07_cve_2026_47680_keys_that_lead_out:
    ["s3::https://s3.amazonaws.com/b/../c", Part::Path, Rule::Outside, "/b/../c", "without"],
    ["s3::https://s3.amazonaws.com/b/a%5C..%5Cc", Part::Path, Rule::Outside, "https://s3.amazonaws.com/b/a%5C..%5Cc", ""],
    ["gcs::https://www.googleapis.com/storage/v1/b/a/%2e%2e/x", Part::Path, Rule::Outside, "/storage/v1/b/a/%2e%2e/x", "without"],
    ["azure::https://a.blob.core.windows.net/c/%2Fabs", Part::Path, Rule::Outside, "https://a.blob.core.windows.net/c/%2Fabs", ""],
);
row!(p07_paths_on_servers_that_lead_out:
    ["https://h/a/../b", Part::Path, Rule::Outside, "/a/../b", "without"],
    ["https://h/a/%2e%2E/b", Part::Path, Rule::Outside, "/a/%2e%2E/b", "without"],
    ["https://h/a%2F..%2Fb", Part::Path, Rule::Outside, "/a%2F..%2Fb", "without"],
    ["https://h/./b", Part::Path, Rule::Outside, "/./b", "without"],
    ["git::https://h/..", Part::Path, Rule::Outside, "/..", "without"],
    ["git::ssh://git@h/~/../r", Part::Path, Rule::Outside, "/~/../r", "without"],
    ["git@h:../r", Part::Path, Rule::Outside, "../r", "without"],
    ["github.com/../r", Part::Path, Rule::Outside, "../r", "without"],
    ["github.com/a/%2e%2e", Part::Path, Rule::Outside, "a/%2e%2e", "without"],
);
row!(p07_names_of_buckets:
    ["s3::https://s3.amazonaws.com/b:c/k", Part::Path, Rule::Characters, "https://s3.amazonaws.com/b:c/k", "BUCKET"],
    ["s3::https://s3.amazonaws.com/b%20c/k", Part::Path, Rule::Characters, "https://s3.amazonaws.com/b%20c/k", "BUCKET"],
    ["s3::https://s3.amazonaws.com/b%3Fx/k", Part::Path, Rule::Characters, "https://s3.amazonaws.com/b%3Fx/k", "BUCKET"],
    ["s3::https://h/%2Db/k", Part::Path, Rule::Option, "https://h/%2Db/k", "BUCKET"],
    ["gcs::https://www.googleapis.com/storage/v1/b%5Cc/o", Part::Path, Rule::Characters, "https://www.googleapis.com/storage/v1/b%5Cc/o", "BUCKET"],
    ["gcs::https://www.googleapis.com/storage/v1/example.com:b/o", Part::Path, Rule::Characters, "https://www.googleapis.com/storage/v1/example.com:b/o", "BUCKET"],
    ["gcs::https://www.googleapis.com/storage/v1/-b/o", Part::Path, Rule::Option, "https://www.googleapis.com/storage/v1/-b/o", "BUCKET"],
    ["azure::https://a.blob.core.windows.net/-c/x", Part::Path, Rule::Object, "https://a.blob.core.windows.net/-c/x", "CONTAINER"],
);
row!(s03_checksums_from_elsewhere:
    ["https://h/x?checksum=file:http://169.254.169.254/", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:http://169.254.169.254/", "sha256"],
    ["https://h/x?checksum=file:/etc/shadow", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:/etc/shadow", "sha256"],
    ["./x?checksum=file:https://h/x", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:https://h/x", ""],
    ["https://h/x?checksum=file:https://h:444/y", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:https://h:444/y", ""],
    ["s3::https://s3.amazonaws.com/b/x?checksum=file:s3::https://s3.amazonaws.com/c/y", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:s3::https://s3.amazonaws.com/c/y", ""],
    ["s3::https://s3.amazonaws.com/b/x?checksum=file:s3::https://h/b/y", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:s3::https://h/b/y", ""],
    ["gcs::https://www.googleapis.com/storage/v1/b/x?checksum=file:gcs::https://www.googleapis.com/storage/v1/c/y", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:gcs::https://www.googleapis.com/storage/v1/c/y", ""],
    ["azure::https://a.blob.core.windows.net/c/x?sv=1&delimiter=/&sig=s", Part::Query, Rule::Meaningless, "delimiter=/", ""],
    ["azure::https://a.blob.core.windows.net/c/x?sv=1&prefix=y", Part::Query, Rule::Meaningless, "prefix=y", ""],
    ["azure::https://a.blob.core.windows.net/c/x?sv=1&sv=2", Part::Query, Rule::Twice, "sv=2", ""],
    ["azure::https://a.blob.core.windows.net/c/x?checksum=file:azure::https://b.blob.core.windows.net/c/y", Part::Parameter("checksum"), Rule::OtherOrigin, "checksum=file:azure::https://b.blob.core.windows.net/c/y", ""],
    ["https://h/x?checksum=file:git::https://h/x", Part::Parameter("checksum"), Rule::FileName, "checksum=file:git::https://h/x", ""],
    ["https://h/x?checksum=file:https://h/x%3Fchecksum=file:x", Part::Parameter("checksum"), Rule::Meaningless, "checksum=file:https://h/x%3Fchecksum=file:x", ""],
);
row!(s05_hosts_that_look_like_stores:
    ["gcs::https://www.googleapis.com.invalid/storage/v1/b/o", Part::Host, Rule::Store, "https://www.googleapis.com.invalid/storage/v1/b/o", "www.googleapis.com"],
    ["s3::https://s3.evil.s4.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3.evil.s4.amazonaws.com/b/k", "amazonaws.com"],
    ["azure::https://a.b.blob.core.windows.net/c/x", Part::Host, Rule::Store, "https://a.b.blob.core.windows.net/c/x", "ACCOUNT"],
    ["azure::https://blob.core.windows.net/a/c/x", Part::Host, Rule::Store, "https://blob.core.windows.net/a/c/x", "ACCOUNT"],
    ["azure::http://a.blob.core.windows.net/c/x", Part::Host, Rule::Contradiction, "http://a.blob.core.windows.net/c/x", "`https://` and no port"],
    ["azure::https://a.blob.core.windows.net:8443/c/x", Part::Host, Rule::Contradiction, "https://a.blob.core.windows.net:8443/c/x", "`https://` and no port"],
    ["s3::http://s3.amazonaws.com/b/k", Part::Host, Rule::Contradiction, "http://s3.amazonaws.com/b/k", "`https://` and no port"],
);
row!(hosts_of_amazon_that_name_no_region_or_speak_otherwise:
    ["s3::https://s3-accelerate.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3-accelerate.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://b.s3-accelerate.amazonaws.com/b/k", Part::Host, Rule::Store, "https://b.s3-accelerate.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://b.s3-accelerate.dualstack.amazonaws.com/b/k", Part::Host, Rule::Store, "https://b.s3-accelerate.dualstack.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://b.s3-website-us-east-1.amazonaws.com/b/k", Part::Host, Rule::Store, "https://b.s3-website-us-east-1.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://b.s3-website.us-east-1.amazonaws.com/b/k", Part::Host, Rule::Store, "https://b.s3-website.us-east-1.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://p-1.s3-accesspoint.us-east-1.amazonaws.com/b/k", Part::Host, Rule::Store, "https://p-1.s3-accesspoint.us-east-1.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://1.s3-control.us-east-1.amazonaws.com/b/k", Part::Host, Rule::Store, "https://1.s3-control.us-east-1.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3.dualstack.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3.dualstack.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3.evil.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3.evil.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3-evil.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3-evil.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3-fips.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3-fips.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3.us-east.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3.us-east.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3.us-east-x.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3.us-east-x.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3-us--1.amazonaws.com/b/k", Part::Host, Rule::Store, "https://s3-us--1.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://accesspoint.vpce-1.s3.us-east-1.vpce.amazonaws.com/b/k", Part::Host, Rule::Store, "https://accesspoint.vpce-1.s3.us-east-1.vpce.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://bucket.evil.s3.us-east-1.vpce.amazonaws.com/b/k", Part::Host, Rule::Store, "https://bucket.evil.s3.us-east-1.vpce.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://bucket.vpce-1.s3.evil.vpce.amazonaws.com/b/k", Part::Host, Rule::Store, "https://bucket.vpce-1.s3.evil.vpce.amazonaws.com/b/k", "s3.REGION"],
    ["s3::https://s3.amazonaws.com/b/k?region=evil", Part::Parameter("region"), Rule::Characters, "region=evil", "us-east-1"],
    ["s3::https://s3-external-1.amazonaws.com/b/k?region=eu-west-1", Part::Parameter("region"), Rule::Contradiction, "region=eu-west-1", ""],
);
row!(h03_schemes_that_do_not_go_with_a_getter:
    ["http::file:///etc/passwd", Part::Scheme, Rule::Unfit, "file", "`https://`"],
    ["s3::./x", Part::Scheme, Rule::Unfit, "./x", "`https://`"],
    ["file::https://h/x", Part::Scheme, Rule::Unfit, "https", "a path"],
    ["oci::https://h/x", Part::Getter, Rule::Unknown, "oci", "`oci://`"],
);
row!(what_was_to_be_filled_in:
    ["https://h/x?checksum=", Part::Parameter("checksum"), Rule::Empty, "checksum=", ""],
    ["./x?checksum", Part::Parameter("checksum"), Rule::Empty, "checksum", ""],
    ["git::https://h/r?ref=", Part::Parameter("ref"), Rule::Empty, "ref=", ""],
    ["git::ssh://git@h/r?sshkey=&ref=v1", Part::Parameter("sshkey"), Rule::Empty, "sshkey=", ""],
    ["hg::https://h/r?rev=", Part::Parameter("rev"), Rule::Empty, "rev=", ""],
    ["s3::https://s3.amazonaws.com/b/k?version=", Part::Parameter("version"), Rule::Empty, "version=", ""],
);
row!(parameters_that_nobody_sends:
    ["git::ssh://git@h/r?token=1", Part::Query, Rule::Meaningless, "token=1", ""],
    ["git@h:r?dept=1", Part::Query, Rule::Meaningless, "dept=1", "`depth=`"],
    ["git://h/r?x=1", Part::Query, Rule::Meaningless, "x=1", ""],
    ["hg::ssh://h/r?x=1", Part::Query, Rule::Meaningless, "x=1", ""],
);
row!(revisions_by_another_name:
    ["git::https://h/r?tag=v1", Part::Parameter("tag"), Rule::Meaningless, "tag=v1", "`ref=`"],
    ["git::https://h/r?branch=main&ref=v1", Part::Parameter("branch"), Rule::Meaningless, "branch=main", "`ref=`"],
    ["git::ssh://h/r?commit=abc", Part::Parameter("commit"), Rule::Meaningless, "commit=abc", "`ref=`"],
    ["git::https://h/r?rev=", Part::Parameter("rev"), Rule::Meaningless, "rev=", "`ref=`"],
    ["git::./r?rev=1", Part::Parameter("rev"), Rule::Meaningless, "rev=1", "`ref=`"],
    ["hg::https://h/r?ref=v1", Part::Parameter("ref"), Rule::Meaningless, "ref=v1", "`rev=`"],
    ["hg::https://h/r?tag=v1", Part::Parameter("tag"), Rule::Meaningless, "tag=v1", "`rev=`"],
);
row!(what_people_write_by_mistake:
    ["git::ssh://git@host:path/repo", Part::Port, Rule::Number { least: 1, most: 65535 }, "path", "git@HOST:PATH"],
    ["user@host:path", Part::Login, Rule::Scp, "user@host", "git::ssh://USER@HOST/PATH"],
    ["git::https://h/r.git#main", Part::Fragment, Rule::Meaningless, "main", "?ref="],
    ["s3://bucket/key", Part::Scheme, Rule::Unfit, "s3", "s3::https://"],
    ["example.com:8080/x", Part::Scheme, Rule::Opaque, "example.com", "https://HOST:PORT/PATH"],
    ["htps://h/x", Part::Scheme, Rule::Unknown, "htps", "`https://`"],
    ["~/x", Part::Path, Rule::Home, "~/x", "absolute"],
    ["https://h/50%", Part::Path, Rule::Escape, "/50%", "%25"],
    ["https://h/x?archive=tar.gzz", Part::Parameter("archive"), Rule::Format, "archive=tar.gzz", "archive=tar.gz"],
    ["s3::https://s3.amazonaws.com/b/k?verison=1", Part::Query, Rule::Meaningless, "verison=1", "`version=`"],
    ["github.com/a", Part::Path, Rule::Missing, "a", "github.com/OWNER/REPOSITORY"],
    ["git::https://h/r?depth=x", Part::Parameter("depth"), Rule::Number { least: 0, most: 2_147_483_647 }, "depth=x", ""],
    ["git::https://h/r?sshkey=x", Part::Parameter("sshkey"), Rule::Meaningless, "sshkey=x", "ssh://"],
    ["git::ssh://h/r?sshkey=!", Part::Parameter("sshkey"), Rule::Base64, "sshkey=!", "base64"],
    ["https://h/x?a=1;b=2", Part::Query, Rule::Characters, "a=1;b=2", "`&`"],
);

#[test]
fn transports_without_protection_are_named_before_use() {
    let closed = Policy::default().relative_to("/base");
    for (address, transport, at) in [
        ("git::http://h/r", Transport::Http, "http"),
        ("http://h/x", Transport::Http, "http"),
        ("s3::http://h/b/k", Transport::Http, "http"),
        ("git://h/r", Transport::Git, "git"),
        ("git::file:///r", Transport::File, "file"),
        ("git::./r", Transport::File, "./r"),
        ("hg::/r", Transport::File, "/r"),
    ] {
        refuses(address, &closed, Part::Scheme, Rule::NotAllowed, at, "in `allow`");
        let open = closed.clone().allowing(transport);
        assert!(Address::parse(address, &open).is_ok(), "{address}");
    }
    for address in [
        "https://h/x",
        "git::https://h/r",
        "git::ssh://git@h/r",
        "./x",
        "file:///x",
        "oci://h/x",
    ] {
        assert!(Address::parse(address, &closed).is_ok(), "{address}");
    }
}

#[test]
fn relative_paths_need_a_directory() {
    refuses("./x", &Policy::default(), Part::Path, Rule::Relative, "./x", "absolute");
    refuses(
        "./x",
        &Policy::default().relative_to("not/absolute"),
        Part::Path,
        Rule::Relative,
        "./x",
        "absolute",
    );
}

#[test]
fn limits_are_named() {
    let long = format!("https://h/{}", "a".repeat(16 << 10));
    let error = Address::parse(&long, &open()).unwrap_err();
    assert_eq!(
        (error.rule, error.to_string().contains("16384")),
        (Rule::TooLong(16 << 10), true)
    );
    let many = format!("https://h/x?{}", "a=1&".repeat(65));
    assert_eq!(Address::parse(&many, &open()).unwrap_err().rule, Rule::TooMany(64));
    let host = format!("https://{}/x", "a".repeat(254));
    assert_eq!(Address::parse(&host, &open()).unwrap_err().rule, Rule::TooLong(253));
}
