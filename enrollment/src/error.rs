//! What can go wrong in this room. No variant may carry text that came from a secret, a URI or a pending
//! file: these errors are logged.

use std::fmt;

/// Every error of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is longer than the largest QR code holds (ISO/IEC 18004, version 40 at level L).
    TooLongForQr {
        /// Length of the text in bytes.
        bytes: usize,
    },
    /// The PNG encoder refused; with a picture in memory this means a picture of absurd size.
    Picture,
    /// Digits outside 6 to 8.
    Digits(u8),
    /// A period outside 15 to 120 seconds.
    Period(u16),
    /// An algorithm name other than SHA1, SHA256, SHA512.
    Algorithm,
    /// A pending enrolment that does not read back as it was written.
    PendingDamaged {
        /// Line of the file, from 1.
        line: usize,
        /// What was expected there; never what was found.
        expected: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLongForQr { bytes } => {
                write!(f, "{bytes} bytes do not fit in a QR code; shorten the issuer or the account name")
            }
            Error::Picture => f.write_str("the picture could not be encoded; choose a smaller size"),
            Error::Digits(digits) => write!(f, "{digits} digits are not supported; use 6, 7 or 8"),
            Error::Period(period) => {
                write!(f, "a period of {period} seconds is not supported; use 15 to 120")
            }
            Error::Algorithm => f.write_str("unknown algorithm; use SHA1, SHA256 or SHA512"),
            Error::PendingDamaged { line, expected } => {
                write!(f, "damaged enrolment under way: line {line}: expected {expected}")
            }
        }
    }
}

impl std::error::Error for Error {}
