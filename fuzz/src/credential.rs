//! The credential's file, which lies where its user can write anything into it.

use twinlock_verifier::steps::code_at;
use twinlock_verifier::{Credential, Record, recovery};

use crate::said;

/// The beginning of a text that our own writer wrote, which is read without a TOML parser; and another of the same length,
/// with which it is not.
const HEADS: [&[u8]; 2] = [b"# Twinlock credential.", b"# twinlock credential."];

pub fn run(bytes: &[u8]) -> bool {
    both_readers_agree(bytes);
    let credential = match Credential::parse(bytes) {
        Ok(credential) => credential,
        Err(fault) => {
            said::nothing_of(bytes, &format!("{fault} {fault:?}"));
            return false;
        }
    };
    said::nothing_of(bytes, &format!("{credential:?}"));
    is_within_bounds(&credential);

    let text = credential.to_text();
    let again = Credential::parse(text.as_bytes()).expect("what was written is not read");
    assert!(is_same(&credential, &again), "what was written reads as something else");
    assert!(text == again.to_text(), "what was written is written otherwise");
    // Its end is what makes it whole: cut anywhere it is nothing. A few places of each input; all of them are in
    // verifier/tests/damage.rs.
    for part in [1, 2, 3] {
        let cut = text.len() * part / 4;
        assert!(Credential::parse(&text.as_bytes()[..cut]).is_err(), "cut at {cut}, it is still read");
    }

    let mut record = Record::new("maria");
    record.register(&credential);
    assert!(record.knows(&credential.into()) && record.knows(&again.into()));
    true
}

fn both_readers_agree(bytes: &[u8]) {
    let Some(rest) = bytes.strip_prefix(HEADS[0]) else { return };
    match (Credential::parse(bytes), Credential::parse(&[HEADS[1], rest].concat())) {
        (Ok(quick), Ok(slow)) => assert!(is_same(&quick, &slow), "the quick reader reads something else"),
        (Err(quick), Err(slow)) => assert_eq!(quick, slow),
        (Ok(_), Err(fault)) => panic!("the quick reader reads what the other does not: {fault}"),
        (Err(fault), Ok(_)) => panic!("the other reader reads what the quick one does not: {fault}"),
    }
}

fn is_within_bounds(credential: &Credential) {
    assert!((1..=64).contains(&credential.authenticators.len()));
    for one in &credential.authenticators {
        assert!((10..=128).contains(&one.secret.len()) && (6..=8).contains(&one.digits));
        assert!((15..=120).contains(&one.period));
        assert!(!one.label.is_empty() && !one.label.contains(char::is_control));
        let code = code_at(one, 1_900_000_000);
        assert!(code.len() == usize::from(one.digits) && code.bytes().all(|byte| byte.is_ascii_digit()));
    }
    for (place, one) in credential.authenticators.iter().enumerate() {
        let others = &credential.authenticators[place + 1..];
        assert!(others.iter().all(|other| (other.id, &other.label) != (one.id, &one.label)));
        assert!(others.iter().all(|other| other.secret != one.secret));
    }
    if let Some(set) = &credential.recovery {
        assert!((1..=recovery::CODES).contains(&set.hashes.len()) && recovery::ROUNDS.contains(&set.rounds));
        assert!((16..=64).contains(&set.salt.len()));
    }
}

/// Everything, and not by the fingerprints alone: those leave the time of enrolment out.
pub fn is_same(one: &Credential, other: &Credential) -> bool {
    let all = |credential: &Credential| -> Vec<_> {
        let parts = credential.authenticators.iter();
        parts.map(|one| (one.fingerprint(), one.secret.clone(), one.label.clone(), one.enrolled)).collect()
    };
    all(one) == all(other) && one.recovery == other.recovery && one.fingerprint() == other.fingerprint()
}
