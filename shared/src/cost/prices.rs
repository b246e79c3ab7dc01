//! The price table, `shared/data/prices.json`, and what a route's own settings put in place of it. Calls nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Money;
use crate::names::Region;

const TABLE: &str = include_str!("../../data/prices.json");

/// Stands for every Region.
const ANY: &str = "*";

/// The prices that hold for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// The day that the prices of both Regions are of, `YYYY-MM-DD`; the earlier one, if these are two.
    pub as_of: String,
    /// Whether a setting has changed any of them.
    pub overridden: bool,
    /// Where the source bucket is, and the functions.
    pub home: Region,
    /// What holds there.
    pub at_home: Rates,
    /// Where the destination bucket is, and the jobs.
    pub destination: Region,
    /// What holds there.
    pub at_destination: Rates,
}

/// The prices of one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// 1,000 PUT or COPY requests, by the storage class that they write to.
    pub copy_requests: BTreeMap<String, Money>,
    /// 1,000 GET or HEAD requests.
    pub get_requests: Money,
    /// A job of S3 Batch Operations.
    pub job: Money,
    /// A million objects in jobs.
    pub tasks: Money,
    /// A million objects in an inventory report.
    pub listed: Money,
    /// A GB (2³⁰ bytes) that leaves the Region for another, by that one.
    pub transfer: BTreeMap<String, Money>,
    /// 10,000 requests to KMS.
    pub kms_requests: Money,
    /// 1,000 objects asked to be restored, by the tier (`Bulk`, `Standard`).
    pub restore_requests: BTreeMap<String, Money>,
    /// A GB of them, likewise.
    pub restored: BTreeMap<String, Money>,
    /// A million GB-seconds of Lambda.
    pub lambda_gb_seconds: Money,
    /// A million invocations.
    pub lambda_requests: Money,
}

/// Why there are no prices.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It is no JSON, or names no price.
    #[error(
        "{of}: {error}; it should be like {{\"eu-west-1\":{{\"job\":0.2}},\"*\":{{\"kms_requests_per_10000\":0.03}}}}, with the names of shared/data/prices.json"
    )]
    Form {
        /// The setting, or the table.
        of: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The table's own default leaves a price out: a fault of this release.
    #[error("the price table has no {0} by default")]
    Missing(&'static str),
}

#[derive(Debug, Deserialize)]
struct Table {
    as_of: String,
    default: Entry,
    regions: BTreeMap<String, Entry>,
}

/// What is said of one Region; what is left out is said elsewhere.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    /// The day that these are of, if it is another than the table's.
    as_of: Option<String>,
    copy_requests_per_1000: BTreeMap<String, Money>,
    get_requests_per_1000: Option<Money>,
    job: Option<Money>,
    tasks_per_million: Option<Money>,
    listed_per_million: Option<Money>,
    transfer_per_gb: BTreeMap<String, Money>,
    kms_requests_per_10000: Option<Money>,
    restore_requests_per_1000: BTreeMap<String, Money>,
    restored_per_gb: BTreeMap<String, Money>,
    lambda_gb_seconds_per_million: Option<Money>,
    lambda_requests_per_million: Option<Money>,
}

impl Entry {
    /// This, and in its place whatever `over` says.
    fn under(mut self, over: Option<&Self>) -> Self {
        let Some(over) = over.cloned() else { return self };
        self.copy_requests_per_1000.extend(over.copy_requests_per_1000);
        self.transfer_per_gb.extend(over.transfer_per_gb);
        self.restore_requests_per_1000.extend(over.restore_requests_per_1000);
        self.restored_per_gb.extend(over.restored_per_gb);
        Self {
            as_of: over.as_of.or(self.as_of),
            get_requests_per_1000: over.get_requests_per_1000.or(self.get_requests_per_1000),
            job: over.job.or(self.job),
            tasks_per_million: over.tasks_per_million.or(self.tasks_per_million),
            listed_per_million: over.listed_per_million.or(self.listed_per_million),
            kms_requests_per_10000: over.kms_requests_per_10000.or(self.kms_requests_per_10000),
            lambda_gb_seconds_per_million: over.lambda_gb_seconds_per_million.or(self.lambda_gb_seconds_per_million),
            lambda_requests_per_million: over.lambda_requests_per_million.or(self.lambda_requests_per_million),
            ..self
        }
    }

