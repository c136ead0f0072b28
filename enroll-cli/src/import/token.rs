//! What a file of another module holds for us: its tokens, and what there is to tell about the rest of it. Nothing of a
//! secret, a code or a PIN may stand in what is told.

use twinlock_verifier::{Algorithm, Authenticator};
use zeroize::Zeroizing;

/// One token of the other module.
pub struct Token {
    pub secret: Zeroizing<Vec<u8>>,
    pub digits: u8,
    pub period: u16,
    /// The last step that counts as used; 0 for none.
    pub last_step: u64,
    /// Steps that the phone is ahead of this host.
    pub drift: i8,
}

impl Token {
    /// The authenticator that it becomes.
    pub fn authenticator(&self, id: u32, label: String, now: i64) -> Authenticator {
        Authenticator {
            id,
            label,
            secret: self.secret.clone(),
            algorithm: Algorithm::Sha1,
            digits: self.digits,
            period: self.period,
            enrolled: now,
        }
    }

    /// Whether it has become this one.
    pub fn is(&self, one: &Authenticator) -> bool {
        let own = (self.secret.as_slice(), self.digits, self.period, Algorithm::Sha1);
        own == (one.secret.as_slice(), one.digits, one.period, one.algorithm)
    }
}

/// Something to tell about a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Remark {
    /// From 1; None for the file as a whole.
    pub line: Option<usize>,
    pub what: What,
}

/// What there is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The other module does not understand it either, and refuses its user.
    Invalid(&'static str),
    /// The other module passes it over.
    Ignored,
    /// Counter-based tokens are not supported here.
    Hotp,
    /// No TOTP is switched on in it.
    NotTotp,
    /// A secret of so many bytes; 10 to 128 are taken.
    SecretLength(usize),
    /// A step of so many seconds; 15 to 120 are taken.
    Period(u16),
    /// A phone so many steps off; four are followed.
    Skew(i64),
    /// A window of so many steps; here it is three.
    Window(i64),
    /// So many scratch codes.
    ScratchCodes(usize),
    /// A limit of attempts.
    RateLimit,
    /// The other module did not note what was used, so everything up to now counts as used.
    BurnedUpToNow,
    /// Codes count as used until then (Unix seconds).
    UsedUntil(i64),
    /// A PIN in clear.
    Pin,
    /// A token that is there already.
    Twice,
}

impl What {
    /// Whether something that its user could log in with is lost.
    pub fn loses_a_token(&self) -> bool {
        matches!(
            self,
            What::Invalid(_) | What::Hotp | What::NotTotp | What::SecretLength(_) | What::Period(_)
        )
    }
}
