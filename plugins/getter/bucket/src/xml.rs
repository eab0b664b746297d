//! XML as listings use it.

use quick_xml::Reader;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::page::ListingError;

/// How deep elements of a page may lie in each other.
const DEPTH: usize = 16;

/// An element, at its end.
pub(crate) struct Element<'a> {
    /// The names of those that it lies in below the outermost one, and its own.
    pub(crate) path: &'a [&'a [u8]],
    /// Its text, if there is no other element in it.
    pub(crate) text: String,
    /// Whether it says of that text that it is encoded.
    pub(crate) is_encoded: bool,
}

/// Where in a page something is, and what has been read of it.
#[derive(Default)]
struct Place {
    path: Vec<Vec<u8>>,
    text: String,
    is_encoded: bool,
    is_rooted: bool,
}

/// Reads a page whose outermost element has this name, and hands over each element within at its end.
///
/// # Errors
///
/// What is no XML, something else, or what `taken` says.
pub(crate) fn read(
    page: &[u8],
    root: &str,
    mut taken: impl FnMut(Element<'_>) -> Result<(), ListingError>,
) -> Result<(), ListingError> {
    let mut reader = Reader::from_reader(page);
    let mut place = Place::default();
    loop {
        let event = reader.read_event();
        let (xml, strange) = {
            let at = reader.buffer_position();
            (ListingError::Xml(at), ListingError::Strange(at))
        };
        match event.map_err(|_| xml)? {
            Event::Start(start) => place.open(&start, root, strange)?,
            Event::Empty(start) => {
                place.open(&start, root, strange)?;
                place.close(&mut taken)?;
            }
            Event::End(_) => place.close(&mut taken)?,
            Event::Text(text) => place.text.push_str(&text.decode().map_err(|_| xml)?),
            Event::CData(text) => place.text.push_str(&text.decode().map_err(|_| xml)?),
            Event::GeneralRef(reference) => place.text.push_str(&resolve(&reference).ok_or(strange)?),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::PI(_) | Event::DocType(_) => return Err(strange),
            Event::Eof if !place.path.is_empty() => return Err(xml),
            Event::Eof if !place.is_rooted => return Err(ListingError::Other),
            Event::Eof => return Ok(()),
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

impl Place {
    fn open(&mut self, start: &BytesStart<'_>, root: &str, strange: ListingError) -> Result<(), ListingError> {
        let name = start.local_name();
        let name = name.as_ref();
        if self.path.len() == DEPTH {
            return Err(strange);
        }
        if self.path.is_empty() {
            if self.is_rooted || name != root.as_bytes() {
                return Err(ListingError::Other);
            }
            self.is_rooted = true;
        }
        self.path.push(name.to_vec());
        self.text.clear();
        let is_encoded =
            |attribute: &Attribute<'_>| attribute.key.as_ref() == b"Encoded" && &*attribute.value == b"true";
        self.is_encoded = start
            .attributes()
            .filter_map(Result::ok)
            .any(|attribute| is_encoded(&attribute));
        Ok(())
    }

    fn close(&mut self, taken: &mut impl FnMut(Element<'_>) -> Result<(), ListingError>) -> Result<(), ListingError> {
        let path: Vec<&[u8]> = self.path.iter().skip(1).map(Vec::as_slice).collect();
        taken(Element {
            path: &path,
            text: std::mem::take(&mut self.text),
            is_encoded: std::mem::take(&mut self.is_encoded),
        })?;
        self.path.pop();
        Ok(())
    }
}
