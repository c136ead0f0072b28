//! The harness itself, proved with modules and programs that exist without Twinlock.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use twinlock_tests::picture::{self, Theme};
use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, MessageKind, PamClient, SshKey, Sshd, Terminal, oathtool, pam};

/// RFC 4226's secret, in base32.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Password alone.
const UNIX: &str =
    "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// Everything below a folder, so many levels deep: path, inode, size and time of change.
fn inventory(folder: &str, depth: usize) -> BTreeMap<String, (u64, u64, i64)> {
    let mut found = BTreeMap::new();
    let mut left = vec![(Path::new(folder).to_owned(), depth)];
    while let Some((path, depth)) = left.pop() {
        let Ok(metadata) = path.symlink_metadata() else { continue };
        found.insert(path.display().to_string(), (metadata.ino(), metadata.size(), metadata.ctime_nsec()));
        if metadata.is_dir() && depth > 0 {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| (entry.path(), depth - 1)));
        }
    }
    found
}

#[test]
fn a_host_leaves_nothing_behind() {
    // Only what the machine itself does not change meanwhile.
    let look = || {
        let files =
            [("/etc", 9), ("/home", 1), ("/usr/bin", 1), (&pam_folder(), 1), ("/var/lib", 1), ("/var", 0)]
                .map(|(folder, depth)| inventory(folder, depth));
        let places = ["/run/sshd", "/run/twinlock-tests", "/dev/log", "/tmp/file", "/root/file"];
        let places = places.map(|path| Path::new(path).symlink_metadata().is_ok());
        let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let devices = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap().lines().count();
        (files, places, mounts, name, devices, std::env::current_dir().unwrap())
    };
    let before = look();
    {
        let host = Host::new();
        let maria = host.add_user("maria", "secret");
        maria.write("a/b/file", "text", 0o600);
        host.policy("require_mfa = true\n");
        host.ledger_on_disk();
        host.write("/var/lib/twinlock/ledger/20001", "bytes", 0o600);
        host.install_module(&Path::new(&pam_folder()).join("pam_permit.so"));
        host.write("/tmp/file", "text", 0o600);
        host.write("/root/file", "text", 0o600);
        host.pam_service("till", UNIX);
        let sshd = Sshd::start(&host, "");
        let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &[]);
        terminal.expect("Password:");
        assert_eq!(run(&mut command("hostname")).ok().stdout.trim(), "erp-t01");
    }
    let after = look();
    for (now, then) in after.0.iter().zip(&before.0) {
        assert_eq!(now, then);
    }
    assert_eq!(
        (after.1, after.2, after.3, after.4, after.5),
        (before.1, before.2, before.3, before.4, before.5)
    );
}

#[test]
fn hosts_one_after_the_other_on_one_thread_know_nothing_of_each_other() {
    for _ in 0..3 {
        let host = Host::new();
        assert!(!Path::new("/home/maria").exists());
        host.add_user("maria", "secret");
    }
    // Even one that was never dropped.
    let leaked = Host::new();
    leaked.add_user("maria", "secret");
    std::mem::forget(leaked);
    let _host = Host::new();
    assert!(!Path::new("/home/maria").exists());
}

#[test]
fn a_host_is_there_in_a_quarter_of_a_second() {
    let begin = Instant::now();
    let host = Host::new();
    let made = begin.elapsed();
    host.add_user("maria", "secret");
    let first_user = begin.elapsed();
    host.add_user("otto", "secret");
    let second_user = begin.elapsed();
    let sshd = Sshd::start(&host, "");
    let listening = begin.elapsed();
    drop(sshd);
    drop(host);
    eprintln!(
        "host {made:?}, first user at {first_user:?}, second at {second_user:?}, sshd at {listening:?}, gone at {:?}",
        begin.elapsed()
    );
    assert!(made < Duration::from_millis(250), "{made:?}");
}

#[test]
fn a_module_that_changes_nothing_is_reported_so_in_every_hook() {
    let host = Host::new();
    host.pam_service(
        "till",
        "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n\
         password required pam_permit.so\n",
    );
    let maria = host.add_user("maria", "secret");
    let hooks = "authenticate,acct_mgmt,setcred,open_session,close_session,chauthtok,setcred_delete";
    let variants = [
        PamClient::new(&host, "till"),
        PamClient::new(&host, "till").clock("+1y").umask("000").folder("/home").rhost("192.0.2.7").tty("ssh"),
        PamClient::new(&host, "till")
            .as_user("maria")
            .close(0)
            .close(1)
            .limit("nofile", 64)
            .locale("C.UTF-8"),
        PamClient::new(&host, "till")
            .setuid_for("maria")
            .signal(25, "default")
            .signal(15, "block")
            .limit("fsize", 0),
    ];
    for client in variants {
        let outcome = client.user(&maria.name).chain(hooks).pam_env("A", "b\nc\\").start().finish();
        assert_eq!(outcome.hooks.len(), 7, "{outcome:?}");
        assert!(outcome.hooks.iter().all(|hook| hook.code == pam::SUCCESS), "{outcome:?}");
        outcome.assert_host_unchanged();
        assert_eq!(outcome.env["A"], "b\nc\\");
    }
}

