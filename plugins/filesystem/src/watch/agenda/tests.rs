//! What is noticed when, and what is due then, under simulated time.

use super::*;

const DEBOUNCE: u64 = 100;
const SETTLE: u64 = 1_000;

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn key(name: &str) -> Key {
    Key {
        kind: "ConfigMap".to_owned(),
        name: name.to_owned(),
        ..Key::default()
    }
}

fn paths(texts: &[&str]) -> Interest {
    Interest::Paths(texts.iter().map(|text| path(text)).collect())
}

/// An agenda and its clock, in milliseconds since it began.
struct Clock {
    began: Instant,
    agenda: Agenda,
}

impl Clock {
    fn new() -> Self {
        Self::with(Links::Report, None)
    }

    fn with(links: Links, poll: Option<u64>) -> Self {
        let timing = Timing {
            debounce: Duration::from_millis(DEBOUNCE),
            settle: Duration::from_millis(SETTLE),
            poll: poll.map(Duration::from_millis),
        };
        Self {
            began: Instant::now(),
            agenda: Agenda::new(timing, links),
        }
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.began + Duration::from_millis(milliseconds)
    }

    fn change(&mut self, text: &str, milliseconds: u64) {
        let now = self.at(milliseconds);
        self.agenda.handle_change(path(text), now);
    }

    fn missing(&mut self, name: &str, text: &str, milliseconds: u64) {
        let now = self.at(milliseconds);
        self.agenda.handle_missing(key(name), &path(text), now);
    }

    fn unreadable(&mut self, text: &str, milliseconds: u64) -> Doubt {
        let now = self.at(milliseconds);
        self.agenda.handle_unreadable(&path(text), now)
    }

    /// When something is due next.
    fn due(&self) -> Option<u64> {
        let due = self.agenda.next_timeout()?;
        Some(due.duration_since(self.began).as_millis().try_into().unwrap())
    }

    fn take(&mut self, milliseconds: u64) -> Option<Work> {
        let now = self.at(milliseconds);
        self.agenda.take(now)
    }

    fn settled(&mut self, milliseconds: u64) -> Vec<String> {
        let now = self.at(milliseconds);
        let settled = self.agenda.take_settled(now);
        settled
            .iter()
            .map(|(key, path)| format!("{} {path}", key.name))
            .collect()
    }
}

#[test]
fn an_idle_agenda_has_nothing_to_wait_for() {
    let mut clock = Clock::new();
    assert_eq!((clock.due(), clock.take(1_000_000)), (None, None));
    clock.change("a.yaml", 0);
    assert_eq!(clock.take(100), Some(Work::Look(paths(&["a.yaml"]))));
    clock.agenda.handle_readable(&path("a.yaml"));
    assert_eq!((clock.due(), clock.take(1_000_000)), (None, None));
}

#[test]
fn changes_wait_for_quiet_and_are_looked_at_together() {
    let mut clock = Clock::new();
    for (text, time) in [("a.yaml", 0), ("d/b.yaml", 60), ("a.yaml", 120)] {
        clock.change(text, time);
        assert_eq!((clock.due(), clock.take(time + 99)), (Some(time + 100), None));
    }
    assert_eq!(clock.take(220), Some(Work::Look(paths(&["a.yaml", "d/b.yaml"]))));
    assert_eq!(clock.due(), None);
}

#[test]
fn a_stream_of_changes_is_looked_at_now_and_then() {
    let mut clock = Clock::new();
    (0..=990).step_by(10).for_each(|time| clock.change("a.yaml", time));
    assert_eq!(clock.due(), Some(1_000));
    assert_eq!(clock.take(1_000), Some(Work::Look(paths(&["a.yaml"]))));
}

#[test]
fn some_files_decide_about_others() {
    for (links, changed, expected) in [
        (Links::Report, "a.yaml", Work::Look(paths(&["a.yaml"]))),
        (Links::Report, "x/.k1signore", Work::Look(paths(&["x"]))),
        (Links::Report, ".k1signore", Work::Look(paths(&[""]))),
        (Links::Report, "x/Chart.yaml", Work::Look(paths(&["x"]))),
        (Links::Report, ".k1s-root", Work::Relist),
        (Links::Report, "x/.k1s-root", Work::Look(paths(&["x/.k1s-root"]))),
        (Links::Follow, "..data", Work::Look(Interest::Everything)),
    ] {
        let mut clock = Clock::with(links, None);
        clock.change(changed, 0);
        assert_eq!(clock.take(100), Some(expected), "{changed}");
    }
}

#[test]
fn what_was_lost_is_listed_whatever_else_was_noticed() {
    let mut clock = Clock::new();
    clock.change("a.yaml", 0);
    let now = clock.at(10);
    clock.agenda.handle_loss(now);
    clock.change("b.yaml", 20);
    assert_eq!(clock.take(120), Some(Work::Relist));
}

