//! The parameters of RFC 6238 that an authenticator may differ in, and which of them are allowed. The
//! verifier checks its own copy; this room must never enrol what that one would refuse.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The hash under HMAC (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// What every app understands; several apps silently use it whatever the URI says.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name in the key URI format: `SHA1`, `SHA256`, `SHA512`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Reads exactly the names that [`Algorithm::name`] writes; anything else is [`Error::Algorithm`].
    fn from_str(name: &str) -> Result<Self, Error> {
        [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(Error::Algorithm)
    }
}

/// How codes are made from the secret. Default: SHA1, 6 digits, 30 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The hash under HMAC.
    pub algorithm: Algorithm,
    /// Length of a code in digits: 6, 7 or 8.
    pub digits: u8,
    /// Length of a step in seconds: 15 to 120.
    pub period: u16,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters { algorithm: Algorithm::Sha1, digits: 6, period: 30 }
    }
}

impl Parameters {
    /// Returns the parameters if the verifier will accept them.
    ///
    /// # Errors
    /// [`Error::Digits`] outside 6 to 8, [`Error::Period`] outside 15 to 120 seconds.
    pub fn checked(self) -> Result<Self, Error> {
        match self {
            Parameters { digits, .. } if !(6..=8).contains(&digits) => Err(Error::Digits(digits)),
            Parameters { period, .. } if !(15..=120).contains(&period) => Err(Error::Period(period)),
            good => Ok(good),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn only_what_the_verifier_accepts_is_enrolled() {
        for (digits, period, expected) in [
            (6, 30, Ok(())),
            (8, 120, Ok(())),
            (7, 15, Ok(())),
            (5, 30, Err(Error::Digits(5))),
            (9, 30, Err(Error::Digits(9))),
            (6, 14, Err(Error::Period(14))),
            (6, 121, Err(Error::Period(121))),
            (6, 0, Err(Error::Period(0))),
        ] {
            let parameters = Parameters { digits, period, ..Parameters::default() };
            assert_eq!(parameters.checked(), expected.map(|()| parameters), "{digits} digits, {period} s");
        }
    }

    #[test]
    fn an_algorithm_reads_back_from_its_name_and_from_nothing_else() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        for name in ["", "sha1", "SHA-1", "SHA1 ", "MD5", "SHA384"] {
            assert_eq!(name.parse::<Algorithm>(), Err(Error::Algorithm), "{name:?}");
        }
    }
}
