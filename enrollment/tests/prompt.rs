//! The prompts as an accountant meets them, at an 80x24 terminal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod screen;

use screen::{DARK_TERMINAL, LIGHT_TERMINAL, draw, scan};
use twinlock_enrollment::pending::Pending;
use twinlock_enrollment::prompt::{
    Enrolment, Origin, Picture, code_was_not_right, recovery_codes, scan_and_confirm, set_up_elsewhere,
    wants_ascii_picture,
};
use twinlock_enrollment::qr::Polarity;
use twinlock_enrollment::{Account, Algorithm, Parameters, RecoveryCodes, Zeroizing, otpauth_uri};

const KEY: &str = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ";
const HALF_BLOCKS: Picture = Picture::HalfBlocks(Polarity::Dark);
const ASCII: Picture = Picture::Ascii(Polarity::Dark);
const TYPICAL: Account<'_> = Account { issuer: "ACME ERP", account: "maria@erp-terminal-3" };
/// Names for codes of versions 6, 7 and larger.
const LARGER: [Account<'_>; 3] = [
    Account { issuer: "ACME Production", account: "maria@erp-terminal-3" },
    Account { issuer: "ACME Erlangen Production", account: "maria@erp-terminal-3" },
    Account {
        issuer: "M\u{fc}ller & S\u{f6}hne Pr\u{e4}zisionswerkzeuge",
        account: "maria.m\u{fc}ller-l\u{fc}denscheid@erp-terminal-3.example.org",
    },
];

fn pending() -> Pending {
    Pending {
        user: "maria".into(),
        service: "sshd".into(),
        source: "192.0.2.7".into(),
        first_shown: 1_772_619_120,
        shown: 1,
        secret: Zeroizing::new(*b"12345678901234567890"),
        parameters: Parameters::default(),
    }
}

/// When the pending key was first shown.
const SHOWN: &str = "2026-03-04 10:12 UTC";
const ORIGINS: [Origin<'static>; 3] =
    [Origin::New, Origin::ShownBefore(SHOWN), Origin::InPlaceOfOneThatOthersSaw];

fn prompt(account: Account<'_>, origin: Origin<'_>, picture: Picture) -> Zeroizing<String> {
    let help = Some("IT desk, ext. 4711");
    scan_and_confirm(&Enrolment { account, pending: &pending(), origin, help, picture })
}

fn uri(account: &Account<'_>) -> String {
    otpauth_uri(account, &*pending().secret, &Parameters::default()).to_string()
}

#[test]
fn the_whole_prompt_fits_80x24_for_a_typical_account() {
    for origin in ORIGINS {
        let text = prompt(TYPICAL, origin, HALF_BLOCKS);
        assert_eq!(text.lines().count(), 24, "{}", *text);
        assert!(text.lines().all(|line| line.chars().count() <= 79), "{}", *text);
    }
}

#[test]
fn the_last_24_rows_always_hold_the_key() {
    for account in [TYPICAL].iter().chain(&LARGER[..2]) {
        for origin in ORIGINS {
            for picture in [HALF_BLOCKS, ASCII, Picture::None] {
                let text = prompt(*account, origin, picture);
                let lines: Vec<&str> = text.lines().collect();
                let visible = lines[lines.len().saturating_sub(24)..].concat();
                let words: String = visible.chars().filter(char::is_ascii_alphanumeric).collect();
                let key_without_spaces = KEY.replace(' ', "");
                let in_two_lines = key_without_spaces.split_at(20);
                assert!(
                    words.contains(&key_without_spaces)
                        || (words.contains(in_two_lines.0) && words.contains(in_two_lines.1)),
                    "{}",
                    *text
                );
            }
        }
    }
}

#[test]
fn the_key_comes_first_then_account_issuer_and_help_and_the_question_last() {
    for picture in [HALF_BLOCKS, ASCII, Picture::None] {
        let text = prompt(TYPICAL, Origin::New, picture);
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with(&format!("Key: {KEY}")));
        assert_eq!(
            lines.next().unwrap(),
            "Account: maria@erp-terminal-3   Issuer: ACME ERP   Help: IT desk, ext. 4711"
        );
        assert!(text.ends_with("\nVerification code: ") || text.ends_with(" Verification code: "));
    }
}

