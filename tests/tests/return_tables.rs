//! The return tables of the design, section 6: each hook's own code in every situation, the line in the log that goes with
//! it, and the host as it was before. Read them beside Linux-PAM's `tst-pam_faillock-retval.c`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::witness::{enrol, record_path};
use twinlock_tests::{Account, Dialogue, Host, Outcome, PamClient, Phone, oathtool, pam};

/// A host on which one row of a table is played: a user with a credential, if the row needs one.
struct Stage {
    host: Host,
    maria: Account,
    phone: Phone,
    recovery_codes: Vec<String>,
}

/// Whether the user has a code.
#[derive(Clone, Copy)]
enum Enrolled {
    No,
    /// A phone, registered by the code of the step before now.
    ByCode,
    /// Enrolled at login, which takes a second.
    WithRecoveryCodes,
}

/// One situation.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    service: &'static str,
    /// The words behind the module's name on its auth and its account line.
    words: (&'static str, &'static str),
    policy: &'static str,
    enrolled: Enrolled,
    prepare: fn(&Stage),
    client: fn(PamClient) -> PamClient,
    /// Answers the prompt of this number, from 0; None where nothing may be asked.
    reply: Option<fn(&mut Dialogue, &Stage, usize)>,
    code: i32,
    /// A line of the log holds all of these.
    log: &'static [&'static str],
    /// What the person is told holds this.
    said: &'static str,
}

const REQUIRED: &str = "require_mfa = true\nhelp = \"ext. 4711\"\nenroll_at = [\"till\"]\n";
const EXEMPT: &str = "require_mfa = true\n[[rule]]\nname = \"batch\"\nusers = [\"maria\"]\nexempt = true\n\
                      reason = \"key only\"\napproved_by = \"it\"\nexpires = 2099-01-01\n";

const ROW: Row = Row {
    name: "",
    service: "till",
    words: ("account_phase", ""),
    policy: REQUIRED,
    enrolled: Enrolled::ByCode,
    prepare: |_| (),
    client: |client| client,
    reply: None,
    code: -1,
    log: &[],
    said: "",
};

fn stage(row: &Row) -> Stage {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7");
    let (phone, recovery_codes) = match row.enrolled {
        Enrolled::No => (Phone::numbered(1), Vec::new()),
        Enrolled::ByCode => {
            let phone = Phone::of(&maria);
            let mut login = client.start();
            login.expect_prompt("Verification code: ");
            login.answer(&phone.code_at_step(-1));
            assert_eq!(login.finish().code("authenticate"), pam::SUCCESS);
            (phone, Vec::new())
        }
        Enrolled::WithRecoveryCodes => enrol(&client),
    };
    host.witnessed_service(row.service, row.words.0, row.words.1);
    host.policy(row.policy);
    let stage = Stage { host, maria, phone, recovery_codes };
    (row.prepare)(&stage);
    stage.host.journal().catch_up();
    stage.host.journal().clear();
    stage
}

fn play(row: &Row, stage: &Stage, chain: &str) -> Outcome {
    let client = PamClient::new(&stage.host, row.service).user("maria").rhost("192.0.2.7").tty("ssh");
    let client =
        client.umask("027").folder("/home").locale("C.UTF-8").signal(15, "block").signal(13, "ignore");
    let mut login = (row.client)(client.chain(chain).keep_going()).start();
    let mut asked = 0;
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            assert!(asked < 20 && row.reply.is_some(), "{}: asked {:?}", row.name, message.text);
            if let Some(reply) = row.reply {
                reply(&mut login, stage, asked);
            }
            asked += 1;
        }
    }
    login.finish()
}

