//! Damage to the credential and to the record, byte by byte: an error, never a panic, never something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use twinlock_verifier::credential::{MAX_AUTHENTICATORS, MAX_FILE};
use twinlock_verifier::record::{
    Acceptance, FILE_BYTES, GraceStart, MAX_GRACES, MAX_REMEMBERED, MAX_USER, RecordFault, Registered,
    RegisteredRecovery, Remembered, SLOT_BYTES, Slots, SourceWait, used,
};
use twinlock_verifier::throttle::SOURCES;
use twinlock_verifier::{Algorithm, Authenticator, Credential, CredentialFault, Record, RecoverySet};

fn authenticator(id: u32, label: &str) -> Authenticator {
    let mut secret = [0x5a; 20];
    secret[..4].copy_from_slice(&id.to_le_bytes());
    Authenticator {
        id,
        label: label.to_owned(),
        secret: secret.to_vec().into(),
        algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][id as usize % 3],
        digits: 6 + (id % 3) as u8,
        period: [30, 60, 15, 120][id as usize % 4],
        enrolled: 1_764_000_000 + i64::from(id),
    }
}

fn recovery() -> RecoverySet {
    RecoverySet { salt: vec![7; 16], rounds: 100_000, hashes: (0..10).map(|code| [code; 32]).collect() }
}

/// Credentials of each kind that the command writes.
fn credentials() -> Vec<Credential> {
    let many = (1..=64).map(|id| authenticator(id, &format!("person {id}"))).collect();
    vec![
        Credential { authenticators: vec![authenticator(1, "phone")], recovery: None },
        Credential { authenticators: vec![authenticator(1, "phone")], recovery: Some(recovery()) },
        Credential {
            authenticators: vec![authenticator(1, "phone"), authenticator(2, "spare")],
            recovery: None,
        },
        Credential { authenticators: many, recovery: Some(recovery()) },
    ]
}

fn same(one: &Credential, other: &Credential) -> bool {
    one.to_text() == other.to_text()
}

#[test]
fn a_credential_reads_back_as_it_was_written() {
    for credential in credentials() {
        let text = credential.to_text();
        assert!(text.len() <= MAX_FILE, "{} bytes", text.len());
        let back = Credential::parse(text.as_bytes()).unwrap();
        assert!(same(&back, &credential), "{:?}", back.authenticators.len());
        for (one, other) in back.authenticators.iter().zip(&credential.authenticators) {
            assert_eq!(one.fingerprint(), other.fingerprint());
            assert_eq!(one.enrolled, other.enrolled);
        }
    }
    let odd = [
        "\"",
        "\\",
        "\\\"",
        "a\\nb",
        "Jörg Müßig",
        "手机",
        "it's = # [x]",
        "🔑",
        " ",
        &"x".repeat(64),
        "\u{2028}",
    ];
    for label in odd {
        let credential = Credential { authenticators: vec![authenticator(1, label)], recovery: None };
        let back = Credential::parse(credential.to_text().as_bytes()).unwrap();
        assert_eq!(back.authenticators[0].label, label);
    }
}

#[test]
fn a_credential_cut_at_any_byte_is_refused() {
    for credential in credentials() {
        let text = credential.to_text();
        for length in 0..text.len() {
            let cut = Credential::parse(&text.as_bytes()[..length]);
            assert!(cut.is_err(), "{length} of {} bytes were taken for a credential", text.len());
        }
    }
}

#[test]
fn a_credential_damaged_at_any_byte_is_refused_or_a_stranger_to_the_ledger() {
    let credential = &credentials()[1];
    let mut record = Record::new("maria");
    record.register(credential);
    let text = credential.to_text();
    for place in 0..text.len() {
        for byte in [
            0,
            b'\n',
            b'"',
            b'0',
            b'A',
            b'#',
            0xff,
            text.as_bytes()[place] ^ 1,
            text.as_bytes()[place] ^ 0x20,
        ] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place] = byte;
            let Ok(read) = Credential::parse(&bytes) else { continue };
            // What the ledger takes has the very secrets, names, numbers and hashes that were registered.
            if record.knows(&read.clone().into()) {
                assert_eq!(
                    read.authenticators[0].secret, credential.authenticators[0].secret,
                    "byte {place}"
                );
                assert!(read.recovery == credential.recovery, "byte {place}");
            }
        }
    }
}

