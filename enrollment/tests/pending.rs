//! A pending enrolment reads back as it was written, or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_enrollment::pending::Pending;
use twinlock_enrollment::{Algorithm, Error, Parameters, Zeroizing};

const TEXT: &str = "twinlock-pending 1\nuser=maria\nservice=sshd\nsource=192.0.2.7\nfirst_shown=1772619120\nshown=2\n\
                    secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\nalgorithm=SHA1\ndigits=6\nperiod=30\n";

fn pending() -> Pending {
    Pending {
        user: "maria".into(),
        service: "sshd".into(),
        source: "192.0.2.7".into(),
        first_shown: 1_772_619_120,
        shown: 2,
        secret: Zeroizing::new(*b"12345678901234567890"),
        parameters: Parameters::default(),
    }
}

#[test]
fn the_text_is_the_one_that_is_documented() {
    assert_eq!(*pending().to_text(), TEXT);
}

#[test]
fn every_record_reads_back_as_it_was_written() {
    let other = Parameters { algorithm: Algorithm::Sha512, digits: 8, period: 120 };
    for (user, source, first_shown, parameters) in [
        ("maria", "192.0.2.7", 0, Parameters::default()),
        ("j\u{f6}rg m\u{fc}ller", "", -1, other),
        ("AD\\maria", "2001:db8::1%eth0", i64::MAX, other),
        ("a\nuser=root", "x\r\n\t\0\x7f", i64::MIN, other),
        ("%", "%%41", 7, other),
        ("=", " ", 7, other),
    ] {
        let before =
            Pending { user: user.into(), source: source.into(), first_shown, parameters, ..pending() };
        let text = before.to_text();
        assert_eq!(text.lines().count(), 10, "{text:?}");
        assert_eq!(Pending::parse(&text), Ok(before), "{text:?}");
    }
}

#[test]
fn a_text_that_was_cut_anywhere_is_damaged() {
    for length in 0..TEXT.len() {
        assert!(Pending::parse(&TEXT[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn whatever_is_accepted_is_exactly_what_would_be_written() {
    let mut accepted = 0;
    for at in 0..TEXT.len() {
        for byte in (0..0x80).map(char::from) {
            for (taken, label) in [(1, "replaced"), (0, "inserted")] {
                let damaged = format!("{}{byte}{}", &TEXT[..at], &TEXT[at + taken..]);
                if let Ok(read) = Pending::parse(&damaged) {
                    assert_eq!(*read.to_text(), damaged, "{byte:?} {label} at {at}");
                    accepted += 1;
                }
            }
        }
    }
    // Other names, times and secrets are not damage that a text can show.
    assert!(accepted > 0);
}

#[test]
fn every_kind_of_damage_is_named_by_line_and_never_by_content() {
    for (from, to, line) in [
        ("twinlock-pending 1", "twinlock-pending 2", 1),
        ("twinlock-pending 1", "twinlock-pending 1 ", 1),
        ("twinlock-pending 1\n", "", 1),
        ("user=maria\n", "", 2),
        ("user=maria\nservice=sshd", "service=sshd\nuser=maria", 2),
        ("user=", "User=", 2),
        ("user=maria", "user=mar%69a", 2),
        ("user=maria", "user=mar%0aia", 2),
        ("user=maria", "user=mar%", 2),
        ("user=maria", "user=mar%+Aa", 2),
        ("user=maria", "user=mar%\u{fc}a", 2),
        ("user=maria", "user=mar\ria", 2),
        ("first_shown=1772619120", "first_shown=", 5),
        ("first_shown=1772619120", "first_shown=+1772619120", 5),
        ("first_shown=1772619120", "first_shown=01772619120", 5),
        ("first_shown=1772619120", "first_shown=-0", 5),
        ("first_shown=1772619120", "first_shown=9223372036854775808", 5),
        ("shown=2", "shown=02", 6),
        ("shown=2", "shown=-1", 6),
        ("shown=2\n", "", 6),
        ("secret=GEZD", "secret=gezd", 7),
        ("secret=GEZD", "secret=GEZ0", 7),
        ("secret=GEZD", "secret=", 7),
        ("secret=GEZD", "secret=GEZDGEZD", 7),
        ("QOJQ\nalg", "QOJQ====\nalg", 7),
        ("SHA1", "MD5", 8),
        ("digits=6", "digits=256", 9),
        ("digits=6", "digits=5", 10),
        ("period=30", "period=14", 10),
        ("period=30\n", "period=30", 10),
        ("period=30\n", "period=30\r\n", 10),
        ("period=30\n", "period=30\n\n", 11),
        ("period=30\n", "period=30\nuser=root\n", 11),
    ] {
        let damaged = TEXT.replacen(from, to, 1);
        assert_ne!(damaged, TEXT);
        let error = Pending::parse(&damaged).unwrap_err();
        assert!(matches!(error, Error::PendingDamaged { line: l, .. } if l == line), "{to:?}: {error:?}");
        let shown = format!("{error} {error:?}");
        for content in ["maria", "GEZ", "gez", "192.0", "17726"] {
            assert!(!shown.contains(content), "{shown}");
        }
    }
}

#[test]
fn an_endless_text_is_refused_before_it_is_read() {
    let long = TEXT.replace("maria", &"m".repeat(Pending::MAX_BYTES));
    assert_eq!(Pending::parse(&long), Err(Error::PendingDamaged { line: 1, expected: "at most 4096 bytes" }));
}

#[test]
fn a_secret_is_shown_again_only_to_the_same_place_and_soon() {
    let pending = pending();
    let shown = pending.first_shown;
    for (service, source, now, expected) in [
        ("sshd", "192.0.2.7", shown, true),
        ("sshd", "192.0.2.7", shown + 600, true),
        ("sshd", "192.0.2.7", shown + 601, false),
        ("sshd", "192.0.2.7", shown - 60, true),
        ("sshd", "192.0.2.7", shown - 61, false),
        ("sshd", "192.0.2.8", shown, false),
        ("sshd", "", shown, false),
        ("login", "192.0.2.7", shown, false),
        ("SSHD", "192.0.2.7", shown, false),
        ("sshd", "192.0.2.7", i64::MAX, false),
        ("sshd", "192.0.2.7", i64::MIN, false),
    ] {
        assert_eq!(pending.reusable_by(service, source, now), expected, "{service} {source} {now}");
    }
    for first_shown in [i64::MIN, i64::MAX] {
        assert!(!Pending { first_shown, ..pending.clone() }.reusable_by("sshd", "192.0.2.7", 0));
    }
}

#[test]
fn a_record_belongs_to_the_user_name_that_it_was_made_for() {
    for (user, expected) in [("maria", true), ("Maria", false), ("mari", false), ("", false)] {
        assert_eq!(pending().belongs_to(user), expected);
    }
}

#[test]
fn the_text_is_never_reallocated() {
    let names = "\n".repeat(200);
    let pending = Pending { user: names.clone(), service: names.clone(), source: names, ..pending() };
    let text = pending.to_text();
    assert_eq!(text.capacity(), 256 + 3 * 600);
}

#[test]
fn debug_output_has_no_secret() {
    let shown = format!("{:?}", pending());
    assert!(shown.contains("maria") && !shown.contains("secret") && !shown.contains("49"), "{shown}");
}
