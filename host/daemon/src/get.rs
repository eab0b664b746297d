//! `get`: reads the store, with kubectl's words for kinds and kubectl's forms of answer.

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use k1s_object::{Key, KindNames, KindScope, Timestamp};
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_store::kinds::{KindTable, UnknownKind};
use k1s_store::reader::StoredObject;
use k1s_store::served::{Form, Servery};
use k1s_store::{Reader, StoreError};
use serde_json::{Value, json};
use thiserror::Error;

use crate::cli::{GetArguments, KindQuery, LabelSelector, Namespaces, Outcome, OutputForm, StoreFlags};
use crate::data_directory::{OpenError, Place};
use crate::output::{Table, age};
use crate::run::directories;

/// Objects read at a time.
const PAGE: usize = 500;

/// Why nothing can be read.
#[derive(Debug, Error)]
pub(crate) enum GetError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    #[error("{kind} {name:?} not found{place}")]
    NotFound { kind: String, name: String, place: String },
    #[error(transparent)]
    Yaml(#[from] k1s_yaml::EmitError),
    #[error("the answer cannot be written: {0}")]
    Output(#[source] std::io::Error),
}

/// Prints what the arguments ask for.
pub(crate) fn get(arguments: &GetArguments) -> Result<Outcome, GetError> {
    let flags = StoreFlags {
        data_dir: arguments.data_dir.clone(),
        ephemeral: false,
    };
    let store = Place::choose(&flags, &directories())?.open_existing()?;
    let kinds = wanted(arguments, &store.reader().kinds()?)?;
    let mut answer = Answer::new(arguments, kinds.len());
    for names in &kinds {
        let objects = objects(arguments, store.reader(), names)?;
        answer.add(names, objects);
    }
    answer.print(&store.servery()?)?;
    Ok(Outcome::Done)
}

fn wanted(arguments: &GetArguments, kinds: &KindTable) -> Result<Vec<KindNames>, UnknownKind> {
    let mut wanted: Vec<KindNames> = Vec::new();
    for KindQuery { word, group } in arguments.kinds.as_slice() {
        let typed = group
            .as_ref()
            .map_or_else(|| word.clone(), |group| format!("{word}.{group}"));
        for found in kinds.find(&typed)? {
            if wanted.iter().all(|names| names.group_kind != found.names.group_kind) {
                wanted.push(found.names.clone());
            }
        }
    }
    Ok(wanted)
}

fn objects(arguments: &GetArguments, reader: &Reader, names: &KindNames) -> Result<Vec<StoredObject>, GetError> {
    let namespace = match (names.scope, arguments.namespaces()) {
        (KindScope::Cluster, _) | (KindScope::Namespaced, Namespaces::All) => None,
        (KindScope::Namespaced, Namespaces::One(namespace)) => Some(namespace),
    };
    if let Some(name) = &arguments.name {
        let key = Key {
            group_kind: names.group_kind.clone(),
            namespace: namespace.unwrap_or_default().into(),
            name: name.as_str().into(),
        };
        let object = reader.get(&key)?.ok_or_else(|| not_found(&key, names))?;
        return Ok(vec![object]);
    }
    let (mut objects, mut from) = (Vec::new(), None);
    loop {
        let page = reader.list(&names.group_kind, namespace, from.as_ref(), PAGE)?;
        objects.extend(
            page.objects
                .into_iter()
                .filter(|object| selected(object, arguments.selector.as_ref())),
        );
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(objects),
        }
    }
}

fn not_found(key: &Key, names: &KindNames) -> GetError {
    let place = if key.namespace.is_empty() {
        String::new()
    } else {
        format!(" in namespace {}", key.namespace)
    };
    GetError::NotFound {
        kind: qualified(names),
        name: key.name.to_string(),
        place,
    }
}

fn selected(object: &StoredObject, selector: Option<&LabelSelector>) -> bool {
    let Some(selector) = selector else { return true };
    let body: Value = serde_json::from_slice(&object.body).unwrap_or_default();
    let labels = body.pointer("/metadata/labels");
    selector.matches(|label| labels.and_then(|labels| labels.get(label)).and_then(Value::as_str))
}

/// `configmaps`, `deployments.apps`: as kubectl names a resource.
fn qualified(names: &KindNames) -> String {
    match &*names.group_kind.group {
        "" => names.plural.to_string(),
        group => format!("{}.{group}", names.plural),
    }
}

