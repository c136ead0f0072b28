//! CRC-64 as ECMA-182 has it, reflected, and as xz(1) writes it: finds a slot that was written in part. It is no defence
//! against somebody who can write the file, who is root.

/// The polynomial, its bits in reverse.
const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;
/// What a byte adds with none to seven more behind it: eight bytes are one step.
static TABLES: [[u64; 256]; 8] =
    [table(8), table(16), table(24), table(32), table(40), table(48), table(56), table(64)];

/// What each byte adds once so many bits are taken.
const fn table(bits: u8) -> [u64; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u64] = &mut table;
    let mut byte = 0u64;
    while let Some((entry, others)) = rest.split_first_mut() {
        let mut sum = byte;
        let mut bit = 0u8;
        while bit < bits {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
            bit = bit.saturating_add(1);
        }
        *entry = sum;
        rest = others;
        byte = byte.saturating_add(1);
    }
    table
}

/// The checksum of some bytes.
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    let [last, others @ ..] = &TABLES;
    // Indexed by a byte, a table of 256 has every entry.
    let entry = |table: &[u64; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(u64::MAX, |sum, word| {
        let [first, further @ ..] = (sum ^ u64::from_le_bytes(*word)).to_le_bytes();
        let [.., longest] = others;
        let further = further.iter().zip(others.iter().rev().skip(1).chain([last]));
        further.fold(entry(longest, first), |sum, (byte, table)| sum ^ entry(table, *byte))
    });
    !rest.iter().fold(sum, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        sum >> 8 ^ entry(last, low ^ byte)
    })
}

#[cfg(test)]
mod tests {
    use super::crc64;

    #[test]
    fn the_sum_of_the_usual_check_is_the_published_one() {
        // The check value that catalogues of CRCs give for CRC-64/XZ.
        assert_eq!(crc64(b"123456789"), 0x995D_C9BB_DF19_39FA);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn eight_bytes_at_once_are_the_same_as_one_by_one() {
        let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(157)).collect();
        for length in 0..bytes.len() {
            let slow = bytes[..length].iter().fold(u64::MAX, |sum, byte| {
                let mut sum = sum ^ u64::from(*byte);
                for _ in 0..8 {
                    sum = if sum & 1 == 1 { sum >> 1 ^ super::POLYNOMIAL } else { sum >> 1 };
                }
                sum
            });
            assert_eq!(crc64(&bytes[..length]), !slow, "{length} bytes");
        }
    }

    #[test]
    fn any_changed_bit_and_any_two_swapped_bytes_change_the_sum() {
        let bytes: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(31)).collect();
        let sum = crc64(&bytes);
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[place] ^= 1 << bit;
                assert_ne!(crc64(&other), sum);
            }
            let mut other = bytes.clone();
            other.swap(place, (place + 7) % bytes.len());
            assert_ne!(crc64(&other), sum);
        }
    }
}
