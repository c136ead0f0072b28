//! docs/admin-guide.md is run as it is written: each block on a host in the situation that its section speaks of, with
//! logins before and after.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::path::{Path, PathBuf};

use policy_scene::{PASSWORD_STACK, is_in, log_in};
use twinlock_tests::process::{command, run};
use twinlock_tests::witness::{key_in, record_path};
use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, SshKey, Sshd, Terminal, oathtool, pam};
use twinlock_verifier::record::Slots;
use twinlock_verifier::{Limits, Source};

const CREDENTIAL: &str = ".twinlock/credential.toml";
const YEAR: u64 = 365 * 86_400;

/// A block of the page: a script, or a file to be put somewhere.
struct Block {
    scene: String,
    put: Option<PathBuf>,
    exit: i32,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/admin-guide.md")).unwrap()
}

/// All blocks of the page, in its order.
fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within = false;
    for line in page().lines() {
        match line.strip_prefix("```") {
            Some("") => within = false,
            Some(info) => {
                within = true;
                let word = |key: &str| info.split(' ').find_map(|word| word.strip_prefix(key));
                let scene = word("run=").unwrap_or_else(|| panic!("a block that no test runs: {line}"));
                blocks.push(Block {
                    scene: scene.to_owned(),
                    put: word("put=").map(PathBuf::from),
                    exit: word("exit=").map_or(0, |status| status.parse().unwrap()),
                    text: String::new(),
                });
                assert!(info.starts_with("sh ") || word("put=").is_some(), "{line}");
            }
            None if within => blocks.last_mut().unwrap().text.push_str(&format!("{line}\n")),
            None => {}
        }
    }
    assert!(!within, "an open block");
    blocks
}

/// Runs the blocks of one scene; returns what they print.
fn scene(host: &Host, name: &str) -> String {
    let mut printed = String::new();
    let blocks: Vec<_> = blocks().into_iter().filter(|block| block.scene == name).collect();
    assert!(!blocks.is_empty(), "no block of the scene {name}");
    for Block { put, exit, text, .. } in blocks {
        match put {
            Some(path) => host.write(path, &text, 0o644),
            None => {
                let ended = run(command("sh").args(["-euc", &text]).current_dir(root()));
                assert_eq!(ended.code(), exit, "{name}:\n{text}\n{}{}", ended.stdout, ended.stderr);
                printed.push_str(&(ended.stdout + &ended.stderr));
            }
        }
    }
    printed
}

#[test]
fn every_block_belongs_to_a_scene_that_a_test_plays() {
    let tests = include_str!("admin_guide.rs");
    let blocks = blocks();
    assert!(blocks.len() > 25);
    for Block { scene, .. } in blocks {
        assert!(tests.contains(&format!("scene(&host, \"{scene}\")")), "nothing plays {scene}");
    }
}

/// A host after `make install` or a package, on Debian's own PAM files, with maria, who may become root.
fn installed() -> (Host, Account) {
    let host = Host::new();
    host.install_twinlock();
    host.install_check_helper();
    host.policy(&std::fs::read_to_string(root().join("packaging/policy.toml")).unwrap());
    host.write("/usr/bin/timedatectl", "#!/bin/sh\necho yes\n", 0o755);
    host.write("/etc/sudoers.d/maria", "maria ALL=(ALL:ALL) ALL\n", 0o440);
    let maria = host.add_user("maria", "secret");
    (host, maria)
}

/// A host whose lines are there, where everybody needs a code.
fn protected() -> (Host, Account) {
    let (host, maria) = installed();
    host.policy("require_mfa = true\n");
    host.pam_service("sshd", PASSWORD_STACK);
    (host, maria)
}

/// The same, with maria enrolled by a login; the code of the step before now is used up by that.
fn enrolled() -> (Host, Account, Phone, Vec<String>) {
    let (host, maria) = protected();
    let (phone, recovery_codes) = enrols(&host, "maria");
    (host, maria, phone, recovery_codes)
}

/// sshd on Debian's own configuration, as its service would run it.
fn debian_sshd(host: &Host) -> Sshd {
    let sshd = Sshd::start(host, "Include /etc/ssh/sshd_config");
    host.write("/run/sshd.pid", &format!("{}\n", sshd.process_id()), 0o644);
    sshd
}

