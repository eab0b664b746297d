//! A small host: launches the plugin, speaks the contract, checks counts and digests, and keeps an inventory.

mod inventory;
mod listing;
mod plugin;
mod session;
mod watched;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::inventory::Inventory;
pub(crate) use self::listing::Listing;
pub(crate) use self::plugin::{Plugin, User};
pub(crate) use self::session::{Said, Session};
pub(crate) use self::watched::{Watched, count};

/// A folder and what a host holds of it, over any number of launches.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) inventory: Inventory,
    pub(crate) user: User,
    options: Value,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            folder,
            inventory: Inventory::default(),
            user: User::Own,
            options: json!({}),
        }
    }

    pub(crate) fn with(options: Value) -> Self {
        Self { options, ..Self::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn scope(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.at(path)).unwrap();
    }

    pub(crate) async fn open(&self) -> Session {
        let mut config = self.options.clone();
        config["path"] = json!(self.scope());
        Session::open(config, &[(self.scope(), &self.inventory)], self.user).await
    }

    /// Launches the plugin, takes one listing, applies it, and ends the plugin.
    pub(crate) async fn sync(&mut self) -> Listing {
        let mut session = self.open().await;
        let listing = session.listing().await.1;
        session.close().await;
        self.inventory.apply(&listing);
        listing
    }
}

/// A ConfigMap.
pub(crate) fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: \"{value}\"\n")
}
