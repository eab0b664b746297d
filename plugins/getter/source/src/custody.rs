//! What work takes along and gives back when it is done.
//!
//! Whoever waits for the work may go away; the work goes on, and the next who wants what it took waits until it is given back.
//! So work that a thread cannot drop, such as writing files, is never beside other work on the same thing, and nothing is
//! shared behind a lock.

use std::mem::replace;
use std::pin::Pin;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// Work on what was lent.
pub(crate) type Work<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

/// What was lent does not come back: the work on it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the work on it was broken off")]
pub(crate) struct Broken(#[source] pub(crate) Option<JoinError>);

/// Something that work takes along.
#[derive(Debug)]
pub(crate) struct Custody<T>(Place<T>);

#[derive(Debug)]
enum Place<T> {
    Here(Box<T>),
    /// One task has it.
    Away(JoinSet<Box<T>>),
    Lost,
}

impl<T: Send + 'static> Custody<T> {
    /// Takes something in.
    #[must_use]
    pub(crate) fn new(held: T) -> Self {
        Self(Place::Here(Box::new(held)))
    }

    /// Returns whether it will never come back.
    #[must_use]
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.0, Place::Lost)
    }

    /// Returns whether work has it, which nobody may be waiting for.
    #[must_use]
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.0, Place::Away(_))
    }

    /// Returns it as soon as it is here. Can be dropped at any time.
    ///
    /// # Errors
    /// Fails if the work that took it panicked, now and ever after.
    pub(crate) async fn held(&mut self) -> Result<&mut T, Broken> {
        if let Place::Away(away) = &mut self.0 {
            match away.join_next().await {
                Some(Ok(held)) => self.0 = Place::Here(held),
                Some(Err(error)) => {
                    self.0 = Place::Lost;
                    return Err(Broken(Some(error)));
                }
                None => self.0 = Place::Lost,
            }
        }
        match &mut self.0 {
            Place::Here(held) => Ok(held),
            Place::Away(_) | Place::Lost => Err(Broken(None)),
        }
    }

    /// Lends it to work, and returns what comes of that. If this is dropped the work goes on, and its result is nobody's.
    ///
    /// # Errors
    /// Fails if this or earlier work panicked.
    pub(crate) async fn lend<R>(
        &mut self,
        work: impl for<'a> FnOnce(&'a mut T) -> Work<'a, R> + Send + 'static,
    ) -> Result<R, Broken>
    where
        R: Send + 'static,
    {
        self.held().await?;
        let Place::Here(mut held) = replace(&mut self.0, Place::Lost) else {
            return Err(Broken(None));
        };
        let (tell, told) = oneshot::channel();
        let mut away = JoinSet::new();
        away.spawn(async move {
            let result = work(&mut held).await;
            // Whoever asked may be gone; what was found out is in what is given back.
            drop(tell.send(result));
            held
        });
        self.0 = Place::Away(away);
        self.held().await?;
        told.await.map_err(|_never_told| Broken(None))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn who_comes_later_waits_for_work_that_nobody_waits_for_any_more() {
        let mut custody = Custody::new(Vec::new());
        let (open, gate) = oneshot::channel::<()>();
        let begun = custody.lend(|held| {
            Box::pin(async move {
                held.push("begun");
                gate.await.unwrap();
                held.push("done");
            })
        });
        // The work is handed over with the first poll, and then its result is waited for by nobody.
        tokio::select! {
            biased;
            () = async { begun.await.unwrap() } => panic!("the gate is closed"),
            () = async {} => (),
        }
        let mut waiting = Box::pin(custody.lend(|held| Box::pin(async move { held.clone() })));
        let is_waiting = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
        assert!(is_waiting);
        open.send(()).unwrap();
        assert_eq!(waiting.await.unwrap(), ["begun", "done"]);
    }

    #[tokio::test]
    async fn what_panicking_work_took_is_lost() {
        let mut custody = Custody::new(());
        let broken = custody.lend(|()| Box::pin(async { panic!("on purpose") })).await;
        let Err(Broken(Some(error))) = broken.map(|never: ()| never) else {
            panic!("it panicked");
        };
        assert!(error.is_panic() && custody.is_lost());
        assert!(custody.lend(|()| Box::pin(pending::<()>())).await.is_err());
    }
}
