//! A record as bytes, in two slots of a file of fixed size.
//!
//! Layout of a slot, little-endian: magic (8 bytes), version (2), length of the payload (2), sequence (8),
//! payload, CRC-64 over all before it (docs/decisions/0010); what follows is of no meaning. The sequence's parity says
//! which slot it belongs to, so a slot copied to the other place is not taken for one.

mod crc64;

use std::fmt;

use crc64::crc64;

use super::{
    Acceptance, GraceStart, MAX_GRACES, MAX_REMEMBERED, MAX_USER, Record, Registered, RegisteredRecovery,
    Remembered, SourceWait,
};
use crate::credential::MAX_AUTHENTICATORS;
use crate::recovery::CODES;
use crate::throttle::SOURCES;

/// Bytes of one slot: a page, so that writing one touches one block.
pub const SLOT_BYTES: usize = 4096;
/// Bytes of the file.
pub const FILE_BYTES: usize = 2 * SLOT_BYTES;

const MAGIC: &[u8; 8] = b"TWINLOCK";
/// 3: fingerprints of recovery sets are BLAKE2b.
const VERSION: u16 = 3;
const HEADER: usize = 20;
const CHECKSUM: usize = 8;
const MAX_SERVICE: usize = 64;

/// Why a record cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// The file has not two slots' size.
    Size,
    /// Neither slot is whole.
    Damaged,
    /// Written by a version that this build does not know.
    Version,
    /// A record that does not fit: a name of more than 255 bytes.
    TooLarge,
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "the record has a wrong size",
            Self::Damaged => "both copies of the record are damaged",
            Self::Version => "the record was written by another version",
            Self::TooLarge => "the user name is too long for a record",
        })
    }
}

impl std::error::Error for RecordFault {}

/// A record as read from its file, and where the next one goes.
#[derive(Clone, Debug)]
pub struct Slots {
    /// The newest whole record.
    pub record: Record,
    /// Whether the other slot was whole too. If not, a newer record may be lost: see [`Record::burn`].
    pub whole: bool,
    sequence: u64,
}

impl Slots {
    /// Reads the newest whole record.
    ///
    /// # Errors
    /// [`RecordFault`] when there is none.
    pub fn decode(file: &[u8]) -> Result<Self, RecordFault> {
        if file.len() != FILE_BYTES {
            return Err(RecordFault::Size);
        }
        let (first, second) = file.split_at(SLOT_BYTES);
        Self::of(first, second)
    }

    /// Reads the newest whole record from the beginnings of both slots: of each at least [`used`] bytes.
    ///
    /// # Errors
    /// [`RecordFault`] when there is none.
    pub fn of(first: &[u8], second: &[u8]) -> Result<Self, RecordFault> {
        let mut slots = [(first, header(first, 0)), (second, header(second, 1))];
        // The newest first. The other is checked too: were it damaged, it could have been a newer one.
        if sequence_of(&slots[0].1) < sequence_of(&slots[1].1) {
            slots.reverse();
        }
        let mut found: Option<(u64, Record)> = None;
        let mut faults = 0u8;
        let mut version = false;
        for (bytes, header) in slots {
            let checked =
                header.and_then(|(sequence, length)| check(bytes, length).map(|payload| (sequence, payload)));
            match checked {
                Ok((sequence, payload)) if found.is_none() => match decode_payload(payload) {
                    Some(record) => found = Some((sequence, record)),
                    None => faults = faults.saturating_add(1),
                },
                Ok(_) => {}
                Err(RecordFault::Version) => version = true,
                Err(_) => faults = faults.saturating_add(1),
            }
        }
        match found {
            // A slot of another version beside ours: somebody downgraded. What it says is not known here.
            _ if version => Err(RecordFault::Version),
            Some((sequence, record)) => Ok(Self { record, whole: faults == 0, sequence }),
            None => Err(RecordFault::Damaged),
        }
    }

    /// The bytes of a new file: both slots hold the record.
    ///
    /// # Errors
    /// [`RecordFault::TooLarge`].
    pub fn create(record: &Record) -> Result<Vec<u8>, RecordFault> {
        let mut file = encode(record, 2)?;
        file.resize(SLOT_BYTES, 0);
        file.extend(encode(record, 1)?);
        file.resize(FILE_BYTES, 0);
        Ok(file)
    }

