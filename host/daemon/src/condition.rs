//! What is true of a source, in the words of kstatus: `Ready` always, everything else only while it holds.

use k1s_api::object::{Condition, ConditionStatus};
use k1s_object::Timestamp;
use k1s_store::reader::{Prune, PruneState, SourceFacts};
use k1s_store::served::rfc3339;
use k1s_store::status::{PassRow, Standstill};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::HoldReason;

use crate::console::{described, why_held};
use crate::mirror::{Refusal, StoreOutage};
use crate::output::count;

fn condition(
    kind: &str,
    status: ConditionStatus,
    reason: &str,
    message: String,
    since: Option<Timestamp>,
) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status,
        reason: reason.to_owned(),
        message,
        last_transition_time: since.map(rfc3339),
    }
}

fn holds(kind: &str, reason: &str, message: String, since: Option<Timestamp>) -> Condition {
    condition(kind, ConditionStatus::True, reason, message, since)
}

/// What is true of a source, the most pressing first, `Ready` last.
pub(crate) fn conditions(of_source: &SourceFacts, outage: Option<&StoreOutage>) -> Vec<Condition> {
    let name = &of_source.name;
    let mut conditions = Vec::new();
    if let Some(StoreOutage { why, since }) = outage {
        conditions.push(holds(
            "StoreUnavailable",
            "StoreUnavailable",
            why.to_string(),
            Some(*since),
        ));
    }
    if let Some(suspended) = &of_source.row.suspended {
        let message = format!("by {}: k1s-sync-host resume {name}", suspended.user);
        conditions.push(holds("Suspended", "Suspended", message, Some(suspended.since)));
    }
    if let Some(trouble) = &of_source.status.trouble {
        let (kind, reason) = match trouble.standstill {
            Standstill::Retrying => ("Stale", "Retrying"),
            Standstill::CircuitOpen => ("CircuitOpen", "RepeatedFailure"),
            Standstill::Quarantined => ("Stalled", "Quarantined"),
            Standstill::Refused if trouble.problem.code == ProblemCode::IdentityChanged => {
                ("Stalled", "IdentityChanged")
            }
            Standstill::Refused => ("Stalled", "Refused"),
        };
        let first = described(&trouble.problem)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let first = match trouble.standstill {
            Standstill::Quarantined => format!("{first}: k1s-sync-host resume {name} lets it try again"),
            Standstill::Retrying | Standstill::CircuitOpen | Standstill::Refused => first,
        };
        if kind != "Stale" {
            conditions.push(holds(kind, reason, first.clone(), Some(trouble.since)));
        }
        conditions.push(holds("Stale", reason, first, Some(trouble.since)));
    }
    if let Some((pass, problem)) = incomplete(of_source) {
        conditions.push(holds("Stale", "Incomplete", described(problem), Some(pass.ended)));
    }
    conditions.extend(of_source.held.iter().flat_map(|held| held_conditions(of_source, held)));
    if of_source.pending > 0 {
        let message = format!("{} wait: k1s-sync-host status {name}", count(of_source.pending));
        conditions.push(holds("PendingObjects", "Pending", message, None));
    }
    conditions.push(readiness(of_source, outage));
    one_of_each(conditions)
}

