//! The stored form of a baseline: pinned, and refused when anything about it is not as it was written.

use proptest::prelude::*;
use transship::delta::{Baseline, BaselineError, HashKey, Range};

use super::support::{Object, Objects, Report, Run, Style, empty, hash_key, objects, stored, style};

fn read(bytes: &[u8]) -> Result<Baseline, BaselineError> {
    Baseline::read_from(&mut &*bytes, &hash_key(), "tests", Range::ALL)
}

fn some() -> Vec<u8> {
    let object = |i: u64| Object {
        size: i + 1,
        time: (u32::try_from(i).unwrap(), 5),
        etag: format!("{i:032x}"),
        class: "STANDARD",
    };
    let objects: Objects = (0..20).map(|i| (format!("photos/{i} ä+.jpg"), object(i))).collect();
    stored(&Run::default().go(&Report::of(&objects, &Style::plain()), empty()).unwrap().0.next)
}

/// Whoever changes the format or the hash makes all baselines there are unreadable, or worse, useless: then the version has to change too.
#[test]
fn the_format_is_pinned() {
    use md5::{Digest, Md5};
    let bytes = some();
    assert_eq!(&bytes[..12], b"TRSHBASE\x02\0\0\0");
    assert_eq!(hex::encode(Md5::digest(&bytes)), "b02d78cec90a1b881ebd3d70d7eca0d7", "{} bytes", bytes.len());
}

#[test]
fn no_byte_of_it_can_be_altered_or_missing() {
    let bytes = some();
    assert_eq!(read(&bytes).unwrap().objects(), 20);
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(read(&altered).is_err(), "byte {at}");
        let cut = read(&bytes[..at]).err().unwrap();
        assert!(matches!(cut, BaselineError::Corrupt(_)), "{at}: {cut}");
    }
    let longer = [bytes, vec![0]].concat();
    assert!(matches!(read(&longer), Err(BaselineError::Corrupt(_))));
}

#[test]
fn a_foreign_one_is_refused() {
    let bytes = some();
    let other = HashKey::from_bytes([1; 32]);
    let with = |key: &HashKey, label| Baseline::read_from(&mut bytes.as_slice(), key, label, Range::ALL);
    assert!(matches!(with(&other, "tests"), Err(BaselineError::Foreign(_))));
    assert!(matches!(with(&hash_key(), "another route"), Err(BaselineError::Foreign(_))));
    assert!(matches!(read(b"{\"not\": \"a baseline, but JSON\"}"), Err(BaselineError::Unknown(_))));
    for version in [1, 3] {
        let mut other = bytes.clone();
        other[8] = version;
        assert!(matches!(read(&other), Err(BaselineError::Unknown(_))));
    }
}

#[test]
fn a_part_does_not_stand_for_the_whole() {
    let half = Baseline::empty(hash_key(), Range::new(0, 2).unwrap());
    assert!(matches!(read(&stored(&half)), Err(BaselineError::Foreign(_))));
    let part = |index| Baseline::empty(hash_key(), Range::new(index, 4).unwrap());
    assert!(matches!(Baseline::join(vec![part(0), part(2)]), Err(BaselineError::Parts)));
    assert!(matches!(Baseline::join(vec![part(1), part(2)]), Err(BaselineError::Parts)));
    assert!(matches!(Baseline::join(vec![]), Err(BaselineError::Parts)));
    assert_eq!(Baseline::join(vec![part(2), part(3)]).unwrap().range(), Range::new(1, 2).unwrap());
}

#[test]
fn a_key_is_kept_as_text() {
    let key = HashKey::random().unwrap();
    assert_eq!(HashKey::from_hex(&key.to_hex()), Some(key.clone()));
    assert!(!format!("{key:?}").contains(&key.to_hex()));
    assert_eq!(HashKey::from_hex("00"), None);
}

proptest! {
    #[test]
    fn what_was_written_is_read(objects in objects(), style in style()) {
        let (outcome, _) = Run::default().go(&Report::of(&objects, &style), empty()).unwrap();
        let bytes = stored(&outcome.next);
        prop_assert_eq!(stored(&read(&bytes).unwrap()), bytes);
    }
}
