//! The pictures for files scan as well.

#![cfg(feature = "pictures")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod screen;

use screen::{Pixels, new_file, scan, scan_file};
use twinlock_enrollment::qr::QrCode;

const URI: &str = "otpauth://totp/ACME%20ERP:maria%40erp-terminal-3?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME%20ERP";

#[test]
fn a_png_picture_scans_at_any_size() {
    let code = QrCode::from_uri(URI).unwrap();
    for (quiet_zone, pixels_per_module) in [(4, 4), (2, 3), (4, 10)] {
        let path = new_file("png");
        std::fs::write(&path, &*code.png(quiet_zone, pixels_per_module).unwrap()).unwrap();
        assert_eq!(scan_file(&path), URI, "{pixels_per_module} pixels a module");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_png_picture_is_one_bit_grey_of_the_size_asked_for() {
    let code = QrCode::from_uri(URI).unwrap();
    for (quiet_zone, pixels_per_module, side) in [(4, 4, 180), (0, 1, 37), (2, 0, 41)] {
        let file = code.png(quiet_zone, pixels_per_module).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(&**file)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (side, side));
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::One));
    }
}

#[test]
fn an_svg_picture_is_one_path_that_scans() {
    let code = QrCode::from_uri(URI).unwrap();
    let svg = code.svg(4);
    assert!(svg.starts_with(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"360\" height=\"360\" viewBox=\"0 0 45 45\""
    ));
    let (_, path) = svg.split_once("<path fill=\"#000\" d=\"").unwrap();
    let (path, end) = path.split_once('"').unwrap();
    assert_eq!(end, "/>\n</svg>\n");

    let mut pixels = Pixels::filled(360, 360, 255);
    for run in path.split_terminator('z') {
        let numbers: Vec<usize> =
            run.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
        let &[x, y, width, 1, back] = &numbers[..] else { panic!("{run:?}") };
        assert_eq!(run, format!("M{x} {y}h{width}v1h-{back}"));
        assert_eq!(width, back);
        pixels.fill(8 * x, 8 * y, 8 * width, 8, 0);
    }
    assert_eq!(scan(&pixels), URI);
}