/// Plays every row and asserts the code of `hook`, its line in the log, and that the host is as it was.
fn hold(hook: &str, chain: &str, rows: &[Row]) {
    for row in rows {
        let stage = stage(row);
        let outcome = play(row, &stage, chain);
        stage.host.journal().catch_up();
        let log = || stage.host.journal().text();
        assert_eq!(outcome.module_code(hook), row.code, "{}: {}\n{outcome:?}", row.name, log());
        outcome.assert_host_unchanged();
        if row.log.is_empty() {
            assert_eq!(log(), "", "{}: nothing should be logged", row.name);
        } else {
            let found =
                |line: &twinlock_tests::JournalLine| row.log.iter().all(|part| line.message.contains(part));
            let line = stage.host.journal().lines().into_iter().find(found);
            let line =
                line.unwrap_or_else(|| panic!("{}: no line with {:?} in\n{}", row.name, row.log, log()));
            assert_eq!(line.facility, 10, "{}: authpriv", row.name);
        }
        let refused_by_code = hook == "authenticate" && matches!(row.code, pam::AUTH_ERR | pam::USER_UNKNOWN);
        let unix_line =
            log().contains("authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7");
        assert_eq!(unix_line, refused_by_code, "{}: pam_unix's line\n{}", row.name, log());
        assert!(outcome.said().contains(row.said), "{}: {:?} in {}", row.name, row.said, outcome.said());
        let labelled = outcome.env.contains_key("TWINLOCK_AUTHENTICATOR");
        assert!(!labelled || row.code == pam::SUCCESS, "{}: a label without a code", row.name);
        assert!(outcome.hooks.iter().all(|hook| hook.code != pam::MAXTRIES), "{}", row.name);
    }
}

fn wrong(login: &mut Dialogue, stage: &Stage, _: usize) {
    login.answer(&stage.phone.wrong_code());
}

fn right(login: &mut Dialogue, stage: &Stage, _: usize) {
    login.answer(&stage.phone.code());
}

/// Uses the code of now up, from the source of the rows.
fn log_in(stage: &Stage) {
    oathtool::with_time_left(5);
    let mut login = PamClient::new(&stage.host, "till").user("maria").rhost("192.0.2.7").start();
    login.expect_prompt("Verification code: ");
    login.answer(&stage.phone.code());
    assert_eq!(login.finish().module_code("authenticate"), pam::SUCCESS);
}

#[test]
fn auth_lets_in_only_by_a_code_and_steps_aside_only_where_nothing_is_asked() {
    hold(
        "authenticate",
        "authenticate",
        &[
            Row {
                name: "a right code",
                reply: Some(right),
                code: pam::SUCCESS,
                log: &[
                    "event=code_accepted user=\"maria\" service=till rhost=192.0.2.7 tty=ssh",
                    "authenticator=\"phone\"",
                ],
                ..ROW
            },
            Row {
                name: "a recovery code",
                enrolled: Enrolled::WithRecoveryCodes,
                reply: Some(|login, stage, _| login.answer(&stage.recovery_codes[0])),
                code: pam::SUCCESS,
                log: &["event=recovery_code_accepted user=\"maria\"", "left=9"],
                said: "9 left",
                ..ROW
            },
            Row {
                name: "a right code after wrong ones",
                reply: Some(
                    |login, stage, asked| {
                        if asked < 2 { wrong(login, stage, 0) } else { right(login, stage, 0) }
                    },
                ),
                code: pam::SUCCESS,
                log: &["event=code_accepted"],
                said: "2 wrong codes",
                ..ROW
            },
            Row {
                name: "exempt",
                policy: EXEMPT,
                code: pam::IGNORE,
                log: &[
                    "event=code_not_asked",
                    "reason=exempt decision=exempt rule=\"rule \\\"batch\\\"",
                    "policy=sha256:",
                ],
                ..ROW
            },
            Row {
                name: "exempt and not enrolled",
                policy: EXEMPT,
                enrolled: Enrolled::No,
                code: pam::IGNORE,
                log: &["event=code_not_asked", "reason=exempt"],
                ..ROW
            },
            Row {
                name: "remembered",
                policy: "require_mfa = true\nremember = \"1h\"\n",
                prepare: log_in,
                code: pam::IGNORE,
                log: &["event=code_not_asked", "reason=remembered"],
                ..ROW
            },
            Row {
                name: "user-driven and not enrolled",
                policy: "require_mfa = false\n",
                enrolled: Enrolled::No,
                code: pam::IGNORE,
                log: &["event=code_not_asked", "reason=not_enrolled decision=user_driven"],
                ..ROW
            },
            Row {
                name: "user-driven and enrolled",
                policy: "require_mfa = false\n",
                reply: Some(right),
                code: pam::SUCCESS,
                log: &["event=code_accepted", "decision=user_driven"],
                ..ROW
            },
            Row {
                name: "in grace",
                policy: "require_mfa = true\nenroll_by = 2099-01-01\nenroll_at = [\"till\"]\n",
                words: ("", ""),
                enrolled: Enrolled::No,
                code: pam::IGNORE,
                log: &["event=code_not_asked", "reason=in_grace decision=required"],
                ..ROW
            },
            Row {
                name: "not enrolled, and the account phase may enrol",
                enrolled: Enrolled::No,
                code: pam::IGNORE,
                log: &["event=enrollment_due user=\"maria\"", "decision=required"],
                ..ROW
            },
            Row {
                name: "exempt behind a public key",
                policy: EXEMPT,
                words: ("after_publickey", ""),
                client: |client| client.pam_env("SSH_AUTH_INFO_0", "publickey ssh-ed25519 AAAA\n"),
                code: pam::IGNORE,
                log: &["event=code_not_asked", "reason=exempt"],
                ..ROW
            },
        ],
    );
}

