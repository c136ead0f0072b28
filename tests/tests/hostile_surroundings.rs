//! Hosts, users and callers that are as odd as they can be: what a process hands down, what the user database says, what
//! stands in the environment. None of it lets anybody in without a code, ends or changes the host, or alters what is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use twinlock_tests::process::{command, run};
use twinlock_tests::system_calls::is_short;
use twinlock_tests::witness::{count, key_in, record_path};
use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, Terminal, artefacts, oathtool, pam};
use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

/// Where somebody looks whose environment is not their own: nothing of it may ever be opened.
const EVIL: &str = "/srv/evil";

/// Variables that libc, a loader or a careless program would follow.
fn hostile_environment() -> Vec<(&'static str, String)> {
    let evil = |name: &str| format!("{EVIL}/{name}");
    vec![
        ("HOME", EVIL.into()),
        ("XDG_CONFIG_HOME", EVIL.into()),
        ("XDG_DATA_HOME", EVIL.into()),
        ("XDG_STATE_HOME", EVIL.into()),
        ("XDG_RUNTIME_DIR", EVIL.into()),
        ("TZ", format!(":{EVIL}/zone")),
        ("TZDIR", EVIL.into()),
        ("LANG", "../../../srv/evil".into()),
        ("LC_ALL", "../../../srv/evil".into()),
        ("LOCPATH", EVIL.into()),
        ("NLSPATH", evil("%N")),
        ("LANGUAGE", "tr".into()),
        ("GCONV_PATH", EVIL.into()),
        ("MALLOC_TRACE", evil("trace")),
        ("MALLOC_PERTURB_", "170".into()),
        ("MALLOC_CHECK_", "3".into()),
        ("GLIBC_TUNABLES", "glibc.malloc.perturb=170".into()),
        ("RUST_BACKTRACE", "full".into()),
        ("RUST_LOG", "trace".into()),
        ("RUST_MIN_STACK", "1".into()),
        ("TWINLOCK_POLICY", evil("policy.toml")),
        ("TWINLOCK_STATE", EVIL.into()),
        ("TWINLOCK_FAULT", "authenticate".into()),
        ("HOSTALIASES", evil("hosts")),
        ("RES_OPTIONS", "debug".into()),
        ("LDAPCONF", evil("ldap.conf")),
        ("TMPDIR", EVIL.into()),
        ("PATH", EVIL.into()),
        ("IFS", "e".into()),
        ("USER", "root".into()),
        ("LOGNAME", "root".into()),
        ("PAM_USER", "root".into()),
        ("FAKETIME", "-10y".into()),
    ]
}

/// Of the loader's, which a setuid program does not follow, and nobody else should.
fn hostile_loading() -> Vec<(&'static str, String)> {
    vec![
        ("LD_PRELOAD", format!("{EVIL}/evil.so")),
        ("LD_LIBRARY_PATH", EVIL.into()),
        ("LD_AUDIT", format!("{EVIL}/evil.so")),
        ("LD_BIND_NOW", "1".into()),
        ("LD_DEBUG", "all".into()),
        ("LD_DEBUG_OUTPUT", format!("{EVIL}/debug")),
        ("LD_PROFILE", "pam_twinlock.so".into()),
        ("LD_PROFILE_OUTPUT", EVIL.into()),
    ]
}

/// A host that requires codes, where many wrong ones cost no wait.
fn host() -> Host {
    let host = Host::that_requires_codes();
    host.install(artefacts::short_transfers(), SHORT_TRANSFERS.as_ref(), 0o755);
    host.policy("require_mfa = true\nenroll_at = [\"till\", \"sudo\"]\nattempts = 1\n[throttle]\nfree_failures = 10\n");
    host
}

fn record(account: &Account) -> Record {
    let slots =
        Slots::decode(&std::fs::read(record_path(account)).expect("a record")).expect("a whole record");
    assert!(slots.whole, "one slot is damaged");
    slots.record
}

