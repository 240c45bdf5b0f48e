//! Media files as bytes: naming them, reading and writing pictures, and the one
//! preview a result carries. Not for producing content (see the providers) and
//! not for storing it.

pub mod picture;
pub mod sheet;
pub mod sniff;
