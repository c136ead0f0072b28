//! What a real core of module, command and helper holds after they were used: no secret, no code, no recovery code. The
//! cores are gdb's, taken as root at the last system call of the process; the kernel itself writes none of the command
//! and the helper.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Stdio};

use twinlock_tests::witness::{enrol, key_in};
use twinlock_tests::{Account, Host, PamClient, Phone, oathtool, pam, process};

const CORE: &str = "/tmp/core";
const COMMAND: &str = "/usr/bin/twinlock";

/// What must not be in a core, by name.
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    fn of(phone: &Phone) -> Self {
        let mut secrets = Self(Vec::new());
        secrets.add("the secret in base32", phone.secret.as_bytes());
        let groups: Vec<_> =
            phone.secret.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
        secrets.add("the key in groups", groups.join(" ").as_bytes());
        let raw = twinlock_verifier::credential::decode_secret(&phone.secret).unwrap();
        secrets.add("the secret itself", &raw);
        // HMAC's inner and outer key, as it XORs them: a secret by another name.
        secrets.add("the inner key", &raw.iter().map(|byte| byte ^ 0x36).collect::<Vec<_>>());
        secrets.add("the outer key", &raw.iter().map(|byte| byte ^ 0x5c).collect::<Vec<_>>());
        secrets
    }

    fn add(&mut self, name: &'static str, bytes: &[u8]) {
        self.0.push((name, bytes.to_vec()));
    }

    fn add_recovery(&mut self, code: &str) {
        let bare = code.replace('-', "");
        self.add("a recovery code as printed", code.as_bytes());
        self.add("a recovery code without dashes", bare.as_bytes());
        self.add("a recovery code in lower case", bare.to_lowercase().as_bytes());
        self.add("a recovery code itself", &*twinlock_verifier::recovery::decode(&bare).unwrap());
    }

    /// Those that are in a core, and where.
    fn found_in(&self, core: &[u8]) -> Vec<String> {
        let found = |(name, bytes): &(&str, Vec<u8>)| {
            let at = core.windows(bytes.len()).position(|window| window == bytes)?;
            Some(format!("{name} {}", place(core, at)))
        };
        self.0.iter().filter_map(found).collect()
    }
}

