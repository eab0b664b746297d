//! States that are not whole, and contents that are lost.

use std::fs;
use std::future::ready;

use super::*;
use crate::content::Content;
use crate::custody::Custody;
use crate::origin::Pending;
use crate::tree::{Blob, Entry, Kind, Mode, Stillness};
use crate::wish::Files;

/// An origin that finds what it is told to, and brings nothing.
struct Told {
    cache: Arc<Cache>,
    trees: VecDeque<Tree>,
    /// What has become of what was taken, look by look; places without a history at last.
    descents: VecDeque<Descent>,
    /// The marks that it was asked with.
    asked: tokio::sync::mpsc::Sender<Option<Mark>>,
}

impl Origin for Told {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, _wish: &'a Wish) -> Pending<'a, Looked> {
        self.asked.try_send(last.cloned()).unwrap();
        let looked = self.trees.pop_front().map_or(Looked::Same, Looked::Other);
        Box::pin(ready(Ok(looked)))
    }

    fn descent<'a>(&'a mut self, taken: Option<&'a str>) -> Pending<'a, Option<Descent>> {
        let descent = self.descents.pop_front();
        assert_eq!(descent == Some(Descent::Unknown), descent.is_some() && taken.is_none());
        Box::pin(ready(Ok(descent)))
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}

fn tree(mark: &str, content: &Content) -> Tree {
    let kind = Kind::File(Blob {
        content: content.clone(),
        bytes: None,
        mode: Mode::Plain,
    });
    Tree {
        revision: mark.to_owned(),
        mark: Mark(mark.to_owned()),
        entries: vec![Entry {
            path: RelPath::new("a.yaml").unwrap(),
            kind,
        }],
        ..Tree::default()
    }
}

struct Room {
    folder: tempfile::TempDir,
    cache: Arc<Cache>,
    asked: tokio::sync::mpsc::Receiver<Option<Mark>>,
}

/// An origin that has one state, and a second behind a gate.
struct Gated {
    cache: Arc<Cache>,
    trees: VecDeque<Tree>,
    gate: Option<tokio::sync::oneshot::Receiver<()>>,
}

impl Origin for Gated {
    fn look<'a>(&'a mut self, _last: Option<&'a Mark>, _wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(async move {
            if self.trees.len() == 1
                && let Some(gate) = self.gate.take()
            {
                gate.await.unwrap();
            }
            Ok(self.trees.pop_front().map_or(Looked::Same, Looked::Other))
        })
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}

/// A bench whose origin has the state `one`, and then `two`, which it is waited for at a gate.
pub(crate) fn gated(gate: tokio::sync::oneshot::Receiver<()>) -> (impl Sized, Bench) {
    let (room, mut bench) = bench(|_| Vec::new());
    let cache = Arc::clone(&bench.cache);
    let trees = ["one", "two"].map(|mark| tree(mark, &put(&cache, "same")));
    bench.origin = Box::new(Gated {
        cache,
        trees: trees.into(),
        gate: Some(gate),
    });
    (room, bench)
}

fn bench(trees: impl FnOnce(&Cache) -> Vec<Tree>) -> (Room, Bench) {
    bench_of(trees, &[])
}

fn bench_of(trees: impl FnOnce(&Cache) -> Vec<Tree>, descents: &[Descent]) -> (Room, Bench) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(Cache::open(&folder.path().join("cache")).unwrap());
    let (sender, asked) = tokio::sync::mpsc::channel(8);
    let origin = Told {
        trees: trees(&cache).into(),
        descents: descents.iter().copied().collect(),
        cache: Arc::clone(&cache),
        asked: sender,
    };
    let bench = Bench {
        wish: Wish {
            subdir: None,
            files: Files::All,
            file_bytes: 100,
            pinned: None,
        },
        wish_mark: "w".to_owned(),
        locked: None,
        scale: Scale {
            file_bytes: 100,
            total_bytes: 1000,
        },
        origin: Box::new(origin),
        contents: None,
        cache: Arc::clone(&cache),
        turn: Arc::new(Semaphore::new(1)),
        kept: None,
        past: None,
        told: watch::Sender::default(),
    };
    (Room { folder, cache, asked }, bench)
}

fn put(cache: &Cache, text: &str) -> Content {
    cache.put(&mut text.as_bytes(), 100).unwrap();
    Content::of(text.as_bytes())
}

fn revision(bench: &Bench) -> Option<String> {
    bench.kept().map(|kept| kept.revision.clone())
}

