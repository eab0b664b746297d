//! The committed table of all built-in Kubernetes kinds.
//!
//! Made from the discovery documents that the Kubernetes project commits beside its sources, which Go's module proxy
//! serves with a checksum. Sub-resources are left out. The same module gives the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{process, workspace};

const MODULE: &str = "k8s.io/kubernetes@v1.35.3";
const TABLE: &str = "host/store/kinds.tsv";
const CORE_GROUP: &str = "";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Writes nothing; fails if the committed table differs.
    #[arg(long)]
    check: bool,
}

/// What `go mod download -json` says of a module.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    dir: Option<PathBuf>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    preferred_version: GroupVersion,
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize, PartialEq)]
struct GroupVersion {
    version: String,
}

#[derive(Deserialize)]
struct CoreVersions {
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Resource>,
}

#[derive(Clone, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Resource {
    kind: String,
    #[serde(rename = "name")]
    plural: String,
    singular_name: String,
    namespaced: bool,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
}

/// One line of the table: the kind as its preferred version has it, and every version that serves it.
struct Row {
    versions: Vec<String>,
    resource: Resource,
}

/// Rows by group and kind.
type Table = BTreeMap<(String, String), Row>;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let made = render(&read(&download()?)?)?;
    let path = workspace::root()?.join(TABLE);
    if arguments.check {
        let committed = fs::read_to_string(&path).with_context(|| format!("reading {TABLE}"))?;
        ensure!(
            committed == made,
            "{TABLE} is not what `cargo xtask kinds` makes; {}",
            first_difference(&committed, &made)
        );
    } else {
        fs::write(&path, made).with_context(|| format!("writing {TABLE}"))?;
    }
    Ok(())
}

/// Fetches the module through Go's own client and returns the directory of its discovery documents.
fn download() -> anyhow::Result<PathBuf> {
    // Outside every Go module, so that no go.mod has a say in what is fetched.
    let printed = process::output(
        Command::new("go")
            .args(["mod", "download", "-json", MODULE])
            .current_dir(std::env::temp_dir()),
    )?;
    let module: Module = serde_json::from_slice(&printed).context("reading what `go mod download` printed")?;
    match (module.dir, module.error) {
        (Some(dir), None) => Ok(dir.join("api/discovery")),
        (_, error) => bail!("{MODULE}: {}", error.unwrap_or_else(|| "not downloaded".to_owned())),
    }
}

fn read(discovery: &Path) -> anyhow::Result<Table> {
    let mut table = Table::new();
    let core: CoreVersions = document(discovery, "api.json")?;
    for version in core.versions {
        let resources = document(discovery, &format!("api__{version}.json"))?;
        add(&mut table, CORE_GROUP, &version, resources)?;
    }
    let groups: Groups = document(discovery, "apis.json")?;
    for group in groups.groups {
        let preferred = &group.preferred_version;
        let others = group.versions.iter().filter(|version| *version != preferred);
        for GroupVersion { version } in std::iter::once(preferred).chain(others) {
            let resources = document(discovery, &format!("apis__{}__{version}.json", group.name))?;
            add(&mut table, &group.name, version, resources)?;
        }
    }
    Ok(table)
}

fn document<T: DeserializeOwned>(discovery: &Path, name: &str) -> anyhow::Result<T> {
    let path = discovery.join(name);
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))
}

/// Adds what one version serves; the caller goes through versions with the preferred one first.
fn add(table: &mut Table, group: &str, version: &str, resources: Resources) -> anyhow::Result<()> {
    for resource in resources.resources {
        if resource.plural.contains('/') {
            continue;
        }
        let row = table
            .entry((group.to_owned(), resource.kind.clone()))
            .or_insert_with(|| Row {
                versions: Vec::new(),
                resource: resource.clone(),
            });
        ensure!(
            row.resource == resource && !row.versions.iter().any(|known| known == version),
            "{group}/{version} {}: versions disagree, which one line cannot tell",
            resource.kind
        );
        row.versions.push(version.to_owned());
    }
    Ok(())
}

fn render(table: &Table) -> anyhow::Result<String> {
    let mut text = format!(
        "# All built-in kinds of Kubernetes, from api/discovery of the Go module {MODULE}.\n\
         # Made by `cargo xtask kinds`; do not edit. Lists are separated by commas, the preferred version comes first.\n\
         # group\tversions\tkind\tplural\tsingular\tscope\tshort names\tcategories\n"
    );
    for ((group, kind), Row { versions, resource }) in table {
        let scope = if resource.namespaced { "Namespaced" } else { "Cluster" };
        let fields = [
            group,
            &versions.join(","),
            kind,
            &resource.plural,
            &resource.singular_name,
            scope,
            &resource.short_names.join(","),
            &resource.categories.join(","),
        ];
        writeln!(text, "{}", fields.join("\t"))?;
    }
    Ok(text)
}

fn first_difference(committed: &str, made: &str) -> String {
    let line = committed
        .lines()
        .zip(made.lines())
        .take_while(|(left, right)| left == right)
        .count();
    let shown = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    format!("line {}: {:?} should be {:?}", line + 1, shown(committed), shown(made))
}