#[test]
fn what_a_credential_may_not_hold_is_refused_by_name() {
    let good = credentials()[1].to_text();
    let line =
        |key: &str| good.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap().to_owned();
    let secret = line("secret");
    let long = "A".repeat(206);
    let labels = [String::new(), "x".repeat(65), "a\\tb".to_owned(), "a\\u007Fb".to_owned()];
    let mut cases: Vec<(String, String, CredentialFault)> = vec![
        (line("version"), "version = 2".into(), CredentialFault::Version),
        (line("version"), "version = 4294967295".into(), CredentialFault::Version),
        (line("authenticators"), "authenticators = 2".into(), CredentialFault::Cut),
        (line("recovery_codes"), "recovery_codes = 9".into(), CredentialFault::Cut),
        (line("algorithm"), "algorithm = \"sha256\"".into(), CredentialFault::Field("an algorithm")),
        (line("algorithm"), "algorithm = \"MD5\"".into(), CredentialFault::Field("an algorithm")),
        (line("digits"), "digits = 5".into(), CredentialFault::Field("a number of digits")),
        (line("digits"), "digits = 9".into(), CredentialFault::Field("a number of digits")),
        (line("period"), "period = 14".into(), CredentialFault::Field("a period")),
        (line("period"), "period = 121".into(), CredentialFault::Field("a period")),
        (line("period"), "period = 0".into(), CredentialFault::Field("a period")),
        (line("rounds"), "rounds = 99999".into(), CredentialFault::Field("the recovery rounds")),
        (line("rounds"), "rounds = 4000000000".into(), CredentialFault::Field("the recovery rounds")),
        (line("salt"), "salt = \"0707\"".into(), CredentialFault::Field("the recovery salt")),
        (line("salt"), "salt = \"zz\"".into(), CredentialFault::Field("the recovery salt")),
        (secret.clone(), "secret = \"\"".into(), CredentialFault::Field("a secret")),
        (secret.clone(), "secret = \"AAAAAAAA\"".into(), CredentialFault::Field("a secret")),
        (secret.clone(), "secret = \"AAAAAAAAAAAAAAA1\"".into(), CredentialFault::Field("a secret")),
        (secret, format!("secret = \"{long}\""), CredentialFault::Field("a secret")),
    ];
    cases.extend(
        labels
            .map(|label| (line("label"), format!("label = \"{label}\""), CredentialFault::Field("a label"))),
    );
    for (from, to, expected) in cases {
        let text = good.replacen(&from, &to, 1);
        assert_eq!(Credential::parse(text.as_bytes()).unwrap_err(), expected, "{from} -> {to}");
    }
    let syntax = [
        ("digits = 7", "digits = 300"),
        ("digits = 7", "digits = -1"),
        ("digits = 7", "digits = \"7\""),
        ("digits = 7", "digit = 7"),
        ("rounds = 100000", "rounds = 40000000000"),
        ("rounds = 100000", "rounds = 100000\nextra = 1"),
        ("period = 60\n", ""),
    ];
    for (from, to) in syntax {
        assert!(good.contains(from), "{from}");
        let fault = Credential::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(matches!(fault, CredentialFault::Syntax { .. }), "{to:?}: {fault:?}");
    }
    for (codes, fine) in [(0, false), (1, true), (10, true), (11, false)] {
        let mut credential = credentials()[1].clone();
        credential.recovery.as_mut().unwrap().hashes = (0..codes).map(|code| [code; 32]).collect();
        // In both spellings: as our writer has it, and as another program could.
        for text in
            [credential.to_text().to_string(), credential.to_text().replace("rounds = ", "rounds  = ")]
        {
            let expected = (!fine).then_some(CredentialFault::Field("the number of recovery hashes"));
            assert_eq!(Credential::parse(text.as_bytes()).err(), expected, "{codes}");
        }
    }
    let pair = credentials()[2].to_text();
    let other = pair.lines().filter(|line| line.starts_with("secret")).nth(1).unwrap().to_owned();
    let first = pair.lines().find(|line| line.starts_with("secret")).unwrap().to_owned();
    let twice = [
        (pair.replace("id = 2", "id = 1"), "an id or label that occurs twice"),
        (pair.replace("spare", "phone"), "an id or label that occurs twice"),
        (pair.replace(&other, &first), "a secret that occurs twice"),
    ];
    for (text, field) in twice {
        assert_eq!(Credential::parse(text.as_bytes()).unwrap_err(), CredentialFault::Field(field));
    }
    assert_eq!(Credential::parse(b"").unwrap_err(), CredentialFault::Empty);
    assert_eq!(Credential::parse(&vec![b'\n'; MAX_FILE + 1]).unwrap_err(), CredentialFault::TooLarge);
    let filled = format!("{}{}", *good, "\n".repeat(MAX_FILE - good.len()));
    assert!(same(&Credential::parse(filled.as_bytes()).unwrap(), &credentials()[1]));
    let mut crowd = credentials()[3].clone();
    crowd.authenticators.push(authenticator(65, "one too many"));
    assert_eq!(crowd.authenticators.len(), MAX_AUTHENTICATORS + 1);
    let fault = Credential::parse(crowd.to_text().as_bytes()).unwrap_err();
    assert_eq!(fault, CredentialFault::Field("the number of authenticators"));
}

