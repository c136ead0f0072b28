//! A real sshd on a free port of the host's loopback, and keys for it and its clients. It ends with its owner, its
//! sessions too.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::account::Account;
use crate::host::Host;
use crate::process::{self, Process};
use crate::{PATIENCE, namespace};

/// A key pair without a passphrase, made once per target folder and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    /// The private half, root's, 0600; the public half lies beside it as `.pub`.
    pub private: PathBuf,
}

impl SshKey {
    /// The key of this name. Only inside a host.
    pub fn named(name: &str) -> Self {
        let folder = namespace::disk();
        let private = folder.join(format!("{name}_ed25519"));
        if !private.with_extension("pub").is_file() {
            let fresh =
                folder.join(format!("{name}-{}-{:?}", std::process::id(), std::thread::current().id()));
            process::run(
                process::command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&fresh),
            )
            .ok();
            // Another test may do the same now. The pair that lands first stays, the public half says that it is whole.
            if std::fs::hard_link(&fresh, &private).is_ok() {
                let public = PathBuf::from(format!("{}.pub", fresh.display()));
                std::fs::rename(public, private.with_extension("pub")).expect("a public key");
            }
            std::fs::remove_file(&fresh).expect("a fresh key");
        }
        let deadline = Instant::now() + PATIENCE;
        while !private.with_extension("pub").is_file() && Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self { private }
    }

    /// The line for `authorized_keys`.
    pub fn public(&self) -> String {
        std::fs::read_to_string(self.private.with_extension("pub")).expect("a public key")
    }

    /// Lets the key into an account.
    pub fn authorize(&self, account: &Account) {
        account.write(".ssh/authorized_keys", self.public(), 0o600);
    }
}

/// A running sshd.
#[derive(Debug)]
pub struct Sshd {
    process: Process,
    port: u16,
    log: Arc<(Mutex<String>, Condvar)>,
}

impl Sshd {
    /// Starts sshd with PAM and keyboard-interactive on. Lines of `extra_config` win over the harness's own. PAM's
    /// service is `sshd`, and its text the host's affair: [`Host::pam_service`].
    pub fn start(host: &Host, extra_config: &str) -> Self {
        // The network is the host's own, so every port is free that no other sshd of the host has; asking the kernel for one
        // would leave the socket open in whatever another test forks meanwhile. Below those that clients get.
        static PORTS: AtomicU16 = AtomicU16::new(0);
        let port = 20_000 + PORTS.fetch_add(1, Ordering::Relaxed) % 10_000;
        let key = Path::new("/etc/ssh/twinlock_tests_host_key");
        host.install(&SshKey::named("host").private, key, 0o600);
        let config = format!("/etc/ssh/twinlock_tests_{port}");
        host.write(
            &config,
            &format!(
                "{extra_config}\nPort {port}\nListenAddress 127.0.0.1\nListenAddress ::1\nHostKey {}\n\
                 PidFile none\nUsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
                 PubkeyAuthentication yes\nPermitRootLogin yes\nUseDNS no\nPrintMotd no\nPrintLastLog no\n\
                 MaxStartups 200\nLogLevel VERBOSE\n",
                key.display()
            ),
            0o600,
        );
        // Should the thread that starts it be killed with its process, sshd must not stay.
        let mut command = process::command("setpriv");
        command.args(["--pdeathsig", "TERM", "/usr/sbin/sshd", "-D", "-e", "-f", &config]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command);
        let errors = process.child.stderr.take().expect("a pipe");
        let log = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let told = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut text = told.0.lock().unwrap();
                text.push_str(line.trim_end());
                text.push('\n');
                told.1.notify_all();
            }
        });
        let mut sshd = Self { process, port, log };
        sshd.wait_until_listening();
        sshd
    }

    fn wait_until_listening(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let listening = format!("Server listening on 127.0.0.1 port {}", self.port);
        while !self.log().contains(&listening) {
            let ended = self.process.child.try_wait().expect("a child of ours");
            assert!(ended.is_none() && Instant::now() < deadline, "sshd does not listen:\n{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// Its port, on 127.0.0.1 and ::1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process that listens.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What sshd itself logged so far (its modules log to the host's journal).
    pub fn log(&self) -> String {
        self.log.0.lock().unwrap().clone()
    }

    /// Waits until sshd has logged `text`; panics with the log when it does not.
    pub fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().unwrap();
        while !log.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "sshd did not log {text:?}:\n{log}");
            log = self.log.1.wait_timeout(log, left).unwrap().0;
        }
    }

    /// Arguments of a real ssh client for this server: nothing of the developer's configuration, keys or agent. The
    /// first `-o` of a name wins, so `first` may change any of them.
    pub fn client_arguments(&self, user: &str, first: &[&str]) -> Vec<String> {
        let port = self.port.to_string();
        let fixed = [
            "-F",
            "none",
            "-p",
            &port,
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "IdentityAgent=none",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "PreferredAuthentications=publickey,keyboard-interactive,password",
            "-o",
            "ConnectTimeout=10",
            "-l",
            user,
        ];
        // What follows the address is the remote command, so the address goes behind the options of `first`.
        let (options, remote) = match first.iter().position(|word| *word == "--") {
            Some(at) => (&first[..at], &first[at + 1..]),
            None => (first, &[][..]),
        };
        let words = options.iter().chain(&fixed).chain(&["127.0.0.1"]).chain(remote);
        words.map(|&word| word.to_owned()).collect()
    }
}
