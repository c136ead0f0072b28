//! Policies of different sizes. In each with rules it is the last one that decides about the user, by a group.

use std::fmt::Write as _;

/// Without rules.
pub const PLAIN: &str = "require_mfa = true\nissuer = \"ACME ERP\"\nhelp = \"IT desk, ext. 4711\"\n";
/// Without rules: whoever has enrolled is asked.
pub const USER_DRIVEN: &str = "require_mfa = false\nissuer = \"ACME ERP\"\nhelp = \"IT desk, ext. 4711\"\n";
/// The group that the last rule names.
pub const GROUP: &str = "erp";

const EXEMPTION: &str = "
[[rule]]
name        = \"nightly transfer from the EDI host\"
users       = [\"edi\"]
services    = [\"sshd\"]
networks    = [\"10.20.0.0/16\", \"2001:db8::/48\"]
exempt      = true
reason      = \"key-only batch account\"
approved_by = \"it-security\"
expires     = 2099-03-01
";
const PILOT: &str = "
[[rule]]
name        = \"pilot team\"
users       = [\"anna\", \"bert\", \"carla\"]
require_mfa = true
grace_days  = 7
";
const LAST: &str = "
[[rule]]
name        = \"ERP users\"
groups      = [\"erp\"]
require_mfa = true
";

/// With three rules: an exemption, a pilot team, a group.
pub fn three_rules() -> String {
    format!("{PLAIN}{EXEMPTION}{PILOT}{LAST}")
}

/// With thirty: the three, and twenty-seven sites with their networks.
pub fn thirty_rules() -> String {
    let mut text = format!("{PLAIN}{EXEMPTION}{PILOT}");
    for site in 1..=27 {
        write!(
            text,
            "\n[[rule]]\nname        = \"terminals of site {site}\"\nusers       = [\"till{site}a\", \"till{site}b\"]\n\
             services    = [\"login\", \"sshd\"]\nnetworks    = [\"10.30.{site}.0/24\"]\nrequire_mfa = false\n"
        )
        .expect("a string");
    }
    text + LAST
}

/// Naming 10,000 users, in a hundred rules, and 100 groups, in one more; the user is in the last of them.
pub fn ten_thousand_users() -> String {
    let mut text = PLAIN.to_owned();
    for rule in 0..100 {
        let names: Vec<String> = (0..100).map(|user| format!("\"employee{rule:02}{user:02}\"")).collect();
        write!(text, "\n[[rule]]\nusers = [{}]\nrequire_mfa = false\n", names.join(", ")).expect("a string");
    }
    let groups: Vec<String> = groups().map(|group| format!("\"{group}\"")).collect();
    write!(text, "\n[[rule]]\ngroups = [{}]\nrequire_mfa = true\n", groups.join(", ")).expect("a string");
    text
}

/// The groups that [`ten_thousand_users`] names.
pub fn groups() -> impl Iterator<Item = String> {
    (1..100).map(|number| format!("department{number:02}")).chain([GROUP.to_owned()])
}

/// Exempting the user by name.
pub fn exempting(user: &str) -> String {
    format!(
        "{PLAIN}{}",
        EXEMPTION
            .replace("\"edi\"", &format!("\"{user}\""))
            .replace("\"sshd\"", "\"bench-twinlock\"")
            .replace("10.20.0.0/16", "192.0.2.0/24")
    )
}

/// One attempt only, so that one wrong code is one refusal, as with the others.
pub fn one_attempt() -> String {
    format!("{PLAIN}attempts = 1\n")
}