#[test]
fn the_picture_scans_with_the_words_beside_it() {
    for account in [TYPICAL].iter().chain(&LARGER) {
        for (polarity, colours) in [(Polarity::Dark, DARK_TERMINAL), (Polarity::Light, LIGHT_TERMINAL)] {
            for origin in ORIGINS {
                let text = prompt(*account, origin, Picture::HalfBlocks(polarity));
                assert_eq!(scan(&draw(&text, 80, colours)), uri(account), "{}", *text);
            }
            let text = prompt(*account, Origin::New, Picture::Ascii(polarity));
            let columns = text.lines().map(str::len).max().unwrap();
            assert_eq!(scan(&draw(&text, columns, colours)), uri(account), "{}", *text);
        }
    }
}

#[test]
fn the_ascii_picture_of_a_typical_account_fits_80_columns_and_says_how_many_rows_it_needs() {
    let text = prompt(TYPICAL, Origin::New, ASCII);
    assert!(text.lines().all(|line| line.len() <= 79));
    assert!(text.contains("78 columns and 41 rows"));
    let picture = text.lines().filter(|line| line.contains("##")).count();
    assert_eq!(picture, 39);
}

#[test]
fn all_words_are_ascii_and_nothing_is_an_escape_sequence() {
    let block = |c: char| matches!(c, '\u{2580}' | '\u{2584}' | '\u{2588}');
    let codes = RecoveryCodes::from_random(&[0x5a; RecoveryCodes::RANDOM_BYTES]);
    let mut texts = vec![
        recovery_codes(&codes).to_string(),
        code_was_not_right(&Parameters::default(), Some("IT desk")),
        set_up_elsewhere(Some("IT desk")),
    ];
    for picture in [HALF_BLOCKS, ASCII, Picture::None] {
        texts.extend(ORIGINS.map(|origin| prompt(TYPICAL, origin, picture).to_string()));
    }
    for text in texts {
        assert!(text.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic() || block(c)), "{text}");
        assert!(!text.to_lowercase().contains("password"), "{text}");
    }
    for text in
        [prompt(TYPICAL, Origin::New, ASCII), prompt(TYPICAL, Origin::ShownBefore(SHOWN), Picture::None)]
    {
        assert!(text.is_ascii());
    }
}

#[test]
fn only_the_half_blocks_offer_the_ascii_picture() {
    for (picture, expected) in [(HALF_BLOCKS, true), (ASCII, false), (Picture::None, false)] {
        assert_eq!(prompt(TYPICAL, Origin::New, picture).contains("type a.)"), expected);
    }
    for (answer, expected) in [
        ("a", true),
        ("A", true),
        (" a\n", true),
        ("", false),
        ("aa", false),
        ("123456", false),
        ("\u{e4}", false),
    ] {
        assert_eq!(wants_ascii_picture(answer), expected, "{answer:?}");
    }
}

#[test]
fn a_secret_shown_before_names_when_and_where() {
    for picture in [HALF_BLOCKS, ASCII, Picture::None] {
        let words = words_of(&prompt(TYPICAL, Origin::ShownBefore(SHOWN), picture));
        assert!(words.contains("first shown at 2026-03-04 10:12 UTC to 192.0.2.7 (sshd)"), "{words}");
        assert!(!words_of(&prompt(TYPICAL, Origin::New, picture)).contains("first shown"));
    }
    for picture in [HALF_BLOCKS, ASCII, Picture::None] {
        let words = words_of(&prompt(TYPICAL, Origin::InPlaceOfOneThatOthersSaw, picture));
        assert!(words.contains("Another login was shown that key too, so it does not count."), "{words}");
    }
    let local = Pending { source: String::new(), service: "login".into(), ..pending() };
    let enrolment = Enrolment {
        account: TYPICAL,
        pending: &local,
        origin: Origin::ShownBefore(SHOWN),
        help: None,
        picture: Picture::None,
    };
    assert!(words_of(&scan_and_confirm(&enrolment)).contains("to here (login)"));
}

