//! The credential: what a user's phone knows, and the hashes of their recovery codes.
//!
//! It lives where its user can write it, so every number in it is bounded here before anything is computed
//! with it, and an error names a place, never the text that stands there.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::{recovery, steps};

/// The largest credential file that is read, in bytes.
pub const MAX_FILE: usize = 64 * 1024;
/// Phones, or persons, that one credential can hold.
pub const MAX_AUTHENTICATORS: usize = 64;
/// Characters in a label.
pub const MAX_LABEL: usize = 64;
const VERSION: u32 = 1;
/// Bytes of a secret: RFC 4226 asks for 16 or more; 10 are still in use elsewhere and can be imported.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 10..=128;
const DIGITS: std::ops::RangeInclusive<u8> = 6..=8;
const PERIOD: std::ops::RangeInclusive<u16> = 15..=120;
const SALT_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Hash function of an authenticator (RFC 6238, section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC-SHA-1: what every app implements.
    #[serde(rename = "SHA1")]
    Sha1,
    /// HMAC-SHA-256: many apps ignore it silently.
    #[serde(rename = "SHA256")]
    Sha256,
    /// HMAC-SHA-512: many apps ignore it silently.
    #[serde(rename = "SHA512")]
    Sha512,
}

impl Algorithm {
    /// The name in a credential and in an otpauth URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// One phone, or one person's phone on a shared account.
#[derive(Clone)]
pub struct Authenticator {
    /// Number that does not change while the authenticator exists.
    pub id: u32,
    /// Name that the audit log shows: "phone", "maria".
    pub label: String,
    /// The shared secret, raw.
    pub secret: Zeroizing<Vec<u8>>,
    /// Hash function.
    pub algorithm: Algorithm,
    /// Digits of a code, 6 to 8.
    pub digits: u8,
    /// Seconds of a step, 15 to 120.
    pub period: u16,
    /// Unix seconds of its enrolment.
    pub enrolled: i64,
}

/// Salted hashes of the recovery codes.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoverySet {
    /// Salt, 16 to 64 bytes.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub rounds: u32,
    /// Up to ten hashes.
    pub hashes: Vec<[u8; 32]>,
}

impl RecoverySet {
    /// Hashes freshly drawn codes. Slow: about half a second.
    pub fn new<'a>(
        codes: impl IntoIterator<Item = &'a [u8; recovery::CODE_BYTES]>,
        salt: &[u8],
        rounds: u32,
    ) -> Self {
        let hashes = codes.into_iter().map(|code| recovery::hash(code, salt, rounds)).collect();
        Self { salt: salt.to_vec(), rounds, hashes }
    }

    /// What the ledger registers of this set: sixteen bytes over all of it.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut sum = Sha256::new();
        sum.update(b"twinlock recovery set 1");
        sum.update(self.rounds.to_le_bytes());
        sum.update([u8::try_from(self.salt.len()).unwrap_or(u8::MAX)]);
        sum.update(&self.salt);
        for hash in &self.hashes {
            sum.update(hash);
        }
        shortened(sum)
    }
}

impl Authenticator {
    /// What the ledger registers of this authenticator: sixteen bytes over its secret and everything else
    /// that decides which codes it takes and whose name the log shows, so that an edited one is a stranger.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut sum = Sha256::new();
        sum.update(b"twinlock authenticator 1");
        sum.update(self.id.to_le_bytes());
        sum.update([self.digits]);
        sum.update(self.period.to_le_bytes());
        sum.update(self.algorithm.name().as_bytes());
        sum.update([0]);
        sum.update(self.label.as_bytes());
        sum.update([0]);
        sum.update(self.secret.as_slice());
        shortened(sum)
    }
}

fn shortened(sum: Sha256) -> [u8; 16] {
    let whole: [u8; 32] = sum.finalize().into();
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(whole) {
        *to = from;
    }
    short
}

/// A user's credential.
#[derive(Clone)]
pub struct Credential {
    /// One to 64 authenticators.
    pub authenticators: Vec<Authenticator>,
    /// The recovery codes, unless there are none (imported users have none until they ask for a set).
    pub recovery: Option<RecoverySet>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("authenticators", &self.authenticators.len())
            .finish_non_exhaustive()
    }
}