/// A login that gives one answer to every prompt, and comes to whatever end.
fn play(client: &PamClient, answer: &str) -> Outcome {
    let mut login = client.start();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer_if_there(answer);
        }
    }
    login.finish()
}

/// The code of the auth hook; None where the process did not come that far.
fn authenticated(outcome: &Outcome) -> Option<i32> {
    outcome.called("authenticate").then(|| outcome.code("authenticate"))
}

/// A user whose phone is registered by the code of the step before now.
fn enrolled(host: &Host, name: &str) -> (Account, Phone) {
    let account = host.add_user(name, "secret");
    let phone = register(host, &account);
    (account, phone)
}

fn register(host: &Host, account: &Account) -> Phone {
    let phone = Phone::of(account);
    oathtool::with_time_left(6);
    let outcome = play(&till(host, &account.name), &phone.code_at_step(-1));
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}: {}", account.name, outcome.said());
    phone
}

fn till(host: &Host, user: &str) -> PamClient {
    PamClient::new(host, "till").user(user).rhost("192.0.2.7").chain("authenticate")
}

/// What must come of a login in some surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Works {
    /// As ever.
    Yes,
    /// As ever, or refused for right and wrong alike.
    Perhaps,
    /// The same, and the process may end as it has no memory for anything.
    PerhapsNotAtAll,
}

/// Logs a user in with a wrong code and a right one in these surroundings, and again in good ones.
fn login_in(
    host: &Host,
    user: (&Account, &Phone),
    works: Works,
    at: &str,
    change: &dyn Fn(PamClient) -> PamClient,
) -> &'static str {
    let (account, phone) = user;
    let (wrong, client) = (phone.wrong_code(), change(till(host, &account.name)));
    let outcome = play(&client, &wrong);
    let (refused, said) = (authenticated(&outcome), outcome.said());
    let in_vain = [Some(pam::SUCCESS), Some(pam::IGNORE)];
    assert!(!in_vain.contains(&refused), "{at}: a wrong code: {refused:?}");
    let told = said.contains("not right");
    assert_eq!(record(account).failures, u32::from(told), "{at}: told {told}");
    assert!(told || works != Works::Yes, "{at}: {said}\n{}", host.journal().text());
    oathtool::with_time_left(4);
    let code = phone.code();
    let outcome_of_right = play(&client, &code);
    let result = authenticated(&outcome_of_right);
    assert_ne!(result, Some(pam::IGNORE), "{at}");
    for outcome in [&outcome, &outcome_of_right] {
        if works != Works::PerhapsNotAtAll {
            outcome.assert_host_unchanged();
            let begun = !outcome.called("start");
            assert!(!begun || outcome.status.is_some_and(|status| status.success()), "{at}: {outcome:?}");
        }
    }
    assert!(
        result == Some(pam::SUCCESS) || works != Works::Yes,
        "{at}: {result:?}\n{}",
        host.journal().text()
    );
    // In good surroundings: the code once, if it was not used.
    let after = play(&till(host, &account.name), &code);
    let is_used = after.said().contains("used already");
    assert!(result != Some(pam::SUCCESS) || is_used, "{at}: the code works twice");
    if !is_used {
        assert_eq!(authenticated(&after), Some(pam::SUCCESS), "{at}: {}", after.said());
    }
    let next = play(&till(host, &account.name), &phone.code_at_step(1));
    assert_eq!(authenticated(&next), Some(pam::SUCCESS), "{at}: {}", next.said());
    if result == Some(pam::SUCCESS) { "in" } else { "refused" }
}

/// Where the library that makes transfers short is on a host.
const SHORT_TRANSFERS: &str = "/srv/short_transfers.so";

fn short_transfers(client: PamClient, bytes: u32) -> PamClient {
    client.env("LD_PRELOAD", SHORT_TRANSFERS).env("SHORT_TRANSFER", &bytes.to_string())
}

type Change = Box<dyn Fn(PamClient) -> PamClient>;

