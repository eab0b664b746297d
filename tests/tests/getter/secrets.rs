//! S01, S02: what is secret is told to the server it is for, and shows nowhere, whatever goes wrong.
//!
//! One host has a source for each way to give a secret. Their servers do well, then answer with failures that repeat every
//! secret in bodies, headers and redirects. After each, what a person or another program can see is searched.

mod ssh;
mod stand;

use std::fs;
use std::process::Command;

use anyhow::ensure;
use k1s_tests::canary::{Canary, Search};
use k1s_tests::program::{GETTER_SOURCE, built, host, run};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::web::{Page, Web};
use rustix::process::Signal;
use serde_json::{Value, json};

use stand::{Running, Stand};

/// What servers answer that repeat what they were told, each with a part of what is then said of the source.
fn failures(search: &Search, elsewhere: &Web) -> Vec<Page> {
    let echo = search.echo();
    let header = echo.replace('"', "");
    let told = |status: u16| {
        let mut page = Page::of(echo.clone().into_bytes()).answering(status);
        for name in [
            "Server",
            "X-Request-Id",
            "Content-Type",
            "Retry-After",
            "Content-Encoding",
        ] {
            page = page.with(name, &header);
        }
        page.with("WWW-Authenticate", &format!("Basic realm=\"{header}\""))
    };
    let encoded = |text: &str| text.replace(' ', "%20").replace("%=", "%25=");
    let leading = |place: String| Page::status(302).with("Location", &place);
    let xml = format!(
        "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>{echo}</Message><StringToSign>{echo}</StringToSign></Error>"
    );
    elsewhere.put("/lost", told(500));
    vec![
        told(401),
        told(403),
        Page::of(xml.into_bytes())
            .answering(403)
            .with("Content-Type", "application/xml"),
        told(404),
        told(418),
        told(500),
        leading(format!("{}?seen={}", elsewhere.url("/lost"), encoded(&echo))),
        leading(format!("ftp://x.invalid/{}", encoded(&echo))),
        leading(format!("http://{}@x.invalid:99999/", encoded(&echo))),
        leading(echo.clone()),
        Page::status(200).with("X-Terraform-Get", &header),
        Page::of(format!("<!DOCTYPE html>{echo}")).with("Content-Type", "text/html"),
    ]
}

/// The same of a server of git, which can fail in an answer that is none of HTTP's failures.
fn failures_of_git(search: &Search) -> Vec<Page> {
    let echo = search.echo();
    let advertised = |lines: &[String]| {
        let lines: Vec<u8> = lines.iter().flat_map(|line| pack_line(line)).collect();
        Page::of(lines).with("Content-Type", "application/x-git-upload-pack-advertisement")
    };
    let greeting = "version 2\n".to_owned();
    vec![
        advertised(&[format!("ERR {echo}\n")]),
        advertised(&[format!("# service={echo}\n")]),
        advertised(&[greeting.clone(), format!("object-format={echo}\n")]),
        advertised(&[greeting, format!("{echo}\n")]),
        advertised(&[format!("{} refs/heads/{echo}\n", "a".repeat(40))]),
        advertised(&[format!("{} refs/heads/main\0symref=HEAD:{echo}\n", "a".repeat(40))]),
    ]
}

fn pack_line(text: &str) -> Vec<u8> {
    format!("{:04x}{text}", text.len() + 4).into_bytes()
}

#[test]
fn s01_s02_secrets_reach_their_server_and_show_nowhere() -> anyhow::Result<()> {
    let mut stand = Stand::new()?;
    let running = stand.start()?;
    for name in stand.names() {
        let is_none_taken = ["cloud-google", "google", "proxy", "registry"].contains(&name);
        running.sync(name, i32::from(is_none_taken))?;
    }
    running.search(&stand)?;
    let search = stand.search();
    for page in failures(&search, stand.elsewhere()) {
        stand.put(&page);
        for name in stand.names() {
            running.sync(name, 1)?;
        }
        running.search(&stand)?;
    }
    for page in failures_of_git(&search) {
        stand.put_at("git", &page);
        running.sync("git", 1)?;
        running.search(&stand)?;
    }
    running.finish(&stand)?;
    stand.a_planted_one_is_found()?;
    // Each was used, or nothing was tried.
    stand.all_were_told()
}

