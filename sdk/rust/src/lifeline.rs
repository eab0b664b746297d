//! Standard input is the lifeline: when it ends, the host is gone and so is this process.

use std::io::{self, ErrorKind, Read};
use std::process;
use std::thread;

/// Watches standard input from a thread of its own, so that nothing that blocks the runtime can outlive the host.
pub(crate) fn hold() {
    let watch = thread::Builder::new().name("lifeline".to_owned()).spawn(|| {
        wait_for_end(io::stdin().lock());
        // Everything the host has made durable is so without us, and nobody is left to say goodbye to.
        process::exit(0)
    });
    if let Err(error) = watch {
        tracing::error!(%error, "cannot watch standard input");
        process::exit(1)
    }
}

/// Reads until the end or an error; what is written there has no meaning.
fn wait_for_end(mut input: impl Read) {
    let mut bytes = [0; 64];
    loop {
        match input.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
