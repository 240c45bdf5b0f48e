//! A timer as a future. The SDK's own keeps the first waker it is polled with, and never wakes a future that has
//! moved to another task since (a call that turned into a stream).

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

#[derive(Default)]
struct Ring {
    rung: bool,
    waker: Option<Waker>,
}

/// Starts when first polled; dropped, it is cleared.
pub struct Sleep {
    millis: u32,
    ring: Rc<RefCell<Ring>>,
    timer: Option<(i32, Closure<dyn FnMut()>)>,
}

impl Sleep {
    pub fn new(millis: u32) -> Self {
        Self { millis, ring: Rc::default(), timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.ring.borrow().rung {
            return Poll::Ready(());
        }
        self.ring.borrow_mut().waker = Some(context.waker().clone());
        if self.timer.is_none() {
            let ring = self.ring.clone();
            let callback = Closure::new(move || {
                let waker = {
                    let mut ring = ring.borrow_mut();
                    ring.rung = true;
                    ring.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
            });
            let millis = i32::try_from(self.millis).unwrap_or(i32::MAX);
            let set = scope().set_timeout_with_callback_and_timeout_and_arguments_0(
                callback.as_ref().unchecked_ref(),
                millis,
            );
            match set {
                Ok(timer) => self.timer = Some((timer, callback)),
                // No timer to be had: not waiting at all is better than waiting for ever.
                Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, _)) = &self.timer
            && !self.ring.borrow().rung
        {
            scope().clear_timeout_with_handle(*timer);
        }
    }
}

fn scope() -> web_sys::WorkerGlobalScope {
    js_sys::global().unchecked_into()
}
