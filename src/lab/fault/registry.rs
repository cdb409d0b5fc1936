//! Which faults are on, and whose turn it is.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{COMMON, Fault, Hook, Kind, Parameter, Setting, Switch, all};

/// The fault of that name.
pub fn find(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

/// The faults of a running lab, as seen from one address: clones share everything else.
#[derive(Clone, Debug)]
pub struct Faults {
    shared: Arc<Shared>,
    /// Whom the lab answers; `None`: nobody in particular.
    peer: Option<IpAddr>,
}

#[derive(Debug)]
struct Shared {
    states: Mutex<Vec<State>>,
    /// How many are on: with none, nobody takes the lock.
    on: AtomicUsize,
    /// Told of every switch.
    switched: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    fault: &'static Fault,
    setting: Option<Arc<Setting>>,
    /// Opportunities since it was switched on.
    seen: u64,
    /// Taken since it was switched on.
    fired: u64,
}

impl Default for Faults {
    fn default() -> Self {
        let states = all().map(|fault| State { fault, setting: None, seen: 0, fired: 0 }).collect();
        let shared = Shared { states: Mutex::new(states), on: AtomicUsize::new(0), switched: watch::Sender::new(()) };
        Self { shared: Arc::new(shared), peer: None }
    }
}

impl Faults {
    /// The same faults, for an answer to that address: one with a parameter `from` takes hold there only.
    #[must_use]
    pub fn seen_from(&self, peer: IpAddr) -> Self {
        Self { shared: Arc::clone(&self.shared), peer: Some(peer) }
    }

    /// Whoever waits on it learns that a fault was switched on or off.
    pub fn switched(&self) -> watch::Receiver<()> {
        self.shared.switched.subscribe()
    }

    /// Switches a fault on, or on again with other parameters.
    pub fn set(&self, name: &str, parameters: &Value) -> Result<(), Refused> {
        let fault = find(name).ok_or_else(|| Refused::unknown(name))?;
        let setting = Setting::from_json(fault, parameters).map_err(Refused::Parameters)?;
        self.switch_on(setting);
        Ok(())
    }

    /// Switches a fault on as the command line says it: `NAME` or `NAME=value` ([`Setting::from_text`]).
    pub fn set_text(&self, text: &str) -> Result<(), Refused> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let fault = find(name).ok_or_else(|| Refused::unknown(name))?;
        self.switch_on(Setting::from_text(fault, value).map_err(Refused::Parameters)?);
        Ok(())
    }

    fn switch_on(&self, setting: Setting) {
        tracing::info!(fault = setting.fault().name, parameters = %setting.to_json(), "fault on");
        let name = setting.fault().name;
        self.change_and_tell(|states| {
            if let Some(state) = states.iter_mut().find(|state| state.fault.name == name) {
                *state = State { fault: state.fault, setting: Some(Arc::new(setting)), seen: 0, fired: 0 };
            }
        });
    }

    /// Switches a fault off; fine if it is off already.
    pub fn clear(&self, name: &str) -> Result<(), Refused> {
        let fault = find(name).ok_or_else(|| Refused::unknown(name))?;
        let same = |state: &&mut State| state.fault.name == fault.name;
        self.change_and_tell(|states| states.iter_mut().filter(same).for_each(|state| state.setting = None));
        tracing::info!(fault = fault.name, "fault off");
        Ok(())
    }

    /// Switches every fault off.
    pub fn clear_all(&self) {
        self.change_and_tell(|states| states.iter_mut().for_each(|state| state.setting = None));
        tracing::info!("all faults off");
    }

    /// Every fault with its state, for `GET /lab/faults`.
    pub fn to_json(&self) -> Value {
        Value::Array(self.lock().iter().map(State::described).collect())
    }

    /// One fault with its state.
    pub fn one_to_json(&self, name: &str) -> Result<Value, Refused> {
        let states = self.lock();
        states.iter().find(|s| s.fault.name == name).map(State::to_json).ok_or_else(|| Refused::unknown(name))
    }

    /// What takes hold now, of the hooks that `pick` picks: each with its parameters. Counts an opportunity for every
    /// fault that has such a hook.
    pub fn take<T>(&self, pick: impl Fn(&'static Hook, &Setting) -> Option<T>) -> Vec<(T, Arc<Setting>)> {
        let mut taken = Vec::new();
        if self.shared.on.load(Ordering::Acquire) == 0 {
            return taken;
        }
        self.change(|states| {
            for state in states.iter_mut() {
                let Some(setting) = state.setting.clone().filter(|setting| setting.concerns(self.peer)) else {
                    continue;
                };
                for hook in state.fault.hooks {
                    if let Some(what) = pick(hook, &setting)
                        && state.fires(&setting)
                    {
                        taken.push((what, Arc::clone(&setting)));
                    }
                }
            }
        });
        taken
    }

    /// Whether a decision is turned round now, and how.
    pub fn switch(&self, which: Switch) -> Option<Arc<Setting>> {
        let pick = |hook: &'static Hook, _: &Setting| match hook {
            Hook::Switch(switch) if *switch == which => Some(()),
            _ => None,
        };
        self.take(pick).pop().map(|((), setting)| setting)
    }

    /// Whether a fault that turns that decision round is on; counts nothing.
    pub fn is_on(&self, which: Switch) -> Option<Arc<Setting>> {
        self.lock().iter().find(|state| state.fault.turns(which)).and_then(|state| state.setting.clone())
    }

    /// Switches off whatever turns that decision round.
    pub fn clear_switch(&self, which: Switch) {
        self.change_and_tell(|states| {
            states.iter_mut().filter(|state| state.fault.turns(which)).for_each(|state| state.setting = None);
        });
    }

    fn change_and_tell(&self, change: impl FnOnce(&mut Vec<State>)) {
        self.change(change);
        self.shared.switched.send_replace(());
    }

    fn change(&self, change: impl FnOnce(&mut Vec<State>)) {
        let mut states = self.lock();
        change(&mut states);
        self.shared.on.store(states.iter().filter(|state| state.setting.is_some()).count(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<State>> {
        self.shared.states.lock().expect("faults")
    }
}

impl State {
    /// Whether this opportunity is taken.
    fn fires(&mut self, setting: &Setting) -> bool {
        let turn = self.seen;
        self.seen += 1;
        if turn < setting.whole("after").unsigned_abs()
            || !takes_turn(setting.rate(), setting.whole("seed").unsigned_abs(), turn)
        {
            return false;
        }
        let count = setting.whole("count").unsigned_abs();
        if count > 0 && self.fired >= count {
            return false;
        }
        self.fired += 1;
        if count > 0 && self.fired >= count {
            self.setting = None;
        }
        true
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.fault.name,
            "on": self.setting.is_some(),
            "parameters": self.setting.as_ref().map(|setting| setting.to_json()),
            "seen": self.seen,
            "fired": self.fired,
        })
    }

    /// With what it does and what it can be told.
    fn described(&self) -> Value {
        let parameters = self.fault.parameters.iter().chain(COMMON).map(Parameter::to_json);
        let mut state = self.to_json();
        state["about"] = json!(self.fault.about);
        state["allowed"] = parameters.collect();
        state
    }
}

impl Parameter {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "about": self.about, "default": self.kind.default(), "allowed": self.kind.allowed(),
        })
    }
}

