use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis::Client;
use serde_json::{json, Value};

use crate::error::{check_id, check_name, invalid, InvalidMessage};
use crate::listener::Listener;
use crate::payloads::{self, Frame, Layer, Pixels, Scene};
use crate::publisher::{Buffers, Publisher, Stats, CRITICAL, NORMAL};
use crate::steering::{Param, Steering, Turn};

/// Options of a run; the default does.
pub struct Options {
    /// As viewers see it; empty: the id.
    pub title: String,
    /// What it simulates, such as `traffic`.
    pub kind: String,
    pub params: BTreeMap<String, Param>,
    /// Strings, numbers, booleans.
    pub metadata: BTreeMap<String, Value>,
    /// Who publishes; empty: the run's id. The younger of two with one name takes over.
    pub producer: String,
    /// Empty: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0.
    pub url: String,
    /// How long `close` may take.
    pub flush: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let (title, producer, url, params, metadata) = Default::default();
        Options { title, kind: "generic".into(), params, metadata, producer, url, flush: Duration::from_secs(2) }
    }
}

type Shared = Arc<(Mutex<Steering>, Condvar)>;
type LastScene = Arc<Mutex<Option<Vec<u8>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run. Publishing never waits, and never fails because of Redis; an error is a mistake in the call. Dropped, it is closed.
pub struct Run {
    steering: Shared,
    buffers: Arc<Buffers>,
    listening: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    flush: Duration,
    began: Instant,
    step: i64,
    time_s: Option<f64>,
    scene: LastScene,
    phases: Phases,
    watched: Mutex<Vec<(String, Changed)>>,
}

type Phases = Arc<Mutex<BTreeMap<String, f64>>>;
type Changed = Box<dyn FnMut(&Value) + Send>;

/// Measures a part of the step until it is dropped; see `Run::phase`.
#[must_use = "it measures until it is dropped"]
pub struct Phase {
    name: String,
    began: Instant,
    phases: Phases,
}

impl Drop for Phase {
    fn drop(&mut self) {
        *lock(&self.phases).entry(std::mem::take(&mut self.name)).or_default() += self.began.elapsed().as_secs_f64() * 1000.0;
    }
}

impl Run {
    /// Starts a run; whether the server is there or not, this does not wait.
    pub fn start(id: &str, options: Options) -> Result<Run, InvalidMessage> {
        let or = |given: String, otherwise: &str| if given.is_empty() { otherwise.to_string() } else { given };
        let (title, producer) = (or(options.title, id), or(options.producer, id));
        let url = or(options.url, &env::var("LANECAST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".into()));
        check_id(id, "run")?;
        check_id(&producer, "producer")?;
        let client = Client::open(url).or_else(|error| invalid("url", error.to_string()))?;
        let params: BTreeMap<&String, Value> = options.params.iter().map(|(name, param)| (name, param.wire())).collect();
        let description = json!({"title": title, "kind": options.kind, "metadata": options.metadata, "params": params});
        let buffers = Arc::new(Buffers::new());
        let said = buffers.clone();
        let say = move |kind, payload: &Value| {
            if let Ok(data) = payloads::pack(payload) {
                said.put(CRITICAL, kind, data); // made of what was checked before
            }
        };
        let steering: Shared = Arc::new((Mutex::new(Steering::new(options.params, Box::new(say))?), Condvar::new()));
        let scene: LastScene = Arc::default();
        let announce = announcement(description, steering.clone(), scene.clone());
        for (kind, data) in announce() {
            buffers.put(CRITICAL, kind, data);
        }
        let closing = Arc::new(AtomicBool::new(false));
        let (heard, fenced) = (steering.clone(), closing.clone());
        let listener = Listener {
            run: id.into(),
            producer: producer.clone(),
            client: client.clone(),
            closing: closing.clone(),
            handle: move |command: &_, now_ms| {
                lock(&heard.0).handle(command, now_ms);
                heard.1.notify_all();
            },
            cursor: None,
        };
        let on_fenced = Box::new(move || fenced.store(true, Ordering::SeqCst));
        let publisher = Publisher::new(id, &producer, client, buffers.clone(), Box::new(announce), on_fenced);
        let threads = vec![thread::spawn(move || listener.work()), thread::spawn(move || publisher.work())];
        let began = Instant::now();
        let (phases, watched) = Default::default();
        Ok(Run { steering, buffers, listening: closing, threads, flush: options.flush, began, step: 0, time_s: None, scene, phases, watched })
    }