/// What is refused before anybody is asked is not repeated either.
#[test]
fn s01_addresses_that_are_refused_are_not_repeated() -> anyhow::Result<()> {
    let canary = Canary::new("Refused");
    let (search, secret) = (Search::of(&[&canary]), canary.encoded());
    let addresses = [
        format!("git::ssh://git@h.invalid/r.git?sshkey={secret}&sshkey={secret}"),
        format!("git@h.invalid:r.git?sshkey={secret}&depth=x"),
        format!("git::https://u:{secret}@h.invalid/r.git?ref=--upload-pack&x={secret}"),
        format!("https://u:{secret}@h.invalid:99999/a.yaml"),
        format!("https://{secret}:{secret}@h.invalid/a.yaml?checksum=md5:{secret}"),
        format!("https://u:{secret}@h.invalid/a.yaml?token={secret};sig={secret}"),
        format!("https://u:{secret}@h.invalid/../../a.yaml//..?sig={secret}%zz"),
        format!("http://u:{secret}@127.0.0.1/a.yaml?sig={secret}"),
        format!("ext::sh -c {secret}"),
        format!("foo::https://u:{secret}@h.invalid/"),
        format!("s3::https://s3.amazonaws.com/b/k?aws_access_key_id={secret}"),
        format!("s3::https://s3.amazonaws.com/b/k?aws_access_key_id={secret}&aws_access_key_secrt={secret}"),
        format!("s3::https://s3.amazonaws.com/b/k?aws_profile=p&aws_access_token={secret}"),
        format!("oci://u:{secret}@h.invalid/a:b"),
        format!("https://a.blob.core.windows.net/c/b?sig={secret}&sv=%00"),
        format!("hg::https://u:{secret}@h.invalid/r?rev=-x"),
    ];
    let (scene, getter) = (Scene::new()?, built(GETTER_SOURCE)?);
    let secrets = [
        json!({"source": "https://h.invalid/a", "proxy": format!("http://u:{secret}@h.invalid:1")}),
        json!({"source": "https://h.invalid/a", "proxy": format!("ftp://{secret}")}),
        json!({"source": "https://h.invalid/a", "credentials": {"token": canary.text()}}),
        json!({"source": "https://h.invalid/a", "credentials": {"password": canary.text(), "username": "a:b"}}),
        json!({"source": "https://h.invalid/a", "credentials": {"username": "a", "netrc": "n", "password": "@secret"}}),
        json!({"source": "https://h.invalid/a", "credentials": {"clientKey": "@secret"}}),
        json!({"source": "git@127.0.0.1:r.git", "credentials": {"sshKey": "@secret", "sshKeyPassphrase": "@secret"}}),
        json!({"source": "git@127.0.0.1:r.git", "credentials": {"sshKeyPassphrase": "@secret"}}),
        json!({"source": format!("git::ssh://git@127.0.0.1:1/r.git?sshkey={}", canary.base64())}),
    ];
    fs::write(scene.outside("secret"), canary.text())?;
    let configs = addresses.iter().map(|address| json!({ "source": address }));
    for (at, mut config) in configs.chain(secrets).enumerate() {
        config["cacheDir"] = json!(scene.outside("cache"));
        let file = scene.outside(&format!("{at}.json"));
        fs::write(
            &file,
            configuration(&json!([{"name": "getter", "plugin": getter, "config": config}])),
        )?;
        for verb in [&["vet", "-f"][..], &["run", "--once", "--log-level", "trace", "-f"]] {
            let mut command = host(verb)?;
            command.arg(&file);
            if verb[0] == "run" {
                command.arg("--data-dir").arg(scene.data_dir());
            }
            let finished = run(&mut command, DEADLINE)?;
            ensure!(
                finished.status.code() != Some(0) || verb[0] == "vet",
                "{config}: {}",
                finished.stdout
            );
            search.look(&format!("{verb:?} of {config}"), finished.stdout.as_bytes())?;
            search.look(&format!("{verb:?} of {config}"), finished.stderr.as_bytes())?;
        }
        search.look_below(&scene.data_dir(), &[])?;
    }
    for address in &addresses {
        let mut command = Command::new(&getter);
        command.args(["fetch", address]).arg(scene.outside("fetched"));
        let finished = run(&mut command, DEADLINE)?;
        ensure!(!finished.status.success(), "{address}");
        search.look(address, (finished.stdout + &finished.stderr).as_bytes())?;
    }
    Ok(())
}

fn configuration(sources: &Value) -> String {
    let file = json!({
        "apiVersion": "sync.k1s.io/v1alpha1",
        "kind": "SyncConfiguration",
        "instanceId": "stage",
        "sources": sources,
    });
    file.to_string()
}

/// A manifest that cannot be read is told by its place, without its words.
#[test]
fn s01_a_manifest_that_cannot_be_read_is_not_quoted() -> anyhow::Result<()> {
    let (web, scene, canary) = (Web::start()?, Scene::new()?, Canary::new("Quoted"));
    let search = Search::of(&[&canary]);
    let config = json!({"source": web.url("/a.yaml"), "allow": ["http"], "interval": "1s"});
    let stage = crate::stage::Stage::over(scene, config)?;
    web.put("/a.yaml", Page::of(config_map("a", "1")));
    stage.once(0)?;
    for text in [
        format!("token: {}: [\n", canary.text()),
        format!("{}\n\t- x", canary.text()),
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", canary.text()),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData: {{a: {0}, a: {0}}}\n",
            canary.text()
        ),
    ] {
        web.put("/a.yaml", Page::of(text));
        let finished = stage.once(1)?;
        search.look("what is printed", (finished.stdout + &finished.stderr).as_bytes())?;
        let status = stage.scene.host(&["status", "-o", "yaml"])?;
        search.look("the status", status.stdout.as_bytes())?;
        search.look_below(&stage.scene.data_dir(), &[])?;
    }
    Ok(())
}

impl Running {
    /// Stops the host, and looks once more.
    fn finish(mut self, stand: &Stand) -> anyhow::Result<()> {
        self.host.signal(Signal::INT)?;
        let finished = self.host.wait(DEADLINE)?;
        let search = stand.search();
        search.look("standard output", finished.stdout.as_bytes())?;
        search.look("standard error", finished.stderr.as_bytes())?;
        stand.search_files()
    }
}