#[test]
fn auth_refuses_whoever_must_enrol_and_cannot_here() {
    hold(
        "authenticate",
        "authenticate",
        &[
            Row {
                name: "nobody may enrol",
                policy: "require_mfa = true\nunenrolled = \"deny\"\n",
                enrolled: Enrolled::No,
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=enrollment_not_allowed"],
                said: "none is set up",
                ..ROW
            },
            Row {
                name: "a stack without an account phase",
                words: ("", ""),
                enrolled: Enrolled::No,
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=no_account_phase"],
                ..ROW
            },
            Row {
                name: "a service that cannot enrol",
                policy: "require_mfa = true\nenroll_at = [\"sshd\"]\n",
                enrolled: Enrolled::No,
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=service_cannot_enroll"],
                ..ROW
            },
            Row {
                name: "a broken policy",
                policy: "require_mfa = ture\n",
                enrolled: Enrolled::No,
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=enrollment_not_allowed"],
                ..ROW
            },
            Row {
                name: "exempt, and no key was shown where one must be",
                policy: EXEMPT,
                words: ("after_publickey", ""),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=no_public_key"],
                ..ROW
            },
            Row {
                name: "not enrolled, and no key was shown where one must be",
                words: ("account_phase after_publickey", ""),
                enrolled: Enrolled::No,
                client: |client| client.pam_env("SSH_AUTH_INFO_0", "password\nxpublickey\n"),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=no_public_key"],
                ..ROW
            },
        ],
    );
}

