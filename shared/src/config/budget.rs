//! The settings of the guard and of the cost estimate. docs/CONFIGURATION.md has a row for each.

use std::str::FromStr;

use bytesize::ByteSize;

use super::{Reader, Setting};
use crate::cost::{How, Keys, Limits, Money, Prices};
use crate::names::{Invalid, KmsKeyArn, Region};

pub(super) const MAX_OBJECTS_PER_RUN: Setting = Setting::optional("MAX_OBJECTS_PER_RUN");
pub(super) const MAX_BYTES_PER_RUN: Setting = Setting::optional("MAX_BYTES_PER_RUN");
pub(super) const MAX_ESTIMATED_COST_PER_RUN: Setting = Setting::optional("MAX_ESTIMATED_COST_PER_RUN");
pub(super) const PRICE_OVERRIDES: Setting = Setting::optional("PRICE_OVERRIDES");
pub(super) const SOURCE_KMS_KEY_ARN: Setting = Setting::optional("SOURCE_KMS_KEY_ARN");

/// Lambda's own: the Region of the stack, where the source bucket is too.
const AWS_REGION: Setting = Setting::optional("AWS_REGION");

/// What a run may cost, and what is known of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// A run over any of these waits for a person.
    pub limits: Limits,
    /// What things cost.
    pub prices: Prices,
    /// How objects are copied, as far as it costs.
    pub how: How,
}

/// 1 and more.
struct Objects(u64);

impl FromStr for Objects {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(n @ 1..) => Ok(Self(n)),
            _ => Err(Invalid::new("a whole number from 1 on", text)),
        }
    }
}

/// `500GB`, `2 TiB`, `1000000`.
struct Bytes(u64);

impl FromStr for Bytes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(ByteSize(n @ 1..)) => Ok(Self(n)),
            _ => Err(Invalid::new("bytes from 1 on, such as 1000000, 500GB or 2TiB", text)),
        }
    }
}

impl Budget {
    /// Reads the settings; none if any is wrong.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        destination: Option<Region>,
        storage_class: Option<&str>,
        destination_key: bool,
        bucket_key: Option<bool>,
    ) -> Option<Self> {
        let objects: Option<Objects> = reader.read(&MAX_OBJECTS_PER_RUN);
        let bytes: Option<Bytes> = reader.read(&MAX_BYTES_PER_RUN);
        let cost: Option<Money> = reader.read(&MAX_ESTIMATED_COST_PER_RUN);
        let source_key: Option<KmsKeyArn> = reader.read(&SOURCE_KMS_KEY_ARN);
        let overrides: Option<String> = reader.read(&PRICE_OVERRIDES);
        let destination = destination?;
        let home = reader.known(&AWS_REGION).unwrap_or_else(|| destination.clone());
        let prices = match Prices::read(home, destination, overrides.as_deref()) {
            Ok(prices) => prices,
            Err(error) => {
                reader.blame(&PRICE_OVERRIDES, error.to_string());
                return None;
            }
        };
        let keys = |is_set: bool, bucket_key: bool| match (is_set, bucket_key) {
            (false, _) => Keys::None,
            (true, false) => Keys::Each,
            (true, true) => Keys::BucketKey,
        };
        Some(Self {
            limits: Limits { objects: objects.map(|n| n.0), bytes: bytes.map(|n| n.0), cost },
            prices,
            how: How {
                storage_class: storage_class.unwrap_or("STANDARD").to_owned(),
                source_keys: keys(source_key.is_some(), false),
                destination_keys: keys(destination_key, bucket_key == Some(true)),
                restores: reader.known(&super::route::RESTORE_ARCHIVED).filter(|tier: &String| tier != "Never"),
            },
        })
    }
}
