//! Processes that are killed while they write, and processes that run out of room.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use k1s_store::Table;
use k1s_store::engine::{Engine, EngineError, KeyRange, RedbEngine};
use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::TempDir;

use crate::subject::{commit, open, put, rows};

/// Set in a child: the path of the store it works on.
const STORE: &str = "K1S_STORE_OF_CHILD";

/// A child that runs one test of this binary; it speaks on standard error.
struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Worker {
    fn start(mut command: Command, test: &str, path: &Path) -> Self {
        let mut child = command
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(STORE, path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Numbers of commits that were reported, up to the end of its output.
    fn reports(&mut self) -> impl Iterator<Item = u32> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("committed ")?.parse().ok())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn this_binary() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

fn write_number(engine: &RedbEngine, number: u32) -> Result<(), EngineError> {
    let value = vec![number as u8; 3000];
    commit(engine, |transaction| {
        for table in [Table::Current, Table::Versions, Table::Inventory] {
            transaction.put(table, &number.to_be_bytes(), &value).unwrap();
        }
    })
}

/// The numbers in the store, which are the same in each table and lack none.
fn numbers(engine: &RedbEngine) -> u32 {
    let read = engine.read().unwrap();
    let [first, others @ ..] = [Table::Current, Table::Versions, Table::Inventory]
        .map(|table| rows(&*read, table, &KeyRange::all(), usize::MAX).unwrap());
    for other in others {
        assert!(other == first);
    }
    for (number, (key, value)) in first.iter().enumerate() {
        assert_eq!(*key, (number as u32).to_be_bytes());
        assert!(*value == vec![number as u8; 3000]);
    }
    first.len() as u32
}

#[test]
fn every_commit_that_was_reported_outlives_a_kill() {
    const TEST: &str = "crash::every_commit_that_was_reported_outlives_a_kill";
    if let Some(path) = std::env::var_os(STORE) {
        let engine = open(Path::new(&path)).unwrap();
        for number in numbers(&engine).. {
            write_number(&engine, number).unwrap();
            eprintln!("committed {number}");
        }
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let mut last = None;
    for round in 0..6 {
        let mut worker = Worker::start(this_binary(), TEST, &path);
        let awaited = worker.reports().nth(round * 3).unwrap();
        let asked = Instant::now();
        assert!(matches!(open(&path), Err(EngineError::Locked { .. })));
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        worker.child.kill().unwrap();
        let reported = worker.reports().last().unwrap_or(awaited);
        worker.child.wait().unwrap();
        assert_opens_without_repair(&path);
        let kept = numbers(&open(&path).unwrap());
        assert!(
            (reported + 1..=reported + 2).contains(&kept),
            "{reported} was reported, {kept} are kept"
        );
        assert!(last < Some(reported));
        last = Some(reported);
    }
}

/// A repair walks the whole file; every commit is made so that none is needed.
pub(crate) fn assert_opens_without_repair(path: &Path) {
    redb::Database::builder()
        .set_repair_callback(redb::RepairSession::abort)
        .open(path)
        .unwrap();
}

#[test]
fn a_full_disk_closes_the_engine_until_it_is_reopened() {
    const TEST: &str = "crash::a_full_disk_closes_the_engine_until_it_is_reopened";
    if let Some(path) = std::env::var_os(STORE) {
        run_out_of_room(&open(Path::new(&path)).unwrap());
        eprintln!("committed 0");
        return;
    }
    let directory = TempDir::new().unwrap();
    // Without the signal, a write beyond the limit fails as one to a full disk does.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    let mut worker = Worker::start(shell, TEST, &directory.path().join("store"));
    let mut told = Vec::new();
    for line in worker.lines.by_ref() {
        told.push(line.unwrap());
    }
    assert!(worker.child.wait().unwrap().success(), "{}", told.join("\n"));
    assert!(told.contains(&"committed 0".to_owned()), "{}", told.join("\n"));
}

/// The largest file this process may write; others are not affected.
fn limit_files(bytes: Option<u64>) {
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: bytes,
            maximum: None,
        },
    )
    .unwrap();
}

fn run_out_of_room(engine: &RedbEngine) {
    let length = || std::fs::metadata(engine.path()).unwrap().len();
    let large = vec![7; 4 << 20];
    put(engine, Table::Meta, &[(b"before", b"1")]).unwrap();
    for round in 0..3_u8 {
        limit_files(Some(length() + (1 << 20)));
        let before = engine.read().unwrap();
        let outcome = put(
            engine,
            Table::Meta,
            &[(b"small", &[round]), (b"large", &large), (&[round], &large)],
        );
        assert!(
            matches!(&outcome, Err(EngineError::Io { path, .. }) if path == engine.path()),
            "{outcome:?}"
        );
        drop(before);
        for _ in 0..2 {
            let outcome = put(engine, Table::Meta, &[(b"after", b"1")]);
            assert!(matches!(&outcome, Err(EngineError::Closed { .. })), "{outcome:?}");
        }
        limit_files(None);
        let outcome = put(engine, Table::Meta, &[(b"after", b"1")]);
        assert!(
            matches!(&outcome, Err(EngineError::Closed { .. })),
            "room alone does not reopen: {outcome:?}"
        );
        engine.reopen().unwrap();
        let read = engine.read().unwrap();
        assert_eq!(read.get(Table::Meta, b"before").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(
            read.get(Table::Meta, b"small").unwrap(),
            round.checked_sub(1).map(|earlier| vec![earlier])
        );
        assert_eq!(read.get(Table::Meta, b"after").unwrap(), None);
        drop(read);
        put(engine, Table::Meta, &[(b"small", &[round]), (&[round], &large)]).unwrap();
    }
}
