//! List: all objects of a kind through the API, in pages as kubectl asks for them and whole, against a read of the same
//! rows from a copy of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::ensure;
use hyper::body::Bytes;
use serde::Deserialize;

use super::client::{self, Client};
use super::figure::{Figure, Unit};
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use super::yardstick;
use crate::cost;
use crate::dump::STORE_FILE;
use crate::objects;
use crate::scan::Scanned;

const PAGED: Figure = Figure::told("in pages of 500", Unit::Seconds);
const WHOLE: Figure = Figure::told("whole", Unit::Seconds);
/// Every ConfigMap.
const PATH: &str = "/api/v1/configmaps";
/// Objects that kubectl asks for at a time.
const PAGE: usize = 500;
/// Where the end of a list is that says how it goes on, in bytes from its last.
const TAIL: usize = 4_096;

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let folder = ground.folder()?;
    let copy = ground.beside_stores("listed");
    folder.copy_store(&copy)?;
    let file = copy.join(STORE_FILE);
    let host = folder.host(ground, &[])?;
    let mut measured = Measured::default();
    for _ in ground.runs() {
        let scanned: Scanned = yardstick::run(&["scan".as_ref(), file.as_ref()])?;
        ensure!(scanned.current >= ground.scale.objects, "{scanned:?}");
        client::runtime()?.block_on(async {
            let mut client = Client::connect(&host.endpoint).await?;
            for (figure, limit) in [(PAGED, Some(PAGE)), (WHOLE, None)] {
                let listed = Listed::of(&mut client, limit).await?;
                listed.ensure_whole(ground.scale.objects, limit)?;
                measured.compare(figure, listed.took.as_secs_f64(), scanned.cost.seconds);
            }
            anyhow::Ok(())
        })?;
        measured.note(Row::List);
    }
    host.stop()?;
    Ok(measured)
}

/// A list as it came.
struct Listed {
    took: Duration,
    pages: Vec<Bytes>,
}

impl Listed {
    /// Asks for everything, in pages if there is a limit.
    async fn of(client: &mut Client, limit: Option<usize>) -> anyhow::Result<Self> {
        let begun = cost::now();
        let mut pages = vec![client.get(&asked(limit, None)).await?];
        while let Some(token) = pages.last().and_then(continued) {
            pages.push(client.get(&asked(limit, Some(&token))).await?);
        }
        let took = cost::now().saturating_sub(begun);
        Ok(Self { took, pages })
    }

    /// Fails unless every object is there once, in pages of their size and of one revision.
    fn ensure_whole(&self, objects: u64, limit: Option<usize>) -> anyhow::Result<()> {
        let (mut revisions, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for page in &self.pages {
            let page: Page = serde_json::from_slice(page)?;
            ensure!(
                page.items.len() <= limit.unwrap_or(usize::MAX),
                "a page of {}",
                page.items.len()
            );
            revisions.insert(page.metadata.resource_version);
            for Item { metadata, data } in page.items {
                ensure!(data.contains_key("revision"), "{} without its data", metadata.name);
                let is_new = keys.insert((metadata.namespace, metadata.name));
                ensure!(is_new, "an object twice in {} pages", self.pages.len());
            }
        }
        ensure!(revisions.len() == 1, "one list of several revisions: {revisions:?}");
        let expected = (0..objects).map(|number| (objects::namespace(number), objects::name(number)));
        ensure!(keys.into_iter().eq(expected), "not the {objects} objects");
        Ok(())
    }
}

/// The path of a page.
fn asked(limit: Option<usize>, token: Option<&str>) -> String {
    let limit = limit.map(|limit| format!("limit={limit}"));
    let token = token.map(|token| format!("continue={token}"));
    let query: Vec<String> = limit.into_iter().chain(token).collect();
    format!("{PATH}?{}", query.join("&"))
}

/// How a list goes on after a page, found without parsing it: it stands near the end.
fn continued(page: &Bytes) -> Option<String> {
    const MARK: &str = "\"continue\":\"";
    let tail = page.get(page.len().saturating_sub(TAIL)..)?;
    let tail = String::from_utf8_lossy(tail);
    let (_, token) = tail.rsplit_once(MARK)?;
    let (token, _) = token.split_once('"')?;
    (!token.is_empty()).then(|| token.to_owned())
}

/// What is read of a page once its time is over.
#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
}

#[derive(Deserialize)]
struct Item {
    metadata: ItemMetadata,
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ItemMetadata {
    name: String,
    namespace: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_a_page_says_how_the_list_goes_on() {
        let page = |metadata: &str| Bytes::from(format!("{{\"items\":[{{\"a\":1}}],\"metadata\":{metadata}}}\n"));
        let token = continued(&page(r#"{"continue":"abc-_1","resourceVersion":"7"}"#));
        assert_eq!(token.as_deref(), Some("abc-_1"));
        for end in [r#"{"resourceVersion":"7"}"#, r#"{"continue":"","resourceVersion":"7"}"#] {
            assert_eq!(continued(&page(end)), None);
        }
        assert_eq!(
            asked(Some(500), token.as_deref()),
            "/api/v1/configmaps?limit=500&continue=abc-_1"
        );
        assert_eq!(asked(None, None), "/api/v1/configmaps?");
    }

    #[test]
    fn a_list_that_is_not_everything_once_is_wrong() {
        let page = |revision: u32, numbers: &[u64]| {
            let items = numbers.iter().map(|number| {
                let metadata = json!({"name": objects::name(*number), "namespace": objects::namespace(*number)});
                json!({"metadata": metadata, "data": {"revision": "000000"}})
            });
            let items: Vec<_> = items.collect();
            let list = json!({"items": items, "metadata": {"resourceVersion": revision.to_string()}});
            Bytes::from(list.to_string())
        };
        let list = |pages: Vec<Bytes>| {
            let took = Duration::ZERO;
            Listed { took, pages }.ensure_whole(3, Some(2)).is_ok()
        };
        assert!(list(vec![page(7, &[0, 1]), page(7, &[2])]));
        assert!(!list(vec![page(7, &[0, 1])]), "one is missing");
        assert!(!list(vec![page(7, &[0, 1]), page(7, &[1, 2])]), "one is there twice");
        assert!(!list(vec![page(7, &[0, 1]), page(8, &[2])]), "two revisions");
        assert!(!list(vec![page(7, &[0, 1, 2])]), "too long a page");
        assert!(!list(vec![page(7, &[0, 1]), page(7, &[3])]), "another object");
    }
}
