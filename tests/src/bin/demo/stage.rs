//! What the demo plays on: a host with one user, sshd, and the ways in. Everything that happens on it is shown.

use std::cell::Cell;
use std::time::{Duration, Instant};

use twinlock_tests::process::{self, Finished};
use twinlock_tests::{Account, Host, JournalLine, Sshd, Terminal};

use crate::narrator::{COLUMNS, Narrator, wrapped};

/// sshd's PAM stack: the password, then our two lines.
const SSHD: &str = "\
auth     required pam_unix.so
auth     required pam_twinlock.so account_phase
account  required pam_twinlock.so
account  required pam_unix.so
session  required pam_permit.so
";
/// The policy as the package installs it.
const PACKAGED_POLICY: &str = include_str!("../../../../packaging/policy.toml");
/// Where the policy is.
pub const POLICY: &str = "/etc/twinlock/policy.toml";
/// Root's prompt on the host.
const ROOT: &str = "root@erp-t01#";
/// What the shell of a login prints when it waits.
pub const SHELL: &str = "\n$ ";

/// The host, and who lives there.
#[derive(Debug)]
pub struct Stage<'a> {
    pub narrator: &'a Narrator,
    /// Ends before its host does.
    pub sshd: Sshd,
    pub host: Host,
    pub maria: Account,
    /// Lines of the log that were told already.
    told: Cell<usize>,
}

impl<'a> Stage<'a> {
    /// A host with the module, the command, the packaged policy, sshd and the user maria.
    pub fn new(narrator: &'a Narrator) -> Self {
        let host = Host::new();
        host.install_twinlock();
        host.policy(PACKAGED_POLICY);
        edit_policy("# issuer = ", "issuer = ");
        edit_policy("# help = ", "help = ");
        host.pam_service("sshd", SSHD);
        let maria = host.add_user("maria", "correct horse");
        let sshd = Sshd::start(&host, "");
        Self { narrator, sshd, host, maria, told: Cell::default() }
    }

    /// maria's ssh client, in a window of [`COLUMNS`] and so many rows.
    pub fn ssh(&self, rows: u16) -> Terminal {
        self.narrator.types("maria@desk$", &format!("ssh -p {} maria@127.0.0.1", self.sshd.port()));
        Terminal::new(&self.host).size(COLUMNS, rows).ssh(&self.sshd, &self.maria.name, &[])
    }

    /// The same, with the right password typed.
    pub fn ssh_with_password(&self, rows: u16) -> Terminal {
        let mut terminal = self.ssh(rows);
        terminal.expect("Password:");
        terminal.send_line(&self.maria.password);
        terminal
    }

    /// Claims that a shell of maria's is there; returns when it waits for a command.
    pub fn claims_shell(&self, terminal: &mut Terminal, claim: &str) {
        expect_shell(terminal);
        terminal.send_line("id -un");
        let name = expect_shell(terminal);
        self.narrator.shows(&terminal.screen_text());
        self.narrator.claims(name.lines().any(|line| line.trim() == "maria"), claim, name);
    }

    /// Leaves the shell.
    pub fn logs_out(&self, mut terminal: Terminal) {
        terminal.send_line("exit");
        let status = terminal.wait();
        assert!(status.success(), "the ssh client ended with {status}\n{terminal:?}");
    }

    /// A command of root's on the host: shown, with what it printed.
    pub fn root(&self, command: &str) -> Finished {
        self.narrator.types(ROOT, command);
        let finished = process::run(process::command("sh").args(["-c", command]));
        let printed = format!("{}{}", finished.stdout, finished.stderr);
        if !printed.is_empty() {
            self.narrator.shows(&printed);
        }
        finished
    }

    /// Shows what the log says since it was asked last, once a line with all of `parts` is there.
    pub fn log(&self, parts: &[&str]) {
        let told = self.told.get();
        let matches = |line: &JournalLine| parts.iter().all(|part| line.message.contains(part));
        let deadline = Instant::now() + twinlock_tests::PATIENCE;
        let new = loop {
            let new = self.host.journal().lines().split_off(told);
            if new.iter().any(matches) {
                break new;
            }
            let text = self.host.journal().text();
            assert!(Instant::now() < deadline, "the log has no line with {parts:?}:\n{text}");
            std::thread::sleep(Duration::from_millis(5));
        };
        self.told.set(told + new.len());
        self.narrator.says("In the log:");
        let ours = new.iter().filter(|line| {
            line.message.contains("pam_twinlock(") || line.message.contains("authentication failure")
        });
        let rows: Vec<String> = ours.map(|line| wrapped(&line.message, 74).join("\n   ")).collect();
        self.narrator.shows(&rows.join("\n"));
        self.narrator.claims(true, &format!("the log has a line with {}", parts.join(", ")), "");
    }
}

/// Waits for the shell's prompt; returns what came before it.
pub fn expect_shell(terminal: &mut Terminal) -> String {
    terminal.expect(SHELL)
}

/// Replaces a text of the policy, which must be there once.
fn edit_policy(old: &str, new: &str) {
    let text = std::fs::read_to_string(POLICY).expect("the policy");
    assert_eq!(text.matches(old).count(), 1, "the policy has {old:?} once:\n{text}");
    std::fs::write(POLICY, text.replace(old, new)).expect("the policy");
}
