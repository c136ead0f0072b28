//! What the tests of the check helper share: a host with the helper in its place, callers, and credentials.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use twinlock_tests::system_calls::Call;
use twinlock_tests::{Account, Host, Phone, artefacts, process};
use twinlock_verifier::record::Slots;
use twinlock_verifier::{Algorithm, Authenticator, Credential, Record, RecoverySet, credential};

/// Where the package puts the helper.
pub const HELPER: &str = "/usr/libexec/twinlock/check";
/// Nobody needs a code; who has one may use it.
pub const USER_DRIVEN: &str = "require_mfa = false\n";
/// Everybody needs one.
pub const REQUIRED: &str = "require_mfa = true\n";

/// The built helper: `TWINLOCK_CHECK`, or `release/twinlock-check` in the target folder.
fn built() -> PathBuf {
    let path = match std::env::var_os("TWINLOCK_CHECK") {
        Some(path) => PathBuf::from(path),
        None => artefacts::target_folder().join("release/twinlock-check"),
    };
    assert!(path.is_file(), "{} is missing: run `make build` first, or set TWINLOCK_CHECK", path.display());
    path
}

/// A host with the helper, under this policy.
pub fn host(policy: &str) -> Host {
    let host = Host::new();
    for folder in ["ledger", "credentials", "pending"] {
        let path = Path::new("/var/lib/twinlock").join(folder);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).unwrap();
    }
    DirBuilder::new().recursive(true).mode(0o755).create("/usr/libexec/twinlock").unwrap();
    host.install(&built(), Path::new(HELPER), 0o4755);
    // A sibling test that forks at this moment holds the new file open for writing until it execs.
    let busy = || Command::new(HELPER).stdin(Stdio::null()).stderr(Stdio::null()).status();
    while busy().is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy) {}
    host.policy(policy);
    host
}

/// What the helper said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub word: String,
    pub details: BTreeMap<String, String>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn detail(&self, key: &str) -> &str {
        self.details.get(key).map_or("", String::as_str)
    }

    /// The first word and the reason.
    pub fn verdict(&self) -> String {
        format!("{} {}", self.word, self.detail("reason")).trim_end().to_owned()
    }
}

/// Runs the helper for a user.
pub fn check(caller: &Account, word: &str, input: impl AsRef<[u8]>) -> Said {
    let mut command = caller.command(HELPER);
    command.arg(word);
    run(command, input)
}

/// Runs a command that becomes the helper.
pub fn run(mut command: Command, input: impl AsRef<[u8]>) -> Said {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may have ended before it reads.
    let _ = stdin.write_all(input.as_ref());
    drop(stdin);
    said(child.wait_with_output().unwrap())
}

/// Takes what was said apart.
pub fn said(output: std::process::Output) -> Said {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut lines = stdout.lines();
    let word = lines.next().unwrap_or_default().to_owned();
    let details = lines
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line:?} in {stdout}")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Said { code: output.status.code().unwrap_or(-1), word, details, stdout, stderr }
}

pub fn verify(caller: &Account, answer: &str) -> Said {
    check(caller, "verify", format!("service=swaylock\nanswer={answer}\n"))
}

pub fn status(caller: &Account) -> Said {
    check(caller, "status", "service=swaylock\n")
}

/// A change: the answer, the code that confirms, and the new credential.
pub fn change(caller: &Account, answer: &str, confirm: &str, new: &Credential) -> Said {
    check(caller, "change", change_input(answer, confirm, "", new))
}

pub fn change_input(answer: &str, confirm: &str, base: &str, new: &Credential) -> String {
    let mut input = String::new();
    for (key, value) in [("answer", answer), ("confirm", confirm), ("base", base)] {
        if !value.is_empty() {
            input.push_str(&format!("{key}={value}\n"));
        }
    }
    format!("service=swaylock\n{input}credential\n{}", *new.to_text())
}

/// An authenticator that holds a phone's secret.
pub fn authenticator(id: u32, label: &str, phone: &Phone) -> Authenticator {
    Authenticator {
        id,
        label: label.to_owned(),
        secret: credential::decode_secret(&phone.secret).unwrap(),
        algorithm: Algorithm::Sha1,
        digits: 6,
        period: 30,
        enrolled: 1_764_000_000,
    }
}

