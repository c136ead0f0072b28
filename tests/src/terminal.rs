//! A program on a real terminal: a pty of a given size, its own session, and an emulator that knows what the screen
//! shows. Tests type, wait for text, read the screen, and look at it through a QR reader. Every wait ends.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

use crate::PATIENCE;
use crate::host::Host;
use crate::picture::{self, Theme};
use crate::process::{self, Process};
use crate::sshd::Sshd;

/// What the terminal will be; 80 x 24, `xterm-256color` and `C.UTF-8` unless told.
#[derive(Clone, Debug)]
pub struct TerminalSetup {
    columns: u16,
    rows: u16,
    environment: Vec<(String, String)>,
    user: Option<String>,
    patience: Duration,
}

impl TerminalSetup {
    /// Columns and rows.
    #[must_use]
    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        (self.columns, self.rows) = (columns, rows);
        self
    }

    /// TERM.
    #[must_use]
    pub fn term(self, name: &str) -> Self {
        self.env("TERM", name)
    }

    /// LANG; `C` makes an ssh client print UTF-8 as octal.
    #[must_use]
    pub fn lang(self, name: &str) -> Self {
        self.env("LANG", name)
    }

    /// A variable of the program.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the program as this user, with the user's groups, instead of root.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.user = Some(name.to_owned());
        self
    }

    /// How long each wait may take.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Runs a program.
    pub fn run<S: AsRef<str>>(&self, program: &str, arguments: &[S]) -> Terminal {
        // Close-on-exec from the first moment: a copy in another test's child would keep the terminal open.
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a pty");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let name = ptsname_r(&master).expect("ptsname");
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        set_size(&name, self.columns, self.rows);

        let mut command = process::command("setsid");
        command.arg("--ctty");
        if let Some(user) = &self.user {
            command.args(["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--"]);
            command.env("HOME", format!("/home/{user}")).env("USER", user).env("LOGNAME", user);
        }
        command.arg(program).args(arguments.iter().map(AsRef::as_ref));
        command.env("TERM", "xterm-256color").envs(self.environment.iter().cloned());
        let copy = || Stdio::from(OwnedFd::from(slave.try_clone().expect("a descriptor")));
        command.stdin(copy()).stdout(copy()).stderr(copy());
        let process = Process::spawn(&mut command);
        drop(command);
        drop(slave);

        let master = Arc::new(master);
        let seen = Arc::new((Mutex::new(Seen::new(self.columns, self.rows)), Condvar::new()));
        let (source, told) = (Arc::clone(&master), Arc::clone(&seen));
        std::thread::spawn(move || read_to_the_end(&source, &told));
        Terminal { process, master, name, seen, matched: 0, patience: self.patience }
    }

    /// Runs a real ssh client. Words of `options` come first and win; what follows a `--` is the remote command.
    pub fn ssh(&self, sshd: &Sshd, user: &str, options: &[&str]) -> Terminal {
        self.run("ssh", &sshd.client_arguments(user, options))
    }
}

fn set_size(terminal: &str, columns: u16, rows: u16) {
    let size = ["cols".to_owned(), columns.to_string(), "rows".to_owned(), rows.to_string()];
    process::run(process::command("stty").args(["-F", terminal]).args(size)).ok();
}

/// What came from the program.
struct Seen {
    raw: Vec<u8>,
    emulator: vt100::Parser,
    ended: bool,
}

impl Seen {
    fn new(columns: u16, rows: u16) -> Self {
        Self { raw: Vec::new(), emulator: vt100::Parser::new(rows, columns, 1000), ended: false }
    }
}

fn read_to_the_end(mut source: &PtyMaster, told: &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        // EIO: no program has the terminal open any more.
        let length = source.read(&mut buffer).unwrap_or(0);
        let mut seen = told.0.lock().unwrap();
        seen.raw.extend(&buffer[..length]);
        seen.emulator.process(&buffer[..length]);
        seen.ended = length == 0;
        told.1.notify_all();
        if length == 0 {
            return;
        }
    }
}

/// A running program and its screen. Dropped, the program is killed.
pub struct Terminal {
    process: Process,
    master: Arc<PtyMaster>,
    name: String,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    matched: usize,
    patience: Duration,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Terminal {} process {}\n{}", self.name, self.process.id(), self.screen_text())
    }
}

impl Terminal {
    /// A terminal of this host, to be set up and then to run one program.
    #[expect(clippy::new_ret_no_self, reason = "there is no terminal without a program")]
    pub fn new(_on: &Host) -> TerminalSetup {
        TerminalSetup { columns: 80, rows: 24, environment: Vec::new(), user: None, patience: PATIENCE }
    }

