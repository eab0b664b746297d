//! The only unsafe code of the crate: a safe pull parser over libyaml's.
//!
//! Invariants: the C-style parser lives at one heap address until it is deleted and never outlives its input; at most
//! one event is alive and is deleted before the next; after an error or the end of the stream it is not called again.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use libyaml_rs as sys;

use crate::error::{ErrorKind, Fault};
use crate::event::{Event, Events, Located, Style};
use crate::quirk;

/// A parser of one YAML stream that yields libyaml's events.
pub(crate) struct Parser<'i> {
    /// From a box; not one, because libyaml keeps a pointer to it.
    raw: NonNull<sys::yaml_parser_t>,
    event: Option<OwnedEvent>,
    finished: bool,
    input: &'i [u8],
    /// How many flow collections are open.
    flow: usize,
    /// What stands for `\'` in the input.
    apostrophe: Option<char>,
    scratch: String,
}

/// An event whose memory is released when it is dropped.
struct OwnedEvent(sys::yaml_event_t);

impl Drop for OwnedEvent {
    fn drop(&mut self) {
        // SAFETY: the event was filled by yaml_parser_parse and is deleted exactly once.
        unsafe { sys::yaml_event_delete(&raw mut self.0) }
    }
}

impl Drop for Parser<'_> {
    fn drop(&mut self) {
        self.event = None;
        // SAFETY: `new` initialised the parser and took it from a box; it is deleted and released exactly once.
        unsafe {
            sys::yaml_parser_delete(self.raw.as_ptr());
            drop(Box::from_raw(
                self.raw.as_ptr().cast::<MaybeUninit<sys::yaml_parser_t>>(),
            ));
        }
    }
}

impl<'i> Parser<'i> {
    /// Prepares to parse `input`, which must not begin with a byte order mark; `apostrophe` is what stands for `\'` in it.
    pub(crate) fn new(input: &'i [u8], apostrophe: Option<char>) -> Self {
        let raw = NonNull::from(Box::leak(Box::new(MaybeUninit::<sys::yaml_parser_t>::uninit()))).cast();
        let parser = raw.as_ptr();
        // SAFETY: `parser` is valid for writes and does not move. Initialising cannot fail: a failed allocation ends
        // the process. `input` outlives the parser by `'i`.
        unsafe {
            let initialised = sys::yaml_parser_initialize(parser);
            debug_assert!(initialised.ok);
            sys::yaml_parser_set_encoding(parser, sys::YAML_UTF8_ENCODING);
            sys::yaml_parser_set_input_string(parser, input.as_ptr(), input.len() as u64);
        }
        Self {
            raw,
            event: None,
            finished: false,
            input,
            flow: 0,
            apostrophe,
            scratch: String::new(),
        }
    }

    /// Counts the events that are left, without looking at them; `None` where there is a fault.
    pub(crate) fn count(self) -> Option<u64> {
        let mut events = 0;
        loop {
            let event = self.parse()?;
            events += 1;
            if event.0.type_ == sys::YAML_STREAM_END_EVENT {
                return Some(events);
            }
        }
    }

    /// Parses the next event; `None` is a fault. Not to be called after that, or after the end of the stream.
    fn parse(&self) -> Option<OwnedEvent> {
        let mut event = MaybeUninit::<sys::yaml_event_t>::uninit();
        // SAFETY: the parser is initialised, and a successful call fills the event, which is then owned.
        unsafe {
            let parsed = sys::yaml_parser_parse(self.raw.as_ptr(), event.as_mut_ptr());
            if parsed.ok {
                Some(OwnedEvent(event.assume_init()))
            } else {
                None
            }
        }
    }

    fn fault(&self) -> Fault {
        // SAFETY: the parser is initialised, and a failed call left `problem` null or pointing to a string constant.
        let (state, problem) = unsafe {
            let state = &**self.raw.as_ref();
            let problem = (!state.problem.is_null()).then(|| CStr::from_ptr(state.problem.cast()));
            (state, problem)
        };
        let problem = problem.map_or("cannot be parsed".into(), CStr::to_string_lossy);
        let at_reader = state.error == sys::YAML_READER_ERROR;
        let offset = if at_reader {
            state.problem_offset
        } else {
            state.problem_mark.index
        };
        Fault::syntax(problem, usize::try_from(offset).unwrap_or(usize::MAX))
    }
}

