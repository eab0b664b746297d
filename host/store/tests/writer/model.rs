//! Random sources against a plain model of what they declare.

use std::collections::BTreeMap;

use k1s_object::Key;
use k1s_sync_engine::decide::Adoption;
use k1s_sync_engine::event::Event;
use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::policy::EmptyRule;
use proptest::prelude::*;
use serde_json::Value;

use crate::documents::{at, cm, config_map, upsert, version};
use crate::harness::Harness;

mod check;
mod run;

use run::Run;

const SOURCES: [&str; 2] = ["alpha", "beta"];
const SCOPES: [&str; 2] = ["one", "two"];
const NAMES: [&str; 3] = ["a", "b", "c"];
/// Two ways to declare one object.
const NAMESPACES: [&str; 2] = ["", "default/"];

/// A scope of a source.
type Who = (usize, usize);
/// A way to declare an object: namespace, name.
type Form = (usize, usize);
/// What a scope declares, by form.
type Declared = BTreeMap<Form, u8>;

#[derive(Clone, Debug)]
struct Live {
    who: Who,
    changes: BTreeMap<Form, Option<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Complete,
    Incomplete,
    Abandoned,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Declared,
    Undeclared,
}

#[derive(Clone, Debug)]
enum Step {
    Live(Live),
    List {
        who: Who,
        ending: Ending,
        failing: Option<usize>,
        trusting: bool,
        meanwhile: Vec<Live>,
    },
    Put(usize, Field),
    Delete(usize),
    Restart(usize),
    Reselect(usize),
    Gone(Who),
    Replaced(usize),
    Pass(u64),
    Reopen,
}

#[derive(Clone, Debug)]
struct Setup {
    adoption: Adoption,
    guard: GuardLimit,
    empty: EmptyRule,
}

fn live() -> impl Strategy<Value = Live> {
    let form = (0..NAMESPACES.len(), 0..NAMES.len());
    let changes = prop::collection::btree_map(form, prop::option::weighted(0.7, 0..3_u8), 1..4);
    (who(), changes).prop_map(|(who, changes)| Live { who, changes })
}

fn who() -> impl Strategy<Value = Who> {
    (0..SOURCES.len(), 0..SCOPES.len())
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        4 => Just(Ending::Complete),
        1 => Just(Ending::Incomplete),
        1 => Just(Ending::Abandoned),
    ];
    let field = prop_oneof![Just(Field::Declared), Just(Field::Undeclared)];
    let failing = prop::option::weighted(0.2, 0..4_usize);
    let list = (
        who(),
        ending,
        failing,
        any::<bool>(),
        prop::collection::vec(live(), 0..2),
    );
    prop_oneof![
        8 => live().prop_map(Step::Live),
        8 => list.prop_map(|(who, ending, failing, trusting, meanwhile)| Step::List { who, ending, failing, trusting, meanwhile }),
        2 => (0..NAMES.len(), field).prop_map(|(name, field)| Step::Put(name, field)),
        1 => (0..NAMES.len()).prop_map(Step::Delete),
        1 => (0..SOURCES.len()).prop_map(Step::Restart),
        1 => (0..SOURCES.len()).prop_map(Step::Reselect),
        1 => who().prop_map(Step::Gone),
        1 => (0..SOURCES.len()).prop_map(Step::Replaced),
        1 => (1..40_u64).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let adoption = prop_oneof![Just(Adoption::IfEqual), Just(Adoption::Always)];
    let guard = prop_oneof![
        Just(GuardLimit { min: 100, percent: 0 }),
        Just(GuardLimit { min: 1, percent: 0 })
    ];
    let empty = prop_oneof![Just(EmptyRule::Allow), Just(EmptyRule::Hold)];
    (adoption, guard, empty).prop_map(|(adoption, guard, empty)| Setup { adoption, guard, empty })
}

fn object(form: Form) -> Key {
    cm(&format!("default/{}", NAMES[form.1]))
}

/// What a source declares: a value, and a field that only this source has.
fn document(source: usize, form: Form, value: u8) -> Value {
    let path = format!("{}{}", NAMESPACES[form.0], NAMES[form.1]);
    let mut body = config_map(&path, &value.to_string());
    body["data"][SOURCES[source]] = "mine".into();
    body
}

fn word(value: u8) -> String {
    format!("v{value}")
}

fn sent(source: usize, form: Form, value: u8) -> Event {
    let path = format!("{}/{}.yaml", form.0, NAMES[form.1]);
    at(version(upsert(document(source, form, value)), &word(value)), &path, 1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_becomes_what_sources_declare(setup in setup(), steps in prop::collection::vec(step(), 1..25)) {
        let harness = Harness::new();
        let mut run = Run::new(&harness, setup);
        for step in steps {
            run.step(step);
        }
        run.converge();
        run.check();
    }
}
