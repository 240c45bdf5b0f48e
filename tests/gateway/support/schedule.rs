//! Who runs when: polls requests and objects in one thread, rings alarms that are due, and moves the clock to
//! the next deadline once nobody can go on. A kill drops everything that is under way.

use super::memory::Memory;
use atelier::platform::Platform;
use atelier::time::Timestamp;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

pub type Task = LocalBoxFuture<'static, ()>;

/// Somebody called a waker: poll once more before the clock moves.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Memory {
    /// Drives the world until `work` is done. Panics if the process was killed meanwhile.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.attempt(work).expect("the process was killed")
    }

    /// None: the process was killed meanwhile, and is up again.
    pub fn attempt<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut context = Context::from_waker(&waker);
        let mut work = pin!(work);
        loop {
            bell.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(outcome) = work.as_mut().poll(&mut context) {
                return Some(outcome);
            }
            let moved = self.poll_tasks(&mut context) | self.ring();
            if self.state(|state| state.is_dead) {
                self.kill();
                return None;
            }
            if !moved && !bell.0.load(Ordering::Relaxed) {
                assert!(self.advance(), "everybody waits for something that will never come");
            }
        }
    }

    /// Lets so much time pass.
    pub fn elapse(&self, seconds: i64) {
        let until = self.now().plus_seconds(seconds);
        self.attempt(self.rest_until(until));
    }

    /// The process dies and starts again: what was stored is still there, nothing else is.
    pub fn kill(&self) {
        let (tasks, objects) = self.state(|state| {
            state.is_dead = false;
            state.kill_after = None;
            (std::mem::take(&mut state.tasks), state.objects.values().cloned().collect::<Vec<_>>())
        });
        drop(tasks);
        objects.iter().for_each(|object| object.die());
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.state(|state| state.tasks.push(task.boxed_local()));
    }

    /// An await point: others get their turn, or the process dies.
    pub async fn pause(&self) {
        let turns = self.state(|state| {
            state.is_dead |= state.kill_after == Some(0);
            state.kill_after = state.kill_after.map(|left| left.saturating_sub(1));
            if state.is_dead {
                return u64::MAX;
            }
            if state.shuffles { state.dice.below(4) } else { 1 }
        });
        Turns(turns).await;
    }

    pub async fn rest_until(&self, until: Timestamp) {
        let id = self.state(|state| {
            let id = state.sleepers.last_key_value().map_or(0, |(id, _)| id + 1);
            state.sleepers.insert(id, until);
            id
        });
        Sleeper { memory: self.clone(), id, until }.await;
    }

    fn poll_tasks(&self, context: &mut Context<'_>) -> bool {
        let mut tasks = self.state(|state| std::mem::take(&mut state.tasks));
        let before = tasks.len();
        let mut left = Vec::with_capacity(before);
        for mut task in tasks.drain(..) {
            if self.state(|state| state.is_dead) || task.as_mut().poll(context).is_pending() {
                left.push(task);
            }
        }
        let (finished, spawned) = (left.len() < before, self.state(|state| !state.tasks.is_empty()));
        self.state(|state| state.tasks.splice(0..0, left).for_each(drop));
        finished || spawned
    }

    /// Begins the handling of every alarm that is due.
    fn ring(&self) -> bool {
        let now = self.now();
        let due: Vec<_> = self.state(|state| {
            let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
            state
                .objects
                .values()
                .filter(|object| is_due(object.alarm.get()) && !object.is_ringing.get())
                .cloned()
                .collect()
        });
        for object in &due {
            object.begin_alarm();
            let (memory, object) = (self.clone(), object.clone());
            self.spawn(async move {
                let outcome = (object.wake)(memory.clone(), object.clone()).await;
                object.end_alarm(memory.now(), &outcome);
            });
        }
        !due.is_empty()
    }

    /// Moves the clock to the next deadline; false when there is none.
    fn advance(&self) -> bool {
        self.state(|state| {
            let waiting = state.objects.values().filter(|object| !object.is_ringing.get());
            // A deadline in the past is that of a stream nobody reads at present.
            let deadlines =
                waiting.filter_map(|object| object.alarm.get()).chain(state.sleepers.values().copied());
            let next = deadlines.filter(|at| *at > state.now).min();
            state.now = next.unwrap_or(state.now);
            next.is_some()
        })
    }
}

/// Lets the others have so many turns.
struct Turns(u64);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

struct Sleeper {
    memory: Memory,
    id: u64,
    until: Timestamp,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.memory.now() >= self.until { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.memory.state(|state| state.sleepers.remove(&self.id));
    }
}