    /// To be asked before each step: waits while paused; false once the run has to stop.
    pub fn running(&self) -> bool {
        let mut steering = lock(&self.steering.0);
        loop {
            let changes = steering.changes();
            if !changes.is_empty() {
                drop(steering); // the simulation may call us from what it has us call
                self.tell(&changes);
                steering = lock(&self.steering.0);
                continue;
            }
            match steering.turn() {
                Turn::Step => return true,
                Turn::Stop => return false,
                Turn::Wait => steering = self.steering.1.wait(steering).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn tell(&self, changes: &[(String, Value)]) {
        for (name, value) in changes {
            for (watched, changed) in lock(&self.watched).iter_mut() {
                if watched == name {
                    changed(value);
                }
            }
        }
    }

    /// `changed` is called inside `running` when viewers have set the parameter, before the step that sees the new value. It
    /// must not call `on_param` itself.
    pub fn on_param(&self, name: &str, changed: impl FnMut(&Value) + Send + 'static) -> Result<(), InvalidMessage> {
        if !lock(&self.steering.0).has(name) {
            return invalid(format!("params.{name}"), "the run has no such parameter");
        }
        lock(&self.watched).push((name.into(), Box::new(changed)));
        Ok(())
    }

    /// `let _timer = run.phase("planner")?;` measures a part of the step until it is dropped; the next frame tells it.
    pub fn phase(&self, name: &str) -> Result<Phase, InvalidMessage> {
        check_name(name, "phases")?;
        Ok(Phase { name: name.into(), began: Instant::now(), phases: self.phases.clone() })
    }

    /// Keeps a pace between steps; false if a command came in, which ends the sleep at once.
    pub fn sleep(&self, duration: Duration) -> bool {
        let steering = lock(&self.steering.0);
        let slept = self.steering.1.wait_timeout_while(steering, duration, |steering| !steering.disturbed());
        slept.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Makes `running` answer false.
    pub fn interrupt(&self) {
        lock(&self.steering.0).interrupt();
        self.steering.1.notify_all();
    }

    /// The value that viewers have set; it changes inside `running` only. `Null` for a name that the run does not have.
    pub fn param(&self, name: &str) -> Value {
        lock(&self.steering.0).values.get(name).cloned().unwrap_or_default()
    }

    /// The value of a parameter of numbers; 0 if it is none.
    pub fn float(&self, name: &str) -> f64 {
        self.param(name).as_f64().unwrap_or(0.0)
    }

    /// `created`, `running`, `paused`, `stopping` or `ended`.
    pub fn state(&self) -> &'static str {
        lock(&self.steering.0).state
    }

    /// What became of everything so far.
    pub fn stats(&self) -> Stats {
        self.buffers.stats()
    }

    /// Publishes the state at one step; newest wins.
    pub fn frame(&mut self, frame: &Frame) -> Result<(), InvalidMessage> {
        if let Some(time_s) = self.time_s {
            if frame.step < self.step {
                return invalid("step", format!("goes back from {} to {}", self.step, frame.step));
            }
            if frame.time_s < time_s {
                return invalid("time_s", format!("goes back from {time_s} to {}", frame.time_s));
            }
        }
        let mut phases = std::mem::take(&mut *lock(&self.phases));
        let data = if phases.is_empty() {
            payloads::frame(frame)?
        } else {
            phases.extend(frame.phases.clone());
            payloads::frame(&Frame { phases, ..frame.clone() })?
        };
        (self.step, self.time_s) = (frame.step, Some(frame.time_s));
        self.buffers.put_frame(data, frame.layers.keys().cloned().collect(), frame.partial);
        Ok(())
    }

    /// Publishes named numbers, at the step of the last frame.
    pub fn metrics(&self, values: &[(&str, f64)]) -> Result<(), InvalidMessage> {
        let values = values.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        self.buffers.put(NORMAL, "metrics", payloads::metrics(&values, self.step, self.time())?);
        Ok(())
    }

    /// Publishes a batch of events of one type.
    pub fn events(&self, kind: &str, items: &Layer) -> Result<(), InvalidMessage> {
        self.buffers.put(NORMAL, "events", payloads::events(kind, items, self.time())?);
        Ok(())
    }

    /// Tells every viewer something; level is `info`, `warning`, `error` or `complete`.
    pub fn status(&self, level: &str, text: &str) -> Result<(), InvalidMessage> {
        self.buffers.put(CRITICAL, "status", payloads::status(level, text, self.time())?);
        Ok(())
    }

    /// A line of the simulation's log, less urgent than `status`.
    pub fn log(&self, level: &str, text: &str) -> Result<(), InvalidMessage> {
        self.buffers.put(NORMAL, "log", payloads::status(level, text, self.time())?);
        Ok(())
    }

    /// Publishes the static map.
    pub fn scene(&self, scene: &Scene) -> Result<(), InvalidMessage> {
        let data = payloads::scene(scene)?;
        *lock(&self.scene) = Some(data.clone());
        self.buffers.put(CRITICAL, "scene", data);
        Ok(())
    }

    /// Publishes one picture of one camera, encoded as `mime` says; newest wins.
    pub fn image(&self, camera: &str, mime: &str, data: &[u8]) -> Result<(), InvalidMessage> {
        self.buffers.put_image(camera, payloads::image(camera, mime, data, self.step, self.time())?);
        Ok(())
    }

    /// Publishes one picture of one camera as it is in memory; newest wins.
    pub fn image_raw(&self, camera: &str, picture: &Pixels<'_>) -> Result<(), InvalidMessage> {
        self.buffers.put_image(camera, payloads::pixels(camera, picture, self.step, self.time())?);
        Ok(())
    }

    /// Ends the run and sends what is left; false if that did not all arrive in time. Safe to repeat.
    pub fn close(&mut self) -> bool {
        if self.threads.is_empty() {
            return true;
        }
        lock(&self.steering.0).end();
        self.steering.1.notify_all();
        self.listening.store(true, Ordering::SeqCst);
        let mut threads = self.threads.drain(..);
        let (listener, publisher) = (threads.next(), threads.next());
        drop(threads);
        // The listener may not set the `alive` key again once the publisher has deleted it: it ends first, within a second.
        listener.map(JoinHandle::join);
        self.buffers.close(self.flush);
        publisher.map(JoinHandle::join);
        self.stats().buffered == 0
    }

    fn time(&self) -> f64 {
        self.time_s.unwrap_or_else(|| self.began.elapsed().as_secs_f64())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a server is told first that does not know the run (any more).
fn announcement(description: Value, steering: Shared, scene: LastScene) -> impl Fn() -> Vec<(&'static str, Vec<u8>)> + Send {
    move || {
        let (state, control) = {
            let steering = lock(&steering.0);
            (steering.state, steering.control())
        };
        let mut lifecycle = description.clone();
        lifecycle["state"] = json!(state);
        let told = [("lifecycle", payloads::pack(&lifecycle).ok()), ("control", payloads::pack(&control).ok()), ("scene", lock(&scene).clone())];
        told.into_iter().filter_map(|(kind, data)| Some((kind, data?))).collect()
    }
}