#[test]
fn auth_refuses_every_answer_that_is_no_right_code_by_auth_err() {
    hold(
        "authenticate",
        "authenticate",
        &[
            Row {
                name: "wrong",
                reply: Some(wrong),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=wrong"],
                said: "not right",
                ..ROW
            },
            Row {
                name: "replayed",
                prepare: log_in,
                reply: Some(right),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=replayed"],
                said: "used already",
                ..ROW
            },
            Row {
                name: "throttled",
                policy: "require_mfa = true\nattempts = 5\n[throttle]\nfree_failures = 1\nfirst_wait = \"1m\"\n",
                reply: Some(wrong),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=throttled", "wait=60"],
                said: "Try again",
                ..ROW
            },
            Row {
                name: "disabled",
                policy: "require_mfa = true\nattempts = 10\n[throttle]\nfree_failures = 4\ndisable_after = 5\nfirst_wait = \"1s\"\n",
                reply: Some(|login, stage, asked| {
                    if asked == 4 {
                        std::thread::sleep(std::time::Duration::from_millis(2100));
                    }
                    wrong(login, stage, asked);
                }),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=disabled", "twinlock unlock"],
                said: "turned off",
                ..ROW
            },
            Row {
                name: "a wrong recovery code",
                enrolled: Enrolled::WithRecoveryCodes,
                reply: Some(|login, _, asked| match asked {
                    0 => login.answer("AAAA-AAAA-AAAA-AAAA"),
                    _ => login.answer_null(),
                }),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=wrong_recovery_code"],
                ..ROW
            },
            Row {
                name: "empty",
                reply: Some(|login, _, _| login.answer("")),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=empty"],
                said: "No code was typed",
                ..ROW
            },
            Row {
                name: "not shaped like a code",
                reply: Some(|login, _, _| login.answer("hunter2")),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=unshaped"],
                said: "not a code",
                ..ROW
            },
            Row {
                name: "NULL",
                reply: Some(|login, _, _| login.answer_null()),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=no_answer"],
                ..ROW
            },
            Row {
                name: "no answer at all",
                reply: Some(|login, _, _| login.fail_conversation(pam::CONV_ERR)),
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=no_answer"],
                ..ROW
            },
            Row {
                name: "no way to ask",
                client: PamClient::no_conversation,
                code: pam::AUTH_ERR,
                log: &["event=code_rejected", "reason=no_answer"],
                ..ROW
            },
            Row {
                name: "unknown to NSS",
                client: |client| client.user("nobody-here"),
                reply: Some(|login, _, _| login.answer("123456")),
                code: pam::USER_UNKNOWN,
                log: &["event=code_rejected user=\"(unknown)\"", "reason=unknown_user"],
                said: "not right",
                ..ROW
            },
        ],
    );
}

#[test]
fn auth_calls_every_trouble_unavailable_and_a_wrong_line_a_service_error() {
    hold(
        "authenticate",
        "authenticate",
        &[
            Row {
                name: "NSS is down",
                prepare: nss_source_is_down,
                client: |client| client.user("elsewhere"),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable", "reason=lookup"],
                said: "cannot be checked",
                ..ROW
            },
            Row {
                name: "the credential is damaged",
                prepare: |stage| drop(stage.maria.write(".twinlock/credential.toml", "version = 1\n", 0o600)),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=credential_damaged", "line 1"],
                said: "cannot be checked",
                ..ROW
            },
            Row {
                name: "the credential is gone",
                prepare: |stage| std::fs::remove_dir_all(stage.maria.path(".twinlock")).unwrap(),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=credential_missing"],
                ..ROW
            },
            Row {
                name: "the credential is another one",
                prepare: |stage| {
                    let other = Phone::numbered(99).credential();
                    stage.maria.write(".twinlock/credential.toml", other, 0o600);
                },
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=credential_unregistered"],
                ..ROW
            },
            Row {
                name: "the ledger is damaged",
                prepare: |stage| std::fs::write(record_path(&stage.maria), [b'x'; 8192]).unwrap(),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=ledger_damaged", "twinlock reset"],
                ..ROW
            },
            Row {
                name: "the ledger is missing, and nobody is asked for a code",
                policy: "require_mfa = false\n",
                enrolled: Enrolled::No,
                prepare: |_| std::fs::remove_dir_all("/var/lib/twinlock/ledger").unwrap(),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=missing"],
                ..ROW
            },
            Row {
                name: "the UID was somebody else's",
                prepare: |stage| {
                    let rename = |path: &str| {
                        let text = std::fs::read_to_string(path).unwrap().replace("maria:", "mario:");
                        std::fs::write(path, text).unwrap();
                    };
                    ["/etc/passwd", "/etc/shadow"].into_iter().for_each(rename);
                    assert!(stage.maria.home.exists());
                },
                client: |client| client.user("mario"),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"mario\"", "reason=uid_reused"],
                ..ROW
            },
            Row {
                name: "the clock is before the build",
                client: |client| client.clock("@1999-12-31 23:00:00"),
                reply: Some(|login, stage, _| {
                    login.answer(&oathtool::code(&stage.phone.secret, 946_681_200))
                }),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=code_rejected", "reason=clock", "set the clock"],
                said: "clock of this computer is wrong",
                ..ROW
            },
            Row {
                name: "a host that is not root's, and no helper",
                prepare: without_helper,
                client: |client| client.as_user("maria"),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable", "/usr/libexec/twinlock/check"],
                ..ROW
            },
            Row {
                name: "no file may be written",
                client: |client| client.limit("fsize", 8191),
                reply: Some(right),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable", "reason=file_size_limit"],
                ..ROW
            },
            Row {
                name: "an unknown argument",
                words: ("account_phase nullok", ""),
                code: pam::SERVICE_ERR,
                log: &["event=misconfigured", "reason=unknown_argument argument=\"nullok\""],
                ..ROW
            },
            Row {
                name: "an argument with a value",
                words: ("account_phase=yes", ""),
                code: pam::SERVICE_ERR,
                log: &["event=misconfigured", "argument=\"account_phase=yes\""],
                ..ROW
            },
        ],
    );
}

