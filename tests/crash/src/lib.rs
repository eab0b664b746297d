//! Places at which a process can be made to die or to stand still, in a build with debug assertions only.
//!
//! The product names the places that `docs/reliability.md` speaks of by calling [`pass`] there. In any other build that
//! is nothing: neither the names nor the variables below are in the program, which a test of the tree holds it to.
//!
//! - `K1S_CRASH_AT` names the passages after which the process kills itself: `H6` the first, `H3:2` the second, and
//!   `H8,H6` the first of H6 after the first of H8.
//! - `K1S_HOLD_AT` likewise, for a process that stops (SIGSTOP) and waits to be continued or killed.
//! - `K1S_CRASH_MARK` names a file that is made just before. Where it is there already nothing happens, so that a process
//!   that is started again with the same environment lives.
//!
//! Death is by SIGKILL, as it would come from outside: nothing is flushed, told or tidied, and no abort looks like it.
#![forbid(unsafe_code)]

#[cfg(debug_assertions)]
mod plan;

macro_rules! points {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// A place in the product. The plugin's begin with K and are in its SDK, the host's begin with H. Those that the
        /// documentation has and this list has not are made of others, of both processes.
        #[derive(Clone, Copy)]
        pub enum Point {
            $($(#[$doc])+ $name,)+
        }

        #[cfg(debug_assertions)]
        impl Point {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

points! {
    /// The plugin was asked for the handshake and has not answered.
    K1,
    /// The plugin heard everything that opens a session and has said nothing.
    K2,
    /// The plugin is about to send a batch without deletes.
    K3,
    /// The plugin wrote half of a large part of its stream.
    K4,
    /// The plugin is between two documents of one file.
    K5,
    /// The plugin is about to send the end of a listing.
    K8,
    /// The plugin is about to send a batch with deletes.
    K9,
    /// The plugin was asked to stop and is about to say that it has drained.
    K10,
    /// The host is connected to the plugin and has not said a word.
    H1,
    /// The host received the begin of a listing.
    H2,
    /// The host received a batch and has not handed it to the store.
    H3,
    /// The store applied an event of a batch, inside a transaction, and more may follow.
    H5,
    /// The store is about to commit.
    H6,
    /// The store has committed, and nobody knows.
    H7,
    /// The host received the end of a listing and has not handed it to the store.
    H8,
    /// The store deleted objects inside a transaction.
    H9,
    /// The host heard that the plugin has drained.
    H10,
    /// The store holds its data file and has not read it.
    H11,
    /// The store's data file was found sound or was repaired, and nothing of it was used.
    H12,
    /// The store is about to sync its data file.
    H13,
    /// The store is about to make its data file longer or shorter.
    H14,
}

/// Says that a place is passed: the process may end here.
#[inline(always)]
pub fn pass(point: Point) {
    pass_by(|| Some(point));
}

/// Says that a place may be passed; which one is asked in a debug build only.
#[inline(always)]
pub fn pass_by(point: impl FnOnce() -> Option<Point>) {
    pass_after(point, || {});
}

/// Says that a place may be passed; `last_words` are done if the process ends or stops here, just before it does.
#[inline(always)]
pub fn pass_after(point: impl FnOnce() -> Option<Point>, last_words: impl FnOnce()) {
    #[cfg(debug_assertions)]
    plan::pass(point, last_words);
    #[cfg(not(debug_assertions))]
    drop((point, last_words));
}