#[test]
fn no_error_and_no_debug_form_holds_the_secret_or_a_hash() {
    let credential = &credentials()[1];
    let text = credential.to_text();
    let secret =
        text.lines().find_map(|line| line.strip_prefix("secret = \"")).unwrap().trim_end_matches('"');
    let hash = "0909";
    assert!(text.contains(secret) && text.contains(hash));
    for place in 0..text.len() {
        for damage in ["\"", "\n", "=", "[", "\u{0}"] {
            let mut damaged = text.to_string();
            damaged.insert_str(place, damage);
            if let Err(fault) = Credential::parse(damaged.as_bytes()) {
                let said = format!("{fault} {fault:?}");
                for part in [&secret[..8], &secret[12..20], hash] {
                    assert!(!said.contains(part), "{said}");
                }
            }
        }
    }
    let debug = format!("{credential:?}");
    assert!(!debug.contains(secret) && !debug.contains("90, 90"), "{debug}");
    assert_eq!(debug, format!("Credential {{ authenticators: {}, .. }}", credential.authenticators.len()));
}

#[test]
fn a_fault_of_a_credential_says_what_is_wrong_with_which_part() {
    for (fault, sentence) in [
        (CredentialFault::Empty, "the file is empty"),
        (CredentialFault::TooLarge, "the file has more than 65536 bytes"),
        (
            CredentialFault::Syntax { line: 3, column: 7 },
            "line 3, column 7: not a credential of this version",
        ),
        (CredentialFault::Version, "its version is not 1"),
        (CredentialFault::Cut, "its end is missing"),
        (CredentialFault::Field("a period"), "a period is out of bounds"),
    ] {
        assert_eq!(fault.to_string(), sentence);
    }
    let good = credentials()[1].to_text();
    // The place of a value that is none, and of the first key where one is missing or too many.
    let first = good.lines().position(|line| line.starts_with("id = ")).unwrap() + 1;
    for (from, to, line, column) in [
        ("period = 60", "period = \"60\"", first + 5, 10),
        ("digits = 7", "digits = 300", first + 4, 10),
        ("period = 60\n", "", first, 1),
        ("period = 60\n", "period = 60\nother = 1\n", first, 1),
    ] {
        assert!(good.contains(from), "{from}");
        let fault = Credential::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(fault, CredentialFault::Syntax { line, column }, "{to}");
    }
    let cut = Credential::parse(b"# no more\nversion").unwrap_err();
    assert_eq!(cut, CredentialFault::Syntax { line: 2, column: 8 });
}

/// A record with everything that it can hold, each at its largest.
fn full() -> Record {
    let mut record = Record::new(&"n".repeat(MAX_USER));
    record.enrolled = true;
    record.switched_off = true;
    record.authenticators = (0..64)
        .map(|number| Registered { fingerprint: [number; 16], last_step: u64::MAX - 1, drift: -4, lean: 1 })
        .collect();
    record.recovery = Some(RegisteredRecovery { fingerprint: [9; 16], codes: 10, used: 0x3ff });
    record.last = Some(Acceptance { at: i64::MAX, policy: [1; 32], service: "s".repeat(64) });
    record.burned_until = i64::MAX;
    record.failures = u32::MAX;
    record.failing_since = i64::MIN;
    record.wait_until = i64::MAX;
    record.sources =
        (0..16).map(|number| SourceWait { key: [number; 16], failures: u32::MAX, until: i64::MAX }).collect();
    record.overflow = SourceWait { key: [0xff; 16], failures: 1, until: -1 };
    record.recovery_failures = u32::MAX;
    record.recovery_wait_until = i64::MIN;
    record.remembered = (0..16)
        .map(|number| Remembered { source: [number; 16], service: [number; 16], since: i64::MAX })
        .collect();
    record.graces = (0..8).map(|number| GraceStart { rule: u64::MAX - number, start: i64::MIN }).collect();
    record
}

