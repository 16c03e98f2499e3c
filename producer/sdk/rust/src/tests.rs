//! Mistakes, dialogues and buffers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use serde_json::{json, Value};

use crate::buffers::{Message, Newest, Outgoing, Replay};
use crate::steering::{Command, Steering, Turn};
use crate::{layer, payloads, Frame, Options, Param, Pixels, Run};

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn fields(given: &Value) -> HashMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    given.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn param(given: &Value) -> Param {
    let choices = given["choices"].as_array().cloned().unwrap_or_default();
    let choices = choices.iter().filter_map(Value::as_str).map(String::from).collect();
    Param { value: given["value"].clone(), min: given["min"].as_f64(), max: given["max"].as_f64(), choices, ..Param::default() }
}

fn floats(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_f64()),
        Value::Array(list) => list.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), floats(value))).collect::<serde_json::Map<_, _>>().into(),
        other => other.clone(),
    }
}

#[test]
fn a_simulation_answers_as_the_dialogue_says() {
    for vector in vectors(include_str!("../../../spec/vectors/steering.json")) {
        let params = vector["params"].as_object().unwrap().iter().map(|(name, given)| (name.clone(), param(given))).collect();
        let said = Arc::new(Mutex::new(Vec::new()));
        let saying = said.clone();
        let say = move |kind: &'static str, payload: &Value| saying.lock().unwrap().push((kind, payload.clone()));
        let mut steering = Steering::new(params, Box::new(say)).unwrap();
        for step in vector["steps"].as_array().unwrap() {
            steering.handle(&Command::read(&fields(&step["hears"])).unwrap(), step["now_ms"].as_f64().unwrap());
            let mut answers = Vec::new();
            for (kind, mut payload) in said.lock().unwrap().drain(..).filter(|(kind, _)| *kind != "lifecycle") {
                let why = payload.as_object_mut().unwrap().remove("error");
                assert!(kind == "control" || why.is_some() != payload["ok"].as_bool().unwrap());
                answers.push(json!([kind, payload]));
            }
            assert_eq!(floats(&Value::Array(answers)), floats(&step["says"]), "{}", vector["name"]);
        }
    }
}

#[test]
fn commands_are_read_as_the_vectors_say() {
    for vector in vectors(include_str!("../../../spec/vectors/commands-good.json")) {
        let command = Command::read(&fields(&vector["fields"])).unwrap();
        let expires = Some(command.expires_ms).filter(|ms| ms.is_finite());
        let said = json!({"command_id": command.id, "name": command.name, "args": command.args, "user": command.user, "expires_ms": expires});
        assert_eq!(floats(&said), floats(&vector["command"]), "{}", vector["name"]);
    }
    for vector in vectors(include_str!("../../../spec/vectors/commands-bad.json")) {
        assert_eq!(Command::read(&fields(&vector["fields"])).unwrap_err().field, vector["field"], "{}", vector["name"]);
    }
}

