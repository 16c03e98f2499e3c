//! A connection that never repeats a command by itself: after a failure a new one is made.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Client, Connection, RedisError, RedisResult};

pub(crate) fn connect(client: &Client) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
    connection.set_read_timeout(Some(Duration::from_secs(3)))?;
    connection.set_write_timeout(Some(Duration::from_secs(3)))?;
    Ok(connection)
}

pub(crate) fn out_of_memory(error: &RedisError) -> bool {
    error.code() == Some("OOM")
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Waits that double from 50 ms to 1 s, with jitter.
#[derive(Default)]
pub(crate) struct Backoff(u64);

impl Backoff {
    pub fn next(&mut self) -> Duration {
        self.0 = (self.0 * 2).clamp(50, 1000);
        let noise = u64::from(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_nanos())) / 100;
        Duration::from_millis(self.0 / 2 + noise % (self.0 / 2))
    }
}
