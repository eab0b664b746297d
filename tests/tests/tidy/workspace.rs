//! The workspace as Cargo sees it, and the files in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, anyhow, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    pub(crate) workspace_members: BTreeSet<String>,
    pub(crate) workspace_root: PathBuf,
    resolve: Resolve,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) targets: Vec<Target>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    kind: Vec<String>,
    pub(crate) src_path: PathBuf,
}

impl Target {
    pub(crate) fn is_example(&self) -> bool {
        self.kind.iter().any(|kind| kind == "example")
    }
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

/// A package with the features and dependencies that it is built with.
#[derive(Deserialize)]
pub(crate) struct Node {
    id: String,
    pub(crate) features: Vec<String>,
    pub(crate) deps: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// As code names it.
    pub(crate) name: String,
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `dev` or `build`; none for a normal dependency.
    kind: Option<String>,
}

impl Dependency {
    /// Whether what is built from the package contains it.
    pub(crate) fn is_normal(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

impl Package {
    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

impl Metadata {
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        let is_member = |package: &&Package| self.workspace_members.contains(&package.id);
        self.packages.iter().filter(is_member)
    }

    pub(crate) fn member(&self, name: &str) -> anyhow::Result<&Package> {
        let found = self.members().find(|package| package.name == name);
        found.with_context(|| format!("no package {name} in the workspace"))
    }

    pub(crate) fn node(&self, package: &Package) -> anyhow::Result<&Node> {
        let found = self.resolve.nodes.iter().find(|node| node.id == package.id);
        found.with_context(|| format!("{} is not resolved", package.name))
    }

    pub(crate) fn target(&self, dependency: &Dependency) -> anyhow::Result<&Package> {
        let found = self.packages.iter().find(|package| package.id == dependency.pkg);
        found.with_context(|| format!("{} is not among the packages", dependency.pkg))
    }

    /// Every package that a build of some target, a test or a build script can contain; Cargo's list also has those that
    /// only features nobody asks for would bring.
    pub(crate) fn used(&self) -> anyhow::Result<Vec<&Package>> {
        let mut used: Vec<&Package> = self.members().collect();
        let mut seen: BTreeSet<&String> = used.iter().map(|package| &package.id).collect();
        let mut next = 0;
        while let Some(package) = used.get(next).copied() {
            next += 1;
            for dependency in &self.node(package)?.deps {
                let target = self.target(dependency)?;
                if seen.insert(&target.id) {
                    used.push(target);
                }
            }
        }
        Ok(used)
    }

    /// The path relative to the workspace's root, with `/`.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.workspace_root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}

/// What Cargo says of the workspace; asked once.
pub(crate) fn metadata() -> anyhow::Result<&'static Metadata> {
    static METADATA: LazyLock<anyhow::Result<Metadata>> = LazyLock::new(|| {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    });
    METADATA.as_ref().map_err(|error| anyhow!("cargo metadata: {error:#}"))
}

/// The text files that are, or are about to be, under version control, by path relative to the root.
pub(crate) fn texts() -> anyhow::Result<BTreeMap<String, String>> {
    let root = &metadata()?.workspace_root;
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("starting git")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut texts = BTreeMap::new();
    for path in String::from_utf8(output.stdout)?.split_terminator('\0') {
        // What is not UTF-8 is no text, and what is gone is about to be deleted.
        if let Ok(text) = fs::read_to_string(root.join(path)) {
            texts.insert(path.to_owned(), text);
        }
    }
    ensure!(!texts.is_empty(), "no file is under version control");
    Ok(texts)
}

/// Fails with every complaint, one a line.
pub(crate) fn no(complaints: &[String]) -> anyhow::Result<()> {
    ensure!(complaints.is_empty(), "\n  {}", complaints.join("\n  "));
    Ok(())
}
