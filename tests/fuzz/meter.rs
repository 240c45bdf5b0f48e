//! An allocator that counts: how much one thread holds at once at most, while something is measured.
//! Not for leaks or for speed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Meter;

thread_local! {
    /// Bytes held and the most that were, of this thread. Constant and without a destructor, so that the allocator
    /// may touch it at any time.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(taken: usize, given_back: usize) {
    HELD.with(|held| {
        let (now, most) = held.get();
        // What another thread allocated may be freed here.
        let now = now.saturating_add(taken);
        held.set((now.saturating_sub(given_back), most.max(now)));
    });
}

unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    /// Counted as if both lived for a moment, as they do in a Worker.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What the work gives, and the most bytes it held at once.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    let given = work();
    (given, HELD.with(|held| held.get().1.saturating_sub(before)))
}