#[test]
fn too_many_paths_are_everything() {
    let mut clock = Clock::new();
    for number in 0..=MOST_PATHS {
        clock.change(&format!("{number}.yaml"), 0);
    }
    assert_eq!(clock.take(100), Some(Work::Look(Interest::Everything)));
}

#[test]
fn a_delete_is_due_when_it_has_settled_and_all_is_read() {
    let mut clock = Clock::new();
    clock.missing("a", "a.yaml", 0);
    clock.missing("b", "b.yaml", 400);
    clock.missing("a", "a.yaml", 500);
    assert_eq!((clock.due(), clock.take(1_399)), (Some(1_400), None));
    clock.change("c.yaml", 1_390);
    assert_eq!(clock.take(1_400), None, "something is still to be read");
    assert_eq!(clock.take(1_490), Some(Work::Look(paths(&["c.yaml"]))));
    assert_eq!(clock.take(1_490), Some(Work::Delete(paths(&["a.yaml", "b.yaml"]))));
    clock.agenda.handle_declared(&key("a"));
    assert_eq!(clock.settled(1_490), ["b b.yaml"]);
    assert_eq!(clock.due(), None);
}

#[test]
fn deletes_that_keep_coming_wait_so_long_and_no_longer() {
    let mut clock = Clock::new();
    (0..10).for_each(|step| clock.missing(&format!("m{step}"), "d.yaml", step * 999));
    assert_eq!(clock.due(), Some(9_991));
    clock.missing("last", "d.yaml", 9_980);
    assert_eq!(clock.take(10_000), Some(Work::Delete(paths(&["d.yaml"]))));
    assert_eq!(clock.settled(10_000).len(), 10, "the last has not settled");
    assert_eq!(clock.due(), Some(10_980));
}

#[test]
fn a_doubt_is_read_again_and_then_reported() {
    let mut clock = Clock::new();
    assert_eq!(clock.unreadable("a.yaml", 0), Doubt::Wait);
    clock.change("a.yaml", 300);
    assert_eq!(clock.take(400), Some(Work::Look(paths(&["a.yaml"]))));
    assert_eq!(clock.unreadable("a.yaml", 400), Doubt::Wait);
    assert_eq!((clock.due(), clock.take(999)), (Some(1_000), None));
    assert_eq!(clock.take(1_000), Some(Work::Look(paths(&["a.yaml"]))));
    assert_eq!(clock.unreadable("a.yaml", 1_000), Doubt::Report);
    assert_eq!(clock.due(), None);
    assert_eq!(clock.unreadable("a.yaml", 5_000), Doubt::Wait, "a later one is another");
    clock.agenda.handle_readable(&path("a.yaml"));
    assert_eq!(clock.due(), None);
}

#[test]
fn what_cannot_be_read_deletes_nothing() {
    let mut clock = Clock::new();
    clock.missing("a", "a.yaml", 0);
    clock.missing("b", "b.yaml", 0);
    clock.unreadable("a.yaml", 500);
    assert_eq!(clock.settled(5_000), ["b b.yaml"]);
}

#[test]
fn a_root_that_is_gone_is_looked_for_and_nothing_else_is_due() {
    let mut clock = Clock::new();
    clock.missing("a", "a.yaml", 0);
    clock.change("a.yaml", 0);
    clock.unreadable("b.yaml", 0);
    let now = clock.at(50);
    clock.agenda.handle_root_gone(now);
    assert_eq!((clock.due(), clock.take(1_049)), (Some(1_050), None));
    assert_eq!(clock.take(1_050), Some(Work::FindRoot));
    assert_eq!(clock.due(), Some(2_050));
    // The parent tells.
    let now = clock.at(1_200);
    clock.agenda.handle_loss(now);
    assert_eq!(clock.take(1_300), Some(Work::FindRoot));
    let now = clock.at(1_310);
    clock.agenda.handle_listed(now);
    assert_eq!((clock.due(), clock.settled(100_000)), (None, vec![]));
}

#[test]
fn a_listing_settles_everything_but_what_came_meanwhile() {
    let mut clock = Clock::new();
    clock.missing("a", "a.yaml", 0);
    clock.unreadable("b.yaml", 0);
    clock.change("c.yaml", 10);
    let now = clock.at(20);
    clock.agenda.handle_listed(now);
    assert_eq!(clock.take(110), Some(Work::Look(paths(&["c.yaml"]))));
    assert_eq!(clock.due(), None);
}

#[test]
fn polling_looks_at_everything_at_its_interval() {
    let mut clock = Clock::with(Links::Report, Some(5_000));
    assert_eq!(clock.due(), None, "nothing was listed yet");
    let now = clock.at(0);
    clock.agenda.handle_listed(now);
    assert_eq!((clock.due(), clock.take(4_999)), (Some(5_000), None));
    assert_eq!(clock.take(5_100), Some(Work::Look(Interest::Everything)));
    assert_eq!(clock.due(), Some(10_100));
    let now = clock.at(6_000);
    clock.agenda.set_poll(None, now);
    assert_eq!(clock.due(), None);
}
