//! The second field of a line of pam.conf(5): what each answer of a module does to its stack.

/// PAM's return codes, as far as something depends on them (`_pam_types.h`).
pub mod code {
    pub const SUCCESS: usize = 0;
    pub const PERM_DENIED: usize = 6;
    pub const AUTH_ERR: usize = 7;
    pub const NEW_AUTHTOK_REQD: usize = 12;
    pub const IGNORE: usize = 25;
    pub const MODULE_UNKNOWN: usize = 28;
    pub const CONV_AGAIN: usize = 30;
    pub const INCOMPLETE: usize = 31;
    /// How many there are.
    pub const COUNT: usize = 32;

    /// The code of a name.
    pub fn named(name: &str) -> Option<usize> {
        super::NAMES.iter().position(|known| *known == name)
    }
}

/// Their names in a control, by number.
const NAMES: [&str; code::COUNT] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// What an answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    Ignore,
    /// It counts, if all before was good.
    Ok,
    /// The same, and the stack ends.
    Done,
    /// It fails the stack, which goes on.
    Bad,
    /// It fails the stack, which ends.
    Die,
    /// What came of the stack so far is forgotten.
    Reset,
    /// So many lines are passed over.
    Jump(usize),
}

/// The action for each return code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions([Action; code::COUNT]);

impl Actions {
    /// Reads a control field, brackets included. What libpam cannot read makes every answer bad.
    pub fn parse(control: &str) -> Self {
        let of = |success, fail| {
            let mut actions = [fail; code::COUNT];
            actions[code::SUCCESS] = success;
            actions[code::NEW_AUTHTOK_REQD] = success;
            actions[code::IGNORE] = Action::Ignore;
            Self(actions)
        };
        match control.to_ascii_lowercase().as_str() {
            "required" => of(Action::Ok, Action::Bad),
            "requisite" => of(Action::Ok, Action::Die),
            "optional" => of(Action::Ok, Action::Ignore),
            "sufficient" => of(Action::Done, Action::Ignore),
            _ => Self::listed(control).unwrap_or(Self([Action::Bad; code::COUNT])),
        }
    }

    /// What a code does; a number that is none is bad.
    pub fn of(&self, code: usize) -> Action {
        self.0.get(code).copied().unwrap_or(Action::Bad)
    }

    /// `[success=1 default=ignore]`.
    fn listed(control: &str) -> Option<Self> {
        let inside = control.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(control);
        let mut actions = [None; code::COUNT];
        let mut rest = inside.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (action, after) = action(after.trim_start())?;
            let name = name.trim_end();
            match code::named(name) {
                Some(code) => actions[code] = Some(action),
                // Only what was not said before.
                None if name == "default" => {
                    actions.iter_mut().for_each(|one| *one = one.or(Some(action)));
                }
                None => return None,
            }
            rest = after.trim_start();
        }
        Some(Self(actions.map(|one| one.unwrap_or(Action::Bad))))
    }
}

fn action(text: &str) -> Option<(Action, &str)> {
    let words = [
        ("ignore", Action::Ignore),
        ("ok", Action::Ok),
        ("done", Action::Done),
        ("bad", Action::Bad),
        ("die", Action::Die),
        ("reset", Action::Reset),
    ];
    for (word, action) in words {
        if let Some(rest) = text.strip_prefix(word) {
            return Some((action, rest));
        }
    }
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let lines = number.parse().ok().filter(|lines| *lines > 0)?;
    Some((Action::Jump(lines), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_read_as_libpam_reads_it() {
        use Action::{Bad, Die, Done, Ignore, Jump, Ok, Reset};
        // success, new_authtok_reqd, ignore, auth_err
        for (control, expected) in [
            ("required", [Ok, Ok, Ignore, Bad]),
            ("REQUIRED", [Ok, Ok, Ignore, Bad]),
            ("requisite", [Ok, Ok, Ignore, Die]),
            ("sufficient", [Done, Done, Ignore, Ignore]),
            ("optional", [Ok, Ok, Ignore, Ignore]),
            ("[success=1 default=ignore]", [Jump(1), Ignore, Ignore, Ignore]),
            ("[success=ok]", [Ok, Bad, Bad, Bad]),
            ("[ default=die success = done ]", [Done, Die, Die, Die]),
            ("[success=12 new_authtok_reqd=done ignore=reset default=bad]", [Jump(12), Done, Reset, Bad]),
            ("[success=okdefault=ignore]", [Ok, Ignore, Ignore, Ignore]),
            ("[]", [Bad, Bad, Bad, Bad]),
            ("[success=0]", [Bad, Bad, Bad, Bad]),
            ("[success=-1]", [Bad, Bad, Bad, Bad]),
            ("[success=fine]", [Bad, Bad, Bad, Bad]),
            ("[succes=ok]", [Bad, Bad, Bad, Bad]),
            ("requird", [Bad, Bad, Bad, Bad]),
        ] {
            let actions = Actions::parse(control);
            let codes = [code::SUCCESS, code::NEW_AUTHTOK_REQD, code::IGNORE, code::AUTH_ERR];
            assert_eq!(codes.map(|code| actions.of(code)), expected, "{control}");
        }
    }
}
