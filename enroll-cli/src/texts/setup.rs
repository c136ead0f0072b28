//! The words of `twinlock setup`.
