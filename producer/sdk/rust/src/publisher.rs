//! Carries messages from the buffers to Redis on a thread of its own, through everything that may happen to the server.
//! Nothing that is put here waits or fails. `critical` and `normal` arrive once and in order; of frames and images the newest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{cmd, Client, Connection, RedisError, Script};

use crate::buffers::{Message, Newest, Outgoing, Replay};
use crate::link::{connect, now_ms, out_of_memory, Backoff};

const APPEND: &str = include_str!("../append.lua");
const LANES: [(&str, u64); 2] = [("critical", 100_000), ("normal", 50_000)];
pub(crate) const CRITICAL: usize = 0;
pub(crate) const NORMAL: usize = 1;
const TICK: Duration = Duration::from_secs(1);
const FULL_WAIT: Duration = Duration::from_millis(50);
const NO_MEMORY_WAIT: Duration = Duration::from_millis(250);

/// What became of all that was published.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Lane -> messages that Redis has acknowledged.
    pub published: BTreeMap<String, u64>,
    /// `lane:cause` -> messages given up.
    pub dropped: BTreeMap<String, u64>,
    pub buffered: usize,
    pub reconnects: u64,
    pub connected: bool,
    pub epoch: u64,
    /// A newer producer of the same name has taken over: this one sends nothing any more.
    pub fenced: bool,
}

struct Waiting {
    lanes: [Replay; 2],
    frames: Newest,
    images: BTreeMap<String, Message>,
    stats: Stats,
    shed_low: bool,
    deadline: Option<Instant>,
}

impl Waiting {
    fn buffered(&self) -> usize {
        self.lanes.iter().map(Replay::len).sum::<usize>() + self.frames.len() + self.images.len()
    }

    fn dropped(&mut self, lane: &str, cause: &str, by: u64) {
        if by > 0 {
            *self.stats.dropped.entry(format!("{lane}:{cause}")).or_default() += by;
        }
    }

    fn published(&mut self, lane: &str, by: u64) {
        *self.stats.published.entry(lane.into()).or_default() += by;
    }
}

/// The buffers, shared by the simulation and the thread; the lock is never held over I/O.
pub(crate) struct Buffers {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

impl Buffers {
    pub fn new() -> Self {
        let waiting = Waiting {
            lanes: [Replay::new(100_000), Replay::new(100_000)],
            frames: Newest::default(),
            images: BTreeMap::new(),
            stats: Stats::default(),
            shed_low: false,
            deadline: None,
        };
        Buffers { waiting: Mutex::new(waiting), wake: Condvar::new() }
    }

    pub fn put(&self, lane: usize, kind: &'static str, data: Vec<u8>) {
        let mut waiting = self.lock();
        let (cause, dropped) = match waiting.stats.fenced {
            true => ("fenced", 1),
            false => ("buffer_full", waiting.lanes[lane].put(message(kind, data))),
        };
        waiting.dropped(LANES[lane].0, cause, dropped);
        self.wake.notify_one();
    }

    pub fn put_frame(&self, data: Vec<u8>, layers: Vec<String>, partial: bool) {
        let mut waiting = self.lock();
        let (cause, dropped) = match waiting.stats.fenced {
            true => ("fenced", 1),
            false => ("superseded", waiting.frames.put(Outgoing { message: message("frame", data), layers, partial })),
        };
        waiting.dropped("high", cause, dropped);
        self.wake.notify_one();
    }

    pub fn put_image(&self, camera: &str, data: Vec<u8>) {
        let mut waiting = self.lock();
        if waiting.stats.fenced || waiting.shed_low {
            let cause = if waiting.stats.fenced { "fenced" } else { "flow" };
            return waiting.dropped("low", cause, 1);
        }
        if waiting.images.insert(camera.into(), message("image", data)).is_some() {
            waiting.dropped("low", "superseded", 1);
        }
        self.wake.notify_one();
    }

    /// Lets the thread end once all is sent, or `flush` is over.
    pub fn close(&self, flush: Duration) {
        self.lock().deadline = Some(Instant::now() + flush);
        self.wake.notify_one();
    }