#[test]
fn a_module_that_changes_the_host_is_caught() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("renames", "auth required pam_stage.so user=otto say=hello\n");
    let outcome = PamClient::new(&host, "renames").user("maria").chain("authenticate").start().finish();
    assert_eq!(outcome.hooks[0].state, "changed:PAM_USER(maria->otto)");
    assert_eq!((outcome.messages[0].kind, outcome.said().as_str()), (MessageKind::Info, "hello\n"));

    host.pam_service("umasks", "session required pam_umask.so umask=0111\nsession required pam_keyinit.so\n");
    let outcome =
        PamClient::new(&host, "umasks").user("maria").chain("open_session").umask("022").start().finish();
    assert!(outcome.hooks[0].state.contains("Umask(0022->0111)"), "{outcome:?}");
    assert!(catch_unwind(|| outcome.assert_host_unchanged()).is_err());
}

#[test]
fn the_exact_code_of_a_module_is_seen_where_the_stack_hides_it() {
    let host = Host::new();
    let ignoring = "pam_stage.so call=pam_stage.so".replace("call=", &format!("call={}/", pam_folder()));
    host.pam_service(
        "till",
        &format!("auth required {ignoring} code=25\naccount required {ignoring} code=9\n"),
    );
    let outcome = PamClient::new(&host, "till").user("root").keep_going().start().finish();
    assert_eq!(outcome.module_code("authenticate"), pam::IGNORE);
    assert_eq!(outcome.code("authenticate"), pam::PERM_DENIED);
    assert_eq!(outcome.module_code("acct_mgmt"), pam::AUTHINFO_UNAVAIL);
}

fn pam_folder() -> String {
    let arch = std::env::consts::ARCH;
    format!("/lib/{arch}-linux-gnu/security")
}

#[test]
fn pam_unix_takes_the_right_password_and_no_other_answer() {
    let host = Host::new();
    host.add_user("maria", "sécret \\ \"x");
    host.pam_service("till", UNIX);
    let client = PamClient::new(&host, "till").user("maria");
    let ask = |answer: &dyn Fn(&mut twinlock_tests::Dialogue)| {
        let mut login = client.start();
        assert_eq!(login.expect_prompt("Password: ").kind, MessageKind::PromptHidden);
        answer(&mut login);
        let outcome = login.finish();
        assert_eq!(!outcome.delays.is_empty(), outcome.code("authenticate") == pam::AUTH_ERR, "{outcome:?}");
        outcome.assert_host_unchanged();
        outcome.code("authenticate")
    };
    assert_eq!(ask(&|login| login.answer("sécret \\ \"x")), pam::SUCCESS);
    assert_eq!(ask(&|login| login.answer("secret")), pam::AUTH_ERR);
    assert_eq!(ask(&|login| login.answer("")), pam::AUTH_ERR);
    assert_eq!(ask(&|login| login.answer_bytes(b"\xff\x01\n")), pam::AUTH_ERR);
    assert_eq!(ask(&|login| login.answer_repeated("x", 70_000)), pam::AUTH_ERR);
    assert_ne!(ask(&|login| login.answer_null()), pam::SUCCESS);
    assert_ne!(ask(&|login| login.answer_no_array()), pam::SUCCESS);
    assert_ne!(ask(&|login| login.fail_conversation(pam::CONV_ERR)), pam::SUCCESS);
}

#[test]
fn a_hanging_conversation_fails_in_bounded_time() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("till", UNIX);
    let mut login = PamClient::new(&host, "till").user("maria").patience(Duration::from_millis(300)).start();
    login.expect_prompt("Password: ");
    let process = login.process_id();
    let begin = Instant::now();
    let panic = catch_unwind(AssertUnwindSafe(|| login.next_message())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("hanging") && text.contains("PROMPT_OFF Password: "), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert!(!Path::new(&format!("/proc/{process}")).exists());
}

