//! Drains stdout and stderr of a child for as long as anything can write to them.
//!
//! One task reads both pipes, whatever the reader of the lines does: a full queue drops lines and counts them, so a
//! child never blocks on its output. At most [`OUTPUT_QUEUE_LINES`] lines and [`OUTPUT_QUEUE_BYTES`] bytes wait.

use std::borrow::Cow;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::line::{LinePart, LineSplitter};
use crate::ring::Ring;

/// Most lines that wait for the reader of a child's output; the next one is dropped and counted.
pub const OUTPUT_QUEUE_LINES: usize = 1024;
/// Most bytes of lines that wait for the reader of a child's output; a line that does not fit is dropped and counted.
pub const OUTPUT_QUEUE_BYTES: usize = 1024 * 1024;

const READ_BUFFER: usize = 64 * 1024;
const QUESTION_QUEUE: usize = 1;
/// Reads that empty a pipe of the largest size an unprivileged process can give it (1 MiB).
const FINAL_READS: usize = 16;

/// Names the stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a child's output, or one piece of a line longer than [`LINE_LIMIT`](crate::LINE_LIMIT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// Where it was written.
    pub stream: OutputStream,
    /// Which part of its line it is.
    pub part: LinePart,
    /// The bytes without the line's end, at most [`LINE_LIMIT`](crate::LINE_LIMIT).
    pub bytes: Vec<u8>,
    /// How many lines and pieces of this child were dropped since the one delivered before.
    pub dropped_before: u64,
}

impl OutputLine {
    /// Shows the bytes as text; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Counts a child's output over its whole life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputCounts {
    /// Bytes read, line ends included.
    pub bytes: u64,
    /// Lines that ended, a last one without a line end among them.
    pub lines: u64,
    /// Lines that were split because they were longer than [`LINE_LIMIT`](crate::LINE_LIMIT).
    pub split: u64,
    /// Lines and pieces that were dropped because nobody took them in time.
    pub dropped: u64,
}

/// Receives the lines of one child; dropping it does not disturb the child.
#[derive(Debug)]
pub struct OutputReceiver {
    lines: mpsc::Receiver<QueuedLine>,
}

impl OutputReceiver {
    /// Waits for the next line; `None` after the last one of a child that is gone. Safe to cancel.
    pub async fn recv(&mut self) -> Option<OutputLine> {
        self.lines.recv().await.map(|queued| queued.line)
    }
}

/// What is left when the drain has ended, or a copy of it while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct DrainState {
    pub(crate) last_output: Vec<u8>,
    pub(crate) counts: OutputCounts,
}

/// The owner of the draining task; dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Drain {
    task: JoinSet<DrainState>,
    questions: Option<mpsc::Sender<oneshot::Sender<DrainState>>>,
    ended: Option<DrainState>,
}

impl Drain {
    /// Starts to drain both pipes; must be called inside a runtime.
    pub(crate) fn start(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<(Self, OutputReceiver)> {
        let (sender, lines) = mpsc::channel(OUTPUT_QUEUE_LINES);
        let (questions, questions_receiver) = mpsc::channel(QUESTION_QUEUE);
        let stdout = Tap::new(OutputStream::Stdout, stdout)?;
        let stderr = Tap::new(OutputStream::Stderr, stderr)?;
        let mut task = JoinSet::new();
        task.spawn(drain(stdout, stderr, LineSink::new(sender), questions_receiver));
        Ok((
            Self {
                task,
                questions: Some(questions),
                ended: None,
            },
            OutputReceiver { lines },
        ))
    }

    /// Waits until nothing holds the other end of either pipe. Safe to cancel.
    pub(crate) async fn ended(&mut self) -> &DrainState {
        if self.ended.is_none() {
            // A task that was aborted with its runtime has nothing to report.
            let state = self.task.join_next().await.and_then(Result::ok).unwrap_or_default();
            self.ended = Some(state);
        }
        self.ended.get_or_insert_default()
    }

    /// Waits at most `limit` for the end of both pipes, then stops reading. Safe to cancel.
    pub(crate) async fn finish(&mut self, limit: Duration) -> DrainState {
        if tokio::time::timeout(limit, self.ended()).await.is_err() {
            self.questions = None;
        }
        self.ended().await.clone()
    }

    /// Copies the state as it is now.
    pub(crate) async fn snapshot(&mut self) -> DrainState {
        let (reply, answer) = oneshot::channel();
        if let Some(questions) = &self.questions
            && questions.send(reply).await.is_ok()
            && let Ok(state) = answer.await
        {
            return state;
        }
        self.ended().await.clone()
    }
}

async fn drain(
    mut stdout: Tap,
    mut stderr: Tap,
    mut sink: LineSink,
    mut questions: mpsc::Receiver<oneshot::Sender<DrainState>>,
) -> DrainState {
    while stdout.is_open() || stderr.is_open() {
        tokio::select! {
            length = stdout.fill(), if stdout.is_open() => stdout.pour(length, &mut sink),
            length = stderr.fill(), if stderr.is_open() => stderr.pour(length, &mut sink),
            question = questions.recv() => match question {
                Some(reply) => drop(reply.send(sink.state())),
                None => break,
            },
        }
    }
    stdout.finish(&mut sink);
    stderr.finish(&mut sink);
    sink.state()
}

/// One pipe with the line that is being read from it.
struct Tap {
    stream: OutputStream,
    pipe: Option<pipe::Receiver>,
    buffer: Vec<u8>,
    splitter: LineSplitter,
}

impl Tap {
    fn new(stream: OutputStream, pipe: OwnedFd) -> io::Result<Self> {
        let pipe = Some(pipe::Receiver::from_owned_fd(pipe)?);
        Ok(Self {
            stream,
            pipe,
            buffer: vec![0; READ_BUFFER],
            splitter: LineSplitter::default(),
        })
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Reads once; zero is the end, and so is an error, as a broken pipe has no more to give.
    async fn fill(&mut self) -> usize {
        match &mut self.pipe {
            Some(pipe) => pipe.read(&mut self.buffer).await.unwrap_or(0),
            None => 0,
        }
    }

    fn pour(&mut self, length: usize, sink: &mut LineSink) {
        if length == 0 {
            self.close(sink);
            return;
        }
        sink.counts.bytes += length as u64;
        let stream = self.stream;
        self.splitter
            .feed(&self.buffer[..length], |part, bytes| sink.accept(stream, part, bytes));
    }

    /// Takes what is in the pipe now, which is bounded by what a pipe holds, and reads no more.
    fn finish(&mut self, sink: &mut LineSink) {
        for _ in 0..FINAL_READS {
            match self.pipe.as_ref().map(|pipe| pipe.try_read(&mut self.buffer)) {
                Some(Ok(length)) if length > 0 => self.pour(length, sink),
                Some(Ok(_) | Err(_)) | None => break,
            }
        }
        self.close(sink);
    }

    fn close(&mut self, sink: &mut LineSink) {
        self.pipe = None;
        let stream = self.stream;
        self.splitter.finish(|part, bytes| sink.accept(stream, part, bytes));
    }
}

/// A line with its share of the queue's bytes, given back when the line is taken.
#[derive(Debug)]
struct QueuedLine {
    line: OutputLine,
    _share: OwnedSemaphorePermit,
}

/// Where lines go: always into the ring and the counts, into the queue if there is room.
struct LineSink {
    lines: mpsc::Sender<QueuedLine>,
    room: Arc<Semaphore>,
    ring: Ring,
    counts: OutputCounts,
    dropped_since: u64,
}

impl LineSink {
    fn new(lines: mpsc::Sender<QueuedLine>) -> Self {
        let room = Arc::new(Semaphore::new(OUTPUT_QUEUE_BYTES));
        Self {
            lines,
            room,
            ring: Ring::default(),
            counts: OutputCounts::default(),
            dropped_since: 0,
        }
    }