/// A locker's way to the ledger is gone.
fn without_helper(_: &Stage) {
    let _ = std::fs::remove_file("/usr/libexec/twinlock/check");
}

/// A second source of users that does not answer: `libnss-extrausers` without its files.
fn nss_source_is_down(stage: &Stage) {
    stage.host.write("/etc/nsswitch.conf", "passwd: files extrausers\ngroup: files\nshadow: files\n", 0o644);
    std::fs::remove_dir_all("/var/lib/extrausers").unwrap();
}

#[test]
fn account_lets_in_by_a_verified_code_and_steps_aside_only_where_nothing_is_asked() {
    hold(
        "acct_mgmt",
        "authenticate,acct_mgmt",
        &[
            Row {
                name: "verified in this transaction",
                reply: Some(right),
                code: pam::SUCCESS,
                log: &["event=code_accepted"],
                ..ROW
            },
            Row {
                name: "verified by a recovery code",
                enrolled: Enrolled::WithRecoveryCodes,
                reply: Some(|login, stage, _| login.answer(&stage.recovery_codes[3])),
                code: pam::SUCCESS,
                log: &["event=recovery_code_accepted"],
                ..ROW
            },
            Row {
                name: "verified where a login without auth would be refused",
                service: "till",
                policy: "require_mfa = true\naccount_required = [\"till\"]\n",
                reply: Some(right),
                code: pam::SUCCESS,
                log: &["event=code_accepted"],
                ..ROW
            },
            Row { name: "exempt", policy: EXEMPT, code: pam::IGNORE, log: &["reason=exempt"], ..ROW },
            Row {
                name: "exempt where a login without auth would be refused",
                policy: "require_mfa = true\naccount_required = [\"till\"]\n[[rule]]\nusers = [\"maria\"]\nexempt = true\n\
                         reason = \"x\"\napproved_by = \"y\"\nexpires = 2099-01-01\n",
                code: pam::IGNORE,
                log: &["reason=exempt"],
                ..ROW
            },
            Row {
                name: "remembered",
                policy: "require_mfa = true\nremember = \"1h\"\naccount_required = [\"till\"]\n",
                prepare: log_in,
                code: pam::IGNORE,
                log: &["reason=remembered"],
                ..ROW
            },
            Row {
                name: "user-driven and not enrolled",
                policy: "require_mfa = false\naccount_required = [\"till\"]\n",
                enrolled: Enrolled::No,
                code: pam::IGNORE,
                log: &["reason=not_enrolled"],
                ..ROW
            },
            Row {
                name: "in grace, and the reminder is answered with Enter",
                policy: "require_mfa = true\nenroll_by = 2099-01-01\nenroll_at = [\"till\"]\n",
                enrolled: Enrolled::No,
                reply: Some(|login, _, _| login.answer("")),
                code: pam::IGNORE,
                log: &["event=enrollment_put_off", "until=\"2099-01-0"],
                ..ROW
            },
            Row {
                name: "in grace, and the reminder fails",
                policy: "require_mfa = true\nenroll_by = 2099-01-01\nenroll_at = [\"till\"]\n",
                enrolled: Enrolled::No,
                client: PamClient::no_conversation,
                code: pam::IGNORE,
                log: &["event=enrollment_put_off"],
                ..ROW
            },
            Row {
                name: "enrolled just now, after the reminder",
                policy: "require_mfa = true\nenroll_by = 2099-01-01\nenroll_at = [\"till\"]\n",
                enrolled: Enrolled::No,
                reply: Some(
                    |login, _, asked| {
                        if asked == 0 { login.answer("y") } else { enrol_by_what_is_pending(login) }
                    },
                ),
                code: pam::SUCCESS,
                log: &["event=enrolled user=\"maria\"", "authenticator=\"phone\""],
                ..ROW
            },
            Row {
                name: "enrolled just now",
                enrolled: Enrolled::No,
                reply: Some(|login, _, _| enrol_by_what_is_pending(login)),
                code: pam::SUCCESS,
                log: &["event=enrolled user=\"maria\""],
                ..ROW
            },
        ],
    );
}

