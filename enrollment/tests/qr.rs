//! Every form of the QR code scans where it promises to, and none is larger than it says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod screen;

use screen::{DARK_TERMINAL, LIGHT_TERMINAL, draw, scan};
use twinlock_enrollment::qr::{Form, Polarity, QrCode, Size};
use twinlock_enrollment::{Account, Algorithm, Error, Material, Parameters, otpauth_uri};

fn uris() -> Vec<String> {
    let material = Material::from_random(&std::array::from_fn(|i| (i * 37 + 11) as u8));
    let long = "n".repeat(64);
    let all = Parameters { algorithm: Algorithm::Sha512, digits: 8, period: 60 };
    [
        ("", "m", Parameters::default()),
        ("ACME ERP", "maria@erp-terminal-3", Parameters::default()),
        ("M\u{fc}ller: 100 %", "j\u{f6}rg@b\u{fc}ro", all),
        (&long, &long, all),
    ]
    .map(|(issuer, account, parameters)| {
        otpauth_uri(&Account { issuer, account }, &*material.secret, &parameters).to_string()
    })
    .to_vec()
}

#[test]
fn half_blocks_scan_in_both_polarities_on_the_matching_terminal() {
    for uri in uris() {
        let code = QrCode::from_uri(&uri).unwrap();
        for quiet_zone in [2, 4] {
            let columns = code.size(Form::HalfBlocks, quiet_zone).columns;
            for (polarity, colours) in [(Polarity::Dark, DARK_TERMINAL), (Polarity::Light, LIGHT_TERMINAL)] {
                let text = code.half_blocks(quiet_zone, polarity);
                assert_eq!(
                    scan(&draw(&text, columns, colours)),
                    uri,
                    "{polarity:?}, quiet zone {quiet_zone}"
                );
            }
        }
    }
}

#[test]
fn ascii_scans_in_both_polarities_on_the_matching_terminal() {
    for uri in uris() {
        let code = QrCode::from_uri(&uri).unwrap();
        for quiet_zone in [1, 2, 4] {
            let columns = code.size(Form::Ascii, quiet_zone).columns;
            for (polarity, colours) in [(Polarity::Dark, DARK_TERMINAL), (Polarity::Light, LIGHT_TERMINAL)] {
                let text = code.ascii(quiet_zone, polarity);
                assert!(text.is_ascii());
                assert_eq!(
                    scan(&draw(&text, columns, colours)),
                    uri,
                    "{polarity:?}, quiet zone {quiet_zone}"
                );
            }
        }
    }
}

#[test]
fn the_forms_with_colours_scan_on_any_terminal() {
    for uri in uris() {
        let code = QrCode::from_uri(&uri).unwrap();
        for colours in [DARK_TERMINAL, LIGHT_TERMINAL] {
            for quiet_zone in [2, 4] {
                for (form, text) in
                    [(Form::Ansi, code.ansi(quiet_zone)), (Form::AnsiSpaces, code.ansi_spaces(quiet_zone))]
                {
                    let columns = code.size(form, quiet_zone).columns;
                    assert_eq!(scan(&draw(&text, columns, colours)), uri, "{form:?}, {colours:?}");
                }
            }
        }
    }
}

#[test]
fn every_form_has_the_size_that_it_says() {
    for uri in uris() {
        let code = QrCode::from_uri(&uri).unwrap();
        for quiet_zone in [0, 1, 2, 4] {
            for (form, text) in [
                (Form::HalfBlocks, code.half_blocks(quiet_zone, Polarity::Dark)),
                (Form::HalfBlocks, code.half_blocks(quiet_zone, Polarity::Light)),
                (Form::Ascii, code.ascii(quiet_zone, Polarity::Dark)),
                (Form::Ansi, code.ansi(quiet_zone)),
                (Form::AnsiSpaces, code.ansi_spaces(quiet_zone)),
            ] {
                let size = code.size(form, quiet_zone);
                assert!(text.ends_with('\n'));
                assert_eq!(text.lines().count(), size.rows, "{form:?}");
                for line in text.lines() {
                    assert_eq!(without_sgr(line).chars().count(), size.columns, "{form:?}");
                }
                assert!(code.fits(form, quiet_zone, size.columns, size.rows));
                assert!(!code.fits(form, quiet_zone, size.columns - 1, size.rows));
                assert!(!code.fits(form, quiet_zone, size.columns, size.rows - 1));
            }
        }
    }
}

#[test]
fn the_quiet_zone_is_as_wide_as_the_terminal_allows_and_never_missing() {
    let code = QrCode::from_uri(&uris()[1]).unwrap();
    assert_eq!(code.width(), 37);
    assert_eq!(code.size(Form::HalfBlocks, 2), Size { columns: 41, rows: 21 });
    for (form, columns, rows, expected) in [
        (Form::HalfBlocks, 200, 60, Some(4)),
        (Form::Ansi, 80, 24, Some(4)),
        (Form::HalfBlocks, 80, 22, Some(3)),
        (Form::HalfBlocks, 80, 21, Some(2)),
        (Form::HalfBlocks, 80, 20, Some(1)),
        (Form::HalfBlocks, 80, 19, None),
        (Form::Ascii, 80, 24, None),
        (Form::Ascii, 80, 60, Some(1)),
        (Form::AnsiSpaces, 200, 60, Some(4)),
    ] {
        assert_eq!(code.widest_quiet_zone(form, columns, rows), expected, "{form:?} in {columns}x{rows}");
    }
}

#[test]
fn half_blocks_and_ascii_have_no_escape_sequence() {
    let code = QrCode::from_uri(&uris()[1]).unwrap();
    for text in [code.half_blocks(2, Polarity::Dark), code.ascii(2, Polarity::Light)] {
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    }
}

#[test]
fn a_text_too_long_for_any_code_is_an_error_and_not_a_panic() {
    assert!(QrCode::from_uri(&"x".repeat(2953)).is_ok());
    assert_eq!(QrCode::from_uri(&"x".repeat(2954)).unwrap_err(), Error::TooLongForQr { bytes: 2954 });
    assert!(QrCode::from_uri("").is_ok());
}

#[test]
fn debug_output_shows_the_width_alone() {
    assert_eq!(format!("{:?}", QrCode::from_uri(&uris()[1]).unwrap()), "QrCode { width: 37, .. }");
}

fn without_sgr(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}
