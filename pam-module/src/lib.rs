//! The PAM module as a library.
