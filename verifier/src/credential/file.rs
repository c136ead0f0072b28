//! The credential's file: TOML, read through its tree and written by hand.
//!
//! The tree borrows from the file's bytes, so reading makes no copy of a secret but the one that is wanted. A text that our
//! own writer wrote is read without a tree (`exact`); the checks of what was read are here for both.

use std::fmt;
use std::ops::RangeInclusive;

use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{
    Algorithm, Authenticator, Credential, MAX_AUTHENTICATORS, MAX_FILE, RecoverySet, decode_secret, exact,
    is_label,
};
use crate::recovery;
use crate::steps;

const VERSION: i64 = 1;
/// The first line.
pub(super) const HEAD: &[u8] =
    b"# Twinlock credential. Change it with `twinlock`: an edited file is refused.\n";
const DIGITS: RangeInclusive<u8> = 6..=8;
const PERIOD: RangeInclusive<u16> = 15..=120;
const SALT_BYTES: RangeInclusive<usize> = 16..=64;

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
        match exact::read(bytes) {
            Some(credential) => Ok(credential),
            None => Self::parse_toml(bytes),
        }
    }

    pub(super) fn parse_toml(bytes: &[u8]) -> Result<Self, CredentialFault> {
        let text = std::str::from_utf8(bytes).map_err(|fault| syntax(bytes, fault.valid_up_to()))?;
        // Only the position of toml's error is used: its text quotes the offending line.
        let document =
            DeTable::parse(text).map_err(|fault| syntax(bytes, fault.span().map_or(0, |span| span.start)))?;
        let mut file = Fields::of(&document, bytes);
        if file.integer::<i64>("version")? != VERSION {
            return Err(CredentialFault::Version);
        }
        // A number in the last line reads as another one when its end is missing.
        if bytes.last() != Some(&b'\n') {
            return Err(CredentialFault::Cut);
        }
        // How many authenticators and recovery codes follow, so that a file that lost its end is not taken for
        // another. Files that no program of ours wrote may leave them out.
        let expected_authenticators = file.optional_integer::<usize>("authenticators")?;
        let expected_codes = file.optional_integer::<usize>("recovery_codes")?;
        let authenticators = authenticators(&mut file, bytes)?;
        let recovery =
            file.optional_table("recovery")?.map(|table| recovery_set(table, bytes)).transpose()?;
        file.no_more()?;
        whole(authenticators, recovery, expected_authenticators, expected_codes)
    }

    /// Writes the file's text, as [`Credential::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let room_of = |one: &Authenticator| {
            one.label.len().saturating_add(one.secret.len()).saturating_mul(2).saturating_add(192)
        };
        let room = self.authenticators.iter().map(room_of).fold(2048, usize::saturating_add);
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str(std::str::from_utf8(HEAD).unwrap_or_default());
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
}

/// Each authenticator is one: else a code would work once for the one and once for the other.
fn all_differ(authenticators: &[Authenticator]) -> Result<(), CredentialFault> {
    // Nearly everybody has one, and pays nothing.
    let several = authenticators.iter().filter(|_| authenticators.len() > 1);
    let samples: Vec<_> = several.map(steps::sample).collect();
    for (index, one) in authenticators.iter().enumerate() {
        let others = authenticators.iter().skip(index.saturating_add(1));
        if others.clone().any(|other| other.id == one.id || other.label == one.label) {
            return Err(CredentialFault::Field("an id or label that occurs twice"));
        }
        let codes = samples.get(index);
        let mut others = others.zip(samples.iter().skip(index.saturating_add(1)));
        if others.any(|(other, others)| other.secret == one.secret || Some(others) == codes) {
            return Err(CredentialFault::Field("a secret that occurs twice"));
        }
    }
    Ok(())
}

fn authenticators(file: &mut Fields<'_>, bytes: &[u8]) -> Result<Vec<Authenticator>, CredentialFault> {
    let entries = file.array("authenticator")?;
    count_is_right(entries.len())?;
    entries.iter().map(|entry| authenticator(table_of(entry, bytes)?, bytes)).collect()
}

