//! Alerts: what an operator should know and can do something about, on until it is over.
//!
//! A part of the program registers an [`Alarm`] for each thing that it can tell of, and then says whether
//! it is so. Whoever asks ([`Alerts::list`]) sees all of them, those that were never raised included.
//!
//! # Invariants
//! - An alarm changes when its state does: raising one that is on, or resolving one that is off, writes
//!   nothing and keeps the time at which it began.
//! - Every change goes to the log and the [journal](crate::journal).
//!
//! # Lotus parity
//! `journal/alerting`, with its names of events. Lotus raises `process:fd-limit` and
//! `process:udp-buffer-size` once at the start and never resolves them; here conditions are looked at
//! again. There is no QUIC, so UDP buffers are not looked at.

mod process;

use std::{collections::BTreeMap, fmt, sync::Arc, time::SystemTime};

use parking_lot::Mutex;
pub use process::ProcessWatch;
use serde_json::{Value, json};

use crate::journal::{self, Journal};

/// An alarm going on or off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `raised` or `resolved`.
    pub kind: &'static str,
    /// Details, as they were given.
    pub message: Value,
    /// When.
    pub at: SystemTime,
}

/// What is known of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Part of the program.
    pub system: &'static str,
    /// Part of that part.
    pub subsystem: &'static str,
    /// Is it on?
    pub active: bool,
    /// Last time it went on.
    pub raised: Option<Change>,
    /// Last time it went off.
    pub resolved: Option<Change>,
}

/// The alerts of a process; cloneable.
#[derive(Clone, Default)]
pub struct Alerts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    journal: Journal,
    states: Mutex<BTreeMap<(&'static str, &'static str), State>>,
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

impl Alerts {
    /// None yet; their changes are written into `journal`.
    pub fn new(journal: Journal) -> Self {
        Self(Arc::new(Inner {
            journal,
            states: Mutex::default(),
        }))
    }

    /// Registers an alarm, which is off. The same name twice is the same alarm.
    pub fn alarm(&self, system: &'static str, subsystem: &'static str) -> Alarm {
        let name = (system, subsystem);
        self.0.states.lock().entry(name).or_insert(State {
            system,
            subsystem,
            active: false,
            raised: None,
            resolved: None,
        });
        Alarm {
            alerts: self.clone(),
            name,
        }
    }

    /// All alarms, those that are off included, by their names.
    pub fn list(&self) -> Vec<State> {
        self.0.states.lock().values().cloned().collect()
    }
}

/// One alarm.
#[derive(Debug, Clone)]
pub struct Alarm {
    alerts: Alerts,
    name: (&'static str, &'static str),
}

impl Alarm {
    /// It is so; `message` says what, and what to do.
    pub fn raise(&self, message: Value) {
        self.change(true, message);
    }

    /// It is over.
    pub fn resolve(&self, message: Value) {
        self.change(false, message);
    }

    /// Is it on?
    pub fn is_active(&self) -> bool {
        let states = self.alerts.0.states.lock();
        states.get(&self.name).is_some_and(|state| state.active)
    }

    fn change(&self, active: bool, message: Value) {
        let (system, subsystem) = self.name;
        let kind = if active { "raised" } else { "resolved" };
        let time = journal::now();
        {
            let mut states = self.alerts.0.states.lock();
            let Some(state) = states.get_mut(&self.name) else {
                return;
            };
            if state.active == active {
                return;
            }
            state.active = active;
            let change = Some(Change {
                kind,
                message: message.clone(),
                at: SystemTime::now(),
            });
            if active {
                state.raised = change;
            } else {
                state.resolved = change;
            }
        }
        if active {
            tracing::warn!(alert = format!("{system}:{subsystem}"), %message, "alert raised");
        } else {
            tracing::info!(alert = format!("{system}:{subsystem}"), %message, "alert resolved");
        }
        let data = json!({ "Type": kind, "Message": message, "Time": time });
        self.alerts.0.journal.record(system, subsystem, &data);
    }
}

#[cfg(test)]
mod an_alarm {
    use super::*;

    #[test]
    fn is_listed_before_it_was_ever_raised() {
        let alerts = Alerts::default();
        alerts.alarm("process", "fd-limit");
        alerts.alarm("chain", "head-lag");
        let names: Vec<_> = alerts.list().iter().map(|a| a.system).collect();
        assert_eq!(names, ["chain", "process"]);
        assert!(
            alerts
                .list()
                .iter()
                .all(|a| !a.active && a.raised.is_none())
        );
    }

    #[test]
    fn keeps_when_it_went_on_and_off() {
        let alerts = Alerts::default();
        let alarm = alerts.alarm("repo", "disk-space");
        alarm.resolve(json!("it never was"));
        assert_eq!(alerts.list()[0].resolved, None);
        alarm.raise(json!("first"));
        alarm.raise(json!("again"));
        assert!(alarm.is_active());
        let raised = alerts.list()[0].raised.clone().expect("raised");
        assert_eq!((raised.kind, &raised.message), ("raised", &json!("first")));
        alarm.resolve(json!("over"));
        let state = &alerts.list()[0];
        assert!(!state.active);
        assert_eq!(state.raised.as_ref(), Some(&raised));
        assert_eq!(state.resolved.as_ref().map(|c| c.kind), Some("resolved"));
    }

    #[test]
    fn writes_each_change_into_the_journal() {
        let folder = tempfile::tempdir().expect("folder");
        let alerts = Alerts::new(Journal::open(folder.path(), "").expect("open"));
        let alarm = alerts.alarm("repo", "disk-space");
        alarm.raise(json!({ "message": "x" }));
        alarm.raise(json!({ "message": "x" }));
        alarm.resolve(json!({ "message": "y" }));
        let text = std::fs::read_to_string(folder.path().join("lotus-journal.ndjson"));
        let text = text.expect("the file");
        let kinds: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["Data"]["Type"].clone())
            .collect();
        assert_eq!(kinds, [json!("raised"), json!("resolved")]);
    }
}
