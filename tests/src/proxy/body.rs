//! The body of an answer on its way, as much of it as a fault lets through.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use super::fault::{Fault, Part};
use super::relay::Ledger;

/// How often the connection is left alone before it breaks, so that what was passed on has gone out.
const RESTS: usize = 2;

/// A frame, or why there is none.
type Polled = Poll<Option<Result<Frame<Bytes>, Break>>>;

/// The connection breaks here.
#[derive(Clone, Copy, Debug, Error)]
#[error("the connection breaks here")]
pub(super) struct Break;

/// A body.
pub(super) struct Relayed {
    source: Source,
    /// What there is still to be passed on of what came.
    pieces: VecDeque<Bytes>,
    /// The largest piece, and the rest before each.
    pace: Option<(usize, Duration)>,
    rest: Option<Pin<Box<Sleep>>>,
    limit: Option<Limit>,
    /// Completes when the connection has to break.
    cut: oneshot::Receiver<()>,
    place: Place,
}

/// Where a request is written down; it is over when this is dropped.
pub(super) struct Place {
    pub(super) ledger: Rc<RefCell<Ledger>>,
    pub(super) number: usize,
}

/// Where a body comes from.
pub(super) enum Source {
    /// The cluster, over a connection that is moved by a task.
    Cluster {
        body: Incoming,
        #[expect(dead_code, reason = "moves the bytes until it is dropped")]
        driver: JoinSet<()>,
    },
    /// The proxy.
    Nowhere,
}

/// Where a body ends.
struct Limit {
    left: Part,
    last: Option<String>,
    end: End,
    rests: usize,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    Torn,
}

impl Relayed {
    pub(super) fn new(source: Source, fault: Option<Fault>, cut: oneshot::Receiver<()>, place: Place) -> Self {
        let limit = |left, end, last| Limit {
            left,
            last,
            end,
            rests: 0,
        };
        let (limit, pace) = match fault {
            Some(Fault::Torn(part)) => (Some(limit(part, End::Torn, None)), None),
            Some(Fault::Ended(part)) => (Some(limit(part, End::Whole, None)), None),
            Some(Fault::Said(part, line)) => (Some(limit(part, End::Whole, Some(line))), None),
            Some(Fault::Slow(size, time)) => (None, Some((size.max(1), time))),
            Some(Fault::Refused(_) | Fault::Ignored | Fault::Broken | Fault::Dated(_)) | None => (None, None),
        };
        Self {
            source,
            pieces: VecDeque::new(),
            pace,
            rest: None,
            limit,
            cut,
            place,
        }
    }

    /// A body that the proxy says by itself.
    pub(super) fn said(text: String, cut: oneshot::Receiver<()>, place: Place) -> Self {
        let mut body = Self::new(Source::Nowhere, None, cut, place);
        body.pieces.push_back(text.into());
        body
    }

    /// Passes on a piece that is ready.
    fn pass(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((size, time)) = self.pace else {
            return Poll::Ready(self.pieces.pop_front());
        };
        let Some(piece) = self.pieces.front_mut() else {
            return Poll::Ready(None);
        };
        let rest = self.rest.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(rest.as_mut().poll(context));
        self.rest = None;
        if piece.len() > size {
            return Poll::Ready(Some(piece.split_to(size)));
        }
        Poll::Ready(self.pieces.pop_front())
    }

    /// Ends as the limit says, once it is reached.
    fn end(&mut self, context: &mut Context<'_>) -> Option<Polled> {
        let limit = self.limit.as_mut().filter(|limit| limit.is_reached())?;
        if let Some(line) = limit.last.take() {
            let line = Bytes::from(line + "\n");
            self.place.count(line.len());
            return Some(Poll::Ready(Some(Ok(Frame::data(line)))));
        }
        match limit.end {
            End::Whole => Some(Poll::Ready(None)),
            End::Torn if limit.rests == RESTS => Some(Poll::Ready(Some(Err(Break)))),
            End::Torn => {
                limit.rests += 1;
                context.waker().wake_by_ref();
                Some(Poll::Pending)
            }
        }
    }
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = Break;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        if Pin::new(&mut this.cut).poll(context).is_ready() {
            return Poll::Ready(Some(Err(Break)));
        }
        loop {
            if let Some(piece) = ready!(this.pass(context)) {
                this.place.count(piece.len());
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if let Some(end) = this.end(context) {
                return end;
            }
            let Source::Cluster { body, .. } = &mut this.source else {
                return Poll::Ready(None);
            };
            let frame = match ready!(Pin::new(body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(Break))),
                Some(Ok(frame)) => frame,
            };
            // Trailers are not passed on.
            if let Ok(mut data) = frame.into_data() {
                if let Some(limit) = &mut this.limit {
                    limit.take(&mut data);
                }
                if !data.is_empty() {
                    this.pieces.push_back(data);
                }
            }
        }
    }
}

impl Limit {
    fn is_reached(&self) -> bool {
        matches!(self.left, Part::Bytes(0) | Part::Lines(0))
    }

    /// Leaves what is within the limit.
    fn take(&mut self, data: &mut Bytes) {
        let mut kept = 0;
        while kept < data.len() {
            let rest = &data[kept..];
            let line = rest.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
            match &mut self.left {
                Part::Bytes(0) | Part::Lines(0) => break,
                Part::Bytes(left) => {
                    let taken = rest.len().min(*left);
                    *left -= taken;
                    kept += taken;
                }
                Part::Halved(0) => {
                    // As far as it came; of what comes in one piece, the half.
                    kept += line.unwrap_or(rest.len()).div_ceil(2);
                    self.left = Part::Bytes(0);
                }
                Part::Lines(left) | Part::Halved(left) => {
                    *left -= usize::from(line.is_some());
                    kept += line.unwrap_or(rest.len());
                }
            }
        }
        data.truncate(kept);
    }
}

impl Place {
    fn count(&self, bytes: usize) {
        self.ledger.borrow_mut().passed(self.number, bytes);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.ledger.borrow_mut().over(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_leaves_as_much_as_it_says_however_it_comes() {
        let cases = [
            (Part::Bytes(0), ""),
            (Part::Bytes(4), "ab\nc"),
            (Part::Lines(0), ""),
            (Part::Lines(1), "ab\n"),
            (Part::Lines(2), "ab\ncdef\n"),
            (Part::Halved(1), "ab\ncde"),
        ];
        for (left, expected) in cases {
            for pieces in [vec!["ab\ncdef\ngh\n"], vec!["ab\n", "cdef\ngh\n"]] {
                let mut limit = Limit {
                    left,
                    last: None,
                    end: End::Whole,
                    rests: 0,
                };
                let mut passed = String::new();
                for piece in pieces {
                    let mut data = Bytes::from(piece);
                    limit.take(&mut data);
                    passed += std::str::from_utf8(&data).unwrap();
                }
                assert_eq!(passed, expected, "{left:?}");
                assert!(limit.is_reached(), "{left:?}");
            }
        }
    }
}
