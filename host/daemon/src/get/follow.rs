//! `get --watch`: what there is, then each change as it comes.

use serde_json::Value;

use super::rows::Rows;
use super::{GetError, Wanted, name_of, object_name, portable, put};
use crate::cli::{GetArguments, OutputForm, Selector};
use crate::client::{ChangeKind, Client, JSON, TABLE, with_query};

/// Follows a kind, or the one object of it that is asked for, until the host ends the watch.
pub(super) async fn follow(client: &mut Client, arguments: &GetArguments, kind: &Wanted) -> Result<(), GetError> {
    let of_all = GetArguments {
        name: None,
        ..arguments.clone()
    };
    let path = kind.path(&of_all);
    let labels = arguments.selector.as_ref().map(Selector::as_str).unwrap_or_default();
    let name = arguments.name.as_ref();
    let fields = name.map(|name| format!("metadata.name={name}")).unwrap_or_default();
    let accept = match arguments.output {
        OutputForm::Table | OutputForm::Wide => TABLE,
        OutputForm::Json | OutputForm::Yaml | OutputForm::Name => JSON,
    };
    let parameters = [
        ("watch", "true"),
        ("labelSelector", labels),
        ("fieldSelector", &*fields),
    ];
    let given = parameters.iter().filter(|(_, value)| !value.is_empty());
    let mut watch = client.watch(&with_query(&path, given), accept).await?;
    let mut rows = Rows::new(&kind.names, arguments, 1);
    let mut headed = false;
    while let Some(event) = watch.next().await? {
        if event.kind == ChangeKind::Bookmark {
            continue;
        }
        match arguments.output {
            OutputForm::Table | OutputForm::Wide => {
                rows.add(&event.object);
                let table = rows.table().to_string();
                let skipped = usize::from(headed);
                headed = true;
                for row in table.trim_end().lines().skip(skipped) {
                    put(row)?;
                }
            }
            OutputForm::Json => put(&shown(event.object, arguments).to_string())?,
            OutputForm::Yaml => {
                let object = shown(event.object, arguments);
                put(&format!("---\n{}", k1s_yaml::to_string(&object)?.trim_end()))?;
            }
            OutputForm::Name => put(&object_name(&kind.names, name_of(&event.object)))?,
        }
    }
    Ok(())
}

fn shown(mut object: Value, arguments: &GetArguments) -> Value {
    if arguments.export {
        portable::make_portable(&mut object);
    }
    object
}
