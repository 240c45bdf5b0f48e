//! Who is calling: personal access tokens today; the OAuth 2.1 server (discovery, registration, authorize,
//! token, revocation) takes its place here, one file per endpoint.
//! Not for: what a caller may do with which workspace (`workspace`).

pub mod account;
pub mod bearer;
pub mod pat;
pub mod scope;

pub use bearer::Caller;
pub use scope::{Scope, Scopes};
