//! Objects and pages of them, in JSON.

use serde::Deserialize;

use crate::page::{self, Entry, ListingError, PAGE_KEYS, Page};

/// What is asked of an object; it has much more.
pub(super) const FIELDS: &str = "kind,name,generation,size";
/// What is asked of a page.
pub(super) const PAGE_FIELDS: &str = "kind,nextPageToken,items(kind,name,generation,size)";
/// What the answers call themselves.
const OBJECT: &str = "storage#object";
const OBJECTS: &str = "storage#objects";

/// An object. Numbers of 64 bits are texts in this API.
#[derive(Deserialize)]
struct Object {
    kind: String,
    name: String,
    generation: String,
    size: String,
}

/// A page; without `nextPageToken` it is the last.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Objects {
    kind: String,
    #[serde(default)]
    items: Vec<Object>,
    next_page_token: Option<String>,
}

/// Reads what an object is.
pub(super) fn object(body: &[u8], key: &str) -> Result<Entry, ListingError> {
    let object: Object = serde_json::from_slice(body).map_err(|_| ListingError::Json)?;
    if object.name != key {
        return Err(ListingError::Entry);
    }
    object.entry()
}

/// Reads a page of a listing.
pub(super) fn page(body: &[u8]) -> Result<Page, ListingError> {
    let objects: Objects = serde_json::from_slice(body).map_err(|_| ListingError::Json)?;
    if objects.kind != OBJECTS {
        return Err(ListingError::Other);
    }
    if objects.items.len() > PAGE_KEYS {
        return Err(ListingError::TooMany);
    }
    let listed = objects.items.into_iter().map(Object::entry);
    Ok(Page {
        listed: listed.collect::<Result<_, _>>()?,
        next: objects.next_page_token.as_deref().map(page::next).transpose()?,
    })
}

impl Object {
    fn entry(self) -> Result<Entry, ListingError> {
        let is_number = !self.generation.is_empty() && self.generation.bytes().all(|byte| byte.is_ascii_digit());
        if self.kind != OBJECT || !is_number {
            return Err(ListingError::Entry);
        }
        Entry::read(self.name, &self.generation, &self.size).ok_or(ListingError::Entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"kind":"storage#object","name":"a/b","generation":"17","size":"3","etag":"CBE="}"#;

    #[test]
    fn pages_are_read() -> Result<(), ListingError> {
        let entry = Entry {
            key: "a/b".to_owned(),
            etag: "\"17\"".to_owned(),
            bytes: 3,
        };
        let body = format!(r#"{{"kind":"storage#objects","nextPageToken":"t=","items":[{ONE}],"prefixes":[]}}"#);
        let read = page(body.as_bytes())?;
        assert_eq!((read.listed, read.next.as_deref()), (vec![entry.clone()], Some("t=")));
        let empty = page(br#"{"kind":"storage#objects"}"#)?;
        assert_eq!(
            (empty.listed.len(), empty.next),
            (0, None),
            "a page without objects is no other"
        );
        assert_eq!(object(ONE.as_bytes(), "a/b")?, entry);
        Ok(())
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        let of = |items: &str| format!(r#"{{"kind":"storage#objects","items":[{items}]}}"#);
        for (body, expected) in [
            (String::new(), ListingError::Json),
            ("<html>".to_owned(), ListingError::Json),
            ("{}".to_owned(), ListingError::Json),
            (of(ONE).replace("]}", "]"), ListingError::Json),
            (of(&ONE.replace(r#""17""#, "17")), ListingError::Json),
            (of(&ONE.replace("name", "n")), ListingError::Json),
            (
                r#"{"kind":"storage#buckets","items":[]}"#.to_owned(),
                ListingError::Other,
            ),
            (
                of(ONE).replace(r#","items""#, r#","nextPageToken":"","items""#),
                ListingError::Lost,
            ),
            (of(&vec![ONE; PAGE_KEYS + 1].join(",")), ListingError::TooMany),
            (
                of(&ONE.replace("storage#object", "storage#folder")),
                ListingError::Entry,
            ),
            (of(&ONE.replace("17", "1 7")), ListingError::Entry),
            (of(&ONE.replace("17", "")), ListingError::Entry),
            (of(&ONE.replace(r#""3""#, r#""-3""#)), ListingError::Entry),
            (of(&ONE.replace("a/b", "")), ListingError::Entry),
        ] {
            assert_eq!(
                page(body.as_bytes()).map(|page| page.listed.len()),
                Err(expected),
                "{body}"
            );
        }
        assert_eq!(
            object(ONE.as_bytes(), "a"),
            Err(ListingError::Entry),
            "it is another one"
        );
    }
}
