//! `get`: reads the store.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use k1s_api::selector::{LabelSelector, SelectorError};
use thiserror::Error;

use super::StoreDirectory;
use crate::config::NamespaceName;

/// What `get` is asked for.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::GET_EXAMPLES)]
pub struct GetArguments {
    /// The kinds: plural, singular, short name or kind, with `.GROUP` where that is not clear; joined by commas
    #[arg(value_name = "KIND", required = true)]
    pub kinds: KindQueries,

    /// The name of one object
    #[arg(value_name = "NAME", conflicts_with_all = ["all_namespaces", "selector"])]
    pub name: Option<String>,

    /// Looks into this namespace [default: default]
    #[arg(short = 'n', long, value_name = "NS", conflicts_with = "all_namespaces")]
    pub namespace: Option<NamespaceName>,

    /// Looks into every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Takes only objects with these labels, for example app=shop,tier!=cache
    #[arg(short = 'l', long, value_name = "SEL")]
    pub selector: Option<Selector>,

    /// Chooses the form of the answer
    #[arg(short = 'o', long, value_name = "FORM", value_enum, default_value_t)]
    pub output: OutputForm,

    /// Leaves out what only this store knows, so that the answer can be applied elsewhere
    #[arg(long)]
    pub export: bool,

    /// Reads the store in this directory [default: $XDG_STATE_HOME/k1s-sync]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,

    /// Goes on with each change as it comes; needs a host that runs
    #[arg(short = 'w', long)]
    pub watch: bool,
}

impl GetArguments {
    /// Which store is read.
    #[must_use]
    pub fn store(&self) -> StoreDirectory {
        StoreDirectory {
            data_dir: self.data_dir.clone(),
        }
    }

    /// Which namespaces are asked for; kinds without namespaces ignore it.
    #[must_use]
    pub fn namespaces(&self) -> Namespaces<'_> {
        match &self.namespace {
            _ if self.all_namespaces => Namespaces::All,
            Some(name) => Namespaces::One(name.as_str()),
            None => Namespaces::One("default"),
        }
    }
}

/// Which namespaces are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespaces<'a> {
    /// Every one.
    All,
    /// This one.
    One(&'a str),
}

/// A label selector that can be read, as it was written; the API takes it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<LabelSelector>().map(|_readable| Self(text.to_owned()))
    }
}

/// A kind as a person names it: `cm`, `deployments`, `Deployment.apps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindQuery {
    /// Plural, singular, short name, kind or category; not changed in case.
    pub word: String,
    /// The group after the first dot, for example `apps`.
    pub group: Option<String>,
}

impl FromStr for KindQuery {
    type Err = KindQueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, group) = match text.split_once('.') {
            Some((word, group)) => (word, Some(group)),
            None => (text, None),
        };
        if word.is_empty() || group.is_some_and(str::is_empty) {
            return Err(KindQueryError::Empty);
        }
        if let Some((kind, name)) = text.split_once('/') {
            return Err(KindQueryError::Name {
                kind: kind.to_owned(),
                name: name.to_owned(),
            });
        }
        Ok(Self {
            word: word.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

/// At least one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindQueries(Vec<KindQuery>);

impl KindQueries {
    /// The kinds in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[KindQuery] {
        &self.0
    }
}

impl FromStr for KindQueries {
    type Err = KindQueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// Why a text does not name a kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KindQueryError {
    /// There is nothing, or nothing after the dot.
    #[error("name a kind, for example configmaps, cm or Deployment.apps")]
    Empty,
    /// The name of an object comes with it.
    #[error("write the name apart from the kind: {kind} {name}")]
    Name {
        /// What is before the slash.
        kind: String,
        /// What is after it.
        name: String,
    },
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// A table for people.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// One `kind/name` a line.
    Name,
}
