//! Publishes a live simulation to Redis Streams, and obeys its viewers.

mod buffers;
mod error;
mod link;
mod listener;
pub mod payloads;
mod publisher;
mod run;
mod steering;

pub use error::InvalidMessage;
pub use payloads::{layer, Column, Frame, Layer, Paths, Pixels, Scene};
pub use publisher::Stats;
pub use run::{Options, Phase, Run};
pub use steering::Param;




#[cfg(test)]
mod tests;
