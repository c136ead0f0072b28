//! A new credential and everything a person must see to put it on a phone: the secret and the recovery
//! codes, the `otpauth` URI, the key as text, the QR code, and the words of the enrolment prompt.
//!
//! This room is pure. It never reads a file, a clock, a terminal or the kernel's random source: bytes and
//! times come in, text and pictures go out. A secret never appears in an error or in `Debug` output.
//! What leaves here with a secret in it is wrapped in [`Zeroizing`]; the copies that the QR encoder and the
//! PNG encoder make inside are wiped by the allocator of the door, not here.

#![forbid(unsafe_code)]
// No index or slice that may panic, outside tests: in a hook it would be a login refused.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod error;
mod material;
mod parameters;
pub mod pending;
pub mod prompt;
pub mod qr;
mod recovery;
mod uri;

pub use error::Error;
pub use material::Material;
pub use parameters::{Algorithm, Parameters};
pub use recovery::RecoveryCodes;
pub use uri::{Account, key_in_groups, otpauth_uri};
pub use zeroize::Zeroizing;
