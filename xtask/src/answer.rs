//! What a difference has to find, in a form that any contender's output can be held against: how many rows, and a digest
//! of their keys that does not depend on their order.

use std::fmt;
use std::io::{self, BufRead};

use md5::{Digest, Md5};
use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};

/// A number of keys and their digest. The digest is the sum of the keys' MD5s modulo 2¹²⁸, so order does not matter, but
/// a key too many, too few or twice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Answer {
    /// How many keys.
    pub count: u64,
    digest: u128,
}

impl Answer {
    /// One more key, not encoded.
    pub fn add(&mut self, key: &[u8]) {
        self.count += 1;
        self.digest = self.digest.wrapping_add(u128::from_be_bytes(Md5::digest(key).into()));
    }

    /// All keys of two answers.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, digest: self.digest.wrapping_add(other.digest) }
    }

    /// Of lines that each hold one encoded key, as a report writes it.
    pub fn of_lines(lines: impl BufRead) -> io::Result<Self> {
        let mut answer = Self::default();
        for line in lines.split(b'\n') {
            answer.add(&decoded(&line?));
        }
        Ok(answer)
    }

    /// Of CSV rows whose second column is an encoded key, as a manifest for Batch Operations has it.
    pub fn of_manifest_rows(rows: impl io::Read) -> Result<Self, csv::Error> {
        let mut answer = Self::default();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(rows);
        let mut row = csv::ByteRecord::new();
        while reader.read_byte_record(&mut row)? {
            answer.add(&decoded(row.get(1).unwrap_or_default()));
        }
        Ok(answer)
    }
}

/// Space is `+` in some encodings and `%20` in others; a plus is `%2B` in all.
fn decoded(key: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = key.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} rows, digest {:032x}", self.count, self.digest)
    }
}

/// As JSON has it: the digest is wider than its numbers.
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    digest: String,
}

impl From<Answer> for Written {
    fn from(answer: Answer) -> Self {
        Self { count: answer.count, digest: format!("{:032x}", answer.digest) }
    }
}

impl TryFrom<Written> for Answer {
    type Error = std::num::ParseIntError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Ok(Self { count: written.count, digest: u128::from_str_radix(&written.digest, 16)? })
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn order_and_encoding_do_not_matter_but_every_key_does() {
        let all = Answer::of_lines(&b"a+b\nc%2Bd\n%C3%A9"[..]).unwrap();
        let manifest = &b"bucket,%C3%A9\nbucket,a%20b\n\"bucket\",\"c%2Bd\"\n"[..];
        assert_eq!(all, Answer::of_manifest_rows(manifest).unwrap());
        assert_eq!(all.count, 3);
        for other in ["a+b\nc%2Bd", "a+b\nc%2Bd\n%C3%A9\n%C3%A9", "a%2Bb\nc%2Bd\n%C3%A9"] {
            assert_ne!(all, Answer::of_lines(other.as_bytes()).unwrap(), "{other}");
        }
    }

    #[test]
    fn json_keeps_it() {
        let mut answer = Answer::default();
        answer.add(b"key");
        let json = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&json).unwrap(), answer);
    }
}
