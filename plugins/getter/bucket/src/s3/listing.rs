//! Pages of a listing (`ListObjectsV2`).

use crate::encode;
use crate::page::{self, Entry, ListingError, PAGE_KEYS, Page};
use crate::xml::{self, Element};

/// What of a page was read so far.
#[derive(Default)]
struct Sheet {
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
pub(super) fn parse(page: &[u8], prefix: &str) -> Result<Page, ListingError> {
    let mut sheet = Sheet::default();
    xml::read(page, "ListBucketResult", |element| sheet.take(element))?;
    sheet.page(prefix)
}

impl Sheet {
    fn take(&mut self, element: Element<'_>) -> Result<(), ListingError> {
        let text = element.text;
        match element.path {
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
        Ok(())
    }

    fn page(self, prefix: &str) -> Result<Page, ListingError> {
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
            ("true", [token]) => page::next(token).map(Some),
            ("true", _) => Err(ListingError::Lost),
            (_, _) => Err(ListingError::End),
        }
    }
}

fn read([key, etag, size]: [Option<String>; 3], is_encoded: bool) -> Option<Entry> {
    let (key, etag, size) = (key?, etag?, size?);
    let key = if is_encoded { encode::decode(&key)? } else { key };
    Entry::read(key, &etag, &size)
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
                other @ (ListingError::Json
                | ListingError::Other
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