#[test]
fn parameters_change_between_steps_and_steps_are_counted() {
    let params = BTreeMap::from([("gain".to_string(), Param::new(1.0))]);
    let mut steering = Steering::new(params, Box::new(|_, _| ())).unwrap();
    let send = |steering: &mut Steering, id: &str, name: &str, args: &str| {
        let words = [("command_id", id), ("name", name), ("args", args)];
        let fields = words.map(|(name, value)| (name.to_string(), value.to_string())).into();
        steering.handle(&Command::read(&fields).unwrap(), 0.0);
    };
    send(&mut steering, "a", "step", r#"{"steps": 2}"#);
    assert!(steering.changes().is_empty());
    assert!(matches!(steering.turn(), Turn::Step));
    send(&mut steering, "b", "set_params", r#"{"params": {"gain": 2}}"#);
    assert_eq!(steering.values["gain"], 1.0);
    assert_eq!(steering.changes(), [("gain".to_string(), json!(2.0))]);
    assert_eq!(steering.values["gain"], 2.0);
    assert!(steering.changes().is_empty(), "told once");
    assert!(matches!(steering.turn(), Turn::Step));
    assert!(matches!(steering.turn(), Turn::Wait));
    assert_eq!(steering.state, "paused");
    send(&mut steering, "c", "stop", "{}");
    assert!(matches!(steering.turn(), Turn::Stop));
}

#[test]
fn a_mistake_names_the_field() {
    let frame = |columns| payloads::frame(&Frame { layers: [("points".into(), columns)].into(), ..Frame::default() });
    let wrong_param = Options { params: [("gain".into(), Param::new(7.0).max(5.0))].into(), ..Options::default() };
    let mistakes = [
        (frame(layer([("x", vec![1.0].into())])).err(), "layers.points.id"),
        (frame(layer([("id", vec![1_u32, 1].into())])).err(), "layers.points.id"),
        (frame(layer([("id", vec![1_u32].into()), ("x", vec![f64::NAN].into())])).err(), "layers.points.x[0]"),
        (frame(layer([("id", vec![1_u32].into()), ("x", vec![1.0, 2.0].into())])).err(), "layers.points.x"),
        (payloads::metrics(&[("loss".into(), f64::NAN)].into(), 0, 0.0).err(), "values.loss"),
        (payloads::pixels("front", &Pixels { width: 1, height: 1, channels: 2, data: &[0, 0] }, 0, 0.0).err(), "channels"),
        (payloads::pixels("front", &Pixels { width: 2, height: 1, channels: 3, data: &[0, 0] }, 0, 0.0).err(), "data"),
        (payloads::status("fatal", "x", 0.0).err(), "level"),
        (payloads::status("info", &"x".repeat(4097), 0.0).err(), "text"),
        (Run::start("no run id!", Options::default()).err(), "run"),
        (Run::start("sim", wrong_param).err(), "params.gain.value"),
    ];
    for (mistake, field) in mistakes {
        assert_eq!(mistake.unwrap().field, field);
    }
}

fn message(n: u8) -> Message {
    Message { kind: "log", data: [n].into(), t_ms: 0 }
}

fn filled(limit: usize, count: u8) -> Replay {
    let mut replay = Replay::new(limit);
    (1..=count).for_each(|n| assert_eq!(replay.put(message(n)), 0));
    replay
}

fn numbers(messages: Vec<Message>) -> Vec<u8> {
    messages.iter().map(|message| message.data[0]).collect()
}

#[test]
fn messages_are_numbered_and_sent_again_in_order() {
    let mut replay = filled(10, 3);
    assert_eq!(numbers(replay.batch(2)), [1, 2]);
    assert_eq!(numbers(replay.batch(2)), [1, 2], "the answer was lost");
    assert_eq!((replay.acknowledge(2), numbers(replay.batch(9))), (2, vec![3]));
    assert_eq!((replay.rewind(2), replay.acked, numbers(replay.batch(9))), (0, 1, vec![2, 3]), "after a gap");
    replay.renumber();
    assert_eq!((replay.acked, numbers(replay.batch(9))), (0, vec![1, 2, 3]), "in a new epoch");
}

#[test]
fn a_full_buffer_gives_up_the_oldest_that_were_never_sent() {
    let mut replay = filled(3, 2);
    replay.batch(1);
    assert_eq!((replay.put(message(3)), replay.put(message(4))), (0, 1));
    assert_eq!(numbers(replay.batch(9)), [1, 3, 4]);
}

#[test]
fn a_full_frame_replaces_older_ones_of_its_layers() {
    let mut newest = Newest::default();
    let mut put = |layers: &[&str], partial| {
        newest.put(Outgoing { message: message(1), layers: layers.iter().map(ToString::to_string).collect(), partial })
    };
    assert_eq!((put(&["a"], false), put(&["a"], true), put(&["a", "b"], false), put(&["a"], false)), (0, 0, 2, 0));
    assert_eq!(newest.len(), 2);
}
