//! Objects of any size that take no space: `PutObject` with an empty body and the header `x-cloud-sparse`. Nothing of
//! AWS; everything else about such an object is as of any other.

use http::HeaderMap;
use s3s::{S3Result, s3_error};

use super::checksum::{Stored, md5, md5_of};
use super::content::Content;
use super::put::{ETag, New};

/// `size=BYTES[; part=BYTES][; seed=NUMBER]`
const HEADER: &str = "x-cloud-sparse";

/// What the header asks for.
pub(super) struct Sparse {
    size: u64,
    /// As though it had been uploaded in parts of this size.
    part: Option<u64>,
    seed: u64,
}

impl Sparse {
    /// None if the header is not there.
    pub(super) fn from_headers(headers: &HeaderMap) -> S3Result<Option<Self>> {
        let Some(value) = headers.get(HEADER) else { return Ok(None) };
        let wrong = || s3_error!(InvalidArgument, "{HEADER} is size=BYTES[; part=BYTES][; seed=NUMBER]");
        let mut asked = Self { size: 0, part: None, seed: 0 };
        let mut sized = false;
        for field in value.to_str().map_err(|_| wrong())?.split(';') {
            let (name, number) = field.trim().split_once('=').ok_or_else(wrong)?;
            let number = number.parse().map_err(|_| wrong())?;
            match name {
                "size" => (asked.size, sized) = (number, true),
                "part" if number > 0 => asked.part = Some(number),
                "seed" => asked.seed = number,
                _ => return Err(wrong()),
            }
        }
        if sized { Ok(Some(asked)) } else { Err(wrong()) }
    }

    /// Puts the content, and the ETag and checksum that go with it, in the place of the empty body's.
    pub(super) fn replace(&self, new: &mut New<'_>) {
        new.content = Content::sparse(self.seed, self.size);
        new.checksum = new.checksum.as_ref().map(|empty| Stored::full(empty.algorithm, &new.content));
        let Some(part) = self.part else {
            new.etag = ETag::Md5(hex::encode(md5(&new.content)));
            return;
        };
        new.parts = (0..self.size.div_ceil(part)).map(|i| part.min(self.size - i * part)).collect();
        let mut at = 0;
        let mut digests = Vec::with_capacity(new.parts.len() * 16);
        for size in &new.parts {
            digests.extend(md5(&new.content.slice(at..at + size)));
            at += size;
        }
        new.etag = ETag::Parts(hex::encode(md5_of(&digests)), new.parts.len());
        new.event = "CompleteMultipartUpload";
    }
}
