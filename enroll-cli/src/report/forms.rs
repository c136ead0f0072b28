//! The report for other programs: CSV, and numbers for Prometheus.

use std::fmt::Write;

use super::{Account, Report};

const HEADER: &str = "user,uid,requirement,would_be,enrolled,place,authenticators,recovery_codes_left,grace_until,\
                      grace_days,last_used,last_service,failures,throttled_until,disabled,exempt_until,trouble,reason";

/// RFC 4180: a header, lines that end in CRLF, quotes where a value needs them. Records without an account have a UID,
/// the name in the record, and "no account" as their trouble.
pub fn csv(report: &Report) -> String {
    let mut text = format!("{HEADER}\r\n");
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    for one in &report.accounts {
        let fields = [
            one.user.clone(),
            one.uid.to_string(),
            one.requirement.to_owned(),
            one.would_be.unwrap_or_default().to_owned(),
            one.enrolled.to_owned(),
            one.place.unwrap_or_default().to_owned(),
            one.authenticators.to_string(),
            number(one.recovery_codes_left),
            one.grace_until.clone().unwrap_or_default(),
            number(one.grace_days),
            one.last_used.clone().unwrap_or_default(),
            one.last_service.clone().unwrap_or_default(),
            one.failures.to_string(),
            one.throttled_until.clone().unwrap_or_default(),
            one.disabled.to_string(),
            one.exempt_until.clone().unwrap_or_default(),
            one.trouble.clone().unwrap_or_default(),
            one.reason.clone(),
        ];
        line(&mut text, &fields);
    }
    for stray in &report.ledgers_without_account {
        let mut fields: [String; 18] = Default::default();
        fields[0] = stray.record_of.clone().unwrap_or_default();
        fields[1] = stray.uid.to_string();
        fields[16] = stray.fault.clone().unwrap_or_else(|| "no account".to_owned());
        line(&mut text, &fields);
    }
    text
}

fn line(text: &mut String, fields: &[String]) {
    let quoted: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
    text.push_str(&quoted.join(","));
    text.push_str("\r\n");
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Counts in Prometheus' text format. No name of a user is in it: whoever may read the metrics of a host need not learn
/// who has no second factor.
pub fn prometheus(report: &Report) -> String {
    let mut text = String::new();
    let all = &report.accounts;
    let count = |wanted: &dyn Fn(&Account) -> bool| all.iter().filter(|one| wanted(one)).count();
    let mut accounts = Vec::new();
    for requirement in ["required", "user-driven", "exempt"] {
        for enrolled in ["yes", "no", "off", "trouble"] {
            let number = count(&|one| one.requirement == requirement && one.enrolled == enrolled);
            accounts.push((format!("{{requirement=\"{requirement}\",enrolled=\"{enrolled}\"}}"), number));
        }
    }
    metric(&mut text, "accounts", "Accounts by what is required of them and how they stand.", &accounts);
    let gauges: [(&str, &str, usize); 9] = [
        (
            "accounts_in_grace",
            "Accounts that must enrol and may put it off.",
            count(&|one| one.grace_until.is_some() || one.grace_days.is_some()),
        ),
        (
            "accounts_shut_out",
            "Accounts whose login is refused whatever is typed.",
            count(&|one| one.trouble.is_some()),
        ),
        (
            "accounts_throttled",
            "Accounts whose codes are not looked at for now, from anywhere or from some address.",
            count(&|one| one.throttled_until.is_some()),
        ),
        (
            "accounts_disabled",
            "Accounts whose codes are disabled until an administrator unlocks them.",
            count(&|one| one.disabled),
        ),
        (
            "accounts_low_on_recovery_codes",
            "Enrolled accounts with fewer than three recovery codes left.",
            count(&|one| one.recovery_codes_left.is_some_and(|left| left < 3)),
        ),
        (
            "accounts_never_used",
            "Enrolled accounts that no login has taken a code of yet.",
            count(&|one| one.enrolled == "yes" && one.last_used.is_none()),
        ),
        ("ledgers_without_account", "Records of users who are gone.", report.ledgers_without_account.len()),
        (
            "policy_valid",
            "Whether the policy is sound; if not, the strictest is in force.",
            usize::from(report.policy.valid),
        ),
        ("policy_on_trial", "Whether a policy is on trial.", usize::from(report.policy.on_trial)),
    ];
    for (name, help, value) in gauges {
        metric(&mut text, name, help, &[(String::new(), value)]);
    }
    let _ = write!(
        text,
        "# HELP twinlock_report_time_seconds When this was counted.\n# TYPE twinlock_report_time_seconds gauge\n\
         twinlock_report_time_seconds {}\n",
        report.now
    );
    text
}

fn metric(text: &mut String, name: &str, help: &str, values: &[(String, usize)]) {
    let _ = write!(text, "# HELP twinlock_{name} {help}\n# TYPE twinlock_{name} gauge\n");
    for (labels, value) in values {
        let _ = writeln!(text, "twinlock_{name}{labels} {value}");
    }
}
