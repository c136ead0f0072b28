//! Everything that changes one user, all at once; and a thousand users, all at once. Whatever the order was: the record is
//! whole, credential and ledger agree, no code was accepted twice, and everybody gets what is theirs. `make test-faults`
//! runs these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fault_stage;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fault_stage::answering;
use twinlock_tests::process::{Finished, command, run};
use twinlock_tests::system_calls::is_short;
use twinlock_tests::witness::{count, key_in, record_path};
use twinlock_tests::{Account, Dialogue, Host, MessageKind, PamClient, Phone, oathtool, pam};
use twinlock_verifier::record::Slots;

/// Who changes the user, and how often they could.
const ACTORS: [&str; 5] = ["login", "login from elsewhere", "enrolment", "import", "reset"];

/// How long a round lasts, and for how long at its beginning nobody but users does anything.
const ROUND: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_secs(2);

/// What the actors of one round share.
struct Scene {
    maria: Account,
    client: PamClient,
    ended: AtomicBool,
    /// Every accepted code with its secret, and who had it accepted.
    accepted: Mutex<BTreeMap<(String, String), Vec<&'static str>>>,
    /// How often each actor did something, and how often it did what it wanted.
    done: Mutex<BTreeMap<&'static str, (usize, usize)>>,
    next_secret: AtomicUsize,
}

impl Scene {
    fn act(&self, actor: &'static str) {
        if ["import", "reset"].contains(&actor) {
            // An enrolment hashes for a while: where everything changed all the time, none would come to its end.
            std::thread::sleep(QUIET);
        }
        while !self.ended.load(Ordering::Relaxed) {
            let is_done = match actor {
                "import" => self.import(),
                "reset" => self.reset(),
                _ => self.log_in(actor),
            };
            let mut done = self.done.lock().unwrap();
            let (tried, succeeded) = done.entry(actor).or_default();
            *tried += 1;
            *succeeded += usize::from(is_done);
        }
    }

    /// The phone of the credential that is there now.
    fn phone(&self) -> Option<Phone> {
        let kept = format!("/var/lib/twinlock/credentials/{}.toml", self.maria.uid);
        let text = std::fs::read_to_string(kept)
            .or_else(|_| std::fs::read_to_string(self.maria.path(".twinlock/credential.toml")));
        let text = text.ok()?;
        Some(Phone::with_key(text.split("secret = \"").nth(1)?.split('"').next()?))
    }

    /// A login with the code of the phone that is there, or an enrolment by the key that is shown. Whether it got in.
    fn log_in(&self, actor: &'static str) -> bool {
        let mut login = self.client.start();
        let mut given = None;
        while let Some(message) = login.next_message() {
            if !message.kind.is_prompt() {
                continue;
            }
            if message.text.contains("Press Enter") {
                login.answer("");
                continue;
            }
            let phone = if message.text.contains("Key: ") {
                Some(Phone::with_key(key_in(&message.text)))
            } else {
                self.phone()
            };
            // After a refusal the same code is no better.
            match phone
                .map(|phone| (phone.secret.clone(), phone.code()))
                .filter(|code| given.as_ref() != Some(code))
            {
                Some(code) => {
                    login.answer(&code.1);
                    given = Some(code);
                }
                None => login.answer_null(),
            }
        }
        let outcome = login.finish();
        for hook in &outcome.hooks {
            assert_eq!(hook.state, "same", "after {}", hook.name);
        }
        let is_in = outcome.called("acct_mgmt") && outcome.code("acct_mgmt") == pam::SUCCESS;
        let is_verified =
            outcome.called("authenticate") && outcome.module_code("authenticate") == pam::SUCCESS;
        if is_in || is_verified {
            let code = given.expect("nobody gets in without a code");
            self.accepted.lock().unwrap().entry(code).or_default().push(actor);
        }
        is_in
    }

    fn import(&self) -> bool {
        std::thread::sleep(Duration::from_millis(300));
        let secret =
            Phone::numbered(u32::try_from(self.next_secret.fetch_add(1, Ordering::Relaxed)).unwrap()).secret;
        self.maria.write(".google_authenticator", format!("{secret}\n\" TOTP_AUTH\n"), 0o600);
        let said = twinlock(&["import", "google-authenticator", "--user", "maria"]);
        assert!([0, 1].contains(&said.code()), "{said:?}");
        said.code() == 0 && said.stdout.contains("imported")
    }

    fn reset(&self) -> bool {
        std::thread::sleep(Duration::from_millis(500));
        let said = twinlock(&["reset", "maria", "--yes"]);
        assert!([0, 1].contains(&said.code()), "{said:?}");
        said.code() == 0
    }

