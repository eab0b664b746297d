//! Configurations, and what they mean or what is wrong with them.

use super::*;

fn check(json: &str) -> Result<Settings, Vec<(String, String)>> {
    let config: Config = serde_json::from_str(json).map_err(|error| vec![(String::new(), error.to_string())])?;
    config.check(Path::new("/base")).map_err(|faults| {
        faults
            .iter()
            .map(|fault| (fault.pointer().to_owned(), fault.summary().to_owned()))
            .collect()
    })
}

#[test]
fn nothing_configured_means_the_base_directory() {
    let settings = check("{}").unwrap();
    assert_eq!(settings.roots, [Path::new("/base")]);
    assert_eq!((settings.depth, settings.links), (Depth::Recursive, Links::Report));
    assert_eq!(settings.max_file_bytes, 8 * 1024 * 1024);
    assert!(settings.selection.takes_file("deep/down/x.yaml"));
    assert!(!settings.selection.takes_file("x.txt"));
}

#[test]
fn roots_are_absolute_and_written_one_way() {
    let settings = check(r#"{"path": ["a/./b//", "/srv/manifests/", "../up"]}"#).unwrap();
    let roots: Vec<_> = settings.roots.iter().map(|root| root.to_str().unwrap()).collect();
    assert_eq!(roots, ["/base/a/b", "/srv/manifests", "/base/../up"]);
}

#[test]
fn nested_roots_are_for_flat_reading_only() {
    assert!(check(r#"{"path": ["a", "a/b"], "recursive": false}"#).is_ok());
    assert!(check(r#"{"path": ["a", "ab"]}"#).is_ok());
}

#[test]
fn faults_name_their_place() {
    let long = format!(r#"{{"path": "{}"}}"#, "x".repeat(256));
    for (json, pointer, part) in [
        (r#"{"path": []}"#, "/path", "no folder"),
        (r#"{"path": ["a", ""]}"#, "/path/1", "not a path"),
        (r#"{"path": ["a", "./a/"]}"#, "/path/1", "overlap"),
        (r#"{"path": ["a/b", "a"]}"#, "/path/1", "overlap"),
        (long.as_str(), "/path", "limit is 256"),
        (r#"{"include": []}"#, "/include", "no pattern"),
        (r#"{"include": "apps/"}"#, "/include", "apps/**"),
        (r#"{"include": ["*.yaml", "a[b"]}"#, "/include/1", "a[b"),
        (r#"{"exclude": "!keep"}"#, "/exclude", "ignore files"),
        (r#"{"maxFileBytes": 0}"#, "/maxFileBytes", "between"),
        (r#"{"maxFileBytes": 67108865}"#, "/maxFileBytes", "between"),
        (r#"{"pattern": 1}"#, "", "unknown field"),
        (r#"{"debounce": "1h"}"#, "/debounce", "at most 1m"),
        (r#"{"debounce": "100"}"#, "", "lacks a unit"),
        (r#"{"debounce": 100}"#, "", "string"),
        (r#"{"pollInterval": "1ms"}"#, "/pollInterval", "between 10ms and 24h"),
        (
            r#"{"pollInterval": "1m", "watch": false}"#,
            "/pollInterval",
            "nothing is watched",
        ),
        (r#"{"deleteSettle": "2h"}"#, "/deleteSettle", "at most 1h"),
    ] {
        let faults = check(json).unwrap_err();
        assert_eq!(faults.len(), 1, "{json}: {faults:?}");
        assert_eq!(faults[0].0, pointer, "{json}");
        assert!(faults[0].1.contains(part), "{json}: {}", faults[0].1);
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    assert_eq!(
        check(r#"{"path": "", "include": "[", "maxFileBytes": 0}"#)
            .unwrap_err()
            .len(),
        3
    );
}

#[test]
fn watching_is_by_notification_unless_an_interval_is_named() {
    for (json, watching) in [
        ("{}", Watching::Notified),
        (r#"{"watch": false}"#, Watching::Off),
        (r#"{"pollInterval": "30s"}"#, Watching::Polled(Duration::from_secs(30))),
    ] {
        assert_eq!(check(json).unwrap().watching, watching, "{json}");
    }
    let settings = check(r#"{"debounce": "0", "deleteSettle": "1m30s"}"#).unwrap();
    let expected = (Duration::ZERO, Duration::from_secs(90));
    assert_eq!((settings.debounce, settings.delete_settle), expected);
    let settings = check("{}").unwrap();
    let expected = (Duration::from_millis(100), Duration::from_secs(1));
    assert_eq!((settings.debounce, settings.delete_settle), expected);
}
