//! docs/roll-out.md is run as it is written: its files, on its days, by its people. Its days are moved so that its first
//! one is today: no test may depend on the day it is run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::path::Path;

use policy_scene::{PASSWORD_STACK, enrolled, is_in, log_in, stage, was_asked};
use twinlock_policy::{Date, Policy, SourceFile};
use twinlock_tests::{Host, Outcome, PamClient, Phone, SshKey, Sshd, Terminal, oathtool, pam};

/// The page's first day, which is today.
const FIRST_DAY: &str = "2027-01-04";

/// A file of the page, under the heading that it stands below.
struct Block {
    heading: String,
    path: String,
    text: String,
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/roll-out.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut heading, mut within) = (String::new(), false);
    for line in page().lines() {
        match line {
            "```toml" => {
                within = true;
                blocks.push(Block { heading: heading.clone(), path: String::new(), text: String::new() });
            }
            "```" => within = false,
            _ if within => {
                let block = blocks.last_mut().unwrap();
                match line.strip_prefix("# /etc/") {
                    Some(path) => block.path = format!("/etc/{path}"),
                    None => block.text.push_str(&format!("{line}\n")),
                }
            }
            _ => {
                if let Some(title) = line.strip_prefix("## ") {
                    heading = title.to_owned();
                }
            }
        }
    }
    blocks
}

/// Days since 1970 of a day as it is written.
fn number(day: &str) -> i64 {
    let mut low = 0;
    let mut high = 40_000;
    // Dates are ordered as texts; the policy's own calendar knows their numbers.
    while low < high {
        let middle = (low + high) / 2;
        if Date::of(middle * 86_400).to_string().as_str() < day { low = middle + 1 } else { high = middle }
    }
    assert_eq!(Date::of(low * 86_400).to_string(), day);
    low
}

/// How far a day of the page lies from its first.
fn days_on(day: &str) -> i64 {
    number(day) - number(FIRST_DAY)
}

fn today() -> i64 {
    i64::try_from(oathtool::now()).unwrap() / 86_400
}

/// A text with its days moved.
fn moved(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("2027-") {
        let day = &rest[at..at + 10];
        out.push_str(&rest[..at]);
        out.push_str(&Date::of((today() + days_on(day)) * 86_400).to_string());
        rest = &rest[at + 10..];
    }
    out + rest
}

/// A host with all the files of the page up to and with a step.
fn host_at(step: u32) -> Host {
    let host = stage("require_mfa = false\n");
    for service in ["sshd", "login"] {
        host.pam_service(service, PASSWORD_STACK);
    }
    for block in blocks() {
        let of = block.heading.strip_prefix("Step ").and_then(|rest| rest.split(',').next()).unwrap();
        if of.parse::<u32>().unwrap() <= step {
            host.write(&block.path, &moved(&block.text), 0o644);
        }
    }
    host
}

#[test]
fn every_block_is_a_sound_policy_and_nothing_is_left_out() {
    let blocks = blocks();
    assert_eq!(blocks.len(), page().matches("```toml").count());
    let of_step = |number: u32| {
        blocks.iter().filter(move |block| block.heading.starts_with(&format!("Step {number},"))).count()
    };
    assert_eq!([1, 2, 3, 4].map(of_step), [2, 1, 2, 1]);
    let main = SourceFile { path: "policy.toml", text: Ok(b"require_mfa = true\n") };
    for block in &blocks {
        let file = SourceFile { path: &block.path, text: Ok(block.text.as_bytes()) };
        let policy = match block.path.ends_with("/policy.toml") {
            true => Policy::parse(&file, &[]),
            false => Policy::parse(&main, &[file]),
        };
        assert!(policy.faults().is_empty(), "{}: {:?}", block.path, policy.faults());
        let eve = number(FIRST_DAY) * 86_400;
        assert!(policy.warnings(eve).is_empty(), "{}: {:?}", block.path, policy.warnings(eve));
    }
}

/// How a login ends for somebody who knows the password and puts off whatever can be put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// In, and nothing said.
    In,
    /// In, after a reminder.
    Reminded,
    /// Led through enrolment.
    Enrols,
    /// Asked for a code.
    Code,
}

fn ends(outcome: &Outcome) -> Ends {
    let said = outcome.said();
    match (
        is_in(outcome),
        said.contains("Set it up now?"),
        said.contains("Key: "),
        said.contains("Verification code"),
    ) {
        (true, false, false, false) => Ends::In,
        (true, true, false, false) => Ends::Reminded,
        (false, false, true, _) => Ends::Enrols,
        (false, false, false, true) => Ends::Code,
        _ => panic!("{outcome:?}"),
    }
}