/// Why a credential cannot be used. Its text holds positions and names of fields, nothing of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// No bytes at all.
    Empty,
    /// More than 64 KiB.
    TooLarge,
    /// Not UTF-8, not TOML, an unknown or missing key, or a value of a wrong type.
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// A version that this build does not know.
    Version,
    /// Its end is missing.
    Cut,
    /// A value out of its bounds.
    Field(&'static str),
}

impl fmt::Display for CredentialFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::TooLarge => write!(f, "the file has more than {MAX_FILE} bytes"),
            Self::Syntax { line, column } => {
                write!(f, "line {line}, column {column}: not a credential of this version")
            }
            Self::Version => write!(f, "its version is not {VERSION}"),
            Self::Cut => f.write_str("its end is missing"),
            Self::Field(field) => write!(f, "{field} is out of bounds"),
        }
    }
}

impl std::error::Error for CredentialFault {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// How many authenticators and recovery codes follow, so that a file that lost its end is not taken for another.
    /// Files that no program of ours wrote may leave them out.
    authenticators: Option<usize>,
    recovery_codes: Option<usize>,
    authenticator: Vec<AuthenticatorEntry>,
    recovery: Option<RecoveryEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthenticatorEntry {
    id: u32,
    label: String,
    secret: String,
    algorithm: Algorithm,
    digits: u8,
    period: u16,
    enrolled: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryEntry {
    salt: String,
    rounds: u32,
    hashes: Vec<String>,
}

impl Drop for AuthenticatorEntry {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Credential {
    /// Reads a credential file.
    ///
    /// # Errors
    /// [`CredentialFault`]: a damaged file is a fault, never an absent credential.
    pub fn parse(bytes: &[u8]) -> Result<Self, CredentialFault> {
        if bytes.is_empty() {
            return Err(CredentialFault::Empty);
        }
        if bytes.len() > MAX_FILE {
            return Err(CredentialFault::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|fault| syntax(bytes, fault.valid_up_to()))?;
        // Only the position of toml's error is used: its text quotes the offending line.
        let file: File =
            toml::from_str(text).map_err(|fault| syntax(bytes, fault.span().map_or(0, |span| span.start)))?;
        if file.version != VERSION {
            return Err(CredentialFault::Version);
        }
        // A number in the last line reads as another one when its end is missing.
        if bytes.last() != Some(&b'\n') {
            return Err(CredentialFault::Cut);
        }
        if file.authenticator.is_empty() || file.authenticator.len() > MAX_AUTHENTICATORS {
            return Err(CredentialFault::Field("the number of authenticators"));
        }
        let hashes = file.recovery.as_ref().map_or(0, |set| set.hashes.len());
        if file.authenticators.is_some_and(|count| count != file.authenticator.len())
            || file.recovery_codes.is_some_and(|count| count != hashes)
        {
            return Err(CredentialFault::Cut);
        }
        let authenticators = file.authenticator.iter().map(authenticator).collect::<Result<Vec<_>, _>>()?;
        // Nearly everybody has one, and pays nothing.
        let several = authenticators.iter().filter(|_| authenticators.len() > 1);
        let samples: Vec<_> = several.map(steps::sample).collect();
        for (index, one) in authenticators.iter().enumerate() {
            let others = authenticators.iter().skip(index.saturating_add(1));
            if others.clone().any(|other| other.id == one.id || other.label == one.label) {
                return Err(CredentialFault::Field("an id or label that occurs twice"));
            }
            // Else each of its codes would work once for the one and once for the other.
            let codes = samples.get(index);
            let mut others = others.zip(samples.iter().skip(index.saturating_add(1)));
            if others.any(|(other, others)| other.secret == one.secret || Some(others) == codes) {
                return Err(CredentialFault::Field("a secret that occurs twice"));
            }
        }
        Ok(Self { authenticators, recovery: file.recovery.map(recovery_set).transpose()? })
    }

    /// Writes the file's text, as [`Credential::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2048));
        text.push_str("# Twinlock credential. Change it with `twinlock`: an edited file is refused.\n");
        let codes = self.recovery.as_ref().map_or(0, |set| set.hashes.len());
        text.push_str(&format!("version = {VERSION}\nauthenticators = {}\n", self.authenticators.len()));
        text.push_str(&format!("recovery_codes = {codes}\n"));
        for one in &self.authenticators {
            let secret = Zeroizing::new(BASE32_NOPAD.encode(&one.secret));
            text.push_str(&format!("\n[[authenticator]]\nid = {}\nlabel = \"", one.id));
            for letter in one.label.chars() {
                if matches!(letter, '"' | '\\') {
                    text.push('\\');
                }
                text.push(letter);
            }
            text.push_str("\"\nsecret = \"");
            text.push_str(&secret);
            text.push_str(&format!(
                "\"\nalgorithm = \"{}\"\ndigits = {}\nperiod = {}\nenrolled = {}\n",
                one.algorithm.name(),
                one.digits,
                one.period,
                one.enrolled
            ));
        }
        if let Some(set) = &self.recovery {
            text.push_str(&format!("\n[recovery]\nsalt = \"{}\"\n", HEXLOWER.encode(&set.salt)));
            text.push_str(&format!("rounds = {}\nhashes = [\n", set.rounds));
            for hash in &set.hashes {
                text.push_str(&format!("  \"{}\",\n", HEXLOWER.encode(hash)));
            }
            text.push_str("]\n");
        }
        text
    }

    /// What tells this credential from any other: sixteen bytes over the fingerprints of all its parts. A change says
    /// by it what it was made from.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut sum = Sha256::new();
        sum.update(b"twinlock credential 1");
        for one in &self.authenticators {
            sum.update(one.fingerprint());
        }
        sum.update([0]);
        if let Some(set) = &self.recovery {
            sum.update(set.fingerprint());
        }
        shortened(sum)
    }

    /// Whether any authenticator has codes of this many digits.
    pub fn takes_digits(&self, digits: usize) -> bool {
        self.authenticators.iter().any(|one| usize::from(one.digits) == digits)
    }
}

/// Whether a label can stand in a credential, a log line and a PAM variable: 1 to 64 characters, none of
/// them a control character.
pub fn is_label(label: &str) -> bool {
    !label.is_empty() && label.chars().count() <= MAX_LABEL && !label.chars().any(char::is_control)
}

fn authenticator(entry: &AuthenticatorEntry) -> Result<Authenticator, CredentialFault> {
    if !is_label(&entry.label) {
        return Err(CredentialFault::Field("a label"));
    }
    let secret = decode_secret(&entry.secret).ok_or(CredentialFault::Field("a secret"))?;
    if !DIGITS.contains(&entry.digits) {
        return Err(CredentialFault::Field("a number of digits"));
    }
    if !PERIOD.contains(&entry.period) {
        return Err(CredentialFault::Field("a period"));
    }
    Ok(Authenticator {
        id: entry.id,
        label: entry.label.clone(),
        secret,
        algorithm: entry.algorithm,
        digits: entry.digits,
        period: entry.period,
        enrolled: entry.enrolled,
    })
}

/// Reads a base32 secret as people and other tools write it: spaces, dashes, lower case and padding do not
/// matter. None when it is not base32 or not 10 to 128 bytes long.
pub fn decode_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let letters: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.bytes()
            .filter(|byte| !matches!(byte, b' ' | b'-' | b'='))
            .map(|byte| byte.to_ascii_uppercase())
            .collect(),
    );
    let secret = Zeroizing::new(BASE32_NOPAD.decode(&letters).ok()?);
    SECRET_BYTES.contains(&secret.len()).then_some(secret)
}

