//! An enrolment under way, as its file says it.

use twinlock_enrollment::pending::Pending;

use crate::said;

pub fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match Pending::parse(text) {
        Ok(pending) => {
            assert!(text.len() <= Pending::MAX_BYTES);
            assert_eq!(*pending.to_text(), *text, "what is read is not what would be written");
            // A name in it may hold the same letters: that the secret is not told shows when another one changes nothing.
            let mut other = pending.clone();
            other.secret.iter_mut().for_each(|byte| *byte = !*byte);
            assert_eq!(format!("{pending:?}"), format!("{other:?}"), "the secret is told");
            // Nobody else's, nor at another time.
            assert!(!pending.reusable_by(
                &pending.service,
                &format!("{}x", pending.source),
                pending.first_shown
            ));
            assert!(!pending.reusable_by(
                &pending.service,
                &pending.source,
                pending.first_shown.wrapping_add(601)
            ));
            true
        }
        Err(fault) => {
            said::nothing_of(bytes, &format!("{fault} {fault:?}"));
            false
        }
    }
}
