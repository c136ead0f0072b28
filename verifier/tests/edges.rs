//! The ends of windows and tolerances, to the second and to the step; and codes that two steps share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use twinlock_verifier::edit::EditFault;
use twinlock_verifier::record::{Remembered, SourceWait};
use twinlock_verifier::steps::Match;
use twinlock_verifier::{
    Acceptance, Accepted, Algorithm, Authenticator, By, Credential, Limits, Record, RecoverySet, Rejection,
    Request, Source, Typed, Verdict, judge, recovery, steps,
};

/// The beginning of a step of 30 seconds and of one of 60.
const NOW: i64 = 1_900_000_020;

fn authenticator(id: u32, period: u16) -> Authenticator {
    Authenticator {
        id,
        label: format!("phone {id}"),
        secret: vec![id as u8; 20].into(),
        algorithm: Algorithm::Sha1,
        digits: 6,
        period,
        enrolled: 0,
    }
}

fn credential(authenticators: &[Authenticator]) -> Credential {
    Credential { authenticators: authenticators.to_vec(), recovery: None }
}

fn registered(credential: &Credential) -> Record {
    let mut record = Record::new("maria");
    record.register(credential);
    record
}

#[test]
fn of_two_steps_with_one_code_the_middle_one_counts_and_then_the_earlier() {
    let phone = authenticator(1, 30);
    // Found with Python's hmac: the secret of twenty bytes 1 has these codes twice.
    let find = |code, step: i64, last| steps::find(&phone, code, step * 30 + 7, last, 0);
    for (middle, last, expected) in [
        (63_344_378, 0, Match::Fresh { step: 63_344_378, offset: 0 }),
        (63_344_379, 0, Match::Fresh { step: 63_344_379, offset: 0 }),
        (63_344_378, 63_344_378, Match::Fresh { step: 63_344_379, offset: 1 }),
        (63_344_379, 63_344_379, Match::Replayed),
        (63_344_380, 0, Match::Fresh { step: 63_344_379, offset: -1 }),
    ] {
        assert_eq!(find("211724", middle, last), expected, "{middle} {last}");
    }
    assert_eq!(find("339909", 60_216_135, 0), Match::Fresh { step: 60_216_134, offset: -1 });
    assert_eq!(find("339909", 60_216_135, 60_216_134), Match::Fresh { step: 60_216_136, offset: 1 });
}

#[test]
fn a_record_that_burned_nothing_has_used_no_step_and_knows_no_time() {
    let phone = authenticator(1, 30);
    let record = registered(&credential(std::slice::from_ref(&phone)));
    assert_eq!((record.last_used_step(&phone), record.newest()), (0, None));
}

#[test]
fn a_record_is_ahead_from_the_61st_second_and_only_then_does_unlocking_bring_it_back() {
    let phone = authenticator(1, 30);
    let all = credential(std::slice::from_ref(&phone));
    for (ahead, known) in [(0, None), (60, None), (61, Some(NOW + 61)), (62, Some(NOW + 62))] {
        let mut record = registered(&all);
        record.last = Some(Acceptance { at: NOW + ahead, policy: [0; 32], service: "till".to_owned() });
        record.authenticators[0].last_step = steps::step_at(NOW, 30).unwrap() + 1;
        let (past, future) = (NOW, NOW + 1);
        for since in [past, future] {
            record.remembered.push(Remembered { source: [since as u8; 16], service: [0; 16], since });
        }
        assert_eq!(record.ahead_until(NOW, Some(&all)), known, "{ahead}");
        record.unlock(NOW, Some(&all));
        let at = record.last.as_ref().unwrap().at;
        let kept: Vec<_> = record.remembered.iter().map(|entry| entry.since).collect();
        if known.is_some() {
            assert_eq!((at, record.authenticators[0].last_step, record.burned_until), (NOW, 0, NOW));
            assert_eq!(kept, [past]);
        } else {
            assert_eq!((at, record.burned_until), (NOW + ahead, 0));
            assert_eq!(record.authenticators[0].last_step, steps::step_at(NOW, 30).unwrap() + 1);
            assert_eq!(kept, [past, future]);
        }
    }
}

#[test]
fn a_step_is_of_the_future_when_it_begins_more_than_an_hour_from_now() {
    let phone = authenticator(1, 30);
    let all = credential(std::slice::from_ref(&phone));
    for (steps_ahead, known) in [(120, None), (121, Some(NOW + 3630))] {
        let mut record = registered(&all);
        record.authenticators[0].last_step = steps::step_at(NOW, 30).unwrap() + steps_ahead;
        assert_eq!(record.ahead_until(NOW, Some(&all)), known);
    }
}

#[test]
fn a_removed_phone_is_remembered_by_its_own_period() {
    let (phone, spare) = (authenticator(1, 30), authenticator(2, 60));
    let both = credential(&[phone.clone(), spare.clone()]);
    for (kept, end) in [(&phone, NOW + 60), (&spare, NOW + 30)] {
        let mut record = registered(&both);
        for (entry, one) in record.authenticators.iter_mut().zip(&both.authenticators) {
            entry.last_step = steps::step_at(NOW, one.period).unwrap();
        }
        let next = record.edited(Some(&both), &credential(std::slice::from_ref(kept)), None, NOW).unwrap();
        assert_eq!(next.retired_until, end, "{}", kept.label);
    }
}

