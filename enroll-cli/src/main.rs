//! `twinlock`: the door for users and administrators. It converts between the rooms, which do not know each other, and
//! does the talking; what is decided, checked or drawn is decided, checked and drawn there.
#![forbid(unsafe_code)]

mod administrators;
mod audit;
mod authenticators;
mod caller;
mod change;
mod cli;
mod doctor;
mod enroll;
mod error;
mod groups;
mod helper;
mod import;
mod in_force;
mod lock_holder;
mod place;
mod policy;
mod present;
mod recovery_codes;
mod report;
mod reset;
mod setup;
mod status;
mod switch;
mod terminal;
mod texts;
mod time;
mod unlock;
mod verify;
mod whose;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::signal::raise;
use twinlock_system::{Paths, registers};

use cli::{Cli, Command};
use error::{Error, Exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let done = run(&cli.command);
    registers::wipe();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !error.is_silent() {
                terminal::complain(&texts::error(&error));
            }
            if let Error::Interrupted(signal) = error {
                // Everything is as it was; now end as the signal would have ended us, for the shell to see.
                let _ = raise(signal);
            }
            error.exit().into()
        }
    }
}

fn run(command: &Command) -> Result<Exit, Error> {
    caller::shield()?;
    let caller = caller::identify()?;
    let paths = Paths::default();
    match command {
        Command::Enroll(options) => enroll::run(options, &caller, &paths),
        Command::Status(options) => status::run(options, &caller, &paths),
        Command::Authenticators { command } => authenticators::run(command, &caller, &paths),
        Command::RecoveryCodes(own) => recovery_codes::run(own, &caller, &paths),
        Command::Disable(own) => switch::run(false, own, &caller, &paths),
        Command::Enable(own) => switch::run(true, own, &caller, &paths),
        Command::Move(options) => place::run(options, &caller, &paths),
        Command::Verify(options) => verify::run(options, &caller, &paths),
        Command::Unlock(options) => unlock::run(options, &caller, &paths),
        Command::Reset(options) => reset::run(options, &caller, &paths),
        Command::Import { source } => import::run(source, &caller, &paths),
        Command::Report(options) => report::run(options, &caller, &paths),
        Command::Doctor(options) => doctor::run(options, &caller, &paths),
        Command::Setup(options) => setup::run(options, &caller, &paths),
        Command::Policy { command } => policy::run(command, &caller, &paths),
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
