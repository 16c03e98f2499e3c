//! Hears a run's commands, and says every second that somebody does. The cursor is ours: no command is missed after a lost
//! connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

use redis::streams::{StreamRangeReply, StreamReadReply};
use redis::{cmd, Client, Connection, RedisResult};

use crate::link::{connect, now_ms, out_of_memory, Backoff};
use crate::steering::Command;

const ALIVE_MS: u64 = 3000;

pub(crate) struct Listener<F: FnMut(&Command, f64)> {
    pub run: String,
    pub producer: String,
    pub client: Client,
    pub closing: Arc<AtomicBool>,
    pub handle: F,
    pub cursor: Option<String>,
}

impl<F: FnMut(&Command, f64)> Listener<F> {
    pub fn work(mut self) {
        let mut backoff = Backoff::default();
        let mut connection = None;
        while !self.closing.load(Ordering::SeqCst) {
            let round = match connection.take().map_or_else(|| connect(&self.client), Ok) {
                Ok(mut open) => self.round(&mut open).map(|()| open),
                Err(error) => Err(error),
            };
            match round {
                Ok(open) => (connection, backoff) = (Some(open), Backoff::default()),
                Err(_) => thread::sleep(backoff.next()), // the publisher tells the user
            }
        }
    }

    fn round(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let key = format!("lc:{{{}}}:ctl", self.run);
        let alive = format!("lc:{{{}}}:alive", self.run);
        let newest: StreamRangeReply = cmd("XREVRANGE").arg(&key).arg("+").arg("-").arg("COUNT").arg(1).query(connection)?;
        let last = newest.ids.first().map_or_else(|| "0-0".to_string(), |entry| entry.id.clone());
        let cursor = match self.cursor.take() {
            None => last,
            // The server has lost something; what comes twice is known by its id.
            Some(cursor) if order(&last) < order(&cursor) => "0-0".to_string(),
            Some(cursor) => cursor,
        };
        self.cursor = Some(cursor.clone());
        if self.closing.load(Ordering::SeqCst) {
            return Ok(());
        }
        // Only now that the cursor stands: whoever sees the key may send at once.
        match cmd("SET").arg(&alive).arg(&self.producer).arg("PX").arg(ALIVE_MS).query::<()>(connection) {
            Err(error) if out_of_memory(&error) => cmd("PEXPIRE").arg(&alive).arg(ALIVE_MS).query(connection)?,
            other => other?,
        }
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(100).arg("BLOCK").arg(1000).arg("STREAMS").arg(&key).arg(&cursor);
        let reply: Option<StreamReadReply> = read.query(connection)?;
        for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids) {
            if self.closing.load(Ordering::SeqCst) {
                return Ok(());
            }
            self.cursor = Some(entry.id.clone());
            let fields: HashMap<String, String> =
                entry.map.keys().filter_map(|name| Some((name.clone(), entry.get::<String>(name)?))).collect();
            if let Ok(command) = Command::read(&fields) {
                (self.handle)(&command, now_ms() as f64); // an entry that cannot be read cannot be answered
            }
        }
        Ok(())
    }
}

fn order(id: &str) -> (u64, u64) {
    let (ms, n) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), n.parse().unwrap_or(0))
}
