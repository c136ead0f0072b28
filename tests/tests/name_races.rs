//! A user swaps their credential, its folder and their home for links, FIFOs and folders while they log in: nothing but
//! their own file is ever read, nothing hangs, no wrong code gets in and no code twice. `make test-faults` runs these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use twinlock_tests::process::{command, run};
use twinlock_tests::system_calls::is_short;
use twinlock_tests::witness::{count, record_path};
use twinlock_tests::{Account, Host, PamClient, Phone, artefacts, oathtool, pam, pam_folder};

/// What stands in the place of a name for moments.
enum Instead {
    Link(&'static str),
    Fifo,
    Folder,
    File,
}

/// A swapper under way, as the user.
struct Swapper(Child);

impl Swapper {
    fn start(account: &Account, name: &Path, instead: &[Instead]) -> Self {
        let mut swapper = account.command("/srv/swapper");
        swapper.arg(name);
        for (number, one) in instead.iter().enumerate() {
            let path = PathBuf::from(format!("{}.{number}", name.display()));
            let path = path.to_str().unwrap();
            let made = match one {
                Instead::Link(target) => run(account.command("ln").args(["-s", target, path])),
                Instead::Fifo => run(account.command("mkfifo").arg(path)),
                Instead::Folder => run(account.command("mkdir").arg(path)),
                Instead::File => run(account.command("cp").args(["/etc/hostname", path])),
            };
            made.ok();
            swapper.arg(path);
        }
        Self(swapper.stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Ends it; how often it swapped.
    fn end(mut self) -> usize {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM).unwrap();
        let mut said = String::new();
        self.0.stdout.as_mut().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success(), "the swapper could not swap");
        said.trim().parse().unwrap()
    }
}

/// A code that is asked for once per step.
struct Codes<'a> {
    phone: &'a Phone,
    known: (u64, String),
}

impl<'a> Codes<'a> {
    fn of(phone: &'a Phone) -> Self {
        Self { phone, known: (0, String::new()) }
    }

    fn now(&mut self) -> String {
        let step = oathtool::now() / oathtool::PERIOD;
        if self.known.0 != step {
            self.known = (step, oathtool::code(&self.phone.secret, step * oathtool::PERIOD));
        }
        self.known.1.clone()
    }
}

/// What became of the logins of a scene.
#[derive(Debug, Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    unavailable: usize,
    swaps: usize,
}

