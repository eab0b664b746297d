//! One address, asked once and without a host.
//!
//! How far it is shows where standard error is a terminal; elsewhere nothing is said of it.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::runtime::{Builder, Runtime};

use crate::cache::Cache;
use crate::config::Settings;
use crate::content::Content;
use crate::local::LocalError;
use crate::lock::Locked;
use crate::origin::{Contents, Looked, Meter, Origin, OriginError};
use crate::origins::{self, Unsupported};
use crate::target::Target;
use crate::tree::Tree;
use crate::wish::{Files, Wish};

/// How often the progress is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(100);
/// How far it is, where the whole is not known, and where it is: objects of a pack, bytes of anything else.
const OPEN: &str = "{spinner} {msg} {prefix} in {elapsed}";
const OF_A_WHOLE: &str = "{spinner} {msg} {prefix} {bar:24} {percent}% in {elapsed}";

/// Nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrandError {
    /// The address is of a kind that nothing fetches.
    #[error("{0}")]
    Unsupported(#[source] Unsupported),
    /// The runtime does not start.
    #[error("the runtime cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// The origin fails.
    #[error("{address}: {source}")]
    Origin {
        /// The address, without secrets.
        address: String,
        /// Why.
        #[source]
        source: Box<OriginError>,
    },
}

/// One address, asked once.
pub(crate) struct Errand {
    address: String,
    wish: Wish,
    locked: Option<Locked>,
    origin: Box<dyn Origin>,
    meter: Arc<Meter>,
    runtime: Runtime,
    bar: ProgressBar,
}

impl Errand {
    /// Sets out for all that an address names, with a cache in `folder`; `lock_file` says at which revision it has to be.
    ///
    /// # Errors
    /// Fails if the cache cannot be made, or nothing fetches such an address.
    pub(crate) fn new(
        target: &Target,
        settings: &Settings,
        folder: &Path,
        lock_file: Option<&Path>,
    ) -> Result<Self, ErrandError> {
        let address = target.shown();
        let cache = Cache::open(folder).map_err(|error| origin(&address, error.into()))?;
        let meter = Arc::new(Meter::default());
        let access = &settings.access;
        let opened = origins::open(&target.address, access, Arc::new(cache), &meter);
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            wish: Wish {
                subdir: target.address.subdir.clone(),
                files: Files::All,
                file_bytes: access.bounds.archive.file_bytes,
                pinned: None,
            },
            locked: lock_file.map(|path| Locked::new(path, target)),
            origin: opened.map_err(ErrandError::Unsupported)?,
            meter,
            runtime: runtime.map_err(ErrandError::Runtime)?,
            bar: bar(&address),
            address,
        })
    }

    /// Returns what is wanted.
    pub(crate) fn wish(&self) -> &Wish {
        &self.wish
    }

    /// Says that the origin fails.
    pub(crate) fn fault(&self, error: OriginError) -> ErrandError {
        origin(&self.address, error)
    }

    /// Finds out what is there, which for some origins brings it.
    ///
    /// # Errors
    /// Fails if that cannot be found out, or it is not at the revision of the lock file.
    pub(crate) fn look(&mut self) -> Result<Tree, ErrandError> {
        let fault = |error: OriginError| origin(&self.address, error);
        let revision = self.locked.as_ref().map(Locked::revision).transpose();
        self.wish.pinned = revision.map_err(|error| fault(error.into()))?;
        let looking = self.origin.look(None, &self.wish);
        let looked = self.runtime.block_on(shown(&self.bar, &self.meter, looking));
        let tree = match looked.map_err(fault)? {
            Looked::Other(tree) => tree,
            Looked::Same => Tree::default(),
        };
        // What is brought is all of it.
        if !tree.stillness.is_still() {
            return Err(fault(LocalError::Changing.into()));
        }
        if let (Some(locked), Some(revision)) = (&self.locked, &self.wish.pinned) {
            let checked = locked.check(revision, &tree.revision);
            checked.map_err(|error| fault(error.into()))?;
        }
        Ok(tree)
    }

    /// Brings contents, and returns what reads them.
    ///
    /// # Errors
    /// Fails if they cannot be had.
    pub(crate) fn bring(&mut self, wanted: &BTreeSet<Content>) -> Result<Box<dyn Contents>, ErrandError> {
        let bringing = self.origin.bring(wanted);
        let brought = self.runtime.block_on(shown(&self.bar, &self.meter, bringing));
        self.bar.finish_and_clear();
        brought.map_err(|error| origin(&self.address, error))?;
        Ok(self.origin.contents())
    }
}

fn origin(address: &str, source: OriginError) -> ErrandError {
    ErrandError::Origin {
        address: address.to_owned(),
        source: Box::new(source),
    }
}

fn bar(address: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    styled(&bar, OPEN);
    bar.with_message(address.to_owned())
}

fn styled(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// Draws how far it is.
fn draw(bar: &ProgressBar, meter: &Meter) {
    bar.set_prefix(HumanBytes(meter.bytes()).to_string());
    match meter.part() {
        None => styled(bar, OPEN),
        Some((done, whole)) => {
            styled(bar, OF_A_WHOLE);
            bar.set_length(whole);
            bar.set_position(done);
        }
    }
    bar.tick();
}

/// Waits for the work, and draws how far it is.
async fn shown<T>(bar: &ProgressBar, meter: &Meter, work: impl Future<Output = T>) -> T {
    let mut ticks = tokio::time::interval(DRAWN_EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => draw(bar, meter),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal that keeps what was written last.
    #[derive(Debug, Default)]
    struct Terminal(Arc<Mutex<String>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            100
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(meter: &Meter) -> String {
        let terminal = Terminal::default();
        let text = Arc::clone(&terminal.0);
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like(Box::new(terminal)));
        bar.set_message("x");
        draw(&bar, meter);
        bar.force_draw();
        text.lock().unwrap().clone()
    }

    #[test]
    fn there_is_a_part_of_a_whole_where_that_is_known() {
        let meter = Meter::default();
        meter.add(2048);
        let text = drawn(&meter);
        assert!(text.contains("2.00 KiB") && !text.contains('%'), "{text}");
        meter.expect(6144);
        assert!(drawn(&meter).contains("25%"), "{}", drawn(&meter));
        meter.count(3, 4);
        assert!(drawn(&meter).contains("75%"), "{}", drawn(&meter));
    }
}
