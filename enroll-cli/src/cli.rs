//! What may be typed after `twinlock`: the parser, `--help`, and (through `examples/generate.rs`) the man pages and
//! completions. Nothing here acts. No option may change a path or carry a secret: arguments show in the process list.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use twinlock_verifier::credential::{MAX_LABEL, is_label};

use crate::time;

/// Set up, check and look at the second factor of a login on this host.
///
/// Twinlock asks for a code from a phone app at login. With `enroll` you connect your phone; the policy in
/// /etc/twinlock/policy.toml says who must.
#[derive(Debug, Parser)]
#[command(name = "twinlock", version, max_term_width = 100, after_help = EXIT_STATUS)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 not allowed, 4 the policy is invalid.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect a phone to your login
    ///
    /// Shows a QR code and the same key as text, asks for a code to see that the phone has it, and prints recovery
    /// codes. Nothing is changed before a right code was typed. Run again, it offers to add another phone or to put a
    /// new one in the place of an old one.
    Enroll(Enroll),
    /// Show what is set up for your login
    Status(Status),
    /// Look after your phones, or those of all who share this login: list, add, rename, remove
    ///
    /// Each has a name, which logs show. What changes anything takes a code of one that is set up already, or a recovery
    /// code. Where standard input is no terminal the code is its first line.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Authenticators {
        /// What to do with them.
        #[command(subcommand)]
        command: Authenticators,
    },
    /// Print ten new recovery codes; the old ones are dead from then on
    ///
    /// Takes a code from the phone, or one of the old recovery codes.
    RecoveryCodes(Own),
    /// Try a code
    ///
    /// Asks for a code from the phone, or a recovery code, and says whether it is right. It is taken as at a login: a
    /// right one is used up, a wrong one counted. Where standard input is no terminal the code is its first line.
    Verify(Verify),
    /// Switch codes off for your login, where none is required
    ///
    /// Takes a code or a recovery code. What is set up stays; `twinlock enable` switches it on again. Refused while a
    /// code is required.
    Disable(Own),
    /// Switch codes on again
    ///
    /// Takes a code or a recovery code.
    Enable(Own),
    /// Move a user's credential between their home and the host's own store (root)
    ///
    /// What is set up stays as it is, and so does what was used. The policy's credential_store says where new
    /// credentials are written; this is for those that are there already.
    Move(Move),
    /// Clear what keeps a user from logging in with a right code (root)
    ///
    /// Forgets wrong codes, waits, and that codes were disabled after too many. A record from a clock that was ahead
    /// comes back to now: see first that the clock is right. No used code works again.
    Unlock(Unlock),
    /// Take a user's second factor away, so that they can enrol anew (root)
    ///
    /// Removes the credential in the home and in the state folder, the ledger's record and an enrolment under way,
    /// damaged ones too. Until they enrol again, the policy says what happens at a login.
    Reset(Reset),
    /// Carry tokens of another module over (root)
    ///
    /// Each token becomes an authenticator, and what was used there is used here too. What the other module would not
    /// take is not taken; what cannot be carried is told line by line. The old file stays. Run again, nothing changes.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Import {
        /// Which module.
        #[command(subcommand)]
        source: Import,
    },
    /// Say of every account whether a code is required, and how it stands (root)
    Report(Report),
    /// Find what is wrong with this host: who would be kept out, and where a code can be skipped (root)
    ///
    /// Looks at PAM's stacks, sshd, the clock, the policy, and all that belongs to Twinlock. Changes nothing. Ends with 1
    /// when a login would fail or a code could be skipped.
    Doctor(Doctor),
    /// Make SSH, or all logins, ask for a code; or undo that (root)
    ///
    /// Shows the change and makes it, unless it would let anybody in without a code or keep everybody out. A copy of
    /// every file that is touched is kept, and --undo brings each back.
    Setup(Setup),
    /// Look at the policy that says who needs a code, or change it
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Policy {
        /// What to do with it.
        #[command(subcommand)]
        command: Policy,
    },
}

