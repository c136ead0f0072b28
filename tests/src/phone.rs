//! A phone with an authenticator app, and credentials as the command writes them.

use crate::account::Account;
use crate::host::Host;
use crate::oathtool;

/// A module's lines for a service of the tests that has no first factor: for what comes behind one.
pub const STACK: &str = "auth required pam_twinlock.so account_phase\naccount required pam_twinlock.so\n";

/// An app that holds one base32 secret (SHA1, 6 digits, 30 s); `oathtool` computes its codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The secret in base32.
    pub secret: String,
}

impl Phone {
    /// The app after somebody typed the key in, as a screen shows it: with spaces.
    pub fn with_key(key: &str) -> Self {
        Self { secret: key.split_whitespace().collect() }
    }

    /// The app after it read a picture.
    pub fn from_uri(uri: &str) -> Self {
        let query = uri.split_once('?').unwrap_or_else(|| panic!("no otpauth URI")).1;
        let secret = query.split('&').find_map(|part| part.strip_prefix("secret=")).expect("a secret");
        Self::with_key(secret)
    }

    /// A phone whose credential is in the user's home, registered nowhere yet: the first accepted code does that.
    pub fn of(account: &Account) -> Self {
        let phone = Self::numbered(account.uid);
        account.write(".twinlock/credential.toml", phone.credential(), 0o600);
        phone
    }

    /// A phone with a secret of its own per number.
    pub fn numbered(number: u32) -> Self {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let letter = |place: u32| letters[(number.wrapping_mul(2_654_435_761) >> (place % 27)) as usize % 32];
        Self { secret: (0..32).map(|place| char::from(letter(place))).collect() }
    }

    /// A credential with this one authenticator, `phone`, and no recovery codes.
    pub fn credential(&self) -> String {
        format!(
            "version = 1\n\n[[authenticator]]\nid = 1\nlabel = \"phone\"\nsecret = \"{}\"\n\
             algorithm = \"SHA1\"\ndigits = 6\nperiod = 30\nenrolled = 1764000000\n",
            self.secret
        )
    }

    /// What the app shows now.
    pub fn code(&self) -> String {
        oathtool::code_now(&self.secret)
    }

    /// What it shows `steps` later.
    pub fn code_at_step(&self, steps: i64) -> String {
        oathtool::code_at_step(&self.secret, steps)
    }

    /// What it never shows near now.
    pub fn wrong_code(&self) -> String {
        oathtool::wrong_code(&self.secret)
    }
}

impl Host {
    /// A host with the module and the command, where every user must have a code; `till` is a service with
    /// [`STACK`] that may enrol.
    pub fn that_requires_codes() -> Self {
        let host = Self::new();
        host.install_twinlock();
        host.policy("require_mfa = true\nissuer = \"ACME ERP\"\nhelp = \"IT desk, ext. 4711\"\nenroll_at = [\"sshd\", \"login\", \"su\", \"su-l\", \"sudo\", \"sudo-i\", \"till\"]\n");
        host.pam_service("till", STACK);
        host
    }
}
