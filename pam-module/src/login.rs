//! One login: who wants in, by which way, and what the policy says about it.

use twinlock_system::policy_files::{self, InForce};
use twinlock_system::{Fault, Paths, Ruling, User};
use twinlock_verifier::Source;

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

/// Reads the policy that is in force, and says so in the log if it is broken.
pub fn read_policy(host: &mut dyn Host, paths: &Paths) -> InForce {
    let in_force = policy_files::load(paths, false);
    if !in_force.policy.faults().is_empty() {
        audit::policy_is_broken(host, &in_force.policy);
    }
    in_force
}

/// What the policy says about this login. None when NSS does not know the user.
///
/// # Errors
/// [`Fault::Lookup`] when NSS failed.
pub fn rule(paths: &Paths, in_force: &mut InForce, login: &Login) -> Result<Option<Ruling>, Fault> {
    let user = User::by_name(&login.name)?;
    Ok(user.map(|user| Ruling::of(paths, in_force, user, &login.service, login.rhost.as_deref())))
}
