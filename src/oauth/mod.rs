//! Who is calling: the OAuth 2.1 authorization server, one file an endpoint, and the tokens it and the operator give
//! out. `bearer` is the only maker of a `Caller`.
//! Not for: how a person signs in (`crate::sign_in`), or what a caller may do with which workspace (`workspace`).
//!
//! A connection: [`discovery`] tells a client where to go; it is known by [`metadata_document`], [`registration`] or
//! configuration ([`client`]); [`authorize`] shows the person [`consent`]'s page and makes a code; [`token`] redeems it,
//! and later refreshes, in the person's [`account`]; [`access`] tokens are checked against [`keys`] without asking anybody.

pub mod access;
pub mod account;
pub mod authorize;
pub mod bearer;
pub mod client;
pub mod client_auth;
pub mod clients;
pub mod consent;
pub mod discovery;
pub mod error;
pub mod jwt;
pub mod keys;
pub mod metadata_document;
pub mod opaque;
pub mod rate;
pub mod redirect;
pub mod registration;
pub mod revoke;
pub mod scope;
pub mod token;
pub mod trail;
pub mod userinfo;

pub use bearer::Caller;
pub use scope::{Scope, Scopes};
