//! Checksums and ETags: computed over content, compared with what the client declared.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, ChecksumAlgorithm, ChecksumType};
use s3s::{S3Result, s3_error};

use super::content::Content;

/// An additional checksum algorithm.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// A checksum that is stored with an object.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) algorithm: Algorithm,
    /// Base64; with `-N` behind for a composite one.
    pub(super) value: String,
    /// Of the parts' checksums, not of the bytes.
    pub(super) composite: bool,
}

/// The checksums of any of the inputs or outputs that carry them.
macro_rules! sums {
    ($from:expr) => {
        s3s::dto::Checksum {
            checksum_crc32: $from.checksum_crc32.clone(),
            checksum_crc32c: $from.checksum_crc32c.clone(),
            checksum_crc64nvme: $from.checksum_crc64nvme.clone(),
            checksum_sha1: $from.checksum_sha1.clone(),
            checksum_sha256: $from.checksum_sha256.clone(),
            ..s3s::dto::Checksum::default()
        }
    };
}
pub(super) use sums;

/// Puts stored checksums into any of the outputs that carry them.
macro_rules! show_sums {
    ($into:expr, $stored:expr) => {
        if let Some(stored) = $stored {
            let sums: s3s::dto::Checksum = stored.to_dto();
            $into.checksum_crc32 = sums.checksum_crc32;
            $into.checksum_crc32c = sums.checksum_crc32c;
            $into.checksum_crc64nvme = sums.checksum_crc64nvme;
            $into.checksum_sha1 = sums.checksum_sha1;
            $into.checksum_sha256 = sums.checksum_sha256;
        }
    };
}
pub(super) use show_sums;

impl Algorithm {
    pub(super) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As headers and inventories name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The other way round; an algorithm nobody knows is refused.
    pub(super) fn parse(name: &ChecksumAlgorithm) -> S3Result<Self> {
        Self::ALL
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(name.as_str()))
            .ok_or_else(|| s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported: {}", name.as_str()))
    }

    fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// The field of this algorithm.
    pub(super) fn field(self, sums: &mut Checksum) -> &mut Option<String> {
        match self {
            Self::Crc32 => &mut sums.checksum_crc32,
            Self::Crc32c => &mut sums.checksum_crc32c,
            Self::Crc64Nvme => &mut sums.checksum_crc64nvme,
            Self::Sha1 => &mut sums.checksum_sha1,
            Self::Sha256 => &mut sums.checksum_sha256,
        }
    }

    fn hasher(self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
        hasher
    }

    /// Of bytes.
    pub(super) fn of(self, chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
        let mut hasher = self.hasher();
        chunks.into_iter().for_each(|chunk| hasher.update(chunk.as_ref()));
        self.field(&mut hasher.finalize()).take().unwrap_or_default()
    }
}

impl Stored {
    /// Of the whole content.
    pub(super) fn full(algorithm: Algorithm, content: &Content) -> Self {
        Self { algorithm, value: algorithm.of(content.hashed()), composite: false }
    }

    /// As S3 writes it.
    pub(super) fn to_dto(&self) -> Checksum {
        let mut sums = Checksum { checksum_type: Some(self.kind()), ..Checksum::default() };
        *self.algorithm.field(&mut sums) = Some(self.value.clone());
        sums
    }

    /// `FULL_OBJECT` or `COMPOSITE`.
    pub(super) fn kind(&self) -> ChecksumType {
        ChecksumType::from_static(if self.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
    }

    /// As listings name it.
    pub(super) fn algorithms(&self) -> Vec<ChecksumAlgorithm> {
        vec![ChecksumAlgorithm::from_static(self.algorithm.name())]
    }
}

/// What a client said of the body it sends.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// From headers; trailers are added once the body has been read.
    pub(super) sums: Checksum,
    /// From `x-amz-sdk-checksum-algorithm`.
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    /// `Content-MD5`, Base64.
    pub(super) md5: Option<String>,
}

impl Declared {
    /// With the checksums that came behind the body.
    pub(super) fn add_trailers(&mut self, trailers: &HeaderMap) {
        for algorithm in Algorithm::ALL {
            if let Some(value) = trailers.get(algorithm.header()).and_then(|v| v.to_str().ok()) {
                *algorithm.field(&mut self.sums) = Some(value.to_owned());
            }
        }
    }

    /// The one checksum that was given, if any; two are refused, as by S3.
    pub(super) fn single(&mut self) -> S3Result<Option<(Algorithm, String)>> {
        let given: Vec<_> =
            Algorithm::ALL.into_iter().filter_map(|a| a.field(&mut self.sums).clone().map(|v| (a, v))).collect();
        if given.len() > 1 {
            return Err(s3_error!(
                InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
            ));
        }
        Ok(given.into_iter().next())
    }

    /// Compares with the content, and returns its MD5 and the checksum to store: of the algorithm that was asked
    /// for, CRC64NVME if none was.
    pub(super) fn verify(mut self, content: &Content) -> S3Result<([u8; 16], Stored)> {
        let md5 = md5(content);
        if let Some(declared) = &self.md5 {
            let declared = STANDARD
                .decode(declared)
                .ok()
                .filter(|d| d.len() == md5.len())
                .ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))?;
            if declared != md5 {
                return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
            }
        }
        let stored = match (self.single()?, &self.algorithm) {
            (Some((algorithm, declared)), _) => {
                let stored = Stored::full(algorithm, content);
                if stored.value != declared {
                    let name = algorithm.name();
                    return Err(s3_error!(
                        BadDigest,
                        "The {name} you specified did not match the calculated checksum."
                    ));
                }
                stored
            }
            (None, Some(name)) => Stored::full(Algorithm::parse(name)?, content),
            (None, None) => Stored::full(Algorithm::Crc64Nvme, content),
        };
        Ok((md5, stored))
    }
}

/// A checksum of parts' checksums, which are Base64.
pub(super) fn composite<'a>(algorithm: Algorithm, parts: impl Iterator<Item = &'a str>) -> Stored {
    let digests: Vec<_> = parts.filter_map(|part| STANDARD.decode(part).ok()).collect();
    Stored { algorithm, value: format!("{}-{}", algorithm.of(&digests), digests.len()), composite: true }
}

/// MD5 of the bytes.
pub(super) fn md5(content: &Content) -> [u8; 16] {
    let mut hasher = Md5::new();
    content.hashed().for_each(|chunk| hasher.update(&chunk));
    hasher.finalize()
}

/// MD5 of a few bytes.
pub(super) fn md5_of(bytes: &[u8]) -> [u8; 16] {
    Md5::checksum(bytes)
}
