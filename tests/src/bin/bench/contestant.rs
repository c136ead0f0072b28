//! The modules that are compared, each with the line that its manual would have an administrator write.

/// A module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Ours.
    Twinlock,
    /// `pam_google_authenticator`, with reuse of codes forbidden: the fair baseline.
    Google,
    /// `pam_oath` with a usersfile.
    Oath,
}

impl Contestant {
    /// All of them, ours first.
    pub const ALL: [Self; 3] = [Self::Twinlock, Self::Google, Self::Oath];

    /// Its name in the file of figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Twinlock => "twinlock",
            Self::Google => "google_authenticator",
            Self::Oath => "pam_oath",
        }
    }

    /// The head of its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Twinlock => "Twinlock",
            Self::Google => "google-auth",
            Self::Oath => "pam_oath",
        }
    }

    /// The file of the module.
    pub fn file(self) -> &'static str {
        match self {
            Self::Twinlock => "pam_twinlock.so",
            Self::Google => "pam_google_authenticator.so",
            Self::Oath => "pam_oath.so",
        }
    }

    /// Its PAM service on the stage.
    pub fn service(self) -> &'static str {
        match self {
            Self::Twinlock => "bench-twinlock",
            Self::Google => "bench-google",
            Self::Oath => "bench-oath",
        }
    }

    /// What follows the module's name in its line. All three look one step back and one ahead.
    pub fn words(self) -> &'static str {
        match self {
            Self::Twinlock => "account_phase",
            Self::Google => "nullok",
            Self::Oath => "usersfile=/etc/oath/${USER} window=1 digits=6",
        }
    }
}
