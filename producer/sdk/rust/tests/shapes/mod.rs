//! A vector's payload, given to the call for its kind.

use lanecast::payloads;
use lanecast::{Column, Frame, InvalidMessage, Layer, Paths, Pixels, Scene};
use serde_json::Value;

pub fn column(given: &Value) -> Column {
    let values = given.as_array().expect("a column");
    let text = |value: &Value| value.as_str().map(String::from);
    let whole = |value: &Value| value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..4294967296.0).contains(x)).map(|x| x as u32);
    if let Some(numbers) = values.iter().map(whole).collect::<Option<Vec<u32>>>() {
        return numbers.into();
    }
    match values.iter().map(text).collect::<Option<Vec<String>>>() {
        Some(texts) => texts.into(),
        None => values.iter().map(|value| value.as_f64().expect("a number")).collect::<Vec<f64>>().into(),
    }
}

fn layer(given: &Value) -> Layer {
    given.as_object().expect("a layer").iter().map(|(name, values)| (name.clone(), column(values))).collect()
}

fn paths(given: &Value) -> Option<Paths> {
    let part = given.as_object()?;
    let list = |name: &str| part.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    Some(Paths {
        points: list("points").iter().filter_map(Value::as_f64).collect(),
        starts: list("starts").iter().filter_map(Value::as_u64).map(|i| i as u32).collect(),
        width: list("width").iter().filter_map(Value::as_f64).collect(),
        id: list("id").iter().filter_map(Value::as_str).map(String::from).collect(),
    })
}

pub fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect()
}

pub fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a run publishes for the payload; `None` for kinds that it sends by itself.
pub fn encoded(kind: &str, p: &Value) -> Option<Result<Vec<u8>, InvalidMessage>> {
    let text = |name: &str| p[name].as_str().unwrap_or_default();
    let time_s = p["time_s"].as_f64().unwrap_or_default();
    let step = p["step"].as_i64().unwrap_or_default();
    let map = |name: &str| p[name].as_object().cloned().unwrap_or_default();
    let number = |(name, value): (String, Value)| (name, value.as_f64().unwrap_or_default());
    Some(match kind {
        "frame" => payloads::frame(&Frame {
            step,
            time_s,
            layers: map("layers").iter().map(|(name, given)| (name.clone(), layer(given))).collect(),
            partial: p["partial"] == true,
            gone: map("gone").iter().map(|(name, given)| (name.clone(), column(given))).collect(),
            phases: map("phases").into_iter().map(number).collect(),
        }),
        "events" => payloads::events(text("type"), &layer(&p["items"]), time_s),
        "metrics" => payloads::metrics(&map("values").into_iter().map(number).collect(), step, time_s),
        "status" | "log" => payloads::status(text("level"), text("text"), time_s),
        "scene" => {
            let mut bounds = [0.0; 4];
            for (bound, value) in bounds.iter_mut().zip(p["bounds"].as_array().expect("bounds")) {
                *bound = value.as_f64().expect("a number");
            }
            payloads::scene(&Scene { kind: text("kind").into(), bounds, lines: paths(&p["lines"]), areas: paths(&p["areas"]) })
        }
        "image" if text("mime") == "image/x-raw" => {
            let side = |name: &str| p[name].as_u64().unwrap_or_default() as u32;
            let data = bytes(p["data"]["hex"].as_str().expect("hex"));
            let picture = Pixels { width: side("width"), height: side("height"), channels: side("channels"), data: &data };
            payloads::pixels(text("camera"), &picture, step, time_s)
        }
        "image" => payloads::image(text("camera"), text("mime"), &bytes(p["data"]["hex"].as_str().expect("hex")), step, time_s),
        _ => return None,
    })
}
