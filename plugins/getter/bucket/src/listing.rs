//! Pages of a listing (`ListObjectsV2`).

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use crate::encode;

/// How deep elements of a page may lie in each other.
const DEPTH: usize = 16;
/// The most keys of a page, which is what the protocol permits.
pub(crate) const PAGE_KEYS: usize = 1000;
/// The longest continuation token, in bytes.
const TOKEN_BYTES: usize = 4096;
/// The longest entity tag, in bytes.
const ETAG_BYTES: usize = 256;

/// Why a page is none. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// It is no XML, or not text.
    #[error("the listing is no XML, at byte {0}")]
    Xml(u64),
    /// It has a document type, entities of its own, or too much depth: nothing that a listing needs.
    #[error("the listing uses XML as no listing does, at byte {0}")]
    Strange(u64),
    /// It is XML of something else.
    #[error("the answer is XML, but not a listing of objects")]
    Other,
    /// It has more keys than it may.
    #[error("the listing has more than {PAGE_KEYS} keys on a page")]
    TooMany,
    /// A key lacks what belongs to it, or it is malformed.
    #[error("the listing lacks a key, an entity tag or a size, or has one that is none")]
    Entry,
    /// It is of other keys than those that were asked for, or does not say of which.
    #[error("the listing is not said to be of the prefix that was asked for")]
    Prefix,
    /// It does not say whether it is all.
    #[error("the listing does not say, once and as `true` or `false`, whether it goes on")]
    End,
    /// It says that it goes on, and not where, or the same as before.
    #[error("the listing does not say where it goes on")]
    Lost,
}

/// An object, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its entity tag, as headers have it. It says that objects of one key are the same, and nothing of their bytes.
    pub etag: String,
    /// How long it is.
    pub bytes: u64,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) listed: Vec<Entry>,
    /// Where it goes on; none at the end.
    pub(crate) next: Option<String>,
}

/// What of a page was read so far.
#[derive(Default)]
struct Sheet {
    path: Vec<Vec<u8>>,
    text: String,
    is_listing: bool,
    key: Option<String>,
    etag: Option<String>,
    size: Option<String>,
    listed: Vec<[Option<String>; 3]>,
    is_encoded: bool,
    prefixes: Vec<String>,
    truncated: Vec<String>,
    tokens: Vec<String>,
}

/// Reads a page of what begins with a prefix.
pub(crate) fn parse(page: &[u8], prefix: &str) -> Result<Page, ListingError> {
    let mut reader = Reader::from_reader(page);
    let mut sheet = Sheet::default();
    loop {
        let event = reader.read_event();
        let (xml, strange) = {
            let at = reader.buffer_position();
            (ListingError::Xml(at), ListingError::Strange(at))
        };
        match event.map_err(|_| xml)? {
            Event::Start(start) => sheet.open(start.local_name().as_ref(), strange)?,
            Event::Empty(start) => {
                sheet.open(start.local_name().as_ref(), strange)?;
                sheet.close()?;
            }
            Event::End(_) => sheet.close()?,
            Event::Text(text) => sheet.text.push_str(&text.decode().map_err(|_| xml)?),
            Event::CData(text) => sheet.text.push_str(&text.decode().map_err(|_| xml)?),
            Event::GeneralRef(reference) => sheet.text.push_str(&resolve(&reference).ok_or(strange)?),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::PI(_) | Event::DocType(_) => return Err(strange),
            Event::Eof if sheet.path.is_empty() => return sheet.page(prefix),
            Event::Eof => return Err(xml),
        }
    }
}

/// Resolves a character, or one of the five entities that are known without being declared.
fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(char)) = reference.resolve_char_ref() {
        return Some(char.to_string());
    }
    let name = reference.decode().ok()?;
    quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
}

impl Sheet {
    fn open(&mut self, name: &[u8], strange: ListingError) -> Result<(), ListingError> {
        if self.path.len() == DEPTH {
            return Err(strange);
        }
        if self.path.is_empty() {
            if self.is_listing || name != b"ListBucketResult" {
                return Err(ListingError::Other);
            }
            self.is_listing = true;
        }
        self.path.push(name.to_vec());
        self.text.clear();
        Ok(())
    }

