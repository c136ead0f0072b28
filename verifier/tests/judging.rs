//! One path for right and wrong: what is accepted, what is refused and why, and what is remembered of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use twinlock_verifier::record::Slots;
use twinlock_verifier::verdict::CLOCK_TOLERANCE;
use twinlock_verifier::{
    Algorithm, Authenticator, By, Credential, Limits, Record, RecoverySet, Rejection, Request, Source, Typed,
    Verdict, judge, recovery, steps,
};

/// A time in the middle of a step of 30 seconds, after every build.
const NOW: i64 = 1_900_000_005;
const BUILT: i64 = 1_764_000_000;
/// By Python's hashlib, see the test.
const PBKDF2: &str = "33258c48269f550b50b3ad10e8235cef9bcb10a0773f4e2de3e5fce5766caf49";
const HOME: Source = Source::V4([192, 0, 2, 7]);

fn authenticator(id: u32, label: &str, digits: u8) -> Authenticator {
    Authenticator {
        id,
        label: label.to_owned(),
        secret: vec![id as u8; 20].into(),
        algorithm: Algorithm::Sha1,
        digits,
        period: 30,
        enrolled: BUILT,
    }
}

/// A user with a credential, a record and a clock.
#[derive(Clone)]
struct Login {
    credential: Credential,
    record: Record,
    now: i64,
    source: Source,
    limits: Limits,
}

impl Login {
    fn new() -> Self {
        let hashes = (0..10u8).map(|code| hash_of(&[code; 10])).collect();
        Self {
            credential: Credential {
                authenticators: vec![authenticator(1, "phone", 6)],
                recovery: Some(RecoverySet { salt: vec![7; 16], rounds: 100_000, hashes }),
            },
            record: Record::new("maria"),
            now: NOW,
            source: HOME,
            limits: Limits::default(),
        }
    }

    fn enrolled() -> Self {
        let mut login = Self::new();
        login.record.register(&login.credential);
        login
    }

    /// What the first phone shows so many steps from now.
    fn code(&self, steps: i64) -> String {
        let time = self.now + steps * 30;
        steps::code_at(&self.credential.authenticators[0], u64::try_from(time).unwrap())
    }

    fn wrong(&self) -> String {
        let near: Vec<String> = (-12..=12).map(|steps| self.code(steps)).collect();
        (0..).map(|code| format!("{code:06}")).find(|code| !near.contains(code)).unwrap()
    }

    fn judge(&mut self, answer: &str) -> Verdict {
        let typed = Typed::from_bytes(answer.as_bytes());
        let recovery_hash = match &typed {
            Typed::Recovery(code) => Some(hash_of(code)),
            _ => None,
        };
        let request = Request {
            typed: &typed,
            recovery_hash,
            credential: &self.credential.clone().into(),
            now: self.now,
            built: BUILT,
            source: self.source,
            service: "till",
            policy: [3; 32],
            limits: &self.limits,
        };
        let verdict = judge(&request, &mut self.record);
        // Whatever is remembered must survive the disk.
        let read = Slots::decode(&Slots::create(&self.record).unwrap()).unwrap();
        assert_eq!(read.record, self.record);
        verdict
    }

    fn accepted(&mut self, answer: &str) -> By {
        match self.judge(answer) {
            Verdict::Accepted(accepted) => accepted.by,
            Verdict::Rejected(rejection) => panic!("{rejection:?}"),
        }
    }

    fn rejected(&mut self, answer: &str) -> Rejection {
        match self.judge(answer) {
            Verdict::Rejected(rejection) => rejection,
            Verdict::Accepted(accepted) => panic!("{accepted:?}"),
        }
    }
}

/// PBKDF2 is tested where it is; here only which hash belongs to which code counts.
fn hash_of(code: &[u8; 10]) -> [u8; 32] {
    std::array::from_fn(|place| code[place % 10] ^ place as u8)
}

/// The recovery code whose bytes are all `number`.
fn recovery_code(number: u8) -> String {
    data_encoding::BASE32_NOPAD.encode(&[number; 10])
}

