//! The Worker's end of a listener: a WebSocket to the object, read as a stream of events. The object's end
//! hibernates, so an idle stream is not billed by the second.

use super::platform::unavailable;
use crate::platform::Unavailable;
use futures::channel::{mpsc, oneshot};
use futures::future::{self, Either};
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use worker::{Headers, Request, RequestInit, Stub, WebSocket, WebsocketEvent};

/// Carries the id of the last event the client has seen.
pub const AFTER_HEADER: &str = "last-event-id";

pub async fn connect(
    stub: Stub,
    url: &str,
    after: Option<&str>,
) -> Result<LocalBoxStream<'static, String>, Unavailable> {
    let headers = Headers::new();
    headers.set("upgrade", "websocket").map_err(unavailable)?;
    if let Some(after) = after {
        headers.set(AFTER_HEADER, after).map_err(unavailable)?;
    }
    let mut init = RequestInit::new();
    init.with_headers(headers);
    let request = Request::new_with_init(url, &init).map_err(unavailable)?;
    let response = stub.fetch_with_request(request).await.map_err(unavailable)?;
    let socket =
        response.websocket().ok_or_else(|| Unavailable("the object did not open a socket".into()))?;
    let (sender, events) = mpsc::unbounded();
    let (hang_up, left) = oneshot::channel();
    wasm_bindgen_futures::spawn_local(forward(socket, sender, left));
    Ok(Listener { events, _hang_up: hang_up }.boxed_local())
}

/// Dropped when the client leaves; with it `_hang_up`, which ends the forwarding and closes the socket.
struct Listener {
    events: mpsc::UnboundedReceiver<String>,
    _hang_up: oneshot::Sender<()>,
}

impl Stream for Listener {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<String>> {
        self.events.poll_next_unpin(context)
    }
}

async fn forward(socket: WebSocket, sender: mpsc::UnboundedSender<String>, mut left: oneshot::Receiver<()>) {
    let Ok(mut events) = socket.events() else { return };
    if socket.accept().is_err() {
        return;
    }
    while let Either::Left((Some(Ok(WebsocketEvent::Message(message))), _)) =
        future::select(events.next(), &mut left).await
    {
        if let Some(text) = message.text()
            && sender.unbounded_send(text).is_err()
        {
            break;
        }
    }
    drop(events);
    let _ = socket.close(Some(1000), Some("done"));
}