#[test]
fn a_full_record_fits_its_slot_and_reads_back() {
    assert_eq!((MAX_AUTHENTICATORS, SOURCES, MAX_REMEMBERED, MAX_GRACES), (64, 16, 16, 8));
    for record in [full(), Record::new("maria"), Record::new(""), Record::new("Jörg")] {
        let file = Slots::create(&record).unwrap();
        assert_eq!(file.len(), FILE_BYTES);
        let slots = Slots::decode(&file).unwrap();
        assert_eq!(slots.record, record);
        assert!(slots.whole);
        let (next, offset) = slots.next().unwrap();
        assert_eq!((next.len(), offset), (used(&file[..SLOT_BYTES]), SLOT_BYTES as u64));
        // What is used of each slot is enough to read it.
        let (first, second) = file.split_at(SLOT_BYTES);
        let short = Slots::of(&first[..used(first)], &second[..used(second)]).unwrap();
        assert!(short.whole && short.record == record);
    }
    for (name, change) in [
        ("a name of 256 bytes", (|record| record.user.push('x')) as fn(&mut Record)),
        ("65 authenticators", |record| record.authenticators.push(record.authenticators[0])),
        ("17 sources", |record| record.sources.push(SourceWait::NONE)),
        ("17 remembered", |record| record.remembered.push(record.remembered[0])),
        ("9 graces", |record| record.graces.push(record.graces[0])),
    ] {
        let mut record = full();
        change(&mut record);
        assert_eq!(Slots::create(&record).unwrap_err(), RecordFault::TooLarge, "{name}");
    }
    let mut record = Record::new("maria");
    record.last = Some(Acceptance { at: 1, policy: [0; 32], service: format!("{}ü", "s".repeat(63)) });
    let read = Slots::decode(&Slots::create(&record).unwrap()).unwrap().record;
    assert_eq!(read.last.unwrap().service, "s".repeat(63), "a service is shortened at a whole character");
}

/// A file whose two slots differ: the older says "one", the newer "two" wrong codes.
fn two_slots(newer_first: bool) -> Vec<u8> {
    let mut record = Record::new("maria");
    let mut file = Slots::create(&record).unwrap();
    for failures in 1..=if newer_first { 4 } else { 3 } {
        let mut slots = Slots::decode(&file).unwrap();
        record.failures = failures;
        slots.record = record.clone();
        let (bytes, offset) = slots.next().unwrap();
        let offset = usize::try_from(offset).unwrap();
        file[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }
    file
}

#[test]
fn a_record_torn_at_any_byte_of_either_slot_falls_back_one_slot_or_is_refused() {
    let mut count = 0;
    for newer_first in [true, false] {
        let file = two_slots(newer_first);
        let newest = if newer_first { 4 } else { 3 };
        assert_eq!(Slots::decode(&file).unwrap().record.failures, newest);
        for slot in [0, 1] {
            let is_newer = (slot == 0) == newer_first;
            let other = usize::from(slot == 0) * SLOT_BYTES;
            for place in 0..SLOT_BYTES {
                // Torn: what comes after is still the slot that was there before, zeros, or noise.
                for rest in ["old", "zero", "noise"] {
                    let mut torn = file.clone();
                    let start = slot * SLOT_BYTES;
                    for (index, byte) in torn[start + place..start + SLOT_BYTES].iter_mut().enumerate() {
                        *byte = match rest {
                            "old" => file[other + place + index],
                            "zero" => 0,
                            _ => (place + index * 7 + 1) as u8,
                        };
                    }
                    let unchanged = torn[start..start + SLOT_BYTES] == file[start..start + SLOT_BYTES];
                    let slots = Slots::decode(&torn).unwrap();
                    let failures = slots.record.failures;
                    assert!(
                        failures == newest || (is_newer && failures == newest - 1),
                        "{slot} {place} {rest}"
                    );
                    let payload_is_whole = failures == newest && slots.whole;
                    assert!(payload_is_whole || !slots.whole, "{slot} {place} {rest}");
                    assert!(!unchanged || slots.whole, "{slot} {place} {rest}");
                    if is_newer && failures != newest {
                        assert!(!slots.whole, "a lost record went unnoticed: {slot} {place} {rest}");
                    }
                    count += 1;
                }
                let mut flipped = file.clone();
                flipped[slot * SLOT_BYTES + place] ^= 0x10;
                let slots = Slots::decode(&flipped).unwrap();
                assert!(
                    slots.record.failures == newest || (is_newer && !slots.whole),
                    "{slot} {place} flipped"
                );
                count += 1;
            }
        }
    }
    assert_eq!(count, 2 * 2 * SLOT_BYTES * 4);
}

/// CRC-64 of ECMA-182 as the standard defines it, with both ends inverted and bits in reverse; without the table that the
/// slots use.
fn crc64_bit_by_bit(bytes: &[u8]) -> u64 {
    let mut sum = u64::MAX;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| u64::from(byte >> bit & 1))) {
        let carry = (sum ^ bit) & 1;
        sum = (sum >> 1) ^ (carry * 0x42F0_E1EB_A9EA_3693u64.reverse_bits());
    }
    !sum
}

