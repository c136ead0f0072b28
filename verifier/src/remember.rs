//! Sources that were asked lately and need not be asked again for a while. How long is the policy's affair and is
//! asked each time, so that a shorter time counts at once.

use sha2::{Digest, Sha256};

use crate::record::{MAX_REMEMBERED, Record, Remembered};
use crate::source::Source;

impl Record {
    /// Notes that a code was accepted from an address at a service. Only addresses are remembered: a name comes from
    /// the client's own DNS, and a console is everybody's.
    pub fn remember(&mut self, service: &str, source: Source, now: i64) {
        if !matches!(source, Source::V4(_) | Source::V6(_)) {
            return;
        }
        let (source, service) = (source.key(), service_key(service));
        self.remembered.retain(|entry| (entry.source, entry.service) != (source, service));
        if self.remembered.len() >= MAX_REMEMBERED {
            let oldest = self.remembered.iter().enumerate().min_by_key(|(_, entry)| entry.since);
            if let Some((place, _)) = oldest {
                self.remembered.swap_remove(place);
            }
        }
        self.remembered.push(Remembered { source, service, since: now });
    }

    /// Whether a code was accepted from this source at this service less than `seconds` ago.
    pub fn remembers(&self, service: &str, source: Source, now: i64, seconds: u64) -> bool {
        let (source, service) = (source.key(), service_key(service));
        let fresh = |since: i64| now >= since && now.abs_diff(since) < seconds;
        self.enrolled
            && self
                .remembered
                .iter()
                .any(|entry| (entry.source, entry.service) == (source, service) && fresh(entry.since))
    }
}

fn service_key(service: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.iter_mut().zip(Sha256::digest(service)).for_each(|(byte, hashed)| *byte = hashed);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_remembered_for_its_service_and_its_time() {
        let mut record = Record::new("maria");
        record.enrolled = true;
        let home = Source::V4([192, 0, 2, 7]);
        record.remember("sshd", home, 1000);
        let cases = [
            ("sshd", home, 1000, 60, true),
            ("sshd", home, 1059, 60, true),
            ("sshd", home, 1060, 60, false),
            ("sshd", home, 1000, 0, false),
            ("sshd", home, 999, 60, false),
            ("login", home, 1001, 60, false),
            ("sshd", Source::V4([192, 0, 2, 8]), 1001, 60, false),
            ("sshd", Source::Local, 1001, 60, false),
        ];
        for (service, source, now, seconds, expected) in cases {
            assert_eq!(
                record.remembers(service, source, now, seconds),
                expected,
                "{service} {source:?} {now}"
            );
        }
    }

    #[test]
    fn names_and_consoles_are_not_remembered_and_the_list_does_not_grow() {
        let mut record = Record::new("maria");
        record.enrolled = true;
        for source in [Source::Local, Source::Named] {
            record.remember("sshd", source, 1000);
            assert!(!record.remembers("sshd", source, 1000, 60));
        }
        for last in 0..40 {
            record.remember("sshd", Source::V4([192, 0, 2, last]), 1000 + i64::from(last));
        }
        assert_eq!(record.remembered.len(), MAX_REMEMBERED);
        assert!(record.remembers("sshd", Source::V4([192, 0, 2, 39]), 1040, 60));
        assert!(!record.remembers("sshd", Source::V4([192, 0, 2, 0]), 1040, 60));
    }
}