#[test]
fn many_logins_wait_at_their_prompts_and_are_released_at_once() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("till", UNIX);
    let client = PamClient::new(&host, "till").user("maria");
    let mut logins: Vec<_> = (0..64).map(|_| client.start()).collect();
    for login in &mut logins {
        login.expect_prompt("Password: ");
    }
    for login in &mut logins {
        login.answer("secret");
    }
    for login in logins {
        assert_eq!(login.finish().code("acct_mgmt"), pam::SUCCESS);
    }
}

#[test]
fn an_application_can_hold_between_hooks_and_be_killed() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("till", UNIX);
    let client = PamClient::new(&host, "till").user("maria").chain("authenticate,hold,acct_mgmt");
    let mut login = client.start();
    login.expect_prompt("Password: ");
    login.answer("secret");
    login.release();
    assert_eq!(login.finish().code("acct_mgmt"), pam::SUCCESS);

    let mut login = client.start();
    login.expect_prompt("Password: ");
    login.kill();
    let outcome = login.finish();
    assert!(!outcome.called("authenticate"), "{outcome:?}");
}

#[test]
fn the_journal_hears_pam_unix() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("till", UNIX);
    let mut login = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7").tty("ssh").start();
    login.expect_prompt("Password: ");
    login.answer("wrong");
    login.finish();
    let line = host.journal().wait_for(|line| line.message.contains("authentication failure"));
    assert_eq!((line.tag.as_str(), line.facility, line.severity), ("pamclient", 10, 5));
    assert!(line.message.contains("pam_unix(till:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=maria"), "{line:?}");
    // As a user, too.
    host.journal().clear();
    run(maria_logs(&host).arg("heard")).ok();
    host.journal().wait_for(|line| line.message == "heard" && line.facility == 4);
    assert!(host.journal().look_for(|line| line.message == "never", Duration::from_millis(20)).is_none());
}

fn maria_logs(host: &Host) -> std::process::Command {
    let otto = host.add_user("otto", "secret");
    let mut logger = otto.command("logger");
    logger.args(["-p", "auth.notice"]);
    logger
}

#[test]
fn google_authenticator_accepts_what_oathtool_computes() {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    maria.write(".google_authenticator", format!("{SECRET}\n\" TOTP_AUTH\n"), 0o600);
    host.pam_service("till", "auth required pam_google_authenticator.so\naccount required pam_permit.so\n");
    let log_in = |client: PamClient, code: &str| {
        let mut login = client.user("maria").start();
        login.expect_prompt("Verification code: ");
        login.answer(code);
        let outcome = login.finish();
        (outcome.code("authenticate"), outcome)
    };
    oathtool::with_time_left(5);
    for steps in -1..=1 {
        let code = oathtool::code_at_step(SECRET, steps);
        assert_eq!(log_in(PamClient::new(&host, "till"), &code).0, pam::SUCCESS, "step {steps}");
    }
    assert_eq!(log_in(PamClient::new(&host, "till"), &oathtool::wrong_code(SECRET)).0, pam::AUTH_ERR);
    // Under a moved clock.
    let then = oathtool::code(SECRET, 2_000_000_000);
    let client = PamClient::new(&host, "till").clock("@2033-05-18 03:33:20");
    let (code, outcome) = log_in(client, &then);
    assert_eq!(code, pam::SUCCESS);
    // It calls openlog and closelog, and so takes the host's own log socket away.
    let state = &outcome.hooks[0].state;
    assert!(state.starts_with("changed:fd") && state.contains("(socket:"), "{state}");
}

#[test]
fn oathtool_agrees_with_rfc_6238() {
    assert_eq!(oathtool::code_with(SECRET, 59, &["--digits=8"]), "94287082");
    assert_eq!(oathtool::code(SECRET, 59), "287082");
    assert_eq!(oathtool::code_now(SECRET).len(), 6);
}

#[test]
fn a_real_ssh_login_with_password_works() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("sshd", UNIX);
    let sshd = Sshd::start(&host, "");
    let mut terminal = Terminal::new(&host).size(100, 30).term("vt220").ssh(&sshd, "maria", &[]);
    terminal.expect("Password:");
    terminal.send_line("wrong");
    terminal.expect("Password:");
    terminal.send_line("secret");
    terminal.expect("$ ");
    terminal.send_line("echo $LOGNAME at $(stty size) $TERM $(echo $SSH_CONNECTION | cut -d' ' -f1)");
    terminal.expect("maria at 30 100 vt220 127.0.0.1");
    terminal.resize(120, 40);
    terminal.expect("$ ");
    terminal.send_line("sleep 0.2; stty size; exit 3");
    terminal.expect("40 120");
    assert_eq!(terminal.wait().code(), Some(3));
    assert!(terminal.screen_text().contains("maria at 30 100"));
    sshd.wait_for_log("Accepted keyboard-interactive/pam for maria from 127.0.0.1");
    host.journal().wait_for(|line| line.tag == "sshd" && line.message.contains("authentication failure"));
}

