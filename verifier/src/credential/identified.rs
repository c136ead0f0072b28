//! A credential together with the fingerprints of its parts, which the ledger knows it by. A login compares them several
//! times; each costs a hash, so they are computed once, from a credential that cannot change any more.

use std::ops::Deref;

use super::{Authenticator, Credential, RecoverySet};

/// A credential whose fingerprints are known. It cannot be changed: what is compared is what it holds.
#[derive(Clone, Debug)]
pub struct Identified {
    credential: Credential,
    authenticators: Vec<[u8; 16]>,
    recovery: Option<[u8; 16]>,
}

impl From<Credential> for Identified {
    fn from(credential: Credential) -> Self {
        Self {
            authenticators: credential.authenticators.iter().map(Authenticator::fingerprint).collect(),
            recovery: credential.recovery.as_ref().map(RecoverySet::fingerprint),
            credential,
        }
    }
}

impl Deref for Identified {
    type Target = Credential;

    fn deref(&self) -> &Credential {
        &self.credential
    }
}

impl Identified {
    /// Each authenticator and its [`Authenticator::fingerprint`].
    pub(crate) fn each(&self) -> impl Iterator<Item = (&Authenticator, &[u8; 16])> {
        self.credential.authenticators.iter().zip(&self.authenticators)
    }

    /// The [`RecoverySet::fingerprint`]; None without recovery codes.
    pub(crate) fn recovery_fingerprint(&self) -> Option<[u8; 16]> {
        self.recovery
    }
}