fn authenticator(table: &DeTable<'_>, bytes: &[u8]) -> Result<Authenticator, CredentialFault> {
    let mut entry = Fields::of_table(table, bytes);
    let fields = AuthenticatorFields {
        id: entry.integer("id")?,
        label: entry.text("label")?,
        secret: entry.text("secret")?,
        algorithm: entry.text("algorithm")?,
        digits: entry.integer("digits")?,
        period: entry.integer("period")?,
        enrolled: entry.integer("enrolled")?,
    };
    entry.no_more()?;
    fields.checked()
}

fn recovery_set(table: &DeTable<'_>, bytes: &[u8]) -> Result<RecoverySet, CredentialFault> {
    let mut entry = Fields::of_table(table, bytes);
    let rounds = entry.integer("rounds")?;
    let salt = HEXLOWER_PERMISSIVE
        .decode(entry.text("salt")?.as_bytes())
        .map_err(|_| CredentialFault::Field("the recovery salt"))?;
    let hash = |text: &Spanned<DeValue<'_>>| {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.get_ref().as_str()?.as_bytes()).ok()?;
        <[u8; 32]>::try_from(bytes).ok()
    };
    let texts = entry.array("hashes")?.iter();
    let hashes = texts
        .map(|text| hash(text).ok_or(CredentialFault::Field("a recovery hash")))
        .collect::<Result<Vec<_>, _>>()?;
    entry.no_more()?;
    RecoveryFields { salt, rounds, hashes }.checked()
}

/// What stands in the file of one authenticator.
pub(super) struct AuthenticatorFields<'a> {
    pub(super) id: u32,
    pub(super) label: &'a str,
    pub(super) secret: &'a str,
    pub(super) algorithm: &'a str,
    pub(super) digits: u8,
    pub(super) period: u16,
    pub(super) enrolled: i64,
}

impl AuthenticatorFields<'_> {
    /// # Errors
    /// [`CredentialFault::Field`] for the first that is out of bounds.
    pub(super) fn checked(self) -> Result<Authenticator, CredentialFault> {
        let Self { id, label, secret, algorithm, digits, period, enrolled } = self;
        if !is_label(label) {
            return Err(CredentialFault::Field("a label"));
        }
        let secret = decode_secret(secret).ok_or(CredentialFault::Field("a secret"))?;
        let algorithm = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|known| known.name() == algorithm)
            .ok_or(CredentialFault::Field("an algorithm"))?;
        if !DIGITS.contains(&digits) {
            return Err(CredentialFault::Field("a number of digits"));
        }
        if !PERIOD.contains(&period) {
            return Err(CredentialFault::Field("a period"));
        }
        Ok(Authenticator { id, label: label.to_owned(), secret, algorithm, digits, period, enrolled })
    }
}

/// What stands in the file of the recovery codes.
pub(super) struct RecoveryFields {
    pub(super) salt: Vec<u8>,
    pub(super) rounds: u32,
    pub(super) hashes: Vec<[u8; 32]>,
}

impl RecoveryFields {
    /// # Errors
    /// [`CredentialFault::Field`] for the first that is out of bounds.
    pub(super) fn checked(self) -> Result<RecoverySet, CredentialFault> {
        let Self { salt, rounds, hashes } = self;
        if !recovery::ROUNDS.contains(&rounds) {
            return Err(CredentialFault::Field("the recovery rounds"));
        }
        if !SALT_BYTES.contains(&salt.len()) {
            return Err(CredentialFault::Field("the recovery salt"));
        }
        if hashes.is_empty() || hashes.len() > recovery::CODES {
            return Err(CredentialFault::Field("the number of recovery hashes"));
        }
        Ok(RecoverySet { salt, rounds, hashes })
    }
}

fn count_is_right(authenticators: usize) -> Result<(), CredentialFault> {
    if (1..=MAX_AUTHENTICATORS).contains(&authenticators) {
        Ok(())
    } else {
        Err(CredentialFault::Field("the number of authenticators"))
    }
}