fn scenes() -> Vec<(String, Works, Change)> {
    let mut scenes: Vec<(String, Works, Change)> = Vec::new();
    let mut add = |name: &str, works, change: Change| scenes.push((name.to_owned(), works, change));
    for closed in [vec![0], vec![1], vec![2], vec![0, 1], vec![0, 1, 2]] {
        let name = format!("closed {closed:?}");
        add(
            &name,
            Works::Yes,
            Box::new(move |client| closed.iter().fold(client, |client, &fd| client.close(fd))),
        );
    }
    for umask in ["0", "0777"] {
        add(&format!("umask {umask}"), Works::Yes, Box::new(move |client| client.umask(umask)));
    }
    for (number, disposition) in [
        (13, "ignore"),
        (13, "block"),
        (17, "ignore"),
        (17, "block"),
        (14, "block"),
        (25, "ignore"),
        (25, "block"),
    ] {
        let name = format!("signal {number} {disposition}");
        add(&name, Works::Yes, Box::new(move |client| client.signal(number, disposition)));
    }
    add(
        "a hostile environment",
        Works::Yes,
        Box::new(|client| {
            hostile_environment()
                .iter()
                .filter(|(name, _)| *name != "FAKETIME")
                .fold(client, |client, (name, value)| client.env(name, value))
        }),
    );
    add(
        "a hostile environment of PAM's",
        Works::Yes,
        Box::new(|client| {
            hostile_environment()
                .iter()
                .chain(&hostile_loading())
                .fold(client, |client, (name, value)| client.pam_env(name, value))
        }),
    );
    let gone = ["sh", "-c", "mkdir -p /srv/gone && cd /srv/gone && rmdir /srv/gone && exec \"$@\"", "sh"];
    add("a current folder that is gone", Works::Yes, Box::new(move |client| client.under(&gone)));
    for bytes in [1, 7, 511] {
        add(
            &format!("transfers of {bytes} bytes"),
            Works::Yes,
            Box::new(move |client| short_transfers(client, bytes)),
        );
    }
    for bytes in [0, 1, 511, 4096, 8191, 8192, 1 << 20] {
        let works = if bytes >= 8192 { Works::Yes } else { Works::Perhaps };
        add(&format!("files of {bytes} bytes"), works, Box::new(move |client| client.limit("fsize", bytes)));
    }
    for descriptors in (0..=16).chain([32]) {
        // libpam, the loader and libc want some at once; the highest in use are the client's own.
        let works = if descriptors == 32 { Works::Yes } else { Works::Perhaps };
        add(
            &format!("{descriptors} descriptors"),
            works,
            Box::new(move |client| client.limit("nofile", descriptors)),
        );
    }
    let step = if is_short() { 8 } else { 1 };
    for kibibytes in (3_000..14_000).step_by(125 * step) {
        let change = move |client: PamClient| client.limit("core", 0).limit("as", kibibytes << 10);
        add(&format!("{kibibytes} KiB of addresses"), Works::PerhapsNotAtAll, Box::new(change));
    }
    for kibibytes in (100..3_500).step_by(100 * step) {
        let change = move |client: PamClient| client.limit("core", 0).limit("data", kibibytes << 10);
        add(&format!("{kibibytes} KiB of data"), Works::PerhapsNotAtAll, Box::new(change));
    }
    for kibibytes in [256, 512] {
        add(
            &format!("a stack of {kibibytes} KiB"),
            Works::Yes,
            Box::new(move |client| client.limit("stack", kibibytes << 10)),
        );
    }
    scenes
}

#[test]
fn no_surroundings_let_a_wrong_code_in_or_a_right_one_twice() {
    let host = host();
    let mut came = BTreeMap::<&str, usize>::new();
    let scenes = scenes();
    for (number, (name, works, change)) in scenes.iter().enumerate() {
        let (account, phone) = enrolled(&host, &format!("user{number}"));
        host.journal().clear();
        let end = login_in(&host, (&account, &phone), *works, name, change);
        *came.entry(end).or_default() += 1;
    }
    eprintln!("{came:?}");
    drop(host);
    count("surroundings", "no_surroundings_let_a_wrong_code_in_or_a_right_one_twice", scenes.len());
}

