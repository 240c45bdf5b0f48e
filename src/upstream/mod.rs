//! Inference providers as they are reached: whose key, how many at once, what an answer may be, what they charge now. The
//! I/O around the pure adapters of `providers`.
//! Not for: one run's life (`runs`), or what an answer means (`providers`).

pub mod account;
pub mod base64_json;
pub mod gate;
pub mod keys;
pub mod prices;
pub mod transport;

pub use account::Account;