    /// Nobody changes anything any more: file and ledger agree, and the user gets in.
    fn assert_consistent(&self, host: &Host) {
        // The code of a step later than any that was typed.
        let mut enrols = false;
        let shown = Mutex::new(None);
        let mut login: Dialogue = self.client.clone().clock("+3m").start();
        while let Some(message) = login.next_message() {
            if message.text.contains("Key: ") {
                enrols = true;
                *shown.lock().unwrap() = Some(Phone::with_key(key_in(&message.text)));
            }
            match message.kind {
                kind if !kind.is_prompt() => {}
                MessageKind::PromptShown | MessageKind::PromptHidden
                    if message.text.contains("Press Enter") =>
                {
                    login.answer("")
                }
                _ => {
                    let phone = shown.lock().unwrap().clone().or_else(|| self.phone()).expect("a phone");
                    login.answer(&phone.code_at_step(6));
                }
            }
        }
        let outcome = login.finish();
        let is_in = outcome.called("acct_mgmt") && outcome.code("acct_mgmt") == pam::SUCCESS;
        assert!(is_in, "enrols {enrols}: {}\n{}", outcome.said(), host.journal().text());
        let bytes = std::fs::read(record_path(&self.maria)).unwrap();
        let slots = Slots::decode(&bytes).unwrap();
        assert!(slots.whole && slots.record.enrolled, "{:?}", slots.record);
    }
}

fn twinlock(arguments: &[&str]) -> Finished {
    run(command(Path::new("/usr/bin/twinlock")).args(arguments))
}

#[test]
#[ignore = "make test-faults runs it"]
fn logins_enrolments_imports_and_resets_of_one_user_at_once_leave_one_state_and_no_code_works_twice() {
    let time = Duration::from_secs(if is_short() { 20 } else { 300 });
    let host = Host::that_requires_codes();
    host.policy("require_mfa = true\nenroll_at = [\"till\"]\nattempts = 2\n");
    let module =
        format!("required pam_stage.so call={}/pam_twinlock.so", twinlock_tests::pam_folder().display());
    host.pam_service(
        "till",
        &format!("auth required pam_permit.so\nauth {module} account_phase\naccount {module}\n"),
    );
    let maria = host.add_user("maria", "secret");
    let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7");
    let begin = Instant::now();
    let (mut rounds, mut done) = (0, BTreeMap::<_, (usize, usize)>::new());
    let mut accepted = BTreeMap::<(String, String), Vec<&str>>::new();
    // Each round begins where the last one ended, and is looked at when all is quiet.
    while begin.elapsed() < time {
        let scene = Scene {
            maria: maria.clone(),
            client: client.clone(),
            ended: AtomicBool::new(false),
            accepted: Mutex::new(std::mem::take(&mut accepted)),
            done: Mutex::new(std::mem::take(&mut done)),
            next_secret: AtomicUsize::new(1_000 * (rounds + 1)),
        };
        // The record of a clock that was ahead, as the last look left it, is a reset's to take away.
        twinlock(&["reset", "maria", "--yes"]).ok();
        host.journal().clear();
        std::thread::scope(|threads| {
            for actor in ACTORS {
                let scene = &scene;
                threads.spawn(move || scene.act(actor));
            }
            std::thread::sleep(ROUND);
            scene.ended.store(true, Ordering::Relaxed);
        });
        scene.assert_consistent(&host);
        accepted = scene.accepted.into_inner().unwrap();
        done = scene.done.into_inner().unwrap();
        rounds += 1;
    }
    eprintln!("{rounds} rounds, tried and done: {done:?}, {} codes accepted", accepted.len());
    for ((_, code), by) in &accepted {
        assert_eq!(by.len(), 1, "{code} was accepted for {by:?}");
    }
    let succeeded = |actors: &[&str]| actors.iter().map(|actor| done[actor].1).sum::<usize>() > 0;
    assert!(succeeded(&ACTORS[..3]) && succeeded(&["import"]) && succeeded(&["reset"]), "{done:?}");
    drop(host);
    count(
        "races",
        "logins_enrolments_imports_and_resets_of_one_user_at_once_leave_one_state_and_no_code_works_twice",
        done.values().map(|(tried, _)| tried).sum(),
    );
}

/// Who is in the crowd, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Right,
    Wrong,
    /// Answers with the code of the next one in the crowd.
    Others,
    /// Whose credential is damaged.
    Damaged,
    /// Who has none, where nobody may enrol.
    NotEnrolled,
}

/// What a phone shows from some step on, and a code that it shows at none of these.
struct Table {
    right: Vec<String>,
    wrong: String,
}

impl Table {
    fn of(phone: &Phone, step: u64) -> Self {
        let text = oathtool::code_with(&phone.secret, step * oathtool::PERIOD, &["--window=60"]);
        let right: Vec<String> = text.lines().map(str::to_owned).collect();
        let wrong = (0..).map(|code| format!("{code:06}")).find(|code| !right.contains(code)).unwrap();
        Self { right, wrong }
    }
}

