//! Packs that are made by hand, as git makes them and as it does not.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use k1s_getter_git::{GitError, Limit, Limits, ObjectId, PackFault, Target};
use sha1::{Digest as _, Sha1};

use crate::making::Place;
use crate::script::{Script, packed};

pub(crate) const COMMIT: u8 = 1;
pub(crate) const TREE: u8 = 2;
pub(crate) const BLOB: u8 = 3;
const DELTA: u8 = 6;
const NAMED_DELTA: u8 = 7;

/// A pack while it is made.
#[derive(Default)]
pub(crate) struct Pack {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Pack {
    /// Adds an object.
    pub(crate) fn whole(&mut self, kind: u8, content: &[u8]) -> usize {
        self.claiming(kind, content.len() as u64, content)
    }

    /// Adds an object that says it is longer or shorter than it is.
    fn claiming(&mut self, kind: u8, size: u64, content: &[u8]) -> usize {
        self.head(kind, size);
        self.bytes.extend(deflated(content));
        self.starts.len() - 1
    }

    fn head(&mut self, kind: u8, size: u64) {
        self.starts.push(self.bytes.len());
        let mut rest = size >> 4;
        let mut byte = kind << 4 | (size & 0x0f) as u8;
        while rest > 0 {
            self.bytes.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        self.bytes.push(byte);
    }

    /// Adds a delta against an earlier object.
    pub(crate) fn delta(&mut self, base: usize, delta: &[u8]) -> usize {
        let distance = self.bytes.len() - self.starts[base];
        self.distant(distance as u64, delta)
    }

    /// Adds a delta against an object by its name.
    pub(crate) fn named(&mut self, base: &ObjectId, delta: &[u8]) -> usize {
        self.head(NAMED_DELTA, delta.len() as u64);
        self.bytes.extend(base.as_bytes());
        self.bytes.extend(deflated(delta));
        self.starts.len() - 1
    }

    fn distant(&mut self, distance: u64, delta: &[u8]) -> usize {
        self.head(DELTA, delta.len() as u64);
        let mut bytes = vec![(distance & 0x7f) as u8];
        let mut rest = distance >> 7;
        while rest > 0 {
            rest -= 1;
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.reverse();
        self.bytes.extend(bytes);
        self.bytes.extend(deflated(delta));
        self.starts.len() - 1
    }

    /// Where an object begins.
    pub(crate) fn start(&self, object: usize) -> u32 {
        self.starts[object] as u32 + 12
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let count = self.starts.len() as u32;
        self.counting(2, count)
    }

    fn counting(self, version: u32, count: u32) -> Vec<u8> {
        let head = [b"PACK".as_slice(), &version.to_be_bytes(), &count.to_be_bytes()].concat();
        let mut pack = [head, self.bytes].concat();
        pack.extend(Sha1::digest(&pack));
        pack
    }
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A delta of 100 bytes at most on both sides that replaces all of its base.
pub(crate) fn replacing(base: u8, result: &[u8]) -> Vec<u8> {
    let size = result.len() as u8;
    [&[base, size, size], result].concat()
}

pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The name of an object.
pub(crate) fn id(kind: &str, content: &[u8]) -> ObjectId {
    let head = format!("{kind} {}\0", content.len());
    ObjectId::from_bytes(&Sha1::digest([head.as_bytes(), content].concat())).unwrap()
}

/// The bytes of a tree: (mode, name, object).
pub(crate) fn tree(entries: &[(&str, &[u8], ObjectId)]) -> Vec<u8> {
    let entry =
        |(mode, name, id): &(&str, &[u8], ObjectId)| [mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat();
    entries.iter().flat_map(entry).collect()
}

/// The bytes of a commit.
pub(crate) fn commit(tree: &ObjectId) -> Vec<u8> {
    let who = "A <a@example.com> 1700000000 +0000";
    format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nBy hand\n").into_bytes()
}

/// A pack of a commit with these trees, the first of which is its root.
pub(crate) fn repository(trees: &[Vec<u8>]) -> (Vec<u8>, Target) {
    let mut pack = Pack::default();
    let bytes = commit(&id("tree", &trees[0]));
    pack.whole(COMMIT, &bytes);
    for tree in trees {
        pack.whole(TREE, tree);
    }
    let commit = id("commit", &bytes);
    let target = Target {
        reference: None,
        id: commit,
        commit,
    };
    (pack.finish(), target)
}

/// What becomes of a pack that comes when one small file is asked for.
pub(crate) async fn outcome(pack: &[u8], limits: Limits) -> Result<(), GitError> {
    let place = Place::new();
    let wanted = id("blob", b"wanted");
    let mut remote = Script::answering(packed(pack)).remote_within(limits);
    let done = remote.fetch_blobs(&place.cache, &[wanted]).await;
    let is_there = place.cache.objects(&limits).unwrap().has(&wanted).unwrap();
    assert_eq!(is_there, done.is_ok(), "{done:?}");
    done
}

pub(crate) fn wanted() -> Pack {
    let mut pack = Pack::default();
    pack.whole(BLOB, b"wanted");
    pack
}

pub(crate) const LIMITS: Limits = Limits {
    reply_bytes: 1 << 20,
    references: 100,
    pack_bytes: 1 << 20,
    objects: 1_000,
    object_bytes: 64 << 10,
    total_bytes: 1 << 20,
    delta_depth: 250,
    held_bytes: 1 << 20,
    entries: 1_000,
    path_depth: 64,
    path_bytes: 4096,
    list_bytes: 1 << 20,
    idle: std::time::Duration::from_secs(30),
    total: std::time::Duration::from_secs(600),
};

#[tokio::test]
async fn a_pack_with_deltas_is_taken() {
    let mut pack = Pack::default();
    let base = pack.whole(BLOB, b"base");
    let next = pack.delta(base, &replacing(4, b"between"));
    pack.delta(next, &replacing(7, b"wanted"));
    outcome(&pack.finish(), LIMITS).await.unwrap();
}

#[tokio::test]
async fn what_is_too_much_is_refused_by_its_limit() {
    let mut chain = wanted();
    (0..251).fold(0, |base, at| {
        let text = format!("{:06}", at);
        chain.delta(base, &replacing(6, text.as_bytes()))
    });
    let mut large = Pack::default();
    large.claiming(BLOB, 4 << 30, b"small");
    let mut made_large = wanted();
    made_large.delta(0, &[&[6], varint(1 << 40).as_slice()].concat());
    let mut many_bytes = wanted();
    for _ in 0..17 {
        many_bytes.whole(BLOB, &vec![0; 64 << 10]);
    }
    let mut made_many = wanted();
    for _ in 0..17 {
        made_many.delta(0, &[&[6], varint(64 << 10).as_slice()].concat());
    }
    let mut noise = Sha1::digest(b"noise").to_vec();
    while noise.len() < 60 << 10 {
        noise.extend(Sha1::digest(&noise[noise.len() - 20..]));
    }
    let mut long = wanted();
    for _ in 0..10 {
        long.whole(BLOB, &noise);
    }
    for (name, pack, expected) in [
        (
            "claims more objects than there are",
            wanted().counting(2, u32::MAX),
            Limit::Objects(1_000),
        ),
        ("a chain of deltas", chain.finish(), Limit::DeltaDepth(250)),
        (
            "one that says it is large",
            large.finish(),
            Limit::ObjectBytes(64 << 10),
        ),
        (
            "a delta that makes something large",
            made_large.finish(),
            Limit::ObjectBytes(64 << 10),
        ),
        (
            "many that are large together",
            many_bytes.finish(),
            Limit::TotalBytes(1 << 20),
        ),
        (
            "deltas that make much together",
            made_many.finish(),
            Limit::TotalBytes(1 << 20),
        ),
        ("many bytes", long.finish(), Limit::PackBytes(300 << 10)),
    ] {
        let limits = Limits {
            pack_bytes: 300 << 10,
            ..LIMITS
        };
        let error = outcome(&pack, limits).await.unwrap_err();
        assert!(
            matches!(error, GitError::Pack(PackFault::Limit(limit)) if limit == expected),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn what_is_no_pack_is_refused() {
    let broken = |change: &dyn Fn(&mut Pack) -> usize| {
        let mut pack = wanted();
        change(&mut pack);
        pack.finish()
    };
    let mut named = wanted();
    named.named(&id("blob", b"wanted"), &replacing(6, b"x"));
    let mut behind = wanted().finish();
    behind.push(0);
    let mut cut = wanted().finish();
    cut.pop();
    let mut damaged = wanted();
    damaged.head(BLOB, 5);
    damaged.bytes.extend_from_slice(b"no zlib stream");
    let mut endless = wanted();
    endless.head(BLOB, 5);
    endless.bytes.extend_from_slice(&[0xff; 20]);

    for (expected, pack) in [
        ("no pack of version 2", wanted().counting(3, 1)),
        ("no pack of version 2", b"GIF89a......".to_vec()),
        ("the unknown kind 0", broken(&|pack| pack.whole(0, b"x"))),
        ("the unknown kind 5", broken(&|pack| pack.whole(5, b"x"))),
        ("which was not there before", named.finish()),
        (
            "whose base is not there",
            broken(&|pack| pack.distant(0, &replacing(6, b"x"))),
        ),
        (
            "whose base is not there",
            broken(&|pack| pack.distant(1, &replacing(6, b"x"))),
        ),
        (
            "whose base is not there",
            broken(&|pack| pack.distant(1 << 40, &replacing(6, b"x"))),
        ),
        (
            "whose base is of another size",
            broken(&|pack| pack.delta(0, &replacing(7, b"x"))),
        ),
        (
            "says 5 bytes and is longer",
            broken(&|pack| pack.claiming(BLOB, 5, &vec![0; 1 << 20])),
        ),
        (
            "says 5 bytes and is shorter",
            broken(&|pack| pack.claiming(BLOB, 5, b"four")),
        ),
        ("says 1 bytes and is shorter", broken(&|pack| pack.delta(0, &[6]))),
        ("cannot be inflated", damaged.finish()),
        ("cannot be inflated", endless.finish()),
        ("something behind the pack", behind),
        ("the pack is cut", cut),
        ("the pack is cut", Vec::new()),
    ] {
        let error = outcome(&pack, LIMITS).await.unwrap_err();
        assert!(matches!(error, GitError::Pack(_)), "{expected}: {error:?}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn what_was_measured_is_still_checked() {
    let mut wrong_sum = wanted().finish();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let mut outside = wanted();
    // Copies 100 bytes of a base that has six.
    outside.delta(0, &[6, 100, 0b1001_0000, 100]);
    for (pack, said) in [
        (wrong_sum, "another sum than it says"),
        (outside.finish(), "what its base does not have"),
    ] {
        let error = outcome(&pack, LIMITS).await.unwrap_err();
        assert!(matches!(error, GitError::Pack(_)), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
    }
    // A pack without what was asked for is one, and not enough.
    let mut other = Pack::default();
    other.whole(BLOB, b"other");
    let error = outcome(&other.finish(), LIMITS).await.unwrap_err();
    assert!(matches!(error, GitError::Object(_)), "{error:?}");
}