    fn rates(self) -> Result<Rates, PriceError> {
        let price = |price: Option<Money>, name| price.ok_or(PriceError::Missing(name));
        if self.copy_requests_per_1000.is_empty() {
            return Err(PriceError::Missing("copy_requests_per_1000"));
        }
        if !self.transfer_per_gb.contains_key(ANY) {
            return Err(PriceError::Missing("transfer_per_gb"));
        }
        Ok(Rates {
            copy_requests: self.copy_requests_per_1000,
            get_requests: price(self.get_requests_per_1000, "get_requests_per_1000")?,
            job: price(self.job, "job")?,
            tasks: price(self.tasks_per_million, "tasks_per_million")?,
            listed: price(self.listed_per_million, "listed_per_million")?,
            transfer: self.transfer_per_gb,
            kms_requests: price(self.kms_requests_per_10000, "kms_requests_per_10000")?,
            restore_requests: self.restore_requests_per_1000,
            restored: self.restored_per_gb,
            lambda_gb_seconds: price(self.lambda_gb_seconds_per_million, "lambda_gb_seconds_per_million")?,
            lambda_requests: price(self.lambda_requests_per_million, "lambda_requests_per_million")?,
        })
    }
}

impl Prices {
    /// The prices of a route between these Regions; `overrides` is the setting `PRICE_OVERRIDES`: prices by Region, and of
    /// every Region under `*`.
    pub fn read(home: Region, destination: Region, overrides: Option<&str>) -> Result<Self, PriceError> {
        let form = |of| move |error| PriceError::Form { of, error };
        let table: Table = serde_json::from_str(TABLE).map_err(form("the price table"))?;
        let own: BTreeMap<String, Entry> =
            overrides.map(serde_json::from_str).transpose().map_err(form("PRICE_OVERRIDES"))?.unwrap_or_default();
        let rates = |region: &Region| {
            let named = table.default.clone().under(table.regions.get(region.as_str()));
            named.under(own.get(ANY)).under(own.get(region.as_str())).rates()
        };
        let (at_home, at_destination) = (rates(&home)?, rates(&destination)?);
        // Days of this form sort as text.
        let day = |region: &Region| table.regions.get(region.as_str()).and_then(|entry| entry.as_of.clone());
        let day = |region: &Region| day(region).unwrap_or_else(|| table.as_of.clone());
        let as_of = day(&home).min(day(&destination));
        Ok(Self { as_of, overridden: !own.is_empty(), home, at_home, destination, at_destination })
    }
}

impl Rates {
    /// 1,000 requests that write to this storage class; one that is not known is as dear as the dearest.
    pub(super) fn copy_to(&self, storage_class: &str) -> Money {
        dear(&self.copy_requests, storage_class)
    }

    /// 1,000 objects asked to be restored by this tier, and a GB of them.
    pub(super) fn restore_by(&self, tier: &str) -> (Money, Money) {
        (dear(&self.restore_requests, tier), dear(&self.restored, tier))
    }

    /// A GB that leaves this Region for that one.
    pub(super) fn transfer_to(&self, region: &Region) -> Money {
        let price = self.transfer.get(region.as_str()).or_else(|| self.transfer.get(ANY));
        price.copied().unwrap_or_default()
    }
}

/// The price of this name; one that is not known is as dear as the dearest.
fn dear(prices: &BTreeMap<String, Money>, name: &str) -> Money {
    let dearest = || prices.values().max().copied();
    prices.get(name).copied().or_else(dearest).unwrap_or_default()
}
