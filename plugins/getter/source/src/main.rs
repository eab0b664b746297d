//! The executable `k1s-sync-getter`: a source plugin, and `fetch` and `lock` for people.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use k1s_sync_getter::{Asked, Getter, fetch, lock};

fn main() -> ExitCode {
    match Asked::of(std::env::args_os()) {
        Asked::Fetch(arguments) => fetch(&arguments),
        Asked::Lock(arguments) => lock(&arguments),
        Asked::Else => k1s_source::serve::<Getter>(),
    }
}
