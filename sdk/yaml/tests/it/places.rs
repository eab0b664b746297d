//! Where things are: documents, errors, warnings and values, in lines and characters of the whole input.

use k1s_yaml::{Error, ErrorKind, Limits, Mark, Position, documents, parse};
use serde_json::json;

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

fn errors(input: &str) -> Vec<Error> {
    documents(input.as_bytes(), &Limits::default())
        .filter_map(Result::err)
        .collect()
}

#[test]
fn documents_are_counted_without_the_empty_ones() {
    let input = "# comment\n---\n\n---\na: 1\n---\n~\n---\n# c\n  b: 2\n---\n---\n[\n---\n{c: 3}";
    let found: Vec<_> = documents(input.as_bytes(), &Limits::default())
        .map(|document| document.map(|document| (document.index, document.line, document.column)))
        .map(|document| document.map_err(|error| (error.document, error.line, error.kind.code())))
        .collect();
    assert_eq!(
        found,
        [Ok((0, 5, 1)), Ok((1, 10, 3)), Err((2, 13, "syntax")), Ok((3, 15, 1))]
    );
}

#[test]
fn documents_of_json_have_places_too() {
    let input = "{\"a\":1}{\"b\":2}\n\n  {\"é\":3}  {\"d\":\n4}";
    let documents = documents(input.as_bytes(), &Limits::default());
    let found: Vec<_> = documents
        .map(Result::unwrap)
        .map(|document| (document.index, document.line, document.column))
        .collect();
    assert_eq!(found, [(0, 1, 1), (1, 1, 8), (2, 3, 3), (3, 3, 12)]);
}

/// Each input with the code, line and column of its first error.
const ERRORS: &[(&str, &str, u32, u32)] = &[
    ("a: 1\n---\nb: [\n---\nc: 1\n", "syntax", 3, 5),
    ("a: \"x\n", "syntax", 1, 6),
    ("a: 1\r\nb: }\r\n", "syntax", 2, 4),
    ("é: {a: b}}\n", "syntax", 1, 10),
    ("a: \"\\q\"\n", "syntax", 1, 5),
    ("a: \"é\\/\"\n", "syntax", 1, 6),
    ("a: [b?]\n", "syntax", 1, 6),
    ("a: 1\n\u{feff}b: 1\n", "syntax", 2, 1),
    ("a: 1\n--- {}\n", "separator", 2, 1),
    ("---\na: 1\n---\nb: 1\nc:\n  d: 1\n  \"d\": 2\n", "duplicate-key", 7, 3),
    ("a: {b: 1, b: 2}\n", "duplicate-key", 1, 11),
    ("a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n", "merge-override", 4, 3),
    ("a: 1\n<<: 5\n", "merge-value", 2, 5),
    ("- 1\n- [a]: 1\n", "key-type", 2, 3),
    ("- 1\n- ~: 1\n", "key-type", 2, 3),
    ("a: *b\n", "unknown-anchor", 1, 4),
    ("a: &b [*b]\n", "self-reference", 1, 8),
    ("a: .inf\n", "not-json", 1, 4),
    ("{\"a\": [1e999]}\n", "not-json", 1, 8),
    ("a: !!int x\n", "tag", 1, 4),
    ("a: 1\nb: \0\n", "nul", 2, 4),
    ("{\"a\": 1,\n \"a\": 2}", "duplicate-key", 2, 2),
    ("{\"a\": 1,\n \"b\" 2}", "syntax", 2, 6),
    ("{\"a\": 1}\n{\"b\": \"\\u12\"}\n{}", "syntax", 2, 12),
    ("{\n  \"a\": \"x\u{1}y\"\n}", "syntax", 2, 10),
];

#[test]
fn errors_have_the_place_of_what_is_wrong() {
    for (input, code, line, column) in ERRORS {
        let error = errors(input)
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("{input:?} is accepted"));
        assert_eq!(
            (error.kind.code(), error.line, error.column),
            (*code, *line, *column),
            "{input:?}: {error}"
        );
    }
}

#[test]
fn invalid_utf8_has_a_place_and_hides_no_other_document() {
    let read: Vec<_> = documents(b"a: 1\n---\nb: x\xff\n---\nc: 3\n", &Limits::default()).collect();
    assert_eq!(read.len(), 3);
    let error = read[1].as_ref().unwrap_err();
    assert_eq!(
        (&error.kind, error.line, error.column, error.document),
        (&ErrorKind::InvalidUtf8, 3, 5, 1)
    );
    assert_eq!(read[2].as_ref().unwrap().index, 2);
}