/// Where in the process an offset of its core was: elf(5).
fn place(core: &[u8], at: usize) -> String {
    let number = |offset: usize, bytes: usize| {
        let field = core.get(offset..offset + bytes).unwrap_or_default();
        field.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    for header in (0..count).map(|index| table + index * size) {
        let (kind, start, address, length) =
            (number(header, 4), number(header + 8, 8), number(header + 16, 8), number(header + 32, 8));
        if (start..start + length).contains(&at) {
            let offset = at - start;
            return match kind {
                4 => format!("in the registers, {offset:#x}"),
                _ => format!("at {:#x} of the segment at {address:#x}", address + offset),
            };
        }
    }
    "nowhere".to_owned()
}

/// A code that is not right, and not one that a core is full of, as zeros are.
fn wrong_code(phone: &Phone) -> String {
    let distinct = |code: &String| {
        let mut digits: Vec<char> = code.chars().collect();
        digits.sort_unstable();
        digits.dedup();
        digits.len() > 4
    };
    (1000..).map(|steps| phone.code_at_step(steps)).find(distinct).expect("a code of some later day")
}

/// A core of a running process.
fn core_of(process: u32) -> Vec<u8> {
    let pid = process.to_string();
    let script = format!("gcore {CORE}");
    process::run(process::command("gdb").args(["-q", "-batch", "-p", &pid, "-ex", &script])).ok();
    let core = std::fs::read(CORE).unwrap();
    assert!(core.len() > 100_000 && core.starts_with(b"\x7fELF"), "no core");
    std::fs::remove_file(CORE).unwrap();
    core
}

/// Runs a program to its last system call, and takes a core of it there.
fn core_at_the_end(program: &str, arguments: &[&str], input: &str) -> (Vec<u8>, String) {
    std::fs::write("/tmp/input", input).unwrap();
    let words = arguments.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let run = format!("run {words} </tmp/input >/tmp/output 2>&1");
    let gcore = format!("gcore {CORE}");
    let mut gdb: Command = process::command("gdb");
    gdb.args([
        "-q",
        "-batch",
        "-ex",
        "catch syscall exit_group",
        "-ex",
        &run,
        "-ex",
        &gcore,
        "-ex",
        "kill",
        program,
    ]);
    let said = process::run(gdb.stdin(Stdio::null()));
    let core = std::fs::read(CORE).unwrap_or_else(|error| panic!("{error}: {} {}", said.stdout, said.stderr));
    std::fs::remove_file(CORE).unwrap();
    let output = std::fs::read_to_string("/tmp/output").unwrap();
    std::fs::remove_file("/tmp/output").unwrap();
    std::fs::remove_file("/tmp/input").unwrap();
    (core, output)
}

/// A user with a phone and recovery codes.
fn enrolled(host: &Host) -> (Account, Phone, Vec<String>) {
    let maria = host.add_user("maria", "secret");
    let (phone, codes) = enrol(&PamClient::new(host, "till").user("maria"));
    (maria, phone, codes)
}

#[test]
fn a_search_finds_what_is_in_a_core() {
    let phone = Phone::numbered(3);
    let mut secrets = Secrets::of(&phone);
    secrets.add_recovery("ABCD-EFGH-IJKL-MNOP");
    let core = format!("xx{}yyabcdefghijklmnopzz", phone.secret);
    assert_eq!(
        secrets.found_in(core.as_bytes()),
        ["the secret in base32 nowhere", "a recovery code in lower case nowhere"]
    );
}

#[test]
fn a_core_of_a_host_after_a_login_holds_nothing_of_ours() {
    let host = Host::that_requires_codes();
    let (_, phone, codes) = enrolled(&host);
    let mut found = Vec::new();
    // A right code, a wrong one before it, and a recovery code.
    oathtool::with_time_left(15);
    for answers in
        [vec![phone.code()], vec![wrong_code(&phone), phone.code_at_step(1)], vec![codes[4].clone()]]
    {
        let mut secrets = Secrets::of(&phone);
        for answer in &answers {
            match answer.len() {
                6 => secrets.add("a code", answer.as_bytes()),
                _ => secrets.add_recovery(answer),
            }
        }
        let mut login =
            PamClient::new(&host, "till").user("maria").chain("authenticate,acct_mgmt,hold").start();
        let mut answers = answers.iter();
        login.answer_until_held(|login, message| {
            if message.kind.is_prompt() {
                login.answer(answers.next().expect("an answer"));
            }
        });
        found.extend(secrets.found_in(&core_of(login.process_id())));
        login.release();
        assert_eq!(login.finish().code("acct_mgmt"), pam::SUCCESS);
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_core_of_a_host_after_an_enrolment_holds_nothing_of_ours() {
    let host = Host::that_requires_codes();
    host.add_user("maria", "secret");
    let client =
        PamClient::new(&host, "till").user("maria").chain("authenticate,acct_mgmt,hold").keep_going();
    let mut login = client.start();
    let mut phone = None;
    let mut codes = String::new();
    let mut typed = String::new();
    login.answer_until_held(|login, message| {
        if message.text.contains("Key: ") {
            let new = Phone::with_key(key_in(&message.text));
            typed = new.code();
            login.answer(&typed);
            phone = Some(new);
        } else if message.kind.is_prompt() {
            codes = message.text.clone();
            login.answer("");
        }
    });
    let phone = phone.expect("a key was shown");
    let mut secrets = Secrets::of(&phone);
    secrets.add("the code that confirmed", typed.as_bytes());
    let is_code = |word: &&str| word.len() == 19 && word.split('-').count() == 4;
    let codes: Vec<_> = codes.split_whitespace().filter(is_code).collect();
    assert_eq!(codes.len(), 10);
    codes.iter().for_each(|code| secrets.add_recovery(code));
    let found = secrets.found_in(&core_of(login.process_id()));
    login.release();
    assert_eq!(login.finish().code("acct_mgmt"), pam::SUCCESS);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_core_of_the_helper_holds_nothing_of_ours() {
    let host = Host::that_requires_codes();
    host.install_check_helper();
    // gdb starts it, so it is root's own: the same path, and the core is one that nobody else could take.
    let (phone, codes) = {
        let (_, phone, codes) = enrolled(&host);
        let home = std::fs::read("/home/maria/.twinlock/credential.toml").unwrap();
        std::fs::create_dir_all("/root/.twinlock").unwrap();
        std::fs::write("/root/.twinlock/credential.toml", home).unwrap();
        for (path, mode) in [("/root/.twinlock", 0o700), ("/root/.twinlock/credential.toml", 0o600)] {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        (phone, codes)
    };
    let mut found = Vec::new();
    oathtool::with_time_left(15);
    for answer in [phone.code(), codes[2].clone(), wrong_code(&phone)] {
        let mut secrets = Secrets::of(&phone);
        match answer.len() {
            6 => secrets.add("a code", answer.as_bytes()),
            _ => secrets.add_recovery(&answer),
        }
        let input = format!("service=swaylock\nanswer={}\n", answer.replace('-', ""));
        let (core, said) = core_at_the_end("/usr/libexec/twinlock/check", &["verify"], &input);
        assert!(said.starts_with("accepted") || said.contains("reason=wrong"), "{said}");
        found.extend(secrets.found_in(&core));
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_core_of_the_command_holds_nothing_of_ours() {
    let host = Host::that_requires_codes();
    let mut found = Vec::new();
    let mut look = |what: &'static str, secrets: &Secrets, core: &[u8]| {
        found.extend(secrets.found_in(core).into_iter().map(|name| format!("{what}: {name}")));
    };
    let (core, said) = core_at_the_end(COMMAND, &["enroll", "--unattended", "--json"], "");
    let json: serde_json::Value =
        serde_json::from_str(said.lines().skip_while(|line| *line != "{").collect::<String>().as_str())
            .unwrap_or_else(|error| panic!("{error}: {said}"));
    let phone = Phone { secret: json["secret"].as_str().unwrap().to_owned() };
    let codes: Vec<_> = json["recovery_codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    let mut secrets = Secrets::of(&phone);
    codes.iter().for_each(|code| secrets.add_recovery(code));
    look("enroll", &secrets, &core);
    oathtool::with_time_left(15);
    for answer in [phone.code(), codes[3].clone()] {
        let (core, said) = core_at_the_end(COMMAND, &["verify"], &format!("{answer}\n"));
        assert!(said.contains("is right"), "{said}");
        let mut secrets = Secrets::of(&phone);
        match answer.len() {
            6 => secrets.add("a code", answer.as_bytes()),
            _ => secrets.add_recovery(&answer),
        }
        look("verify", &secrets, &core);
    }
    let (core, said) = core_at_the_end(COMMAND, &["recovery-codes"], "");
    let mut secrets = Secrets::of(&phone);
    let is_code = |word: &&str| word.len() == 19 && word.split('-').count() == 4;
    assert_eq!(said.split_whitespace().filter(is_code).count(), 10, "{said}");
    said.split_whitespace().filter(is_code).for_each(|code| secrets.add_recovery(code));
    look("recovery-codes", &secrets, &core);
    let (core, said) =
        core_at_the_end(COMMAND, &["authenticators", "add", "tablet", "--unattended", "--json"], "");
    assert!(said.contains("\"tablet\""), "{said}");
    let second = said.split("\"secret\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    look("authenticators add", &Secrets::of(&Phone { secret: second.to_owned() }), &core);
    look("authenticators add", &Secrets::of(&phone), &core);
    assert!(Path::new("/var/lib/twinlock/ledger/0").exists());
    assert_eq!(found, [""; 0]);
    drop(host);
}