/// Whoever enrols in odd surroundings has the same files afterwards as anybody.
#[test]
fn no_surroundings_change_what_an_enrolment_leaves() {
    let host = host();
    let changes: [(&str, Change); 7] = [
        ("transfers of a byte", Box::new(|client| short_transfers(client, 1))),
        ("umask 0", Box::new(|client| client.umask("0"))),
        ("umask 0777", Box::new(|client| client.umask("0777"))),
        ("closed", Box::new(|client| client.close(0).close(1).close(2))),
        (
            "SIGPIPE ignored, SIGCHLD blocked",
            Box::new(|client| client.signal(13, "ignore").signal(17, "block")),
        ),
        ("files of 4096 bytes", Box::new(|client| client.limit("fsize", 4096))),
        (
            "environment",
            Box::new(|client| {
                hostile_environment()
                    .iter()
                    .filter(|(name, _)| *name != "FAKETIME")
                    .fold(client, |client, (name, value)| client.env(name, value))
            }),
        ),
    ];
    for (number, (name, change)) in changes.iter().enumerate() {
        let account = host.add_user(&format!("user{number}"), "secret");
        let (phone, outcome) =
            enrol(&change(till(&host, &account.name)).chain("authenticate,acct_mgmt").keep_going());
        outcome.assert_host_unchanged();
        if name.starts_with("files") {
            assert_eq!(outcome.code("acct_mgmt"), pam::AUTHINFO_UNAVAIL, "{name}");
            assert!(!account.path(".twinlock/credential.toml").exists(), "{name}");
            continue;
        }
        assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{name}: {}", host.journal().text());
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&account.path(".twinlock")), 0o700, "{name}");
        assert_eq!(mode(&account.path(".twinlock/credential.toml")), 0o600, "{name}");
        assert_eq!(mode(record_path(&account).as_ref()), 0o600, "{name}");
        let code = phone.expect("a key").code_at_step(1);
        assert_eq!(play(&till(&host, &account.name), &code).code("authenticate"), pam::SUCCESS, "{name}");
    }
    drop(host);
    count("surroundings", "no_surroundings_change_what_an_enrolment_leaves", changes.len());
}

/// Enrols by whatever key is shown; the app that has it, if one was.
fn enrol(client: &PamClient) -> (Option<Phone>, Outcome) {
    let mut login = client.start();
    let mut phone = None;
    while let Some(message) = login.next_message() {
        if message.text.contains("Key: ") {
            phone = Some(Phone::with_key(key_in(&message.text)));
        }
        if message.kind.is_prompt() {
            login.answer(&phone.as_ref().map_or(String::new(), |phone: &Phone| phone.code()));
        }
    }
    (phone, login.finish())
}

#[test]
fn a_home_that_is_none_lets_nobody_in_without_a_code_and_ends_nothing() {
    let host = host();
    let long = format!("/home/{}", "x".repeat(4_000));
    let homes = [
        "/",
        "",
        "relative",
        "../..",
        "/home/missing",
        "/etc/hostname",
        "/dev/zero",
        "/proc/self/root",
        "//",
        &long,
    ];
    for (number, home) in homes.iter().enumerate() {
        let name = format!("user{number}");
        let account = host.add_user_without_home(&name, "secret", home.as_ref());
        // Nobody answers: refused, whether or not it comes to an enrolment.
        let client = till(&host, &name).chain("authenticate,acct_mgmt").keep_going();
        let outcome = play(&client, "");
        outcome.assert_host_unchanged();
        for hook in ["authenticate", "acct_mgmt"] {
            assert_ne!(outcome.code(hook), pam::SUCCESS, "{home:.20}: {hook}");
        }
        let (phone, outcome) = enrol(&client);
        outcome.assert_host_unchanged();
        if outcome.code("acct_mgmt") == pam::SUCCESS {
            // Kept by root, and worth as much.
            let phone = phone.expect("a key");
            assert!(
                std::path::Path::new(&format!("/var/lib/twinlock/credentials/{}.toml", account.uid)).exists()
            );
            let code = phone.code_at_step(1);
            assert_eq!(play(&till(&host, &name), &code).code("authenticate"), pam::SUCCESS, "{home:.20}");
            assert_eq!(play(&till(&host, &name), &code).code("authenticate"), pam::AUTH_ERR, "{home:.20}");
        } else {
            let codes = [outcome.code("authenticate"), outcome.code("acct_mgmt")];
            assert!(codes.contains(&pam::AUTHINFO_UNAVAIL), "{home:.20}: {codes:?} {}", outcome.said());
        }
    }
    drop(host);
    count("surroundings", "a_home_that_is_none_lets_nobody_in_without_a_code_and_ends_nothing", homes.len());
}

