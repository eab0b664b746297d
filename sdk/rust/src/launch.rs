//! The order of calls within one launch.
//!
//! Pure. Handshake first and once, Describe and Validate any time after it, Initialize once, Start only after it and
//! one at a time; Sync and Stop reach the session. Anything else is FAILED_PRECONDITION.

use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::Status;

use crate::limits::SessionLimits;
use crate::session::{Command, Initialized};

/// What the handshake settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) limits: SessionLimits,
    pub(crate) instance_id: String,
}

/// Where a launch is.
#[derive(Debug)]
pub(crate) enum Stage<S> {
    /// Nothing was said.
    New,
    /// The handshake is done.
    Greeted(Greeting),
    /// The author's constructor runs.
    Initializing,
    /// The source may start.
    Ready(Arc<Initialized<S>>),
    /// A session runs for as long as it takes commands.
    Running(Arc<Initialized<S>>, mpsc::Sender<Command>),
    /// The launch ends: versions or configuration did not fit, or the host asked to stop.
    Over(&'static str),
}

impl<S> Stage<S> {
    /// Admits a handshake. `greeting` is none where the versions have nothing in common.
    pub(crate) fn greet(&mut self, greeting: Option<Greeting>) -> Result<(), Status> {
        match self {
            Self::New => {
                *self = greeting.map_or(Self::Over("no common version"), Self::Greeted);
                Ok(())
            }
            Self::Greeted(_) | Self::Initializing | Self::Ready(_) | Self::Running(..) | Self::Over(_) => {
                Err(out_of_order("Handshake comes once"))
            }
        }
    }

    /// Admits Describe and Validate.
    pub(crate) fn ask(&self) -> Result<(), Status> {
        match self {
            Self::New => Err(out_of_order("Handshake comes first")),
            Self::Greeted(_) | Self::Initializing | Self::Ready(_) | Self::Running(..) | Self::Over(_) => Ok(()),
        }
    }

    /// Admits Initialize, once.
    pub(crate) fn initialize(&mut self) -> Result<Greeting, Status> {
        match self {
            Self::New => Err(out_of_order("Handshake comes first")),
            Self::Greeted(greeting) => {
                let greeting = greeting.clone();
                *self = Self::Initializing;
                Ok(greeting)
            }
            Self::Initializing | Self::Ready(_) | Self::Running(..) => Err(out_of_order("Initialize comes once")),
            Self::Over(why) => Err(out_of_order(why)),
        }
    }

    /// Records what became of Initialize.
    pub(crate) fn initialized(&mut self, initialized: Option<Arc<Initialized<S>>>) {
        if matches!(self, Self::Initializing) {
            *self = initialized.map_or(Self::Over("Initialize found the configuration invalid"), Self::Ready);
        }
    }

    /// Admits Start; the session takes `commands`.
    pub(crate) fn start(&mut self, commands: mpsc::Sender<Command>) -> Result<Arc<Initialized<S>>, Status> {
        let initialized = match self {
            Self::New => return Err(out_of_order("Handshake comes first")),
            Self::Greeted(_) | Self::Initializing => return Err(out_of_order("Initialize comes before Start")),
            Self::Running(_, running) if !running.is_closed() => return Err(out_of_order("a session runs already")),
            Self::Ready(initialized) | Self::Running(initialized, _) => Arc::clone(initialized),
            Self::Over(why) => return Err(out_of_order(why)),
        };
        *self = Self::Running(Arc::clone(&initialized), commands);
        Ok(initialized)
    }

    /// Returns the way to the session that runs.
    pub(crate) fn session(&self) -> Result<mpsc::Sender<Command>, Status> {
        match self {
            Self::Running(_, commands) if !commands.is_closed() => Ok(commands.clone()),
            Self::New | Self::Greeted(_) | Self::Initializing | Self::Ready(_) | Self::Running(..) => {
                Err(out_of_order("no session runs"))
            }
            Self::Over(why) => Err(out_of_order(why)),
        }
    }

    /// Ends the launch and returns the way to the session that runs, if one does.
    pub(crate) fn stop(&mut self) -> Result<Option<mpsc::Sender<Command>>, Status> {
        self.ask()?;
        match std::mem::replace(self, Self::Over("Stop was called")) {
            Self::Running(_, commands) if !commands.is_closed() => Ok(Some(commands)),
            Self::New | Self::Greeted(_) | Self::Initializing | Self::Ready(_) | Self::Running(..) | Self::Over(_) => {
                Ok(None)
            }
        }
    }
}

fn out_of_order(why: &str) -> Status {
    Status::failed_precondition(why)
}

#[cfg(test)]
mod tests;
