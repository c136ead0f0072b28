//! PAM's return codes as Linux-PAM numbers them (`/usr/include/security/_pam_types.h`), as far as tests name them.

#![allow(missing_docs, reason = "the names are PAM's own")]

pub const SUCCESS: i32 = 0;
pub const OPEN_ERR: i32 = 1;
pub const SYMBOL_ERR: i32 = 2;
pub const SERVICE_ERR: i32 = 3;
pub const SYSTEM_ERR: i32 = 4;
pub const BUF_ERR: i32 = 5;
pub const PERM_DENIED: i32 = 6;
pub const AUTH_ERR: i32 = 7;
pub const CRED_INSUFFICIENT: i32 = 8;
pub const AUTHINFO_UNAVAIL: i32 = 9;
pub const USER_UNKNOWN: i32 = 10;
pub const MAXTRIES: i32 = 11;
pub const NEW_AUTHTOK_REQD: i32 = 12;
pub const ACCT_EXPIRED: i32 = 13;
pub const CONV_ERR: i32 = 19;
pub const AUTHTOK_ERR: i32 = 20;
pub const IGNORE: i32 = 25;
pub const ABORT: i32 = 26;
pub const MODULE_UNKNOWN: i32 = 28;
pub const CONV_AGAIN: i32 = 30;
pub const INCOMPLETE: i32 = 31;