#[test]
fn an_odd_name_is_a_name_like_any_other_or_refused() {
    let host = host();
    let long = "n".repeat(300);
    let names = [
        "%s%n%s%n",
        "'quo\"ted`",
        "$(id)",
        "a b",
        "-rf",
        "..",
        "../../etc/passwd",
        "ünïcödé",
        "名前",
        "a\u{1b}[2J",
        "a=b user=root",
        "0",
        "x\\x0ay",
        &long,
    ];
    for name in names {
        let account =
            host.add_user_without_home(name, "secret", format!("/home/{}", host_folder(name)).as_ref());
        std::fs::create_dir_all(&account.home).unwrap();
        std::os::unix::fs::chown(&account.home, Some(account.uid), Some(account.gid)).unwrap();
        std::fs::set_permissions(&account.home, std::fs::Permissions::from_mode(0o700)).unwrap();
        let phone = Phone::of(&account);
        host.journal().clear();
        oathtool::with_time_left(6);
        let wrong = play(&till(&host, name), &phone.wrong_code());
        assert_ne!(wrong.code("authenticate"), pam::SUCCESS, "{name:.20}");
        let code = phone.code();
        let first = play(&till(&host, name), &code);
        first.assert_host_unchanged();
        let again = play(&till(&host, name), &code);
        assert_ne!(again.code("authenticate"), pam::SUCCESS, "{name:.20}");
        let result = first.code("authenticate");
        // glibc takes such a line for one of NIS's.
        let of_no_user = if name.starts_with('-') { pam::USER_UNKNOWN } else { pam::SUCCESS };
        // Longer than any that Linux knows (LOGIN_NAME_MAX), and than a record holds.
        let of_no_user = if name.len() > 256 { pam::AUTHINFO_UNAVAIL } else { of_no_user };
        eprintln!("{name:.20}: {result}");
        assert!(
            [pam::SUCCESS, of_no_user].contains(&result),
            "{name:.20}: {result} {}",
            host.journal().text()
        );
        host.journal().catch_up();
        for line in host.journal().lines() {
            assert!(!line.raw.trim_end_matches('\0').chars().any(char::is_control), "{:?}", line.raw);
            assert!(!line.message.contains(&code), "a code is in the log");
        }
    }
    drop(host);
    count("surroundings", "an_odd_name_is_a_name_like_any_other_or_refused", names.len());
}

/// A folder's name for a user's name.
fn host_folder(name: &str) -> String {
    name.bytes().take(40).map(|byte| format!("{byte:02x}")).collect()
}