    fn close(&mut self) -> Result<(), ListingError> {
        let path: Vec<&[u8]> = self.path.iter().skip(1).map(Vec::as_slice).collect();
        let text = std::mem::take(&mut self.text);
        match path.as_slice() {
            [b"Contents", b"Key"] => self.key = Some(text),
            [b"Contents", b"ETag"] => self.etag = Some(text),
            [b"Contents", b"Size"] => self.size = Some(text),
            [b"Contents"] => {
                if self.listed.len() == PAGE_KEYS {
                    return Err(ListingError::TooMany);
                }
                self.listed.push([self.key.take(), self.etag.take(), self.size.take()]);
            }
            [b"EncodingType"] => self.is_encoded = text == "url",
            [b"Prefix"] => self.prefixes.push(text),
            [b"IsTruncated"] => self.truncated.push(text),
            [b"NextContinuationToken"] => self.tokens.push(text),
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    fn page(self, prefix: &str) -> Result<Page, ListingError> {
        if !self.is_listing {
            return Err(ListingError::Other);
        }
        if !self.is_of(prefix) {
            return Err(ListingError::Prefix);
        }
        let next = self.next()?;
        let is_encoded = self.is_encoded;
        let listed = self
            .listed
            .into_iter()
            .map(|entry| read(entry, is_encoded).ok_or(ListingError::Entry));
        Ok(Page {
            listed: listed.collect::<Result<_, _>>()?,
            next,
        })
    }
}

impl Sheet {
    /// Returns whether it says to be of a prefix. Not every store encodes the prefix as it does the keys.
    fn is_of(&self, prefix: &str) -> bool {
        match self.prefixes.as_slice() {
            [] => prefix.is_empty(),
            [said] => said == prefix || (self.is_encoded && encode::decode(said).as_deref() == Some(prefix)),
            [_, _, ..] => false,
        }
    }

    /// Returns where it goes on. A listing that does not say whether it does might be cut, and the rest not there.
    fn next(&self) -> Result<Option<String>, ListingError> {
        let [truncated] = self.truncated.as_slice() else {
            return Err(ListingError::End);
        };
        match (truncated.trim(), self.tokens.as_slice()) {
            ("false", _) => Ok(None),
            ("true", [token]) if !token.is_empty() && token.len() <= TOKEN_BYTES => Ok(Some(token.clone())),
            ("true", _) => Err(ListingError::Lost),
            (_, _) => Err(ListingError::End),
        }
    }
}

fn read([key, etag, size]: [Option<String>; 3], is_encoded: bool) -> Option<Entry> {
    let (key, etag, size) = (key?, etag?, size?);
    let key = if is_encoded { encode::decode(&key)? } else { key };
    let inner = etag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(&etag);
    let is_tag = inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') && !inner.is_empty();
    let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
    (is_tag && inner.len() <= ETAG_BYTES && is_number && !key.is_empty()).then_some(())?;
    Some(Entry {
        key,
        etag: format!("\"{inner}\""),
        bytes: size.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>"#;

    const END: &str = "<IsTruncated>false</IsTruncated></ListBucketResult>";

    fn contents(key: &str) -> String {
        format!(
            "<Contents><Key>{key}</Key><ETag>&quot;e1&quot;</ETag><Size>7</Size><Owner><ID>Key</ID></Owner></Contents>"
        )
    }

    fn keys(body: &str) -> Result<Vec<String>, ListingError> {
        let page = parse(format!("{HEAD}{body}{END}").as_bytes(), "")?;
        Ok(page.listed.into_iter().map(|listed| listed.key).collect())
    }

    #[test]
    fn pages_are_read() -> Result<(), ListingError> {
        let body = format!(
            "{HEAD}<EncodingType>url</EncodingType>{}{}<IsTruncated>true</IsTruncated>\
            <NextContinuationToken>1/a+b==</NextContinuationToken></ListBucketResult>",
            contents("a%2Fb+c%2B.yaml"),
            contents("%C3%BC"),
        );
        let page = parse(body.as_bytes(), "")?;
        assert_eq!(page.next.as_deref(), Some("1/a+b=="), "a token is not encoded");
        let expected = Entry {
            key: "a/b c+.yaml".to_owned(),
            etag: "\"e1\"".to_owned(),
            bytes: 7,
        };
        assert_eq!(page.listed[0], expected);
        assert_eq!(page.listed[1].key, "ü");
        // A store that does not encode says so by saying nothing; what is left in it is as in any XML.
        assert_eq!(keys(&contents("a+b%2B&amp;&#252;<![CDATA[<>]]>"))?, ["a+b%2B&ü<>"]);
        assert_eq!(keys("<KeyCount>0</KeyCount>")?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        let entry = |inner: &str| format!("{HEAD}<Contents>{inner}</Contents>{END}");
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><ListBucketResult>&b;</ListBucketResult>"#;
        let deep = format!("{HEAD}{}", "<a>".repeat(20));
        let many = format!("{HEAD}{}{END}", contents("k").repeat(1001));
        for (page, expected) in [
            (String::new(), ListingError::Other),
            ("<html></html>".to_owned(), ListingError::Other),
            (
                "<Error><Code>NoSuchBucket</Code></Error>".to_owned(),
                ListingError::Other,
            ),
            (
                format!("{HEAD}</ListBucketResult><ListBucketResult/>"),
                ListingError::Other,
            ),
            (HEAD.to_owned(), ListingError::Xml(0)),
            (format!("{HEAD}<Contents></ListBucketResult>"), ListingError::Xml(0)),
            (bomb.to_owned(), ListingError::Strange(0)),
            (format!("{HEAD}&nbsp;</ListBucketResult>"), ListingError::Strange(0)),
            (deep, ListingError::Strange(0)),
            (many, ListingError::TooMany),
            (entry("<ETag>e</ETag><Size>1</Size>"), ListingError::Entry),
            (entry("<Key>k</Key><Size>1</Size>"), ListingError::Entry),
            (entry("<Key>k</Key><ETag>e</ETag><Size>-1</Size>"), ListingError::Entry),
            (entry("<Key>k</Key><ETag>e\n</ETag><Size>1</Size>"), ListingError::Entry),
            (
                format!("{HEAD}<IsTruncated>true</IsTruncated></ListBucketResult>"),
                ListingError::Lost,
            ),
        ] {
            // Where it is does not matter here.
            let read = parse(page.as_bytes(), "").map_err(|error| match error {
                ListingError::Xml(_) => ListingError::Xml(0),
                ListingError::Strange(_) => ListingError::Strange(0),
                other @ (ListingError::Other
                | ListingError::TooMany
                | ListingError::Entry
                | ListingError::Prefix
                | ListingError::End
                | ListingError::Lost) => other,
            });
            assert_eq!(read, Err(expected), "{page}");
        }
        assert!(parse(b"<ListBucketResult>\xff</ListBucketResult>", "").is_err());
    }

    #[test]
    fn a_listing_that_does_not_say_that_it_is_whole_is_none() {
        let listed = |said: &str| {
            parse(
                format!("{HEAD}{}{said}</ListBucketResult>", contents("k")).as_bytes(),
                "",
            )
        };
        for (said, expected) in [
            ("<IsTruncated>false</IsTruncated>", Ok(None)),
            ("<IsTruncated>\n false </IsTruncated>", Ok(None)),
            (
                "<IsTruncated> true\n</IsTruncated><NextContinuationToken>t</NextContinuationToken>",
                Ok(Some("t")),
            ),
            ("", Err(ListingError::End)),
            ("<IsTruncated/>", Err(ListingError::End)),
            ("<IsTruncated>True</IsTruncated>", Err(ListingError::End)),
            ("<IsTruncated>0</IsTruncated>", Err(ListingError::End)),
            (
                "<IsTruncated>true</IsTruncated><IsTruncated>false</IsTruncated>",
                Err(ListingError::End),
            ),
            (
                "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
                 <NextContinuationToken>u</NextContinuationToken>",
                Err(ListingError::Lost),
            ),
        ] {
            let next = listed(said).map(|page| page.next);
            assert_eq!(
                next.as_ref().map(Option::as_deref).map_err(|error| *error),
                expected,
                "{said}"
            );
        }
    }

    #[test]
    fn a_listing_of_another_prefix_is_none() {
        for (said, asked, is_of) in [
            ("<Prefix>a b/</Prefix>", "a b/", true),
            ("<EncodingType>url</EncodingType><Prefix>a+b%2F</Prefix>", "a b/", true),
            ("<EncodingType>url</EncodingType><Prefix>a b/</Prefix>", "a b/", true),
            ("<Prefix/>", "", true),
            ("", "", true),
            ("", "a/", false),
            ("<Prefix/>", "a/", false),
            ("<Prefix>a+b%2F</Prefix>", "a b/", false),
            ("<Prefix>b/</Prefix>", "a/", false),
            ("<Prefix>a/</Prefix><Prefix>a/</Prefix>", "a/", false),
        ] {
            let read = parse(format!("{HEAD}{said}{END}").as_bytes(), asked);
            assert_eq!(read.err(), (!is_of).then_some(ListingError::Prefix), "{said} {asked}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in proptest::collection::vec("\\PC{1,12}", 0..20)) {
            let body: String = names.iter().map(|name| contents(&encode::path(name))).collect();
            prop_assert_eq!(keys(&format!("<EncodingType>url</EncodingType>{body}")), Ok(names));
        }

        #[test]
        fn any_page_is_read_or_refused(
            body in "(<Contents>|</Contents>|<Key>|</Key>|<ETag>e</ETag>|<Size>1</Size>|k|&amp;|&#0;|&x;|<|<!--|-->|]]>|<!DOCTYPE){0,16}",
        ) {
            if let Ok(keys) = keys(&body) {
                prop_assert!(keys.iter().all(|key| !key.is_empty()));
            }
        }
    }
}
