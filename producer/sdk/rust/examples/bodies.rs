//! N bodies: a star and a disk of small ones that attract one another.

use std::time::{Duration, Instant};

use lanecast::{layer, Frame, InvalidMessage, Options, Param, Run, Scene};

const COUNT: usize = 400;
const DT: f64 = 0.02;
const SOFT: f64 = 0.5;

fn main() -> Result<(), InvalidMessage> {
    let params = [
        ("gravity", Param::new(1.0).min(-1.0).max(3.0).title("Gravity")),
        ("mass", Param::new(2000.0).min(0.0).max(10000.0).title("Mass of the star")),
        ("drag", Param::new(0.0).min(0.0).max(1.0).unit("1/s").title("Drag")),
    ];
    let params = params.map(|(name, param)| (name.to_string(), param)).into();
    let mut run = Run::start("bodies", Options { title: "Four hundred bodies".into(), params, ..Options::default() })?;
    run.scene(&Scene { kind: "plain".into(), bounds: [-60.0, -60.0, 60.0, 60.0], ..Scene::default() })?;
    let ids: Vec<u32> = (0..COUNT as u32).collect();
    let golden = 2.399_963;
    let mut place = vec![(0.0, 0.0)];
    let mut way = vec![(0.0, 0.0)];
    for i in 1..COUNT {
        let (angle, radius) = (i as f64 * golden, 8.0 + 42.0 * (i as f64 / COUNT as f64).sqrt());
        let speed = (run.float("mass") / radius).sqrt();
        place.push((radius * angle.cos(), radius * angle.sin()));
        way.push((-speed * angle.sin(), speed * angle.cos()));
    }
    let mut step = 0;
    while run.running() {
        step += 1;
        let began = Instant::now();
        let (gravity, star, drag) = (run.float("gravity"), run.float("mass"), run.float("drag"));
        for i in 1..COUNT {
            let (mut ax, mut ay) = (0.0, 0.0);
            for j in 0..COUNT {
                let (dx, dy) = (place[j].0 - place[i].0, place[j].1 - place[i].1);
                let pull = gravity * if j == 0 { star } else { 1.0 } / (dx * dx + dy * dy + SOFT).powf(1.5);
                ax += dx * pull;
                ay += dy * pull;
            }
            way[i].0 += (ax - drag * way[i].0) * DT;
            way[i].1 += (ay - drag * way[i].1) * DT;
        }
        for i in 1..COUNT {
            place[i].0 += way[i].0 * DT;
            place[i].1 += way[i].1 * DT;
        }
        let part = |of: &dyn Fn(usize) -> f64| (0..COUNT).map(|i| of(i) as f32).collect::<Vec<f32>>();
        let bodies = layer([
            ("id", ids.clone().into()),
            ("x", part(&|i| place[i].0).into()),
            ("y", part(&|i| place[i].1).into()),
            ("angle", part(&|i| way[i].1.atan2(way[i].0).to_degrees()).into()),
            ("speed", part(&|i| way[i].0.hypot(way[i].1)).into()),
        ]);
        let phases = [("attract".to_string(), began.elapsed().as_secs_f64() * 1000.0)].into();
        let layers = [("bodies".to_string(), bodies)].into();
        run.frame(&Frame { step, time_s: step as f64 * DT, layers, phases, ..Frame::default() })?;
        if step % 10 == 0 {
            let energy: f64 = way.iter().map(|v| (v.0 * v.0 + v.1 * v.1) / 2.0).sum();
            run.metrics(&[("kinetic_energy", energy)])?;
        }
        run.sleep(Duration::from_millis(33));
    }
    Ok(())
}