/// The credential of these parts, if they are as many as the file says (None: it says nothing), and all different.
///
/// # Errors
/// [`CredentialFault::Cut`] or [`CredentialFault::Field`].
pub(super) fn whole(
    authenticators: Vec<Authenticator>,
    recovery: Option<RecoverySet>,
    expected_authenticators: Option<usize>,
    expected_codes: Option<usize>,
) -> Result<Credential, CredentialFault> {
    count_is_right(authenticators.len())?;
    let codes = recovery.as_ref().map_or(0, |set| set.hashes.len());
    if expected_authenticators.is_some_and(|count| count != authenticators.len())
        || expected_codes.is_some_and(|count| count != codes)
    {
        return Err(CredentialFault::Cut);
    }
    all_differ(&authenticators)?;
    Ok(Credential { authenticators, recovery })
}

/// The keys of one table, each to be taken once; one that nobody takes is a fault.
struct Fields<'a> {
    table: &'a DeTable<'a>,
    bytes: &'a [u8],
    start: usize,
    taken: usize,
}

impl<'a> Fields<'a> {
    fn of(document: &'a Spanned<DeTable<'a>>, bytes: &'a [u8]) -> Self {
        Self { table: document.get_ref(), bytes, start: document.span().start, taken: 0 }
    }

    fn of_table(table: &'a DeTable<'a>, bytes: &'a [u8]) -> Self {
        let start = table.keys().map(|key| key.span().start).min().unwrap_or(0);
        Self { table, bytes, start, taken: 0 }
    }

    fn optional(&mut self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.table.get(key)?;
        self.taken = self.taken.saturating_add(1);
        Some(value)
    }

    fn required(&mut self, key: &str) -> Result<&'a Spanned<DeValue<'a>>, CredentialFault> {
        self.optional(key).ok_or_else(|| syntax(self.bytes, self.start))
    }

    fn text(&mut self, key: &str) -> Result<&'a str, CredentialFault> {
        let value = self.required(key)?;
        value.get_ref().as_str().ok_or_else(|| syntax(self.bytes, value.span().start))
    }

    fn integer<T: TryFrom<i64>>(&mut self, key: &str) -> Result<T, CredentialFault> {
        let value = self.required(key)?;
        number(value).ok_or_else(|| syntax(self.bytes, value.span().start))
    }

    fn optional_integer<T: TryFrom<i64>>(&mut self, key: &str) -> Result<Option<T>, CredentialFault> {
        let Some(value) = self.optional(key) else { return Ok(None) };
        number(value).map(Some).ok_or_else(|| syntax(self.bytes, value.span().start))
    }

    fn array(&mut self, key: &str) -> Result<&'a [Spanned<DeValue<'a>>], CredentialFault> {
        let value = self.required(key)?;
        let array = value.get_ref().as_array();
        array.map(|array| &array[..]).ok_or_else(|| syntax(self.bytes, value.span().start))
    }

    fn optional_table(&mut self, key: &str) -> Result<Option<&'a DeTable<'a>>, CredentialFault> {
        self.optional(key).map(|value| table_of(value, self.bytes)).transpose()
    }

    /// # Errors
    /// The place of a key that nobody took.
    fn no_more(&self) -> Result<(), CredentialFault> {
        if self.taken == self.table.len() { Ok(()) } else { Err(syntax(self.bytes, self.start)) }
    }
}

fn table_of<'a>(value: &'a Spanned<DeValue<'a>>, bytes: &[u8]) -> Result<&'a DeTable<'a>, CredentialFault> {
    value.get_ref().as_table().ok_or_else(|| syntax(bytes, value.span().start))
}

fn number<T: TryFrom<i64>>(value: &Spanned<DeValue<'_>>) -> Option<T> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|number| T::try_from(number).ok())
}

fn syntax(bytes: &[u8], offset: usize) -> CredentialFault {
    let before = bytes.get(..offset.min(bytes.len())).unwrap_or_default();
    let line_start =
        before.iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place.saturating_add(1));
    let line = before.iter().filter(|&&byte| byte == b'\n').count().saturating_add(1);
    CredentialFault::Syntax { line, column: before.len().saturating_sub(line_start).saturating_add(1) }
}
