//! The RFCs' own test vectors, through our own steps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use twinlock_verifier::steps::{self, Match};
use twinlock_verifier::{Algorithm, Authenticator};

const DIGITS: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

/// The RFCs' authenticator: the ASCII digits, to the length of the hash (RFC 6238, errata 2866).
fn authenticator(algorithm: Algorithm, digits: u8) -> Authenticator {
    let length = match algorithm {
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    };
    Authenticator {
        id: 1,
        label: "rfc".to_owned(),
        secret: DIGITS[..length].to_vec().into(),
        algorithm,
        digits,
        period: 30,
        enrolled: 0,
    }
}

/// RFC 4226, appendix D: a counter is a step.
#[test]
fn the_codes_of_rfc_4226_appendix_d_come_out() {
    let one = authenticator(Algorithm::Sha1, 6);
    let codes =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (counter, code) in codes.into_iter().enumerate() {
        let counter = counter as u64;
        assert_eq!(steps::code_at(&one, counter * 30), code, "counter {counter}");
        assert_eq!(steps::code_at(&one, counter * 30 + 29), code, "counter {counter}, its last second");
        if counter > 0 {
            let now = i64::try_from(counter * 30).unwrap();
            let found = steps::find(&one, code, now, 0, 0);
            assert_eq!(found, Match::Fresh { step: counter, offset: 0 }, "counter {counter}");
        }
    }
}

/// RFC 6238, appendix B: three hashes, eight digits.
#[test]
fn the_codes_of_rfc_6238_appendix_b_come_out() {
    let rows = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];
    for (time, codes) in rows {
        for (algorithm, code) in
            [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].into_iter().zip(codes)
        {
            let one = authenticator(algorithm, 8);
            let now = i64::try_from(time).unwrap();
            assert_eq!(steps::code_at(&one, time), code, "{algorithm:?} at {time}");
            let step = time / 30;
            let cases = [
                (now, 0, Match::Fresh { step, offset: 0 }),
                (now + 30, 0, Match::Fresh { step, offset: -1 }),
                (now - 30, 0, Match::Fresh { step, offset: 1 }),
                (now + 60, 0, Match::None),
                (now - 60, 0, Match::None),
                (now, step, Match::Replayed),
                (now, step + 1, Match::Replayed),
                (now, step - 1, Match::Fresh { step, offset: 0 }),
            ];
            for (now, last_step, expected) in cases {
                if now >= 0 {
                    assert_eq!(
                        steps::find(&one, code, now, last_step, 0),
                        expected,
                        "{algorithm:?} at {now}"
                    );
                }
            }
        }
    }
}

/// HMAC takes a key of a whole block as it is, and hashes a longer one (RFC 2104, section 2).
#[test]
fn a_secret_as_long_as_the_hashs_block_and_one_beside_it_give_the_codes_of_hmac() {
    // By Python: hmac.new(bytes(range(1, length + 1)), struct.pack(">Q", 1), hash), truncated to eight digits.
    for (algorithm, length, code) in [
        (Algorithm::Sha1, 63, "54707631"),
        (Algorithm::Sha1, 64, "69827617"),
        (Algorithm::Sha1, 65, "26425805"),
        (Algorithm::Sha256, 63, "92497072"),
        (Algorithm::Sha256, 64, "22891316"),
        (Algorithm::Sha256, 65, "06860298"),
        (Algorithm::Sha512, 127, "68221537"),
        (Algorithm::Sha512, 128, "32814460"),
    ] {
        let secret = (1..=length).collect::<Vec<u8>>().into();
        let one = Authenticator { secret, ..authenticator(algorithm, 8) };
        assert_eq!(steps::code_at(&one, 30), code, "{algorithm:?} with {length} bytes");
    }
}

/// 1970, the ends of 31, 32 and 33 bits, and times that no clock shows.
#[test]
fn no_time_makes_a_step_wrong_or_panic() {
    let one = authenticator(Algorithm::Sha1, 6);
    for now in
        [30, 2_147_483_647, 2_147_483_648, 4_294_967_295, 4_294_967_296, 8_589_934_592, 253_402_300_799]
    {
        let code = steps::code_at(&one, u64::try_from(now).unwrap());
        let found = steps::find(&one, &code, now + 30, 0, 0);
        assert_eq!(found, Match::Fresh { step: u64::try_from(now).unwrap() / 30, offset: -1 }, "{now}");
    }
    for now in [i64::MIN, -1, 0, i64::MAX] {
        for drift in [i8::MIN, -4, 0, 4, i8::MAX] {
            let _ = steps::find(&one, "000000", now, u64::MAX, drift);
            let _ = steps::window_end(now, 15, drift);
        }
    }
}
