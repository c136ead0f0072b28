//! An allocator that wipes every block when it is freed or moved, so that no copy of a secret that a library
//! made on its way is left for a core dump or for the host's next allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{Ordering, compiler_fence};

/// The system's allocator, with wiping.
pub struct WipingAllocator;

// SAFETY: every block comes from `System` with the caller's layout and goes back to it with the same one;
// between the two only bytes inside that block are touched.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract, which is System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller owns `layout.size()` bytes at `block`, and nobody reads them any more. They are
        // written before the block is given back. The fence keeps the writes, which nothing reads, from
        // being removed; the call to free that follows may read the block as far as the compiler knows.
        unsafe {
            wipe(block, layout.size());
            compiler_fence(Ordering::SeqCst);
            System.dealloc(block, layout);
        }
    }

    // `realloc` is GlobalAlloc's own: a new block, a copy, and `dealloc`, which wipes the old one.
}

/// Writes zeros, in pieces below the size from which libc's memset turns to `rep stosb`: a login frees few blocks that are
/// larger, and for those the instruction costs more to start than it saves.
///
/// # Safety
/// `block` is valid for writes of `size` bytes.
unsafe fn wipe(block: *mut u8, size: usize) {
    const PIECE: usize = 1024;
    let mut done = 0;
    while size - done > PIECE {
        // SAFETY: `done + PIECE < size`, and the caller says that as many bytes may be written.
        unsafe { block.add(done).write_bytes(0, PIECE) };
        done += PIECE;
    }
    // SAFETY: these are the rest of the caller's bytes.
    unsafe { block.add(done).write_bytes(0, size - done) };
}
