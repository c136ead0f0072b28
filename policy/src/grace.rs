//! How long a user who must enrol may still put it off. Recomputed at every login from the policy that holds then, so
//! that a changed date counts at once.

use crate::decision::{Decision, Requirement};

/// Whether an un-enrolled user may still skip enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Until this instant (seconds since the epoch, exclusive).
    Until(i64),
    /// No longer, and since when; `None` where there never was any, or the clock cannot be trusted to say.
    Over(Option<i64>),
}

/// The grace of an un-enrolled user under a decision that requires a code.
///
/// `start` is what the ledger holds for the decision's `grace_key`: the user's first login under it, in seconds since
/// the epoch; `None` at that first login, which the caller then records. `clock_is_behind` as in
/// [`Subject`](crate::Subject).
pub fn grace(decision: &Decision, start: Option<i64>, now: i64, clock_is_behind: bool) -> Grace {
    let future = start.is_some_and(|start| start > now);
    // A start in the future was recorded by a clock that ran ahead; counting from it would stretch the grace.
    if clock_is_behind || future || decision.requirement != Requirement::Required {
        return Grace::Over(None);
    }
    let by_days =
        decision.grace_days.map(|days| start.unwrap_or(now).saturating_add(i64::from(days) * 86_400));
    let end = match (decision.enroll_by, by_days) {
        (Some(one), Some(two)) => one.min(two),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Grace::Over(None),
    };
    if now < end { Grace::Until(end) } else { Grace::Over(Some(end)) }
}
