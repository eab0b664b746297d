//! Every way to give a secret, as a source of one host, each with a server of its own.

mod lent;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k1s_tests::canary::{Canary, Search};
use k1s_tests::kubectl::{Client, Kubectl};
use k1s_tests::processes::children;
use k1s_tests::program::{self, GETTER_SOURCE, built, host};
use k1s_tests::repository::Repository;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::web::{Page, Web};
use serde_json::{Value, json};

use super::configuration;

/// A host's variables that secrets are in.
const TOKEN: &str = "STAND_TOKEN";
const PASSWORD: &str = "STAND_PASSWORD";
/// What the API has of sources, and of the host.
const SHOWN: [&str; 4] = [
    "/apis/sync.k1s.io/v1alpha1/sources",
    "/apis/sync.k1s.io/v1alpha1/heldprunes",
    "/metrics",
    "/readyz?verbose",
];

/// One way to give secrets.
struct Way {
    name: &'static str,
    web: Web,
    /// Where its pages are.
    paths: Vec<String>,
    config: Value,
    env: Value,
    /// What its server is told.
    secrets: Vec<Canary>,
    /// What signs, and nobody is told.
    kept: Option<Canary>,
}

/// All ways, and a host's place.
pub(super) struct Stand {
    scene: Scene,
    ways: Vec<Way>,
    elsewhere: Web,
    /// Where secrets were put for the source.
    known: Vec<PathBuf>,
}

/// The host.
pub(super) struct Running {
    pub(super) host: program::Running,
    client: Client,
    data: PathBuf,
}

impl Way {
    /// A file behind HTTP, at an address that is made of the server's.
    fn file(
        name: &'static str,
        secrets: &[&Canary],
        address: impl Fn(&str) -> String,
        rest: Value,
    ) -> anyhow::Result<Self> {
        let web = Web::start()?;
        web.put("/a.yaml", Page::of(config_map(name, "1")));
        let mut config = rest;
        config["source"] = json!(address(&web.authority()));
        Ok(Self {
            name,
            web,
            paths: vec!["/a.yaml".to_owned()],
            config,
            env: json!({}),
            secrets: secrets.iter().map(|canary| (*canary).clone()).collect(),
            kept: None,
        })
    }
}

