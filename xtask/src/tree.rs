//! Trees of manifests on disk, for trying things by hand and for measurements.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use k1s_tests::tree::{Layout, Tree};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Objects in the tree.
    #[arg(long, default_value_t = 1_000)]
    objects: usize,
    /// The same seed gives the same tree.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Bytes of a document, about.
    #[arg(long, default_value_t = Tree::DEFAULT_OBJECT_BYTES)]
    object_bytes: usize,
    /// One file for each object instead of many documents and Lists in a file.
    #[arg(long)]
    one_per_file: bool,
    /// The directory to write to; made if it is missing, else it must be empty.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let layout = if arguments.one_per_file {
        Layout::OnePerFile
    } else {
        Layout::Mixed
    };
    let tree = Tree::shaped(arguments.seed, arguments.objects, arguments.object_bytes, layout);
    let out = arguments.out.display();
    fs::create_dir_all(&arguments.out).with_context(|| format!("making {out}"))?;
    let mut entries = fs::read_dir(&arguments.out).with_context(|| format!("reading {out}"))?;
    ensure!(entries.next().is_none(), "{out} is not empty");
    tree.write(&arguments.out)?;
    println!(
        "{} objects of {} kinds in {} files; {} namespaces declared nowhere",
        tree.keys().len(),
        tree.kinds().len(),
        tree.files().count(),
        tree.undeclared_namespaces().len(),
    );
    Ok(())
}
