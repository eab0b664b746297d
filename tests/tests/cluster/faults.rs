//! What stands before the server: each fault, as a client of HTTP sees it.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use k1s_tests::cluster::{ADMIN_TOKEN, Client, Cluster, Verb};
use k1s_tests::proxy::{Face, Fault, Kind, Part, Proxy, Refusal, Rule, Skew};
use serde_json::{Value, json};

use crate::server::config_map;

/// A namespace with some objects, and a client of it through a proxy.
struct Place {
    proxy: Proxy,
    client: Client,
    collection: String,
    watch: String,
}

impl Place {
    fn new(namespace: &str) -> anyhow::Result<Self> {
        let cluster = Cluster::shared()?;
        let mut direct = cluster.client()?;
        direct.namespace(namespace, json!({}))?;
        let collection = format!("/api/v1/namespaces/{namespace}/configmaps");
        let list = direct.done(&collection, &Verb::Read)?;
        let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        let watch = format!(
            "{collection}?watch=true&resourceVersion={}",
            version.context("a resource version")?
        );
        for name in ["a", "b", "c"] {
            direct.create(&collection, config_map(name))?;
        }
        let proxy = Proxy::before(cluster)?;
        let client = proxy.endpoint().client(ADMIN_TOKEN)?;
        Ok(Self {
            proxy,
            client,
            collection,
            watch,
        })
    }

    /// The lines of a watch from before the objects on, and whether the connection broke instead of ending.
    fn watched(&mut self, fault: Fault) -> anyhow::Result<Result<Vec<String>, String>> {
        self.proxy.follow([Rule::next(Kind::Watch, fault)])?;
        Ok(match self.client.ask(&self.watch, &Verb::Read) {
            Ok(answer) => {
                let text = answer
                    .body
                    .as_str()
                    .map_or_else(|| answer.body.to_string(), str::to_owned);
                Ok(text.lines().map(str::to_owned).collect())
            }
            Err(error) => Err(format!("{error:#}")),
        })
    }
}

#[test]
fn without_a_rule_everything_goes_through_and_is_counted() -> anyhow::Result<()> {
    let mut place = Place::new("through")?;
    let listed = place.client.list(&place.collection)?;
    assert_eq!(listed.len(), 3);
    let lines = place.client.lines(&place.watch, 3)?;
    assert!(lines.iter().all(|line| line["type"] == "ADDED"), "{lines:?}");
    place.client.done(&format!("{}/a", place.collection), &Verb::Delete)?;
    place
        .proxy
        .until("all is over", |asked| asked.iter().all(|asked| asked.is_over))?;
    let asked = place.proxy.asked()?;
    let told: Vec<_> = (asked.iter())
        .map(|asked| (asked.kind, asked.resource.as_str(), asked.status))
        .collect();
    let expected = [Kind::List, Kind::Watch, Kind::Write].map(|kind| (kind, "configmaps", Some(200)));
    assert_eq!(told, expected);
    assert!(asked.iter().all(|asked| asked.bytes > 0), "{asked:?}");
    assert_eq!(place.proxy.count(Kind::List)?, 1);
    Ok(())
}

#[test]
fn refusals_are_worded_as_the_server_words_them() -> anyhow::Result<()> {
    let mut place = Place::new("refusals")?;
    for (refusal, status, reason) in [
        (Refusal::gone(), 410, "Expired"),
        (Refusal::unauthorized(), 401, "Unauthorized"),
        (
            Refusal::throttled().after(Duration::from_secs(1)),
            429,
            "TooManyRequests",
        ),
        (Refusal::unavailable(), 503, "ServiceUnavailable"),
    ] {
        place
            .proxy
            .follow([Rule::next(Kind::List, Fault::Refused(refusal)).but_for(1).times(2)])?;
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(place.client.ask(&place.collection, &Verb::Read)?);
        }
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, status, status, 200]);
        assert_eq!(answers[1].body["reason"], reason);
        assert_eq!(answers[1].headers.get("retry-after").is_some(), status == 429);
    }
    Ok(())
}

