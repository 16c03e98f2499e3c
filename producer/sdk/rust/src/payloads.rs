//! What a message says, as the wire's MessagePack. No I/O, no clock.

use std::collections::{BTreeMap, HashSet};

use serde::ser::{SerializeMap, Serializer};
use serde::Serialize;

use crate::error::{check_name, check_number, invalid, InvalidMessage};

const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_INT: i64 = (1 << 53) - 1;

/// One value for each entity. Numbers travel as they are in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
    Bool(Vec<bool>),
}

macro_rules! column_from {
    ($($type:ty => $variant:ident),*) => {$(
        impl From<Vec<$type>> for Column {
            fn from(values: Vec<$type>) -> Self {
                Column::$variant(values)
            }
        }
        impl From<&[$type]> for Column {
            fn from(values: &[$type]) -> Self {
                Column::$variant(values.to_vec())
            }
        }
    )*};
}
column_from!(u32 => U32, i32 => I32, f32 => F32, f64 => F64, String => Text, bool => Bool);

/// Entities as columns of one length; `id` (integers, or strings) is needed.
pub type Layer = BTreeMap<String, Column>;

/// Makes a layer: `layer([("id", ids.into()), ("x", xs.into())])`.
pub fn layer<const N: usize>(columns: [(&str, Column); N]) -> Layer {
    columns.into_iter().map(|(name, column)| (name.to_string(), column)).collect()
}

/// The state at one step. `step` and `time_s` (simulation seconds) must not go back.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Frame {
    pub step: i64,
    pub time_s: f64,
    pub layers: BTreeMap<String, Layer>,
    /// Only updates the entities and columns that it names.
    pub partial: bool,
    /// Of a partial frame: who has left.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gone: BTreeMap<String, Column>,
    /// How long parts of the step took, milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<String, f64>,
}

/// Lines or areas: `points` has x, y, x, y, … of all after one another, `starts` the index (in points) of each first point.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Paths {
    pub points: Vec<f64>,
    pub starts: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub width: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
}

/// The static map; `bounds` are x0, y0, x1, y1.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Scene {
    pub kind: String,
    pub bounds: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Paths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub areas: Option<Paths>,
}

