//! Media files as bytes: naming and measuring them, reading and writing pictures,
//! and the one preview a result carries. Not for producing content (see the
//! providers) and not for storing it.

mod guard;
mod lossless;
pub mod picture;
pub mod probe;
pub mod sheet;
mod shrink;
pub mod sniff;
mod stranger;
