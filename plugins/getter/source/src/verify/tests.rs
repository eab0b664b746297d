//! Commits and tags that git signed (`../../signature/fixtures`), in a repository.

use std::process::Command;

use k1s_getter_git::{Limits, Local, RefName};

use super::*;

/// A repository with the objects of the fixtures.
struct Room {
    directory: tempfile::TempDir,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../signature/fixtures")
        .join(name)
}

impl Room {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let room = Self { directory };
        room.git(&["init", "--quiet", "--initial-branch=main", "."]);
        room
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn object(&self, kind: &str, name: &str) -> ObjectId {
        let path = fixture(&format!("objects/{name}"));
        let id = self.git(&["hash-object", "-t", kind, "-w", "--literally", &path.to_string_lossy()]);
        ObjectId::parse(id.as_bytes()).unwrap()
    }

    fn objects(&self) -> Objects {
        let local = Local::new(&self.directory.path().join(".git"), Limits::default());
        local.unwrap().objects().unwrap()
    }

    /// Verifies the commit or tag of a fixture under the name of a reference.
    fn verify(&self, mode: Mode, reference: Option<&str>, tag: Option<&str>, commit: &str) -> Result<(), TrustError> {
        let commit = self.object("commit", commit);
        let target = Target {
            reference: reference.map(|name| RefName::parse(name).unwrap()),
            id: tag.map_or(commit, |tag| self.object("tag", tag)),
            commit,
        };
        trusted(mode).check(&self.objects(), &target)
    }
}

fn trusted(mode: Mode) -> Trusted {
    let trust = Trust::new(mode, Some(fixture("allowed_signers")), Some(fixture("keyring.asc")));
    trust.read().unwrap()
}

#[test]
fn a_commit_counts_if_somebody_trusted_signed_it() {
    let room = Room::new();
    for name in ["ssh-ed25519", "pgp-ed25519"] {
        room.verify(Mode::Head, Some("refs/heads/main"), None, name).unwrap();
        room.verify(Mode::Head, None, None, name).unwrap();
    }
    let unsigned = room.verify(Mode::Head, None, None, "unsigned").unwrap_err();
    assert!(matches!(unsigned, TrustError::Unsigned(What::Commit(_))), "{unsigned}");
    for name in ["ssh-stranger", "pgp-stranger"] {
        let id = room.object("commit", name);
        let said = room.verify(Mode::Head, None, None, name).unwrap_err().to_string();
        assert!(said.starts_with(&format!(
            "the commit {id}: it is signed with a key that is not trusted: "
        )));
        assert!(said.contains("verify.allowedSigners"), "{said}");
    }
    let said = room
        .verify(Mode::Head, None, None, "ssh-stranger")
        .unwrap_err()
        .to_string();
    assert!(said.contains("not trusted: SHA256:"), "{said}");
}

#[test]
fn g20_a_tag_counts_under_its_own_name_only() {
    let room = Room::new();
    let tag = |reference: &str, tag: &str| room.verify(Mode::Tag, Some(reference), Some(tag), "unsigned");
    tag("refs/tags/ssh-tag", "ssh-tag").unwrap();
    tag("refs/tags/pgp-tag", "pgp-tag").unwrap();
    // An older tag, whose signature is good, under the name of a newer one.
    let other = tag("refs/tags/v2", "ssh-tag").unwrap_err();
    assert!(
        matches!(&other, TrustError::OtherTag { asked, says } if asked == "v2" && says == "ssh-tag"),
        "{other}"
    );
    assert!(matches!(
        tag("refs/tags/unsigned-tag", "unsigned-tag"),
        Err(TrustError::Unsigned(What::Tag(_)))
    ));
    assert!(matches!(
        tag("refs/tags/ssh-tag-stranger", "ssh-tag-stranger"),
        Err(TrustError::Untrusted { .. })
    ));
    // Neither a branch nor a tag without an object can be signed by itself.
    for reference in [Some("refs/heads/main"), Some("refs/tags/light"), None] {
        let light = room.verify(Mode::Tag, reference, None, "ssh-ed25519").unwrap_err();
        assert!(matches!(light, TrustError::NoTag(_)), "{light}");
    }
}

#[test]
fn both_are_asked_for_where_both_are_wanted() {
    let room = Room::new();
    let both = |tag, commit| room.verify(Mode::TagAndHead, Some("refs/tags/ssh-tag"), Some(tag), commit);
    both("ssh-tag", "ssh-ed25519").unwrap();
    let commit = both("ssh-tag", "unsigned").unwrap_err();
    assert!(matches!(commit, TrustError::Unsigned(What::Commit(_))), "{commit}");
    assert!(both("unsigned-tag", "ssh-ed25519").is_err());
}

#[test]
fn who_is_trusted_is_read_anew_and_marks_what_was_verified() {
    let folder = tempfile::tempdir().unwrap();
    let signers = folder.path().join("signers");
    let trust = Trust::new(Mode::Head, Some(signers.clone()), None);
    assert!(matches!(trust.read(), Err(TrustError::File { .. })));
    std::fs::write(&signers, "").unwrap();
    assert!(matches!(trust.read(), Err(TrustError::Signers { .. })));
    std::fs::copy(fixture("allowed_signers"), &signers).unwrap();
    let before = trust.read().unwrap();
    assert_eq!(before.mark(), trust.read().unwrap().mark());
    let first = std::fs::read_to_string(&signers)
        .unwrap()
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    std::fs::write(&signers, first).unwrap();
    assert_ne!(before.mark(), trust.read().unwrap().mark());
    assert_ne!(trusted(Mode::Head).mark(), trusted(Mode::Tag).mark());
}