#[test]
fn unusual_parameters_are_told_to_whoever_types_the_key_in() {
    let parameters = Parameters { algorithm: Algorithm::Sha256, digits: 8, period: 60 };
    let pending = Pending { parameters, ..pending() };
    let enrolment = Enrolment {
        account: TYPICAL,
        pending: &pending,
        origin: Origin::New,
        help: None,
        picture: HALF_BLOCKS,
    };
    let words = words_of(&scan_and_confirm(&enrolment));
    for expected in ["Type: SHA256, 8 digits, 60 seconds", "8-digit code", "new ones every 60 seconds"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(!words_of(&prompt(TYPICAL, Origin::New, HALF_BLOCKS)).contains("Type:"));
}

#[test]
fn names_and_help_cannot_steer_the_terminal() {
    let account = Account { issuer: "AC\x1b[2JME", account: "ma\rria" };
    let pending = Pending { source: "x\x1b]0;y\x07".into(), ..pending() };
    let help = Some("desk\n\x1b[31m");
    for picture in [HALF_BLOCKS, ASCII, Picture::None] {
        let text = scan_and_confirm(&Enrolment {
            account,
            pending: &pending,
            origin: Origin::ShownBefore(SHOWN),
            help,
            picture,
        });
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{}", *text);
    }
    for text in [code_was_not_right(&Parameters::default(), help), set_up_elsewhere(help)] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    }
}

#[test]
fn absurd_names_still_leave_the_key() {
    let long = "\u{fc}".repeat(400);
    let account = Account { issuer: &long, account: &long };
    let help = Some(&*long);
    for picture in [HALF_BLOCKS, ASCII, Picture::None] {
        for account in [account, Account { issuer: "", account: "" }] {
            let text = scan_and_confirm(&Enrolment {
                account,
                pending: &pending(),
                origin: Origin::ShownBefore(SHOWN),
                help,
                picture,
            });
            assert!(text.starts_with(&format!("Key: {KEY}")));
            assert!(text.ends_with("Verification code: "));
        }
    }
}

#[test]
fn a_code_that_was_not_right_is_asked_for_again() {
    let text =
        code_was_not_right(&Parameters { digits: 8, period: 60, ..Parameters::default() }, Some("IT desk"));
    assert!(text.starts_with("That code was not right. Type the 8 digits"));
    assert!(text.contains("every\n60 seconds") || text.contains("every 60 seconds"));
    assert!(text.contains("\nHelp: IT desk\n"));
    assert!(text.ends_with("\nVerification code: "));
    assert!(!code_was_not_right(&Parameters::default(), None).contains("Help"));
}

#[test]
fn the_recovery_codes_stand_inside_a_prompt_that_fits_80x24() {
    let random = std::array::from_fn(|i| (i * 31) as u8);
    let codes = RecoveryCodes::from_random(&random);
    let text = recovery_codes(&codes);
    for code in codes.texts() {
        assert_eq!(text.matches(&**code).count(), 1);
    }
    assert!(text.lines().count() <= 24 && text.lines().all(|line| line.len() <= 79));
    assert!(text.contains("Press Enter") && text.ends_with(": "));
}

#[test]
fn where_enrolment_is_not_possible_a_short_text_names_where_it_is() {
    let text = set_up_elsewhere(Some("IT desk, ext. 4711"));
    assert!(text.contains("SSH") && text.ends_with("Help: IT desk, ext. 4711"));
    assert_eq!(text.lines().count(), 1);
    assert!(text.len() < 200);
}

/// The words of a prompt as one line of text, without picture and line breaks.
fn words_of(prompt: &str) -> String {
    let block = |c: char| matches!(c, '\u{2580}' | '\u{2584}' | '\u{2588}');
    let lines = prompt.lines().map(|line| {
        let after_picture = line.rfind(block).map_or(line, |at| &line[at + 3..]);
        after_picture.trim()
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
