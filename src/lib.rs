//! Atelier: a self-hosted MCP gateway for generative media, one Cloudflare Worker.
//!
//! The gateway is one async function, [`router::handle`]. [`platform::Platform`] is everything it may ask of
//! the world; the `edge` folder implements it on Workers bindings (wasm32 only, the only folder that names the
//! `worker` crate), `tests/gateway` in memory with real SQLite. So everything but `edge` is compiled and tested
//! natively, through the front door.
//!
//! # Layers
//! The modules below stand in groups, lowest first. A module may name only groups above its own and its own
//! group; `tests/tidy.rs` holds it. Read them in this order.
//!
//! # A generation, hop by hop
//! 1. `edge::entry.js` hands method, URL, headers and body over in one call; [`router`] finds `/mcp`.
//! 2. [`oauth::bearer`] turns the token into a `Caller`, from the isolate's memory or the person's `Account` object.
//!    [`oauth::rate`] counts the request against the token's limit.
//! 3. [`mcp::transport`] checks size, shape and headers; [`mcp::era`] says which revision speaks.
//! 4. [`mcp::call`] finds the tool and its scope; [`tools::execute_forge`] checks and prices the request
//!    ([`models::generation`], [`models::price`]).
//! 5. [`tools::spend`] hands the job to [`runs::start`]: its `Run` object asks the `Workspace` object to reserve the
//!    price ([`workspace::runs`]), which knows repeated calls, limits and the balance.
//! 6. The run's alarm rings: [`runs::drive`] has the provider make it, embedded ([`providers::embedded`]) or out there (below),
//!    stores each output in object storage, makes the contact sheet, and has the workspace settle, once.
//! 7. `get_forge_run` waits in the run's object and answers with signed links that [`api::assets`] serves.
//!
//! # A generation at a provider out there, hop by hop
//! Each hop is a step of `runs::remote`, recorded before the next; the provider's own language is an adapter of
//! [`providers`] ([`providers::adapter`]) that does no I/O.
//! 1. `submit` finds whose key it is ([`upstream::account`]), makes the files and the callback's address (`order`,
//!    [`runs::callback`]), and has the adapter plan the request.
//! 2. [`upstream::gate`], one object for each key, says whether a job may begin now. A provider that is out of order is not
//!    asked; another one may be, where nothing of the wish is lost (`fallback`).
//! 3. The attempt is recorded, then sent, once ([`upstream::transport`]: hosts, key, bounds). A lost answer is looked for by
//!    callback and list, never sent again.
//! 4. The provider calls back at [`api::callbacks`], which checks the signature ([`upstream::keys`]) and wakes the run; or the
//!    alarm does. Either way `poll` asks the provider itself.
//! 5. `fetch` copies each output into object storage (`store`), before the provider forgets it. One that answers with the
//!    file itself has it stored by `submit` ([`upstream::base64_json`]).
//! 6. The gate hears how it ended. What the provider charged, or the list says ([`upstream::prices`], [`models::price`]), is
//!    the run's price, at most what was reserved; [`runs::drive`] has the workspace settle, once.
//!
//! # A workflow, hop by hop
//! 1. A document is checked when it is saved ([`workflows::check`]); the workspace keeps its versions
//!    ([`workspace::definitions`]).
//! 2. [`tools::execute_workflow`] turns it and the inputs into a [`workflows::Plan`]: every model run normalised and
//!    priced, files of earlier steps left as holes.
//! 3. The same `Run` object takes it: an item for each model run. [`runs::steps`] reads from the items what can begin,
//!    [`runs::drive`] does it, and one reservation is settled at the price of what was made.
//!
//! # A run in other forms
//! A price above the workspace's threshold is asked about first ([`mcp::confirm`]): the call is answered with the question,
//! and is made again with the answer. A client that knows tasks gets the run as one ([`mcp::tasks`]).
//!
//! # An upload, hop by hop
//! 1. `request_upload_url` opens an upload: its `Upload` object ([`uploads::upload`]) has the workspace set the bytes aside
//!    ([`workspace::uploads`]); the answer is a signed URL ([`uploads::token`]) in a ready command.
//! 2. The shell PUTs the file. `edge::entry.js` hands its body over as a stream; [`uploads::receive`] claims the upload, looks
//!    at the first bytes, and has the platform move the rest into object storage: all or nothing, once.
//! 3. The object reads the stored bytes' head ([`media::probe`]), makes the asset and has the workspace add it; checksum of
//!    large files and thumbnail follow by its alarm.
//!
//! # A connection, hop by hop
//! 1. A client without a token gets a 401 from [`oauth::bearer`] that names the documents of [`oauth::discovery`].
//! 2. It makes itself known: by its own metadata document ([`oauth::metadata_document`]), or by
//!    [`oauth::registration`] in the `Clients` object.
//! 3. It sends the person to [`oauth::authorize`]; [`sign_in`] finds out who that is; [`oauth::consent`] says what the
//!    page shows, [`html::consent`] how.
//! 4. The answer makes a code in the person's `Account` object ([`oauth::account::grants`]); [`oauth::token`] redeems it,
//!    once, for an access token ([`oauth::access`], signed with [`oauth::keys`]) and a refresh token.
//! 5. Later calls are checked by signature alone; what spends asks the `Account` whether the authorization still lives.
//!
//! # A session that listens
//! 1. `initialize` answers with a signed `Mcp-Session-Id` ([`mcp::session`]); nothing is stored.
//! 2. `resources/subscribe` writes the session's name into the run; GET opens its stream ([`mcp::legacy`]): the
//!    Worker holds it, with a hibernating socket to the `Session` object behind it.
//! 3. The run ends, tells the session ([`session`]), which numbers the event, keeps it for `Last-Event-ID` and
//!    pushes it down the stream.
//!
//! # Files that nobody needs
//! Deleting a file puts its objects into the workspace's trash, which its alarm empties. What no index ever named
//! (outputs of a cancelled run, what a crash left) [`collector`] finds: the Worker sweeps object storage once an hour
//! and asks each workspace what it does not need ([`workspace::inventory`]).
//!
//! # Money
//! [`workspace::ledger`]: every change is one transaction in one object, and SQLite itself refuses a state in
//! which granted ≠ balance + reserved + spent. [`workspace::audit`] says who did it, by which token, in which request.

#![allow(
    async_fn_in_trait,
    reason = "futures stay on one thread in an isolate, and nobody outside implements these"
)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::await_holding_refcell_ref
)]

pub mod api_path;
pub mod crypto;
pub mod error;
pub mod http;
pub mod outbound;
pub mod units;

pub mod config;
pub mod time;

pub mod id;
pub mod origin;
pub mod platform;
pub mod sql;

pub mod html;
pub mod media;
pub mod page;

pub mod models;
pub mod oauth;
pub mod session;
pub mod sign_in;
pub mod workspace;

pub mod providers;

pub mod upstream;

pub mod uploads;

pub mod workflows;

pub mod runs;

pub mod collector;

pub mod tools;

pub mod mcp;

pub mod api;
pub mod pages;

pub mod router;

#[cfg(target_arch = "wasm32")]
mod edge;
