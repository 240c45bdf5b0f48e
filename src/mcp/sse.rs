//! `text/event-stream` framing (HTML standard, section 9.2) of JSON-RPC messages.

/// Nothing a client reads; keeps proxies and clients from giving an idle stream up.
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";
/// Below the 30 s after which common proxies close a silent connection.
pub const KEEP_ALIVE_MILLIS: u32 = 20_000;

/// JSON text has no raw line breaks, so one `data` line holds it.
pub fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

/// An id and no data: from here on the client can come back.
pub fn prime(id: &str) -> String {
    format!("id: {id}\ndata:\n\n")
}