#[test]
fn a_watch_is_torn_ended_and_spoken_for_where_the_rule_says() -> anyhow::Result<()> {
    let mut place = Place::new("parts")?;
    let whole = place.watched(Fault::Ended(Part::Lines(3)))?;
    let whole = whole.map_err(anyhow::Error::msg)?;
    place
        .proxy
        .follow([Rule::next(Kind::Watch, Fault::Slow(100, Duration::from_millis(1)))])?;
    let slow = place.client.lines(&place.watch, 3)?;
    let told = |line: &String| serde_json::from_str(line);
    assert_eq!(
        slow,
        whole.iter().map(told).collect::<Result<Vec<Value>, _>>()?,
        "slow is only slow"
    );
    let half = |line: &String| line[..(line.len() + 1).div_ceil(2)].to_owned();
    assert_eq!(place.watched(Fault::Ended(Part::Lines(2)))?, Ok(whole[..2].to_vec()));
    let expected = vec![whole[0].clone(), half(&whole[1])];
    assert_eq!(place.watched(Fault::Ended(Part::Halved(1)))?, Ok(expected));
    let said = place
        .watched(Fault::expired(Part::Lines(1)))?
        .map_err(anyhow::Error::msg)?;
    assert_eq!(said[0], whole[0]);
    let last: Value = serde_json::from_str(&said[1])?;
    assert_eq!(
        (said.len(), &last["type"], &last["object"]["code"]),
        (2, &json!("ERROR"), &json!(410))
    );

    for (fault, passed) in [
        (Fault::Torn(Part::Lines(1)), whole[0].len() + 1),
        (Fault::Torn(Part::Halved(0)), (whole[0].len() + 1).div_ceil(2)),
        (Fault::Torn(Part::Bytes(10)), 10),
        (Fault::Broken, 0),
    ] {
        let seen = place.watched(fault.clone())?;
        assert!(seen.is_err(), "{fault:?}: {seen:?}");
        let asked = place.proxy.asked()?;
        assert_eq!(asked.last().map(|asked| asked.bytes), Some(passed as u64), "{fault:?}");
    }
    Ok(())
}

#[test]
fn what_is_on_its_way_can_be_cut() -> anyhow::Result<()> {
    let mut place = Place::new("cutting")?;
    place.proxy.follow([Rule::every(Kind::List, Fault::Ignored)])?;
    let (collection, mut client) = (place.collection.clone(), place.client);
    let asking = std::thread::spawn(move || client.ask(&collection, &Verb::Read));
    place.proxy.until("it is asked", |asked| !asked.is_empty())?;
    assert_eq!(place.proxy.cut(Kind::Watch)?, 0);
    assert_eq!(place.proxy.cut(Kind::List)?, 1);
    let answer = asking.join().map_err(|_| anyhow::anyhow!("the client panicked"))?;
    assert!(answer.is_err(), "{answer:?}");
    place.client = place.proxy.endpoint().client(ADMIN_TOKEN)?;
    place.proxy.follow([])?;
    assert_eq!(place.client.list(&place.collection)?.len(), 3);
    Ok(())
}

#[test]
fn clocks_and_certificates_can_be_wrong() -> anyhow::Result<()> {
    let mut place = Place::new("wrong")?;
    let day = Duration::from_secs(24 * 60 * 60);
    let skewed = Fault::Dated(Skew::Behind(day));
    place.proxy.follow([Rule::next(Kind::List, skewed)])?;
    let answer = place.client.ask(&place.collection, &Verb::Read)?;
    let date = answer.headers.get("date").context("a date")?;
    let behind = SystemTime::now().duration_since(httpdate::parse_http_date(date.to_str()?)?)?;
    assert!(behind >= day, "{behind:?}");
    for (face, is_good) in [(Face::Expired, false), (Face::Strange, false), (Face::Trusted, true)] {
        place.proxy.show(face)?;
        // On a connection of its own: those that were open are broken.
        place.client = place.proxy.endpoint().client(ADMIN_TOKEN)?;
        let listed = place.client.list(&place.collection);
        assert_eq!(listed.is_ok(), is_good, "{face:?}: {listed:?}");
    }
    Ok(())
}