#[tokio::test]
async fn a_state_that_cannot_be_read_takes_the_place_of_none() {
    let lost = Content::of(b"never came");
    let (room, mut bench) = bench(|cache| vec![tree("one", &put(cache, "one")), tree("two", &lost)]);
    assert_eq!(bench.refresh(Holding::Nothing).await.unwrap(), News::Some);
    let refused = bench.refresh(Holding::Nothing).await.unwrap_err();
    assert!(
        matches!(refused, OriginError::Cache(crate::cache::CacheError::Lost(_))),
        "{refused}"
    );
    assert_eq!(revision(&bench).as_deref(), Some("one"));
    assert_eq!(room.cache.last().unwrap().revision, "one");
}

#[tokio::test]
async fn what_was_lost_is_asked_for_anew_and_the_rest_is_still_known() {
    let (mut room, mut bench) = bench(|cache| vec![tree("one", &put(cache, "one"))]);
    bench.refresh(Holding::Nothing).await.unwrap();
    let kept = bench.kept().unwrap();
    let content = kept.contents().next().unwrap();
    fs::remove_dir_all(room.folder.path().join("cache/blobs")).unwrap();
    let unread = || VecDeque::from([Unread::new(0, content.clone())]);
    assert!(bench.parse(unread(), ObjectLimits::default()).await.is_err());
    assert_eq!(revision(&bench).as_deref(), Some("one"));
    bench.refresh(Holding::Nothing).await.unwrap();
    assert_eq!(room.asked.try_recv().unwrap(), None);
    // It is not said of which state it is, so that the origin brings all of it.
    assert_eq!(room.asked.try_recv().unwrap(), Some(Mark::default()));
}

#[tokio::test]
async fn another_place_stays_another_one() {
    let trees = |cache: &Cache| {
        let content = put(cache, "same");
        ["one", "two", "three"].map(|mark| tree(mark, &content)).to_vec()
    };
    let (room, mut bench) = bench_of(trees, &[Descent::Unknown, Descent::Another, Descent::Same]);
    for (news, taken, place) in [
        (News::Some, "one", None),
        // It has the same files, and is another place all the same.
        (News::Some, "two", Some("two")),
        (News::None, "three", Some("two")),
    ] {
        assert_eq!(bench.refresh(Holding::Nothing).await.unwrap(), news, "{place:?}");
        assert_eq!(bench.place(), place);
        assert_eq!(room.cache.last().unwrap().place.as_deref(), place);
        let remembered = Past::new(taken.to_owned(), place.map(str::to_owned));
        assert_eq!(room.cache.past(None), Some(remembered));
    }
}

/// With another wish nothing is known of what is there, and with damaged contents nothing is believed of it; the place is the
/// one that it was in either case.
#[tokio::test]
async fn what_is_remembered_of_a_place_depends_on_nothing_else() {
    for is_doubted in [true, false] {
        let trees = |cache: &Cache| {
            let content = put(cache, "same");
            ["one", "two", "three"].map(|mark| tree(mark, &content)).to_vec()
        };
        let (room, mut bench) = bench_of(trees, &[Descent::Unknown, Descent::Another, Descent::Same]);
        for (holding, place) in [
            (Holding::Nothing, None),
            (Holding::Objects, Some("two")),
            (Holding::Objects, Some("two")),
        ] {
            bench.refresh(holding).await.unwrap();
            assert_eq!(bench.place(), place);
            assert_eq!(room.cache.past(None).unwrap().place.as_deref(), place);
            if is_doubted {
                bench.doubt().await.unwrap();
            } else {
                bench.wish_mark.push('x');
                bench.kept = None;
            }
        }
    }
}

/// Nobody knows what the host's objects were taken of: they stay until somebody says that this is it.
#[tokio::test]
async fn where_nothing_is_remembered_nothing_that_the_host_has_is_taken_away() {
    for (holding, place) in [(Holding::Nothing, None), (Holding::Objects, Some("one"))] {
        let trees = |cache: &Cache| ["one", "two"].map(|mark| tree(mark, &put(cache, "same"))).to_vec();
        let (room, mut bench) = bench_of(trees, &[Descent::Unknown, Descent::Same]);
        bench.refresh(holding).await.unwrap();
        assert_eq!(bench.place(), place);
        bench.refresh(Holding::Objects).await.unwrap();
        assert_eq!(bench.place(), place);
        assert_eq!(room.cache.past(None).unwrap().place.as_deref(), place);
    }
    // A place without a history is the one that it is called.
    let (room, mut bench) = bench(|cache| vec![tree("one", &put(cache, "one"))]);
    bench.refresh(Holding::Objects).await.unwrap();
    assert_eq!((bench.place(), room.cache.past(None)), (None, None));
}

