//! The two slots of a record: bytes of any kind, and records of any kind whose checksums are right.

use twinlock_verifier::record::{FILE_BYTES, RecordFault, SLOT_BYTES, Slots};
use twinlock_verifier::steps::code_at;
use twinlock_verifier::{Limits, Record, Request, Source, Typed, judge};

use crate::parts::Parts;
use crate::people::{self, BUILT, NOW};

pub fn run(bytes: &[u8]) -> bool {
    let mut parts = Parts(bytes);
    let file = match parts.byte() % 4 {
        0 => parts.0.to_vec(),
        1 => {
            let mut file = parts.0.to_vec();
            file.resize(FILE_BYTES, 0);
            file
        }
        _ => {
            let sequence = u64::from(parts.u16());
            let length = usize::from(parts.u16());
            let (first, second) = parts.0.split_at(parts.0.len().min(length));
            [slot(first, sequence & !1), slot(second, sequence | 1)].concat()
        }
    };
    let Ok(mut slots) = Slots::decode(&file) else { return false };
    assert_eq!(file.len(), FILE_BYTES);
    reads_back(&slots.record);

    // The next one goes to the other slot, is the newest there, and this one is still there if it gets torn.
    match slots.next() {
        Ok((bytes, offset)) => {
            let place = usize::try_from(offset).unwrap();
            assert!(bytes.len() <= SLOT_BYTES && place % SLOT_BYTES == 0);
            let mut after = file.clone();
            // What stands behind it in the slot stays.
            after[place..place + bytes.len()].copy_from_slice(&bytes);
            let newest = Slots::decode(&after).expect("what was written is not read");
            assert_eq!(newest.record, slots.record);
            after[place..place + SLOT_BYTES].fill(0xff);
            let older = Slots::decode(&after).expect("a torn write takes the other slot with it");
            assert!(!older.whole && older.record == slots.record, "a torn write takes the record with it");
        }
        Err(fault) => assert_eq!(fault, RecordFault::TooLarge, "and only at the end of all numbers"),
    }
    whatever_it_says_it_can_be_used(&mut slots.record, bytes);
    true
}

fn slot(payload: &[u8], sequence: u64) -> Vec<u8> {
    let payload = &payload[..payload.len().min(SLOT_BYTES - 28)];
    let length = u16::try_from(payload.len()).unwrap().to_le_bytes();
    let mut slot =
        [b"TWINLOCK".as_slice(), &3u16.to_le_bytes(), &length, &sequence.to_le_bytes(), payload].concat();
    slot.extend(crc64(&slot).to_le_bytes());
    slot.resize(SLOT_BYTES, 0);
    slot
}

/// CRC-64/XZ, bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    let bit = |sum: u64, _| if sum & 1 == 1 { sum >> 1 ^ 0xC96C_5795_D787_0F42 } else { sum >> 1 };
    !bytes.iter().fold(u64::MAX, |sum, byte| (0..8).fold(sum ^ u64::from(*byte), bit))
}

fn reads_back(record: &Record) {
    let file = Slots::create(record).expect("what was read cannot be written");
    let again = Slots::decode(&file).expect("what was written is not read");
    assert!(again.whole && again.record == *record, "what was written reads as something else");
}

/// Times, steps and counts at the ends of their ranges: nothing panics, and what comes of it can be written.
fn whatever_it_says_it_can_be_used(record: &mut Record, bytes: &[u8]) {
    let mut parts = Parts(bytes);
    let _ = record.recovery.map(|set| set.left());
    let credential = people::credential(&mut parts);
    let now = if parts.flag() { parts.i64() } else { NOW };
    let limits = Limits::default();
    let one = &credential.authenticators[0];
    let code = code_at(one, u64::try_from(now.clamp(0, NOW * 2)).unwrap());
    let recovery = people::recovery_code(1, 1);
    for enrolled in [record.enrolled, false, true] {
        for typed in [code.as_bytes(), b"ABCD-EFGH-IJKL-MNOP"] {
            record.enrolled = enrolled;
            if enrolled {
                record.register(&credential);
            }
            let request = Request {
                typed: &Typed::from_bytes(typed),
                recovery_hash: Some(people::recovery_hash(&recovery)),
                credential: &credential.clone().into(),
                now,
                built: BUILT,
                source: Source::V4([192, 0, 2, 7]),
                service: "sshd",
                policy: [7; 32],
                limits: &limits,
            };
            judge(&request, record);
            record.remember("sshd", request.source, now);
            let _ = record.remembers("sshd", request.source, now, u64::MAX);
            reads_back(record);
        }
    }
    let _ = record.ahead_until(now, Some(&credential));
    let mut burned = record.clone();
    burned.burn(now);
    assert!(
        credential.authenticators.iter().all(|one| burned.last_used_step(one) >= record.last_used_step(one))
    );
    assert_eq!(burned.recovery.map_or(0, |set| set.left()), 0, "a recovery code is left after the burning");
    reads_back(&burned);
    record.unlock(now, Some(&credential));
    record.bound_waits(&limits, now);
    assert_eq!(record.wait_left(&limits, Source::Local, now), 0, "unlocked, and still to wait");
    assert!(!record.is_disabled(&limits));
    reads_back(record);
}
