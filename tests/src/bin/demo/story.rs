//! The scenes, in order. Each does one thing, shows what came of it, and claims what a reader should take away.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use twinlock_tests::picture::Theme;
use twinlock_tests::{Phone, Terminal};

use crate::machine::{Traces, mount_point};
use crate::narrator::Narrator;
use crate::stage::{POLICY, SHELL, Stage, expect_shell};

/// What maria has after her first login.
#[derive(Debug)]
struct Enrolled {
    phone: Phone,
    /// The code that confirmed it.
    code: String,
    recovery_codes: Vec<String>,
}

/// Tells the story on a host of its own; what it leaves for the comparison goes to `traces`.
pub fn tell(narrator: &Narrator, traces: &Mutex<Traces>) {
    let stage = a_host_of_its_own(narrator, traces);
    a_password_alone_is_enough(&stage);
    one_setting_is_turned_on(&stage);
    let mut terminal = a_wrong_password(&stage);
    let enrolled = the_first_login_enrols(&stage, &mut terminal);
    what_is_stored(&stage, &enrolled);
    let code = the_second_login(&stage, &enrolled.phone);
    the_same_code_again(&stage, &code);
    a_recovery_code(&stage, &enrolled.recovery_codes[6]);
    what_the_administrator_sees(&stage);
    the_log_keeps_secrets(&stage, &enrolled, &code);
    traces.lock().unwrap().written = stage.host.written();
}

fn a_host_of_its_own<'a>(narrator: &'a Narrator, traces: &Mutex<Traces>) -> Stage<'a> {
    narrator.scene("A host to try it on");
    let stage = Stage::new(narrator);
    traces.lock().unwrap().walls = std::fs::read_link("/proc/thread-self/ns/mnt").expect("a namespace");
    narrator.says(
        "The demo plays on a host of its own, erp-t01. It is this machine seen through a second set of mounts: what is \
         written there goes to memory. A user, maria, lives there; pam_twinlock.so and the command twinlock are \
         installed; a real sshd listens, on a network that nothing else is on. sshd hands each login to PAM, which \
         goes through these lines:",
    );
    stage.root("cat /etc/pam.d/sshd").ok();
    // What of it is seen outside, the comparison at the end will ask.
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").expect("the mounts");
    let covered: BTreeSet<&str> =
        mounts.lines().filter(|line| line.contains(" - overlay ")).filter_map(mount_point).collect();
    let all = ["/etc", "/home", "/root", "/var", "/usr"].iter().all(|folder| covered.contains(folder));
    narrator.claims(
        all,
        "/etc, /home, /root, /var and /usr are covered: the machine's own stay as they are",
        &mounts,
    );
    traces.lock().unwrap().mounted = mounts.lines().filter_map(mount_point).map(str::to_owned).collect();
    stage
}

fn a_password_alone_is_enough(stage: &Stage<'_>) {
    let narrator = stage.narrator;
    narrator.scene("Before: a password is enough");
    narrator.says(
        "The policy as the package installs it, with a name and a help desk filled in (comments left out):",
    );
    stage.root(&format!("grep -v '^#' {POLICY}")).ok();
    narrator.says("maria logs in with her password.");
    let mut terminal = stage.ssh_with_password(24);
    stage.claims_shell(&mut terminal, "the password alone opened a shell, and no code was asked for");
    no_key_was_shown(stage, &terminal);
    stage.logs_out(terminal);
    stage.log(&["event=code_not_asked", "reason=not_enrolled"]);
}

