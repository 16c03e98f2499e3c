//! What viewers have asked of the simulation, and what it does about it. No I/O: `say` takes the answers away.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{json, Value};

use crate::error::{check_id, invalid, InvalidMessage};

const MAX_STEPS: u64 = 100_000;
const KEPT_RESULTS: usize = 10_000;

/// What viewers may change. Its type follows from the value: a float, an integer, a bool, or a string with choices.
#[derive(Debug, Clone, Default)]
pub struct Param {
    pub value: Value,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub step: Option<f64>,
    pub unit: String,
    pub title: String,
    pub choices: Vec<String>,
}

impl Param {
    /// `Param::new(1.0).min(0.0).max(5.0)`; integers, booleans do as well.
    pub fn new(value: impl Into<Value>) -> Self {
        Param { value: value.into(), ..Param::default() }
    }

    pub fn min(self, min: f64) -> Self {
        Param { min: Some(min), ..self }
    }

    pub fn max(self, max: f64) -> Self {
        Param { max: Some(max), ..self }
    }

    pub fn unit(self, unit: &str) -> Self {
        Param { unit: unit.into(), ..self }
    }

    pub fn title(self, title: &str) -> Self {
        Param { title: title.into(), ..self }
    }

    pub fn choices(self, choices: &[&str]) -> Self {
        Param { choices: choices.iter().map(ToString::to_string).collect(), ..self }
    }

    fn kind(&self) -> &'static str {
        match &self.value {
            Value::Bool(_) => "bool",
            Value::Number(n) if n.is_f64() => "float",
            Value::Number(_) => "int",
            Value::String(_) if !self.choices.is_empty() => "choice",
            _ => "",
        }
    }

    pub(crate) fn wire(&self) -> Value {
        let mut wire = json!({"type": self.kind(), "value": self.value});
        for (name, limit) in [("min", self.min), ("max", self.max), ("step", self.step)] {
            if let Some(limit) = limit {
                wire[name] = json!(limit);
            }
        }
        for (name, text) in [("unit", &self.unit), ("title", &self.title)] {
            if !text.is_empty() {
                wire[name] = json!(text);
            }
        }
        if !self.choices.is_empty() {
            wire["choices"] = json!(self.choices);
        }
        wire
    }

    /// `value` as the parameter holds it.
    pub(crate) fn check(&self, value: &Value, path: &str) -> Result<Value, InvalidMessage> {
        let taken = match (self.kind(), value) {
            ("float", Value::Number(n)) => n.as_f64().filter(|x| x.is_finite()).map(Value::from),
            ("int", Value::Number(n)) if n.as_i64().is_some_and(|i| i.abs() < 1 << 53) => Some(value.clone()),
            ("bool", Value::Bool(_)) => Some(value.clone()),
            ("choice", Value::String(s)) if self.choices.contains(s) => Some(value.clone()),
            ("choice", Value::String(s)) => return invalid(path, format!("{s:?} is not one of {}", self.choices.join(", "))),
            _ => None,
        };
        let Some(taken) = taken else { return invalid(path, format!("expected {}, got {value}", self.kind())) };
        if let (Some(number), Some(min)) = (taken.as_f64(), self.min) {
            if number < min {
                return invalid(path, format!("{number} is below the minimum {min}"));
            }
        }
        if let (Some(number), Some(max)) = (taken.as_f64(), self.max) {
            if number > max {
                return invalid(path, format!("{number} is above the maximum {max}"));
            }
        }
        Ok(taken)
    }
}

#[derive(Debug)]
pub(crate) struct Command {
    pub id: String,
    pub name: String,
    pub args: Value,
    #[allow(dead_code)] // who asked: read for a log, which this SDK leaves to the gateway
    pub user: String,
    pub expires_ms: f64,
}

impl Command {
    /// Reads an entry of `ctl`.
    pub fn read(fields: &HashMap<String, String>) -> Result<Command, InvalidMessage> {
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let (id, name, args, expires) = (text("command_id"), text("name"), text("args"), text("expires_ms"));
        check_id(&id, "command_id")?;
        if name.is_empty() {
            return invalid("name", "missing");
        }
        let args = if args.is_empty() { json!({}) } else { serde_json::from_str(&args).unwrap_or(Value::Null) };
        if !args.is_object() {
            return invalid("args", "expected a map in JSON");
        }
        let expires_ms = if expires.is_empty() { f64::INFINITY } else { expires.parse().unwrap_or(f64::NAN) };
        if expires_ms.is_nan() {
            return invalid("expires_ms", "expected a number");
        }
        Ok(Command { id, name, args, user: text("user"), expires_ms })
    }
}

