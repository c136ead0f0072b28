//! Somebody who wants in, what happens to them, and a talk at a terminal. What the talk finds is what the program did:
//! nothing here knows what ought to happen.

use std::time::Duration;

use twinlock_tests::{Account, Host, Phone, Terminal};

/// What a program prints when somebody is in; a command puts it together, so that no echo looks like it.
pub const IN: &str = "in> ";
/// The command that prints it.
pub const SAY_IN: &str = "printf 'in%s ' '>'";

/// The password, then our lines, as a package or `twinlock setup` leaves them.
pub const STACK: &str = "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
     account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// What a way in does, in the words of the administrator's guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Behind the first factor a wrong code was refused, and the right one let in.
    Code,
    /// Behind the first factor came a key and recovery codes, and the person was in.
    SetsUp,
    /// The first factor was enough.
    FirstFactor,
    /// It ran, and asked nothing.
    Runs,
    /// Nothing let in.
    Refused,
}

impl Cell {
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::SetsUp => "sets up",
            Self::FirstFactor => "first factor",
            Self::Runs => "runs",
            Self::Refused => "refused",
        }
    }
}

/// Somebody, with a phone or without.
#[derive(Debug)]
pub struct Person {
    pub account: Account,
    pub phone: Option<Phone>,
}

impl Person {
    /// Maria on a host, whose shell says when she is in; and otto, who has nothing to do with it.
    pub fn on(host: &Host, enrolled: bool) -> Self {
        let account = host.add_user("maria", "correct horse");
        account.write(".profile", format!("PS1='{IN}'\n"), 0o600);
        host.add_user("otto", "other");
        let phone = enrolled.then(|| Phone::of(&account));
        Self { account, phone }
    }

    /// Her phone; whoever asks for a code asks somebody who has one.
    pub fn phone(&self) -> &Phone {
        self.phone.as_ref().expect("a code is asked of somebody who has no phone")
    }

    /// Answers what a program asks until she is in or it gives up: the password, each time it is asked for; first a wrong
    /// code and then the right one; and an enrolment.
    pub fn talks_to(&self, terminal: &mut Terminal) -> Cell {
        self.talks_slowly_to(terminal, Duration::ZERO)
    }

    /// The same, with a pause before each answer: some programs throw away what is typed just when they ask.
    pub fn talks_slowly_to(&self, terminal: &mut Terminal, pause: Duration) -> Cell {
        let mut enrolled = false;
        let mut codes = 0;
        let mut passwords = 0;
        loop {
            // A locker that takes root's password as well has refused hers.
            let asked = ["assword: ", "assword for maria: ", "Verification code: ", IN, "root's Password"];
            let Some((which, before)) = terminal.expect_any_or_end(&asked) else { return Cell::Refused };
            std::thread::sleep(pause);
            match which {
                0 | 1 if passwords == 4 => return Cell::Refused,
                0 | 1 => {
                    passwords += 1;
                    terminal.send_line(&self.account.password);
                }
                2 if before.contains("Key: ") => {
                    let key = before.rsplit("Key: ").next().and_then(|after| after.split("   ").next());
                    terminal.send_line(&Phone::with_key(key.expect("a key")).code());
                    terminal.expect("Press Enter");
                    terminal.send_line("");
                    enrolled = true;
                }
                2 => {
                    let code = [self.phone().wrong_code(), self.phone().code()].into_iter().nth(codes);
                    terminal.send_line(
                        &code.unwrap_or_else(|| panic!("the right code is refused\n{terminal:?}")),
                    );
                    codes += 1;
                }
                4 => return Cell::Refused,
                _ if enrolled => return Cell::SetsUp,
                _ if codes == 2 => return Cell::Code,
                _ => {
                    assert_eq!(codes, 0, "a wrong code let in\n{terminal:?}");
                    return Cell::FirstFactor;
                }
            }
        }
    }
}
