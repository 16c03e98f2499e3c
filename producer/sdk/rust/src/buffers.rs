//! What waits on the way to Redis. No I/O; bounded.

use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub kind: &'static str,
    pub data: Arc<[u8]>,
    pub t_ms: u64,
}

const MAX_BYTES: usize = 64 << 20;
const KEPT_MESSAGES: usize = 10_000;
const KEPT_BYTES: usize = 8 << 20;
const BATCH_BYTES: usize = 1 << 20;
const MAX_FRAMES: usize = 32;

/// The numbered messages of one lossless lane. A message gets its number when it is first sent, so that those never sent
/// can be dropped from a full buffer without a gap. Acknowledged ones are kept a while: a server may come back with less.
#[derive(Debug)]
pub(crate) struct Replay {
    kept: VecDeque<Message>,    // the last one has the number `acked`
    flight: VecDeque<Message>,  // numbered, outcome not known
    waiting: VecDeque<Message>, // never sent
    pub acked: u64,
    bytes: usize,
    kept_bytes: usize,
    limit: usize,
}

impl Replay {
    pub fn new(limit: usize) -> Self {
        let (kept, flight, waiting) = Default::default();
        Replay { kept, flight, waiting, acked: 0, bytes: 0, kept_bytes: 0, limit }
    }

    pub fn len(&self) -> usize {
        self.flight.len() + self.waiting.len()
    }

    /// Takes a message; returns how many of the oldest never sent had to go for it.
    pub fn put(&mut self, message: Message) -> u64 {
        let mut dropped = 0;
        while !self.waiting.is_empty() && (self.len() >= self.limit || self.bytes + message.data.len() > MAX_BYTES) {
            self.bytes -= self.waiting.pop_front().map_or(0, |old| old.data.len());
            dropped += 1;
        }
        self.bytes += message.data.len();
        self.waiting.push_back(message);
        dropped
    }

    /// Takes messages that come before all those never sent.
    pub fn put_first(&mut self, messages: Vec<Message>) {
        for message in messages.into_iter().rev() {
            self.bytes += message.data.len();
            self.waiting.push_front(message);
        }
    }

    /// What to send now; the first message has the number `acked + 1`.
    pub fn batch(&mut self, limit: usize) -> Vec<Message> {
        while self.flight.len() < limit {
            let Some(message) = self.waiting.pop_front() else { break };
            self.flight.push_back(message);
        }
        let mut size = 0;
        let fits = |(i, message): &(usize, &Message)| {
            size += message.data.len();
            *i == 0 || size <= BATCH_BYTES
        };
        self.flight.iter().take(limit).enumerate().take_while(fits).map(|(_, message)| message.clone()).collect()
    }

    /// The last message acknowledged: sent again, it tells what a failover has lost.
    pub fn last(&self) -> Option<Message> {
        self.kept.back().cloned()
    }

    /// The server has all up to `seq`; returns how many are news.
    pub fn acknowledge(&mut self, seq: u64) -> u64 {
        let before = self.acked;
        while self.acked < seq {
            let Some(message) = self.flight.pop_front() else { break };
            self.bytes -= message.data.len();
            self.kept_bytes += message.data.len();
            self.kept.push_back(message);
            self.acked += 1;
        }
        while self.kept.len() > KEPT_MESSAGES || (self.kept_bytes > KEPT_BYTES && self.kept.len() > 1) {
            self.kept_bytes -= self.kept.pop_front().map_or(0, |old| old.data.len());
        }
        self.acked - before
    }

    /// The server expects `seq`; returns how many messages are not kept any more.
    pub fn rewind(&mut self, seq: u64) -> u64 {
        while self.acked >= seq && self.take_back() {}
        (self.acked + 1).saturating_sub(seq)
    }

    /// A new epoch: all that is kept is sent again, from number 1.
    pub fn renumber(&mut self) {
        while self.take_back() {}
        while let Some(message) = self.flight.pop_back() {
            self.waiting.push_front(message);
        }
        self.acked = 0;
    }

    fn take_back(&mut self) -> bool {
        let Some(message) = self.kept.pop_back() else { return false };
        self.kept_bytes -= message.data.len();
        self.bytes += message.data.len();
        self.flight.push_front(message);
        self.acked -= 1;
        true
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub message: Message,
    pub layers: Vec<String>,
    pub partial: bool,
}

/// Frames: a full one replaces unsent ones that tell nothing of any other layer.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    frames: VecDeque<Outgoing>,
}

impl Newest {
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Takes a frame; returns how many older ones were dropped for it.
    pub fn put(&mut self, frame: Outgoing) -> u64 {
        let before = self.frames.len();
        if !frame.partial {
            self.frames.retain(|older| !older.layers.iter().all(|name| frame.layers.contains(name)));
        }
        if self.frames.len() >= MAX_FRAMES {
            self.frames.pop_front();
        }
        let dropped = before - self.frames.len();
        self.frames.push_back(frame);
        dropped as u64
    }

    pub fn first(&self) -> Option<Outgoing> {
        self.frames.front().cloned()
    }

    /// The frame is sent, if a newer one has not taken its place meanwhile.
    pub fn sent(&mut self, frame: &Outgoing) {
        if self.frames.front().is_some_and(|first| Arc::ptr_eq(&first.message.data, &frame.message.data)) {
            self.frames.pop_front();
        }
    }
}