#[test]
fn a_recovery_code_is_sixteen_letters_of_base32_and_reads_back() {
    let code = [0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let written = recovery::encode(&code);
    assert_eq!(written.as_str(), "74AACAQDAQCQMBYI");
    assert_eq!(recovery::decode(&written).as_deref(), Some(&code));
}

#[test]
fn each_credential_has_a_fingerprint_of_its_own() {
    let (phone, spare) = (authenticator(1, 30), authenticator(2, 30));
    let set = RecoverySet { salt: vec![1; 16], rounds: 100_000, hashes: vec![[1; 32]; 10] };
    let all = [
        credential(std::slice::from_ref(&phone)),
        credential(std::slice::from_ref(&spare)),
        credential(&[phone.clone(), spare.clone()]),
        credential(&[spare, phone.clone()]),
        Credential { authenticators: vec![phone], recovery: Some(set) },
    ];
    for (place, one) in all.iter().enumerate() {
        assert_eq!(one.fingerprint(), one.clone().fingerprint());
        assert!(all.iter().take(place).all(|other| other.fingerprint() != one.fingerprint()), "{place}");
    }
}

#[test]
fn a_fault_of_an_edit_has_its_word_and_its_sentence() {
    for (fault, word, sentence) in [
        (EditFault::Unconfirmed, "not_confirmed", "an authenticator is new, and no code of it was given"),
        (
            EditFault::TooSoon,
            "confirm_too_soon",
            "the new authenticator's code is of a time whose codes count as used",
        ),
        (EditFault::Altered, "parameters_changed", "a known secret with other digits or another period"),
    ] {
        assert_eq!((fault.reason(), fault.to_string().as_str()), (word, sentence));
    }
}

#[test]
fn a_source_makes_room_when_its_wait_is_over_for_more_than_the_longest_wait() {
    let limits = Limits::default();
    let over = NOW - 3600;
    for (now, counted_with_others) in [(NOW, 1), (NOW + 1, 0)] {
        let mut record = Record::new("maria");
        for number in 0..16u8 {
            let key = Source::V4([10, 0, 0, number]).key();
            record.sources.push(SourceWait { key, failures: 1, until: over });
        }
        record.count_failure(&limits, Source::V4([10, 0, 1, 0]), now);
        assert_eq!((record.overflow.failures, record.sources.len()), (counted_with_others, 16));
    }
}

#[test]
fn a_wait_doubles_until_no_number_of_seconds_is_longer() {
    let limits = Limits { free_failures: 1, first_wait: 1, longest_wait: u64::MAX, disable_after: 1000 };
    for (failures, wait) in
        [(1, 1), (2, 2), (3, 4), (62, 1 << 61), (63, 1 << 62), (65, i64::MAX), (200, i64::MAX)]
    {
        let mut record = Record::new("maria");
        record.sources.push(SourceWait { key: Source::Local.key(), failures: failures - 1, until: 0 });
        record.count_failure(&limits, Source::Local, 0);
        assert_eq!(record.sources[0].until, wait, "{failures}");
    }
}

#[test]
fn each_rejection_has_a_word_that_leads_back_to_it_and_only_what_was_evaluated_must_be_recorded() {
    for (rejection, word, evaluated) in [
        (Rejection::Empty, "empty", false),
        (Rejection::Unshaped, "unshaped", false),
        (Rejection::Replayed, "replayed", true),
        (Rejection::Wrong, "wrong", true),
        (Rejection::WrongRecovery, "wrong_recovery_code", true),
        (Rejection::Throttled { wait: 7 }, "throttled", false),
        (Rejection::Disabled, "disabled", false),
        (Rejection::Clock, "clock", false),
        (Rejection::Unregistered, "credential_unregistered", false),
    ] {
        assert_eq!((rejection.word(), Rejection::from_word(word, 7)), (word, Some(rejection)));
        assert_eq!(Verdict::Rejected(rejection).must_be_recorded(), evaluated, "{word}");
    }
    assert_eq!(Rejection::from_word("", 0), None);
    let accepted = Accepted { by: By::RecoveryCode { left: 1 }, failures: 0, failing_since: 0 };
    assert!(Verdict::Accepted(accepted).must_be_recorded());
}

#[test]
fn of_two_phones_that_show_one_code_the_first_is_named_and_used_up_and_then_the_other() {
    let two = credential(&[authenticator(1, 30), authenticator(2, 30)]);
    let mut record = registered(&two);
    // Found with Python's hmac: in this step, the secrets of twenty bytes 1 and of twenty bytes 2 have this code.
    let (step, code) = (60_348_228, "619904");
    for expected in [Some("phone 1"), Some("phone 2"), None] {
        let typed = Typed::from_bytes(code.as_bytes());
        let request = Request {
            typed: &typed,
            recovery_hash: None,
            credential: &two.clone().into(),
            now: step * 30 + 7,
            built: 0,
            source: Source::Local,
            service: "till",
            policy: [0; 32],
            limits: &Limits::default(),
        };
        match (judge(&request, &mut record), expected) {
            (Verdict::Accepted(accepted), Some(label)) => {
                assert_eq!(accepted.by, By::Authenticator(label.to_owned()));
            }
            (verdict, _) => assert_eq!((verdict, expected), (Verdict::Rejected(Rejection::Replayed), None)),
        }
    }
}
