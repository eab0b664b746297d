//! Why deletes are held: guards over the whole set, and reasons of a single object.

use std::collections::{BTreeMap, BTreeSet};

use k1s_object::{ControlAnnotations, GroupKind, Key, PruneRule, Reconcile};
use k1s_sync_engine::guard::Judgement;
use k1s_sync_engine::policy::EmptyRule;
use k1s_sync_engine::work::HoldReason;
use serde_json::Value;

use crate::engine::EngineError;
use crate::kinds::definition_names;
use crate::place;
use crate::row::{CurrentRow, Live};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::held::Held;
use crate::writer::objects::parse;
use crate::writer::prune::{Candidate, Trigger, Word};
use crate::writer::world::{definition_kind, namespace_kind};

/// What would become of a candidate, looked at by itself.
enum Fate {
    /// Its object is deleted.
    Goes(Value),
    /// Its row is forgotten or handed over; the object, if there is one, stays.
    LetGo,
    /// Nothing happens to it.
    Held(HoldReason),
}

impl Application<'_, '_> {
    /// Whether the whole set is held, and why.
    pub(crate) fn set_hold(
        &self,
        candidates: &[Candidate],
        trigger: &Trigger,
    ) -> Result<Option<HoldReason>, EngineError> {
        let removals = u64::try_from(candidates.len()).unwrap_or(u64::MAX);
        if removals == 0 {
            return Ok(None);
        }
        if let Trigger::Absent {
            root_changed, empty, ..
        } = trigger
        {
            if let Some(reason) = root_changed {
                return Ok(Some(reason.clone()));
            }
            if *empty == EmptyRule::Hold && self.transaction.inventory_count(&self.source.name)? <= removals {
                return Ok(Some(HoldReason::Empty));
            }
        }
        let mut removals_by_kind: BTreeMap<&GroupKind, u64> = BTreeMap::new();
        for candidate in candidates {
            *removals_by_kind.entry(&candidate.key.group_kind).or_default() += 1;
        }
        let by_kind = removals_by_kind
            .into_iter()
            .map(|(kind, removals)| (Some(kind), removals));
        for (kind, removals) in std::iter::once((None, removals)).chain(by_kind) {
            let limit = self.source.policy.guard;
            match self.transaction.judge(&self.source.name, kind, removals, limit)? {
                Judgement::Pass => {}
                Judgement::Hold { shrink, limit } => return Ok(Some(HoldReason::Guard { shrink, limit })),
            }
        }
        Ok(None)
    }

    /// Tells the candidates that may go from those that are held by themselves.
    pub(crate) fn single_holds(
        &self,
        candidates: Vec<Candidate>,
        word: Word,
    ) -> Result<(Vec<Candidate>, Vec<Held>), EngineError> {
        let mut fates = Vec::new();
        for candidate in candidates {
            fates.push((self.fate(&candidate, word)?, candidate));
        }
        let goes = |fate: &Fate| match fate {
            Fate::Goes(_) => true,
            Fate::LetGo | Fate::Held(_) => false,
        };
        let gone: BTreeSet<Key> = fates
            .iter()
            .filter(|(fate, _)| goes(fate))
            .map(|(_, candidate)| candidate.key.clone())
            .collect();
        let inhabited = self.inhabited(&gone)?;
        let (mut going, mut held) = (Vec::new(), Vec::new());
        for (fate, candidate) in fates {
            let reason = match fate {
                Fate::Goes(body) if self.keeps_contents(&candidate.key, &body, &inhabited, &gone)? => {
                    Some(HoldReason::Contents(candidate.key.clone()))
                }
                Fate::Goes(_) | Fate::LetGo => None,
                Fate::Held(reason) => Some(reason),
            };
            match reason {
                Some(reason) => held.push(Held { candidate, reason }),
                None => going.push(candidate),
            }
        }
        Ok((going, held))
    }

    fn fate(&self, candidate: &Candidate, word: Word) -> Result<Fate, EngineError> {
        let Some(live) = self.own_live(candidate)? else {
            return Ok(Fate::LetGo);
        };
        let body = parse(&self.transaction.body(live.revision)?)?;
        if withholds(&body, word) {
            return Ok(Fate::Held(HoldReason::Annotation(candidate.key.clone())));
        }
        Ok(match self.heir(candidate)? {
            Some(_) => Fate::LetGo,
            None => Fate::Goes(body),
        })
    }

    /// Whether an object forbids that anything comes of its absence.
    pub(crate) fn is_withheld(&self, live: &Live, word: Word) -> Result<bool, EngineError> {
        Ok(withholds(&parse(&self.transaction.body(live.revision)?)?, word))
    }

    /// Of the namespaces that would go, those with an object that would stay; one scan for all of them.
    fn inhabited(&self, gone: &BTreeSet<Key>) -> Result<BTreeSet<Box<str>>, EngineError> {
        let namespaces: BTreeSet<&str> = gone
            .iter()
            .filter(|key| key.group_kind == namespace_kind())
            .map(|key| &*key.name)
            .collect();
        if namespaces.is_empty() {
            return Ok(BTreeSet::new());
        }
        let staying = self.staying(&[], gone, &|key| namespaces.contains(&*key.namespace))?;
        Ok(staying.into_iter().map(|key| key.namespace).collect())
    }

    fn keeps_contents(
        &self,
        key: &Key,
        body: &Value,
        inhabited: &BTreeSet<Box<str>>,
        gone: &BTreeSet<Key>,
    ) -> Result<bool, EngineError> {
        if key.group_kind == namespace_kind() {
            return Ok(inhabited.contains(&key.name));
        }
        if key.group_kind != definition_kind() {
            return Ok(false);
        }
        // A definition that names no kind has no contents.
        let Ok(names) = definition_names(body) else {
            return Ok(false);
        };
        let prefix = Key::prefix(&names.group_kind, None);
        Ok(!self.staying(&prefix, gone, &|_| true)?.is_empty())
    }

    /// The objects of a range that are there and would not go.
    fn staying(
        &self,
        prefix: &[u8],
        gone: &BTreeSet<Key>,
        counts: &dyn Fn(&Key) -> bool,
    ) -> Result<Vec<Key>, EngineError> {
        let whole = |rest: &[u8]| [prefix, rest].concat();
        let mut wanted = |rest: &[u8]| Key::decode(&whole(rest)).is_ok_and(|key| counts(&key) && !gone.contains(&key));
        let rows = self
            .transaction
            .rows_where::<CurrentRow>(Table::Current, prefix, &mut wanted)?;
        rows.into_iter()
            .filter(|(_, current)| current.live.is_some())
            .map(|(rest, _)| place::object(Table::Current, &whole(&rest)))
            .collect()
    }
}

fn withholds(body: &Value, word: Word) -> bool {
    let control = ControlAnnotations::of(body);
    let may_go = match (control.prune, word) {
        (PruneRule::Allowed, _) | (PruneRule::Confirm, Word::Person) => true,
        (PruneRule::Confirm, Word::Source) | (PruneRule::Disabled, _) => false,
    };
    !may_go || control.reconcile == Reconcile::Disabled
}