/// Answers the enrolment prompt by the key that root finds in the state, and 'press Enter' with the same: nobody reads it.
fn enrol_by_what_is_pending(login: &mut Dialogue) {
    let pending = std::fs::read_dir("/var/lib/twinlock/pending").unwrap().next();
    match pending.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()) {
        Some(text) => {
            let secret = text.lines().find_map(|line| line.strip_prefix("secret=")).expect("a secret");
            login.answer(&Phone::with_key(secret).code());
        }
        None => login.answer(""),
    }
}

#[test]
fn account_refuses_by_perm_denied_and_says_why() {
    const GUARDED: &str = "require_mfa = true\nhelp = \"ext. 4711\"\naccount_required = [\"till\"]\n";
    hold(
        "acct_mgmt",
        "acct_mgmt",
        &[
            Row {
                name: "required and enrolled, and auth did not run",
                policy: GUARDED,
                code: pam::PERM_DENIED,
                log: &[
                    "event=account_refused user=\"maria\"",
                    "reason=no_code_was_asked",
                    "AuthenticationMethods publickey,keyboard-interactive",
                ],
                said: "AuthenticationMethods publickey,keyboard-interactive",
                ..ROW
            },
            Row {
                name: "required and not enrolled, and auth did not run",
                policy: GUARDED,
                enrolled: Enrolled::No,
                code: pam::PERM_DENIED,
                log: &["event=account_refused user=\"maria\"", "reason=no_code_was_asked"],
                said: "ext. 4711",
                ..ROW
            },
            Row {
                name: "a broken policy guards sshd",
                service: "sshd",
                policy: "require_mfa = ture\n",
                enrolled: Enrolled::No,
                code: pam::PERM_DENIED,
                log: &["event=account_refused user=\"maria\"", "reason=no_code_was_asked"],
                ..ROW
            },
        ],
    );
    hold(
        "acct_mgmt",
        "authenticate,acct_mgmt",
        &[
            Row {
                name: "no conversation to enrol with",
                enrolled: Enrolled::No,
                client: PamClient::no_conversation,
                code: pam::PERM_DENIED,
                log: &["event=account_refused user=\"maria\"", "reason=no_conversation"],
                ..ROW
            },
            Row {
                name: "a conversation that fails",
                enrolled: Enrolled::No,
                reply: Some(|login, _, _| login.fail_conversation(pam::CONV_ERR)),
                code: pam::PERM_DENIED,
                log: &["event=account_refused user=\"maria\"", "reason=no_conversation"],
                said: "Log in by SSH or on a text console",
                ..ROW
            },
            Row {
                name: "enrolment is given up",
                enrolled: Enrolled::No,
                reply: Some(
                    |login, _, asked| if asked == 0 { login.answer("x") } else { login.answer_null() },
                ),
                code: pam::PERM_DENIED,
                log: &["event=account_refused user=\"maria\"", "reason=not_enrolled"],
                said: "No code was set up",
                ..ROW
            },
        ],
    );
    hold("acct_mgmt", "authenticate,hold,acct_mgmt", &[]);
}