/// `twinlock enroll`.
#[derive(Debug, Args)]
pub struct Enroll {
    /// Whose login, for root: nothing is asked, and what is printed is for handing over
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Ask nothing: write the credential and print key, URI and recovery codes
    #[arg(long)]
    pub unattended: bool,
    /// Print one JSON object with uri, secret, recovery_codes and path
    #[arg(long, requires = "unattended")]
    pub json: bool,
    /// Name of this phone, as logs and `twinlock status` will show it; "phone" if not given
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub label: Option<String>,
    /// The new key.
    #[command(flatten)]
    pub key: NewKey,
}

/// How a new key is made and shown.
#[derive(Debug, Args)]
pub struct NewKey {
    /// Form of the QR code; chosen to fit the terminal if not given
    #[arg(long, value_name = "FORM", value_enum)]
    pub qr: Option<Qr>,
    /// File for the picture of --qr svg or png; it must not exist, and only you can read it
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Hash function; many apps silently use SHA1 whatever is asked for
    #[arg(long, value_enum, ignore_case = true, value_name = "NAME", default_value = "SHA1")]
    pub algorithm: Algorithm,
    /// Digits of a code, 6 to 8; many apps silently show 6
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(6..=8))]
    pub digits: u8,
    /// Seconds that a code is shown for, 15 to 120; many apps silently use 30
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(15..=120))]
    pub period: u16,
}

/// Forms of the QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Qr {
    /// Black on white by explicit colours
    Ansi,
    /// Block characters in the terminal's own colours
    Utf8,
    /// Letters only; few cameras read it
    Ascii,
    /// A picture for --output
    Svg,
    /// A picture for --output
    Png,
    /// No picture: the key as text is enough
    None,
}

/// Hash functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// What every app knows
    #[value(name = "SHA1")]
    Sha1,
    /// HMAC-SHA-256
    #[value(name = "SHA256")]
    Sha256,
    /// HMAC-SHA-512
    #[value(name = "SHA512")]
    Sha512,
}

/// `twinlock status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Whose; root alone may look at others
    pub user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock authenticators`.
#[derive(Debug, Subcommand)]
pub enum Authenticators {
    /// List them
    List(Own),
    /// Add one, for a second phone or another person
    ///
    /// Shows a QR code as `twinlock enroll` does, asks for a code of the new phone, and then for one of a phone that is
    /// set up already, or a recovery code.
    Add(Add),
    /// Give one another name
    Rename {
        /// Its name
        #[arg(value_name = "OLD")]
        old: String,
        /// Its new name
        #[arg(value_name = "NEW", value_parser = label)]
        new: String,
        /// Whose.
        #[command(flatten)]
        own: Own,
    },
    /// Remove one; the last one stays
    Remove {
        /// Its name
        name: String,
        /// Whose.
        #[command(flatten)]
        own: Own,
    },
}

/// What is done to what is set up for one user.
#[derive(Debug, Args)]
pub struct Own {
    /// Whose login, for root: then no code is asked for
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock authenticators add`.
#[derive(Debug, Args)]
pub struct Add {
    /// Its name, as logs and `twinlock status` will show it: a phone's or a person's
    #[arg(value_parser = label)]
    pub name: String,
    /// Whose login, for root: nothing is asked, and what is printed is for handing over
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Ask for no code of the new one: write it and print key and URI
    #[arg(long)]
    pub unattended: bool,
    /// Print one JSON object with label, uri, secret and path
    #[arg(long, requires = "unattended")]
    pub json: bool,
    /// The new key.
    #[command(flatten)]
    pub key: NewKey,
}

/// `twinlock move`.
#[derive(Debug, Args)]
pub struct Move {
    /// Whose
    pub user: String,
    /// Where to
    #[arg(long, value_name = "PLACE", value_enum)]
    pub to: Store,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Places of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// The user's home
    Home,
    /// /var/lib/twinlock/credentials, which root alone can read
    System,
}

