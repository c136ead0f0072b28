//! `[throttle]`: how wrong codes are slowed down. The policy only says; the verifier does it.

use toml::de::DeTable;

use crate::keys::Level;
use crate::reader::Reader;

const DAY: u64 = 86_400;

/// How wrong codes are slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Consecutive failures without any wait (0 to 20).
    pub free_failures: u32,
    /// The wait after the next failure, doubling with each further one: 1 s to 1 h, in seconds.
    pub first_wait: u64,
    /// The longest wait, at least `first_wait` and at most 1 d, in seconds.
    pub longest_wait: u64,
    /// Consecutive failures, over any time, after which an administrator must unlock (1 to 1000, and more than
    /// `free_failures`). NIST SP 800-63B-4, 3.2.2 wants at most 100.
    pub disable_after: u32,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle { free_failures: 3, first_wait: 5, longest_wait: 3600, disable_after: 100 }
    }
}

impl Throttle {
    /// Reads the table whose key stands at a byte offset; what is left out or at fault keeps its default.
    pub(crate) fn read(reader: &mut Reader<'_>, at: usize, table: &DeTable<'_>) -> Throttle {
        let mut throttle = Throttle::default();
        for (key, value) in table {
            match &**key.get_ref() {
                "free_failures" => {
                    throttle.free_failures =
                        reader.number(key, value, 0..=20).map_or(throttle.free_failures, |set| set.value);
                }
                "first_wait" => {
                    throttle.first_wait =
                        reader.duration(key, value, 1..=3600).map_or(throttle.first_wait, |set| set.value);
                }
                "longest_wait" => {
                    throttle.longest_wait =
                        reader.duration(key, value, 1..=DAY).map_or(throttle.longest_wait, |set| set.value);
                }
                "disable_after" => {
                    throttle.disable_after =
                        reader.number(key, value, 1..=1000).map_or(throttle.disable_after, |set| set.value);
                }
                _ => reader.unknown(Level::Throttle, key),
            }
        }
        if throttle.longest_wait < throttle.first_wait {
            reader.fault(at, "longest_wait is shorter than first_wait", "make longest_wait the longer one");
        }
        if throttle.disable_after <= throttle.free_failures {
            let message = "disable_after is not more than free_failures";
            reader.fault(at, message, "make disable_after the larger one");
        }
        throttle
    }
}
