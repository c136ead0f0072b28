//! What several files of tests need to look closer at a module: its own return codes where the stack hides them, a first
//! login told to its end, the record that is left, and the count of faults that were made to happen.

use std::path::Path;

use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

use crate::account::Account;
use crate::artefacts;
use crate::host::{Host, pam_folder};
use crate::pam_client::PamClient;
use crate::phone::Phone;

impl Host {
    /// Writes a service whose four stacks call the module through `pam_stage.so`, so that
    /// [`Outcome::module_code`](crate::Outcome::module_code) is what the module itself returned. `auth` and `account` are
    /// the words behind its name there.
    pub fn witnessed_service(&self, name: &str, auth: &str, account: &str) {
        let line = |kind: &str, words: &str| {
            format!("{kind} required pam_stage.so call={}/pam_twinlock.so {words}\n", pam_folder().display())
        };
        let stack = [("auth", auth), ("account", account), ("session", ""), ("password", "")];
        self.pam_service(name, &stack.map(|(kind, words)| line(kind, words)).concat());
    }
}

/// Enrols a user who is not enrolled yet at the client's service, by the text key; returns the app and the recovery codes.
/// The code of the step before now is used up by it.
pub fn enrol(client: &PamClient) -> (Phone, Vec<String>) {
    let mut login = client.clone().chain("authenticate,acct_mgmt").keep_going().start();
    let shown = login.expect_prompt("Key: ").text;
    let phone = Phone::with_key(key_in(&shown));
    login.answer(&phone.code_at_step(-1));
    let codes = login.expect_prompt("Press Enter").text;
    login.answer("");
    login.finish();
    let is_code = |word: &&str| word.len() == 19 && word.split('-').count() == 4;
    (phone, codes.split_whitespace().filter(is_code).map(str::to_owned).collect())
}

/// The key in an enrolment prompt.
pub fn key_in(prompt: &str) -> &str {
    let after = prompt.split_once("Key: ").expect("a key").1;
    after.split("   ").next().and_then(|key| key.lines().next()).expect("a key")
}

/// The path of a user's record.
pub fn record_path(account: &Account) -> String {
    format!("/var/lib/twinlock/ledger/{}", account.uid)
}

/// Whether the ledger knows nothing of anybody: no record, or the empty one that an enrolment makes for its lock.
///
/// # Panics
/// When a record cannot be read.
pub fn nothing_is_recorded() -> bool {
    std::fs::read_dir("/var/lib/twinlock/ledger").expect("the ledger").all(|entry| {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a record");
        let record = Slots::decode(&bytes).expect("a whole record").record;
        record == Record::new(&record.user)
    })
}

/// Writes down how many faults a test made to happen, for `tests/run` to add up. After the test's host is gone: the
/// target folder may be one that it covers.
pub fn count_faults(test: &str, faults: usize) {
    count("faults", test, faults);
}

/// The same for what has another name: `kills`, `races`, `surroundings`.
pub fn count(what: &str, test: &str, number: usize) {
    let folder = artefacts::target_folder().join("fault-counts");
    std::fs::create_dir_all(&folder).expect("a folder in the target folder");
    std::fs::write(Path::new(&folder).join(format!("{test}.txt")), format!("{number} {what} {test}\n"))
        .expect("a count");
    eprintln!("{number} {what} by {test}");
}