    fn accept(&mut self, stream: OutputStream, part: LinePart, bytes: &[u8]) {
        self.ring.push(bytes);
        if part.ends_line() {
            self.ring.push(b"\n");
            self.counts.lines += 1;
        }
        if part == LinePart::Start {
            self.counts.split += 1;
        }
        if self.offer(stream, part, bytes).is_some() {
            self.dropped_since = 0;
        } else {
            self.dropped_since += 1;
            self.counts.dropped += 1;
        }
    }

    fn offer(&self, stream: OutputStream, part: LinePart, bytes: &[u8]) -> Option<()> {
        let slot = self.lines.try_reserve().ok()?;
        let share = u32::try_from(bytes.len()).ok()?;
        let share = Arc::clone(&self.room).try_acquire_many_owned(share).ok()?;
        let line = OutputLine {
            stream,
            part,
            bytes: bytes.to_vec(),
            dropped_before: self.dropped_since,
        };
        slot.send(QueuedLine { line, _share: share });
        Some(())
    }

    fn state(&self) -> DrainState {
        DrainState {
            last_output: self.ring.to_vec(),
            counts: self.counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_counts_and_says_so_on_the_next_line() {
        let (sender, mut lines) = mpsc::channel(2);
        let mut sink = LineSink::new(sender);
        for line in ["1", "2", "3", "4"] {
            sink.accept(OutputStream::Stdout, LinePart::Whole, line.as_bytes());
        }
        assert_eq!(
            sink.counts,
            OutputCounts {
                bytes: 0,
                lines: 4,
                split: 0,
                dropped: 2
            }
        );
        assert_eq!(lines.try_recv().unwrap().line.bytes, b"1");
        sink.accept(OutputStream::Stdout, LinePart::Whole, b"5");
        assert_eq!(lines.try_recv().unwrap().line.dropped_before, 0);
        let fifth = lines.try_recv().unwrap().line;
        assert_eq!((fifth.bytes.as_slice(), fifth.dropped_before), (b"5".as_slice(), 2));
        assert_eq!(sink.state().last_output, b"1\n2\n3\n4\n5\n");
    }

    #[test]
    fn the_queue_is_bounded_in_bytes_and_taking_a_line_makes_room() {
        let (sender, mut lines) = mpsc::channel(OUTPUT_QUEUE_LINES);
        let mut sink = LineSink::new(sender);
        let piece = vec![b'x'; crate::LINE_LIMIT];
        let fitting = OUTPUT_QUEUE_BYTES / piece.len();
        for _ in 0..fitting + 3 {
            sink.accept(OutputStream::Stderr, LinePart::Middle, &piece);
        }
        assert_eq!(sink.counts.dropped, 3);
        drop(lines.try_recv().unwrap());
        sink.accept(OutputStream::Stderr, LinePart::Middle, &piece);
        assert_eq!(sink.counts.dropped, 3);
    }
}
