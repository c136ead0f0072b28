//! Durations as the policy writes them: a number and one unit.

/// The seconds of "90s", "5m", "12h", "30d"; `None` for any other form, and for what overflows.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let digits = text.strip_suffix(['s', 'm', 'h', 'd'])?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        _ => 86_400,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_one_unit() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("12h", Some(43_200)),
            ("30d", Some(2_592_000)),
            ("007s", Some(7)),
            ("0", None),
            ("", None),
            ("h", None),
            ("12H", None),
            ("12 h", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5h", None),
            ("1h30m", None),
            ("1w", None),
            ("١s", None),
            ("18446744073709551615s", Some(u64::MAX)),
            ("18446744073709551616s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
