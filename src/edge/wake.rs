//! Runs a future from JavaScript: at once where it never waits, else behind a promise. Most answers are ready
//! without waiting, and a promise that is not made is the cheapest.

use futures::future::LocalBoxFuture;
use futures::task::{ArcWake, AtomicWaker, waker_ref};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasm_bindgen::JsValue;

/// Some futures keep the first waker they were polled with. This one stays the same when the future moves from
/// the first, direct poll to the executor, and passes every wake on to whoever polls now.
#[derive(Default)]
struct Relay(AtomicWaker);

impl ArcWake for Relay {
    fn wake_by_ref(relay: &Arc<Self>) {
        relay.0.wake();
    }
}

/// Behind a pointer, so that what is polled from two places is compiled once.
struct Relayed {
    future: LocalBoxFuture<'static, JsValue>,
    relay: Arc<Relay>,
}

impl Future for Relayed {
    type Output = JsValue;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JsValue> {
        let relay = self.relay.clone();
        relay.0.register(context.waker());
        self.future.as_mut().poll(&mut Context::from_waker(&waker_ref(&relay)))
    }
}

pub fn run(future: impl Future<Output = JsValue> + 'static) -> JsValue {
    let mut relayed = Relayed { future: Box::pin(future), relay: Arc::default() };
    let relay = relayed.relay.clone();
    match relayed.future.as_mut().poll(&mut Context::from_waker(&waker_ref(&relay))) {
        Poll::Ready(value) => value,
        // The executor polls again at once, so a wake that came before it took over is not lost.
        Poll::Pending => wasm_bindgen_futures::future_to_promise(async move { Ok(relayed.await) }).into(),
    }
}
