//! What `twinlock policy explain` says and what a login does are one thing: a table of users, services, addresses and
//! times, each explained and each logged in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use policy_scene::{DAY, code_after, day, enrolled, is_in, log_in, said, stage};
use twinlock_policy::{Facts, Membership, Policy, Requirement, SourceFile, Subject};
use twinlock_tests::process::{command, run};
use twinlock_tests::{Account, Host, PamClient, oathtool};

const USERS: [&str; 6] = ["maria", "edi", "otto", "anna", "tills", "lena"];
const SERVICES: [&str; 3] = ["sshd", "till", "kiosk"];
/// The last four are no addresses; `explain` takes none of those.
const ADDRESSES: [Option<&str>; 10] = [
    None,
    Some("10.20.0.5"),
    Some("192.0.2.7"),
    Some("2001:db8::1"),
    Some("::ffff:10.20.1.1"),
    Some("127.0.0.1"),
    Some("edi.example"),
    Some("10.20.0.5.evil.example"),
    Some("fe80::1%eth0"),
    Some("UNKNOWN"),
];
/// Days from now; a clock that was never set is the last.
const TIMES: [Option<u64>; 4] = [Some(0), Some(20), Some(400), None];
const NEVER_SET: (&str, i64) = ("@1970-01-02 00:00:00", 86_400);

/// Something of everything.
fn policies() -> [String; 2] {
    let exempt = |expires: String| {
        format!("exempt = true\nreason = \"r\"\napproved_by = \"it\"\nexpires = {expires}\n")
    };
    [
        format!(
            "require_mfa = true\nenroll_by = {}\nremember = \"1h\"\n\
             [[rule]]\nname = \"nightly transfer\"\nusers = [\"edi\"]\nservices = [\"sshd\"]\nnetworks = [\"10.20.0.0/16\", \"2001:db8::/48\"]\n{}\
             [[rule]]\nname = \"tills\"\ngroups = [\"shopfloor\"]\nnetworks = [\"local\"]\nrequire_mfa = false\n\
             [[rule]]\ngroups = [\"ghost\"]\nservices = [\"kiosk\"]\nrequire_mfa = false\n\
             [[rule]]\nname = \"home\"\nnetworks = [\"127.0.0.0/8\"]\nusers = [\"otto\", \"anna\"]\nrequire_mfa = \"report\"\n",
            day(10),
            exempt(day(10)),
        ),
        format!(
            "require_mfa = false\n\
             [[rule]]\nname = \"pilot\"\ngroups = [\"pilot\"]\nrequire_mfa = true\nenroll_by = {}\n\
             [[rule]]\nname = \"from outside\"\nnetworks = [\"192.0.2.0/24\"]\nrequire_mfa = \"report\"\n\
             [[rule]]\nname = \"unknown directory\"\ngroups = [\"ghost\"]\nusers = [\"lena\"]\nrequire_mfa = true\nunenrolled = \"deny\"\n",
            day(100),
        ),
    ]
}

fn table_host() -> (Host, Vec<Account>) {
    let host = stage("require_mfa = false\n");
    host.pam_service("sshd", policy_scene::STACK);
    let accounts = USERS.map(|name| host.add_user(name, "secret")).into();
    host.add_group("pilot", &["maria", "anna"]);
    host.add_group("shopfloor", &["tills", "otto"]);
    // Only the drop-in says something of the accounting's primary group.
    host.policy_drop_in(
        "10-accounting.toml",
        "[[rule]]\nname = \"accounting\"\ngroups = [\"anna\"]\nservices = [\"till\"]\nrequire_mfa = true\n",
    );
    (host, accounts)
}

/// A login at a time; and that time, in seconds since the epoch.
fn at(host: &Host, user: &str, service: &str, rhost: Option<&str>, time: Option<u64>) -> (PamClient, i64) {
    let client = PamClient::new(host, service).user(user).chain("authenticate");
    let client = match rhost {
        Some(rhost) => client.rhost(rhost),
        None => client,
    };
    match time {
        Some(days) => {
            let time = i64::try_from(oathtool::now() + days * DAY).unwrap();
            (client.clock(&format!("+{days}d")), time)
        }
        None => (client.clock(NEVER_SET.0), NEVER_SET.1),
    }
}

fn word(requirement: &str) -> String {
    requirement.replace('-', "_")
}

