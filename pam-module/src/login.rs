//! One login: who wants in, by which way, and what the policy says about it.

use twinlock_policy::{Decision, Facts, Membership, Policy, SourceFile, Subject};
use twinlock_system::{Fault, Ledger, Paths, User, clock, policy_files};
use twinlock_verifier::verdict::clock_is_behind;
use twinlock_verifier::{Limits, Record, Source};

use crate::audit;
use crate::host::{Host, HostFault};

/// What PAM says about a login.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name as given; NSS may know the user by another spelling.
    pub name: String,
    /// PAM_SERVICE.
    pub service: String,
    /// PAM_RHOST; None for a local login.
    pub rhost: Option<String>,
    /// PAM_TTY.
    pub tty: String,
    /// PAM_RUSER.
    pub ruser: String,
}

impl Login {
    /// Asks the host.
    ///
    /// # Errors
    /// [`HostFault`] when there is no name to be had.
    pub fn from_host(host: &mut dyn Host) -> Result<Self, HostFault> {
        let name = host.user()?;
        Ok(Self { name, service: host.service(), rhost: host.rhost(), tty: host.tty(), ruser: host.ruser() })
    }

    /// Where this login comes from, as the throttle counts it.
    pub fn source(&self) -> Source {
        Source::from_rhost(self.rhost.as_deref())
    }

    /// Where this login comes from, in words that a person knows again.
    pub fn origin(&self) -> String {
        match &self.rhost {
            Some(rhost) => rhost.clone(),
            None if self.tty.is_empty() => "this host".to_owned(),
            None => self.tty.clone(),
        }
    }
}

/// Reads and parses the policy, and says so in the log if it is broken.
pub fn read_policy(host: &mut dyn Host, paths: &Paths) -> Policy {
    let files = policy_files::read(paths);
    let source = |file: &'_ policy_files::PolicyFile| -> Result<Vec<u8>, String> {
        file.text.as_ref().map(|text| text.to_vec()).map_err(ToString::to_string)
    };
    let texts: Vec<_> = files.drop_ins.iter().map(source).collect();
    let main = source(&files.main);
    let as_source = |path, text| SourceFile { path, text };
    let drop_ins: Vec<_> = files
        .drop_ins
        .iter()
        .zip(&texts)
        .map(|(file, text)| as_source(file.path.as_str(), borrowed(text)))
        .collect();
    let policy = Policy::parse(&as_source(files.main.path.as_str(), borrowed(&main)), &drop_ins);
    if !policy.faults().is_empty() {
        audit::policy_is_broken(host, &policy);
    }
    policy
}

fn borrowed(text: &Result<Vec<u8>, String>) -> Result<&[u8], String> {
    text.as_ref().map(Vec::as_slice).map_err(Clone::clone)
}

/// A user whom NSS knows, and what the policy says about this login of theirs.
#[derive(Debug)]
pub struct Ruling {
    /// The user.
    pub user: User,
    /// Their record, if it could be read.
    pub record: Result<Option<Record>, Fault>,
    /// Unix seconds.
    pub now: i64,
    /// Nothing that loosens for a time holds.
    pub clock_is_behind: bool,
    /// What is required, and why.
    pub decision: Decision,
}

impl Ruling {
    /// Looks the user up and decides. None when NSS does not know them.
    ///
    /// # Errors
    /// [`Fault::Lookup`] when NSS failed.
    pub fn of(paths: &Paths, policy: &Policy, login: &Login) -> Result<Option<Self>, Fault> {
        let Some(user) = User::by_name(&login.name)? else { return Ok(None) };
        let now = clock::now();
        let record = Ledger::new(paths).read(&user);
        // Without a record nobody can say what its newest time was.
        let clock_is_behind = match &record {
            Ok(Some(record)) => clock_is_behind(record, now, clock::BUILT),
            Ok(None) => now < clock::BUILT,
            Err(_) => true,
        };
        let subject = Subject {
            user: &user.name,
            uid: user.uid,
            gid: user.gid,
            service: &login.service,
            rhost: login.rhost.as_deref(),
            now,
            clock_is_behind,
        };
        let decision = policy.decide(&subject, &mut Nss { user: &user });
        Ok(Some(Self { user, record, now, clock_is_behind, decision }))
    }
}

/// The throttle's numbers as the verifier takes them.
pub fn limits(policy: &Policy) -> Limits {
    let throttle = policy.throttle();
    Limits {
        free_failures: throttle.free_failures,
        first_wait: throttle.first_wait,
        longest_wait: throttle.longest_wait,
        disable_after: throttle.disable_after,
    }
}

/// Answers the policy's questions by NSS.
struct Nss<'a> {
    user: &'a User,
}

impl Facts for Nss<'_> {
    fn in_group(&mut self, group: &str) -> Membership {
        match self.user.is_in_group(group) {
            Ok(Some(true)) => Membership::Yes,
            Ok(Some(false)) => Membership::No,
            Ok(None) => Membership::Unknown("no such group".to_owned()),
            Err(fault) => Membership::Unknown(fault.to_string()),
        }
    }
}