#[test]
fn a_key_lets_in_and_brings_its_line_to_pam_and_a_client_may_come_from_another_address() {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    let key = SshKey::named("maria");
    key.authorize(&maria);
    host.add_address("192.0.2.7/32");
    host.pam_service("sshd", UNIX);
    let sshd = Sshd::start(&host, "");
    let identity = format!("IdentityFile={}", key.private.display());
    let options = ["-b", "192.0.2.7", "-o", &identity, "--", "echo", "from", "$SSH_CONNECTION"];
    let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &options);
    terminal.expect("from 192.0.2.7 ");
    assert!(terminal.wait().success());
    sshd.wait_for_log("Accepted publickey for maria from 192.0.2.7");
}

#[test]
fn sshd_and_su_run_under_a_moved_clock() {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    host.add_user("otto", "secret");
    maria.write(".google_authenticator", format!("{SECRET}\n\" TOTP_AUTH\n"), 0o600);
    let stack = "auth required pam_google_authenticator.so\naccount required pam_permit.so\nsession required pam_permit.so\n";
    host.pam_service("sshd", stack);
    host.pam_service("su", stack);
    host.set_clock("+1y");
    let sshd = Sshd::start(&host, "");
    let later = oathtool::now() + 365 * 24 * 3600;
    let by_ssh = Terminal::new(&host).ssh(&sshd, "maria", &["--", "date", "+%s"]);
    let by_su = Terminal::new(&host).user("otto").run("su", &["maria", "-c", "date +%s"]);
    for (mut terminal, steps) in [(by_ssh, 0), (by_su, 1)] {
        terminal.expect("Verification code: ");
        terminal.send_line(&oathtool::code(SECRET, later + steps * oathtool::PERIOD));
        terminal.expect("\r\n");
        let date = terminal.expect("\r\n");
        assert!(terminal.wait().success(), "{terminal:?}");
        assert!(date.trim().parse::<u64>().unwrap().abs_diff(later) < 60, "{date}");
    }
    host.set_clock("+0");
    let now: u64 = run(command("date").arg("+%s")).ok().stdout.trim().parse().unwrap();
    assert!(now.abs_diff(oathtool::now()) < 60);
}

#[test]
fn an_sshd_ends_with_its_sessions() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("sshd", UNIX);
    let sshd = Sshd::start(&host, "");
    let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &[]);
    terminal.expect("Password:");
    terminal.send_line("secret");
    terminal.expect("$ ");
    terminal.send_line("echo she''ll $$; exec sleep 600");
    terminal.expect("shell ");
    let shell: u32 = terminal.expect("\r\n").trim().parse().unwrap();
    assert!(Path::new(&format!("/proc/{shell}")).exists());
    drop(sshd);
    let deadline = Instant::now() + Duration::from_secs(5);
    while running(shell) {
        assert!(Instant::now() < deadline, "the session outlives its sshd");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(terminal.wait().code(), Some(255));
}

/// There and not a zombie.
fn running(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

#[test]
fn su_sudo_and_login_ask_on_a_terminal() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.add_user("otto", "other");
    for service in ["su", "sudo", "login"] {
        host.pam_service(service, UNIX);
    }
    host.write("/etc/sudoers.d/otto", "otto ALL=(ALL) ALL\n", 0o440);
    let otto = Terminal::new(&host).user("otto");
    for (mut terminal, password) in [
        (otto.run("su", &["maria", "-c", "id -un; tty"]), "secret"),
        (otto.run("sudo", &["-u", "maria", "sh", "-c", "id -un; tty"]), "other"),
    ] {
        terminal.expect("assword");
        terminal.expect(": ");
        terminal.send_line(password);
        terminal.expect("maria\r\n/dev/pts/");
        assert!(terminal.wait().success());
    }
    let mut terminal = Terminal::new(&host).run("login", &["maria"]);
    terminal.expect("Password: ");
    terminal.send_line("secret");
    terminal.expect("$ ");
    terminal.send_line("exit");
    terminal.wait();
}

#[test]
fn a_setuid_program_can_be_installed() {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    let path = Path::new("/usr/libexec/twinlock/check");
    host.write(path, "", 0o644);
    host.install(Path::new("/usr/bin/id"), path, 0o4755);
    assert_eq!(run(maria.command(path).args(["-u"])).ok().stdout, "0\n");
    assert_eq!(run(maria.command(path).args(["-u", "-r"])).ok().stdout, format!("{}\n", maria.uid));
}