impl Stand {
    pub(super) fn new() -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        let mut known = Vec::new();
        let mut keep = |name: &str, text: &str| {
            known.push(scene.outside(name));
            fs::write(scene.outside(name), text)
        };
        keep("sync.json", "")?;
        let mut ways = vec![in_address()?, in_signature()?];
        let [token, password, file, entry] = ["Token", "Password", "File", "Netrc"].map(Canary::new);
        keep("token", &format!("{}\n", file.text()))?;
        let plain = |place: &str| format!("http://{place}/a.yaml");
        let credentials = |value: Value| json!({ "credentials": value });
        ways.push(Way::file(
            "token-env",
            &[&token],
            plain,
            credentials(json!({"token": format!("env:{TOKEN}")})),
        )?);
        ways.push(Way::file(
            "token-file",
            &[&file],
            plain,
            credentials(json!({"token": "@token"})),
        )?);
        let basic = json!({"username": "ann", "password": format!("env:{PASSWORD}")});
        ways.push(Way::file("password", &[&password], plain, credentials(basic))?);
        let netrc = Way::file("netrc", &[&entry], plain, credentials(json!({"netrc": "./netrc"})))?;
        let (machine, entry) = (netrc.web.authority(), entry.text());
        keep("netrc", &format!("machine {machine} login ann password {entry}\n"))?;
        ways.push(netrc);
        let [late, heard, key] = ["Late", "Heard", "AzureKey"].map(Canary::new);
        keep("late", late.text())?;
        keep("heard", heard.text())?;
        let mut hearing = json!({"credentials": {"tokenFile": "./late"}});
        hearing["webhook"] =
            json!({"listen": "127.0.0.1:0", "path": "/changed", "provider": "gitlab", "secretFile": "./heard"});
        let mut hearing = Way::file("token-late", &[&late], plain, hearing)?;
        hearing.kept = Some(heard);
        ways.push(hearing);
        keep("azure-key", &BASE64_STANDARD.encode(key.text()))?;
        ways.extend([
            through_proxy()?,
            of_store()?,
            in_shared_signature()?,
            of_azure(key)?,
            of_git(&scene)?,
            of_mercurial()?,
        ]);
        ways.extend(lent::ways(&scene, &mut keep)?);
        let google = Canary::new("Google");
        keep("google-token", google.text())?;
        ways.push(of_google(google)?);
        let registry = of_registry()?;
        keep("registry", registry.secrets[0].text())?;
        keep("along", &format!("X-Shop: {}\n", registry.secrets[2].text()))?;
        fs::write(scene.outside("ca.pem"), registry.web.authority_pem())?;
        ways.push(registry);
        Ok(Self {
            scene,
            ways,
            elsewhere: Web::start()?,
            known,
        })
    }

    /// Every source.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let names: Vec<&'static str> = self.ways.iter().map(|way| way.name).collect();
        names.into_iter()
    }

    pub(super) fn elsewhere(&self) -> &Web {
        &self.elsewhere
    }

    /// All secrets.
    pub(super) fn search(&self) -> Search {
        let all = self.ways.iter().flat_map(|way| way.secrets.iter().chain(&way.kept));
        Search::of(&all.collect::<Vec<_>>())
    }

    /// Lets every server answer this.
    pub(super) fn put(&self, page: &Page) {
        for name in self.names() {
            self.put_at(name, page);
        }
    }

    /// Lets the server of one source answer this.
    pub(super) fn put_at(&self, name: &str, page: &Page) {
        for way in self.ways.iter().filter(|way| way.name == name) {
            for path in &way.paths {
                way.web.put(path, page.clone());
            }
        }
    }

    pub(super) fn start(&mut self) -> anyhow::Result<Running> {
        let plugin = built(GETTER_SOURCE)?;
        let sources: Vec<Value> = self
            .ways
            .iter()
            .map(|way| {
                let mut config = way.config.clone();
                config["cacheDir"] = json!(self.scene.outside("cache"));
                config["allow"] = json!(["http"]);
                config["interval"] = json!("1h");
                json!({"name": way.name, "plugin": plugin, "config": config, "env": way.env})
            })
            .collect();
        let file = self.scene.outside("sync.json");
        fs::write(&file, configuration(&json!(sources)))?;
        for directory in ["tmp", "home"] {
            fs::create_dir_all(self.scene.outside(directory))?;
        }
        let secret = |name: &str| {
            let way = self.ways.iter().find(|way| way.name == name);
            way.map(|way| way.secrets[0].text().to_owned()).context("a secret")
        };
        let mut command = host(["run", "--log-level", "trace", "-f"])?;
        command
            .arg(file)
            .arg("--data-dir")
            .arg(self.scene.data_dir())
            .env("TMPDIR", self.scene.outside("tmp"))
            .env("HOME", self.scene.outside("home"))
            .env(TOKEN, secret("token-env")?)
            .env(PASSWORD, secret("password")?);
        let mut host = program::start(&mut command)?;
        host.until_printed("live:", DEADLINE)?;
        let client = Kubectl::ready()?.with(&self.scene.data_dir().join("kubeconfig"))?;
        Ok(Running {
            host,
            client,
            data: self.scene.data_dir(),
        })
    }

    /// Looks into every file that was written, beside those that secrets were given in.
    pub(super) fn search_files(&self) -> anyhow::Result<()> {
        self.search().look_below(&self.scene.outside(""), &self.known)
    }

    /// Whether a search finds what is there.
    pub(super) fn a_planted_one_is_found(&self) -> anyhow::Result<()> {
        for directory in [
            self.scene.data_dir(),
            self.scene.outside("cache"),
            self.scene.outside("tmp"),
        ] {
            for secret in self.ways.iter().flat_map(|way| way.secrets.iter().chain(&way.kept)) {
                let planted = directory.join("planted");
                fs::write(&planted, format!("\0{}\0", secret.encoded()))?;
                ensure!(self.search_files().is_err(), "{secret:?} in {}", directory.display());
                fs::remove_file(planted)?;
            }
        }
        self.search_files()
    }

    /// Whether each secret came to its server.
    pub(super) fn all_were_told(&self) -> anyhow::Result<()> {
        for way in &self.ways {
            let asked = way.web.asked();
            let all = asked
                .iter()
                .map(|asked| format!("{asked:?} {}\n", String::from_utf8_lossy(&asked.body)));
            let told: String = all.collect();
            let is_told = |secret: &Canary| Search::of(&[secret]).look("", told.as_bytes()).is_err();
            for secret in &way.secrets {
                ensure!(is_told(secret), "{}: {secret:?}: {told}", way.name);
            }
            ensure!(!way.kept.iter().any(is_told), "{}: {told}", way.name);
        }
        ensure!(!self.elsewhere.asked().is_empty(), "nobody was led elsewhere");
        Ok(())
    }
}

