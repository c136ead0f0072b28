//! The host on which everything is measured: one user, set up with each module by that module's own means, who has
//! logged in with each once. The state that a login changes is kept, to be brought back before each measured one.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use twinlock_tests::{Account, Host, PamClient, oathtool, pam, process, witness};

use crate::client::{Client, Waits};
use crate::contestant::Contestant;
use crate::policies;

/// The service of the empty login that all others are compared with.
pub const PERMIT: &str = "bench-permit";
/// The secret in pam_oath's file, as it wants it and as oathtool does.
const OATH_SECRET: (&str, &str) =
    ("3132333435363738393031323334353637383930", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
/// Users of a crowd.
pub const CROWD: usize = 64;

/// Where homes, ledger and usersfile are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// tmpfs.
    Memory,
    /// The disk of the target folder.
    Disk,
}

/// The host.
#[derive(Debug)]
pub struct Stage {
    /// The host itself.
    pub host: Host,
    /// The user.
    pub maria: Account,
    /// A user who has nothing.
    pub newcomer: Account,
    /// Recovery codes of the user, ours and google-authenticator's.
    recovery_codes: [String; 2],
    secrets: [String; 3],
}

/// A file that a login changes, and a copy of what it was before.
#[derive(Clone, Debug)]
pub struct State {
    /// The file.
    pub live: PathBuf,
    /// The copy.
    pub saved: PathBuf,
}

/// A login to be measured.
#[derive(Clone, Debug)]
pub struct Login {
    /// PAM service.
    pub service: String,
    /// User.
    pub user: String,
    /// `auth`, or `auth,account`.
    pub hooks: &'static str,
    /// The answer to the prompt.
    pub answer: String,
    /// What to bring back before.
    pub state: Option<State>,
    /// What libpam returns in the end.
    pub expected: i32,
}

impl Stage {
    /// A host with everything in its place and the policy without rules.
    pub fn new(client: &Client, storage: Storage) -> Self {
        let host = Host::new();
        host.install_twinlock();
        for path in ["/home", "/etc/twinlock", "/etc/oath", "/var/lib/twinlock"] {
            place(&host, storage, path);
        }
        for folder in ["ledger", "credentials", "pending"] {
            let path = Path::new("/var/lib/twinlock").join(folder);
            DirBuilder::new().mode(0o700).create(path).expect("a folder of the state");
        }
        services(&host);
        let maria = host.add_user("maria", "correct horse");
        let newcomer = host.add_user("newcomer", "battery staple");
        // NSS reads up to the group that it looks for.
        host.add_group(policies::GROUP, &["maria"]);
        for group in policies::groups().filter(|group| group != policies::GROUP) {
            host.add_group(&group, &[]);
        }
        let (our_secret, our_code) = enrol_ours(&host);
        let (google_secret, google_code) = enrol_google(&maria);
        host.write(oath_file("maria"), &oath_line("maria"), 0o600);
        host.policy(policies::PLAIN);
        let stage = Self {
            host,
            maria,
            newcomer,
            recovery_codes: [our_code, google_code],
            secrets: [our_secret, google_secret, OATH_SECRET.1.to_owned()],
        };
        DirBuilder::new().mode(0o700).create("/run/bench").expect("a folder");
        for contestant in Contestant::ALL {
            stage.log_in_once(client, contestant);
        }
        stage
    }

    /// The user's code of now, or of so many steps later.
    pub fn code(&self, contestant: Contestant, steps: i64) -> String {
        oathtool::code_at_step(self.secret(contestant), steps)
    }

    fn secret(&self, contestant: Contestant) -> &str {
        &self.secrets[contestant as usize]
    }

    /// A login that nothing asks anything.
    pub fn permitted(&self) -> Login {
        Login {
            service: PERMIT.to_owned(),
            user: self.maria.name.clone(),
            hooks: "auth",
            answer: String::new(),
            state: None,
            expected: pam::SUCCESS,
        }
    }

    /// The user with the right code.
    pub fn right_code(&self, contestant: Contestant) -> Login {
        Login {
            service: contestant.service().to_owned(),
            answer: self.code(contestant, 0),
            state: Some(self.state(contestant)),
            ..self.permitted()
        }
    }

    /// The user with a wrong code.
    pub fn wrong_code(&self, contestant: Contestant) -> Login {
        let answer = oathtool::wrong_code(self.secret(contestant));
        Login { answer, expected: pam::AUTH_ERR, ..self.right_code(contestant) }
    }

    /// The user with a recovery code; pam_oath has none.
    pub fn recovery_code(&self, contestant: Contestant) -> Option<Login> {
        let answer = self.recovery_codes.get(contestant as usize)?.clone();
        Some(Login { answer, ..self.right_code(contestant) })
    }

    /// A user who has nothing and of whom nothing is wanted; pam_oath knows no such user.
    pub fn not_asked(&self, contestant: Contestant) -> Option<Login> {
        let user = self.newcomer.name.clone();
        let known = contestant != Contestant::Oath;
        known.then(|| Login { user, answer: String::new(), state: None, ..self.right_code(contestant) })
    }

    /// The file of this module that a login of the user changes.
    fn state(&self, contestant: Contestant) -> State {
        let live = live(contestant, &self.maria);
        State { live, saved: Path::new("/run/bench").join(contestant.name()) }
    }