    /// The bytes of the next slot and its offset in the file. What stands behind them in the slot stays.
    ///
    /// # Errors
    /// [`RecordFault::TooLarge`].
    pub fn next(&self) -> Result<(Vec<u8>, u64), RecordFault> {
        let sequence = self.sequence.checked_add(1).ok_or(RecordFault::TooLarge)?;
        let offset = if sequence % 2 == 0 { 0 } else { SLOT_BYTES as u64 };
        Ok((encode(&self.record, sequence)?, offset))
    }
}

/// How many bytes of a slot say something, by its beginning; no more than [`SLOT_BYTES`]. Whether they are whole is another
/// question.
pub fn used(slot: &[u8]) -> usize {
    let length = slot.get(10..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes);
    usize::from(length).saturating_add(HEADER + CHECKSUM).min(SLOT_BYTES)
}

fn sequence_of(slot: &Result<(u64, usize), RecordFault>) -> u64 {
    slot.as_ref().map_or(0, |(sequence, _)| *sequence)
}

fn header(slot: &[u8], place: u64) -> Result<(u64, usize), RecordFault> {
    let mut reader = Reader(slot);
    if reader.take(8) != Some(MAGIC) {
        return Err(RecordFault::Damaged);
    }
    let version = reader.u16().ok_or(RecordFault::Damaged)?;
    let length = reader.u16().ok_or(RecordFault::Damaged)?;
    let sequence = reader.u64().ok_or(RecordFault::Damaged)?;
    if version != VERSION {
        // Only a whole slot says something about versions; a damaged one is just damaged.
        return Err(match check(slot, usize::from(length)) {
            Ok(_) => RecordFault::Version,
            Err(fault) => fault,
        });
    }
    if sequence == 0 || sequence % 2 != place {
        return Err(RecordFault::Damaged);
    }
    Ok((sequence, usize::from(length)))
}

fn check(slot: &[u8], length: usize) -> Result<&[u8], RecordFault> {
    let end = HEADER.checked_add(length).ok_or(RecordFault::Damaged)?;
    let (body, rest) = slot.split_at_checked(end).ok_or(RecordFault::Damaged)?;
    if rest.get(..CHECKSUM) != Some(&crc64(body).to_le_bytes()) {
        return Err(RecordFault::Damaged);
    }
    body.get(HEADER..).ok_or(RecordFault::Damaged)
}

fn encode(record: &Record, sequence: u64) -> Result<Vec<u8>, RecordFault> {
    let payload = encode_payload(record)?;
    let length = u16::try_from(payload.len()).map_err(|_| RecordFault::TooLarge)?;
    let mut slot = Vec::with_capacity(HEADER.saturating_add(payload.len()).saturating_add(CHECKSUM));
    slot.extend_from_slice(MAGIC);
    slot.extend_from_slice(&VERSION.to_le_bytes());
    slot.extend_from_slice(&length.to_le_bytes());
    slot.extend_from_slice(&sequence.to_le_bytes());
    slot.extend_from_slice(&payload);
    let sum = crc64(&slot);
    slot.extend_from_slice(&sum.to_le_bytes());
    if slot.len() > SLOT_BYTES {
        return Err(RecordFault::TooLarge);
    }
    Ok(slot)
}

