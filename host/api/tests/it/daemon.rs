//! A host that carries orders out and keeps the board, as the daemon does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k1s_api::board::{BoardWriter, ControlBody, ControlKey};
use k1s_api::control::{Answer, Control, Order, OrderError, OrderOutcome, SyncOrder};
use k1s_api::object::{ControlKind, REQUESTED_AT};
use k1s_api::service::{Check, Gate, Unwell, Vitals};
use k1s_object::Timestamp;
use k1s_store::Writer;
use k1s_store::command::Command;
use serde_json::{Value, json};

/// When the board shows what was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    AtOnce,
    Never,
}

/// What the host makes of orders to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncing {
    Done,
    NotRunning,
    NoDaemon,
    Stopping,
}

/// What the next answers will be, and what was asked.
#[derive(Debug)]
struct State {
    showing: Showing,
    syncing: Syncing,
    orders: Vec<(Order, Box<str>)>,
    checks: Vec<Check>,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Daemon {
    writer: Writer,
    pub(crate) board: BoardWriter,
    state: Mutex<State>,
}

impl Daemon {
    pub(crate) fn new(writer: Writer, board: BoardWriter) -> Self {
        let state = State {
            showing: Showing::AtOnce,
            syncing: Syncing::Done,
            orders: Vec::new(),
            checks: vec![check("store", Ok(())), check("sources", Ok(()))],
        };
        Self {
            writer,
            board,
            state: Mutex::new(state),
        }
    }

    fn with<T>(&self, visit: impl FnOnce(&mut State) -> T) -> T {
        visit(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn show(&self, showing: Showing) {
        self.with(|state| state.showing = showing);
    }

    pub(crate) fn sync(&self, syncing: Syncing) {
        self.with(|state| state.syncing = syncing);
    }

    pub(crate) fn check(&self, name: &str, outcome: Result<(), Unwell>) {
        self.with(|state| {
            state.checks.retain(|check| *check.name != *name);
            state.checks.push(check(name, outcome));
        });
    }

    /// The orders since this was last asked, with who gave them.
    pub(crate) fn orders(&self) -> Vec<(Order, Box<str>)> {
        self.with(|state| std::mem::take(&mut state.orders))
    }

    /// Puts a source on the board.
    pub(crate) fn put(&self, name: &str, suspend: bool, requested_at: Option<&str>) {
        let annotations = requested_at.map(|text| (REQUESTED_AT.to_owned(), text.to_owned()));
        let body = ControlBody {
            created: Timestamp::from_millis(1_700_000_000_000),
            annotations: annotations.into_iter().collect::<BTreeMap<_, _>>(),
            spec: spec(suspend),
            status: json!({"objects": 3}),
        };
        let kind = ControlKind::Source;
        self.board.put(
            &ControlKey {
                kind,
                name: name.into(),
            },
            &body,
        );
    }

    async fn carry_out(&self, order: Order) -> Result<OrderOutcome, OrderError> {
        match order {
            Order::Command(command) => {
                let outcome = self.writer.command(command.clone(), "alice".into()).await?;
                self.mirror(&command);
                Ok(OrderOutcome::Done(outcome))
            }
            Order::Sync(order) => {
                let syncing = self.with(|state| state.syncing);
                match syncing {
                    Syncing::Done => {
                        if self.with(|state| state.showing) == Showing::AtOnce {
                            self.put(order.source.as_str(), false, Some(&order.requested_at));
                        }
                        Ok(OrderOutcome::Requested)
                    }
                    Syncing::NotRunning => Err(not_running(order)),
                    Syncing::NoDaemon => Err(OrderError::NoDaemon),
                    Syncing::Stopping => Err(OrderError::Stopping),
                }
            }
        }
    }

    fn mirror(&self, command: &Command) {
        if self.with(|state| state.showing) == Showing::Never {
            return;
        }
        match command {
            Command::Suspend { source } => self.put(source.as_str(), true, None),
            Command::Resume { source } => self.put(source.as_str(), false, None),
            Command::ApprovePrune { .. }
            | Command::UndoPrune { .. }
            | Command::Reset { .. }
            | Command::AcceptRoot { .. } => {}
        }
    }
}

fn not_running(order: SyncOrder) -> OrderError {
    OrderError::NotRunning {
        source_name: order.source,
        why: "it is suspended; `resume` it first".to_owned(),
    }
}

fn check(name: &str, outcome: Result<(), Unwell>) -> Check {
    Check {
        name: name.into(),
        outcome,
    }
}

/// What the configuration says of each source here.
pub(crate) fn spec(suspend: bool) -> Value {
    json!({"plugin": "./k1s-sync-fs", "enabled": true, "suspend": suspend, "interval": "30s"})
}

impl Control for Daemon {
    fn order(&self, order: Order, user: Box<str>) -> Answer<'_> {
        self.with(|state| state.orders.push((order.clone(), user)));
        Box::pin(self.carry_out(order))
    }
}

impl Vitals for Daemon {
    fn metrics(&self) -> String {
        "# TYPE k1s_sync_pending_objects gauge\nk1s_sync_pending_objects 0\n# EOF\n".to_owned()
    }

    fn checks(&self) -> Vec<Check> {
        self.with(|state| state.checks.clone())
    }
}

/// Admits one token.
pub(crate) struct OneToken(pub(crate) &'static str);

impl Gate for OneToken {
    fn admits(&self, bearer: &str) -> bool {
        bearer == self.0
    }
}