    /// The user's first login with a code of before; what it leaves is what every measured login begins with.
    fn log_in_once(&self, client: &Client, contestant: Contestant) {
        let answer = self.code(contestant, -1);
        if contestant != Contestant::Twinlock {
            // With ours the enrolment took that code.
            client.once(&[], &Login { answer, state: None, ..self.right_code(contestant) });
        }
        let state = self.state(contestant);
        std::fs::copy(&state.live, &state.saved).expect("a copy of the state");
    }

    /// Adds as many users as a crowd has, each set up and logged in once as the user is; returns their names and files.
    pub fn add_crowd(&self, client: &Client, contestant: Contestant) -> (Vec<String>, Vec<PathBuf>) {
        let accounts: Vec<Account> = (0..CROWD)
            .map(|number| self.host.add_user(&format!("{}{number:02}", contestant.name()), "correct horse"))
            .collect();
        let names: Vec<String> = accounts.iter().map(|account| account.name.clone()).collect();
        match contestant {
            Contestant::Twinlock => {
                let text = self.maria.read(".twinlock/credential.toml");
                for account in &accounts {
                    account.write(".twinlock/credential.toml", &text, 0o600);
                }
            }
            Contestant::Google => {
                let text = std::fs::read(self.state(contestant).saved).expect("google-authenticator's file");
                for account in &accounts {
                    account.write(".google_authenticator", &text, 0o400);
                }
            }
            Contestant::Oath => {
                for name in &names {
                    self.host.write(oath_file(name), &oath_line(name), 0o600);
                }
            }
        }
        if contestant != Contestant::Google {
            let code = self.code(contestant, -1);
            let first = client.crowd(Waits::AtStart, contestant.service(), &code, &names);
            assert_eq!(first.successes as usize, CROWD, "first logins with {contestant:?}");
        }
        let files = accounts.iter().map(|account| live(contestant, account)).collect();
        (names, files)
    }
}

impl Login {
    /// Brings the state back.
    pub fn restore(&self) {
        if let Some(state) = &self.state {
            write_in_place(&state.live, &std::fs::read(&state.saved).expect("the saved state"));
        }
    }
}

/// Writes over a file, which keeps its owner, and makes it durable.
pub fn write_in_place(path: &Path, content: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).expect("a file of the state");
    file.write_all(content).expect("the state");
    file.set_len(content.len() as u64).and_then(|()| file.sync_all()).expect("the state");
}

fn live(contestant: Contestant, account: &Account) -> PathBuf {
    match contestant {
        Contestant::Twinlock => witness::record_path(account).into(),
        Contestant::Google => account.path(".google_authenticator"),
        Contestant::Oath => oath_file(&account.name),
    }
}

fn place(host: &Host, storage: Storage, path: &str) {
    match storage {
        Storage::Disk => host.on_disk(path),
        Storage::Memory => {
            DirBuilder::new().recursive(true).mode(0o755).create(path).expect("mkdir");
            process::run(process::command("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs", path]))
                .ok();
        }
    }
}

/// Each stack has a first factor that asks nothing, and the module behind it.
fn services(host: &Host) {
    let permit = "auth required pam_permit.so\naccount required pam_permit.so\n";
    host.pam_service(PERMIT, permit);
    // libpam loads what this one names into every login; the distribution's names a dozen modules.
    host.pam_service("other", "auth required pam_deny.so\naccount required pam_deny.so\n");
    for contestant in Contestant::ALL {
        let line = format!("auth required {} {}\n", contestant.file(), contestant.words());
        let account = match contestant {
            Contestant::Twinlock => "account required pam_twinlock.so\n",
            _ => "",
        };
        host.pam_service(contestant.service(), &format!("{permit}{line}{account}"));
    }
}

/// By the account hook, as a first login does; returns the secret and a recovery code.
fn enrol_ours(host: &Host) -> (String, String) {
    host.policy(&format!("{}enroll_at = [\"{}\"]\n", policies::PLAIN, Contestant::Twinlock.service()));
    let client = PamClient::new(host, Contestant::Twinlock.service()).user("maria").rhost("192.0.2.7");
    let (phone, codes) = witness::enrol(&client);
    (phone.secret, codes.first().expect("a recovery code").clone())
}

/// By google-authenticator, with its defaults but for reuse, which is forbidden, and a limit of attempts, which would
/// stop the measuring; returns the secret and an emergency code.
fn enrol_google(account: &Account) -> (String, String) {
    let words = ["--time-based", "--disallow-reuse", "--force", "--no-rate-limit", "--no-confirm", "--quiet"];
    process::run(account.command("google-authenticator").args(words).arg("--minimal-window")).ok();
    let file = account.read(".google_authenticator");
    let secret = file.lines().next().expect("a secret").to_owned();
    let code = file.lines().rfind(|line| !line.starts_with('"')).expect("an emergency code").to_owned();
    (secret, code)
}

/// A file for each user: with one for all, logins at the same time fail for want of its lock.
fn oath_file(user: &str) -> PathBuf {
    Path::new("/etc/oath").join(user)
}

fn oath_line(user: &str) -> String {
    format!("HOTP/T30/6\t{user}\t-\t{}\n", OATH_SECRET.0)
}
