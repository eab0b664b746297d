//! `get`: reads objects through the API, with kubectl's words for kinds and kubectl's forms of answer.

use std::io::{ErrorKind, Write as _};

use k1s_object::{KindNames, KindScope};
use k1s_store::kinds::UnknownKind;
use serde_json::{Value, json};
use thiserror::Error;

use crate::cli::{GetArguments, KindQuery, Namespaces, Outcome, OutputForm, Selector};
use crate::client::{Client, ClientError, JSON, TABLE};

mod follow;
mod kinds;
mod portable;
mod rows;

use kinds::Known;
use rows::Rows;

/// Why nothing can be read.
#[derive(Debug, Error)]
pub(crate) enum GetError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    #[error("--watch follows one kind at a time")]
    SeveralKinds,
    #[error(transparent)]
    Yaml(#[from] k1s_yaml::EmitError),
    #[error("the answer cannot be written: {0}")]
    Output(#[source] std::io::Error),
}

/// One kind that is asked for.
pub(crate) struct Wanted {
    names: KindNames,
    version: String,
}

/// Prints what the arguments ask for.
pub(crate) async fn get(arguments: GetArguments) -> Result<Outcome, GetError> {
    let mut client = Client::open(&arguments.store()).await?;
    let wanted = wanted(&arguments, &Known::discover(&mut client).await?)?;
    if arguments.watch {
        let [only] = wanted.as_slice() else {
            return Err(GetError::SeveralKinds);
        };
        follow::follow(&mut client, &arguments, only).await?;
    } else {
        match arguments.output {
            OutputForm::Table | OutputForm::Wide => tables(&mut client, &arguments, &wanted).await?,
            OutputForm::Name => {
                for kind in &wanted {
                    for object in kind.objects(&mut client, &arguments).await? {
                        put(&object_name(&kind.names, name_of(&object)))?;
                    }
                }
            }
            OutputForm::Json => put(&format!("{:#}", document(&mut client, &arguments, &wanted).await?))?,
            OutputForm::Yaml => {
                let document = document(&mut client, &arguments, &wanted).await?;
                put(k1s_yaml::to_string(&document)?.trim_end())?;
            }
        }
    }
    client.close()?;
    Ok(Outcome::Done)
}

fn wanted(arguments: &GetArguments, known: &Known) -> Result<Vec<Wanted>, UnknownKind> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for KindQuery { word, group } in arguments.kinds.as_slice() {
        let typed = group
            .as_ref()
            .map_or_else(|| word.clone(), |group| format!("{word}.{group}"));
        for found in known.find(&typed)? {
            if wanted
                .iter()
                .all(|kind| kind.names.group_kind != found.names.group_kind)
            {
                wanted.push(Wanted {
                    names: found.names.clone(),
                    version: found.version.to_owned(),
                });
            }
        }
    }
    Ok(wanted)
}

impl Wanted {
    /// The path of the collection, or of the one object that is asked for.
    fn path(&self, arguments: &GetArguments) -> String {
        let Self { names, version } = self;
        let mut path = match &*names.group_kind.group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        if let (KindScope::Namespaced, Namespaces::One(namespace)) = (names.scope, arguments.namespaces()) {
            path.push_str(&format!("/namespaces/{namespace}"));
        }
        path.push_str(&format!("/{}", names.plural));
        if let Some(name) = &arguments.name {
            path.push_str(&format!("/{}", crate::client::segment(name)));
        }
        path
    }

    /// The objects, one page after the other.
    async fn pages(
        &self,
        client: &mut Client,
        arguments: &GetArguments,
        accept: &str,
        mut each: impl FnMut(Value),
    ) -> Result<(), ClientError> {
        let path = self.path(arguments);
        if arguments.name.is_some() {
            each(client.get(&path, accept).await?);
            return Ok(());
        }
        let selector = arguments.selector.as_ref().map(Selector::as_str).unwrap_or_default();
        client.pages(&path, &[("labelSelector", selector)], accept, each).await
    }

    async fn objects(&self, client: &mut Client, arguments: &GetArguments) -> Result<Vec<Value>, ClientError> {
        let mut objects = Vec::new();
        let keep = |mut page: Value| match page.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if arguments.name.is_none() => objects.extend(items),
            Some(_) | None => objects.push(page),
        };
        self.pages(client, arguments, JSON, keep).await?;
        Ok(objects)
    }
}

/// One object as itself, everything else as a List.
async fn document(client: &mut Client, arguments: &GetArguments, wanted: &[Wanted]) -> Result<Value, ClientError> {
    let mut items = Vec::new();
    for kind in wanted {
        items.extend(kind.objects(client, arguments).await?);
    }
    if arguments.export {
        items.iter_mut().for_each(portable::make_portable);
    }
    match (&arguments.name, items.pop()) {
        (Some(_), Some(only)) if items.is_empty() => Ok(only),
        (_, last) => {
            items.extend(last);
            Ok(json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}))
        }
    }
}

async fn tables(client: &mut Client, arguments: &GetArguments, wanted: &[Wanted]) -> Result<(), GetError> {
    let mut printed = 0;
    for kind in wanted {
        let mut rows = Rows::new(&kind.names, arguments, wanted.len());
        kind.pages(client, arguments, TABLE, |page| rows.add(&page)).await?;
        if rows.is_empty() {
            continue;
        }
        if printed > 0 {
            put("")?;
        }
        put(rows.table().to_string().trim_end())?;
        printed += 1;
    }
    if printed == 0 {
        anstream::eprintln!("{}", nothing(arguments));
    }
    Ok(())
}

fn nothing(arguments: &GetArguments) -> String {
    match arguments.namespaces() {
        Namespaces::All => "No resources found".to_owned(),
        Namespaces::One(namespace) => format!("No resources found in {namespace} namespace."),
    }
}

fn name_of(object: &Value) -> &str {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
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
