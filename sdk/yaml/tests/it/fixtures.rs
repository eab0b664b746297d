//! Every input of `proto/fixtures/yaml` means here what it means to sigs.k8s.io/yaml behind apimachinery's reader, but
//! for the deviations listed below, each of which must occur.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k1s_yaml::{Limits, documents};
use serde::Deserialize;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// One line of a fixture of reading; `gen/main.go` describes it.
#[derive(Deserialize)]
struct Record {
    c: String,
    #[serde(rename = "in", default)]
    text: String,
    b64: Option<String>,
    out: Vec<String>,
    #[serde(default)]
    ignored: Vec<usize>,
}

impl Record {
    fn input(&self) -> Vec<u8> {
        match &self.b64 {
            Some(b64) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, b64).unwrap(),
            None => self.text.clone().into_bytes(),
        }
    }
}

/// What one document comes to.
#[derive(Debug, PartialEq)]
enum Outcome {
    Json(Value),
    Refused(Option<&'static str>),
    Random,
    Digest(String),
}

fn theirs(record: &Record) -> Vec<Outcome> {
    let outcome = |out: &String| match out.as_str() {
        "!" => Outcome::Refused(None),
        "?" => Outcome::Random,
        digest if digest.starts_with('#') => Outcome::Digest(digest.to_owned()),
        json => match serde_json::from_str(json) {
            Ok(value) => Outcome::Json(as_kubernetes(value)),
            // JSON that Go keeps as it is and serde_json refuses: a lone surrogate, a number out of range.
            Err(_) => Outcome::Digest(json.to_owned()),
        },
    };
    record.out.iter().map(outcome).collect()
}

/// Numbers as Kubernetes prints them again: integers without a point.
fn as_kubernetes(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.as_f64().unwrap().to_string();
            let integer = text.parse().map(|integer: i64| Number::from(integer));
            Value::Number(
                integer
                    .or_else(|_| text.parse().map(|integer: u64| Number::from(integer)))
                    .unwrap_or(number),
            )
        }
        Value::Array(items) => items.into_iter().map(as_kubernetes).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, as_kubernetes(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn ours(input: &[u8]) -> (Vec<Outcome>, Vec<usize>) {
    let (mut outcomes, mut ignored) = (Vec::new(), Vec::new());
    for document in documents(input, &Limits::default()) {
        match document {
            // Go's callers drop null; it comes only with a warning here.
            Ok(document) if document.value.is_null() => assert!(!document.warnings.is_empty()),
            Ok(document) => {
                if !document.warnings.is_empty() {
                    ignored.push(outcomes.len());
                }
                outcomes.push(Outcome::Json(document.value));
            }
            Err(error) => outcomes.push(Outcome::Refused(Some(error.kind.code()))),
        }
    }
    (outcomes, ignored)
}

fn agrees(theirs: &Outcome, ours: &Outcome) -> bool {
    match (theirs, ours) {
        (Outcome::Json(theirs), Outcome::Json(ours)) => theirs == ours,
        (Outcome::Refused(_), Outcome::Refused(_)) => true,
        (Outcome::Digest(digest), Outcome::Json(ours)) => {
            let text = ours.to_string();
            let hash = Sha256::digest(&text).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            *digest == format!("#{}:{hash}", text.len())
        }
        _ => false,
    }
}

/// A point in which the crate differs on purpose.
struct Deviation {
    /// The class, and why.
    reason: &'static str,
    here: Here,
    /// Whether it can be why.
    applies: fn(&Record, &Outcome) -> bool,
}

/// What a document comes to here where Go says otherwise.
enum Here {
    /// Refused with one of these codes, where Go accepts it.
    Refused(&'static [&'static str]),
    /// Accepted, where Go refuses it.
    Accepted,
    /// The same with a warning that content is ignored.
    Warned,
}

impl Deviation {
    fn explains(&self, record: &Record, theirs: &Outcome, ours: &Outcome, is_warned: bool) -> bool {
        let is_refused = *theirs == Outcome::Refused(None);
        let is_here = match (&self.here, ours) {
            (Here::Refused(codes), Outcome::Refused(Some(code))) => !is_refused && codes.contains(code),
            (Here::Accepted, Outcome::Json(_)) => is_refused && !is_warned,
            (Here::Warned, Outcome::Json(_)) => is_refused && is_warned,
            _ => false,
        };
        is_here && (self.applies)(record, theirs)
    }
}

const DEVIATIONS: [Deviation; 12] = [
    Deviation {
        reason: "two keys that become one in JSON (`1` and `'1'`): in Go one of them wins by chance",
        here: Here::Refused(&["duplicate-key"]),
        applies: |_, theirs| *theirs == Outcome::Random,
    },
    Deviation {
        reason: "the same by way of a merge",
        here: Here::Refused(&["merge-override"]),
        applies: |_, theirs| *theirs == Outcome::Random,
    },
    Deviation {
        reason: "a key twice in JSON: Go's decoder of JSON takes the last",
        here: Here::Refused(&["duplicate-key"]),
        applies: |record, _| record.text.trim_start().starts_with('{'),
    },
    Deviation {
        reason: "a number of JSON beyond 64-bit floating point: Go's decoder leaves it to whoever reads the value",
        here: Here::Refused(&["not-json"]),
        applies: |record, theirs| record.text.starts_with('{') && matches!(theirs, Outcome::Digest(_)),
    },
    Deviation {
        reason: "nested deeper than 64 levels, where Go has 10,000: a limit of the contract",
        here: Here::Refused(&["too-deep"]),
        applies: |record, _| record.c == "trap 14",
    },
    Deviation {
        reason: "a byte order mark at the beginning of a line, which Go takes into the key: two files in one, at best",
        here: Here::Refused(&["syntax"]),
        applies: |record, _| record.text.contains("\n\u{feff}") || record.text.starts_with("\u{feff}\u{feff}"),
    },
    Deviation {
        reason: "a key without `?` of more than 1024 bytes: libyaml counts bytes there, Go characters",
        here: Here::Refused(&["syntax"]),
        applies: |record, _| record.text.starts_with(&"\u{e9}".repeat(513)) && record.text.chars().count() < 1024,
    },
    Deviation {
        reason: "`[a:]` and `{a:}` without a blank, which Go takes for the text `a:`: never what is meant",
        here: Here::Refused(&["syntax"]),
        applies: |record, _| {
            [":}", ":]", ":,", ":[", ":{"]
                .iter()
                .any(|part| record.text.contains(part))
        },
    },
    Deviation {
        reason: "a tag with `[`, `]` or `,` in it, which YAML 1.2 and libyaml forbid",
        here: Here::Refused(&["syntax"]),
        applies: |record, _| {
            record
                .text
                .split('!')
                .skip(1)
                .any(|tag| tag.split(' ').next().unwrap().contains(['[', ']', ',']))
        },
    },
    Deviation {
        reason: "content that is broken in itself behind a complete root, which Go never looks at: not lost in silence",
        here: Here::Refused(&["syntax", "key-type"]),
        applies: |record, _| ["syntax", "pieces"].contains(&record.c.as_str()) && !record.ignored.is_empty(),
    },
    Deviation {
        reason: "the same where Go's parser has looked far enough ahead to trip over it",
        here: Here::Warned,
        applies: |record, _| record.c == "syntax" || record.c == "pieces",
    },
    Deviation {
        reason: "the keys `0.0` and `-0.0`: one to Go, which compares floats, and two texts in JSON, `0` and `-0`",
        here: Here::Accepted,
        applies: |record, _| record.text.contains("-0.0:") && record.text.contains("0.0: "),
    },
];

#[test]
fn every_input_means_what_it_means_to_kubernetes() {
    let mut met = [0; DEVIATIONS.len()];
    let mut inputs = BTreeMap::new();
    for line in ["traps", "syntax", "mutations"]
        .map(fixture)
        .iter()
        .flat_map(|file| file.lines())
    {
        let record: Record = serde_json::from_str(line).unwrap();
        *inputs.entry(record.c.clone()).or_insert(0) += 1;
        let (theirs, (ours, ignored)) = (theirs(&record), ours(&record.input()));
        assert_eq!(theirs.len(), ours.len(), "documents of {line}\n{ours:?}");
        for (index, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
            let is_warned = ignored.contains(&index);
            if agrees(theirs, ours) {
                assert_eq!(is_warned, record.ignored.contains(&index), "warning for {line}");
                continue;
            }
            let explains = |deviation: &Deviation| deviation.explains(&record, theirs, ours, is_warned);
            let deviation = DEVIATIONS.iter().position(explains);
            met[deviation.unwrap_or_else(|| panic!("{line}\nmeans here {ours:?}"))] += 1;
        }
    }
    for (deviation, met) in DEVIATIONS.iter().zip(met) {
        println!("{met:4} {}", deviation.reason);
        assert!(met > 0, "occurs no more, take it off the list: {}", deviation.reason);
    }
    for trap in 1..=14 {
        assert!(
            inputs[&format!("trap {trap}")] >= 50,
            "inputs for each trap: {inputs:?}"
        );
    }
}

/// Returns a fixture's lines.
pub(crate) fn fixture(name: &str) -> String {
    let path = format!("{}/../../proto/fixtures/yaml/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the inputs of a fixture of reading.
pub(crate) fn inputs(name: &str) -> impl Iterator<Item = Vec<u8>> {
    let lines: Vec<Record> = fixture(name)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.into_iter().map(|record| record.input())
}