fn recovery_set(entry: RecoveryEntry) -> Result<RecoverySet, CredentialFault> {
    if !recovery::ROUNDS.contains(&entry.rounds) {
        return Err(CredentialFault::Field("the recovery rounds"));
    }
    let salt = HEXLOWER_PERMISSIVE
        .decode(entry.salt.as_bytes())
        .ok()
        .filter(|salt| SALT_BYTES.contains(&salt.len()))
        .ok_or(CredentialFault::Field("the recovery salt"))?;
    if entry.hashes.is_empty() || entry.hashes.len() > recovery::CODES {
        return Err(CredentialFault::Field("the number of recovery hashes"));
    }
    let hash = |text: &String| {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
        <[u8; 32]>::try_from(bytes).ok()
    };
    let hashes = entry
        .hashes
        .iter()
        .map(|text| hash(text).ok_or(CredentialFault::Field("a recovery hash")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RecoverySet { salt, rounds: entry.rounds, hashes })
}

fn syntax(bytes: &[u8], offset: usize) -> CredentialFault {
    let before = bytes.get(..offset.min(bytes.len())).unwrap_or_default();
    let line_start =
        before.iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place.saturating_add(1));
    let line = before.iter().filter(|&&byte| byte == b'\n').count().saturating_add(1);
    CredentialFault::Syntax { line, column: before.len().saturating_sub(line_start).saturating_add(1) }
}