/// What every module that asks for a code needs of sshd; Debian's own default is no.
fn asks_for_codes(host: &Host) {
    host.write("/etc/ssh/sshd_config.d/50-codes.conf", "KbdInteractiveAuthentication yes\n", 0o644);
}

/// A login by ssh that types the password and what `code` makes of the prompt for one.
fn by_ssh(host: &Host, user: &str, code: impl FnOnce(&str) -> Option<String>) {
    let sshd = debian_sshd(host);
    let mut terminal = Terminal::new(host).size(100, 50).ssh(&sshd, user, &[]);
    terminal.expect("Password:");
    terminal.send_line("secret");
    let (which, shown) = terminal.expect_any(&["Verification code: ", "$ "]);
    if which == 0 {
        terminal.send_line(&code(&shown).expect("nothing should be asked"));
        if terminal.expect_any(&["Press Enter", "$ "]).0 == 0 {
            terminal.send_line("");
            terminal.expect("$ ");
        }
    } else {
        assert_eq!(code(&shown), None, "no code was asked for");
    }
    terminal.send_line("exit");
    assert!(terminal.wait().success(), "{terminal:?}\n{}", host.journal().text());
}

fn client(host: &Host, user: &str) -> PamClient {
    PamClient::new(host, "sshd").user(user).rhost("192.0.2.7")
}

/// A login with the password and these codes.
fn login(host: &Host, user: &str, codes: &[&str]) -> Outcome {
    log_in(&client(host, user), &[&["secret"], codes].concat())
}

fn assert_in(host: &Host, user: &str, code: &str) {
    let outcome = login(host, user, &[code]);
    assert!(is_in(&outcome), "{user}: {}\n{}", outcome.said(), host.journal().text());
}

/// Refused by trouble of this reason, with a right code too.
fn assert_unavailable(host: &Host, user: &str, code: &str, reason: &str) {
    host.journal().clear();
    let outcome = login(host, user, &[code; 3]);
    assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{reason}\n{}", host.journal().text());
    host.journal().wait_for(|line| line.message.contains(reason));
}

/// A first login that leads through enrolment. The code of the step before now is used up.
fn enrols(host: &Host, user: &str) -> (Phone, Vec<String>) {
    oathtool::with_time_left(12);
    let mut login = client(host, user).start();
    login.expect_prompt("Password");
    login.answer("secret");
    let phone = Phone::with_key(key_in(&login.expect_prompt("Key: ").text));
    login.answer(&phone.code_at_step(-1));
    let shown = login.expect_prompt("Press Enter").text;
    login.answer("");
    let outcome = login.finish();
    assert!(is_in(&outcome), "{}", host.journal().text());
    let is_code = |word: &&str| word.len() == 19 && word.split('-').count() == 4;
    (phone, shown.split_whitespace().filter(is_code).map(str::to_owned).collect())
}

/// The phone that scans what `twinlock enroll --user` printed.
fn handed_over(printed: &str) -> Phone {
    Phone::with_key(key_in(printed))
}

/// The journal where a syslog daemon would put it.
fn auth_log(host: &Host) {
    host.journal().catch_up();
    host.write("/var/log/auth.log", &host.journal().text(), 0o640);
}

#[test]
fn five_minutes_protect_ssh_and_undo_brings_everything_back() {
    let (host, _) = installed();
    let sshd = debian_sshd(&host);
    let before = std::fs::read_to_string("/etc/pam.d/sshd").unwrap();
    scene(&host, "ssh");
    sshd.wait_for_log("Received SIGHUP; restarting.");
    drop(sshd);
    let mut phone = None;
    oathtool::with_time_left(12);
    by_ssh(&host, "maria", |shown| {
        let known = Phone::with_key(key_in(shown));
        let code = known.code_at_step(-1);
        phone = Some(known);
        Some(code)
    });
    let phone = phone.unwrap();
    by_ssh(&host, "maria", |_| Some(phone.code()));
    let seen = scene(&host, "ssh-look");
    let of_maria = seen.lines().find(|line| line.starts_with("maria ")).unwrap();
    assert!(of_maria.contains("required") && of_maria.contains("yes"), "{seen}");
    scene(&host, "ssh-undo");
    assert_eq!(std::fs::read_to_string("/etc/pam.d/sshd").unwrap(), before);
    assert!(!Path::new("/etc/ssh/sshd_config.d/10-twinlock.conf").exists());
}

