//! What the shared tests drive; see tests/sdk/README.md.

#[path = "../tests/shapes/mod.rs"]
mod shapes;

use std::time::Duration;
use std::{env, fs, process};

use lanecast::{layer, Frame, InvalidMessage, Options, Param, Pixels, Run, Scene};
use serde_json::{json, Value};

fn main() -> Result<(), InvalidMessage> {
    let words: Vec<String> = env::args().skip(1).collect();
    if words[0] == "vectors" {
        let text = fs::read_to_string(&words[1]).expect("the vectors");
        for vector in serde_json::from_str::<Vec<Value>>(&text).expect("JSON") {
            let kind = vector["message"]["kind"].as_str().expect("a kind");
            let data = shapes::encoded(kind, &vector["payload"]).transpose()?;
            println!("{kind} {}", data.map_or("-".into(), |data| shapes::hex(&data)));
        }
        return Ok(());
    }
    process::exit(rehearse(&words[1], &words[2])?);
}

fn rehearse(url: &str, id: &str) -> Result<i32, InvalidMessage> {
    let params = [
        ("gain", Param::new(1.0).min(0.0).max(5.0)),
        ("rain", Param::new(false)),
        ("mode", Param::new("slow").choices(&["slow", "fast"])),
    ];
    let options = Options {
        title: "A rehearsal".into(),
        kind: "test".into(),
        params: params.map(|(name, param)| (name.to_string(), param)).into(),
        metadata: [("seed".to_string(), json!(42)), ("by".to_string(), json!("me"))].into(),
        url: url.into(),
        flush: Duration::from_secs(5),
        ..Options::default()
    };
    let mut run = Run::start(id, options)?;
    run.scene(&Scene { kind: "plain".into(), bounds: [0.0, 0.0, 10.0, 10.0], ..Scene::default() })?;
    run.image("front", "image/png", &[1, 2, 3])?;
    run.image_raw("top", &Pixels { width: 2, height: 1, channels: 3, data: &[1, 2, 3, 4, 5, 6] })?;
    let (set, told) = std::sync::mpsc::channel();
    run.on_param("gain", move |_| set.send(()).expect("the simulation"))?;
    let speed = layer([("edge", vec!["a".to_string()].into()), ("mean_speed", vec![3.0_f32].into()), ("occupancy", vec![0.5].into())]);
    run.events("traffic", &speed)?;
    run.log("info", "begun")?;
    let mut step = 0;
    while run.running() && !run.stats().fenced {
        step += 1;
        if told.try_recv().is_ok() {
            run.log("info", "gain is set")?;
        }
        let timer = run.phase("step")?;
        let x = vec![0.0, run.float("gain") as f32];
        let points = layer([("id", vec![1_u32, 2].into()), ("x", x.into()), ("y", vec![0_i32, 5].into())]);
        drop(timer);
        run.frame(&Frame { step, time_s: step as f64 / 10.0, layers: [("points".into(), points)].into(), ..Frame::default() })?;
        run.metrics(&[("n", step as f64)])?;
        run.status("info", &step.to_string())?;
        run.sleep(Duration::from_millis(5));
    }
    let complete = run.close();
    Ok(if run.stats().fenced { 3 } else { i32::from(!complete) })
}
