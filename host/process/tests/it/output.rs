//! Output never blocks a child, whoever reads it.

use k1s_process::{
    ExitStatus, LAST_OUTPUT_LIMIT, LINE_LIMIT, LinePart, OUTPUT_QUEUE_BYTES, OUTPUT_QUEUE_LINES, OutputCounts,
    OutputStream,
};
use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage, next_line, rest};

#[tokio::test]
async fn both_streams_arrive_under_their_names() {
    let stage = Stage::new();
    let (mut child, mut output) = stage.shell("echo out; echo err >&2; printf tail").await;
    let mut lines = Vec::new();
    for line in rest(&mut output).await {
        assert_eq!((line.part, line.dropped_before), (LinePart::Whole, 0));
        lines.push((line.stream, line.text().into_owned()));
    }
    lines.sort_by_key(|(_, text)| text.clone());
    let expected = [
        (OutputStream::Stderr, "err"),
        (OutputStream::Stdout, "out"),
        (OutputStream::Stdout, "tail"),
    ];
    assert_eq!(lines, expected.map(|(stream, text)| (stream, text.to_owned())));
    let counts = child.wait().await.output;
    assert_eq!(
        counts,
        OutputCounts {
            bytes: 12,
            lines: 3,
            split: 0,
            dropped: 0
        }
    );
}

#[tokio::test]
async fn ten_megabytes_without_a_line_end_block_nobody() {
    let stage = Stage::new();
    let length = 10_000_000;
    let script = format!("head -c {length} /dev/zero | tr '\\0' x; exit 9");
    let (mut child, mut output) = stage.shell(&script).await;
    let report = timeout(PATIENCE, child.wait()).await.expect("the child is not blocked");
    assert_eq!(report.status, ExitStatus::Code(9));
    let counts = report.output;
    assert_eq!((counts.bytes, counts.lines, counts.split), (length, 1, 1));
    assert_eq!(report.last_output.len(), LAST_OUTPUT_LIMIT);

    let mut pieces = 0;
    for piece in rest(&mut output).await {
        assert_eq!(piece.part, if pieces == 0 { LinePart::Start } else { LinePart::Middle });
        assert_eq!(piece.bytes.len(), LINE_LIMIT);
        pieces += 1;
    }
    assert_eq!(pieces, OUTPUT_QUEUE_BYTES / LINE_LIMIT, "as much as the queue holds");
    assert_eq!(counts.dropped, length.div_ceil(LINE_LIMIT as u64) - pieces as u64);
}

#[tokio::test]
async fn a_chatty_child_is_not_blocked_by_a_reader_that_sleeps_and_every_line_is_accounted_for() {
    let stage = Stage::new();
    let lines = 200_000;
    let script = format!("yes chatter | head -n {lines}; yes chatter | head -n {lines} >&2; exit 8");
    let (mut child, mut output) = stage.shell(&script).await;
    let report = timeout(PATIENCE, child.wait()).await.expect("the child is not blocked");
    assert_eq!(report.status, ExitStatus::Code(8));
    assert_eq!(report.output.lines, 2 * lines);

    let mut received = 0;
    for line in rest(&mut output).await {
        assert_eq!(line.text(), "chatter");
        received += 1;
    }
    assert_eq!(received, OUTPUT_QUEUE_LINES);
    assert_eq!(report.output.dropped, 2 * lines - received as u64);
}

#[tokio::test]
async fn a_child_prints_on_when_the_receiver_is_gone() {
    let stage = Stage::new();
    let (mut child, output) = stage.shell("yes | head -c 1000000; echo the end; exit 3").await;
    drop(output);
    let report = timeout(PATIENCE, child.wait()).await.expect("the child is not blocked");
    assert_eq!(report.status, ExitStatus::Code(3));
    assert!(report.last_output.ends_with(b"y\nthe end\n"));
    assert_eq!(report.last_output.len(), LAST_OUTPUT_LIMIT);
}

#[tokio::test]
async fn the_last_output_can_be_seen_while_the_child_runs() {
    let stage = Stage::new();
    let (mut child, mut output) = stage.shell("echo so far; read line; echo more").await;
    assert_eq!(next_line(&mut output).await, "so far");
    assert_eq!(child.last_output().await, b"so far\n");
    child.close_lifeline();
    assert_eq!(child.wait().await.last_output, b"so far\nmore\n");
    assert_eq!(child.last_output().await, b"so far\nmore\n");
}
