//! `twinlock enroll` of somebody who has something set up already: says what, and offers to add another authenticator or
//! to put one in the place of an old one. Where only root can read the old credential, all of it is replaced.

use twinlock_policy::Policy;
use twinlock_system::credential::Place;
use twinlock_verifier::Credential;
use twinlock_verifier::credential::is_label;

use crate::authenticators::{self, Addition, Replaces};
use crate::cli::Enroll;
use crate::error::{Error, Exit};
use crate::terminal::{self, Echo, Held};
use crate::texts;
use crate::whose::Whose;

/// An authenticator that is there.
#[derive(Debug)]
pub struct Known {
    /// Its number in the credential.
    pub id: u32,
    /// Its name.
    pub label: String,
    /// Unix seconds of its enrolment.
    pub enrolled: i64,
    /// Where the credential is.
    pub place: Place,
}

impl Known {
    /// All of a credential.
    pub fn all(credential: &Credential, place: Place) -> Vec<Known> {
        let known = |one: &twinlock_verifier::Authenticator| Known {
            id: one.id,
            label: one.label.clone(),
            enrolled: one.enrolled,
            place,
        };
        credential.authenticators.iter().map(known).collect()
    }
}

/// What is to be done.
enum Choice {
    Add,
    Replace,
}

/// A second enrolment.
pub struct Again<'a> {
    pub options: &'a Enroll,
    pub whose: &'a Whose<'a>,
    /// What is there; nothing where it cannot be read.
    pub known: Vec<Known>,
    pub sealed: bool,
    pub policy: &'a Policy,
}

impl Again<'_> {
    /// Offers, asks, and does it.
    ///
    /// # Errors
    /// [`Error`]; then everything is as it was, but for a code that was used up.
    pub fn run(&self) -> Result<Exit, Error> {
        let held = Held::begin()?;
        let offer = if self.sealed { texts::SEALED_OFFER.to_owned() } else { texts::offer(&self.known) };
        terminal::print(&offer).map_err(Error::Output)?;
        let (label, replaces) = match self.choice(&held)? {
            Choice::Add => (self.name(&held)?, Replaces::Nothing),
            Choice::Replace if self.sealed => (self.label_or("phone"), Replaces::All),
            Choice::Replace => {
                let old = self.which(&held)?;
                (self.label_or(&old.label), Replaces::One(old.id))
            }
        };
        let addition = Addition {
            label: &label,
            replaces,
            key: &self.options.key,
            unattended: false,
            json: false,
            whose: self.whose,
        };
        authenticators::add(&addition, self.policy, &held)
    }

    fn choice(&self, held: &Held) -> Result<Choice, Error> {
        loop {
            let answer = self.ask(texts::YOUR_CHOICE, held)?;
            match answer.to_ascii_lowercase().as_str() {
                "a" | "add" if !self.sealed => return Ok(Choice::Add),
                "r" | "replace" => return Ok(Choice::Replace),
                _ => {}
            }
        }
    }

    fn name(&self, held: &Held) -> Result<String, Error> {
        if let Some(label) = &self.options.label {
            return Ok(label.clone());
        }
        let is_free = |name: &String| self.known.iter().all(|one| one.label != *name);
        let free = (2u32..).map(|number| format!("phone {number}")).find(is_free).unwrap_or_default();
        loop {
            let answer =
                terminal::ask(&texts::name_for_it(&free), Echo::On, held)?.ok_or(Error::Cancelled)?;
            let name = match String::from_utf8(answer.trim_ascii().to_vec()) {
                Ok(name) if name.is_empty() => return Ok(free),
                Ok(name) => name,
                Err(_) => continue,
            };
            if is_label(&name) && is_free(&name) {
                return Ok(name);
            }
            terminal::complain(texts::ANOTHER_NAME);
        }
    }

    /// Which one is to be replaced.
    fn which(&self, held: &Held) -> Result<&Known, Error> {
        if let [one] = self.known.as_slice() {
            return Ok(one);
        }
        loop {
            let answer = self.ask(texts::WHICH_ONE, held)?;
            let by_name = self.known.iter().find(|one| one.label == answer);
            let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            if let Some(one) = by_name.or_else(|| self.known.get(number?)) {
                return Ok(one);
            }
        }
    }

    fn label_or(&self, label: &str) -> String {
        self.options.label.clone().unwrap_or_else(|| label.to_owned())
    }

    /// An answer; an empty one leaves everything as it is.
    fn ask(&self, prompt: &str, held: &Held) -> Result<String, Error> {
        let answer = terminal::ask(prompt, Echo::On, held)?.ok_or(Error::LeftAsItIs)?;
        let answer = String::from_utf8_lossy(answer.trim_ascii()).into_owned();
        if answer.is_empty() { Err(Error::LeftAsItIs) } else { Ok(answer) }
    }
}