    /// The program's process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for `text` in what came since the last match, and returns what came before it. Panics when it does not
    /// come. Text is looked for in the raw stream, escape sequences and all.
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_any(&[text]).1
    }

    /// Waits for the first of several texts; returns which one it was, and what came before it.
    pub fn expect_any(&mut self, texts: &[&str]) -> (usize, String) {
        let from = self.matched;
        let found = self.wait_until(|seen| {
            let new = &seen.raw[from..];
            let places =
                texts.iter().enumerate().filter_map(|(which, text)| Some((position(new, text)?, which)));
            places.min()
        });
        let Some((at, which)) = found else { panic!("{texts:?} did not come\n{}", self.report()) };
        self.matched = from + at + texts[which].len();
        let before = String::from_utf8_lossy(&self.seen.0.lock().unwrap().raw[from..from + at]).into_owned();
        (which, before)
    }

    /// As [`Terminal::expect_any`]; None when the program ended and none of the texts came.
    pub fn expect_any_or_end(&mut self, texts: &[&str]) -> Option<(usize, String)> {
        let from = self.matched;
        let seen = |seen: &Seen| {
            let new = &seen.raw[from..];
            let came = texts.iter().any(|text| position(new, text).is_some());
            (came || seen.ended).then_some(came)
        };
        match self.wait_until(seen) {
            Some(true) => Some(self.expect_any(texts)),
            Some(false) => None,
            None => panic!("{texts:?} did not come\n{}", self.report()),
        }
    }

    /// Waits until the screen as a whole satisfies `wanted`, and returns its text.
    pub fn expect_screen(&self, wanted: impl Fn(&str) -> bool) -> String {
        let found =
            self.wait_until(|seen| Some(seen.emulator.screen().contents()).filter(|text| wanted(text)));
        found.unwrap_or_else(|| panic!("the screen never looked as expected\n{}", self.report()))
    }

    /// Types; a carriage return is the Enter key.
    pub fn send(&mut self, keys: &str) {
        let mut master: &PtyMaster = &self.master;
        if let Err(error) = master.write_all(keys.as_bytes()) {
            panic!("the terminal is closed: {error}\n{}", self.report());
        }
    }

    /// Types a line and Enter.
    pub fn send_line(&mut self, line: &str) {
        self.send(&format!("{line}\r"));
    }

    /// Another size; the program hears SIGWINCH.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        set_size(&self.name, columns, rows);
        self.seen.0.lock().unwrap().emulator.screen_mut().set_size(rows, columns);
    }

    /// Waits for the end of the program, with all that it printed. Panics when it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let Some(status) = self.process.wait(self.patience) else {
            panic!("the program does not end\n{}", self.report());
        };
        // What it left running in the background may keep the terminal; what it printed itself is in the pty already.
        let deadline = Instant::now() + Duration::from_millis(500);
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.ended && Instant::now() < deadline {
            seen = self.seen.1.wait_timeout(seen, Duration::from_millis(50)).unwrap().0;
        }
        status
    }

    /// Everything that came from the program, byte for byte.
    pub fn raw(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().raw.clone()
    }

    /// Everything that came from the program, lossily as UTF-8.
    pub fn raw_text(&self) -> String {
        String::from_utf8_lossy(&self.raw()).into_owned()
    }

    /// What the screen shows, line by line, without trailing blanks.
    pub fn screen_text(&self) -> String {
        self.seen.0.lock().unwrap().emulator.screen().contents()
    }

    /// The screen as a PNG picture.
    pub fn screen_png(&self, theme: Theme) -> Vec<u8> {
        picture::of_screen(self.seen.0.lock().unwrap().emulator.screen(), theme)
    }

    /// The screen cell by cell, for docs/images/render.
    pub fn screen_cells(&self, theme: Theme) -> String {
        picture::cells(self.seen.0.lock().unwrap().emulator.screen(), theme)
    }

    /// What a QR reader reads off the screen.
    pub fn scan_qr(&self, theme: Theme) -> Option<String> {
        picture::scan_qr(&self.screen_png(theme))
    }

    fn wait_until<T>(&self, found: impl Fn(&Seen) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + self.patience;
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            if let Some(value) = found(&seen) {
                return Some(value);
            }
            if seen.ended {
                return None;
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    fn report(&self) -> String {
        let raw = self.raw();
        let tail = String::from_utf8_lossy(&raw[raw.len().saturating_sub(400)..]).into_owned();
        format!("--- screen ---\n{}\n--- last bytes ---\n{tail:?}", self.screen_text())
    }
}

fn position(bytes: &[u8], text: &str) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    bytes.windows(text.len()).position(|window| window == text.as_bytes())
}