/// What was found while names moved is told as that, and once more when they rest.
#[tokio::test]
async fn what_moved_while_it_was_found_is_not_all_there_is() {
    let trees = |cache: &Cache| {
        let content = put(cache, "same");
        let moving = Tree {
            stillness: Stillness::Moving,
            ..tree("one moving", &content)
        };
        vec![moving, tree("one", &content)]
    };
    let (room, mut bench) = bench(trees);
    for is_still in [false, true] {
        assert_eq!(bench.refresh(Holding::Nothing).await.unwrap(), News::Some, "{is_still}");
        assert_eq!(bench.kept().unwrap().stillness.is_still(), is_still);
        assert_eq!(room.cache.last(), bench.kept().as_deref().cloned());
    }
}

/// What a snapshot follows from is on the disk before it, so that no crash leaves a snapshot of another place alone.
#[tokio::test]
async fn a_place_is_remembered_before_anything_of_it_is_published() {
    let trees = |cache: &Cache| ["one", "two"].map(|mark| tree(mark, &put(cache, "same"))).to_vec();
    let (room, mut bench) = bench_of(trees, &[Descent::Unknown, Descent::Another]);
    bench.refresh(Holding::Nothing).await.unwrap();
    let snapshot = room.folder.path().join("cache/snapshot");
    let (before, past) = (room.cache.last().unwrap(), room.cache.past(None).unwrap());
    fs::remove_file(&snapshot).unwrap();
    fs::create_dir(&snapshot).unwrap();
    assert!(
        bench.refresh(Holding::Objects).await.is_err(),
        "nothing takes the place of a directory"
    );
    let after = Past::new("two".to_owned(), Some("two".to_owned()));
    assert_eq!(room.cache.past(Some(&before)), Some(after));
    // Where there is no such file, as of versions before, the snapshot says what was taken.
    fs::remove_file(room.folder.path().join("cache/past")).unwrap();
    assert_eq!(room.cache.past(Some(&before)), Some(past));
}

#[tokio::test]
async fn what_is_not_at_the_revision_of_the_lock_file_is_not_taken() {
    let (mut room, mut bench) = bench(|cache| {
        let (one, two) = (put(cache, "one"), put(cache, "two"));
        vec![tree("one", &one), tree("two", &two), tree("two", &two)]
    });
    let address = k1s_getter_address::Address::parse("/a", &k1s_getter_address::Policy::default()).unwrap();
    let (target, path) = (Target::new(address), room.folder.path().join("lock"));
    let says = |revision: &str| {
        let mut lock = crate::lock::Lock::default();
        lock.note(&target, revision.to_owned());
        lock.write(&path).unwrap();
    };
    bench.locked = Some(Locked::new(&path, &target));
    assert!(
        matches!(bench.refresh(Holding::Nothing).await, Err(OriginError::Lock(_))),
        "there is none"
    );
    says("one");
    bench.refresh(Holding::Nothing).await.unwrap();
    let moved = bench.refresh(Holding::Nothing).await.unwrap_err();
    assert!(moved.to_string().contains("it is at two"), "{moved}");
    assert_eq!(revision(&bench).as_deref(), Some("one"));
    // Once another is locked, what was known is not it, and still is what the origin is asked with.
    says("three");
    assert!(bench.refresh(Holding::Nothing).await.is_err());
    assert_eq!(revision(&bench), None);
    assert!(
        matches!(bench.refresh(Holding::Nothing).await, Err(OriginError::Lock(_))),
        "it is the same"
    );
    says("one");
    bench.refresh(Holding::Nothing).await.unwrap();
    assert_eq!(revision(&bench).as_deref(), Some("one"));
    let asked: Vec<_> = std::iter::from_fn(|| room.asked.try_recv().ok()).collect();
    assert_eq!(asked[0], None);
    assert!(
        asked[1..].iter().all(|mark| *mark == Some(Mark("one".to_owned()))),
        "{asked:?}"
    );
}

/// A session that ends while its state is published leaves it to be published, and the next one begins with that.
#[tokio::test]
async fn work_that_nobody_waits_for_is_done_before_the_next() {
    let (room, bench) = bench(|cache| vec![tree("one", &put(cache, "one")), tree("two", &put(cache, "two"))]);
    let turn = Arc::clone(&bench.turn);
    let held = turn.acquire().await.unwrap();
    let standing = bench.standing();
    let mut custody = Custody::new(bench);
    let refresh = custody.lend(|bench| Box::pin(bench.refresh(Holding::Nothing)));
    let is_over = tokio::time::timeout(std::time::Duration::ZERO, refresh).await.is_err();
    assert!(is_over, "it waits for its turn");
    drop(held);
    assert_eq!(revision(custody.held().await.unwrap()).as_deref(), Some("one"));
    let told = standing.borrow().kept.as_ref().map(|kept| kept.revision.clone());
    assert_eq!(told.as_deref(), Some("one"));
    assert_eq!(room.cache.last().unwrap().revision, "one");
}
