//! sshd: our settings in its configuration, whether it accepts them, and how it takes them up.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::edit::Edit;
use super::place;
use super::trouble::Trouble;
use crate::doctor::sshd::PROGRAM;

const MAIN: &str = "/etc/ssh/sshd_config";
const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-twinlock.conf";
const PID_FILE: &str = "/run/sshd.pid";
const SYSTEMCTL: &str = "/usr/bin/systemctl";
/// What the package ships as an example; its first paragraph says where to put it.
const EXAMPLE: &str = include_str!("../../../packaging/sshd/twinlock.conf");
const MARK: &str = "# Twinlock, by `twinlock setup`; `twinlock setup --undo` takes it out.\n";
const END: &str = "# End of Twinlock's lines.\n";

/// Whether there is an sshd on this host.
pub fn is_there() -> bool {
    Path::new(PROGRAM).exists() && Path::new(MAIN).exists()
}

/// The change of sshd's configuration: a file of its own, where the main one reads that folder; else lines at its top,
/// since the first value of a name counts.
///
/// # Errors
/// [`Trouble::File`].
pub fn edit() -> Result<Edit, Trouble> {
    let settings = EXAMPLE.split_once("\n\n").map_or(EXAMPLE, |(_, settings)| settings);
    let settings = format!("{MARK}\n{settings}");
    let main = place::read(Path::new(MAIN))?.unwrap_or_default();
    if reads_drop_ins(&main) {
        let path = Path::new(DROP_IN);
        let before = place::read(path)?;
        return Ok(Edit { path: path.to_owned(), before, after: Some(settings) });
    }
    let before = Some(main.clone());
    let after = if main.starts_with(MARK) { main } else { format!("{settings}{END}\n{main}") };
    Ok(Edit { path: MAIN.into(), before, after: Some(after) })
}

fn reads_drop_ins(main: &str) -> bool {
    let lines = main.lines().map(str::trim);
    let global = lines.take_while(|line| !line.to_ascii_lowercase().starts_with("match "));
    global.filter_map(|line| line.split_once(char::is_whitespace)).any(|(name, value)| {
        name.eq_ignore_ascii_case("include")
            && value.split_whitespace().any(|pattern| {
                let pattern = pattern.trim_matches('"');
                matches!(
                    pattern.strip_prefix("/etc/ssh/").unwrap_or(pattern),
                    "sshd_config.d/*.conf" | "sshd_config.d/*"
                )
            })
    })
}

/// Lets sshd read its configuration.
///
/// # Errors
/// [`Trouble::SshdRefuses`] with what it said.
pub fn check() -> Result<(), Trouble> {
    let output = Command::new(PROGRAM).arg("-t").stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        // Made by the unit that starts it: sshd does not run, and its configuration was not looked at.
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("privilege separation directory") => {
            Ok(())
        }
        Ok(output) => Err(Trouble::SshdRefuses(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(Trouble::SshdRefuses(error.to_string())),
    }
}

/// Makes a running sshd read its configuration anew; whether one runs.
pub fn reload() -> bool {
    if Path::new("/run/systemd/system").exists() {
        for unit in ["ssh.service", "sshd.service"] {
            let systemctl = |verb: &str| {
                let mut command = Command::new(SYSTEMCTL);
                command.args([verb, "--quiet", unit]).stdin(Stdio::null());
                command.stdout(Stdio::null()).stderr(Stdio::null());
                command.status().is_ok_and(|status| status.success())
            };
            if systemctl("is-active") && systemctl("reload") {
                return true;
            }
        }
    }
    let pid = std::fs::read_to_string(PID_FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let Some(pid) = pid.filter(|pid| *pid > 1) else { return false };
    // The file may be old, and the number somebody else's.
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    let is_sshd = program.is_ok_and(|program| program.file_name().is_some_and(|name| name == "sshd"));
    is_sshd && kill(Pid::from_raw(pid), Signal::SIGHUP).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_the_main_file_reads_others_is_seen() {
        for (main, reads) in [
            ("Include /etc/ssh/sshd_config.d/*.conf\n", true),
            ("# x\n  include \"/etc/ssh/sshd_config.d/*.conf\"\n", true),
            ("Include sshd_config.d/*.conf /etc/other\n", true),
            ("#Include /etc/ssh/sshd_config.d/*.conf\n", false),
            ("Include /etc/ssh/other/*.conf\n", false),
            ("Match User edi\n  Include /etc/ssh/sshd_config.d/*.conf\n", false),
        ] {
            assert_eq!(reads_drop_ins(main), reads, "{main}");
        }
    }
}
