//! `/usr/libexec/twinlock/check`, setuid root: lets callers that are not root check a code, and change or switch off
//! their own credential. Whoever calls it acts for the user of its real UID and for nobody else; nothing that a caller
//! can choose but one word and a few lines of input has any effect. docs/security.md walks through it line by line.
// No index or slice that may panic, outside tests: whoever calls this program could provoke it.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod answer;
mod audit;
mod change;
mod input;
mod status;
mod surroundings;
mod switch;
mod verify;
mod visit;

use std::process::ExitCode;

use twinlock_system::{Paths, User};

use answer::{Answer, USAGE};
use input::{BadInput, Operation};
use surroundings::{Caller, Unfit};
use switch::Turn;
use visit::Visit;

const USAGE_TEXT: &str = "usage: check status|verify|change|disable|enable, and lines on standard input\n";
const NOT_SETUID_TEXT: &str =
    "twinlock: this program is not installed setuid root, or lies where that does not count; \
                               reinstall the package\n";

fn main() -> ExitCode {
    answer::silence_panics();
    let caller = match surroundings::take_over() {
        Ok(caller) => caller,
        Err(Unfit::NotSetuid) => return answer::complain(NOT_SETUID_TEXT, 3),
        Err(Unfit::Refused) => return Answer::unavailable("surroundings").give(),
    };
    let Some(operation) = Operation::from_arguments(std::env::args_os()) else {
        return answer::complain(USAGE_TEXT, USAGE);
    };
    let input = match input::read(operation) {
        Ok(input) => input,
        Err(BadInput::Slow) => return Answer::refused("input_too_slow").give(),
        Err(BadInput::Malformed) => {
            return answer::complain("twinlock: the input is not as it must be\n", USAGE)
        }
    };
    answer(&caller, operation, &input).give()
}

fn answer(caller: &Caller, operation: Operation, input: &input::Input) -> Answer {
    let user = match User::by_uid(caller.uid) {
        Ok(Some(user)) => user,
        Ok(None) => return Answer::unavailable("unknown_user"),
        Err(fault) => return Answer::unavailable(fault.reason()),
    };
    let paths = Paths::default();
    let visit = Visit::new(&paths, user, input);
    match operation {
        Operation::Status => status::run(&visit),
        Operation::Verify => verify::run(&visit),
        Operation::Change => change::run(&visit),
        Operation::Disable => switch::run(&visit, Turn::Off),
        Operation::Enable => switch::run(&visit, Turn::On),
    }
}
