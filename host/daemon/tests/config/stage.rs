//! A place for configuration, and what tests say about it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use k1s_sync_host::cli::Verb;
use k1s_sync_host::config::{ConfigError, Configuration, Inputs, PluginSearch, load};

/// How every configuration begins.
pub(crate) const HEAD: &str = "apiVersion: sync.k1s.io/v1alpha1\nkind: SyncConfiguration\n";
/// How every registry file begins.
pub(crate) const PLUGIN_HEAD: &str = "apiVersion: sync.k1s.io/v1alpha1\nkind: SourcePlugin\n";

/// A directory with a plugin `fs`, and places for configuration, registry files and the host's own plugins.
pub(crate) struct Place {
    pub(crate) root: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        for directory in ["conf", "plugins.d", "bin"] {
            place.directory(directory);
        }
        place.program("fs", 0o755);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o644);
    }

    pub(crate) fn directory(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
        self.mode(name, 0o755);
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn program(&self, name: &str, mode: u32) {
        self.write(name, "#!/bin/sh\n");
        self.mode(name, mode);
    }

    pub(crate) fn search(&self) -> PluginSearch {
        PluginSearch::new(vec![self.path("plugins.d")], Some(self.path("bin")))
    }

    /// Loads these files of the place, and what a command line adds.
    pub(crate) fn load(&self, files: &[&str], command_line: &str) -> Result<Configuration, ConfigError> {
        let line = ["k1s-sync-host"].into_iter().chain(command_line.split_whitespace());
        let Verb::Run(run) = Verb::parse_from(line).unwrap() else {
            panic!("{command_line} is not run")
        };
        load(&Inputs {
            files: &files.iter().map(PathBuf::from).collect::<Vec<_>>(),
            sources: &run.source.sources,
            instance_id: run.instance_id.as_ref(),
            log_level: run.log_level,
            working_directory: self.root.path(),
            plugins: &self.search(),
        })
    }

    /// Everything that is found wrong, one a line, with paths as seen from the place.
    pub(crate) fn refusal(&self, files: &[&str], command_line: &str) -> String {
        let error = self
            .load(files, command_line)
            .map(|right| panic!("accepted: {right:?}"))
            .unwrap_err();
        error
            .to_string()
            .replace(&format!("{}/", self.root.path().display()), "")
    }
}

/// Checks findings against `line:column: part of the message`, one for each.
pub(crate) fn assert_found(name: &str, refusal: &str, expected: &[&str]) {
    let lines: Vec<&str> = refusal.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{name}: {refusal}");
    for (line, expected) in lines.iter().zip(expected) {
        let (place, message) = expected.split_once(": ").unwrap();
        let rest = line
            .strip_prefix(place)
            .unwrap_or_else(|| panic!("{name}: {line} is not at {place}"));
        assert!(
            rest.strip_prefix(": ").is_some_and(|rest| rest.contains(message)),
            "{name}: {line}; expected {message}"
        );
    }
}

/// One file below [`HEAD`], whose first line is therefore line 3.
pub(crate) fn assert_refused(name: &str, body: &str, expected: &[&str]) {
    let place = Place::new();
    place.write("conf/c.yaml", &format!("{HEAD}{body}"));
    let expected: Vec<String> = expected.iter().map(|one| format!("conf/c.yaml:{one}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    assert_found(name, &place.refusal(&["conf/c.yaml"], ""), &expected);
}