#[test]
fn a_policy_is_explained_tried_and_confirmed_by_a_login() {
    let (host, _, phone, _) = enrolled();
    assert!(scene(&host, "explain").contains("required"));
    host.write("/root/new.toml", "require_mfa = true\nattempts = 2\n", 0o600);
    scene(&host, "try");
    assert!(!std::fs::read_to_string("/etc/twinlock/policy.toml").unwrap().contains("attempts"));
    assert_in(&host, "maria", &phone.code());
    scene(&host, "try-confirm");
    assert!(std::fs::read_to_string("/etc/twinlock/policy.toml").unwrap().contains("attempts = 2"));
}

/// Puts a line of another module behind the password of Debian's sshd.
fn behind_the_password(host: &Host, line: &str) {
    let text = std::fs::read_to_string("/etc/pam.d/sshd").unwrap();
    let include = "@include common-auth\n";
    assert!(text.contains(include));
    host.pam_service("sshd", &text.replacen(include, &format!("{include}{line}\n"), 1));
}

#[test]
fn the_move_from_google_authenticator_keeps_the_phone() {
    let (host, maria) = installed();
    host.policy("require_mfa = true\n");
    behind_the_password(&host, "auth required pam_google_authenticator.so");
    asks_for_codes(&host);
    let options = ["-t", "-d", "-f", "-r", "3", "-R", "30", "-w", "3", "-Q", "NONE", "-q", "-C"];
    run(maria.command("google-authenticator").args(options)).ok();
    let phone = Phone::with_key(maria.read(".google_authenticator").lines().next().unwrap());
    oathtool::with_time_left(12);
    let taken_there = phone.code();
    by_ssh(&host, "maria", |_| Some(taken_there.clone()));
    assert!(scene(&host, "google").contains("1 user: 1 imported"));
    scene(&host, "google-lines");
    let text = std::fs::read_to_string("/etc/pam.d/sshd").unwrap();
    assert!(text.contains("pam_twinlock.so") && !text.contains("pam_google_authenticator"), "{text}");
    // What was used there is used here, and what was used here.
    let used = login(&host, "maria", &[&taken_there]);
    assert_eq!(used.code("authenticate"), pam::AUTH_ERR);
    let next = phone.code_at_step(1);
    by_ssh(&host, "maria", |_| Some(next.clone()));
    assert!(!is_in(&login(&host, "maria", &[&next])));
}