/// Logs a user in again and again while `name` is swapped; in turn with the right code, the same code again, a wrong one,
/// and a right one of the other user, whose files the links lead to.
fn logins(is_registered: bool, home: &Path, name: &str, instead: &[Instead], times: usize) -> Seen {
    let host = Host::that_requires_codes();
    host.policy("require_mfa = true\nattempts = 1\n");
    host.pam_service(
        "till",
        &format!(
            "auth required pam_permit.so\nauth required pam_stage.so call={}/pam_twinlock.so\n",
            pam_folder().display()
        ),
    );
    std::fs::copy(artefacts::swapper(), "/srv/swapper").unwrap();
    // The folder above the home is the user's own, so that the home can be swapped as well.
    let maria = host.add_user_without_home("maria", "secret", home);
    run(command("install")
        .args(["-d", "-o", "maria", "-g", "maria", "-m", "0700"])
        .args(home.ancestors().take(2)))
    .ok();
    let otto = host.add_user("otto", "a password of otto's");
    let (phone, others) = (Phone::of(&maria), Phone::of(&otto));
    let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7").chain("authenticate");
    let mut login = client.start();
    login.expect_prompt("Verification code: ");
    login.answer(&phone.code_at_step(-4));
    login.finish();
    if is_registered {
        let mut login = client.start();
        login.expect_prompt("Verification code: ");
        login.answer(&phone.code_at_step(-1));
        assert_eq!(login.finish().module_code("authenticate"), pam::SUCCESS);
    }
    let known = is_registered.then(|| std::fs::read(record_path(&maria)).unwrap());
    let restore = || match &known {
        // Renamed into its place: the record is always whole.
        Some(bytes) => {
            host.write("/var/lib/twinlock/ledger/restored", "", 0o600);
            std::fs::write("/var/lib/twinlock/ledger/restored", bytes).unwrap();
            std::fs::rename("/var/lib/twinlock/ledger/restored", record_path(&maria)).unwrap();
        }
        None => drop(std::fs::remove_file(record_path(&maria))),
    };
    let wrong = phone.wrong_code();
    let (mut codes, mut others_codes) = (Codes::of(&phone), Codes::of(&others));
    let mut seen = Seen::default();
    host.journal().clear();

    let name = if name.is_empty() { home.to_owned() } else { home.join(name) };
    let swapper = Swapper::start(&maria, &name, instead);
    let client = client.chain("authenticate,hold").keep_going();
    let mut login = client.repeat(u32::try_from(times).unwrap()).start();
    let mut accepted = None;
    for number in 0..times {
        let answer = match number % 4 {
            0 => {
                restore();
                accepted = None;
                codes.now()
            }
            1 => accepted.clone().unwrap_or_else(|| wrong.clone()),
            2 => wrong.clone(),
            _ => others_codes.now(),
        };
        login.answer_until_held(|login, _| login.answer(&answer));
        let outcome = login.so_far();
        let hook = outcome.hooks.last().unwrap();
        assert_eq!(hook.state, "same", "login {number}");
        match outcome.witnessed.last().unwrap().1 {
            pam::SUCCESS => {
                assert_eq!(number % 4, 0, "login {number}: {answer} is let in\n{}", host.journal().text());
                accepted = Some(answer);
                seen.accepted += 1;
            }
            pam::AUTH_ERR => seen.refused += 1,
            pam::AUTHINFO_UNAVAIL => seen.unavailable += 1,
            other => panic!("login {number}: {other}\n{}", host.journal().text()),
        }
        login.release();
    }
    let outcome = login.finish();
    seen.swaps = swapper.end();
    // Nothing of what the links lead to was said or logged.
    host.journal().catch_up();
    let told = outcome.said() + &host.journal().text() + &outcome.stray;
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap();
    let hashes = shadow.lines().filter_map(|line| line.split(':').nth(1)).filter(|hash| hash.len() > 8);
    for secret in hashes.chain([others.secret.as_str(), phone.secret.as_str()]) {
        assert!(!told.contains(secret), "something of another file was told");
    }
    seen
}

/// How many logins in each scene.
fn times() -> usize {
    if is_short() { 200 } else { 1_700 }
}

fn play(test: &str, home: &str, name: &str, instead: &[Instead]) {
    let mut all = 0;
    for is_registered in [true, false] {
        let seen = logins(is_registered, Path::new(home), name, instead, times());
        eprintln!("{test}, registered {is_registered}: {seen:?}");
        // Both sides of the race were met.
        assert!(seen.accepted > 0 && seen.unavailable + seen.refused > seen.accepted, "{seen:?}");
        assert!(seen.swaps > times(), "{seen:?}");
        all += times();
    }
    count("races", test, all);
}

#[test]
#[ignore = "make test-faults runs it"]
fn a_credential_that_is_swapped_during_logins_leads_nowhere() {
    play(
        "a_credential_that_is_swapped_during_logins_leads_nowhere",
        "/home/floor/maria",
        ".twinlock/credential.toml",
        &[
            Instead::Link("/home/otto/.twinlock/credential.toml"),
            Instead::Link("/etc/shadow"),
            Instead::Link("/dev/zero"),
            Instead::Fifo,
            Instead::Folder,
            Instead::File,
        ],
    );
}

#[test]
#[ignore = "make test-faults runs it"]
fn a_folder_of_the_credential_that_is_swapped_during_logins_leads_nowhere() {
    play(
        "a_folder_of_the_credential_that_is_swapped_during_logins_leads_nowhere",
        "/home/floor/maria",
        ".twinlock",
        &[
            Instead::Link("/home/otto/.twinlock"),
            Instead::Link("/etc"),
            Instead::Fifo,
            Instead::Folder,
            Instead::File,
        ],
    );
}

#[test]
#[ignore = "make test-faults runs it"]
fn a_home_that_is_swapped_during_logins_leads_nowhere() {
    play(
        "a_home_that_is_swapped_during_logins_leads_nowhere",
        "/home/floor/maria",
        "",
        &[Instead::Link("/home/otto"), Instead::Link("/"), Instead::Fifo, Instead::Folder, Instead::File],
    );
}
