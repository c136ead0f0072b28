//! The words behind the module's name in a PAM stack. No word changes a path, and none turns a failure into a
//! success; an unknown one is an error, so that a typing mistake is found at once.

/// What the line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// This stack runs the account phase, so enrolment can wait for it.
    pub account_phase: bool,
    /// This stack has no password line: whoever is not asked for a code must have shown a public key.
    pub after_publickey: bool,
    /// Take what an earlier module was given, and nothing else.
    pub use_first_pass: bool,
    /// Take what an earlier module was given, and ask if it is not right.
    pub try_first_pass: bool,
    /// The code stands at the end of the password, in one answer; the next module gets the rest.
    pub forward_pass: bool,
}

impl Arguments {
    /// Reads the words.
    ///
    /// # Errors
    /// The first word that is not one of ours.
    pub fn parse<'a>(words: &[&'a str]) -> Result<Self, &'a str> {
        let mut arguments = Self::default();
        for &word in words {
            match word {
                "account_phase" => arguments.account_phase = true,
                "after_publickey" => arguments.after_publickey = true,
                "use_first_pass" => arguments.use_first_pass = true,
                "try_first_pass" => arguments.try_first_pass = true,
                "forward_pass" => arguments.forward_pass = true,
                unknown => return Err(unknown),
            }
        }
        Ok(arguments)
    }
}
