//! Every word that this door says, in one place, in English, so that it can be translated one day (the help of the
//! options alone stands with them, in `cli`). Nothing is decided here. What came from a file, a directory or a user is
//! defused before it goes to a terminal.

mod administration;
mod doctor;
mod enrolment;
mod errors;
mod moving;
mod policies;
mod setup;
mod standing;
mod upkeep;

pub use administration::{
    DENIED, cannot_enrol_by, orphans, orphans_question, progress, report, reset, reset_question, unlocked,
};
pub use doctor::{Told, diagnosis, problem};
pub use enrolment::{
    HASHING, REGISTERED, Registrar, VERIFICATION_CODE, Words, add_introduction, added_unattended,
    code_was_not_right, enroll_introduction, enrolled, handed_over, key_and_account, key_beside,
    not_shaped_like_a_code, picture_is_a_secret, registration, scan_the_file, unattended, window_too_small,
};
pub use errors::{
    error, mend_policy_file, policy_is_broken_meanwhile, rejection_word, what, without_the_ledger,
};
pub use moving::{
    import_credential_gone, import_damaged, import_no_file, import_no_user, import_other_credential,
    import_remark, imported,
};
pub use policies::{
    doubt, explanation, findings, group_not_looked_up, mismatch, no_administrator_enrolled,
    no_administrator_gets_in, no_way_to_enrol, nothing_was_changed, policy_in_force, policy_is_invalid,
    policy_is_sound, required, required_but, root_cannot_answer, trial, trial_but, trial_report,
    unknown_group,
};
pub use setup::{setup, setup_done, setup_trouble, undone};
pub use standing::{code_is_right, status};
pub use upkeep::{
    ANOTHER_NAME, CODE_IS_TOO_OLD, CODE_IS_TOO_SOON, CODE_OF_WHAT_IS_SET_UP, MAKING_RECOVERY_CODES,
    SEALED_OFFER, TOO_LATE, WHICH_ONE, YOUR_CHOICE, added, all_replaced, authenticators, helper_trouble,
    moved, name_for_it, offer, recovery_code_used, recovery_codes, switched, upkeep_error,
    wrong_codes_before,
};

use twinlock_system::clock;

/// Unix seconds as RFC 3339, to the second, in UTC.
pub fn instant(unix: i64) -> String {
    clock::readable(unix).replacen(' ', "T", 1).replace(" UTC", "Z")
}

/// A text with `?` for what would move a cursor or turn the direction of writing.
fn defused(text: &str) -> String {
    let odd = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(odd, "?")
}

/// `1 code`, `2 codes`.
fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
