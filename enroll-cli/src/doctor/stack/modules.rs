//! What modules may answer. Of most nothing is known, so they may answer anything; what is known here is what a stack is
//! built upon: lines that always refuse or always agree, and those that prove who somebody is.

use super::control::code;
use super::read::{Call, Line, Phase, Stack};

/// What a line is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ours.
    Ours,
    /// It has one answer only.
    Fixed(usize),
    /// It proves who somebody is.
    FirstFactor,
    /// It agrees with root alone, who needs no door.
    RootOnly,
    /// Anything else.
    Other,
}

/// Modules of an auth stack that prove nothing about who somebody is.
const NO_FACTOR: &[&str] = &[
    "pam_access",
    "pam_cap",
    "pam_cgfs",
    "pam_ck_connector",
    "pam_debug",
    "pam_echo",
    "pam_ecryptfs",
    "pam_env",
    "pam_exec",
    "pam_faildelay",
    "pam_faillock",
    "pam_fscrypt",
    "pam_ftp",
    "pam_gnome_keyring",
    "pam_google_authenticator",
    "pam_group",
    "pam_issue",
    "pam_keyinit",
    "pam_kwallet",
    "pam_kwallet5",
    "pam_lastlog",
    "pam_limits",
    "pam_listfile",
    "pam_localuser",
    "pam_loginuid",
    "pam_mail",
    "pam_mkhomedir",
    "pam_motd",
    "pam_mount",
    "pam_nologin",
    "pam_oath",
    "pam_oddjob_mkhomedir",
    "pam_postgresok",
    "pam_script",
    "pam_securetty",
    "pam_selinux",
    "pam_sepermit",
    "pam_setquota",
    "pam_shells",
    "pam_succeed_if",
    "pam_systemd",
    "pam_tally",
    "pam_tally2",
    "pam_time",
    "pam_timestamp",
    "pam_tty_audit",
    "pam_umask",
    "pam_usertype",
    "pam_warn",
    "pam_wheel",
    "pam_xauth",
    "pam_yubico",
];

impl Role {
    /// The role of a line.
    pub fn of(line: &Line, phase: Phase) -> Self {
        let (name, words) = match &line.call {
            Call::Refusal => return Self::Fixed(code::PERM_DENIED),
            Call::Substack => return Self::Other,
            Call::Module(name, words) => (name.strip_suffix(".so").unwrap_or(name), words),
        };
        let has = |word: &str| words.iter().any(|one| one == word);
        let uid_is_0 = words.windows(3).any(|three| matches!(three, [uid, is, zero] if uid == "uid" && (is == "=" || is == "eq") && zero == "0"));
        match name {
            _ if line.is_ours() => Self::Ours,
            "pam_permit" => Self::Fixed(code::SUCCESS),
            "pam_deny" => Self::Fixed(code::AUTH_ERR),
            "pam_debug" => Self::Fixed(scripted(words, phase)),
            "pam_rootok" => Self::RootOnly,
            "pam_succeed_if" if uid_is_0 && has("use_uid") => Self::RootOnly,
            name if phase == Phase::Auth && !NO_FACTOR.contains(&name) => Self::FirstFactor,
            _ => Self::Other,
        }
    }

    /// The codes to try, one for each thing that may come of them; the code itself matters only where it is success,
    /// ignore or (in the account phase: let in, but change your password) new_authtok_reqd.
    pub fn answers(self, line: &Line, phase: Phase) -> Vec<usize> {
        if let Self::Fixed(code) = self {
            return vec![code];
        }
        let mut answers = vec![code::SUCCESS];
        if phase == Phase::Account && !matches!(self, Self::Ours | Self::RootOnly) {
            answers.push(code::NEW_AUTHTOK_REQD);
        }
        // A first factor answers yes or no, unless its words let it keep out of it.
        let abstains = line.words().iter().any(|word| word.starts_with("ignore") || word.contains("=ignore"));
        if self != Self::FirstFactor || abstains {
            answers.push(code::IGNORE);
        }
        let mut seen = Vec::new();
        for code in 0..code::COUNT {
            let special =
                [code::SUCCESS, code::NEW_AUTHTOK_REQD, code::IGNORE, code::CONV_AGAIN, code::INCOMPLETE];
            // A module that is not there is somebody else's finding.
            let missing = code == code::MODULE_UNKNOWN && self != Self::Ours;
            let action = line.actions.of(code);
            if !special.contains(&code) && !missing && !seen.contains(&action) {
                seen.push(action);
                answers.push(code);
            }
        }
        answers
    }
}

/// What pam_debug(8) was told to answer.
fn scripted(words: &[String], phase: Phase) -> usize {
    let key = if phase == Phase::Auth { "auth=" } else { "acct=" };
    let name = words.iter().rev().find_map(|word| word.strip_prefix(key));
    name.and_then(code::named).unwrap_or(code::SUCCESS)
}

/// The modules of a stack that prove who somebody is.
pub fn first_factors(stack: &Stack, phase: Phase) -> Vec<String> {
    let factors = stack.lines.iter().filter(|line| Role::of(line, phase) == Role::FirstFactor);
    let name = |line: &Line| match &line.call {
        Call::Module(name, _) => Some(name.clone()),
        _ => None,
    };
    factors.filter_map(name).collect()
}
