//! What is published says what the vectors of the wire say.

mod shapes;

use serde::Deserialize;
use serde_json::{json, Map, Value};

/// Any MessagePack, in the vectors' form: typed columns as lists, bytes as hex.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Plain;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("MessagePack")
            }
            fn visit_bool<E>(self, v: bool) -> Result<Plain, E> {
                Ok(Plain(json!(v)))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Plain, E> {
                Ok(Plain(json!(v as f64)))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Plain, E> {
                Ok(Plain(json!(v as f64)))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Plain, E> {
                Ok(Plain(json!(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Plain, E> {
                Ok(Plain(json!(v)))
            }
            fn visit_bytes<E>(self, v: &[u8]) -> Result<Plain, E> {
                Ok(Plain(json!({"hex": shapes::hex(v)})))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Plain, A::Error> {
                let mut list = Vec::new();
                while let Some(Plain(value)) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Plain(Value::Array(list)))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Plain, A::Error> {
                let mut map = Map::new();
                while let Some((name, Plain(value))) = access.next_entry::<String, Plain>()? {
                    map.insert(name, value);
                }
                Ok(Plain(match map.get("dtype").and_then(Value::as_str) {
                    Some(dtype) => untyped(dtype, map["data"]["hex"].as_str().expect("bytes")),
                    None => Value::Object(map),
                }))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn untyped(dtype: &str, hex: &str) -> Value {
    let data = shapes::bytes(hex);
    match dtype {
        "u4" => data.chunks(4).map(|c| f64::from(u32::from_le_bytes(c.try_into().unwrap()))).collect::<Vec<_>>().into(),
        "f8" => data.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect::<Vec<_>>().into(),
        other => panic!("unexpected dtype {other}"),
    }
}

/// All numbers as floats: numbers are equal if their values are.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_f64()),
        Value::Array(list) => list.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), floats(value))).collect::<Map<_, _>>().into(),
        other => other.clone(),
    }
}

#[test]
fn what_is_published_says_what_the_vector_says() {
    let text = include_str!("../../../spec/vectors/entries-good.json");
    for vector in serde_json::from_str::<Vec<Value>>(text).unwrap() {
        let kind = vector["message"]["kind"].as_str().unwrap();
        let Some(data) = shapes::encoded(kind, &vector["payload"]) else { continue };
        let Plain(mut said) = rmp_serde::from_slice(&data.unwrap()).unwrap();
        if kind == "frame" {
            for name in ["gone", "phases"] {
                if said.get(name).is_none() {
                    said[name] = json!({});
                }
            }
        }
        assert_eq!(said, floats(&vector["payload"]), "{}", vector["name"]);
    }
}