#[test]
fn recovery_hashes_are_pbkdf2_hmac_sha256() {
    // Computed by Python's hashlib.pbkdf2_hmac("sha256", b"0123456789", b"salt of 16 bytes", 100000).
    let hash = recovery::hash(b"0123456789", b"salt of 16 bytes", 100_000);
    assert_eq!(data_encoding::HEXLOWER.encode(&hash), PBKDF2);
}

#[test]
fn one_step_before_to_one_after_is_accepted_and_only_later_than_the_last() {
    for (steps, right) in [(-3, false), (-2, false), (-1, true), (0, true), (1, true), (2, false), (3, false)]
    {
        let mut login = Login::enrolled();
        let code = login.code(steps);
        match login.judge(&code) {
            Verdict::Accepted(_) => assert!(right, "{steps}"),
            Verdict::Rejected(rejection) => {
                assert!(!right && rejection == Rejection::Wrong, "{steps} {rejection:?}")
            }
        }
    }
    for (first, then) in [(0, 0), (0, -1), (1, 1), (1, 0), (1, -1), (-1, -1)] {
        let mut login = Login::enrolled();
        login.accepted(&login.code(first));
        let before = login.record.clone();
        assert_eq!(login.rejected(&login.code(then)), Rejection::Replayed, "{first} then {then}");
        assert_eq!(login.record, before, "a replay is not counted");
    }
    for (first, then) in [(-1, 0), (-1, 1), (0, 1)] {
        let mut login = Login::enrolled();
        login.accepted(&login.code(first));
        login.accepted(&login.code(then));
    }
}

/// A phone one step fast, and one slow, for ten logins in a row; cases.md, row 4.
#[test]
fn a_phone_one_step_off_is_followed_and_no_code_of_the_way_there_works_again() {
    for off in [1i64, -1] {
        let mut login = Login::enrolled();
        let mut used = Vec::new();
        for number in 0..10 {
            let code = login.code(off);
            login.accepted(&code);
            used.push(code);
            for code in &used {
                assert!(
                    matches!(login.rejected(code), Rejection::Replayed | Rejection::Wrong),
                    "{off} {number}"
                );
                login.record.clear_failures(&login.limits, HOME, login.now);
            }
            let drift = login.record.authenticators[0].drift;
            assert_eq!(i64::from(drift), if number == 0 { 0 } else { off }, "{off} login {number}");
            login.now += 60;
        }
    }
}

#[test]
fn drift_moves_one_step_a_login_and_four_in_all() {
    for way in [1i64, -1] {
        let mut login = Login::enrolled();
        let mut off = 0;
        for _ in 0..40 {
            let before = login.record.authenticators[0].drift;
            // A phone that runs away: always at the edge of the window.
            off = i64::from(before) + way;
            login.accepted(&login.code(off));
            let after = login.record.authenticators[0].drift;
            assert!(after.abs_diff(before) <= 1 && after.abs() <= 4);
            login.now += 300;
        }
        assert_eq!(off, way * 5, "the window's edge at the largest drift");
        assert_eq!(login.rejected(&login.code(way * 6)), Rejection::Wrong);
    }
}

#[test]
fn one_code_typed_late_does_not_move_the_window() {
    let mut login = Login::enrolled();
    for late in [-1, 0, -1, 1, -1, 0, 0, 1, -1, 0] {
        login.accepted(&login.code(late));
        assert_eq!(login.record.authenticators[0].drift, 0);
        login.now += 120;
    }
}

#[test]
fn an_answer_that_is_no_code_is_neither_counted_nor_remembered() {
    for (answer, expected) in [
        ("", Rejection::Empty),
        (" \t", Rejection::Empty),
        ("hunter2", Rejection::Unshaped),
        ("12345", Rejection::Unshaped),
        ("1234567", Rejection::Unshaped),
        ("12345678", Rejection::Unshaped),
        ("١٢٣٤٥٦", Rejection::Unshaped),
    ] {
        for mut login in [Login::new(), Login::enrolled()] {
            let before = login.record.clone();
            assert_eq!(login.rejected(answer), expected, "{answer:?}");
            assert_eq!(login.record, before, "{answer:?}");
        }
    }
}