#[test]
fn the_move_from_pam_oath_keeps_the_phone() {
    let (host, maria) = installed();
    host.policy("require_mfa = true\n");
    behind_the_password(&host, "auth required pam_oath.so usersfile=/etc/users.oath window=5");
    let phone = Phone::with_key("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let key = "3132333435363738393031323334353637383930";
    host.write("/etc/users.oath", &format!("HOTP/T30 {} - {key}\n", maria.name), 0o600);
    assert!(scene(&host, "oath").contains("1 user: 1 imported"));
    let text = std::fs::read_to_string("/etc/pam.d/sshd").unwrap();
    assert!(text.contains("pam_twinlock.so") && !text.contains("pam_oath"), "{text}");
    by_ssh(&host, "maria", |_| Some(phone.code()));
}

#[test]
fn the_log_says_what_is_wrong_and_who_guesses() {
    let (host, maria, phone, _) = enrolled();
    for _ in 0..2 {
        assert!(!is_in(&login(&host, "maria", &[&phone.wrong_code()])));
    }
    maria.write(CREDENTIAL, "nonsense", 0o600);
    assert_eq!(login(&host, "maria", &[&phone.code()]).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    host.policy("require_mfa = perhaps\n");
    login(&host, "maria", &[]);
    host.journal().wait_for(|line| line.message.contains("event=policy_broken"));
    auth_log(&host);
    let said = scene(&host, "log");
    assert!(said.contains("reason=credential_") && said.contains("/etc/twinlock/policy.toml:1:"), "{said}");
    assert_eq!(scene(&host, "guessing").trim(), "2 rhost=192.0.2.7");
}

#[test]
fn the_last_administrator_who_lost_the_phone_gets_another() {
    let (host, _, lost, recovery_codes) = enrolled();
    assert_in(&host, "maria", &recovery_codes[0]);
    let phone = handed_over(&scene(&host, "lost-phone"));
    assert_ne!(phone, lost);
    assert_eq!(login(&host, "maria", &[&lost.code()]).code("authenticate"), pam::AUTH_ERR);
    // By sshd itself, on its own stack.
    asks_for_codes(&host);
    by_ssh(&host, "maria", |_| Some(phone.code()));
}

#[test]
fn from_a_rescue_system_a_lost_phone_is_reset_and_the_next_login_enrols() {
    let (host, _, lost, _) = enrolled();
    run(command("mount").args(["--rbind", "/", "/mnt"])).ok();
    assert!(scene(&host, "lost-phone-rescue").starts_with("maria: reset."));
    let (phone, _) = enrols(&host, "maria");
    assert_ne!(phone, lost);
    assert_in(&host, "maria", &phone.code());
}

#[test]
fn a_damaged_credential_is_brought_back_or_reset() {
    let (host, maria, phone, _) = enrolled();
    let backup = maria.read(CREDENTIAL);
    maria.write(CREDENTIAL, &backup[..backup.len() / 2], 0o600);
    assert_unavailable(&host, "maria", &phone.code(), "reason=credential_");
    maria.write(CREDENTIAL, &backup, 0o600);
    assert_in(&host, "maria", &phone.code());
    maria.write(CREDENTIAL, "nonsense", 0o600);
    assert!(scene(&host, "damaged-credential").contains("is damaged"));
    let (phone, _) = enrols(&host, "maria");
    assert_in(&host, "maria", &phone.code());
}

#[test]
fn a_broken_policy_lets_in_who_has_a_phone_and_is_mended() {
    let (host, _, phone, _) = enrolled();
    host.add_user("otto", "secret");
    host.policy("# ours\nrequire_mfa = True\n");
    assert_in(&host, "maria", &phone.code());
    assert_eq!(login(&host, "otto", &[]).code("authenticate"), pam::AUTH_ERR);
    assert!(scene(&host, "broken-policy").contains("/etc/twinlock/policy.toml:2:15"));
    assert_eq!(login(&host, "otto", &[]).code("authenticate"), pam::AUTH_ERR);
    scene(&host, "broken-policy-mend");
    assert!(std::fs::read_to_string("/root/policy.broken").unwrap().contains("# ours"));
    let (phone, _) = enrols(&host, "otto");
    assert_in(&host, "otto", &phone.code());
}

#[test]
fn with_a_clock_that_is_behind_a_recovery_code_lets_in_and_the_clock_is_set() {
    let (host, _, phone, recovery_codes) = enrolled();
    host.set_clock("@2020-01-01 00:00:00");
    assert_unavailable(&host, "maria", &phone.code(), "reason=clock");
    assert_in(&host, "maria", &recovery_codes[0]);
    // A time server for a host whose clock is the tests'.
    let sets = "#!/bin/sh\n[ \"$*\" = 'set-ntp true' ] && echo +0 >/etc/faketimerc\n";
    host.write("/usr/bin/timedatectl", sets, 0o755);
    scene(&host, "clock-behind");
    assert_in(&host, "maria", &phone.code());
}

#[test]
fn after_a_login_with_the_clock_ahead_the_user_is_unlocked() {
    let (host, _, phone, _) = enrolled();
    host.set_clock("+1y");
    assert_in(&host, "maria", &oathtool::code(&phone.secret, oathtool::now() + YEAR));
    host.set_clock("+0");
    assert_unavailable(&host, "maria", &phone.code_at_step(1), "reason=clock");
    assert!(scene(&host, "clock-ahead").contains("came from a clock that was ahead"));
    assert!(!is_in(&login(&host, "maria", &[&phone.code()])), "it may have been used");
    host.set_clock("+60s");
    assert_in(&host, "maria", &oathtool::code(&phone.secret, oathtool::now() + 60));
}

#[test]
fn a_damaged_ledger_mends_itself_or_is_reset() {
    let (host, maria, phone, _) = enrolled();
    let mut record = std::fs::read(record_path(&maria)).unwrap();
    record[40] ^= 1;
    std::fs::write(record_path(&maria), &record).unwrap();
    login(&host, "maria", &[&phone.code()]);
    host.journal().wait_for(|line| line.message.contains("event=ledger_repaired"));
    host.set_clock("+90s");
    assert_in(&host, "maria", &oathtool::code(&phone.secret, oathtool::now() + 90));
    host.set_clock("+0");
    std::fs::write(record_path(&maria), "damaged").unwrap();
    assert_unavailable(&host, "maria", &phone.code(), "event=unavailable");
    let phone = handed_over(&scene(&host, "damaged-ledger"));
    assert_in(&host, "maria", &phone.code());
}

#[test]
fn after_a_hundred_wrong_codes_the_user_is_unlocked() {
    let (host, maria, phone, _) = enrolled();
    let mut record = Slots::decode(&std::fs::read(record_path(&maria)).unwrap()).unwrap().record;
    let now = i64::try_from(oathtool::now()).unwrap();
    for _ in 0..100 {
        record.count_failure(&Limits::default(), Source::V4([198, 51, 100, 7]), now);
    }
    std::fs::write(record_path(&maria), Slots::create(&record).unwrap()).unwrap();
    assert_eq!(login(&host, "maria", &[&phone.code()]).code("authenticate"), pam::AUTH_ERR);
    host.journal().wait_for(|line| line.message.contains("reason=disabled"));
    assert!(scene(&host, "disabled").contains("codes are no longer disabled"));
    assert_in(&host, "maria", &phone.code());
}

/// Another name, or none, for maria's line.
fn passwd(host: &Host, name: Option<&str>) {
    for path in ["/etc/passwd", "/etc/shadow"] {
        let text = std::fs::read_to_string(path).unwrap();
        let (mine, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("maria:"));
        let mine = name.map(|name| mine[0].replacen("maria:", &format!("{name}:"), 1));
        let lines: Vec<_> = others.into_iter().map(str::to_owned).chain(mine).collect();
        host.write(path, &(lines.join("\n") + "\n"), 0o644);
    }
}

#[test]
fn who_got_the_uid_of_a_leaver_is_reset_and_enrols() {
    let (host, _, phone, _) = enrolled();
    passwd(&host, Some("jana"));
    assert_unavailable(&host, "jana", &phone.code(), "reason=uid_reused");
    scene(&host, "reused-uid");
    let (phone, _) = enrols(&host, "jana");
    assert_in(&host, "jana", &phone.code());
}

#[test]
fn what_is_left_of_leavers_goes_and_nothing_of_others() {
    let (host, maria, _, _) = enrolled();
    let otto = host.add_user("otto", "secret");
    let (phone, _) = enrols(&host, "otto");
    passwd(&host, None);
    scene(&host, "orphans");
    assert!(!Path::new(&record_path(&maria)).exists() && Path::new(&record_path(&otto)).exists());
    assert_in(&host, "otto", &phone.code());
}

#[test]
fn a_key_and_a_code_let_in_and_neither_alone_does() {
    let (host, maria, phone, _) = enrolled();
    let key = SshKey::named("maria");
    key.authorize(&maria);
    scene(&host, "key");
    let sshd = debian_sshd(&host);
    let identity = format!("IdentityFile={}", key.private.display());
    let ssh = |more: &[&str]| Terminal::new(&host).ssh(&sshd, "maria", &[&["-o", &identity], more].concat());
    let mut terminal = ssh(&[]);
    let before = terminal.expect("Verification code: ");
    assert!(!before.contains("assword"), "{before}");
    terminal.send_line(&phone.code());
    terminal.expect("$ ");
    terminal.send_line("exit");
    assert!(terminal.wait().success());
    let mut terminal = ssh(&[]);
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.wrong_code());
    terminal.expect("not right");
    drop(terminal);
    let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &[]);
    assert!(!terminal.wait().success());
    assert!(!terminal.raw_text().contains("Verification"), "{terminal:?}");
}