#[test]
fn a_file_that_is_no_record_is_refused_with_its_reason() {
    let good = two_slots(true);
    let both = |change: &dyn Fn(&mut [u8])| {
        let mut file = good.clone();
        let (first, second) = file.split_at_mut(SLOT_BYTES);
        change(first);
        change(second);
        file
    };
    let swapped: Vec<u8> = good[SLOT_BYTES..].iter().chain(&good[..SLOT_BYTES]).copied().collect();
    let copied: Vec<u8> = good[..SLOT_BYTES].iter().chain(&good[..SLOT_BYTES]).copied().collect();
    let cases = [
        ("empty", Vec::new(), RecordFault::Size),
        ("one byte short", good[..FILE_BYTES - 1].to_vec(), RecordFault::Size),
        ("one slot", good[..SLOT_BYTES].to_vec(), RecordFault::Size),
        ("one byte long", good.iter().chain(&[0]).copied().collect(), RecordFault::Size),
        ("zeros", vec![0; FILE_BYTES], RecordFault::Damaged),
        ("ones", vec![0xff; FILE_BYTES], RecordFault::Damaged),
        ("both checksums wrong", both(&|slot| slot[30] ^= 1), RecordFault::Damaged),
        ("both of another magic", both(&|slot| slot[0] ^= 1), RecordFault::Damaged),
        ("slots in each other's place", swapped, RecordFault::Damaged),
    ];
    for (name, file, expected) in cases {
        assert_eq!(Slots::decode(&file).unwrap_err(), expected, "{name}");
    }
    for (fault, sentence) in [
        (RecordFault::Size, "the record has a wrong size"),
        (RecordFault::Damaged, "both copies of the record are damaged"),
        (RecordFault::Version, "the record was written by another version"),
        (RecordFault::TooLarge, "the user name is too long for a record"),
    ] {
        assert_eq!(fault.to_string(), sentence);
    }
    // One slot in both places is that record, with the other one lost.
    let slots = Slots::decode(&copied).unwrap();
    assert!(!slots.whole && slots.record.failures == 4);
    // A whole slot of another version, in one place or both: perhaps it knows of codes that this build would take again.
    for slots in [vec![0], vec![1], vec![0, 1]] {
        let mut file = good.clone();
        for slot in slots {
            let bytes = &mut file[slot * SLOT_BYTES..(slot + 1) * SLOT_BYTES];
            bytes[8] = 4;
            let end = used(bytes) - 8;
            let sum = crc64_bit_by_bit(&bytes[..end]);
            bytes[end..end + 8].copy_from_slice(&sum.to_le_bytes());
        }
        assert_eq!(Slots::decode(&file).unwrap_err(), RecordFault::Version);
    }
    for length in 0..FILE_BYTES {
        assert_eq!(Slots::decode(&good[..length]).unwrap_err(), RecordFault::Size);
    }
}
