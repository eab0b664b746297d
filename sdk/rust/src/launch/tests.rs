//! Which call is admitted when.

use super::*;
use crate::redactor::Redactor;

type Stages = Stage<()>;

fn greeting() -> Greeting {
    Greeting {
        limits: SessionLimits::default(),
        instance_id: "i".into(),
    }
}

fn ready() -> Arc<Initialized<()>> {
    let redactor = Arc::new(Redactor::default());
    Arc::new(Initialized {
        source: (),
        scopes: Vec::new(),
        resync: None,
        redactor,
        limits: SessionLimits::default(),
    })
}

/// Tries a call and says in one letter each whether it is admitted: g(reet) a(sk) i(nitialize) s(tart) c(ommand) x(stop).
fn admitted(stage: impl Fn() -> Stages) -> String {
    let tries: [(char, bool); 6] = [
        ('g', stage().greet(Some(greeting())).is_ok()),
        ('a', stage().ask().is_ok()),
        ('i', stage().initialize().is_ok()),
        ('s', stage().start(mpsc::channel(1).0).is_ok()),
        ('c', stage().session().is_ok()),
        ('x', stage().stop().is_ok()),
    ];
    tries
        .iter()
        .filter(|(_, admitted)| *admitted)
        .map(|(call, _)| call)
        .collect()
}

#[test]
fn each_stage_admits_what_the_contract_says() {
    let (commands, _taken) = mpsc::channel::<Command>(1);
    assert_eq!(admitted(|| Stage::New), "g");
    assert_eq!(admitted(|| Stage::Greeted(greeting())), "aix");
    assert_eq!(admitted(|| Stage::Initializing), "ax");
    assert_eq!(admitted(|| Stage::Ready(ready())), "asx");
    assert_eq!(admitted(|| Stage::Running(ready(), commands.clone())), "acx");
    assert_eq!(
        admitted(|| Stage::Running(ready(), mpsc::channel(1).0)),
        "asx",
        "a session that ended"
    );
    assert_eq!(admitted(|| Stage::Over("done")), "ax");
}

#[test]
fn refusals_are_failed_preconditions_with_a_reason() {
    let refusal = Stages::Over("no common version").initialize().unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.message()),
        (tonic::Code::FailedPrecondition, "no common version")
    );
}

#[test]
fn a_launch_without_a_common_version_or_a_valid_configuration_is_over() {
    let mut stage = Stages::New;
    stage.greet(None).unwrap();
    assert!(matches!(stage, Stage::Over(_)));
    let mut stage = Stages::Initializing;
    stage.initialized(None);
    assert!(matches!(stage, Stage::Over(_)));
    let mut stage = Stages::Over("Stop was called");
    stage.initialized(Some(ready()));
    assert!(matches!(stage, Stage::Over(_)), "Stop during Initialize holds");
}
