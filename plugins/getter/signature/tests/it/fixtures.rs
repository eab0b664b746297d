//! What `fixtures/make` made.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use k1s_getter_signature::{Signed, SignedError, Signers};

/// After all of it was made, in January 2027.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

pub(crate) fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}

/// One object, and what git says of it.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) object: Vec<u8>,
    pub(crate) is_tag: bool,
    pub(crate) is_good: bool,
}

impl Fixture {
    pub(crate) fn all() -> Vec<Self> {
        let verdicts = text("verdicts");
        let fixtures = verdicts.lines().map(|line| {
            let [name, kind, verdict] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            Self {
                name: name.to_owned(),
                object: bytes(&format!("objects/{name}")),
                is_tag: kind == "tag",
                is_good: verdict == "good",
            }
        });
        let fixtures: Vec<Self> = fixtures.collect();
        assert!(fixtures.len() >= 25);
        fixtures
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::all().into_iter().find(|fixture| fixture.name == name).unwrap()
    }

    pub(crate) fn apart(&self, object: &[u8]) -> Result<Option<Signed>, SignedError> {
        if self.is_tag {
            Signed::tag(object)
        } else {
            Signed::commit(object)
        }
    }

    pub(crate) fn signed(&self) -> Signed {
        self.apart(&self.object).unwrap().unwrap()
    }
}

/// Those whom git trusted, too.
pub(crate) fn everyone() -> &'static Signers {
    static EVERYONE: LazyLock<Signers> = LazyLock::new(|| {
        let mut signers = Signers::nobody();
        signers.allow_ssh(&text("allowed_signers")).unwrap();
        signers.allow_pgp(&bytes("keyring.asc")).unwrap();
        signers
    });
    &EVERYONE
}