pub(crate) type Say = Box<dyn Fn(&'static str, &Value) + Send>;

pub(crate) enum Turn {
    Step,
    Wait,
    Stop,
}

/// One run's control state; whoever shares it between threads locks it.
pub(crate) struct Steering {
    params: BTreeMap<String, Param>,
    pub values: BTreeMap<String, Value>, // as the simulation sees them
    asked: BTreeMap<String, Value>,      // as viewers have set them
    pub state: &'static str,
    paused: bool,
    stopping: bool,
    steps: u64,
    commands: u64,
    seen: u64,
    results: HashMap<String, Value>,
    order: VecDeque<String>,
    say: Say,
}

impl Steering {
    pub fn new(params: BTreeMap<String, Param>, say: Say) -> Result<Self, InvalidMessage> {
        let mut values = BTreeMap::new();
        for (name, param) in &params {
            let path = format!("params.{name}.value");
            if param.kind().is_empty() {
                return invalid(path, "expected a number, a boolean, or a string with choices");
            }
            values.insert(name.clone(), param.check(&param.value, &path)?);
        }
        let (results, order) = Default::default();
        Ok(Steering {
            params, asked: values.clone(), values, state: "created", paused: false, stopping: false,
            steps: 0, commands: 0, seen: 0, results, order, say,
        })
    }

    /// Viewers' parameters become the simulation's here; which of them are new.
    pub fn changes(&mut self) -> Vec<(String, Value)> {
        let changed = self.asked.iter().filter(|(name, value)| self.values.get(*name) != Some(*value));
        let changed = changed.map(|(name, value)| (name.clone(), value.clone())).collect();
        self.values = self.asked.clone();
        changed
    }

    pub fn has(&self, name: &str) -> bool {
        self.params.contains_key(name)
    }

    /// Whether to take the next step.
    pub fn turn(&mut self) -> Turn {
        self.seen = self.commands;
        if self.stopping {
            return Turn::Stop;
        }
        if !self.paused {
            self.become_state("running");
            return Turn::Step;
        }
        if self.steps > 0 {
            self.steps -= 1;
            return Turn::Step;
        }
        self.become_state("paused");
        Turn::Wait
    }

    /// Whether something has come since the last turn.
    pub fn disturbed(&self) -> bool {
        self.seen != self.commands || self.stopping
    }

    pub fn interrupt(&mut self) {
        self.stopping = true;
    }

    pub fn end(&mut self) {
        self.become_state("ended");
        self.stopping = true;
    }

    /// Does a command or not: says `control` if it was done, and always a `result`.
    pub fn handle(&mut self, command: &Command, now_ms: f64) {
        if !self.results.contains_key(&command.id) {
            let result = match self.obey(command, now_ms) {
                Ok(()) => json!({"command_id": command.id, "ok": true}),
                Err(refused) => json!({"command_id": command.id, "ok": false, "error": refused.problem, "field": refused.field}),
            };
            self.results.insert(command.id.clone(), result);
            self.order.push_back(command.id.clone());
            if self.order.len() > KEPT_RESULTS {
                self.order.pop_front().map(|old| self.results.remove(&old));
            }
        }
        (self.say)("result", &self.results[&command.id]);
    }

    pub fn control(&self) -> Value {
        json!({"paused": self.paused, "stopping": self.stopping, "params": self.asked})
    }

    fn obey(&mut self, command: &Command, now_ms: f64) -> Result<(), InvalidMessage> {
        let name = command.name.as_str();
        if now_ms > command.expires_ms {
            return invalid("expires_ms", "the command has expired by the simulation's clock");
        }
        if !["pause", "resume", "stop", "step", "set_params"].contains(&name) {
            return invalid("name", format!("{name:?} is not one of pause, resume, stop, step, set_params"));
        }
        if self.state == "ended" {
            return invalid("name", "the simulation has ended");
        }
        if self.stopping && ["pause", "resume", "step"].contains(&name) {
            return invalid("name", "the simulation is stopping");
        }
        match name {
            "stop" => self.stopping = true,
            "step" => self.step(&command.args)?,
            "set_params" => self.set_params(&command.args["params"])?,
            _ => (self.paused, self.steps) = (name == "pause", 0),
        }
        self.commands += 1;
        (self.say)("control", &self.control());
        if self.stopping {
            self.become_state("stopping");
        }
        Ok(())
    }

    fn step(&mut self, args: &Value) -> Result<(), InvalidMessage> {
        let steps = args.get("steps").map_or(Some(1), Value::as_u64);
        let Some(steps) = steps.filter(|n| (1..=MAX_STEPS).contains(n)) else {
            return invalid("args.steps", format!("expected an integer from 1 to {MAX_STEPS}"));
        };
        (self.paused, self.steps) = (true, MAX_STEPS.min(self.steps + steps));
        Ok(())
    }

    fn set_params(&mut self, given: &Value) -> Result<(), InvalidMessage> {
        let Some(given) = given.as_object().filter(|given| !given.is_empty()) else {
            return invalid("args.params", "expected a map of parameter names to values");
        };
        let mut checked = BTreeMap::new();
        for (name, value) in given {
            let path = format!("args.params.{}", name.chars().take(64).collect::<String>());
            let Some(param) = self.params.get(name) else { return invalid(path, "the run has no such parameter") };
            checked.insert(name.clone(), param.check(value, &path)?);
        }
        self.asked.extend(checked);
        Ok(())
    }

    fn become_state(&mut self, state: &'static str) {
        if self.state != state && self.state != "ended" {
            self.state = state;
            (self.say)("lifecycle", &json!({"state": state}));
        }
    }
}
