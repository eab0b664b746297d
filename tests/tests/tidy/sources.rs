//! How sources look.

use crate::workspace::{metadata, no, texts};

const MAX_CODE_LINES: usize = 500;
/// Crates that may hold unsafe code: what they do has no safe interface.
const UNSAFE: [&str; 2] = ["k1s-process", "k1s-yaml"];
const SOURCES: [&str; 6] = [".rs", ".py", ".go", ".proto", ".sh", ".ci/run"];

#[test]
fn files_are_short() -> anyhow::Result<()> {
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with('#');
    let mut complaints = Vec::new();
    for (path, text) in texts()?
        .iter()
        .filter(|(path, _)| SOURCES.iter().any(|end| path.ends_with(end)))
    {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !is_comment(line))
            .count();
        if lines > MAX_CODE_LINES {
            complaints.push(format!("{path} has {lines} lines of code, more than {MAX_CODE_LINES}"));
        }
    }
    no(&complaints)
}

#[test]
fn crates_forbid_unsafe_code() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let mut complaints = Vec::new();
    for package in metadata
        .members()
        .filter(|package| !UNSAFE.contains(&package.name.as_str()))
    {
        // Examples are for copying: what the workspace denies is enough for them.
        for target in package.targets.iter().filter(|target| !target.is_example()) {
            if !std::fs::read_to_string(&target.src_path)?.contains("#![forbid(unsafe_code)]") {
                complaints.push(format!(
                    "{} does not forbid unsafe code",
                    metadata.relative(&target.src_path)
                ));
            }
        }
    }
    no(&complaints)
}

#[test]
fn unsafe_code_is_expected_with_a_reason_and_allowed_nowhere() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let mut homes = Vec::new();
    for name in UNSAFE {
        homes.push(format!("{}/", metadata.relative(metadata.member(name)?.directory())));
    }
    let mut complaints = Vec::new();
    for (path, text) in texts()?.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let dense: String = text.split_whitespace().collect();
        let is_home = homes.iter().any(|home| path.starts_with(home));
        // Written in two halves so that this file does not complain of itself.
        let allows = dense.contains(concat!("allow(", "unsafe_code"));
        if allows || (!is_home && dense.contains(concat!("expect(", "unsafe_code"))) {
            complaints.push(format!("{path} lets unsafe code in"));
        }
    }
    no(&complaints)
}

/// A formatted source without comments and without what only its tests contain.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let item = line.trim_start();
        if item.starts_with("#[cfg(test)]") {
            skip_item(&mut lines, line.len() - item.len());
        } else if !item.starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Skips an item that begins on the next line, at most after further attributes, at a column.
fn skip_item(lines: &mut std::str::Lines<'_>, column: usize) {
    for line in lines {
        let item = line.trim_start();
        let is_closed = line.len() - item.len() == column && item.starts_with('}');
        if is_closed || (!item.starts_with('#') && line.len() - item.len() == column && item.ends_with([';', '}'])) {
            return;
        }
    }
}

/// The paths, without extension, of modules that a source has for its tests only.
pub(crate) fn module_files(path: &str, text: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let directory = match stem.rsplit_once('/') {
        Some((directory, "lib" | "main" | "mod")) => directory,
        _ => stem,
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    let names = pairs.filter_map(|pair| pair[1].strip_suffix(';')?.rsplit_once("mod "));
    names.map(|(_, name)| format!("{directory}/{name}")).collect()
}

#[test]
fn what_only_tests_contain_is_left_out() {
    let text = "//! Page.\nuse a;\n#[cfg(test)]\nmod model;\nfn b() {\n    c(); // why\n}\n\n#[cfg(test)]\n#[expect(x)]\n\
                mod tests {\n    fn d() {\n    }\n}\nfn e() {}\n";
    assert_eq!(code(text), "use a;\nfn b() {\n    c(); // why\n}\n\nfn e() {}\n");
    assert_eq!(module_files("x/src/lib.rs", text), ["x/src/model"]);
    assert_eq!(module_files("x/src/y.rs", text), ["x/src/y/model"]);
}