impl Column {
    pub fn len(&self) -> usize {
        match self {
            Column::U32(v) => v.len(),
            Column::I32(v) => v.len(),
            Column::F32(v) => v.len(),
            Column::F64(v) => v.len(),
            Column::Text(v) => v.len(),
            Column::Bool(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self, path: &str) -> Result<(), InvalidMessage> {
        let at = match self {
            Column::F32(v) => v.iter().position(|x| !x.is_finite()),
            Column::F64(v) => v.iter().position(|x| !x.is_finite()),
            _ => None,
        };
        at.map_or(Ok(()), |i| invalid(format!("{path}[{i}]"), "expected a finite number"))
    }

    fn check_ids(&self, path: &str) -> Result<(), InvalidMessage> {
        let different = match self {
            Column::U32(v) => v.iter().collect::<HashSet<_>>().len(),
            Column::Text(v) => v.iter().collect::<HashSet<_>>().len(),
            _ => return invalid(path, "ids are u32 or strings"),
        };
        if different < self.len() {
            return invalid(path, "an id is there twice");
        }
        Ok(())
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn typed<S: Serializer>(serializer: S, dtype: &str, data: Vec<u8>) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(2))?;
            map.serialize_entry("dtype", dtype)?;
            map.serialize_entry("data", serde_bytes::Bytes::new(&data))?;
            map.end()
        }
        match self {
            Column::U32(v) => typed(serializer, "u4", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Column::I32(v) => typed(serializer, "i4", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Column::F32(v) => typed(serializer, "f4", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Column::F64(v) => typed(serializer, "f8", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Column::Text(v) => v.serialize(serializer),
            Column::Bool(v) => v.serialize(serializer),
        }
    }
}

pub fn frame(frame: &Frame) -> Result<Vec<u8>, InvalidMessage> {
    check_moment(frame.step, frame.time_s)?;
    for (name, columns) in &frame.layers {
        check_name(name, "layers")?;
        let path = format!("layers.{name}");
        match columns.get("id") {
            Some(ids) => ids.check_ids(&format!("{path}.id"))?,
            None => return invalid(format!("{path}.id"), "missing: every entity needs an id"),
        }
        check_layer(columns, &path)?;
    }
    if !frame.gone.is_empty() && !frame.partial {
        return invalid("gone", "a full frame has none: who is missing in it has left");
    }
    check_numbers(&frame.phases, "phases")?;
    pack(frame)
}

pub fn events(kind: &str, items: &Layer, time_s: f64) -> Result<Vec<u8>, InvalidMessage> {
    #[derive(Serialize)]
    struct Events<'a> {
        r#type: &'a str,
        time_s: f64,
        items: &'a Layer,
    }
    check_name(kind, "type")?;
    check_layer(items, "items")?;
    pack(&Events { r#type: kind, time_s, items })
}

pub fn metrics(values: &BTreeMap<String, f64>, step: i64, time_s: f64) -> Result<Vec<u8>, InvalidMessage> {
    #[derive(Serialize)]
    struct Metrics<'a> {
        step: i64,
        time_s: f64,
        values: &'a BTreeMap<String, f64>,
    }
    check_moment(step, time_s)?;
    check_numbers(values, "values")?;
    pack(&Metrics { step, time_s, values })
}

pub fn status(level: &str, text: &str, time_s: f64) -> Result<Vec<u8>, InvalidMessage> {
    #[derive(Serialize)]
    struct Status<'a> {
        level: &'a str,
        text: &'a str,
        time_s: f64,
    }
    if !["info", "warning", "error", "complete"].contains(&level) {
        return invalid("level", format!("{level:?} is not one of info, warning, error, complete"));
    }
    if text.chars().count() > 4096 {
        return invalid("text", "over 4096 characters");
    }
    pack(&Status { level, text, time_s })
}

/// A picture as it is in memory: rows from the top, unsigned bytes, `channels` 1 (grey), 3 (RGB) or 4 (RGBA).
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub data: &'a [u8],
}

pub fn pixels(camera: &str, picture: &Pixels<'_>, step: i64, time_s: f64) -> Result<Vec<u8>, InvalidMessage> {
    #[derive(Serialize)]
    struct Raw<'a> {
        camera: &'a str,
        mime: &'a str,
        step: i64,
        time_s: f64,
        width: u32,
        height: u32,
        channels: u32,
        #[serde(with = "serde_bytes")]
        data: &'a [u8],
    }
    let Pixels { width, height, channels, data } = *picture;
    check_name(camera, "camera")?;
    for (field, side) in [("width", width), ("height", height)] {
        if !(1..=8192).contains(&side) {
            return invalid(field, format!("{side} is not from 1 to 8192 pixels"));
        }
    }
    if ![1, 3, 4].contains(&channels) {
        return invalid("channels", format!("{channels} is not 1, 3 or 4"));
    }
    let expected = width as usize * height as usize * channels as usize;
    if data.len() != expected {
        return invalid("data", format!("expected {expected} bytes, got {}", data.len()));
    }
    pack(&Raw { camera, mime: "image/x-raw", step, time_s, width, height, channels, data })
}

pub fn image(camera: &str, mime: &str, data: &[u8], step: i64, time_s: f64) -> Result<Vec<u8>, InvalidMessage> {
    #[derive(Serialize)]
    struct Image<'a> {
        camera: &'a str,
        mime: &'a str,
        step: i64,
        time_s: f64,
        #[serde(with = "serde_bytes")]
        data: &'a [u8],
    }
    check_name(camera, "camera")?;
    check_name(mime, "mime")?;
    pack(&Image { camera, mime, step, time_s, data })
}

pub fn scene(scene: &Scene) -> Result<Vec<u8>, InvalidMessage> {
    for (i, bound) in scene.bounds.iter().enumerate() {
        check_number(*bound, || format!("bounds[{i}]"))?;
    }
    for (name, paths) in [("lines", &scene.lines), ("areas", &scene.areas)] {
        let Some(paths) = paths else { continue };
        if paths.points.len() % 2 != 0 {
            return invalid(format!("{name}.points"), "expected pairs of x and y");
        }
        for (i, point) in paths.points.iter().enumerate() {
            check_number(*point, || format!("{name}.points[{i}]"))?;
        }
    }
    pack(scene)
}

/// MessagePack of anything else, within the limit of an entry.
pub fn pack<T: Serialize>(payload: &T) -> Result<Vec<u8>, InvalidMessage> {
    match rmp_serde::to_vec_named(payload) {
        Ok(data) if data.len() <= MAX_BYTES => Ok(data),
        Ok(data) => invalid("data", format!("{} bytes are over the limit of {MAX_BYTES}", data.len())),
        Err(error) => invalid("data", error.to_string()),
    }
}

fn check_layer(columns: &Layer, path: &str) -> Result<(), InvalidMessage> {
    let mut length = None;
    for (name, column) in columns {
        check_name(name, path)?;
        column.check(&format!("{path}.{name}"))?;
        let wanted = *length.get_or_insert(column.len());
        if column.len() != wanted {
            return invalid(format!("{path}.{name}"), format!("has {} values, other columns have {wanted}", column.len()));
        }
    }
    Ok(())
}

fn check_numbers(values: &BTreeMap<String, f64>, path: &str) -> Result<(), InvalidMessage> {
    for (name, value) in values {
        check_name(name, path)?;
        check_number(*value, || format!("{path}.{name}"))?;
    }
    Ok(())
}

fn check_moment(step: i64, time_s: f64) -> Result<(), InvalidMessage> {
    if step.abs() > MAX_INT {
        return invalid("step", format!("{step} is over 53 bits"));
    }
    check_number(time_s, || "time_s".into())
}
