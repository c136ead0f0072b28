//! Whatever is wrong with a policy, it is the strictest one, and says where and how to mend it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scene;

use scene::{ana, decide, file, policy};
use twinlock_policy::{Policy, Requirement, SourceFile, Store, Throttle, Unenrolled};

/// Text of policy.toml; line and column of the first fault; what its message and its mend hold.
const FAULTS: &[(&str, u32, u32, &str, &str)] = &[
    // Nothing there.
    ("", 1, 1, "require_mfa is missing", "add require_mfa = true"),
    ("# only a comment\n", 1, 1, "require_mfa is missing", "above the first table"),
    ("issuer = \"ACME\"\n", 1, 1, "require_mfa is missing", "add"),
    ("\n[throttle]\nrequire_mfa = true\n", 1, 1, "require_mfa is missing", "add"),
    // Not TOML.
    ("require_mfa = on\n", 1, 15, "", "key = value"),
    ("require_mfa true\n", 1, 13, "", "key = value"),
    ("require_mfa = true\nhelp = \"half", 2, 13, "", "key = value"),
    ("require_mfa = true\nrequire_mfa = false\n", 2, 1, "duplicate key", "keep one"),
    ("require_mfa = true\n[throttle]\n[throttle]\n", 3, 2, "duplicate key", "keep one"),
    ("require_mfa = true\n[[rule]]\nusers = [\"a\"]\nusers = [\"b\"]\n", 4, 1, "duplicate key", "keep one"),
    ("require_mfa = true\0\n", 1, 15, "", "key = value"),
    ("require_mfa = true\nhelp = \"a\0b\"\n", 2, 10, "", "key = value"),
    ("require_mfa = true\renroll_by = 2027-01-31", 1, 20, "", "key = value"),
    ("\u{feff}require_mfa = on\n", 1, 15, "", "key = value"),
    ("require_mfa = true\r\nattempts = x\r\n", 2, 12, "", "key = value"),
    ("require_mfa = true\nenroll_by = 2027-02-30\n", 2, 13, "day between 01 and 28", "key = value"),
    // Unknown keys, at each level.
    (
        "require_mfa = true\nrequiremfa = true\n",
        2,
        1,
        "unknown key \"requiremfa\"",
        "perhaps require_mfa was meant",
    ),
    ("Require_MFA = true\n", 1, 1, "unknown key", "perhaps require_mfa was meant"),
    ("require_mfa = true\nusers = [\"a\"]\n", 2, 1, "unknown key \"users\"", "into a [[rule]]"),
    ("require_mfa = true\ntrial = {}\n", 2, 1, "unknown key \"trial\"", "remove"),
    ("require_mfa = true\n[throttle]\n  waits = 3\n", 3, 3, "unknown key \"waits\"", "known here are"),
    ("require_mfa = true\n[throttel]\n", 2, 2, "unknown key \"throttel\"", "perhaps throttle was meant"),
    ("require_mfa = true\n[[rules]]\nusers = [\"a\"]\n", 2, 3, "unknown key \"rules\"", "perhaps rule"),
    ("require_mfa = true\n[[rule]]\nuser = [\"a\"]\n", 2, 1, "whom it matches", "add users"),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nattempts = 1\n",
        4,
        1,
        "unknown key \"attempts\"",
        "to the top",
    ),
    ("require_mfa = true\n[[rule]]\nusers = [\"a\"]\nthrottle = {}\n", 4, 1, "unknown key", "to the top"),
    ("require_mfa = true\n\"a\\u001bb\" = 1\n", 2, 1, "unknown key \"a\\u{1b}b\"", "remove it"),
    // Wrong case, wrong word, wrong type of a value.
    (
        "require_mfa = \"Report\"\n",
        1,
        15,
        "is written in lower case",
        "require_mfa = true, false or \"report\"",
    ),
    ("require_mfa = \"true\"\n", 1, 15, "without quotes", "require_mfa = true"),
    ("require_mfa = \"on\"\n", 1, 15, "not a known word", "require_mfa = true"),
    ("require_mfa = 1\n", 1, 15, "type integer", "require_mfa = true"),
    ("require_mfa = True\n", 1, 15, "", "key = value"),
    (
        "require_mfa = true\nunenrolled = \"Deny\"\n",
        2,
        14,
        "lower case",
        "unenrolled = \"enroll\" or \"deny\"",
    ),
    ("require_mfa = true\nunenrolled = \"block\"\n", 2, 14, "not a known word", "unenrolled"),
    ("require_mfa = true\nunenrolled = true\n", 2, 14, "true stands where a word in quotes", "unenrolled"),
    ("require_mfa = true\nissuer = 7\n", 2, 10, "the number 7", "issuer = "),
    ("require_mfa = true\nissuer = \"a:b\"\n", 2, 10, "colon", "issuer = "),
    ("require_mfa = true\nissuer = \" \"\n", 2, 10, "empty", "issuer = "),
    ("require_mfa = true\nhelp = \"\u{a0}\t\"\n", 2, 8, "empty", "help = "),
    ("require_mfa = true\nhelp = \"a\\nb\"\n", 2, 8, "control character", "help = "),
    ("require_mfa = true\nhelp = \"a\tb\"\n", 2, 8, "control character", "help = "),
    ("require_mfa = true\nhelp = \"a\u{85}b\"\n", 2, 8, "control character", "help = "),
    (
        concat!(
            "require_mfa = true\nhelp = \"",
            "1234567890123456789012345678901234567890123456789012345678901234567",
            "1234567890123456789012345678901234567890123456789012345678901234567",
            "1234567890123456789012345678901234567890123456789012345678901234567",
            "\"\n"
        ),
        2,
        8,
        "longer than 200 characters",
        "help = ",
    ),
    // What is quoted of a text is its beginning.
    (
        concat!(
            "require_mfa = true\nhelp = \"ok\"\nremember = \"",
            "123456789012345678901234567890123456789012345678901234567890",
            "a line of a log stays a line\"\n"
        ),
        3,
        12,
        "\"123456789012345678901234567890123456789012345678901234567890\" is not a number",
        "remember = ",
    ),
    ("require_mfa = true\ncredential_store = \"etc\"\n", 2, 20, "not a known word", "\"home\" or \"system\""),
    ("require_mfa = true\nenroll_at = \"sshd\"\n", 2, 13, "a list in brackets", "enroll_at = ["),
    ("require_mfa = true\nenroll_at = [\"sshd\", 7]\n", 2, 22, "the number 7", "enroll_at = ["),
    ("require_mfa = true\naccount_required = [\"SSHD\"]\n", 2, 21, "upper-case", "lower case"),
    ("require_mfa = true\nthrottle = 3\n", 2, 12, "a table", "[throttle]"),
    (
        "require_mfa = true\n[rule]\nusers = [\"a\"]\n",
        2,
        2,
        "not a list of tables",
        "[[rule]] with two brackets",
    ),
    ("require_mfa = true\nrule = [7]\n", 2, 9, "a rule is not a table", "[[rule]]"),
    // Numbers, durations, dates.
    ("require_mfa = true\nattempts = 0\n", 2, 12, "0 is not from 1 to 10", "attempts = 3"),
    ("require_mfa = true\nattempts = 11\n", 2, 12, "11 is not from 1 to 10", "attempts = 3"),
    ("require_mfa = true\nattempts = -1\n", 2, 12, "-1 is not from", "attempts = 3"),
    ("require_mfa = true\nattempts = 3.0\n", 2, 12, "type float", "attempts = 3"),
    ("require_mfa = true\nattempts = 99999999999999999999999999\n", 2, 12, "is not from 1 to 10", "attempts"),
    ("require_mfa = true\ngrace_days = 366\n", 2, 14, "not from 0 to 365", "grace_days = 7"),
    ("require_mfa = true\ngrace_days = \"7d\"\n", 2, 14, "a whole number", "grace_days = 7"),
    ("require_mfa = true\nremember = 3600\n", 2, 12, "a duration in quotes", "remember = \"12h\""),
    ("require_mfa = true\nremember = \"1 day\"\n", 2, 12, "followed by s, m, h or d", "remember = \"12h\""),
    ("require_mfa = true\nremember = \"91d\"\n", 2, 12, "is not from 0 to", "remember"),
    (
        "require_mfa = true\nenroll_by = \"2027-01-31\"\n",
        2,
        13,
        "a day without quotes",
        "enroll_by = 2027-01-31",
    ),
    (
        "require_mfa = true\nenroll_by = 2027-01-31T00:00:00Z\n",
        2,
        13,
        "a day without",
        "enroll_by = 2027-01-31",
    ),
    ("require_mfa = true\n[throttle]\nfree_failures = 21\n", 3, 17, "not from 0 to 20", "free_failures = 3"),
    ("require_mfa = true\n[throttle]\nfirst_wait = \"0s\"\n", 3, 14, "not from 1 to", "first_wait = \"5s\""),
    ("require_mfa = true\n[throttle]\nlongest_wait = \"2d\"\n", 3, 16, "not from 1 to", "longest_wait"),
    ("require_mfa = true\n[throttle]\nlongest_wait = \"1s\"\n", 2, 2, "shorter than first_wait", "longer"),
    ("require_mfa = true\n[throttle]\ndisable_after = 3\n", 2, 2, "not more than free_failures", "larger"),
    (
        "require_mfa = true\n[throttle]\ndisable_after = 0\n",
        3,
        17,
        "not from 1 to 1000",
        "disable_after = 100",
    ),
    // Matchers.
    ("require_mfa = true\n[[rule]]\nname = \"x\"\n", 2, 1, "whom it matches", "what holds for everybody"),
    ("require_mfa = true\n[[rule]]\n", 2, 1, "whom it matches", "add users"),
    ("require_mfa = true\n[[rule]]\nusers = []\n", 3, 9, "would match nobody", "users = ["),
    ("require_mfa = true\n[[rule]]\nnetworks = []\n", 3, 12, "would match nobody", "networks = ["),
    ("require_mfa = true\n[[rule]]\nusers = [\"*\"]\n", 3, 10, "a pattern", "write each name out"),
    ("require_mfa = true\n[[rule]]\nusers = [\"ok\", \"@erp\"]\n", 3, 16, "begins with", "under groups"),
    ("require_mfa = true\n[[rule]]\nusers = \"edi\"\n", 3, 9, "a list in brackets", "users = ["),
    ("require_mfa = true\n[[rule]]\nservices = [\"sshd \"]\n", 3, 13, "white space", "the name alone"),
    ("require_mfa = true\n[[rule]]\nnetworks = [\"10.0.0.0/33\"]\n", 3, 13, "not an address", "192.0.2.0/24"),
    (
        "require_mfa = true\n[[rule]]\nnetworks = [\"10.20.0.1/16\"]\n",
        3,
        13,
        "not an address",
        "10.20.0.0/16",
    ),
    ("require_mfa = true\n[[rule]]\nnetworks = [\"erp.example\"]\n", 3, 13, "not an address", "\"local\""),
    ("require_mfa = true\n[[rule]]\nnetworks = [\"LOCAL\"]\n", 3, 13, "not an address", "\"local\""),
    // Exemptions.
    ("require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = true\n", 2, 1, "lacks reason", "add reason = "),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = true\napproved_by = \"x\"\nexpires = 2027-03-01\n",
        2,
        1,
        "lacks reason",
        "add reason",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = true\nreason = \"x\"\nexpires = 2027-03-01\n",
        2,
        1,
        "lacks approved_by",
        "add approved_by",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = true\nreason = \"x\"\napproved_by = \"y\"\n",
        2,
        1,
        "lacks expires",
        "add expires = 2027-03-01",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = true\nreason = \"\"\napproved_by = \"y\"\nexpires = 2027-03-01\n",
        5,
        10,
        "empty",
        "reason = ",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = true\nreason = \"x\"\napproved_by = \"y\"\nexpires = 2027-03-01\nremember = \"1h\"\n",
        8,
        1,
        "remember stands in an exemption",
        "remove remember",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = \"yes\"\n",
        4,
        10,
        "true or false",
        "exempt = true",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexpires = 2027-03-01\n",
        4,
        1,
        "no exemption",
        "exempt = true",
    ),
    (
        "require_mfa = true\n[[rule]]\nusers = [\"a\"]\nexempt = false\nexpires = 2027-03-01\n",
        5,
        1,
        "no exemption",
        "remove expires",
    ),
];

