//! `git http-backend`, run for a request as RFC 3875 says.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::thread;

use super::{Asked, Page};
use crate::repository::git;

/// Answers a request for a repository below `base`.
pub(super) fn answer(base: &Path, asked: &Asked) -> io::Result<Page> {
    let header = |name: &str| asked.headers.get(name).map_or("", String::as_str);
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let mut child = git(base)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", base)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &asked.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let input = child.stdin.take();
    let body = asked.body.clone();
    // A program that fails does not read on.
    let writer = thread::spawn(move || input.and_then(|mut input| input.write_all(&body).ok()));
    let output = child.wait_with_output()?.stdout;
    drop(writer.join());
    Ok(page(&output))
}

fn page(output: &[u8]) -> Page {
    let end = output
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap_or(output.len());
    let mut page = Page::status(200);
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        match name {
            "Status" => {
                page.status = value
                    .split(' ')
                    .next()
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(500)
            }
            name => page = page.with(name, value),
        }
    }
    page.body = output.get(end + 4..).unwrap_or_default().to_vec();
    page
}
