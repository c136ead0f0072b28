//! `disable` and `enable`: the user's own switch, for where a code is not required. Either takes a code.

use twinlock_system::ledger::Keep;
use twinlock_system::{Ledger, Trouble};

use crate::answer::Answer;
use crate::audit::{send, Level};
use crate::visit::Visit;

/// Which way the switch is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Codes are asked for only where they are required.
    Off,
    /// And wherever the module is asked.
    On,
}

impl Turn {
    fn event(self) -> &'static str {
        match self {
            Self::Off => "disabled",
            Self::On => "enabled",
        }
    }

    fn refusal(self) -> &'static str {
        match self {
            Self::Off => "disable_refused",
            Self::On => "enable_refused",
        }
    }
}

/// Turns the switch, after a right answer.
pub fn run(visit: &Visit<'_>, turn: Turn) -> Answer {
    if turn == Turn::Off && visit.required_somewhere {
        return visit.refuse(turn.refusal(), "required");
    }
    let credential = match visit.credential() {
        Ok(Some(credential)) => credential,
        Ok(None) => return visit.refuse(turn.refusal(), "not_enrolled"),
        Err(answer) => return answer,
    };
    let accepted = match visit.judge(&credential) {
        Ok(accepted) => accepted,
        Err(answer) => return answer,
    };
    let turned = Ledger::new(visit.paths).change(visit.user(), |change| {
        // The answer was right, so the user was enrolled a moment ago; if not now, an administrator has reset them.
        let still = change.record.enrolled;
        change.record.switched_off = still && turn == Turn::Off;
        (still, if still { Keep::Record } else { Keep::Nothing })
    });
    match turned {
        Ok(true) => {
            send(Level::Notice, &visit.line(turn.event()));
            Answer::accepted().with_acceptance(&accepted)
        }
        Ok(false) => visit.refuse(turn.refusal(), "changed_meanwhile"),
        Err(fault) => visit.unavailable(&Trouble::Fault(fault)),
    }
}