fn assert_strictest(policy: &Policy, what: &str) {
    assert!(!policy.faults().is_empty(), "{what}");
    let decision = decide(policy, &ana());
    assert_eq!(decision.requirement, Requirement::Required, "{what}");
    assert_eq!(decision.unenrolled, Unenrolled::Deny, "{what}");
    assert_eq!((decision.enroll_by, decision.grace_days, decision.remember), (None, None, 0), "{what}");
    assert_eq!(decision.reported, None, "{what}");
    assert_eq!(policy.rules().count(), 0, "{what}");
    assert_eq!((policy.issuer(), policy.help(), policy.attempts()), (None, None, 3), "{what}");
    assert_eq!((policy.throttle(), policy.credential_store()), (&Throttle::default(), Store::Home), "{what}");
    assert!(policy.account_required("sshd") && !policy.account_required("login"), "{what}");
    assert_eq!(decision.reason.key, "fault", "{what}");
    assert!(decision.reason.to_string().contains("the policy is broken"), "{what}");
    let shown: Vec<_> = policy.settings().into_iter().map(|set| (set.key, set.value, set.from)).collect();
    for (key, value) in [("require_mfa", "true"), ("unenrolled", "\"deny\"")] {
        assert!(shown.contains(&(key, value.to_owned(), None)), "{what}: {shown:?}");
    }
}

