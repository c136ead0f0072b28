//! The keys of the policy language: where each may stand and how it is written. Every mend sentence draws on this one
//! table, so that what is advised is what is accepted.

/// Where in the files a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The top of policy.toml.
    Top,
    /// `[throttle]`.
    Throttle,
    /// A `[[rule]]`.
    Rule,
    /// The top of a file in policy.d.
    DropIn,
    /// The `trial` table of trial.toml.
    Trial,
}

const EXAMPLES: &[(&[Level], &str, &str)] = &[
    (&[Level::Top, Level::Rule], "require_mfa", "require_mfa = true, false or \"report\""),
    (&[Level::Top, Level::Rule], "unenrolled", "unenrolled = \"enroll\" or \"deny\""),
    (&[Level::Top, Level::Rule], "enroll_by", "enroll_by = 2027-01-31"),
    (&[Level::Top, Level::Rule], "grace_days", "grace_days = 7"),
    (&[Level::Top, Level::Rule], "remember", "remember = \"12h\""),
    (&[Level::Top, Level::Rule], "enroll_at", "enroll_at = [\"sshd\", \"login\"]"),
    (&[Level::Top], "issuer", "issuer = \"ACME ERP\""),
    (&[Level::Top], "help", "help = \"IT desk, ext. 4711\""),
    (&[Level::Top], "attempts", "attempts = 3"),
    (&[Level::Top], "credential_store", "credential_store = \"home\" or \"system\""),
    (&[Level::Top], "account_required", "account_required = [\"sshd\"]"),
    (&[Level::Top], "throttle", "[throttle]"),
    (&[Level::Top, Level::DropIn], "rule", "[[rule]]"),
    (&[Level::Throttle], "free_failures", "free_failures = 3"),
    (&[Level::Throttle], "first_wait", "first_wait = \"5s\""),
    (&[Level::Throttle], "longest_wait", "longest_wait = \"1h\""),
    (&[Level::Throttle], "disable_after", "disable_after = 100"),
    (&[Level::Rule], "name", "name = \"pilot team\""),
    (&[Level::Rule], "users", "users = [\"maria\"]"),
    (&[Level::Rule], "groups", "groups = [\"erp\"]"),
    (&[Level::Rule], "services", "services = [\"sshd\"]"),
    (&[Level::Rule], "networks", "networks = [\"10.20.0.0/16\", \"local\"]"),
    (&[Level::Rule], "exempt", "exempt = true or false"),
    (&[Level::Rule], "reason", "reason = \"key-only batch account\""),
    (&[Level::Rule], "approved_by", "approved_by = \"it-security\""),
    (&[Level::Rule], "expires", "expires = 2027-03-01"),
    (&[Level::Trial], "start", "start = 2027-01-31T08:00:00Z"),
    (&[Level::Trial], "deadline", "deadline = 2027-01-31T08:10:00Z"),
    (&[Level::Trial], "boot_id", "boot_id = \"...\" (from /proc/sys/kernel/random/boot_id)"),
];

/// How a key is written, for "write ...".
pub(crate) fn example(key: &str) -> &'static str {
    EXAMPLES.iter().find(|(_, name, _)| *name == key).map_or("", |(_, _, example)| *example)
}

/// How to mend a key that is not known at this level.
pub(crate) fn mend_unknown(level: Level, key: &str) -> String {
    let known = |at: Level| {
        EXAMPLES.iter().filter(move |(levels, ..)| levels.contains(&at)).map(|(_, name, _)| *name)
    };
    if level == Level::DropIn && known(Level::Top).any(|name| name == key) {
        return format!("move {key} to policy.toml; files in policy.d hold [[rule]] tables only");
    }
    if level != Level::Top && known(Level::Top).any(|name| name == key) {
        return format!("move {key} to the top of policy.toml, before the first table");
    }
    if level == Level::Top && known(Level::Rule).any(|name| name == key) {
        return format!("move {key} into a [[rule]]");
    }
    if let Some(name) = EXAMPLES.iter().find(|(levels, name, _)| !levels.contains(&level) && *name == key) {
        return match name.0.first() {
            Some(Level::Throttle) => format!("move {key} into [throttle]"),
            _ => format!("remove {key}"),
        };
    }
    match known(level).map(|name| (distance(key, name), name)).min() {
        Some((0..=NEAR, name)) => format!("perhaps {name} was meant: {}", example(name)),
        _ => format!("remove it; known here are: {}", known(level).collect::<Vec<_>>().join(", ")),
    }
}

/// A key that differs in so many letters was perhaps meant.
const NEAR: usize = 2;

/// How many letters to add, drop or change (Levenshtein), upper and lower case being the same.
fn distance(written: &str, known: &str) -> usize {
    // So much longer or shorter is not near; and for a very long key, the table below would be as large as the text.
    if written.len().abs_diff(known.len()) > NEAR {
        return usize::MAX;
    }
    // Of the letters of `written` so far, which are none, to all of `known`; and to each of its beginnings but the empty one.
    let mut all = known.len();
    let mut row: Vec<usize> = (1..=known.len()).collect();
    for (line, letter) in (1..).zip(written.bytes()) {
        let (mut diagonal, mut left) = (line - 1, line);
        for (other, above) in known.bytes().zip(&mut row) {
            let changed = diagonal + usize::from(!letter.eq_ignore_ascii_case(&other));
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        all = left;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_to_add_drop_or_change_counts_as_one() {
        for (written, known, letters) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("users", "USERS", 0),
            ("b", "ab", 1),
            ("ab", "b", 1),
            ("abc", "c", 2),
            ("c", "abc", 2),
            ("ab", "ba", 2),
            ("abcd", "bcda", 2),
            ("xabyc", "abc", 2),
            ("abc", "xabyc", 2),
            ("kitten", "sitting", 3),
            ("sitting", "kitten", 3),
            ("intention", "execution", 5),
            ("abc", "", usize::MAX),
            ("", "abc", usize::MAX),
        ] {
            assert_eq!(distance(written, known), letters, "{written} {known}");
        }
    }

    #[test]
    fn an_unknown_key_is_told_where_it_belongs_or_what_was_meant() {
        for (level, key, advice) in [
            (Level::Top, "requiremfa", "perhaps require_mfa was meant"),
            (Level::Top, "Require_MFA", "perhaps require_mfa was meant"),
            (Level::Top, "rules", "perhaps rule was meant"),
            (Level::Top, "users", "move users into a [[rule]]"),
            (Level::Top, "first_wait", "move first_wait into [throttle]"),
            (Level::Rule, "attempts", "move attempts to the top of policy.toml"),
            (Level::Rule, "user", "perhaps users was meant"),
            (Level::Throttle, "issuer", "move issuer to the top"),
            (Level::DropIn, "require_mfa", "move require_mfa to policy.toml"),
            (Level::DropIn, "throttle", "move throttle to policy.toml"),
            // Two letters more, two others, three more.
            (Level::Top, "issuerxx", "perhaps issuer was meant"),
            (Level::Top, "xxsuer", "perhaps issuer was meant"),
            (Level::Top, "issuerxxx", "remove it"),
            (Level::Top, "colour", "remove it; known here are: require_mfa, "),
            (Level::Top, "", "remove it"),
        ] {
            let mend = mend_unknown(level, key);
            assert!(mend.starts_with(advice), "{key}: {mend}");
        }
    }
}