fn one_setting_is_turned_on(stage: &Stage<'_>) {
    let narrator = stage.narrator;
    narrator.scene("The administrator turns one setting on");
    narrator.says("First in a draft, with a slip of the finger. The check finds it before it can do harm:");
    let draft = "/root/draft.toml";
    let text = std::fs::read_to_string(POLICY).expect("the policy");
    stage.host.write(draft, &text.replace("require_mfa = false", "require_mfa = ture"), 0o644);
    let finished = stage.root(&format!("twinlock policy check {draft}"));
    let output = format!("{}{}", finished.stdout, finished.stderr);
    let line = 1 + text.lines().position(|line| line.starts_with("require_mfa")).expect("the setting");
    narrator.claims(
        finished.code() == 4 && output.contains(&format!("{draft}:{line}:")),
        &format!("the fault is named by file and line ({draft}:{line}), and the exit status is 4"),
        format!("exit status {}\n{output}", finished.code()),
    );
    narrator.says("Now for good:");
    stage.root(&format!("sed -i 's/^require_mfa = false/require_mfa = true/' {POLICY}")).ok();
    let finished = stage.root("twinlock policy check");
    narrator.claims(finished.code() == 0, "the policy is sound", finished.code());
    let finished = stage.root("twinlock policy show");
    let set = finished.stdout.lines().find(|line| line.starts_with("require_mfa"));
    narrator.claims(
        finished.code() == 0
            && set.is_some_and(|set| set.contains("= true") && set.ends_with(&format!("{POLICY}:{line}"))),
        "require_mfa = true is in force, and the file and line that say so are named",
        &finished.stdout,
    );
}

fn a_wrong_password(stage: &Stage<'_>) -> Terminal {
    let narrator = stage.narrator;
    narrator.scene("Somebody who does not know the password learns nothing");
    narrator.says(
        "maria has no code yet, so her next login will set one up. But first a wrong password: whoever types that \
         must not be shown the key of her account.",
    );
    let mut terminal = stage.ssh(40);
    terminal.expect("Password:");
    terminal.send_line("guessed");
    terminal.expect("Password:");
    narrator.shows(&terminal.screen_text());
    no_key_was_shown(stage, &terminal);
    let mut stored = Vec::new();
    for folder in ["pending", "ledger", "credentials"].map(|name| Path::new("/var/lib/twinlock").join(name)) {
        stored.extend(std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()));
    }
    stored.extend(Some(stage.maria.path(".twinlock")).filter(|path| path.exists()));
    narrator.claims(stored.is_empty(), "nothing was stored about maria", format!("{stored:?}"));
    stage.log(&["authentication failure", "user=maria"]);
    terminal
}

fn no_key_was_shown(stage: &Stage<'_>, terminal: &Terminal) {
    let sent = terminal.raw_text();
    let none = !sent.contains("Key:") && !sent.contains("Verification code") && !sent.contains('\u{2588}');
    stage.narrator.claims(
        none && terminal.scan_qr(Theme::Dark).is_none(),
        "the terminal was sent no key and no QR code",
        sent,
    );
}

fn the_first_login_enrols(stage: &Stage<'_>, terminal: &mut Terminal) -> Enrolled {
    let narrator = stage.narrator;
    narrator.scene("The first login sets the phone up");
    narrator.says("On the same connection, the right password. This is what maria sees:");
    terminal.send_line(&stage.maria.password);
    terminal.expect("Verification code: ");
    narrator.shows(&terminal.screen_text());
    narrator.says(
        "She scans the picture with an app (FreeOTP, Aegis, Google Authenticator, ...). Here zbarimg, a QR reader, \
         looks at an image of this very screen, and oathtool computes the codes that an app would show.",
    );
    let uri = terminal.scan_qr(Theme::Dark).unwrap_or_default();
    narrator.claims(
        uri.starts_with("otpauth://totp/ACME%20ERP:maria%40erp-t01?secret="),
        "zbarimg reads the QR code: it is for maria@erp-t01 of ACME ERP",
        format!("{uri:?}\n{terminal:?}"),
    );
    let phone = Phone::from_uri(&uri);
    let key = key_on_screen(terminal);
    narrator.claims(
        key == phone.secret,
        "the key as text is the same as in the picture, for apps without a camera",
        key,
    );

    narrator.says("First she mistypes the code:");
    terminal.send_line(&phone.wrong_code());
    terminal.expect("not right");
    terminal.expect("Verification code: ");
    narrator.shows(&last_lines(terminal, 6));
    narrator.claims(true, "a wrong code is refused, and the code is asked for again", "");
    narrator.says("Then she types what the phone shows:");
    let code = phone.code();
    terminal.send_line(&code);
    let text = terminal.expect("Press Enter");
    terminal.expect(": ");
    narrator.shows(&from_line(&terminal.screen_text(), "The app is set up"));
    let codes = recovery_codes(&text);
    narrator.claims(
        codes.len() == 10,
        "oathtool's code is accepted; ten recovery codes are shown, this once",
        &text,
    );
    terminal.send_line("");
    expect_shell(terminal);
    terminal.send_line("id -un");
    let name = expect_shell(terminal);
    narrator.shows(&last_lines(terminal, 3));
    narrator.claims(name.contains("maria"), "behind it is her shell: the login went on", name);
    terminal.send_line("exit");
    terminal.wait();
    stage.log(&["event=enrolled", "user=\"maria\""]);
    Enrolled { phone, code, recovery_codes: codes }
}