/// What `twinlock doctor` finds in the stack of a service.
fn findings_about(_on: &Host, service: &str) -> Vec<serde_json::Value> {
    let said = run(command("/usr/bin/twinlock").args(["doctor", "--json"])).stdout;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let all = said["findings"].as_array().unwrap().iter();
    all.filter(|one| one.to_string().contains(service)).cloned().collect()
}

#[test]
fn a_client_that_asks_once_takes_password_and_code_together() {
    let (host, _, phone, _) = enrolled();
    scene(&host, "one-answer");
    assert_eq!(findings_about(&host, "xrdp-sesman"), Vec::<serde_json::Value>::new());
    let once = |answer: &str| log_in(&PamClient::new(&host, "xrdp-sesman").user("maria"), &[answer]);
    assert!(!is_in(&once("secret")));
    assert!(!is_in(&once(&format!("secret{}", phone.wrong_code()))));
    assert!(is_in(&once(&format!("secret{}", phone.code()))), "{}", host.journal().text());
    assert!(!is_in(&once(&format!("other{}", phone.code_at_step(1)))));
}

#[test]
fn a_locker_takes_password_and_code_together() {
    let (host, _, phone, _) = enrolled();
    scene(&host, "locker");
    assert_eq!(findings_about(&host, "swaylock"), Vec::<serde_json::Value>::new());
    let unlock = |answer: &str| {
        let locker = PamClient::new(&host, "swaylock").user("maria").as_user("maria").chain("authenticate");
        log_in(&locker, &[answer]).code("authenticate")
    };
    assert_ne!(unlock("secret"), pam::SUCCESS);
    assert_eq!(unlock(&format!("secret{}", phone.code())), pam::SUCCESS, "{}", host.journal().text());
    assert_ne!(unlock(&format!("other{}", phone.code_at_step(1))), pam::SUCCESS);
}