fn in_address() -> anyhow::Result<Way> {
    let [user, password, query] = ["User", "Userinfo", "Query"].map(Canary::new);
    let address = |place: &str| {
        let (user, password, query) = (user.encoded(), password.encoded(), query.encoded());
        format!("http://{user}:{password}@{place}/a.yaml?token={query}")
    };
    Way::file("address", &[&user, &password, &query], address, json!({}))
}

fn in_signature() -> anyhow::Result<Way> {
    let [amazon, azure, bare] = ["Amazon", "Azure", "Bare"].map(Canary::new);
    let address = |place: &str| {
        let (amazon, azure, bare) = (amazon.encoded(), azure.encoded(), bare.encoded());
        format!("http://{place}/a.yaml?X-Amz-Signature={amazon}&sig={azure}&{bare}")
    };
    Way::file("signature", &[&amazon, &azure, &bare], address, json!({}))
}

/// The server is the proxy, which is asked for a tunnel and never gives one.
fn through_proxy() -> anyhow::Result<Way> {
    let secret = Canary::new("Proxy");
    let mut way = Way::file(
        "proxy",
        &[&secret],
        |_| "http://shop.invalid/a.yaml".to_owned(),
        json!({}),
    )?;
    way.paths = vec!["shop.invalid:80".to_owned()];
    let proxy = format!("http://ann:{}@{}", secret.encoded(), way.web.authority());
    way.env = json!({"HTTP_PROXY": proxy, "http_proxy": proxy});
    Ok(way)
}

fn of_store() -> anyhow::Result<Way> {
    let [id, token, key] = ["KeyId", "Session", "Key"].map(Canary::new);
    let address = |place: &str| {
        let (id, token, key) = (id.encoded(), token.encoded(), key.encoded());
        format!(
            "s3::http://{place}/pail/a.yaml?region=eu-west-1&aws_access_key_id={id}&aws_access_key_secret={key}&aws_access_token={token}"
        )
    };
    let mut way = Way::file("store", &[&id, &token], address, json!({}))?;
    way.kept = Some(key.clone());
    way.web.put("/pail/a.yaml", Page::of(config_map("store", "1")));
    way.paths = vec!["/pail/a.yaml".to_owned(), "/pail/".to_owned()];
    Ok(way)
}

fn in_shared_signature() -> anyhow::Result<Way> {
    let secret = Canary::new("Shared");
    let address = |place: &str| {
        format!(
            "azure::http://{place}/acct/pail/a.yaml?sv=2024-11-04&sig={}",
            secret.encoded()
        )
    };
    of_blob(Way::file("azure-signature", &[&secret], address, json!({}))?)
}

/// The key signs, and is told to nobody.
fn of_azure(key: Canary) -> anyhow::Result<Way> {
    let address = |place: &str| format!("azure::http://{place}/acct/pail/a.yaml");
    let credentials = json!({"credentials": {"username": "acct", "password": "@azure-key"}});
    let mut way = Way::file("azure-key", &[], address, credentials)?;
    way.kept = Some(key);
    of_blob(way)
}