#[test]
fn each_person_meets_on_each_day_what_the_page_says() {
    use Ends::{Code, Enrols, In, Reminded};
    // The step in force, the day, and how it ends: at sshd for maria of accounting, for otto of no team, for tina of the
    // shop floor, and for anna, who has a phone; at a console for tina, and for otto.
    let table = [
        (1, "2027-01-05", [In, In, In, Code, In, In]),
        (2, "2027-01-11", [Reminded, In, In, Code, In, In]),
        (2, "2027-01-31", [Reminded, In, In, Code, In, In]),
        (2, "2027-02-01", [Enrols, In, In, Code, In, In]),
        (3, "2027-02-01", [Enrols, Reminded, Reminded, Code, In, Reminded]),
        (3, "2027-02-28", [Enrols, Reminded, Reminded, Code, In, Reminded]),
        (3, "2027-03-01", [Enrols, Enrols, Enrols, Code, In, Enrols]),
        (4, "2027-05-01", [Enrols, Enrols, Enrols, Code, In, Enrols]),
    ];
    for step in 1..=4 {
        let host = host_at(step);
        for name in ["maria", "otto", "tina"] {
            host.add_user(name, "secret");
        }
        enrolled(&host, "anna");
        host.add_group("accounting", &["maria"]);
        host.add_group("shopfloor", &["tina"]);
        for (_, day, expected) in table.iter().filter(|(of, ..)| *of == step) {
            let logins = [
                ("maria", "sshd", Some("192.0.2.7")),
                ("otto", "sshd", Some("192.0.2.7")),
                ("tina", "sshd", Some("192.0.2.7")),
                ("anna", "sshd", Some("192.0.2.7")),
                ("tina", "login", None),
                ("otto", "login", None),
            ];
            // At noon, wherever the test's own day stands.
            let noon = (today() + days_on(day)) * 86_400 + 43_200 - i64::try_from(oathtool::now()).unwrap();
            for ((user, service, rhost), expected) in logins.iter().zip(expected) {
                let client = PamClient::new(&host, service).user(user).clock(&format!("{noon:+}s"));
                let client = match rhost {
                    Some(rhost) => client.rhost(rhost),
                    None => client.tty("tty1"),
                };
                let outcome = log_in(&client, &["secret", ""]);
                assert!(was_asked(&outcome));
                assert_eq!(
                    ends(&outcome),
                    *expected,
                    "step {step}, {day}: {user} at {service}\n{}",
                    host.journal().text()
                );
            }
        }
        policy_scene::settle(&host);
        assert!(!host.journal().text().contains("policy_broken"), "{}", host.journal().text());
        if step == 1 {
            host.journal().wait_for(|line| line.message.contains("would_be=required"));
        }
    }
}

/// The nightly transfer by real sshd, as the page configures it: by key alone from where it comes from, until its day.
#[test]
fn the_nightly_transfer_comes_in_by_its_key_until_its_day_is_over() {
    for (step, day, from, is_in) in [
        (1, "2027-01-05", "10.20.0.5", true),
        (3, "2027-03-31", "10.20.0.5", true),
        (3, "2027-03-31", "10.30.0.5", false),
        (3, "2027-04-01", "10.20.0.5", false),
        (4, "2027-04-01", "10.20.0.5", true),
        (4, "2027-07-01", "10.20.0.5", false),
    ] {
        let host = host_at(step);
        let edi = host.add_user("edi", "secret");
        let key = SshKey::named("maria");
        key.authorize(&edi);
        host.add_address(&format!("{from}/32"));
        let noon = (today() + days_on(day)) * 86_400 + 43_200 - i64::try_from(oathtool::now()).unwrap();
        host.set_clock(&format!("{noon:+}s"));
        let config = page();
        let methods =
            config.split("```\nAuthenticationMethods").nth(1).unwrap().split("\n```").next().unwrap();
        let methods = format!("AuthenticationMethods{methods}\n");
        // What `Match` says ends at the next one; the harness's own lines come behind.
        let (global, matched) = methods.split_once("Match User edi\n").unwrap();
        host.write("/etc/ssh/edi.conf", &format!("Match User edi\n{matched}"), 0o600);
        let sshd = Sshd::start(&host, &format!("Include /etc/ssh/edi.conf\n{global}"));
        let identity = format!("IdentityFile={}", key.private.display());
        let mut terminal =
            Terminal::new(&host).ssh(&sshd, "edi", &["-b", from, "-o", &identity, "--", "echo transferred"]);
        let status = terminal.wait();
        assert_eq!(
            status.success(),
            is_in,
            "step {step}, {day} from {from}: {terminal:?}\n{}\n{}",
            host.journal().text(),
            sshd.log()
        );
        assert_eq!(terminal.raw_text().contains("transferred"), is_in);
        if !is_in && from == "10.20.0.5" {
            let expires = if step == 3 { "2027-03-31" } else { "2027-06-30" };
            let words = moved(&format!("rule \\\"nightly transfer from the EDI host\\\" expired {expires}"));
            host.journal().wait_for(|line| line.message.contains(&words));
        }
    }
}

/// Who enrols in the pilot has one phone for both ways in; and the way back leaves them enrolled.
#[test]
fn whoever_has_enrolled_stays_enrolled_on_the_way_back() {
    let host = host_at(3);
    let (_, phone): (_, Phone) = enrolled(&host, "tina");
    host.add_group("accounting", &[]);
    host.add_group("shopfloor", &["tina"]);
    let login =
        |service: &str, answers: &[&str]| log_in(&PamClient::new(&host, service).user("tina"), answers);
    oathtool::with_time_left(5);
    assert!(is_in(&login("sshd", &["secret", &phone.code_at_step(-1)])), "{}", host.journal().text());
    assert!(is_in(&login("login", &["secret", &phone.code()])), "{}", host.journal().text());
    host.policy("require_mfa = \"report\"\n");
    assert_eq!(login("sshd", &["secret", ""]).code("authenticate"), pam::AUTH_ERR);
    assert!(is_in(&login("sshd", &["secret", &phone.code_at_step(1)])), "{}", host.journal().text());
}
