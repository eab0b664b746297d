//! Plays, as a real process, the parts that a shell script cannot: a host that is killed, and plugins that listen.
//!
//! Every plugin part ends when its stdin does, as a well-made plugin must.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use k1s_process::{ADDRESS_VARIABLE, Environment, LaunchSpec, Limits, RuntimeDirectory, Spawner};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let part = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    let played = match part.to_str() {
        Some("host") => host(&rest),
        Some("listen") => listen(),
        Some("listen-outside-the-group") => listen_outside_the_group(),
        Some("descriptors") => descriptors(),
        _ => Err(format!("no such part: {}", part.display()).into()),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// `host BASE SCRIPT`: starts a shell as the plugin, prints its pid and then its lines, until it is killed.
fn host(arguments: &[OsString]) -> Result<(), Failure> {
    let [base, script] = arguments else {
        return Err("usage: host BASE SCRIPT".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let directory = RuntimeDirectory::open(Path::new(base))?;
        let spawner = Spawner::start()?;
        let spec = LaunchSpec {
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".into(), script.clone()],
            environment: Environment::allowed_from(std::env::vars_os(), &BTreeMap::new())?,
            limits: Limits::default(),
        };
        let (child, mut output) = spawner.spawn(spec, &directory).await?;
        let mut stdout = io::stdout();
        writeln!(stdout, "{}", child.pid())?;
        while let Some(line) = output.recv().await {
            writeln!(stdout, "{}", line.text())?;
        }
        std::future::pending().await
    })
}

/// Listens where the host says and never accepts, which a connection does not need.
fn listen() -> Result<(), Failure> {
    let address = std::env::var(ADDRESS_VARIABLE)?;
    let path = address.strip_prefix("unix:").ok_or("not a unix address")?;
    let _listener = UnixListener::bind(path)?;
    wait_for_end_of_stdin()
}

/// Does as a launcher does that puts the real plugin into a group of its own.
fn listen_outside_the_group() -> Result<(), Failure> {
    let mut inner = Command::new(std::env::current_exe()?)
        .arg("listen")
        .process_group(0)
        .spawn()?;
    inner.wait()?;
    Ok(())
}

/// Prints the number of every open descriptor but the one used for looking.
fn descriptors() -> Result<(), Failure> {
    let listing = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(&listing)? {
        let path = entry?.path();
        if std::fs::read_link(&path)? != listing {
            numbers.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    numbers.sort();
    println!("{}", numbers.join(" "));
    Ok(())
}

fn wait_for_end_of_stdin() -> Result<(), Failure> {
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
