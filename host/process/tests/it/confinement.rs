//! What a child sees of its host: only what it was given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use k1s_process::{ExitStatus, Limits, PermissionError, SpawnError};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::stage::{Stage, environment, next_line, probe, rest, shell, spec};

#[tokio::test]
async fn the_environment_is_what_was_declared_and_the_two_names_of_the_contract() {
    let stage = Stage::new();
    let mut spec = spec("/usr/bin/env", &[]);
    spec.environment = environment(&[("TOKEN", "t"), ("PATH", "/bin")]);
    let (mut child, mut output) = stage.spawn(spec).await;
    let mut lines: Vec<String> = rest(&mut output)
        .await
        .iter()
        .map(|line| line.text().into_owned())
        .collect();
    lines.sort();
    let address = format!("K1S_SOURCE_ADDR=unix:{}", child.socket_path().display());
    let nonce = format!("K1S_SOURCE_NONCE={}", child.nonce().as_str());
    assert_eq!(lines, [address.as_str(), nonce.as_str(), "PATH=/bin", "TOKEN=t"]);
    assert_eq!(child.wait().await.status, ExitStatus::Code(0));
}

#[tokio::test]
async fn only_the_standard_descriptors_are_open_whatever_the_host_leaks() {
    let stage = Stage::new();
    let leaked = fs::File::open("/dev/null").unwrap();
    fcntl_setfd(&leaked, FdFlags::empty()).unwrap();
    let (_other, _other_output) = stage.shell("read line").await;
    let (mut child, mut output) = stage.spawn(probe("descriptors")).await;
    assert_eq!(next_line(&mut output).await, "0 1 2");
    child.wait().await;
    assert_eq!(
        fcntl_getfd(&leaked).unwrap(),
        FdFlags::empty(),
        "the host's own descriptor is not touched"
    );
}

#[tokio::test]
async fn it_runs_in_its_scratch_directory_and_group_with_limits_set() {
    let stage = Stage::new();
    let script = "pwd; ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj; \
                  grep NoNewPrivs /proc/self/status; cut -d' ' -f5 /proc/$$/stat; read until_the_end";
    let mut spec = shell(script);
    spec.limits = Limits {
        open_files: 64,
        oom_score_adj: 777,
    };
    let (child, mut output) = stage.spawn(spec).await;
    let scratch = child.socket_path().with_file_name("scratch").display().to_string();
    let group = child.pid().to_string();
    for expected in [
        scratch.as_str(),
        "64",
        "64",
        "0",
        "777",
        "NoNewPrivs:\t1",
        group.as_str(),
    ] {
        assert_eq!(next_line(&mut output).await, expected);
    }
}

#[tokio::test]
async fn a_program_that_others_can_replace_is_not_started() {
    let stage = Stage::new();
    let program = stage.home.path().join("plugin");
    install(&program, "#!/bin/sh");
    for (mode, refused) in [(0o777, true), (0o755, false)] {
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        let spawned = stage
            .spawner
            .spawn(spec(program.to_str().unwrap(), &[]), &stage.directory)
            .await;
        let error = spawned.err();
        let is_refusal = matches!(
            error,
            Some(SpawnError::Permission(PermissionError::WritableByOthers { .. }))
        );
        assert_eq!(is_refusal, refused, "{mode:o}: {error:?}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_start_leaves_nothing_and_says_what_to_look_at() {
    let stage = Stage::new();
    let program = stage.home.path().join("plugin");
    install(&program, "#!/absent/interpreter");
    let spawned = stage
        .spawner
        .spawn(spec(program.to_str().unwrap(), &[]), &stage.directory)
        .await;
    let message = spawned.expect_err("no start").to_string();
    let expected = format!("cannot start {}; the interpreter or loader", program.display());
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(stage.launches(), Vec::<PathBuf>::new());
}

/// Writes an executable from another process: a file that this one has just written may be busy, because a child that
/// another test is starting still has it open.
fn install(program: &Path, content: &str) {
    let script = r#"printf '%s\n' "$2" >"$1"; chmod 755 "$1""#;
    let written = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(program)
        .arg(content)
        .status()
        .unwrap();
    assert!(written.success());
}
