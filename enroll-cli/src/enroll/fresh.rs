//! A new authenticator and its recovery codes, drawn from the kernel's random source and carried from the enrollment
//! room to the verifier, which do not know each other.

use twinlock_enrollment::qr::QrCode;
use twinlock_enrollment::{Account, Material, Parameters, RecoveryCodes, key_in_groups, otpauth_uri};
use twinlock_verifier::recovery::DEFAULT_ROUNDS;
use twinlock_verifier::{Authenticator, Credential, RecoverySet};
use zeroize::Zeroizing;

use crate::cli::{Algorithm, NewKey};
use crate::error::Error;
use crate::texts::Words;

/// What was drawn, in every form that is shown.
pub struct Fresh {
    /// The authenticator, its time of enrolment still open.
    pub authenticator: Authenticator,
    /// The recovery codes.
    pub recovery_codes: RecoveryCodes,
    /// The secret in base32.
    pub secret_text: Zeroizing<String>,
    /// The same in groups of four.
    pub key: Zeroizing<String>,
    /// The key URI.
    pub uri: Zeroizing<String>,
    /// The same as a QR code.
    pub code: QrCode,
    salt: [u8; 16],
}

impl Fresh {
    /// Draws a secret and ten recovery codes.
    ///
    /// # Errors
    /// No random bytes, or names too long for a QR code.
    pub fn draw(options: &NewKey, label: &str, account: &Account<'_>) -> Result<Fresh, Error> {
        let mut random = Zeroizing::new([0; Material::RANDOM_BYTES]);
        twinlock_system::random(&mut *random)?;
        let Material { secret, salt, recovery_codes } = Material::from_random(&random);
        let (shown, checked) = algorithm(options.algorithm);
        let parameters = Parameters { algorithm: shown, digits: options.digits, period: options.period };
        let parameters = parameters.checked().map_err(Error::Picture)?;
        let uri = otpauth_uri(account, &*secret, &parameters);
        let key = key_in_groups(&*secret);
        let mut secret_text = Zeroizing::new(String::with_capacity(key.len()));
        secret_text.extend(key.chars().filter(|letter| *letter != ' '));
        let authenticator = Authenticator {
            id: 1,
            label: label.to_owned(),
            secret: Zeroizing::new(secret.to_vec()),
            algorithm: checked,
            digits: options.digits,
            period: options.period,
            enrolled: 0,
        };
        let code = QrCode::from_uri(&uri).map_err(Error::Picture)?;
        Ok(Fresh { authenticator, recovery_codes, secret_text, key, uri, code, salt })
    }

    /// The credential to write. Slow: it hashes the recovery codes.
    pub fn credential(&self, now: i64) -> Credential {
        let authenticator = Authenticator { enrolled: now, ..self.authenticator.clone() };
        let recovery = RecoverySet::new(&self.recovery_codes, &self.salt, DEFAULT_ROUNDS);
        Credential { authenticators: vec![authenticator], recovery: Some(recovery) }
    }

    /// Key and URI for a text.
    pub fn words(&self) -> Words<'_> {
        Words { key: &self.key, uri: &self.uri }
    }
}

fn algorithm(chosen: Algorithm) -> (twinlock_enrollment::Algorithm, twinlock_verifier::Algorithm) {
    use twinlock_enrollment::Algorithm as Shown;
    use twinlock_verifier::Algorithm as Checked;
    match chosen {
        Algorithm::Sha1 => (Shown::Sha1, Checked::Sha1),
        Algorithm::Sha256 => (Shown::Sha256, Checked::Sha256),
        Algorithm::Sha512 => (Shown::Sha512, Checked::Sha512),
    }
}
