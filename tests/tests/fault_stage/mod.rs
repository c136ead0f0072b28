//! What tests share that disturb a login at each of its system calls: one user, a login whose every step is the same each
//! time, and the user's files as they were.
#![allow(dead_code, reason = "each test program uses its part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::system_calls::Call;
use twinlock_tests::witness::{key_in, record_path};
use twinlock_tests::{
    Account, Dialogue, Host, MessageKind, Outcome, PamClient, Phone, oathtool, pam, pam_folder,
};
use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

/// Every login begins at this very time, 00:00:10 on 2030-01-01, so that codes and steps are the same in all of them.
pub const NOW: u64 = 1_893_456_010;
/// Two minutes later, when a code works again after whatever was damaged was repaired.
pub const LATER: u64 = NOW + 120;
pub const CREDENTIAL: &str = ".twinlock/credential.toml";
const UNDER: [&str; 3] = ["strace", "-o", "/tmp/trace"];

pub struct Stage {
    pub host: Host,
    pub maria: Account,
}

impl Stage {
    pub fn new() -> Self {
        let host = Host::that_requires_codes();
        // A first factor that passed: alone in its stack our PAM_IGNORE would be a refusal. And nothing but files, as a
        // second source of names would answer in the place of one that fails.
        let module = format!("required pam_stage.so call={}/pam_twinlock.so", pam_folder().display());
        host.pam_service(
            "till",
            &format!("auth required pam_permit.so\nauth {module} account_phase\naccount {module}\n"),
        );
        host.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n", 0o644);
        let maria = host.add_user("maria", "secret");
        Self { host, maria }
    }

    /// With groups that a login has to put off and take back.
    pub fn client(&self) -> PamClient {
        let client = PamClient::new(&self.host, "till").user("maria").rhost("192.0.2.7").groups("4,27");
        client.clock("@2030-01-01 00:00:10")
    }

    pub fn client_later(&self) -> PamClient {
        self.client().clock("@2030-01-01 00:02:10")
    }

    /// Brings everything of the user's back to this record and credential.
    pub fn restore(&self, record: Option<&[u8]>, credential: Option<&str>) {
        for folder in ["ledger", "pending", "credentials"] {
            for file in std::fs::read_dir(format!("/var/lib/twinlock/{folder}")).unwrap() {
                std::fs::remove_file(file.unwrap().path()).unwrap();
            }
        }
        let _ = std::fs::remove_dir_all(self.maria.path(".twinlock"));
        if let Some(record) = record {
            self.host.write(record_path(&self.maria), "", 0o600);
            std::fs::write(record_path(&self.maria), record).unwrap();
        }
        if let Some(text) = credential {
            self.maria.write(CREDENTIAL, text, 0o600);
        }
    }

    /// The system calls of the hook of this number (0: authenticate, 1: acct_mgmt) of a login.
    pub fn calls(&self, hook: usize, login: impl FnOnce(Dialogue) -> Outcome) -> Vec<Call> {
        login(self.client().under(&UNDER).start());
        Call::of_hook(&std::fs::read_to_string("/tmp/trace").unwrap(), hook)
    }

    /// A login under these arguments of strace, and the trace.
    pub fn disturbed(&self, strace: &[String], login: impl FnOnce(Dialogue) -> Outcome) -> (Outcome, String) {
        let under: Vec<&str> = UNDER.into_iter().chain(strace.iter().map(String::as_str)).collect();
        let outcome = login(self.client().under(&under).start());
        (outcome, std::fs::read_to_string("/tmp/trace").unwrap())
    }

    /// The record, if there is one. It is whole: a kill is no torn write, and neither is an error.
    pub fn record(&self, at: &str) -> Option<Record> {
        let bytes = std::fs::read(record_path(&self.maria)).ok()?;
        let slots = Slots::decode(&bytes).unwrap_or_else(|damage| panic!("{at}: {damage}"));
        assert!(slots.whole, "{at}: one slot is damaged");
        Some(slots.record)
    }

    /// A record that knows the phone, by a login one step before now.
    pub fn registered(&self, phone: &Phone) -> Vec<u8> {
        self.restore(None, Some(&phone.credential()));
        let outcome = answering(&[&oathtool::code(&phone.secret, NOW - 30)])(self.client().start());
        assert_eq!(outcome.module_code("authenticate"), pam::SUCCESS);
        std::fs::read(record_path(&self.maria)).unwrap()
    }
}

/// A login that gives these answers as far as it is asked for them, and comes to whatever end.
pub fn answering<'a>(answers: &'a [&'a str]) -> impl FnOnce(Dialogue) -> Outcome + 'a {
    move |mut login| {
        let mut answers = answers.iter();
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                match answers.next() {
                    Some(answer) => drop(login.answer_if_there(answer)),
                    None => drop(login.answer_null_if_there()),
                }
            }
        }
        login.finish()
    }
}

/// A code that the phone shows at no time near now.
pub fn wrong_code(phone: &Phone) -> String {
    let near = oathtool::code_with(&phone.secret, NOW - 300, &["--window=20"]);
    (0..).map(|code| format!("{code:06}")).find(|code| !near.contains(code)).unwrap()
}

/// The key in the last enrolment prompt of a login.
pub fn key(outcome: &Outcome) -> Option<Phone> {
    let prompt = outcome.messages.iter().rfind(|message| message.text.contains("Key: "))?;
    Some(Phone::with_key(key_in(&prompt.text)))
}

/// Enrols with whatever key is shown.
pub fn enrolling(confirm_at: u64) -> impl FnOnce(Dialogue) -> Outcome {
    with_phone(None, confirm_at)
}

/// Whoever has this phone already, or enrols with whatever key is shown: answers with the phone's code of this time.
pub fn with_phone(mut phone: Option<Phone>, time: u64) -> impl FnOnce(Dialogue) -> Outcome {
    move |mut login| {
        while let Some(message) = login.next_message() {
            if message.text.contains("Key: ") {
                phone = Some(Phone::with_key(key_in(&message.text)));
            }
            let is_code = !message.text.contains("Press Enter");
            match (&phone, message.kind) {
                (Some(phone), MessageKind::PromptShown | MessageKind::PromptHidden) if is_code => {
                    login.answer_if_there(&oathtool::code(&phone.secret, time));
                }
                (_, kind) if kind.is_prompt() => drop(login.answer_if_there("")),
                _ => {}
            }
        }
        login.finish()
    }
}