#[test]
fn what_is_there_and_wrong_is_not_called_missing_as_well() {
    let exempt = "exempt = true\nreason = \"x\"\napproved_by = \"y\"\nexpires = 2027-03-01\n";
    let (whom, by_day) = ("users = [\"a\"]\n", "users = [\"a\"]\nexempt = \"yes\"\nexpires = 2027-03-01\n");
    for rule in [
        "users = 7\n".to_owned(),
        "groups = \"a\"\n".to_owned(),
        "services = true\n".to_owned(),
        "networks = {}\n".to_owned(),
        by_day.to_owned(),
        whom.to_owned() + &exempt.replace("\"x\"", "\"\""),
        whom.to_owned() + &exempt.replace("\"y\"", "7"),
        whom.to_owned() + &exempt.replace("2027-03-01", "\"2027-03-01\""),
    ] {
        let policy = policy(&format!("require_mfa = true\n[[rule]]\n{rule}"));
        assert_eq!(policy.faults().len(), 1, "{rule}: {:?}", policy.faults());
    }
}

#[test]
fn each_fault_is_named_with_its_place_and_mend_and_makes_the_policy_the_strictest() {
    let mut wrong = Vec::new();
    for (text, line, column, message, mend) in FAULTS {
        let policy = policy(text);
        assert_strictest(&policy, text);
        let fault = &policy.faults()[0];
        let placed = (fault.line, fault.column) == (Some(*line), Some(*column));
        if !placed
            || !fault.message.contains(message)
            || fault.message.is_empty()
            || !fault.mend.contains(mend)
        {
            wrong.push(format!("{text:?}\n    {fault}\n    {}", fault.mend));
            continue;
        }
        assert!(fault.to_string().starts_with(&format!("policy.toml:{line}:{column}: ")), "{fault}");
        assert!(!fault.to_string().contains(['\n', '\u{1b}']), "{fault:?}");
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn the_same_faults_in_a_drop_in_break_the_whole() {
    let main = file("/etc/twinlock/policy.toml", "require_mfa = false\nhelp = \"desk\"\n");
    let texts = [
        ("require_mfa = true\n", 1, 1, "unknown key", "move require_mfa to policy.toml"),
        ("[throttle]\n", 1, 2, "unknown key", "move throttle to policy.toml"),
        ("colour = 1\n", 1, 1, "unknown key", "remove it; known here are: rule"),
        ("[[rule]]\n", 1, 1, "whom it matches", "add users"),
        ("[[rule]]\nusers = [\"a\"]\nunknown = 1\n", 3, 1, "unknown key", ""),
        ("[[rule]\n", 1, 8, "", "key = value"),
    ];
    for (text, line, column, message, mend) in texts {
        let policy = Policy::parse(&main, &[file("/etc/twinlock/policy.d/50-x.toml", text)]);
        assert_strictest(&policy, text);
        let fault = &policy.faults()[0];
        assert_eq!(fault.file, "/etc/twinlock/policy.d/50-x.toml");
        assert_eq!((fault.line, fault.column), (Some(line), Some(column)), "{text}\n{fault}");
        assert!(fault.message.contains(message) && fault.mend.contains(mend), "{fault}\n{}", fault.mend);
    }
}

#[test]
fn a_file_that_cannot_be_read_safely_breaks_the_whole() {
    let sound = file("policy.toml", "require_mfa = false\n");
    let hidden = SourceFile { path: "policy.d/a.toml", text: Err("it is a symlink".to_owned()) };
    let latin1 = SourceFile { path: "policy.toml", text: Ok(b"require_mfa = true\nhelp = \"K\xfcche\"\n") };
    let missing = SourceFile { path: "policy.toml", text: Err("it does not exist".to_owned()) };
    for (main, drop_ins, shown) in [
        (&sound, vec![hidden.clone()], "policy.d/a.toml: it is a symlink"),
        (&missing, vec![], "policy.toml: it does not exist"),
        (&latin1, vec![], "policy.toml:2:10: this is not UTF-8 text"),
    ] {
        let policy = Policy::parse(main, &drop_ins);
        assert_strictest(&policy, shown);
        assert_eq!(policy.faults()[0].to_string(), shown);
        assert!(!policy.faults()[0].mend.is_empty());
    }
}

#[test]
fn all_faults_are_named_at_once_in_the_order_of_the_files() {
    let main = "require_mfa = 1\nattempts = 99\n[[rule]]\nname = 7\nusers = [\"\", 3]\n[[rule]]\n";
    let drop_in = "[[rule]]\nusers = []\n";
    let policy =
        Policy::parse(&file("policy.toml", main), &[file("b.toml", drop_in), file("a.toml", "x = 1\n")]);
    let places: Vec<_> = policy.faults().iter().map(|f| (f.file.as_str(), f.line.unwrap())).collect();
    let p = "policy.toml";
    assert_eq!(places, [("a.toml", 1), ("b.toml", 2), (p, 1), (p, 2), (p, 4), (p, 5), (p, 5), (p, 6)]);
    assert!(decide(&policy, &ana()).reason.to_string().contains("(and 7 more)"));
}

#[test]
fn of_several_syntax_errors_in_a_line_one_is_named_and_those_of_other_lines_too() {
    let lines = |text: &str| policy(text).faults().iter().map(|f| f.line.unwrap()).collect::<Vec<_>>();
    assert_eq!(lines("require_mfa = on on on\nhelp = = =\nattempts = 3\nissuer = = \"a\n"), [1, 2, 4]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    for text in
        ["\u{feff}require_mfa = false\n", "require_mfa = false\r\nattempts = 5\r\n", "require_mfa = false"]
    {
        assert_eq!(policy(text).faults(), [], "{text:?}");
    }
}

#[test]
fn a_hash_names_the_texts_as_sha256sum_would() {
    let one = file("policy.d/10-a.toml", "# a\n");
    let two = file("policy.d/20-b.toml", "# b\n");
    let main = file("policy.toml", "require_mfa = true\n");
    let policy = Policy::parse(&main, &[two.clone(), one.clone()]);
    // printf '# a\n# b\nrequire_mfa = true\n' | sha256sum
    assert_eq!(policy.hash_hex(), HASH);
    let hidden = SourceFile { path: "policy.d/10-a.toml", text: Err(String::new()) };
    let without = Policy::parse(&main, std::slice::from_ref(&two));
    assert_ne!(Policy::parse(&main, &[hidden, two]).hash(), without.hash());
}

const HASH: &str = "c2b83d6acbe4323e3f27d99192eec84abf11a5049649436a13fc2580fe021bdb";

/// A service that was closed to logins around the code is not opened by a slip elsewhere.
#[test]
fn a_broken_policy_opens_no_service_that_account_required_closed() {
    let main = "require_mfa = true\naccount_required = [\"proftpd\"]\n";
    let sound = Policy::parse(&file("policy.toml", main), &[]);
    assert!(sound.account_required("proftpd") && !sound.account_required("sshd"));
    let slips = [format!("{main}attemps = 3\n"), main.replace("true", "1")];
    for text in &slips {
        let broken = Policy::parse(&file("policy.toml", text), &[]);
        assert_strictest(&broken, text);
        assert!(broken.account_required("proftpd") && broken.account_required("sshd"), "{text}");
        assert!(!broken.account_required("cron"), "{text}");
    }
    let drop_in = Policy::parse(&file("policy.toml", main), &[file("a.toml", "x = 1\n")]);
    assert!(drop_in.account_required("proftpd") && drop_in.account_required("sshd"));
}
