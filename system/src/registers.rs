//! Vector registers. libc copies texts through them, and what was copied last stays in them, for a core dump of whatever
//! the process does next to show.

use std::hint::black_box;

/// More than libc's copying loop holds at once, and less than it copies without these registers.
const BYTES: usize = 1024;

/// Copies zeros the way texts are copied. To be called where secrets were handled and are no longer needed.
pub fn wipe() {
    let zeros = black_box([0u8; BYTES]);
    let mut copy = black_box([1u8; BYTES]);
    copy.copy_from_slice(&zeros);
    black_box(&copy);
}
