//! `verify`: is this code right? Recorded, throttled and logged like a login's, for a screen locker's module and for
//! `twinlock verify`.

use crate::answer::Answer;
use crate::visit::Visit;

/// Judges the answer.
pub fn run(visit: &Visit<'_>) -> Answer {
    let credential = match visit.credential() {
        Ok(Some(credential)) => credential,
        Ok(None) => return visit.refuse("code_rejected", "not_enrolled"),
        Err(answer) => return answer,
    };
    match visit.judge(&credential) {
        Ok(accepted) => Answer::accepted().with_acceptance(&accepted),
        Err(answer) => answer,
    }
}
