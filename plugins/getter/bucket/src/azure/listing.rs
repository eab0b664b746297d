//! Pages of a listing (`List Blobs`).

use percent_encoding::percent_decode_str;

use crate::page::{self, Entry, ListingError, PAGE_KEYS, Page};
use crate::xml::{self, Element};

/// What a folder calls itself that has an entry of its own.
pub(super) const DIRECTORY: &str = "directory";

/// A blob, as far as it was read.
#[derive(Default)]
struct Blob {
    name: Option<String>,
    etag: Option<String>,
    size: Option<String>,
    resource: Option<String>,
}

/// What of a page was read so far.
#[derive(Default)]
struct Sheet {
    blob: Blob,
    listed: Vec<Blob>,
    prefixes: Vec<String>,
    markers: Vec<String>,
}

/// Reads a page of what begins with a prefix.
pub(super) fn parse(page: &[u8], prefix: &str) -> Result<Page, ListingError> {
    let mut sheet = Sheet::default();
    xml::read(page, "EnumerationResults", |element| sheet.take(element))?;
    sheet.page(prefix)
}

impl Sheet {
    fn take(&mut self, element: Element<'_>) -> Result<(), ListingError> {
        match element.path {
            [b"Blobs", b"Blob", b"Name"] => self.blob.name = Some(decoded(element)?),
            [b"Blobs", b"Blob", b"Properties", b"Etag"] => self.blob.etag = Some(element.text),
            [b"Blobs", b"Blob", b"Properties", b"Content-Length"] => self.blob.size = Some(element.text),
            [b"Blobs", b"Blob", b"Properties", b"ResourceType"] => self.blob.resource = Some(element.text),
            [b"Blobs", b"Blob"] => {
                if self.listed.len() == PAGE_KEYS {
                    return Err(ListingError::TooMany);
                }
                self.listed.push(std::mem::take(&mut self.blob));
            }
            // What is below is listed flat: where it is folded, something is missing.
            [b"Blobs", b"BlobPrefix"] => return Err(ListingError::Other),
            [b"Prefix"] => self.prefixes.push(decoded(element)?),
            [b"NextMarker"] => self.markers.push(element.text),
            _ => {}
        }
        Ok(())
    }

    fn page(self, prefix: &str) -> Result<Page, ListingError> {
        let is_of = match self.prefixes.as_slice() {
            [] => prefix.is_empty(),
            [said] => said == prefix,
            [_, _, ..] => false,
        };
        if !is_of {
            return Err(ListingError::Prefix);
        }
        // It is there, and empty, on the last page.
        let next = match self.markers.as_slice() {
            [marker] if marker.trim().is_empty() => None,
            [marker] => Some(page::next(marker)?),
            [] | [_, _, ..] => return Err(ListingError::End),
        };
        let blobs = self.listed.into_iter();
        let blobs = blobs.filter(|blob| blob.resource.as_deref() != Some(DIRECTORY));
        let listed = blobs.map(|blob| blob.entry().ok_or(ListingError::Entry));
        Ok(Page {
            listed: listed.collect::<Result<_, _>>()?,
            next,
        })
    }
}

impl Blob {
    fn entry(self) -> Option<Entry> {
        Entry::read(self.name?, &self.etag?, &self.size?)
    }
}

/// Returns a name, which is encoded where XML cannot hold it.
fn decoded(element: Element<'_>) -> Result<String, ListingError> {
    if !element.is_encoded {
        return Ok(element.text);
    }
    let text = percent_decode_str(&element.text).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| ListingError::Entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(name: &str) -> String {
        format!(
            "<Blob><Name>{name}</Name><Properties><Etag>0x1</Etag><Content-Length>7</Content-Length></Properties></Blob>"
        )
    }

    fn listed(prefix: &str, blobs: &str, end: &str) -> Result<Page, ListingError> {
        let page = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://a/\" \
             ContainerName=\"c\"><Prefix>{prefix}</Prefix><Blobs>{blobs}</Blobs>{end}</EnumerationResults>"
        );
        parse(page.as_bytes(), "a/")
    }

    #[test]
    fn pages_are_read() -> Result<(), ListingError> {
        let folder = blob("a/folder").replace("<Etag>", "<ResourceType>directory</ResourceType><Etag>");
        let odd = blob("a%2Fx%EF%BF%BE").replace("<Name>", "<Name Encoded=\"true\">");
        let blobs = format!("{}{folder}{odd}", blob("a/b &amp; c%20"));
        let page = listed("a/", &blobs, "<NextMarker>m</NextMarker>")?;
        let keys: Vec<&str> = page.listed.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["a/b & c%20", "a/x\u{fffe}"]);
        assert_eq!((page.listed[0].etag.as_str(), page.listed[0].bytes), ("\"0x1\"", 7));
        assert_eq!(page.next.as_deref(), Some("m"));
        assert_eq!(listed("a/", "", "<NextMarker />")?.next, None);
        Ok(())
    }

    #[test]
    fn what_does_not_say_that_it_is_whole_or_of_what_is_refused() {
        const END: &str = "<NextMarker/>";
        let few = |without: &str| blob("k").replace(without, "");
        for (prefix, blobs, end, expected) in [
            ("a/", blob("k"), "", ListingError::End),
            ("a/", blob("k"), "<NextMarker/><NextMarker/>", ListingError::End),
            (
                "a/",
                blob("k"),
                "<NextMarker>m</NextMarker><NextMarker/>",
                ListingError::End,
            ),
            ("a", blob("k"), END, ListingError::Prefix),
            ("", blob("k"), END, ListingError::Prefix),
            ("a/</Prefix><Prefix>a/", blob("k"), END, ListingError::Prefix),
            ("a/", few("<Name>k</Name>"), END, ListingError::Entry),
            ("a/", few("<Etag>0x1</Etag>"), END, ListingError::Entry),
            (
                "a/",
                few("<Content-Length>7</Content-Length>"),
                END,
                ListingError::Entry,
            ),
            ("a/", blob("k").repeat(PAGE_KEYS + 1), END, ListingError::TooMany),
            (
                "a/",
                "<BlobPrefix><Name>a/b/</Name></BlobPrefix>".to_owned(),
                END,
                ListingError::Other,
            ),
        ] {
            let read = listed(prefix, &blobs, end).map(|page| page.listed.len());
            assert_eq!(read, Err(expected), "{prefix} {end}");
        }
        let other = parse(b"<ListBucketResult/>", "");
        assert_eq!(other.map(|page| page.listed.len()), Err(ListingError::Other));
    }
}