#[test]
fn explain_says_what_a_login_does() {
    let (host, _) = table_host();
    // A user with a newest time in the ledger: behind it nothing loosens.
    let (_, phone) = enrolled(&host, "ahead");
    assert!(is_in(&log_in(
        &PamClient::new(&host, "till").user("ahead").clock("+15d"),
        &[&code_after(&phone, 15 * DAY as i64)]
    )));
    let mut rows = 0;
    let mut seen = std::collections::BTreeSet::new();
    for policy in policies() {
        host.policy(&policy);
        for (number, user) in USERS.iter().chain(&["ahead"]).enumerate() {
            for (place, service) in SERVICES.iter().enumerate() {
                for (index, rhost) in ADDRESSES[..6].iter().enumerate() {
                    // Not all times for all of them: each combination of two is there, and the table stays short.
                    let time = TIMES[(number + place + index) % TIMES.len()];
                    let (client, unix) = at(&host, user, service, *rhost, time);
                    let said = said(&host, &client);
                    let time = format!("@{unix}");
                    let mut words =
                        vec!["policy", "explain", user, "--service", service, "--at", &time, "--json"];
                    words.extend(rhost.iter().flat_map(|rhost| ["--from", rhost]));
                    let explained = run(command("/usr/bin/twinlock").args(&words)).ok().stdout;
                    let explained: serde_json::Value = serde_json::from_str(&explained).unwrap();
                    let decision = word(explained["decision"]["requirement"].as_str().unwrap());
                    let rule = explained["decision"]["reason"].as_str().unwrap();
                    let would_be = explained["reported"]["requirement"].as_str().map(word);
                    assert_eq!(
                        (&said.decision, said.rule.as_str(), &said.would_be),
                        (&decision, rule, &would_be),
                        "{words:?}"
                    );
                    rows += 1;
                    seen.insert((said.decision, said.would_be));
                }
            }
        }
    }
    assert!(rows >= 200, "{rows}");
    assert_eq!(seen.len(), 4, "every decision came up: {seen:?}");
}

/// The group look-ups of the table's host.
struct Groups<'a>(&'a str);

impl Facts for Groups<'_> {
    fn in_group(&mut self, group: &str) -> Membership {
        let members: &[&str] = match group {
            "pilot" => &["maria", "anna"],
            "shopfloor" => &["tills", "otto"],
            "anna" => &["anna"],
            _ => return Membership::Unknown("no such group".to_owned()),
        };
        if members.contains(&self.0) { Membership::Yes } else { Membership::No }
    }
}

/// The same against the evaluator alone, so that a mistake which the command and the module share shows; with what is no
/// address, too.
#[test]
fn the_evaluator_says_what_a_login_does() {
    let (host, accounts) = table_host();
    let mut rows = 0;
    for text in policies() {
        host.policy(&text);
        let drop_in_path = "/etc/twinlock/policy.d/10-accounting.toml";
        let drop_in = std::fs::read(drop_in_path).unwrap();
        let policy = Policy::parse(
            &SourceFile { path: "/etc/twinlock/policy.toml", text: Ok(text.as_bytes()) },
            &[SourceFile { path: drop_in_path, text: Ok(&drop_in) }],
        );
        assert!(policy.faults().is_empty(), "{:?}", policy.faults());
        for (number, account) in accounts.iter().enumerate() {
            for (place, service) in SERVICES.iter().enumerate() {
                for (index, rhost) in ADDRESSES.iter().enumerate() {
                    let time = TIMES[(number + 3 * place + index + 1) % TIMES.len()];
                    let (client, now) = at(&host, &account.name, service, *rhost, time);
                    let said = said(&host, &client);
                    let subject = Subject {
                        user: &account.name,
                        uid: account.uid,
                        gid: account.gid,
                        service,
                        rhost: *rhost,
                        now,
                        clock_is_behind: time.is_none(),
                    };
                    let decision = policy.explain(&subject, &mut Groups(&account.name)).decision;
                    let requirement = |requirement| match requirement {
                        Requirement::Exempt => "exempt",
                        Requirement::UserDriven => "user_driven",
                        Requirement::Required => "required",
                    };
                    let would_be = decision
                        .reported
                        .as_ref()
                        .map(|reported| requirement(reported.requirement).to_owned());
                    assert_eq!(
                        (said.decision.as_str(), &said.rule, &said.would_be),
                        (requirement(decision.requirement), &decision.reason.to_string(), &would_be),
                        "{subject:?}"
                    );
                    rows += 1;
                }
            }
        }
    }
    assert!(rows >= 200, "{rows}");
}