#[test]
fn a_key_set_twice_names_the_first() {
    let cases = [
        ("x: 0\na:\n  b: 1\n  'b': 2\n", at(3, 3)),
        ("- {a: {c: 1}, b: {c: 1, d: 2, c: 3}}\n", at(1, 19)),
        ("a: &a {k: 1}\nb: {k: 2, <<: *a}\n", at(2, 5)),
        ("a: &a {k: 1}\nb: {<<: *a, k: 2}\n", at(1, 8)),
        ("1: a\n'1': b\n", at(1, 1)),
        ("{\"a\": {\"b\": 1, \"\\u0062\": 2}}", at(1, 8)),
    ];
    for (input, expected) in cases {
        let error = errors(input).remove(0);
        let (ErrorKind::DuplicateKey { first, .. } | ErrorKind::MergeOverride { first, .. }) = error.kind else {
            panic!("{input:?}: {error}")
        };
        assert_eq!(first, expected, "{input:?}");
    }
}

#[test]
fn ignored_content_is_a_warning() {
    for (input, line, column) in [
        ("a: 1\n...\nb: 2\n", 3, 1),
        ("{a: 1} b\n", 1, 8),
        ("---\na: 1\n---\n- 1\n...\n[\n", 6, 1),
        ("~\n...\na: 1\n", 3, 1),
    ] {
        let last = documents(input.as_bytes(), &Limits::default()).last().unwrap().unwrap();
        let warning = &last.warnings[0];
        assert_eq!((warning.line, warning.column), (line, column), "{input:?}: {warning}");
        let error = parse(input.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MoreThanOne, "{input:?}");
    }
}

#[test]
fn values_are_located_by_pointer() {
    let input = "# c\na: 1\n\"b/c\":\n  - x\n  - {~d: &y [1, 2], é: *y}\nm:\n  <<: &z {k: v}\n  l: ~\n";
    let document = parse(input.as_bytes(), &Limits::default()).unwrap();
    let cases = [
        ("", None, at(2, 1)),
        ("/a", Some(at(2, 1)), at(2, 4)),
        ("/b~1c", Some(at(3, 1)), at(4, 3)),
        ("/b~1c/0", None, at(4, 5)),
        ("/b~1c/1/~0d", Some(at(5, 6)), at(5, 10)),
        ("/b~1c/1/~0d/1", None, at(5, 17)),
        ("/b~1c/1/é", Some(at(5, 21)), at(5, 24)),
        ("/b~1c/1/é/0", None, at(5, 14)),
        ("/m/k", Some(at(7, 11)), at(7, 14)),
        ("/m/l", Some(at(8, 3)), at(8, 6)),
    ];
    for (pointer, key, value) in cases {
        assert_eq!(document.locate(pointer), Some(Mark { key, value }), "{pointer}");
        assert!(document.value.pointer(pointer).is_some(), "{pointer}");
    }
    for pointer in ["a", "/x", "/a/b", "/b~1c/2", "/m/<<"] {
        assert_eq!(document.locate(pointer), None, "{pointer}");
    }
}

#[test]
fn values_of_later_documents_are_located_in_the_whole_input() {
    let input = "\u{feff}a: 1\r\n---\r\nb:\r\n  c: 2\r\n---\nd: \"\\'x\\'\"  # 'c'\ne: f";
    let read: Vec<_> = documents(input.as_bytes(), &Limits::default())
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        read[0].locate("/a"),
        Some(Mark {
            key: Some(at(1, 1)),
            value: at(1, 4)
        })
    );
    assert_eq!(
        read[1].locate("/b/c"),
        Some(Mark {
            key: Some(at(4, 3)),
            value: at(4, 6)
        })
    );
    assert_eq!(read[2].value, json!({"d": "'x'", "e": "f"}));
    assert_eq!(
        read[2].locate("/e"),
        Some(Mark {
            key: Some(at(7, 1)),
            value: at(7, 4)
        })
    );
    let json = parse(b"{\"a\": {\n\t\"b\\u0063\" : [1, {}]}}", &Limits::default()).unwrap();
    assert_eq!(
        json.locate("/a/bc"),
        Some(Mark {
            key: Some(at(2, 2)),
            value: at(2, 14)
        })
    );
    assert_eq!(
        json.locate("/a/bc/1"),
        Some(Mark {
            key: None,
            value: at(2, 18)
        })
    );
}

#[test]
fn one_document_is_one() {
    let parse = |input: &'static str| parse(input.as_bytes(), &Limits::default()).map(|document| document.value);
    assert_eq!(parse("---\n# c\na: 1\n---\n# d\n").unwrap(), json!({"a": 1}));
    let failure = |input| {
        let error = parse(input).unwrap_err();
        (error.kind.code(), error.line, error.column)
    };
    assert_eq!(failure(""), ("no-document", 1, 1));
    assert_eq!(failure("# c\n---\n~\n"), ("no-document", 1, 1));
    assert_eq!(failure("a: 1\n---\n---\n  b: 2\n"), ("more-than-one", 4, 3));
    assert_eq!(failure("{\"a\":1} {}"), ("more-than-one", 1, 9));
    assert_eq!(failure("a: 1\n---\n[\n"), ("more-than-one", 3, 2));
}