impl Events for Parser<'_> {
    fn next(&mut self) -> Result<Located<'_>, Fault> {
        self.event = None;
        if self.finished {
            return Ok(Located {
                event: Event::StreamEnd,
                offset: 0,
            });
        }
        let Some(event) = self.parse() else {
            self.finished = true;
            return Err(self.fault());
        };
        let OwnedEvent(event) = self.event.insert(event);
        let mut located = located(event)?;
        match located.event {
            Event::StreamEnd => self.finished = true,
            Event::SequenceStart { .. } | Event::MappingStart { .. } if self.flow > 0 || is_flow(event) => {
                self.flow += 1;
            }
            Event::SequenceEnd | Event::MappingEnd => self.flow = self.flow.saturating_sub(1),
            Event::Scalar { text, style, anchor } => {
                if let Some(fault) = refused_scalar(event, text, self.flow, self.input) {
                    return Err(fault);
                }
                if let Some(substitute) = self.apostrophe
                    && text.contains(substitute)
                {
                    self.scratch = text.replace(substitute, "'");
                    located.event = Event::Scalar {
                        text: &self.scratch,
                        style,
                        anchor,
                    };
                }
            }
            Event::StreamStart
            | Event::DocumentStart
            | Event::DocumentEnd
            | Event::Alias { .. }
            | Event::SequenceStart { .. }
            | Event::MappingStart { .. } => {}
        }
        Ok(located)
    }
}

/// Returns whether a collection is written with brackets or braces.
fn is_flow(raw: &sys::yaml_event_t) -> bool {
    let (sequence, mapping) = (sys::YAML_SEQUENCE_START_EVENT, sys::YAML_MAPPING_START_EVENT);
    // SAFETY: the member read is the one that the event's type says is set.
    unsafe {
        raw.type_ == sequence && raw.data.sequence_start.style == sys::YAML_FLOW_SEQUENCE_STYLE
            || raw.type_ == mapping && raw.data.mapping_start.style == sys::YAML_FLOW_MAPPING_STYLE
    }
}

/// Returns why go-yaml would refuse a scalar that libyaml takes.
fn refused_scalar(raw: &sys::yaml_event_t, text: &str, flow: usize, input: &[u8]) -> Option<Fault> {
    let [start, end] = [raw.start_mark, raw.end_mark].map(|mark| usize::try_from(mark.index).unwrap_or(usize::MAX));
    // SAFETY: the event is a scalar, as its text shows.
    let style = unsafe { raw.data.scalar.style };
    if style == sys::YAML_DOUBLE_QUOTED_SCALAR_STYLE {
        quirk::double_quoted(input.get(start..end)?, start)
    } else if flow == 0 || style != sys::YAML_PLAIN_SCALAR_STYLE {
        None
    } else if text.is_empty() {
        quirk::tag_before_comma(input, start..end)
    } else {
        quirk::plain_in_flow(text, start)
    }
}

fn located(raw: &sys::yaml_event_t) -> Result<Located<'_>, Fault> {
    let offset = usize::try_from(raw.start_mark.index).unwrap_or(usize::MAX);
    // SAFETY: the member read is the one that the event's type says is set, and its strings are null or live as long
    // as the event: names end with a NUL, scalars have their length.
    let event = unsafe {
        match raw.type_ {
            sys::YAML_STREAM_START_EVENT => Event::StreamStart,
            sys::YAML_DOCUMENT_START_EVENT => Event::DocumentStart,
            sys::YAML_DOCUMENT_END_EVENT => Event::DocumentEnd,
            sys::YAML_ALIAS_EVENT => Event::Alias {
                name: name(raw.data.alias.anchor, offset)?.unwrap_or_default(),
            },
            sys::YAML_SCALAR_EVENT => {
                let scalar = &raw.data.scalar;
                let length = usize::try_from(scalar.length).unwrap_or(0);
                let style = match (name(scalar.tag, offset)?, scalar.plain_implicit) {
                    (Some(tag), _) => Style::Tagged(tag),
                    (None, true) => Style::Plain,
                    (None, false) => Style::Quoted,
                };
                Event::Scalar {
                    text: text(std::slice::from_raw_parts(scalar.value, length), offset)?,
                    style,
                    anchor: name(scalar.anchor, offset)?,
                }
            }
            sys::YAML_SEQUENCE_START_EVENT => Event::SequenceStart {
                anchor: name(raw.data.sequence_start.anchor, offset)?,
            },
            sys::YAML_SEQUENCE_END_EVENT => Event::SequenceEnd,
            sys::YAML_MAPPING_START_EVENT => Event::MappingStart {
                anchor: name(raw.data.mapping_start.anchor, offset)?,
            },
            sys::YAML_MAPPING_END_EVENT => Event::MappingEnd,
            sys::YAML_NO_EVENT | sys::YAML_STREAM_END_EVENT | _ => Event::StreamEnd,
        }
    };
    Ok(Located { event, offset })
}

/// Reads a NUL-terminated name.
///
/// # Safety
/// `name` is null or points to a NUL-terminated string that lives for `'e`.
unsafe fn name<'e>(name: *const u8, offset: usize) -> Result<Option<&'e str>, Fault> {
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's.
    text(unsafe { CStr::from_ptr(name.cast()) }.to_bytes(), offset).map(Some)
}

fn text(bytes: &[u8], offset: usize) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::new(ErrorKind::InvalidUtf8, offset))
}