    pub fn stats(&self) -> Stats {
        let waiting = self.lock();
        Stats { buffered: waiting.buffered(), ..waiting.stats.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(kind: &'static str, data: Vec<u8>) -> Message {
    Message { kind, data: data.into(), t_ms: now_ms() }
}

enum Failure {
    Lost(RedisError),
    Fenced,
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Failure::Lost(error)
    }
}

type Done<T> = Result<T, Failure>;
pub(crate) type Announce = Box<dyn Fn() -> Vec<(&'static str, Vec<u8>)> + Send>;

pub(crate) struct Publisher {
    run: String,
    producer: String,
    client: Client,
    buffers: Arc<Buffers>,
    announce: Announce,
    on_fenced: Box<dyn Fn() + Send>,
    script: Script,
    epoch: u64,
    frame_seq: u64,
    away: bool,
    next_tick: Instant,
    next_frame: Instant,
    not_before: [Instant; 2],
    rate_hz: f64,
}

impl Publisher {
    pub fn new(run: &str, producer: &str, client: Client, buffers: Arc<Buffers>, announce: Announce, on_fenced: Box<dyn Fn() + Send>) -> Self {
        let now = Instant::now();
        Publisher {
            run: run.into(), producer: producer.into(), client, buffers, announce, on_fenced, script: Script::new(APPEND),
            epoch: 0, frame_seq: 0, away: false, next_tick: now, next_frame: now, not_before: [now; 2], rate_hz: f64::INFINITY,
        }
    }

    pub fn work(mut self) {
        let mut backoff = Backoff::default();
        let mut connection = None;
        while !self.over() {
            let turn = match connection.take() {
                Some(open) => Ok(open),
                None => self.greet(),
            }
            .and_then(|mut open| self.turn(&mut open).map(|sent| (open, sent)));
            match turn {
                Ok((open, sent)) => {
                    (connection, backoff) = (Some(open), Backoff::default());
                    if !sent {
                        self.rest();
                    }
                }
                Err(Failure::Fenced) => self.stop_for_good(),
                Err(Failure::Lost(error)) => self.lost(&error, &mut backoff),
            }
        }
        if let Some(mut open) = connection {
            if !self.buffers.stats().fenced {
                let _ = cmd("DEL").arg(self.key("alive")).query::<()>(&mut open); // only tidies up: it runs out by itself
            }
        }
    }

    fn over(&self) -> bool {
        let waiting = self.buffers.lock();
        let ended = |deadline| (waiting.buffered() == 0 && self.epoch > 0) || Instant::now() >= deadline;
        waiting.stats.fenced || waiting.deadline.is_some_and(ended)
    }

    fn turn(&mut self, connection: &mut Connection) -> Done<bool> {
        if Instant::now() >= self.next_tick {
            self.tick(connection)?;
        }
        let critical = self.send_lossless(connection, CRITICAL)?;
        let frame = self.send_frame(connection)?;
        let normal = self.send_lossless(connection, NORMAL)?;
        Ok(self.send_image(connection)? || critical || frame || normal)
    }

    /// A new connection: says who we are, and finds out what the server still has.
    fn greet(&mut self) -> Done<Connection> {
        let mut connection = connect(&self.client)?;
        if self.epoch == 0 {
            cmd("SADD").arg("lc:runs").arg(&self.run).query::<()>(&mut connection)?;
            self.epoch = cmd("HINCRBY").arg(self.key("producers")).arg(&self.producer).arg(1).query(&mut connection)?;
        } else {
            self.tick(&mut connection)?;
            self.ask(&mut connection)?;
            self.buffers.lock().stats.reconnects += 1;
        }
        if self.away {
            eprintln!("lanecast: run {}: the server is back", self.run);
        }
        self.away = false;
        let mut waiting = self.buffers.lock();
        (waiting.stats.connected, waiting.stats.epoch) = (true, self.epoch);
        drop(waiting);
        Ok(connection)
    }

    fn tick(&mut self, connection: &mut Connection) -> Done<()> {
        self.next_tick = Instant::now() + TICK;
        // Asked first, for a server without memory left refuses even an SADD that changes nothing.
        let known: bool = cmd("SISMEMBER").arg("lc:runs").arg(&self.run).query(connection)?;
        if !known {
            cmd("SADD").arg("lc:runs").arg(&self.run).query::<()>(connection)?;
        }
        let newest: Option<u64> = cmd("HGET").arg(self.key("producers")).arg(&self.producer).query(connection)?;
        if newest.is_some_and(|newest| newest > self.epoch) {
            return Err(Failure::Fenced);
        }
        if newest.is_none() {
            self.begin_epoch(connection, self.epoch + 1)?; // the server came back empty
        } else if !known {
            self.ask(connection)?; // an append was quicker than we: the other lane may have nothing to send
        }
        if newest.is_none() || !known {
            let told = (self.announce)().into_iter().map(|(kind, data)| message(kind, data)).collect();
            self.buffers.lock().lanes[CRITICAL].put_first(told);
        }
        let flow: HashMap<String, String> = cmd("HGETALL").arg(self.key("flow")).query(connection)?;
        let is = |name: &str, value: &str| flow.get(name).is_some_and(|v| v == value);
        let stopped = is("state", "stop_bulk");
        let slow = flow.get("max_rate_hz").and_then(|rate| rate.parse().ok()).filter(|_| is("state", "slow"));
        self.rate_hz = if stopped { 0.0 } else { slow.unwrap_or(f64::INFINITY) };
        self.buffers.lock().shed_low = stopped || is("shed_low", "1");
        Ok(())
    }

    /// Whether the server still has what it acknowledged; if not, it is sent again from there.
    fn ask(&mut self, connection: &mut Connection) -> Done<()> {
        for lane in [CRITICAL, NORMAL] {
            let (acked, last) = {
                let waiting = self.buffers.lock();
                (waiting.lanes[lane].acked, waiting.lanes[lane].last())
            };
            if let Some(last) = last {
                self.append(connection, lane, acked, &[last])?;
            }
        }
        Ok(())
    }

    fn begin_epoch(&mut self, connection: &mut Connection, by: u64) -> Done<()> {
        self.epoch = cmd("HINCRBY").arg(self.key("producers")).arg(&self.producer).arg(by).query(connection)?;
        self.frame_seq = 0;
        let mut waiting = self.buffers.lock();
        waiting.stats.epoch = self.epoch;
        waiting.lanes.iter_mut().for_each(Replay::renumber);
        Ok(())
    }

    fn send_lossless(&mut self, connection: &mut Connection, lane: usize) -> Done<bool> {
        if Instant::now() < self.not_before[lane] {
            return Ok(false);
        }
        let (batch, seq) = {
            let mut waiting = self.buffers.lock();
            (waiting.lanes[lane].batch(500), waiting.lanes[lane].acked + 1)
        };
        if batch.is_empty() {
            return Ok(false);
        }
        self.append(connection, lane, seq, &batch)
    }

    fn append(&mut self, connection: &mut Connection, lane: usize, seq: u64, batch: &[Message]) -> Done<bool> {
        let (name, bound) = LANES[lane];
        let mut call = self.script.prepare_invoke();
        call.key(self.key(&format!("in:{name}"))).key(self.key("producers")).key(self.key("seq"));
        call.arg(&self.producer).arg(self.epoch).arg(name).arg(bound).arg(seq);
        for message in batch {
            call.arg(message.kind).arg("msgpack").arg(message.t_ms).arg(&message.data[..]);
        }
        let (word, number): (String, u64) = match call.invoke(connection) {
            Err(error) if out_of_memory(&error) => {
                self.not_before[lane] = Instant::now() + NO_MEMORY_WAIT;
                return Ok(false);
            }
            answer => answer?,
        };
        match word.as_str() {
            "fenced" => return Err(Failure::Fenced),
            "gap" => {
                let lost = self.buffers.lock().lanes[lane].rewind(number);
                if lost > 0 {
                    self.begin_epoch(connection, 1)?; // what is not kept cannot be sent again: go on without it
                }
                return Ok(true);
            }
            "full" => self.not_before[lane] = Instant::now() + FULL_WAIT,
            _ => {}
        }
        let mut waiting = self.buffers.lock();
        let news = waiting.lanes[lane].acknowledge(number);
        waiting.published(name, news);
        Ok(word == "ok")
    }

    fn send_frame(&mut self, connection: &mut Connection) -> Done<bool> {
        let now = Instant::now();
        let (frame, last) = {
            let waiting = self.buffers.lock();
            (waiting.frames.first(), waiting.deadline.is_some())
        };
        let Some(frame) = frame else { return Ok(false) };
        if !last && (self.rate_hz == 0.0 || now < self.next_frame) {
            return Ok(false); // the last frame of a run always may
        }
        self.frame_seq += 1;
        let mut add = self.adding("high", 256, &frame.message);
        add.arg("producer").arg(&self.producer).arg("epoch").arg(self.epoch).arg("seq").arg(self.frame_seq);
        let sent = self.add(connection, "high", &add)?;
        if self.rate_hz.is_finite() {
            self.next_frame = now + Duration::from_secs_f64(1.0 / self.rate_hz.max(0.1));
        }
        self.buffers.lock().frames.sent(&frame);
        Ok(sent)
    }

    fn send_image(&mut self, connection: &mut Connection) -> Done<bool> {
        let next = self.buffers.lock().images.pop_first(); // at most once: whatever happens now, it is not sent again
        let Some((_, picture)) = next else { return Ok(false) };
        // While pictures are large, fewer of them wait.
        let bound = ((32 << 20) / picture.data.len().max(1)).clamp(4, 64) as u64;
        let add = self.adding("low", bound, &picture);
        self.add(connection, "low", &add)
    }

    fn adding(&self, lane: &str, bound: u64, message: &Message) -> redis::Cmd {
        let mut add = cmd("XADD");
        add.arg(self.key(&format!("in:{lane}"))).arg("MAXLEN").arg("~").arg(bound).arg("*");
        add.arg("kind").arg(message.kind).arg("t_ms").arg(message.t_ms).arg("data").arg(&message.data[..]);
        add
    }

    fn add(&self, connection: &mut Connection, lane: &str, add: &redis::Cmd) -> Done<bool> {
        let added = add.query::<()>(connection);
        let mut waiting = self.buffers.lock();
        match added {
            Ok(()) => waiting.published(lane, 1),
            Err(error) if out_of_memory(&error) => {
                waiting.dropped(lane, "oom", 1);
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    fn rest(&self) {
        let waiting = self.buffers.lock();
        let busy = waiting.buffered() > 0;
        if waiting.deadline.is_some() && !busy {
            return;
        }
        let wait = if busy { Duration::from_millis(5) } else { self.next_tick.saturating_duration_since(Instant::now()) };
        drop(self.buffers.wake.wait_timeout(waiting, wait));
    }

    fn lost(&mut self, error: &RedisError, backoff: &mut Backoff) {
        if !self.away {
            eprintln!("lanecast: run {}: the server is away, messages are kept: {error}", self.run);
        }
        self.away = true;
        let deadline = {
            let mut waiting = self.buffers.lock();
            waiting.stats.connected = false;
            waiting.deadline
        };
        let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        thread::sleep(backoff.next().min(left));
    }

    fn stop_for_good(&self) {
        eprintln!("lanecast: run {}: another {} has taken over; give one of them another run id", self.run, self.producer);
        let mut waiting = self.buffers.lock();
        waiting.stats.fenced = true;
        for (lane, (name, _)) in LANES.iter().enumerate() {
            let left = waiting.lanes[lane].len() as u64;
            waiting.dropped(name, "fenced", left);
        }
        drop(waiting);
        (self.on_fenced)();
    }

    fn key(&self, name: &str) -> String {
        format!("lc:{{{}}}:{name}", self.run)
    }
}