#[test]
fn credentials_are_kept_out_of_homes() {
    let (host, maria) = protected();
    let phone = handed_over(&scene(&host, "nfs"));
    assert!(!maria.path(".twinlock").exists());
    assert!(Path::new(&format!("/var/lib/twinlock/credentials/{}.toml", maria.uid)).exists());
    // A home that its own file server keeps from everybody.
    run(command("chmod").args(["0", "/home/maria"])).ok();
    assert_in(&host, "maria", &phone.code());
}

#[test]
fn fail2ban_gets_its_files_and_prometheus_its_numbers() {
    let (host, ..) = enrolled();
    for name in ["filter.conf", "jail.conf"] {
        let text = std::fs::read_to_string(root().join("packaging/fail2ban").join(name)).unwrap();
        host.write(Path::new("/usr/share/twinlock/examples/fail2ban").join(name), &text, 0o644);
    }
    scene(&host, "fail2ban");
    assert!(Path::new("/etc/fail2ban/filter.d/twinlock.conf").exists());
    assert!(std::fs::read_to_string("/etc/fail2ban/jail.d/twinlock.conf").unwrap().contains("[twinlock]"));
    let folder = Path::new("/var/lib/prometheus/node-exporter");
    std::fs::create_dir_all(folder).unwrap();
    scene(&host, "prometheus");
    let numbers = std::fs::read_to_string(folder.join("twinlock.prom")).unwrap();
    assert!(numbers.contains("{requirement=\"required\",enrolled=\"yes\"} 1\n"), "{numbers}");
    assert!(!numbers.contains("maria"), "{numbers}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn when_it_is_gone_the_password_lets_in_as_before() {
    let (host, maria) = installed();
    host.policy("require_mfa = true\n");
    run(command("/usr/bin/twinlock").args(["setup", "--ssh"])).ok();
    let phone = Phone::of(&maria);
    by_ssh(&host, "maria", |_| Some(phone.code()));
    scene(&host, "uninstall");
    std::fs::remove_file(twinlock_tests::pam_folder().join("pam_twinlock.so")).unwrap();
    asks_for_codes(&host);
    by_ssh(&host, "maria", |_| None);
}