/// `configmap/a`, `deployment.apps/a`: as kubectl names an object.
fn object_name(names: &KindNames, name: &str) -> String {
    match &*names.group_kind.group {
        "" => format!("{}/{name}", names.singular),
        group => format!("{}.{group}/{name}", names.singular),
    }
}

/// Prints a part of the answer. A reader that has read enough is no failure; an answer that is lost is one.
fn put(text: &str) -> Result<(), GetError> {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(GetError::Output),
    }
}

/// What was found, by kind, and how it is to be shown.
struct Answer<'a> {
    arguments: &'a GetArguments,
    kinds: usize,
    found: Vec<(KindNames, Vec<StoredObject>)>,
}

impl<'a> Answer<'a> {
    fn new(arguments: &'a GetArguments, kinds: usize) -> Self {
        Self {
            arguments,
            kinds,
            found: Vec::new(),
        }
    }

    fn add(&mut self, names: &KindNames, objects: Vec<StoredObject>) {
        if !objects.is_empty() {
            self.found.push((names.clone(), objects));
        }
    }

    fn print(&self, servery: &Servery) -> Result<(), GetError> {
        match self.arguments.output {
            OutputForm::Table | OutputForm::Wide => self.tables(),
            OutputForm::Name => {
                for (names, objects) in &self.found {
                    for object in objects {
                        put(&object_name(names, &object.key.name))?;
                    }
                }
                Ok(())
            }
            OutputForm::Json => put(&format!("{:#}", self.document(servery)?)),
            OutputForm::Yaml => put(k1s_yaml::to_string(&self.document(servery)?)?.trim_end()),
        }
    }

    /// One object as itself, everything else as a List.
    fn document(&self, servery: &Servery) -> Result<Value, GetError> {
        let form = if self.arguments.export {
            Form::Portable
        } else {
            Form::Stored
        };
        let objects = self.found.iter().flat_map(|(_, objects)| objects);
        let mut items = objects
            .map(|object| servery.serve(object, form))
            .collect::<Result<Vec<_>, _>>()?;
        match (&self.arguments.name, items.pop()) {
            (Some(_), Some(only)) if items.is_empty() => Ok(only),
            (_, last) => {
                items.extend(last);
                Ok(json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}))
            }
        }
    }

    fn tables(&self) -> Result<(), GetError> {
        if self.found.is_empty() {
            anstream::eprintln!("{}", self.nothing());
        }
        let now = SystemClock.now();
        for (index, (names, objects)) in self.found.iter().enumerate() {
            if index > 0 {
                put("")?;
            }
            put(self.table(names, objects, now).to_string().trim_end())?;
        }
        Ok(())
    }

    fn nothing(&self) -> String {
        match self.arguments.namespaces() {
            Namespaces::All => "No resources found".to_owned(),
            Namespaces::One(namespace) => format!("No resources found in {namespace} namespace."),
        }
    }

    fn table(&self, names: &KindNames, objects: &[StoredObject], now: Timestamp) -> Table {
        let spaced = self.arguments.all_namespaces && names.scope == KindScope::Namespaced;
        let wide = self.arguments.output == OutputForm::Wide;
        let titles = [
            ("NAMESPACE", spaced),
            ("NAME", true),
            ("AGE", true),
            ("SOURCE", wide),
            ("PATH", wide),
        ];
        let mut table = Table::new(titles.into_iter().filter(|(_, shown)| *shown).map(|(title, _)| title));
        for object in objects {
            // Several kinds in one answer are told apart by their names, as kubectl does.
            let name = if self.kinds > 1 {
                object_name(names, &object.key.name)
            } else {
                object.key.name.to_string()
            };
            let source = object
                .owned
                .as_ref()
                .map(|owned| owned.owner.source.to_string())
                .unwrap_or_default();
            let path = object
                .provenance()
                .map(|at| format!("{}:{}", at.path, at.line))
                .unwrap_or_default();
            let cells = [
                (object.key.namespace.to_string(), spaced),
                (name, true),
                (
                    age(Duration::from_millis(
                        now.as_millis().saturating_sub(object.created.as_millis()),
                    )),
                    true,
                ),
                (source, wide),
                (path, wide),
            ];
            table.push(cells.into_iter().filter(|(_, shown)| *shown).map(|(cell, _)| cell));
        }
        table
    }
}