/// A credential of these, without recovery codes.
pub fn of(authenticators: &[Authenticator]) -> Credential {
    Credential { authenticators: authenticators.to_vec(), recovery: None }
}

/// Ten recovery codes, told apart by the letter that they are written with, and their set.
pub fn recovery(letters: &str) -> (Vec<String>, RecoverySet) {
    let salt = letters.as_bytes().iter().copied().cycle().take(16).collect::<Vec<u8>>();
    let codes: Vec<[u8; 10]> = letters.bytes().map(|letter| [letter; 10]).collect();
    let text = |code: &[u8; 10]| {
        let bits: String = code.iter().map(|byte| format!("{byte:08b}")).collect();
        let letter = |group: &[u8]| {
            let value = usize::from_str_radix(std::str::from_utf8(group).unwrap(), 2).unwrap();
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value])
        };
        let letters: String = bits.as_bytes().chunks(5).map(letter).collect();
        format!("{}-{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..12], &letters[12..])
    };
    (codes.iter().map(text).collect(), RecoverySet::new(&codes, &salt, 100_000))
}

/// Puts a credential into the user's home, as the user could by hand.
pub fn put(account: &Account, credential: &Credential) {
    account.write(".twinlock/credential.toml", credential.to_text().as_bytes(), 0o600);
}

/// The credential in the user's home.
pub fn stored(account: &Account) -> Credential {
    Credential::parse(account.read(".twinlock/credential.toml").as_bytes()).unwrap()
}

/// A user whose phone is registered, by a first code of the step before now.
pub fn enrolled(host: &Host, name: &str) -> (Account, Phone) {
    let account = host.add_user(name, "secret");
    let phone = Phone::of(&account);
    twinlock_tests::oathtool::with_time_left(8);
    let said = verify(&account, &phone.code_at_step(-1));
    assert_eq!(said.verdict(), "accepted", "{said:?}");
    (account, phone)
}

/// Where the user's record is.
pub fn record_path(account: &Account) -> PathBuf {
    Path::new("/var/lib/twinlock/ledger").join(account.uid.to_string())
}

/// The user's record.
pub fn record(account: &Account) -> Record {
    let slots = Slots::decode(&std::fs::read(record_path(account)).unwrap()).unwrap();
    assert!(slots.whole, "{slots:?}");
    slots.record
}

/// Compiles a C program or library for one test.
pub fn compile(source: &str, output: &str, arguments: &[&str]) {
    let path = format!("{output}.c");
    std::fs::write(&path, source).unwrap();
    process::run(process::command("cc").args(["-O1", "-o", output, &path]).args(arguments)).ok();
}

/// A run of the helper as the user under these arguments of strace, which root has to run: a traced setuid program has
/// no rights. And the trace.
pub fn traced(
    caller: &Account,
    word: &str,
    input: &str,
    arguments: &[String],
) -> (std::process::Output, String) {
    let mut command = strace(caller, word, input, arguments);
    let output =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    (output, std::fs::read_to_string(trace(caller)).unwrap())
}

/// Where strace writes.
pub fn trace(caller: &Account) -> String {
    format!("/tmp/trace-{}", caller.name)
}

/// The command of [`traced`].
pub fn strace(caller: &Account, word: &str, input: &str, arguments: &[String]) -> Command {
    let path = format!("/tmp/input-{}", caller.name);
    std::fs::write(&path, input).unwrap();
    let _ = std::fs::remove_file(trace(caller));
    let mut command = process::command("strace");
    command.args(["-u", &caller.name, "-o", &trace(caller)]).args(arguments);
    command.args([HELPER, word]).stdin(std::fs::File::open(&path).unwrap());
    command
}

/// The system calls of a run, the loader's too.
pub fn calls(caller: &Account, word: &str, input: &str) -> Vec<Call> {
    let (_, trace) = traced(caller, word, input, &[]);
    // strace itself execs it, and cannot yet be heard.
    Call::all(&trace).into_iter().filter(|call| call.name != "execve").collect()
}

/// Puts record and credential of the user back to how they were.
pub fn restore(caller: &Account, record: &[u8], credential: &str) {
    let _ = std::fs::remove_file(record_path(caller));
    std::fs::write(record_path(caller), record).unwrap();
    std::fs::set_permissions(record_path(caller), std::fs::Permissions::from_mode(0o600)).unwrap();
    caller.write(".twinlock/credential.toml", credential, 0o600);
}