#[test]
fn only_a_first_accepted_code_registers() {
    let mut login = Login::new();
    assert_eq!(login.rejected(&login.wrong()), Rejection::Wrong);
    assert_eq!(login.rejected(&recovery_code(3)), Rejection::Unshaped);
    assert!(
        !login.record.enrolled && login.record.authenticators.is_empty() && login.record.recovery.is_none()
    );
    assert_eq!(login.record.recovery_failures, 0);
    login.accepted(&login.code(0));
    assert!(login.record.enrolled && login.record.knows(&login.credential.clone().into()));
    assert_eq!(login.rejected(&login.code(0)), Rejection::Replayed, "the code that registered is used up");
    assert_eq!(login.accepted(&recovery_code(3)), By::RecoveryCode { left: 9 });
}

/// What a user does to their credential.
type Edit = (&'static str, fn(&mut Credential));

/// cases.md, row 55.
#[test]
fn whatever_its_user_edits_makes_a_credential_a_stranger() {
    let edits: [Edit; 10] = [
        ("an added authenticator", |file| file.authenticators.push(authenticator(2, "mine", 6))),
        ("another secret", |file| file.authenticators[0].secret = vec![9; 20].into()),
        ("a longer secret", |file| file.authenticators[0].secret.push(0)),
        ("another label", |file| file.authenticators[0].label = "maria".into()),
        ("another id", |file| file.authenticators[0].id = 2),
        ("fewer digits", |file| file.authenticators[0].digits = 7),
        ("another period", |file| file.authenticators[0].period = 60),
        ("another hash", |file| file.authenticators[0].algorithm = Algorithm::Sha256),
        ("another salt", |file| file.recovery.as_mut().unwrap().salt = vec![8; 16]),
        ("more rounds", |file| file.recovery.as_mut().unwrap().rounds = 1_000_000),
    ];
    let more: [Edit; 4] = [
        ("a recovery code of one's own", |file| {
            file.recovery.as_mut().unwrap().hashes[4] = hash_of(&[99; 10])
        }),
        ("recovery codes in another order", |file| file.recovery.as_mut().unwrap().hashes.swap(0, 1)),
        ("a recovery code less", |file| file.recovery.as_mut().unwrap().hashes.truncate(9)),
        ("no recovery codes", |file| file.recovery = None),
    ];
    for (name, edit) in edits.into_iter().chain(more) {
        let mut login = Login::enrolled();
        let code = login.code(0);
        edit(&mut login.credential);
        let before = login.record.clone();
        for answer in [&code, &login.code(0), &login.wrong(), &recovery_code(4), &recovery_code(99)] {
            assert_eq!(login.rejected(answer), Rejection::Unregistered, "{name}");
        }
        assert_eq!(login.record, before, "{name}");
    }
    // A phone fewer is no stranger, and what it had used stays used when the old file comes back.
    let mut login = Login::new();
    login.credential.authenticators.push(authenticator(2, "spare", 6));
    login.record.register(&login.credential);
    let code = login.code(0);
    login.accepted(&code);
    let old = login.credential.clone();
    login.credential.authenticators.remove(0);
    assert_eq!(login.rejected(&code), Rejection::Wrong);
    login.credential = old;
    assert_eq!(login.rejected(&code), Rejection::Replayed);
}

#[test]
fn a_shared_account_says_whose_code_it_was_and_each_works_once() {
    let mut login = Login::new();
    login.credential.authenticators =
        vec![authenticator(1, "maria", 6), authenticator(2, "otto", 6), authenticator(3, "jörg", 8)];
    login.record.register(&login.credential);
    for one in login.credential.authenticators.clone() {
        let code = steps::code_at(&one, u64::try_from(NOW).unwrap());
        assert_eq!(login.accepted(&code), By::Authenticator(one.label));
        assert_eq!(login.rejected(&code), Rejection::Replayed);
    }
}

#[test]
fn a_recovery_code_works_once_and_has_a_throttle_of_its_own() {
    let mut login = Login::enrolled();
    for number in 0..10 {
        assert_eq!(login.accepted(&recovery_code(number)), By::RecoveryCode { left: 9 - u32::from(number) });
        assert_eq!(login.rejected(&recovery_code(number)), Rejection::WrongRecovery);
        assert_eq!(login.record.failures, 0, "not the other throttle");
    }
    let mut login = Login::enrolled();
    for _ in 0..3 {
        assert_eq!(login.rejected(&recovery_code(77)), Rejection::WrongRecovery);
    }
    let before = login.record.clone();
    assert_eq!(login.rejected(&recovery_code(1)), Rejection::Throttled { wait: 5 });
    assert_eq!(login.record, before, "neither looked at nor used up");
    login.accepted(&login.code(0));
    assert_eq!(login.accepted(&recovery_code(1)), By::RecoveryCode { left: 9 }, "a success ends the wait");
    // And wrong codes of the phone do not keep a recovery code out.
    for _ in 0..3 {
        login.rejected(&login.wrong());
    }
    assert_eq!(login.rejected(&login.code(1)), Rejection::Throttled { wait: 5 });
    assert_eq!(login.accepted(&recovery_code(2)), By::RecoveryCode { left: 8 });
}

/// cases.md, row 38.
#[test]
fn a_hundred_wrong_codes_over_months_disable_codes_until_they_are_unlocked() {
    let mut login = Login::enrolled();
    for number in 0..100 {
        assert_eq!(login.rejected(&login.wrong()), Rejection::Wrong, "{number}");
        login.now += 2 * 86_400;
    }
    assert_eq!(login.rejected(&login.code(0)), Rejection::Disabled);
    assert_eq!(login.accepted(&recovery_code(0)), By::RecoveryCode { left: 9 });
    login.now += 365 * 86_400;
    assert_eq!(
        login.rejected(&login.code(0)),
        Rejection::Disabled,
        "a recovery code does not enable them again"
    );
    login.record.unlock(login.now, Some(&login.credential));
    login.accepted(&login.code(0));
    let verdict = Login::enrolled().judge("000000");
    assert!(matches!(verdict, Verdict::Rejected(Rejection::Wrong)) && verdict.must_be_recorded());
}

#[test]
fn a_success_tells_how_many_wrong_codes_there_were_and_since_when() {
    let mut login = Login::enrolled();
    login.rejected(&login.wrong());
    login.now += 100;
    login.rejected(&login.wrong());
    let Verdict::Accepted(accepted) = login.judge(&login.code(0)) else { panic!() };
    assert_eq!((accepted.failures, accepted.failing_since), (2, NOW));
    let Verdict::Accepted(accepted) = login.judge(&login.code(1)) else { panic!() };
    assert_eq!(accepted.failures, 0);
}

/// What is left to wait after each wrong code, and nothing is looked at meanwhile.
#[test]
fn waits_double_from_the_last_free_failure_up_to_the_longest() {
    let cases = [
        (Limits::default(), vec![0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]),
        (Limits { free_failures: 0, ..Limits::default() }, vec![5, 10, 20]),
        (Limits { free_failures: 1, ..Limits::default() }, vec![5, 10, 20]),
        (
            Limits { free_failures: 2, first_wait: 60, longest_wait: 100, disable_after: 1000 },
            vec![0, 60, 100, 100],
        ),
        (Limits { first_wait: u64::MAX, longest_wait: 7, ..Limits::default() }, vec![0, 0, 7, 7]),
    ];
    for (limits, waits) in cases {
        let mut login = Login { limits, ..Login::enrolled() };
        for (number, wait) in waits.into_iter().enumerate() {
            assert_eq!(login.rejected(&login.wrong()), Rejection::Wrong, "{limits:?} {number}");
            if wait > 0 {
                let before = login.record.clone();
                for (passed, left) in [(0, wait), (1, wait - 1), (wait - 1, 1)] {
                    login.now += i64::try_from(passed).unwrap();
                    if left > 0 {
                        let rejection = login.rejected(&login.code(0));
                        assert_eq!(rejection, Rejection::Throttled { wait: left }, "{limits:?} {number}");
                    }
                    login.now -= i64::try_from(passed).unwrap();
                }
                assert_eq!(login.record, before, "throttled attempts are not counted");
            }
            login.now += i64::try_from(wait).unwrap();
        }
    }
    let mut login =
        Login { limits: Limits { disable_after: u32::MAX, ..Limits::default() }, ..Login::enrolled() };
    login.record.failures = u32::MAX - 2;
    login.record.overflow.failures = u32::MAX - 1;
    login.source = Source::Named;
    for _ in 0..2 {
        login.rejected(&login.wrong());
        login.now += 3600;
    }
    assert_eq!((login.record.failures, login.record.overflow.failures), (u32::MAX, u32::MAX));
}

/// cases.md, row 62, and design, section 5: by source, with a total that stops somebody with many addresses.
#[test]
fn forty_sources_with_two_guesses_each_are_stopped_by_the_total() {
    let mut login = Login::enrolled();
    let mut looked_at = 0;
    for number in 0..40 {
        login.source = Source::V4([198, 51, 100, number]);
        for _ in 0..2 {
            looked_at += u32::from(login.rejected(&login.wrong()) == Rejection::Wrong);
        }
    }
    assert!(looked_at <= 30, "{looked_at} of 80 guesses were looked at");
    login.source = HOME;
    assert!(matches!(login.rejected(&login.code(0)), Rejection::Throttled { wait: 1..=5 }));
}

#[test]
fn one_source_waits_and_another_does_not() {
    let mut login = Login::enrolled();
    for _ in 0..3 {
        login.rejected(&login.wrong());
    }
    assert_eq!(login.rejected(&login.code(0)), Rejection::Throttled { wait: 5 });
    for source in [Source::Local, Source::Named, Source::V4([192, 0, 2, 8]), Source::V6([0x20; 8])] {
        let mut elsewhere = Login { source, ..login.clone() };
        elsewhere.accepted(&elsewhere.code(0));
        elsewhere.source = HOME;
        let rejection = elsewhere.rejected(&elsewhere.code(1));
        assert_eq!(rejection, Rejection::Throttled { wait: 5 }, "a success elsewhere is no success here");
    }
}

#[test]
fn sources_beyond_the_list_share_one_count_and_quiet_ones_make_room() {
    // So that the total does not speak first.
    let limits = Limits { free_failures: 10, first_wait: 10, longest_wait: 600, disable_after: 1000 };
    let mut login = Login { limits, ..Login::enrolled() };
    let source = |number: u8| Source::V4([198, 51, 100, number]);
    for number in 0..16 {
        login.source = source(number);
        assert_eq!(login.rejected(&login.wrong()), Rejection::Wrong);
    }
    for number in 16..26 {
        login.source = source(number);
        assert_eq!(login.rejected(&login.wrong()), Rejection::Wrong);
    }
    assert_eq!((login.record.sources.len(), login.record.overflow.failures), (16, 10));
    // The ten of them used up the free failures of all the others; those in the list are not concerned.
    for number in [16, 99] {
        login.source = source(number);
        assert_eq!(login.rejected(&login.code(0)), Rejection::Throttled { wait: 10 }, "{number}");
    }
    let mut listed = Login { source: source(3), ..login.clone() };
    listed.accepted(&listed.code(0));
    // A success from among them is a success of the count that they share.
    login.now += 10;
    login.source = source(20);
    login.accepted(&login.code(0));
    assert_eq!(login.record.overflow.failures, 0);
    // After the longest wait, whoever was quiet makes room; the total stays.
    login.source = source(40);
    login.rejected(&login.wrong());
    assert_eq!(login.record.overflow.failures, 1);
    login.now += 700;
    login.source = source(41);
    login.rejected(&login.wrong());
    assert_eq!(
        (login.record.sources.len(), login.record.overflow.failures, login.record.failures),
        (16, 1, 2)
    );
    assert!(login.record.sources.iter().any(|wait| wait.key == source(41).key() && wait.failures == 1));
}

#[test]
fn no_wait_outlives_a_clock_that_was_ahead() {
    let year = 365 * 86_400;
    let mut login = Login::enrolled();
    login.now += year;
    for _ in 0..40 {
        login.rejected(&login.wrong());
        login.now += 3601;
    }
    for _ in 0..20 {
        login.rejected(&recovery_code(77));
        login.now += 3601;
    }
    login.rejected(&login.wrong());
    login.rejected(&recovery_code(77));
    login.now = NOW;
    assert_eq!(login.rejected(&login.code(0)), Rejection::Throttled { wait: 3600 });
    assert_eq!(login.rejected(&recovery_code(1)), Rejection::Throttled { wait: 3600 });
    login.now += 3599;
    assert_eq!(login.rejected(&login.code(0)), Rejection::Throttled { wait: 1 });
    login.now += 1;
    login.clone().accepted(&login.code(0));
    login.accepted(&recovery_code(1));
}

#[test]
fn a_wrong_code_that_cost_nothing_costs_nothing_after_the_clock_goes_back() {
    for back in [2, 600, 86_400] {
        let mut login = Login::enrolled();
        login.rejected(&login.wrong());
        login.rejected(&recovery_code(77));
        login.now -= back;
        login.accepted(&login.code(0));
        login.accepted(&recovery_code(1));
    }
}

#[test]
fn a_clock_behind_the_build_or_the_last_acceptance_takes_no_codes_but_recovery_codes() {
    for (last, now, right) in [
        (None, 0, false),
        (None, -1, false),
        (None, i64::MIN, false),
        (None, BUILT - 1, false),
        (None, BUILT, true),
        (None, 2_147_483_648, true),
        (None, 4_294_967_296, true),
        (Some(NOW), NOW - 2, true),
        (Some(NOW), NOW - CLOCK_TOLERANCE, true),
        (Some(NOW), NOW - CLOCK_TOLERANCE - 1, false),
        (Some(NOW), NOW - 600, false),
        (Some(NOW), NOW + 600, true),
        (Some(NOW + 365 * 86_400), NOW, false),
    ] {
        let mut login = Login::enrolled();
        if let Some(last) = last {
            login.now = last;
            login.accepted(&recovery_code(0));
        }
        login.now = now;
        let code = if now >= 30 { login.code(0) } else { "755224".to_owned() };
        let before = login.record.clone();
        match login.judge(&code) {
            Verdict::Accepted(_) => assert!(right, "{last:?} {now}"),
            Verdict::Rejected(rejection) => {
                assert!(!right && rejection == Rejection::Clock, "{last:?} {now}: {rejection:?}");
                assert_eq!(login.record.authenticators, before.authenticators);
                assert_eq!(
                    (login.record.failures, login.record.last.clone()),
                    (before.failures, before.last)
                );
            }
        }
        login.accepted(&recovery_code(1));
        let at = login.record.last.as_ref().unwrap().at;
        assert!(at >= last.unwrap_or(i64::MIN) && at >= now, "the newest time never goes back");
    }
}

/// cases.md, rows 3 and 60.
#[test]
fn a_clock_that_goes_back_revives_no_code_and_unlocking_mends_a_clock_that_was_ahead() {
    let mut login = Login::enrolled();
    let code = login.code(0);
    login.accepted(&code);
    for back in [2, 30, 59, 61, 600, 86_400] {
        let mut earlier = Login { now: NOW - back, ..login.clone() };
        let rejection = earlier.rejected(&code);
        assert!(matches!(rejection, Rejection::Clock | Rejection::Replayed | Rejection::Wrong), "{back}");
    }
    // A year ahead, and then mended.
    let mut ahead = Login { now: NOW + 365 * 86_400, ..login };
    let future = ahead.code(0);
    ahead.accepted(&future);
    ahead.now = NOW + 60;
    assert_eq!(ahead.rejected(&ahead.code(0)), Rejection::Clock);
    ahead.record.unlock(ahead.now, Some(&ahead.credential));
    // What could have been accepted by now counts as used; the step after next is new.
    for steps in [-1, 0, 1] {
        assert_eq!(ahead.rejected(&ahead.code(steps)), Rejection::Replayed, "{steps}");
    }
    ahead.now += 60;
    ahead.accepted(&ahead.code(0));
    assert_eq!(ahead.rejected(&code), Rejection::Wrong);
}

/// A step can be ahead alone: imported, or registered by root while the clock was ahead.
#[test]
fn unlocking_brings_a_step_of_the_future_back_to_now_and_opens_no_replay() {
    let mut login = Login::enrolled();
    login.credential.authenticators.push(authenticator(2, "spare", 8));
    login.record.register(&login.credential);
    let current = steps::step_at(NOW, 30).unwrap();
    let year = NOW + 365 * 86_400;
    login.record.authenticators[0].last_step = steps::step_at(year, 30).unwrap();
    // What another module with a wide window may have accepted by now.
    login.record.authenticators[1].last_step = current + 50;
    assert_eq!(login.record.newest(), None);
    assert_eq!(login.rejected(&login.code(0)), Rejection::Replayed);

    // Whose step is of which time only the credential says.
    assert_eq!(login.record.ahead_until(NOW, None), None);
    let mut without = login.record.clone();
    without.unlock(NOW, None);
    assert_eq!(without, login.record);

    let until = login.record.ahead_until(NOW, Some(&login.credential)).unwrap();
    assert!((year - 30..=year).contains(&until), "{until}");
    login.record.unlock(NOW, Some(&login.credential));
    assert_eq!(login.record.ahead_until(NOW, Some(&login.credential)), None);
    for steps in [-1, 0, 1] {
        assert_eq!(login.rejected(&login.code(steps)), Rejection::Replayed, "{steps}");
    }
    assert_eq!(login.record.authenticators[1].last_step, current + 50);
    let unlocked = login.record.clone();
    login.record.unlock(NOW, Some(&login.credential));
    assert_eq!(login.record, unlocked, "once is enough");
    login.now += 60;
    login.accepted(&login.code(0));
    assert_eq!(login.rejected(&login.code(0)), Rejection::Replayed);
}

/// A removed phone that was four steps ahead may have been used later than any window of another reaches.
#[test]
fn unlocking_keeps_what_a_removed_phone_may_have_used_for_as_long_as_it_can_matter() {
    let mut login = Login::enrolled();
    let spare = authenticator(2, "spare", 6);
    let alone = login.credential.clone();
    login.credential.authenticators.push(spare);
    login.record.register(&login.credential);
    // Removed while the clock was a year ahead.
    let year = NOW + 365 * 86_400;
    login.now = year;
    login.accepted(&login.code(0));
    login.record = login.record.edited(Some(&login.credential), &alone, None, year).unwrap();
    login.record.retired_until = year + 600;
    login.record.unlock(NOW, Some(&alone));
    let reaches = i64::from(steps::MAX_DRIFT) + 2;
    assert!(login.record.retired_until >= NOW + reaches * 120, "{}", login.record.retired_until);
    assert!(login.record.retired_until <= NOW + 3600, "and not for years");
}

#[test]
fn after_a_damaged_slot_no_code_that_may_have_been_used_works_and_the_next_one_does() {
    for (name, mut login, used) in [
        ("a login was lost", Login::enrolled(), [-1, 0, 1]),
        ("the very registration was lost", Login::new(), [-1, 0, 1]),
    ] {
        login.record.burn(login.now);
        for steps in used {
            assert_eq!(login.rejected(&login.code(steps)), Rejection::Replayed, "{name}");
        }
        if login.record.enrolled {
            for number in 0..10 {
                assert_eq!(
                    login.clone().rejected(&recovery_code(number)),
                    Rejection::WrongRecovery,
                    "{name}"
                );
            }
        }
        // Whichever period: the first code whose step no window reached yet.
        login.now += 60;
        login.accepted(&login.code(0));
        assert_eq!(login.rejected(&login.code(0)), Rejection::Replayed, "{name}");
    }
    // With a phone that is ahead the window reaches further.
    let mut login = Login::enrolled();
    login.record.authenticators[0].drift = 4;
    login.record.burn(login.now);
    for steps in 3..=5 {
        assert_eq!(login.rejected(&login.code(steps)), Rejection::Replayed);
    }
    // And a record burned by a clock that was ahead is as far ahead as one of a login.
    let mut login = Login::enrolled();
    login.record.burn(NOW + 86_400);
    assert_eq!(login.rejected(&login.code(0)), Rejection::Clock);
    login.record.unlock(NOW, None);
    login.now += 60;
    login.accepted(&login.code(0));
}