/// `twinlock verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Whose code, for root
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Check only: nothing is used up or counted
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at this user alone, and at sshd as it is for them
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Look at sshd as it is for this address
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock setup`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Setup {
    /// Logins by SSH: the stack of sshd, and sshd itself
    #[arg(long, group = "what")]
    pub ssh: bool,
    /// All logins, by the distribution's own tool, and sshd itself where there is one
    #[arg(long, group = "what")]
    pub all_logins: bool,
    /// Bring back every file as it was
    #[arg(long, group = "what")]
    pub undo: bool,
    /// Show the change and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock policy`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// List every fault with its place and how to mend it
    ///
    /// Without files: the policy of this host, with the owners and modes of its files. With files: drafts; the first
    /// stands for policy.toml, the others for files of policy.d, and owners and modes are not looked at.
    Check {
        /// Drafts to check instead of this host's policy
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print what is in force, and which file says so
    Show {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say what one login needs, and which rule decided
    Explain(Explain),
    /// Set require_mfa in policy.toml, and leave the rest of it as it is (root)
    ///
    /// The result is checked before it takes the old one's place. What would leave no administrator (root, and the
    /// members of sudo, wheel and admin) a way to log in is refused.
    Require {
        /// on: everybody needs a code. off: who has enrolled is asked. report: as off, and the log says what on would do
        #[arg(value_enum)]
        value: RequireMfa,
        /// Even if no administrator could log in any more
        #[arg(long)]
        force: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Put a new policy on trial: it falls back by itself (root)
    ///
    /// The new policy stands in for policy.toml until its time is over, the host is booted, or it is ended. Log in with
    /// a code meanwhile, then make it permanent with `twinlock policy confirm`.
    Try(Try),
    /// Make the policy on trial permanent (root)
    ///
    /// Wants a code that a login accepted under the trial.
    Confirm {
        /// Without such a code
        #[arg(long)]
        force: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// `twinlock policy try`.
#[derive(Debug, Args)]
pub struct Try {
    /// File with the new text of policy.toml
    #[arg(value_name = "NEW", required_unless_present = "end", conflicts_with = "end")]
    pub new: Option<PathBuf>,
    /// For how long: a number with s, m, h or d, at most 7d
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = time::span, conflicts_with = "end")]
    pub time: u32,
    /// In the place of another trial that holds
    #[arg(long, conflicts_with = "end")]
    pub replace: bool,
    /// End the trial now: policy.toml holds again
    #[arg(long)]
    pub end: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Values of require_mfa.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequireMfa {
    /// Everybody needs a code.
    On,
    /// Who has enrolled is asked.
    Off,
    /// As off, and the log says what on would do.
    Report,
}

/// `twinlock unlock`.
#[derive(Debug, Args)]
pub struct Unlock {
    /// Whose
    pub user: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock reset`.
#[derive(Debug, Args)]
pub struct Reset {
    /// Whose
    #[arg(required_unless_present = "orphans", conflicts_with = "orphans")]
    pub user: Option<String>,
    /// What is left of UIDs that no source of users knows any more
    #[arg(long)]
    pub orphans: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock import`.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// ~/.google_authenticator of pam_google_authenticator
    #[command(group = clap::ArgGroup::new("whose").required(true))]
    GoogleAuthenticator {
        /// Whose
        #[arg(long, value_name = "USER", group = "whose")]
        user: Option<String>,
        /// Of every account that `getent passwd` lists and that has one
        #[arg(long, group = "whose")]
        all: bool,
        /// How.
        #[command(flatten)]
        flags: ImportFlags,
    },
    /// The users file of pam_oath
    Oath {
        /// The file, such as /etc/users.oath
        file: PathBuf,
        /// How.
        #[command(flatten)]
        flags: ImportFlags,
    },
}

/// What all imports take.
#[derive(Debug, Args)]
pub struct ImportFlags {
    /// Change nothing, and say what would be
    #[arg(long)]
    pub dry_run: bool,
    /// Remove the old file when all of it was carried over
    #[arg(long)]
    pub remove: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `twinlock report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Form of the report
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// PAM service that the accounts would log in by
    #[arg(long, value_name = "NAME", default_value = "sshd")]
    pub service: String,
    /// Address that they would come from
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
}

/// Forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// To read
    Table,
    /// One object
    Json,
    /// RFC 4180, with a header
    Csv,
    /// Numbers without names, for the textfile collector
    Prometheus,
}

/// `twinlock policy explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Whose login
    pub user: String,
    /// PAM service: the file's name below /etc/pam.d, such as sshd
    #[arg(long, value_name = "NAME")]
    pub service: String,
    /// Address that the login comes from; none is a login at this host
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
    /// When: 2027-01-31, 2027-01-31T17:00:00Z or @SECONDS; now if not given
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub at: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn label(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("a name has 1 to {MAX_LABEL} characters, none of them a control character"))
    }
}
