//! Codes as an independent program computes them (`oathtool`, RFC 6238: SHA1, 6 digits, 30 seconds unless told).

use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::process;

/// Seconds of the default step.
pub const PERIOD: u64 = 30;

/// The code of a base32 secret at a Unix time.
pub fn code(secret: &str, time: u64) -> String {
    code_with(secret, time, &[])
}

/// The code at a Unix time with further arguments, for instance `["--totp=sha256", "--digits=8", "--time-step-size=60s"]`.
pub fn code_with(secret: &str, time: u64, arguments: &[&str]) -> String {
    let mut command = process::command("oathtool");
    if !arguments.iter().any(|argument| argument.starts_with("--totp")) {
        command.arg("--totp");
    }
    // The secret goes in by a pipe: an argument shows in the process list and in a panic's text.
    command.args(arguments).args(["--base32", &format!("--now=@{time}"), "-"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped());
    let mut oathtool = process::Process::spawn(&mut command);
    let mut input = oathtool.child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, format!("{secret}\n").as_bytes()).expect("oathtool reads");
    drop(input);
    let mut output = String::new();
    let stdout = oathtool.child.stdout.as_mut().expect("a pipe");
    std::io::Read::read_to_string(stdout, &mut output).expect("oathtool answers");
    assert!(oathtool.wait(crate::PATIENCE).is_some_and(|status| status.success()), "oathtool refused");
    output.trim().to_owned()
}

/// The code of now.
pub fn code_now(secret: &str) -> String {
    code(secret, now())
}

/// The code that is `steps` of 30 seconds after now, or before. A module that allows one step either way takes -1, 0
/// and 1, each later than the last, so three logins need no waiting. Seldom waits: a code of the step before is soon over.
pub fn code_at_step(secret: &str, steps: i64) -> String {
    if steps == -1 {
        with_time_left(5);
    }
    let time = now().checked_add_signed(steps * i64::try_from(PERIOD).expect("30")).expect("a time");
    code(secret, time)
}

/// A code that is right at no step near now.
pub fn wrong_code(secret: &str) -> String {
    let codes = code_with(secret, now() - 12 * PERIOD, &["--window=24"]);
    let near: Vec<&str> = codes.lines().collect();
    (0..)
        .map(|number| format!("{number:06}"))
        .find(|code| !near.contains(&code.as_str()))
        .expect("a million codes")
}

/// Unix time, in seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Waits until at least `seconds` of the current step are left, so that what follows happens within one step. Seldom
/// waits: only when fewer are left.
pub fn with_time_left(seconds: u64) {
    let left = PERIOD - now() % PERIOD;
    if left < seconds {
        std::thread::sleep(std::time::Duration::from_secs(left));
    }
}