/// Whether a fault of that rate takes its n-th opportunity: a Weyl sequence, so the same ones every time, spread evenly,
/// in step with no period of the caller. With seed 0 the first is taken.
fn takes_turn(rate: f64, seed: u64, turn: u64) -> bool {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let at = turn.wrapping_add(seed.wrapping_mul(7919)).wrapping_mul(GOLDEN);
    // The upper 53 bits are a share of 1 that an f64 holds exactly.
    ((at >> 11) as f64) / ((1_u64 << 53) as f64) < rate
}

/// Why a fault was not switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is none of that name.
    Unknown(String),
    /// Its parameters are not like that.
    Parameters(String),
}

impl Refused {
    fn unknown(name: &str) -> Self {
        let nearest = all()
            .map(|fault| (strsim::jaro_winkler(name, fault.name), fault.name))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        Self::Unknown(match nearest {
            Some((_, nearest)) => format!("no fault `{name}`; did you mean `{nearest}`?"),
            None => format!("no fault `{name}`; `authprobe lab --list-faults` names them all"),
        })
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(message) | Self::Parameters(message) => f.write_str(message),
        }
    }
}

/// The table of faults in Markdown, as in docs/lab.md.
pub fn describe() -> String {
    let mut out = String::from("| fault | what it does | parameters (default) |\n|---|---|---|\n");
    for fault in all() {
        let parameters: Vec<_> = fault
            .parameters
            .iter()
            .map(|p| match &p.kind {
                Kind::Choice { default, .. } => format!("`{}`: {} ({default})", p.name, p.about),
                other => format!("`{}`: {} ({})", p.name, p.about, other.default()),
            })
            .collect();
        out.push_str(&format!("| `{}` | {} | {} |\n", fault.name, fault.about, parameters.join("; ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_takes_its_share_and_the_same_ones_every_time() {
        for (rate, lowest, highest) in [(0.0, 0, 0), (0.1, 99, 101), (0.5, 499, 501), (1.0, 1000, 1000)] {
            let taken = (0..1000).filter(|turn| takes_turn(rate, 0, *turn)).count();
            assert!((lowest..=highest).contains(&taken), "{rate}: {taken}");
        }
        let of = |seed| (0..100).filter(|turn| takes_turn(0.1, seed, *turn)).collect::<Vec<_>>();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn the_first_opportunities_can_be_left_alone() {
        let faults = Faults::default();
        faults.set("no_rotation", &json!({"after": 2})).unwrap();
        let taken: Vec<_> = (0..4).map(|_| faults.switch(Switch::NoRotation).is_some()).collect();
        assert_eq!(taken, [false, false, true, true]);
    }

    #[test]
    fn a_count_switches_itself_off() {
        let faults = Faults::default();
        faults.set("no_rotation", &json!({"count": 2})).unwrap();
        let taken: Vec<_> = (0..4).map(|_| faults.switch(Switch::NoRotation).is_some()).collect();
        assert_eq!(taken, [true, true, false, false]);
        let state = faults.one_to_json("no_rotation").unwrap();
        assert_eq!((&state["on"], &state["fired"]), (&json!(false), &json!(2)));
    }

    #[test]
    fn a_fault_of_one_address_is_no_fault_elsewhere() {
        let faults = Faults::default();
        faults.set("no_rotation", &json!({"from": "127.0.0.2"})).unwrap();
        let seen = |peer: &str| faults.seen_from(peer.parse().unwrap()).switch(Switch::NoRotation).is_some();
        assert_eq!([seen("127.0.0.1"), seen("127.0.0.2")], [false, true]);
        assert!(faults.switch(Switch::NoRotation).is_none(), "nobody in particular");
        assert_eq!(faults.one_to_json("no_rotation").unwrap()["seen"], json!(1));
    }

    #[test]
    fn unknown_names_get_the_nearest() {
        let error = Faults::default().set_text("jkws_empty").unwrap_err();
        assert_eq!(error.to_string(), "no fault `jkws_empty`; did you mean `jwks_empty`?");
        let error = Faults::default().set_text("zzz").unwrap_err();
        assert!(error.to_string().contains("--list-faults"));
    }
}