const KINDS: [Kind; 5] = [Kind::Right, Kind::Wrong, Kind::Others, Kind::Damaged, Kind::NotEnrolled];

#[test]
#[ignore = "make test-faults runs it"]
fn of_a_thousand_users_at_their_prompts_each_gets_what_is_theirs_and_nobody_waits_for_another() {
    let users = if is_short() { 100 } else { 1_000 };
    let host = Host::that_requires_codes();
    host.policy("require_mfa = true\nunenrolled = \"deny\"\nattempts = 1\n");
    let crowd: Vec<(Kind, Account, Phone)> = (0..users)
        .map(|number| {
            let kind = KINDS[number % KINDS.len()];
            let account = host.add_user(&format!("user{number:04}"), "secret");
            let phone = Phone::of(&account);
            match kind {
                Kind::Damaged => drop(account.write(".twinlock/credential.toml", "version = 1\n", 0o600)),
                Kind::NotEnrolled => std::fs::remove_file(account.path(".twinlock/credential.toml")).unwrap(),
                _ => {}
            }
            (kind, account, phone)
        })
        .collect();
    // The codes of the next half hour, since asking for a thousand of them takes longer than one is good for.
    let first_step = oathtool::now() / oathtool::PERIOD;
    let tables: Vec<Table> = crowd.iter().map(|(_, _, phone)| Table::of(phone, first_step)).collect();
    // Somebody who never answers, as one of the users; they hold up nobody, not even themselves.
    let start = |account: &Account| {
        PamClient::new(&host, "till").user(&account.name).patience(Duration::from_secs(60)).start()
    };
    let mut asleep = start(&crowd[0].1);
    asleep.expect_prompt("Verification code: ");

    let mut logins: Vec<(Dialogue, bool)> = Vec::new();
    for (kind, account, _) in &crowd {
        let mut login = start(account);
        let is_asked = [Kind::Right, Kind::Wrong, Kind::Others].contains(kind);
        if is_asked {
            login.expect_prompt("Verification code: ");
        }
        logins.push((login, is_asked));
    }
    // All of them wait, and are released within one step.
    oathtool::with_time_left(20);
    let place = usize::try_from(oathtool::now() / oathtool::PERIOD - first_step).unwrap();
    let codes: Vec<&str> = crowd
        .iter()
        .zip(&tables)
        .map(|((kind, ..), table)| match kind {
            Kind::Wrong => table.wrong.as_str(),
            _ => table.right[place].as_str(),
        })
        .collect();
    let begin = Instant::now();
    for (number, (login, is_asked)) in logins.iter_mut().enumerate() {
        if *is_asked {
            let is_others = crowd[number].0 == Kind::Others;
            // The next but two has a right code of their own: for somebody else it is a wrong one.
            login.answer(codes[if is_others { (number + 3) % users } else { number }]);
        }
    }
    let mut ended = BTreeMap::<String, usize>::new();
    for ((login, _), (kind, account, _)) in logins.into_iter().zip(&crowd) {
        let outcome = login.finish();
        let expected = match kind {
            Kind::Right => pam::SUCCESS,
            Kind::Wrong | Kind::Others | Kind::NotEnrolled => pam::AUTH_ERR,
            Kind::Damaged => pam::AUTHINFO_UNAVAIL,
        };
        assert_eq!(outcome.code("authenticate"), expected, "{kind:?} {}: {}", account.name, outcome.said());
        outcome.assert_host_unchanged();
        let record = std::fs::read(record_path(account)).ok();
        let record = record.map(|bytes| Slots::decode(&bytes).unwrap().record);
        match kind {
            Kind::Right => {
                assert!(record.is_some_and(|record| record.enrolled && record.user == account.name))
            }
            Kind::Wrong | Kind::Others => assert_eq!(record.map(|record| record.failures), Some(1)),
            Kind::Damaged | Kind::NotEnrolled => assert!(record.is_none()),
        }
        *ended.entry(format!("{kind:?}")).or_default() += 1;
    }
    let took = begin.elapsed();
    eprintln!("{ended:?} in {took:?}");
    // A login takes milliseconds; a lock that one had to wait for would take five seconds each.
    assert!(took < Duration::from_secs(60), "{took:?}");
    // Whoever slept through it is told what anybody is who comes with a used code.
    asleep.answer(codes[0]);
    let outcome = asleep.finish();
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    assert!(outcome.said().contains("used already"), "{}", outcome.said());
    let mut fresh = answering(&[&crowd[1].2.code()])(start(&crowd[1].1));
    fresh.hooks.truncate(1);
    assert_eq!(fresh.code("authenticate"), pam::SUCCESS);
    drop(host);
    count(
        "races",
        "of_a_thousand_users_at_their_prompts_each_gets_what_is_theirs_and_nobody_waits_for_another",
        users,
    );
}