fn what_is_stored(stage: &Stage<'_>, enrolled: &Enrolled) {
    let narrator = stage.narrator;
    narrator.scene("What was stored, and where");
    let credential = stage.maria.path(".twinlock/credential.toml");
    let ledger = PathBuf::from(format!("/var/lib/twinlock/ledger/{}", stage.maria.uid));
    for (path, owner, whose) in [
        (&credential, stage.maria.uid, "the key is in maria's home, for her eyes only (0600)"),
        (&ledger, 0, "which codes were used is kept in root's ledger, out of her hands (0600)"),
    ] {
        let found = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let is_private = found.uid() == owner && found.mode() & 0o7777 == 0o600;
        narrator.claims(
            is_private,
            &format!("{whose}: {}", path.display()),
            format!("owner {}, mode {:o}", found.uid(), found.mode()),
        );
    }
    let text = stage.maria.read(".twinlock/credential.toml");
    let bare = |text: &str| text.replace('-', "").to_lowercase();
    let leaked = enrolled.recovery_codes.iter().any(|code| bare(&text).contains(&bare(code)));
    narrator.claims(
        !leaked,
        "recovery codes are stored as salted hashes, never as they are typed",
        "one of them is there",
    );
    assert!(text.contains(&enrolled.phone.secret), "the key in the credential is the phone's");
}

fn the_second_login(stage: &Stage<'_>, phone: &Phone) -> String {
    let narrator = stage.narrator;
    narrator.scene("From now on a code is asked for");
    narrator.says(
        "The next login, with the password and a code. (A code is good once, so maria would now wait up to 30 seconds \
         for a new one. The demo is in a hurry and takes the phone's next code: for clocks that differ a little, one \
         step ahead is accepted.)",
    );
    let mut terminal = stage.ssh_with_password(24);
    terminal.expect("Verification code: ");
    let code = phone.code_at_step(1);
    terminal.send_line(&code);
    stage.claims_shell(&mut terminal, "password and code together open the shell");
    terminal.send_line("echo \"came in by: $TWINLOCK_AUTHENTICATOR\"");
    let text = expect_shell(&mut terminal);
    narrator.claims(
        text.lines().any(|line| line.trim() == "came in by: phone"),
        "the session knows by which phone (TWINLOCK_AUTHENTICATOR=phone); on a shared account it tells who it is",
        text,
    );
    stage.logs_out(terminal);
    stage.log(&["event=code_accepted", "authenticator=\"phone\""]);
    code
}

fn the_same_code_again(stage: &Stage<'_>, code: &str) {
    let narrator = stage.narrator;
    narrator.scene("The same code again: refused");
    narrator.says(&format!(
        "Somebody looked over maria's shoulder and has it all: her password, and the code {code}, which her phone may \
         well show still.",
    ));
    let mut terminal = stage.ssh_with_password(24);
    terminal.expect("Verification code: ");
    terminal.send_line(code);
    terminal.expect("used already");
    terminal.expect("Verification code: ");
    narrator.shows(&terminal.screen_text());
    narrator.claims(
        !terminal.raw_text().contains(SHELL),
        "the code is refused: no shell",
        terminal.raw_text(),
    );
    drop(terminal);
    stage.log(&["event=code_rejected", "reason=replayed"]);
}