fn of_blob(mut way: Way) -> anyhow::Result<Way> {
    let page = Page::of(config_map(way.name, "1")).with("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    way.web.put("/acct/pail/a.yaml", page);
    way.paths = ["/acct/pail/a.yaml", "/acct/pail"].map(str::to_owned).to_vec();
    Ok(way)
}

fn of_git(scene: &Scene) -> anyhow::Result<Way> {
    let secret = Canary::new("Forge");
    let address = |place: &str| format!("git::http://ann:{}@{place}/repository//apps?ref=main", secret.encoded());
    let mut way = Way::file("git", &[&secret], address, json!({}))?;
    let repository = Repository::make(scene.outside("served/repository"))?;
    repository.commit("apps", &[("a.yaml".to_owned(), config_map("git", "1"))])?;
    way.web.serve_repositories(&scene.outside("served"));
    way.paths = ["info/refs", "git-upload-pack"]
        .map(|path| format!("/repository/{path}"))
        .to_vec();
    Ok(way)
}

/// A repository of Mercurial with one file, whose server wants a password.
fn of_mercurial() -> anyhow::Result<Way> {
    let secret = Canary::new("Mercurial");
    let address = |place: &str| format!("hg::http://ann:{}@{place}/", secret.encoded());
    let mut way = Way::file("mercurial", &[&secret], address, json!({}))?;
    let (node, map) = ("5dbde4d19ab27ccb9e8ca049f12cf54e0d6b944f", config_map("mercurial", "1"));
    let file = json!({"basename": "a.yaml", "size": map.len(), "flags": ""});
    let directory = json!({"node": node, "directories": [], "files": [file]});
    let pages = [
        ("/".to_owned(), format!("1 {node}\n")),
        (format!("/json-manifest/{node}/."), directory.to_string()),
        (format!("/raw-file/{node}/a.yaml"), map),
    ];
    for (path, text) in &pages {
        way.web.put(path, Page::of(text.clone()));
    }
    way.paths = pages.map(|(path, _)| path).to_vec();
    Ok(way)
}

/// An object of Google's, which is what its server says of it: that is no manifest.
fn of_google(token: Canary) -> anyhow::Result<Way> {
    let object = json!({"kind": "storage#object", "name": "a.yaml", "generation": "1", "size": "75"}).to_string();
    let address = |_: &str| "gcs::https://www.googleapis.com/storage/v1/pail/a.yaml".to_owned();
    let credentials = json!({"credentials": {"token": "@google-token"}});
    let mut way = Way::file("google", &[&token], address, credentials)?;
    way.env = json!({"STORAGE_EMULATOR_HOST": way.web.authority()});
    way.paths = vec!["/storage/v1/b/pail/o/a.yaml".to_owned()];
    way.web.put(&way.paths[0], Page::of(object));
    Ok(way)
}

/// A registry that wants a token, which its own place hands out.
fn of_registry() -> anyhow::Result<Way> {
    let [secret, issued, along] = ["Registry", "Issued", "Along"].map(Canary::new);
    let web = Web::start_with_tls()?;
    let realm = format!(
        "Bearer realm=\"{}\",service=\"s\",scope=\"repository:a/b:pull\"",
        web.url("/token")
    );
    let manifest = "/v2/a/b/manifests/v1".to_owned();
    web.put(&manifest, Page::status(401).with("WWW-Authenticate", &realm));
    web.put(
        "/token",
        Page::of(json!({"token": issued.text()}).to_string()).with("Content-Type", "application/json"),
    );
    Ok(Way {
        name: "registry",
        config: json!({
            "source": format!("oci://localhost:{}/a/b:v1", web.port()),
            "caFile": "./ca.pem",
            "credentials": {"username": "ann", "password": "@registry", "headersFile": "./along"},
        }),
        env: json!({}),
        web,
        paths: vec![manifest],
        secrets: vec![secret, issued, along],
        kept: None,
    })
}

impl Running {
    /// Lets a source ask now, and waits until what came of it is known.
    pub(super) fn sync(&self, name: &str, code: i32) -> anyhow::Result<()> {
        let mut command = host(["sync", name, "--wait", "--data-dir"])?;
        let finished = program::run(command.arg(&self.data), DEADLINE)?;
        finished.expect_code(code).with_context(|| name.to_owned()).map(drop)
    }

    /// Looks at what is printed, shown by the API, kept in files and told of the plugins' processes.
    pub(super) fn search(&self, stand: &Stand) -> anyhow::Result<()> {
        let search = stand.search();
        let (stdout, stderr) = self.host.printed()?;
        search.look("standard output", stdout.as_bytes())?;
        search.look("standard error", stderr.as_bytes())?;
        for path in SHOWN {
            search.look(path, self.client.answer(["get", "--raw", path])?.as_bytes())?;
        }
        for form in [&["status", "-o", "yaml"][..], &["status"], &["sources"]] {
            let mut command = host(form)?;
            let finished = program::run(command.arg("--data-dir").arg(&self.data), DEADLINE)?;
            search.look(&form.join(" "), (finished.stdout + &finished.stderr).as_bytes())?;
        }
        stand.search_files()?;
        let plugins = children(self.host.id());
        ensure!(plugins.len() == stand.ways.len(), "{plugins:?}");
        // A variable that the user sets for a plugin is in its environment.
        let is_set = |way: &&Way| {
            Search::of(&way.secrets.iter().collect::<Vec<_>>())
                .look("", way.env.to_string().as_bytes())
                .is_err()
        };
        let set = stand.ways.iter().filter(is_set).flat_map(|way| &way.secrets);
        let set: BTreeMap<&str, ()> = set.map(|secret| (secret.text(), ())).collect();
        let all = stand.ways.iter().flat_map(|way| way.secrets.iter().chain(&way.kept));
        let unset: Vec<&Canary> = all.filter(|secret| !set.contains_key(secret.text())).collect();
        for plugin in plugins {
            Search::of(&unset).look_at(plugin)?;
        }
        search.look(
            "the command line of the host",
            &fs::read(format!("/proc/{}/cmdline", self.host.id()))?,
        )
    }
}
