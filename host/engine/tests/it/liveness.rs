//! The liveness clock: who is to move, and how long may it take?

use std::time::Duration;

use k1s_sync_engine::liveness::Liveness;
use k1s_sync_engine::message::Activity::{Waiting, Working};

use crate::cast::{START, after};

fn clock() -> Liveness {
    Liveness::new(Some(Duration::from_secs(60)), START)
}

#[test]
fn silence_of_a_source_at_work_is_a_hang() {
    let clock = clock();
    assert_eq!(clock.deadline(), Some(after(60)));
    assert!(!clock.is_hung(after(59)));
    assert!(clock.is_hung(after(60)));
}

#[test]
fn every_sign_and_every_beat_that_got_further_winds_the_clock() {
    let mut clock = clock();
    clock.handle_sign(after(10));
    assert_eq!(clock.deadline(), Some(after(70)));
    clock.handle_heartbeat(0, Working, after(20));
    assert_eq!(clock.deadline(), Some(after(80)));
    clock.handle_heartbeat(1, Working, after(30));
    assert_eq!(clock.deadline(), Some(after(90)));
}

#[test]
fn a_loop_that_beats_without_getting_anywhere_hangs() {
    let mut clock = clock();
    clock.handle_heartbeat(7, Working, after(10));
    for beat in 2..7 {
        clock.handle_heartbeat(7, Working, after(10 * beat));
        clock.handle_heartbeat(3, Working, after(10 * beat));
    }
    assert!(clock.is_hung(after(70)));
}

#[test]
fn a_waiting_source_may_be_silent_forever() {
    let mut clock = clock();
    clock.handle_heartbeat(1, Waiting, after(10));
    assert_eq!(clock.deadline(), None);
    assert!(!clock.is_hung(after(1_000_000)));
    clock.handle_heartbeat(1, Working, after(500));
    assert_eq!(clock.deadline(), Some(after(560)));
}

#[test]
fn the_clock_stands_still_while_the_host_is_to_move() {
    let mut clock = clock();
    clock.handle_taken();
    assert_eq!(clock.deadline(), None);
    clock.handle_sign(after(100));
    assert_eq!(clock.deadline(), None);
    clock.handle_settled(after(300));
    assert_eq!(clock.deadline(), Some(after(360)));
}

#[test]
fn an_announced_rate_limit_stops_the_clock_until_then() {
    let mut clock = clock();
    clock.handle_rate_limit(after(600));
    assert_eq!(clock.deadline(), Some(after(660)));
    clock.handle_sign(after(630));
    assert_eq!(clock.deadline(), Some(after(690)));
}

#[test]
fn without_a_limit_the_clock_never_runs() {
    let clock = Liveness::new(None, START);
    assert_eq!(clock.deadline(), None);
    assert!(!clock.is_hung(after(1_000_000)));
}
