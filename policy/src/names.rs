//! Lists of user, group and service names. Names are compared exactly, byte by byte, so what can never be equal to a
//! real name (a pattern, a sigil from sudoers) is a fault and not a rule that silently matches nobody.

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
    Service,
}

/// A list of names in one piece of memory: a policy may name 10,000 users.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    /// An empty list with room for so many names of usual length.
    pub fn with_capacity(names: usize) -> Names {
        Names { text: String::with_capacity(names * 12), ends: Vec::with_capacity(names) }
    }

    /// Adds a name.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        // A policy file has at most 1 MiB, so this never saturates.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Whether the list holds this very name.
    pub fn contains(&self, name: &str) -> bool {
        let (text, name) = (self.text.as_bytes(), name.as_bytes());
        let mut start = 0;
        self.ends.iter().any(|&end| {
            let held = text.get(start..end as usize);
            start = end as usize;
            held == Some(name)
        })
    }

    /// The names, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let name = self.text.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            name
        })
    }
}

/// Why a text can never be a name of this kind, as (what is wrong, how to mend it).
pub(crate) fn objection(kind: Kind, name: &str) -> Option<(&'static str, &'static str)> {
    if name.is_empty() {
        return Some(("a name is empty", "remove the empty name"));
    }
    // Nearly every name, in one look: nothing below is in it.
    if name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')) {
        return None;
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Some(("a name holds white space at an end, or a control character", "write the name alone"));
    }
    if name.contains(['*', '?']) {
        return Some(("a name holds a pattern, but names are compared exactly", "write each name out"));
    }
    match kind {
        Kind::User if name.starts_with(['%', '@']) => {
            Some(("a user name begins with '%' or '@'", "write the group under groups, without the sign"))
        }
        Kind::Group if name.starts_with(['%', '@']) => {
            Some(("a group name begins with '%' or '@'", "write the group's name without the sign"))
        }
        Kind::Service if name.contains('/') => {
            Some(("a service is a name, not a path", "write the file's name below /etc/pam.d"))
        }
        Kind::Service if name.chars().any(|c| c.is_ascii_uppercase()) => {
            Some(("a service has an upper-case letter, but PAM lowers them all", "write it in lower case"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_what_was_pushed_and_nothing_across_a_border() {
        let mut names = Names::with_capacity(2);
        for name in ["ab", "c", "", "é"] {
            names.push(name);
        }
        assert!(["ab", "c", "", "é"].iter().all(|name| names.contains(name)));
        assert!(["a", "b", "bc", "abc", "AB"].iter().all(|name| !names.contains(name)));
    }

    #[test]
    fn a_name_that_can_never_match_is_objected_to() {
        for (kind, name, fine) in [
            (Kind::User, "maria", true),
            (Kind::User, "ACME\\maria", true),
            (Kind::User, "maria@acme.example", true),
            (Kind::User, "domain users", true),
            (Kind::User, "", false),
            (Kind::User, " maria", false),
            (Kind::User, "ma\nria", false),
            (Kind::User, "*", false),
            (Kind::User, "%wheel", false),
            (Kind::Group, "@wheel", false),
            (Kind::Service, "su-l", true),
            (Kind::Service, "kiosk+till", true),
            (Kind::Service, "SSHD", false),
            (Kind::Service, "/etc/pam.d/sshd", false),
        ] {
            assert_eq!(objection(kind, name).is_none(), fine, "{name:?}");
        }
    }
}
