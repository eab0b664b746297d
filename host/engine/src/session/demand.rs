//! Listings that somebody waits for: a demand is met when of every scope a listing that began after it is durable.
//!
//! How it stands with each scope is read off the scope itself whenever something happened, so that it does not matter
//! in which order a listing and the source's answer to the request for it arrive.

use std::collections::{BTreeMap, VecDeque};

use super::scope::Scope;
use crate::id::{Generation, ScopeId};

/// A wish for a listing of everything; whoever makes it numbers it, later ones higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand(pub u64);

/// How far a demand is with one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A request of before is under way; its listing may begin too early.
    Queued,
    /// The source was asked.
    Asked,
    /// This listing, or a later one, will do.
    Listing(Generation),
    Met,
}

/// What has to be listed.
#[derive(Clone, Debug)]
enum Extent {
    /// Nothing was known when the demand came: whatever is listed first, until nothing is being listed.
    First,
    Scopes(BTreeMap<ScopeId, Step>),
}

/// The demands that are not met, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    open: VecDeque<(Demand, Extent)>,
}

impl Demands {
    /// Takes a demand for what is known now.
    pub(super) fn push(&mut self, demand: Demand, scopes: &BTreeMap<ScopeId, Scope>) {
        let extent = if scopes.is_empty() {
            Extent::First
        } else {
            Extent::Scopes(scopes.keys().map(|scope| (scope.clone(), Step::Queued)).collect())
        };
        self.open.push_back((demand, extent));
    }

    /// Brings every demand as far as the scopes are; returns the scopes of which a listing has to be asked for now.
    pub(super) fn advance(&mut self, scopes: &BTreeMap<ScopeId, Scope>) -> Vec<ScopeId> {
        let mut wanted = Vec::new();
        for (_, extent) in &mut self.open {
            let Extent::Scopes(steps) = extent else { continue };
            for (id, step) in steps {
                let before = *step;
                *step = scopes.get(id).map_or(Step::Met, |scope| next(before, scope));
                if before == Step::Queued && *step == Step::Asked && !wanted.contains(id) {
                    wanted.push(id.clone());
                }
            }
        }
        wanted
    }

    /// The oldest demand, if it is met.
    pub(super) fn pop_met(&mut self, scopes: &BTreeMap<ScopeId, Scope>) -> Option<Demand> {
        let (demand, extent) = self.open.front()?;
        let demand = *demand;
        let met = match extent {
            Extent::First => scopes.values().any(Scope::has_closed) && scopes.values().all(Scope::is_settled),
            Extent::Scopes(steps) => steps.values().all(|step| *step == Step::Met),
        };
        met.then(|| {
            self.open.pop_front();
            demand
        })
    }
}

fn next(step: Step, scope: &Scope) -> Step {
    if scope.is_gone() {
        return Step::Met;
    }
    match (step, scope.listing_after_requests()) {
        (Step::Met, _) => Step::Met,
        // Nothing is under way: this is the time to ask.
        (Step::Queued, Ok(_)) => Step::Asked,
        (Step::Asked, Ok(Some(generation))) => next(Step::Listing(generation), scope),
        (Step::Listing(generation), _) if scope.has_closed_since(generation) => Step::Met,
        (step @ (Step::Queued | Step::Asked | Step::Listing(_)), _) => step,
    }
}