/// That the files of the configuration are not in force: the first finding, and how many there are.
pub(crate) fn refused(refusal: &Refusal) -> Condition {
    let findings = refusal.why.lines().count();
    let first = refusal.why.lines().next().unwrap_or_default();
    let more = match findings {
        0 | 1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    let message = format!("the one before stays in force: {first}{more}");
    holds("ConfigurationRefused", "Invalid", message, Some(refusal.since))
}

/// A type appears once, as tools expect that find a condition by its type: the most pressing one speaks, and tells of the others.
fn one_of_each(conditions: Vec<Condition>) -> Vec<Condition> {
    let mut merged: Vec<Condition> = Vec::with_capacity(conditions.len());
    for next in conditions {
        match merged.iter_mut().find(|earlier| earlier.kind == next.kind) {
            Some(first) => {
                first.message = format!("{}; {}", first.message, next.message);
                // RFC 3339 in UTC: the order of texts is that of times.
                first.last_transition_time = match (first.last_transition_time.take(), next.last_transition_time) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            None => merged.push(next),
        }
    }
    merged
}

fn held_conditions(of_source: &SourceFacts, held: &Prune) -> Vec<Condition> {
    let PruneState::Held { reason, since } = &held.state else {
        return Vec::new();
    };
    let mut conditions = Vec::new();
    if let HoldReason::RootChanged { .. } = reason {
        let message = format!(
            "{}: k1s-sync-host sync {} --accept-root accepts it",
            why_held(reason),
            of_source.name
        );
        conditions.push(holds("RootChanged", "RootChanged", message, Some(*since)));
    }
    let message = format!(
        "{} deletes held, {}: k1s-sync-host prunes show {}",
        count(held.objects),
        why_held(reason),
        held.id.0
    );
    conditions.push(holds("PruneHeld", guard(reason), message, Some(*since)));
    conditions
}

/// The guard that holds deletes, in one word.
pub(crate) const fn guard(reason: &HoldReason) -> &'static str {
    match reason {
        HoldReason::Guard { .. } => "Guard",
        HoldReason::Empty => "Empty",
        HoldReason::RootChanged { .. } => "RootChanged",
        HoldReason::Contents(_) => "Contents",
        HoldReason::Annotation(_) => "Annotation",
    }
}

/// The last pass, if it could not list everything, and why.
fn incomplete(of_source: &SourceFacts) -> Option<(&PassRow, &Problem)> {
    let pass = of_source.status.pass.as_ref()?;
    Some((pass, pass.incomplete.as_ref()?))
}

fn readiness(of_source: &SourceFacts, outage: Option<&StoreOutage>) -> Condition {
    let pass = of_source.status.pass.as_ref();
    let (truth, reason, message) = if outage.is_some() {
        let message = "nothing can be stored".to_owned();
        (ConditionStatus::False, "StoreUnavailable", message)
    } else if of_source.row.suspended.is_some() {
        (ConditionStatus::False, "Suspended", "it is suspended".to_owned())
    } else if of_source.status.trouble.is_some() {
        (ConditionStatus::False, "Failed", "it does not work".to_owned())
    } else if !of_source.held.is_empty() {
        (
            ConditionStatus::True,
            "PruneHeld",
            "everything but held deletes is applied".to_owned(),
        )
    } else {
        match (pass, incomplete(of_source)) {
            (None, _) => (
                ConditionStatus::Unknown,
                "NeverListed",
                "it has not listed everything yet".to_owned(),
            ),
            (Some(_), Some((_, problem))) => (ConditionStatus::False, "Incomplete", described(problem)),
            (Some(_), None) => (
                ConditionStatus::True,
                "Succeeded",
                "the last listing was whole".to_owned(),
            ),
        }
    };
    condition("Ready", truth, reason, message, pass.map(|pass| pass.ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_appears_once_and_tells_everything() {
        let at = |millis| Some(Timestamp::from_millis(millis));
        let merged = one_of_each(vec![
            holds("Stale", "CircuitOpen", "it crashed".to_owned(), at(2_000)),
            holds("PruneHeld", "Guard", "3 deletes held".to_owned(), at(5_000)),
            holds("PruneHeld", "Empty", "9 deletes held".to_owned(), at(4_000)),
            holds("Stale", "Incomplete", "x is unreadable".to_owned(), None),
        ]);
        let told: Vec<_> = merged
            .iter()
            .map(|one| (&*one.kind, &*one.reason, &*one.message))
            .collect();
        assert_eq!(
            told,
            [
                ("Stale", "CircuitOpen", "it crashed; x is unreadable"),
                ("PruneHeld", "Guard", "3 deletes held; 9 deletes held"),
            ]
        );
        let since: Vec<_> = merged.into_iter().map(|one| one.last_transition_time).collect();
        assert_eq!(since, [at(2_000).map(rfc3339), at(4_000).map(rfc3339)]);
    }
}
