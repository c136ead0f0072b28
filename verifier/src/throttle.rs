//! How many wrong codes, and how long to wait after them (NIST SP 800-63B, section 3.2.2).
//!
//! Three counts: of one source, of everything else together, and of the user over all sources. The last is
//! what stops somebody with many addresses; it starts later, so that one stranger's guesses do not make the
//! owner wait.

use crate::record::{Record, SourceWait};
use crate::source::Source;

/// Sources that are counted one by one; all others share one count.
pub const SOURCES: usize = 16;
/// The user's total may be this many times the free failures of one source before it makes all wait.
const TOTAL_FACTOR: u32 = 10;

/// The numbers of the policy's `[throttle]`. Times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrong codes without a wait.
    pub free_failures: u32,
    /// The first wait.
    pub first_wait: u64,
    /// Waits double up to this.
    pub longest_wait: u64,
    /// Consecutive failures after which codes are disabled until an administrator unlocks.
    pub disable_after: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { free_failures: 3, first_wait: 5, longest_wait: 3600, disable_after: 100 }
    }
}

impl Limits {
    /// Seconds to wait after failure number `failures`, of which `free` cost nothing.
    fn wait_after(&self, failures: u32, free: u32) -> u64 {
        let Some(further) = failures.checked_sub(free.max(1)) else { return 0 };
        let factor = 1u64.checked_shl(further).filter(|_| further < 63).unwrap_or(u64::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }

    fn until(&self, now: i64, failures: u32, free: u32) -> i64 {
        now.saturating_add_unsigned(self.wait_after(failures, free))
    }

    /// What is left of a wait at `now`. A clock that was ahead never makes anybody wait longer than the
    /// longest wait.
    fn left(&self, now: i64, until: i64) -> u64 {
        u64::try_from(until.saturating_sub(now)).unwrap_or(0).min(self.longest_wait)
    }
}

impl Record {
    /// Whether codes are disabled until an administrator unlocks.
    pub fn is_disabled(&self, limits: &Limits) -> bool {
        self.failures >= limits.disable_after
    }

    /// Seconds that this source has to wait before a code of it is looked at; 0 when it need not.
    pub fn wait_left(&self, limits: &Limits, source: Source, now: i64) -> u64 {
        let known = self.sources.iter().find(|wait| wait.key == source.key());
        let own = match known {
            Some(wait) if source != Source::Named => wait,
            None if source != Source::Named && self.sources.len() < SOURCES => &SourceWait::NONE,
            _ => &self.overflow,
        };
        limits.left(now, own.until).max(limits.left(now, self.wait_until))
    }

    /// Seconds before a recovery code is looked at.
    pub fn recovery_wait_left(&self, limits: &Limits, now: i64) -> u64 {
        limits.left(now, self.recovery_wait_until)
    }

    /// Counts a wrong code.
    pub fn count_failure(&mut self, limits: &Limits, source: Source, now: i64) {
        if self.failures == 0 {
            self.failing_since = now;
        }
        self.failures = self.failures.saturating_add(1);
        self.wait_until = limits.until(now, self.failures, limits.free_failures.saturating_mul(TOTAL_FACTOR));
        let wait = self.wait_of(source, limits, now);
        wait.failures = wait.failures.saturating_add(1);
        wait.until = limits.until(now, wait.failures, limits.free_failures);
    }

    /// Counts a wrong recovery code.
    pub fn count_recovery_failure(&mut self, limits: &Limits, now: i64) {
        self.recovery_failures = self.recovery_failures.saturating_add(1);
        self.recovery_wait_until = limits.until(now, self.recovery_failures, limits.free_failures);
    }

    /// Forgets the user's failures and those of the source that just succeeded.
    pub fn clear_failures(&mut self, source: Source) {
        self.failures = 0;
        self.failing_since = 0;
        self.wait_until = 0;
        if source == Source::Named {
            self.overflow = SourceWait::NONE;
        }
        self.sources.retain(|wait| wait.key != source.key());
    }

    fn wait_of(&mut self, source: Source, limits: &Limits, now: i64) -> &mut SourceWait {
        if source == Source::Named {
            return &mut self.overflow;
        }
        let key = source.key();
        let place = match self.sources.iter().position(|wait| wait.key == key) {
            Some(place) => place,
            None if self.sources.len() < SOURCES => {
                self.sources.push(SourceWait { key, ..SourceWait::NONE });
                self.sources.len().saturating_sub(1)
            }
            // A source that has been quiet for the longest wait after its own may go; the total stays.
            None => {
                let quiet = |wait: &SourceWait| wait.until.saturating_add_unsigned(limits.longest_wait) < now;
                match self.sources.iter().position(quiet) {
                    Some(place) => {
                        if let Some(wait) = self.sources.get_mut(place) {
                            *wait = SourceWait { key, ..SourceWait::NONE };
                        }
                        place
                    }
                    None => return &mut self.overflow,
                }
            }
        };
        match self.sources.get_mut(place) {
            Some(wait) => wait,
            None => &mut self.overflow,
        }
    }
}