/// Between the two hooks the world may change; the account hook looks anew.
#[test]
fn account_believes_only_what_holds_when_it_runs() {
    type Between = fn(&Stage);
    let rows: [(&str, Between, i32, &str); 4] = [
        (
            "enrolled meanwhile",
            |stage| drop(enrol(&PamClient::new(&stage.host, "till").user("maria"))),
            pam::PERM_DENIED,
            "reason=enrolled_meanwhile",
        ),
        (
            "enrolling was forbidden meanwhile",
            |stage| stage.host.policy("require_mfa = true\nunenrolled = \"deny\"\n"),
            pam::PERM_DENIED,
            "reason=enrollment_not_allowed",
        ),
        ("nothing is required any more", |stage| stage.host.policy("require_mfa = false\n"), pam::IGNORE, ""),
        (
            "the ledger is gone meanwhile",
            |_| std::fs::remove_dir_all("/var/lib/twinlock/ledger").unwrap(),
            pam::AUTHINFO_UNAVAIL,
            "reason=missing",
        ),
    ];
    for (name, between, code, reason) in rows {
        let stage = stage(&Row { enrolled: Enrolled::No, ..ROW });
        let client = PamClient::new(&stage.host, "till").user("maria").chain("authenticate,hold,acct_mgmt");
        let mut login = client.keep_going().start();
        login.wait_until_held();
        between(&stage);
        login.release();
        let outcome = login.finish();
        assert_eq!(outcome.module_code("authenticate"), pam::IGNORE, "{name}");
        assert_eq!(outcome.module_code("acct_mgmt"), code, "{name}: {}", stage.host.journal().text());
        outcome.assert_host_unchanged();
        stage.host.journal().wait_for(|line| line.message.contains(reason));
    }
}

