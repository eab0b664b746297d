//! Changes to a tree, and the steps that make them on disk.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use k1s_object::Key;

use super::file::File;
use super::{Tree, write_file};

/// A line that no YAML or JSON reader accepts where [`Tree::break_syntax`] puts it.
const NONSENSE: &str = "@";

/// One change on disk; paths use `/` and are relative to the tree's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a file or writes it anew, in place.
    Write {
        /// Where.
        path: String,
        /// The whole content.
        text: String,
    },
    /// Moves a file or a directory, making the directory above it if needed.
    Rename {
        /// Where it was.
        from: String,
        /// Where it goes; nothing is there.
        to: String,
    },
    /// Removes a file. Its directory stays.
    Remove {
        /// Where.
        path: String,
    },
}

impl Step {
    /// Makes the change below `root`.
    ///
    /// # Errors
    /// What the file system refuses, by path.
    pub fn apply(&self, root: &Path) -> anyhow::Result<()> {
        match self {
            Self::Write { path, text } => write_file(root, path, text),
            Self::Rename { from, to } => {
                let target = root.join(to);
                let made = target.parent().map_or(Ok(()), fs::create_dir_all);
                made.and_then(|()| fs::rename(root.join(from), target))
                    .with_context(|| format!("renaming {from} to {to}"))
            }
            Self::Remove { path } => fs::remove_file(root.join(path)).with_context(|| format!("removing {path}")),
        }
    }
}

/// A file made unreadable. The tree itself is unchanged: what the file declared is what a store should still hold.
#[derive(Clone, Debug)]
pub struct Break {
    /// The file.
    pub path: String,
    /// The line that cannot be read, from 1.
    pub line: usize,
    /// Makes it unreadable.
    pub spoil: Step,
    /// Makes it what it was.
    pub mend: Step,
}

/// A file that was taken out of a tree.
#[derive(Clone, Debug)]
pub struct Taken {
    path: String,
    file: File,
}

impl Tree {
    /// Changes the content of one object.
    ///
    /// # Errors
    /// When the tree has no such key.
    pub fn edit(&mut self, key: &Key) -> anyhow::Result<Step> {
        let path = self
            .file_of(key)
            .with_context(|| format!("no {key} in this tree"))?
            .to_owned();
        let objects = self.files.get_mut(&path).map(|file| &mut file.objects);
        for object in objects.into_iter().flatten().filter(|object| object.key() == *key) {
            object.revision += 1;
        }
        self.written(&path)
    }

    /// Gives a file another name in its directory.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn rename_file(&mut self, path: &str) -> anyhow::Result<Step> {
        let file = self
            .files
            .remove(path)
            .with_context(|| format!("no file {path} in this tree"))?;
        let to = match path.rsplit_once('/') {
            Some((directory, name)) => format!("{directory}/renamed-{name}"),
            None => format!("renamed-{path}"),
        };
        self.files.insert(to.clone(), file);
        Ok(Step::Rename {
            from: path.to_owned(),
            to,
        })
    }

    /// Moves a directory with all that is in it below a new one, `moved`.
    ///
    /// # Errors
    /// When no file is in such a directory.
    pub fn move_directory(&mut self, directory: &str) -> anyhow::Result<Step> {
        let to = format!("moved/{directory}");
        let inside = format!("{directory}/");
        let paths: Vec<String> = self
            .files()
            .filter(|path| path.starts_with(&inside))
            .map(str::to_owned)
            .collect();
        ensure!(!paths.is_empty(), "no file in {directory}");
        for path in paths {
            if let Some(file) = self.files.remove(&path) {
                self.files.insert(path.replacen(directory, &to, 1), file);
            }
        }
        Ok(Step::Rename {
            from: directory.to_owned(),
            to,
        })
    }

    /// Takes a file and all that it declares out of the tree.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn delete_file(&mut self, path: &str) -> anyhow::Result<Step> {
        match self.files.remove(path) {
            Some(_) => Ok(Step::Remove { path: path.to_owned() }),
            None => bail!("no file {path} in this tree"),
        }
    }

    /// Takes a file out of the tree as [`Tree::delete_file`] does, so that it can be put back.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn take_file(&mut self, path: &str) -> anyhow::Result<(Step, Taken)> {
        let file = self.files.get(path).cloned();
        let file = file.with_context(|| format!("no file {path} in this tree"))?;
        let step = self.delete_file(path)?;
        Ok((
            step,
            Taken {
                path: path.to_owned(),
                file,
            },
        ))
    }

    /// Puts a file back where it was.
    ///
    /// # Errors
    /// When another is there now.
    pub fn put_back(&mut self, taken: Taken) -> anyhow::Result<Step> {
        let Taken { path, file } = taken;
        ensure!(!self.files.contains_key(&path), "{path} is in this tree");
        self.files.insert(path.clone(), file);
        self.written(&path)
    }

    /// Says how to make a file unreadable and how to mend it, without changing the tree.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn break_syntax(&self, path: &str) -> anyhow::Result<Break> {
        let mend = self.written(path)?;
        let Step::Write { text, .. } = &mend else {
            bail!("a file is mended by writing it")
        };
        let lines: Vec<&str> = text.lines().collect();
        // In YAML, before the kind of the document in the middle; the line above it ends what it says there.
        let kinds: Vec<usize> = (0..lines.len())
            .filter(|index| starts_with_kind(lines[*index]))
            .collect();
        let index = kinds.get(kinds.len() / 2).copied().unwrap_or(1);
        let spoilt = [&lines[..index], &[NONSENSE], &lines[index..]].concat().join("\n") + "\n";
        Ok(Break {
            path: path.to_owned(),
            line: index + 1,
            spoil: Step::Write {
                path: path.to_owned(),
                text: spoilt,
            },
            mend,
        })
    }

    fn written(&self, path: &str) -> anyhow::Result<Step> {
        let file = self
            .files
            .get(path)
            .with_context(|| format!("no file {path} in this tree"))?;
        Ok(Step::Write {
            path: path.to_owned(),
            text: file.text(self.style),
        })
    }

    /// The steps that turn this tree's directory into `other`'s, as a checkout does: it writes what differs and removes
    /// what is gone.
    #[must_use]
    pub fn steps_to(&self, other: &Self) -> Vec<Step> {
        let gone = self.files().filter(|path| !other.files.contains_key(*path));
        let mut steps: Vec<Step> = gone.map(|path| Step::Remove { path: path.to_owned() }).collect();
        for (path, file) in &other.files {
            let text = file.text(other.style);
            if self.files.get(path).is_none_or(|file| file.text(self.style) != text) {
                steps.push(Step::Write {
                    path: path.clone(),
                    text,
                });
            }
        }
        steps
    }
}

fn starts_with_kind(line: &str) -> bool {
    line.starts_with("kind:") || line.starts_with("\"kind\":")
}
