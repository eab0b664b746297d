//! The executable `k1s-sync-host`; everything is in the library of the same name.
#![forbid(unsafe_code)]

fn main() -> k1s_sync_host::cli::Outcome {
    k1s_sync_host::main()
}