fn a_recovery_code(stage: &Stage<'_>, code: &str) {
    let narrator = stage.narrator;
    narrator.scene("The phone is lost: a recovery code");
    let typed = code.to_lowercase().replace('-', " ");
    narrator.says(&format!(
        "One of the ten codes from the first login stands in for the phone. maria types it without the dashes and in \
         small letters ({typed}), which does not matter."
    ));
    let mut terminal = stage.ssh_with_password(24);
    terminal.expect("Verification code: ");
    terminal.send_line(&typed);
    stage.claims_shell(&mut terminal, "the recovery code opens the shell");
    let text = terminal.raw_text();
    narrator.claims(text.contains("9 left"), "she is told that nine are left", text);
    narrator.says("In that shell she looks at what is set up for her:");
    let command = "twinlock status; echo \"exit status $?\"";
    terminal.send_line(command);
    let text = expect_shell(&mut terminal);
    let text = text.split_once('\n').map_or("", |(_, printed)| printed);
    narrator.types("maria@erp-t01$", command);
    narrator.shows(text);
    narrator.claims(
        text.contains("/home/maria/.twinlock/credential.toml")
            && text.contains("\"phone\"")
            && text.contains("exit status 0"),
        "twinlock status names her credential and her phone",
        text,
    );
    stage.logs_out(terminal);
    stage.log(&["event=recovery_code_accepted", "left=9"]);
}

fn what_the_administrator_sees(stage: &Stage<'_>) {
    let narrator = stage.narrator;
    narrator.scene("What the administrator sees");
    narrator.says("Root sees the ledger's part as well:");
    let finished = stage.root("twinlock status maria");
    let text = &finished.stdout;
    narrator.claims(
        finished.code() == 0
            && text.contains("enrolled, on")
            && text.contains("9 left")
            && text.contains("for sshd"),
        "maria is enrolled, has nine recovery codes left, and came in last by sshd",
        format!("exit status {}\n{text}", finished.code()),
    );
    let finished = stage.root("twinlock policy explain maria --service sshd --from 192.0.2.7");
    narrator.claims(
        finished.code() == 0
            && finished.stdout.contains("a code is required")
            && finished.stdout.contains(POLICY),
        "why a login needs a code can be asked for, before anybody logs in",
        format!("exit status {}\n{}{}", finished.code(), finished.stdout, finished.stderr),
    );
}

fn the_log_keeps_secrets(stage: &Stage<'_>, enrolled: &Enrolled, code: &str) {
    let narrator = stage.narrator;
    narrator.scene("What the log does not say");
    let log = stage.host.journal().text() + &stage.sshd.log();
    let Enrolled { phone, code: first, recovery_codes } = enrolled;
    let mut secrets = vec![stage.maria.password.as_str(), &phone.secret, first, code];
    secrets.extend(recovery_codes.iter().map(String::as_str));
    let leaked = secrets.into_iter().find(|secret| log.contains(secret));
    narrator.claims(
        leaked.is_none(),
        &format!("no password, key, code or recovery code is in any of its {} lines", log.lines().count()),
        format!("{leaked:?} is in\n{log}"),
    );
}

/// The key beside `Key:`, without the spaces between its groups.
fn key_on_screen(terminal: &Terminal) -> String {
    let screen = terminal.screen_text();
    let after = screen.split("Key: ").nth(1).unwrap_or_default();
    let key = after.lines().next().unwrap_or_default().split("   ").next().unwrap_or_default();
    key.split_whitespace().collect()
}

/// Words shaped like a recovery code: four groups of four.
fn recovery_codes(text: &str) -> Vec<String> {
    let is_code = |word: &&str| {
        word.len() == 19
            && word.split('-').count() == 4
            && word
                .chars()
                .all(|letter| letter == '-' || letter.is_ascii_uppercase() || letter.is_ascii_digit())
    };
    text.split_whitespace().filter(is_code).map(str::to_owned).collect()
}

/// The last lines of a screen that are not blank.
fn last_lines(terminal: &Terminal, count: usize) -> String {
    let screen = terminal.screen_text();
    let lines: Vec<&str> = screen.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A screen from the line on that begins with `start`.
fn from_line(screen: &str, start: &str) -> String {
    let from = screen.find(start).unwrap_or(0);
    screen[from..].to_owned()
}