/// Two names with one UID are one record: it belongs to the name that enrolled.
#[test]
fn another_name_of_a_uid_gets_in_by_no_code_of_its_owner() {
    let host = host();
    let (maria, phone) = enrolled(&host, "maria");
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    host.write(
        "/etc/passwd",
        &format!("{passwd}mary:x:{}:{}::{}:/bin/sh\n", maria.uid, maria.gid, maria.home.display()),
        0o644,
    );
    oathtool::with_time_left(6);
    let code = phone.code();
    assert_eq!(play(&till(&host, "mary"), &code).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    assert_eq!(play(&till(&host, "mary"), &phone.wrong_code()).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    assert_eq!(record(&maria).failures, 0);
    assert_eq!(play(&till(&host, "maria"), &code).code("authenticate"), pam::SUCCESS);
    drop(host);
    count("surroundings", "another_name_of_a_uid_gets_in_by_no_code_of_its_owner", 2);
}

/// What sudo and our hook in it open, from the policy to the last file of the state.
fn opened_by_sudo(
    host: &Host,
    phone: &Phone,
    steps: i64,
    environment: &[(&str, String)],
) -> (Vec<String>, String) {
    let mut words: Vec<String> =
        ["-f", "-u", "maria", "-o", "/srv/trace", "-e", "trace=%file"].map(str::to_owned).into();
    for (name, value) in environment {
        words.extend(["-E".to_owned(), format!("{name}={value}")]);
    }
    words.extend(["/usr/bin/sudo", "-k", "/usr/bin/id", "-un"].map(str::to_owned));
    let mut sudo = Terminal::new(host).run("strace", &words);
    sudo.expect("assword");
    sudo.send_line("secret");
    sudo.expect("Verification code: ");
    sudo.send_line(&phone.code_at_step(steps));
    sudo.expect("root\r\n");
    sudo.wait();
    let trace = std::fs::read_to_string("/srv/trace").unwrap();
    let opened: Vec<String> = trace
        .lines()
        .filter(|line| line.contains("open"))
        .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
        .collect();
    let from = opened.iter().position(|path| path.starts_with("/etc/twinlock")).expect("the policy");
    let to = opened.iter().rposition(|path| path.contains("/var/lib/twinlock")).expect("the state");
    (opened[from..=to].to_vec(), trace)
}

/// cases.md, row 43.
#[test]
fn a_hostile_environment_around_sudo_has_no_effect_on_what_is_read() {
    let host = host();
    host.pam_service(
        "sudo",
        "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\naccount required pam_twinlock.so\n\
         account required pam_unix.so\nsession required pam_permit.so\n",
    );
    host.write("/etc/sudoers.d/maria", "maria ALL=(ALL) ALL\n", 0o440);
    let (maria, phone) = enrolled(&host, "maria");
    // Another credential of hers, and a policy that asks nobody, where the environment leads.
    let other = Phone::numbered(7);
    host.write(format!("{EVIL}/.twinlock/credential.toml"), &other.credential(), 0o600);
    host.write(format!("{EVIL}/policy.toml"), "require_mfa = false\n", 0o644);
    for file in ["evil.so", "zone", "ldap.conf", "hosts"] {
        host.write(format!("{EVIL}/{file}"), "not what it seems\n", 0o755);
    }
    run(command("chown").args(["-R", "maria:maria", EVIL])).ok();
    let environment: Vec<_> = hostile_environment().into_iter().chain(hostile_loading()).collect();
    oathtool::with_time_left(15);
    let (clean, _) = opened_by_sudo(&host, &phone, 0, &[]);
    let (hostile, trace) = opened_by_sudo(&host, &phone, 1, &environment);
    assert_eq!(clean, hostile);
    // Nor did anything else of sudo's, while it was root, follow the environment. (What it starts is the user's affair.)
    let until = trace.find("execve(\"/usr/bin/id\"").expect("sudo started the command");
    let followed: Vec<&str> = trace[..until]
        .lines()
        .skip(1)
        .filter(|line| line.contains(EVIL) && !line.contains("execve("))
        .collect();
    assert!(followed.is_empty(), "{followed:#?}");
    // The code of the credential that the environment leads to is a wrong one.
    let mut words: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    words.extend(["/usr/bin/sudo", "-k", "/usr/bin/id", "-un"].map(str::to_owned));
    let mut sudo = Terminal::new(&host).user("maria").run("/usr/bin/env", &words);
    sudo.expect("assword");
    sudo.send_line("secret");
    sudo.expect("Verification code: ");
    sudo.send_line(&other.code());
    // sudo mutes texts of modules.
    sudo.expect("try again");
    drop(sudo);
    assert_eq!(record(&maria).failures, 1);
    drop(host);
    count(
        "surroundings",
        "a_hostile_environment_around_sudo_has_no_effect_on_what_is_read",
        environment.len(),
    );
}
