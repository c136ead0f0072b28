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
        let factor = 1u64.checked_shl(further).unwrap_or(u64::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }

    fn until(&self, now: i64, failures: u32, free: u32) -> i64 {
        now.saturating_add_unsigned(self.wait_after(failures, free))
    }

    /// Brings the end of a wait to where it can be at most: a clock that was ahead, or a policy that asked for more,
    /// makes nobody wait longer from now on than the failures are worth.
    fn bound(&self, now: i64, until: &mut i64, failures: u32, free: u32) {
        *until = (*until).min(self.until(now, failures, free));
    }

    /// Failures over all sources that cost nothing.
    fn free_in_total(&self) -> u32 {
        self.free_failures.saturating_mul(TOTAL_FACTOR)
    }
}

/// What is left of a wait at `now`, in seconds.
fn left(now: i64, until: i64) -> u64 {
    u64::try_from(until.saturating_sub(now)).unwrap_or(0)
}

/// Where a source is counted.
enum Bucket {
    /// In this place of the list.
    Listed(usize),
    /// Nowhere yet; there is room in the list.
    Room,
    /// Nowhere yet; the one in this place has been quiet for so long that it may go. The total stays.
    InPlaceOf(usize),
    /// With all others.
    Overflow,
}

impl Record {
    /// Whether codes are disabled until an administrator unlocks.
    pub fn is_disabled(&self, limits: &Limits) -> bool {
        self.failures >= limits.disable_after
    }

    /// Brings every wait to where it can be at most at `now`. To be done, and kept, before a wait is looked at: else
    /// a wait that was set while the clock was ahead lasts until the clock is there again.
    pub fn bound_waits(&mut self, limits: &Limits, now: i64) {
        limits.bound(now, &mut self.wait_until, self.failures, limits.free_in_total());
        limits.bound(now, &mut self.recovery_wait_until, self.recovery_failures, limits.free_failures);
        for wait in self.sources.iter_mut().chain([&mut self.overflow]) {
            limits.bound(now, &mut wait.until, wait.failures, limits.free_failures);
        }
    }

    /// Seconds that this source has to wait before a code of it is looked at; 0 when it need not.
    pub fn wait_left(&self, limits: &Limits, source: Source, now: i64) -> u64 {
        let own = match self.bucket(limits, source, now) {
            Bucket::Listed(place) => self.sources.get(place).map_or(0, |wait| left(now, wait.until)),
            Bucket::Room | Bucket::InPlaceOf(_) => 0,
            Bucket::Overflow => left(now, self.overflow.until),
        };
        own.max(left(now, self.wait_until))
    }

    /// Seconds before a recovery code is looked at.
    pub fn recovery_wait_left(&self, now: i64) -> u64 {
        left(now, self.recovery_wait_until)
    }

    /// Counts a wrong code.
    pub fn count_failure(&mut self, limits: &Limits, source: Source, now: i64) {
        if self.failures == 0 {
            self.failing_since = now;
        }
        self.failures = self.failures.saturating_add(1);
        self.wait_until = limits.until(now, self.failures, limits.free_in_total());
        let wait = self.wait_of(source, limits, now);
        wait.failures = wait.failures.saturating_add(1);
        wait.until = limits.until(now, wait.failures, limits.free_failures);
    }

    /// Counts a wrong recovery code.
    pub fn count_recovery_failure(&mut self, limits: &Limits, now: i64) {
        self.recovery_failures = self.recovery_failures.saturating_add(1);
        self.recovery_wait_until = limits.until(now, self.recovery_failures, limits.free_failures);
    }

    /// Forgets the user's failures and those counted where the source that just succeeded is counted.
    pub fn clear_failures(&mut self, limits: &Limits, source: Source, now: i64) {
        self.failures = 0;
        self.failing_since = 0;
        self.wait_until = 0;
        match self.bucket(limits, source, now) {
            Bucket::Listed(place) => drop(self.sources.swap_remove(place)),
            Bucket::Overflow => self.overflow = SourceWait::NONE,
            Bucket::Room | Bucket::InPlaceOf(_) => {}
        }
    }

    fn bucket(&self, limits: &Limits, source: Source, now: i64) -> Bucket {
        let key = source.key();
        if source == Source::Named {
            return Bucket::Overflow;
        }
        if let Some(place) = self.sources.iter().position(|wait| wait.key == key) {
            return Bucket::Listed(place);
        }
        if self.sources.len() < SOURCES {
            return Bucket::Room;
        }
        let quiet = |wait: &SourceWait| wait.until.saturating_add_unsigned(limits.longest_wait) < now;
        self.sources.iter().position(quiet).map_or(Bucket::Overflow, Bucket::InPlaceOf)
    }

    fn wait_of(&mut self, source: Source, limits: &Limits, now: i64) -> &mut SourceWait {
        let fresh = SourceWait { key: source.key(), ..SourceWait::NONE };
        let place = match self.bucket(limits, source, now) {
            Bucket::Listed(place) => place,
            Bucket::Room => {
                self.sources.push(fresh);
                self.sources.len().saturating_sub(1)
            }
            Bucket::InPlaceOf(place) => {
                if let Some(wait) = self.sources.get_mut(place) {
                    *wait = fresh;
                }
                place
            }
            Bucket::Overflow => return &mut self.overflow,
        };
        match self.sources.get_mut(place) {
            Some(wait) => wait,
            None => &mut self.overflow,
        }
    }
}