#[test]
fn account_calls_every_trouble_unavailable_and_a_wrong_line_a_service_error() {
    const GUARDED: &str = "require_mfa = true\naccount_required = [\"till\"]\n";
    hold(
        "acct_mgmt",
        "acct_mgmt",
        &[
            Row {
                name: "NSS is down",
                policy: GUARDED,
                prepare: nss_source_is_down,
                client: |client| client.user("elsewhere"),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable", "reason=lookup"],
                said: "cannot be checked",
                ..ROW
            },
            Row {
                name: "the credential is damaged",
                policy: GUARDED,
                prepare: |stage| drop(stage.maria.write(".twinlock/credential.toml", "", 0o600)),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=credential_damaged"],
                ..ROW
            },
            Row {
                name: "the ledger is damaged",
                policy: GUARDED,
                prepare: |stage| std::fs::write(record_path(&stage.maria), [b'x'; 8192]).unwrap(),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=ledger_damaged"],
                ..ROW
            },
            Row {
                name: "a host that is not root's, and no helper",
                policy: GUARDED,
                prepare: without_helper,
                client: |client| client.as_user("maria"),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable"],
                ..ROW
            },
            Row {
                name: "an unknown argument",
                policy: GUARDED,
                words: ("", "account_phases"),
                code: pam::SERVICE_ERR,
                log: &["event=misconfigured", "argument=\"account_phases\""],
                ..ROW
            },
            Row {
                name: "unknown to NSS",
                policy: GUARDED,
                client: |client| client.user("nobody-here"),
                code: pam::USER_UNKNOWN,
                log: &["event=account_refused user=\"(unknown)\"", "reason=unknown_user"],
                ..ROW
            },
        ],
    );
    hold(
        "acct_mgmt",
        "authenticate,acct_mgmt",
        &[
            Row {
                name: "no place for the key that would be shown",
                enrolled: Enrolled::No,
                prepare: |_| std::fs::remove_dir_all("/var/lib/twinlock/pending").unwrap(),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=missing"],
                ..ROW
            },
            Row {
                name: "no file may be written",
                enrolled: Enrolled::No,
                client: |client| client.limit("fsize", 0),
                code: pam::AUTHINFO_UNAVAIL,
                log: &["event=unavailable user=\"maria\"", "reason=file_size_limit"],
                ..ROW
            },
        ],
    );
}

/// cases.md, rows 30 and 58: cron, at, `sudo` within its timestamp. Whatever is wrong with us, they run, and nothing is
/// read, counted or logged.
#[test]
fn an_account_line_that_is_wrong_does_not_touch_cron() {
    for words in ["", "no_such_argument", "account_phase=", "after_publickey"] {
        hold(
            "acct_mgmt",
            "acct_mgmt",
            &[
                Row {
                    name: "enrolled",
                    service: "cron",
                    words: ("", words),
                    code: pam::IGNORE,
                    enrolled: Enrolled::No,
                    ..ROW
                },
                Row {
                    name: "everything of the user's is damaged",
                    service: "cron",
                    words: ("", words),
                    enrolled: Enrolled::No,
                    prepare: |stage| {
                        std::fs::write(record_path(&stage.maria), "x").unwrap();
                        stage.maria.write(".twinlock/credential.toml", "x", 0o600);
                    },
                    code: pam::IGNORE,
                    ..ROW
                },
                Row {
                    name: "not root",
                    service: "cron",
                    words: ("", words),
                    enrolled: Enrolled::No,
                    client: |client| client.as_user("maria"),
                    code: pam::IGNORE,
                    ..ROW
                },
                Row {
                    name: "nobody",
                    service: "cron",
                    words: ("", words),
                    enrolled: Enrolled::No,
                    client: |client| client.user("nobody-here"),
                    code: pam::IGNORE,
                    ..ROW
                },
            ],
        );
    }
}

/// cases.md, row 29.
#[test]
fn setcred_succeeds_always_and_sessions_and_passwords_are_not_ours() {
    let prepare: [fn(&Stage); 4] = [
        |_| (),
        |stage| stage.host.policy("require_mfa = ture\n"),
        |_| std::fs::remove_dir_all("/var/lib/twinlock").unwrap(),
        |stage| stage.host.witnessed_service("till", "no_such_argument", "no_such_argument"),
    ];
    let chain = "setcred,open_session,setcred_reinitialize,close_session,chauthtok,setcred_delete";
    for prepare in prepare {
        let row = Row { prepare, enrolled: Enrolled::No, ..ROW };
        let stage = stage(&row);
        let outcome = play(&row, &stage, chain);
        for (hook, code) in &outcome.witnessed {
            assert_eq!(*code, if hook == "setcred" { pam::SUCCESS } else { pam::IGNORE }, "{hook}");
        }
        assert_eq!(outcome.witnessed.len(), 6, "{:?}", outcome.witnessed);
        outcome.assert_host_unchanged();
        stage.host.journal().catch_up();
        assert_eq!(stage.host.journal().text(), "");
    }
}