fn encode_payload(record: &Record) -> Result<Vec<u8>, RecordFault> {
    let mut out = Vec::with_capacity(512);
    let user = record.user.as_bytes();
    out.push(u8::try_from(user.len()).map_err(|_| RecordFault::TooLarge)?);
    out.extend_from_slice(user);
    out.push(u8::from(record.enrolled) | u8::from(record.switched_off) << 1);

    count(&mut out, record.authenticators.len(), MAX_AUTHENTICATORS)?;
    for entry in &record.authenticators {
        out.extend_from_slice(&entry.fingerprint);
        out.extend_from_slice(&entry.last_step.to_le_bytes());
        out.extend_from_slice(&entry.drift.to_le_bytes());
        out.extend_from_slice(&entry.lean.to_le_bytes());
    }
    out.push(u8::from(record.recovery.is_some()));
    if let Some(set) = &record.recovery {
        out.extend_from_slice(&set.fingerprint);
        out.push(set.codes);
        out.extend_from_slice(&set.used.to_le_bytes());
    }
    out.push(u8::from(record.last.is_some()));
    if let Some(last) = &record.last {
        out.extend_from_slice(&last.at.to_le_bytes());
        out.extend_from_slice(&last.policy);
        // Whole characters of at most 64 bytes, so that it reads back as text.
        let end =
            (0..=last.service.len().min(MAX_SERVICE)).rev().find(|&at| last.service.is_char_boundary(at));
        let service = last.service.get(..end.unwrap_or(0)).unwrap_or_default();
        out.push(u8::try_from(service.len()).unwrap_or(0));
        out.extend_from_slice(service.as_bytes());
    }
    out.extend_from_slice(&record.burned_until.to_le_bytes());
    out.extend_from_slice(&record.retired_until.to_le_bytes());
    out.extend_from_slice(&record.failures.to_le_bytes());
    out.extend_from_slice(&record.failing_since.to_le_bytes());
    out.extend_from_slice(&record.wait_until.to_le_bytes());
    count(&mut out, record.sources.len(), SOURCES)?;
    for wait in record.sources.iter().chain([&record.overflow]) {
        out.extend_from_slice(&wait.key);
        out.extend_from_slice(&wait.failures.to_le_bytes());
        out.extend_from_slice(&wait.until.to_le_bytes());
    }
    out.extend_from_slice(&record.recovery_failures.to_le_bytes());
    out.extend_from_slice(&record.recovery_wait_until.to_le_bytes());
    count(&mut out, record.remembered.len(), MAX_REMEMBERED)?;
    for entry in &record.remembered {
        out.extend_from_slice(&entry.source);
        out.extend_from_slice(&entry.service);
        out.extend_from_slice(&entry.since.to_le_bytes());
    }
    count(&mut out, record.graces.len(), MAX_GRACES)?;
    for grace in &record.graces {
        out.extend_from_slice(&grace.rule.to_le_bytes());
        out.extend_from_slice(&grace.start.to_le_bytes());
    }
    Ok(out)
}

fn count(out: &mut Vec<u8>, length: usize, most: usize) -> Result<(), RecordFault> {
    let length = Some(length).filter(|&length| length <= most).and_then(|length| u8::try_from(length).ok());
    out.push(length.ok_or(RecordFault::TooLarge)?);
    Ok(())
}

fn decode_payload(payload: &[u8]) -> Option<Record> {
    let mut reader = Reader(payload);
    let name = usize::from(reader.u8()?);
    let mut record = Record::new(std::str::from_utf8(reader.take(name)?).ok()?);
    debug_assert!(name <= MAX_USER);
    let flags = reader.u8()?;
    record.enrolled = flags & 1 != 0;
    record.switched_off = flags & 2 != 0;

    record.authenticators = reader.list(MAX_AUTHENTICATORS, |reader| {
        Some(Registered {
            fingerprint: reader.array()?,
            last_step: reader.u64()?,
            drift: reader.i8()?,
            lean: reader.i8()?,
        })
    })?;
    if reader.u8()? != 0 {
        record.recovery = Some(RegisteredRecovery {
            fingerprint: reader.array()?,
            // A bit of `used` for each.
            codes: reader.u8().filter(|&codes| usize::from(codes) <= CODES)?,
            used: reader.u16()?,
        });
    }
    if reader.u8()? != 0 {
        let (at, policy) = (reader.i64()?, reader.array()?);
        let length = Some(usize::from(reader.u8()?)).filter(|&length| length <= MAX_SERVICE)?;
        let service = std::str::from_utf8(reader.take(length)?).ok()?.to_owned();
        record.last = Some(Acceptance { at, policy, service });
    }
    record.burned_until = reader.i64()?;
    record.retired_until = reader.i64()?;
    record.failures = reader.u32()?;
    record.failing_since = reader.i64()?;
    record.wait_until = reader.i64()?;
    let wait = |reader: &mut Reader<'_>| {
        Some(SourceWait { key: reader.array()?, failures: reader.u32()?, until: reader.i64()? })
    };
    record.sources = reader.list(SOURCES, wait)?;
    record.overflow = wait(&mut reader)?;
    record.recovery_failures = reader.u32()?;
    record.recovery_wait_until = reader.i64()?;
    record.remembered = reader.list(MAX_REMEMBERED, |reader| {
        Some(Remembered { source: reader.array()?, service: reader.array()?, since: reader.i64()? })
    })?;
    record.graces =
        reader.list(MAX_GRACES, |reader| Some(GraceStart { rule: reader.u64()?, start: reader.i64()? }))?;
    reader.0.is_empty().then_some(record)
}

/// Takes values off the front; None when the bytes end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn list<T>(&mut self, most: usize, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = Some(usize::from(self.u8()?)).filter(|&length| length <= most)?;
        (0..length).map(|_| one(self)).collect()
    }
}