#[test]
fn a_client_runs_under_strace_and_dies_at_a_chosen_system_call() {
    let host = Host::new();
    host.add_user("maria", "secret");
    host.pam_service("till", UNIX);
    let trace =
        ["strace", "-f", "-o", "/tmp/trace", "-P", "/etc/shadow", "-e", "inject=openat:signal=KILL:when=1"];
    let mut login = PamClient::new(&host, "till").user("maria").under(&trace).start();
    login.expect_prompt("Password: ");
    login.answer("secret");
    let outcome = login.finish();
    assert!(!outcome.called("authenticate"), "{outcome:?}");
    assert!(std::fs::read_to_string("/tmp/trace").unwrap().contains("killed by SIGKILL"));
}

#[test]
fn a_file_system_of_its_own_can_be_full_and_goes_with_the_host() {
    for (kind, mebibytes) in [("ext4", 16), ("xfs", 300), ("btrfs", 128)] {
        let image = {
            let host = Host::new();
            host.file_system(kind, mebibytes, "/var/lib/twinlock");
            let filled = run(command("dd").args(["if=/dev/zero", "of=/var/lib/twinlock/full", "bs=1M"]));
            assert!(filled.stderr.contains("No space left"), "{kind}: {filled:?}");
            let loops =
                run(command("losetup").args(["--noheadings", "--output", "BACK-FILE,NAME", "--list"])).ok();
            let mine = format!("image-{}-", std::process::id());
            loops.stdout.lines().find(|line| line.contains(&mine)).unwrap().to_owned()
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while run(command("losetup").arg("--list")).stdout.contains(image.split(' ').next().unwrap()) {
            assert!(Instant::now() < deadline, "{image} is still there");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a program prints that shows a QR code: `qrencode`, an implementation that is not ours.
fn qr(kind: &str, margin: &str, text: &str) -> String {
    run(command("qrencode").args(["-t", kind, "-m", margin, "-o", "-", text])).ok().stdout
}

#[test]
fn a_qr_code_on_the_screen_is_read_back() {
    let uri = "otpauth://totp/ACME%20ERP:maria?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME%20ERP";
    let host = Host::new();
    for (kind, theme) in [
        ("UTF8", Theme::Dark), // white on black by the terminal's own colours
        ("UTF8i", Theme::Light),
        ("ANSI256UTF8", Theme::Dark), // explicit colours
        ("ANSI256UTF8", Theme::Light),
        ("ANSI256", Theme::Dark),
        ("ASCII", Theme::Light), // two hash signs a module
        ("ASCIIi", Theme::Dark),
    ] {
        host.write("/tmp/qr", &qr(kind, "2", uri), 0o644);
        let mut terminal = Terminal::new(&host).size(120, 60).run("cat", &["/tmp/qr"]);
        assert!(terminal.wait().success());
        let kept = picture::keep(&format!("qr-{kind}-{theme:?}.png"), &terminal.screen_png(theme));
        assert_eq!(terminal.scan_qr(theme).as_deref(), Some(uri), "{}", kept.display());
    }
}

#[test]
fn a_qr_code_that_scrolled_away_is_not_read_back() {
    let host = Host::new();
    host.write("/tmp/qr", &qr("UTF8", "2", "otpauth://totp/x?secret=AAAA"), 0o644);
    let mut terminal = Terminal::new(&host).size(80, 10).run("cat", &["/tmp/qr"]);
    assert!(terminal.wait().success());
    assert_eq!(terminal.scan_qr(Theme::Dark), None);
}

#[test]
fn a_program_that_stays_silent_fails_in_bounded_time_with_the_screen() {
    let host = Host::new();
    let setup = Terminal::new(&host).patience(Duration::from_millis(300));
    let mut terminal = setup.run("sh", &["-c", "echo so far; sleep 600"]);
    let panic = catch_unwind(AssertUnwindSafe(|| terminal.expect("more"))).unwrap_err();
    let mut text = String::new();
    write!(text, "{}", panic.downcast_ref::<String>().unwrap()).unwrap();
    assert!(text.contains("so far"), "{text}");
}

#[test]
fn a_ledger_on_disk_is_on_a_disk() {
    let host = Host::new();
    host.ledger_on_disk();
    let kind = |path: &str| run(command("stat").args(["-f", "-c", "%T", path])).ok().stdout;
    assert_ne!(kind("/var/lib/twinlock"), kind("/var"));
    assert!(!kind("/var/lib/twinlock").contains("tmpfs"));
    host.write("/var/lib/twinlock/file", "text", 0o600);
    assert_eq!(std::fs::metadata("/var/lib/twinlock").unwrap().mode() & 0o7777, 0o755);
}
