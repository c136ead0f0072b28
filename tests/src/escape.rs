//! The one-line form of text between the harness and its PAM client (`client/escape.h`): printable ASCII as it is, a
//! doubled backslash, `\xHH` for every other byte. No line ever breaks in two, and no byte is lost.

/// The escaped form of any bytes.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            0x20..0x7f => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// The bytes that were escaped. Panics at what [`escape`] never writes.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, remaining) = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => (b'\\', after),
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                (u8::from_str_radix(digits, 16).expect("two hexadecimal digits"), after)
            }
            (b'\\', _) => panic!("a bad escape in {text:?}"),
            _ => (first, after),
        };
        bytes.push(byte);
        rest = remaining;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};

    #[test]
    fn every_byte_survives_the_line() {
        let all: Vec<u8> = (0..=255).chain(*b"\\x41\\\\").collect();
        let line = escape(&all);
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        assert_eq!(unescape(&line), all);
    }
}
