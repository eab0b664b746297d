//! The machine that figures are from.

use std::fs;

use serde::Serialize;

/// What figures depend on.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    memory_bytes: Option<u64>,
    system: String,
    /// Whether the programs were built to be fast.
    pub(super) is_optimised: bool,
}

impl Machine {
    /// Asks the system.
    pub(super) fn of_this() -> Self {
        let first = |path: &str, name: &str| {
            let text = fs::read_to_string(path).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
        };
        let memory = first("/proc/meminfo", "MemTotal");
        let kilobytes = memory.and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok());
        let system = rustix::system::uname();
        let words = [system.sysname(), system.release(), system.machine()].map(|word| word.to_string_lossy());
        Self {
            processor: first("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kilobytes.map(|kilobytes| kilobytes << 10),
            system: words.join(" "),
            is_optimised: !cfg!(debug_assertions),
        }
    }

    /// One line for a table.
    pub(super) fn describe(&self) -> String {
        let memory = self.memory_bytes.unwrap_or_default() >> 30;
        let build = if self.is_optimised { "release" } else { "debug" };
        format!(
            "{} cores of {}, {memory} GiB, {}, {build} build",
            self.cores, self.processor, self.system
        )
    }
}
