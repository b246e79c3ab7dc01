//! Tests. The three worked cases are those of docs/SEMANTICS.md, whose figures are made by hand.

use serde_json::json;

use super::*;
use crate::config::Budget;
use crate::plan::Count;

fn prices(home: &str, destination: &str, overrides: Option<&str>) -> Prices {
    Prices::read(home.parse().unwrap(), destination.parse().unwrap(), overrides).unwrap()
}

fn plain() -> How {
    How { storage_class: "STANDARD".to_owned(), source_keys: Keys::None, destination_keys: Keys::None, restores: None }
}

/// No limits, the table's prices.
pub(crate) fn budget() -> Budget {
    Budget { limits: Limits::default(), prices: prices("us-east-1", "eu-west-1", None), how: plain() }
}

fn dollars(text: &str) -> Money {
    text.parse().unwrap()
}

fn copied(objects: u64, bytes: u64) -> Count {
    Count { objects, bytes }
}

const GB: u64 = 1 << 30;

const DOC: &str = include_str!("../../../docs/SEMANTICS.md");

/// Each item, as docs/SEMANTICS.md has it.
fn is_worked(cost: &Cost, items: &[(What, &str)], total: &str) {
    let found: Vec<(What, Money)> = cost.items.iter().map(|item| (item.what, item.dollars)).collect();
    let expected: Vec<(What, Money)> = items.iter().map(|(what, text)| (*what, dollars(text))).collect();
    assert_eq!(found, expected);
    assert_eq!(cost.total, dollars(total));
    assert!(DOC.contains(&format!("Together **${total}**")), "docs/SEMANTICS.md has another total than {total}");
}

#[test]
fn first_worked_case_a_first_run_within_a_region() {
    let work =
        Work { listed: 10_000_000, copied: copied(10_000_000, 2048 * GB), large: Large::default(), ..Work::default() };
    let cost = Cost::estimate(&prices("us-east-1", "us-east-1", None), &plain(), &work);
    let items = [(What::Listed, "0.025"), (What::Jobs, "0.25"), (What::Tasks, "10"), (What::CopyRequests, "50")];
    is_worked(&cost, &items, "60.275");
}

#[test]
fn second_worked_case_a_day_between_regions_with_keys() {
    let work =
        Work { listed: 10_000_000, copied: copied(40_000, 100 * GB), large: Large::default(), ..Work::default() };
    let how = How {
        storage_class: "STANDARD_IA".to_owned(),
        source_keys: Keys::Each,
        destination_keys: Keys::BucketKey,
        restores: None,
    };
    let cost = Cost::estimate(&prices("us-east-1", "eu-west-1", None), &how, &work);
    let items = [
        (What::Listed, "0.025"),
        (What::Jobs, "0.25"),
        (What::Tasks, "0.04"),
        (What::CopyRequests, "0.4"),
        (What::TransferBytes, "2"),
        (What::KmsRequests, "0.1212"),
    ];
    is_worked(&cost, &items, "2.8362");
}

#[test]
fn third_worked_case_large_objects_into_an_archive_class() {
    let large = Large { all: copied(50, 50 * 100 * GB), parts: 50 * 800 };
    let work = Work { listed: 1_000_000, copied: copied(1000, GB), large, ..Work::default() };
    let how = How { storage_class: "DEEP_ARCHIVE".to_owned(), ..plain() };
    let cost = Cost::estimate(&prices("us-west-2", "us-west-2", None), &how, &work);
    let items = [
        (What::Listed, "0.0025"),
        (What::Jobs, "0.5"),
        (What::Tasks, "0.00105"),
        (What::CopyRequests, "0.25275"),
        (What::GetRequests, "0.00008"),
        (What::LambdaRequests, "0.000016"),
        (What::LambdaGbSeconds, "0.213750428"),
    ];
    is_worked(&cost, &items, "0.970146428");
}

#[test]
fn what_a_region_leaves_out_or_nobody_knows_is_rather_dear() {
    let known = prices("sa-east-1", "ap-southeast-9", None);
    assert_eq!(known.at_home.job, known.at_destination.job);
    assert!(known.at_destination.job > prices("us-east-1", "us-east-1", None).at_home.job);
    assert_eq!(known.at_destination.copy_to("NEW_CLASS"), known.at_destination.copy_to("DEEP_ARCHIVE"));
    assert_eq!(known.at_home.transfer_to(&"eu-west-1".parse().unwrap()), dollars("0.138"));
    let near = prices("us-east-1", "us-east-2", None);
    assert_eq!(near.at_home.transfer_to(&near.destination), dollars("0.01"));
}

#[test]
fn an_estimate_is_as_old_as_the_older_of_its_prices() {
    let (checked, other) = (prices("us-east-1", "us-east-1", None).as_of, prices("us-west-2", "us-west-2", None).as_of);
    assert!(other < checked, "{other} {checked}");
    for (home, destination) in [("us-east-1", "us-west-2"), ("us-west-2", "us-east-1"), ("us-east-1", "xx-west-1")] {
        assert_eq!(prices(home, destination, None).as_of, other, "{home} {destination}");
    }
}

/// Nothing in the table is dearer than what an unknown Region is taken to cost.
#[test]
fn the_default_is_as_dear_as_any_region() {
    let table: serde_json::Value = serde_json::from_str(include_str!("../../data/prices.json")).unwrap();
    let default = &table["default"];
    let mut seen = 0;
    for (region, entry) in table["regions"].as_object().unwrap() {
        for (name, price) in entry.as_object().unwrap() {
            if name == "as_of" {
                assert!(price.as_str().unwrap().parse::<jiff::civil::Date>().is_ok(), "{region}: {price}");
                continue;
            }
            let pairs: Vec<(f64, f64)> = match price.as_object() {
                None => vec![(price.as_f64().unwrap(), default[name].as_f64().unwrap())],
                Some(map) => map
                    .iter()
                    .map(|(key, price)| {
                        let most = default[name].get(key).unwrap_or(&default[name]["*"]);
                        (price.as_f64().unwrap(), most.as_f64().unwrap())
                    })
                    .collect(),
            };
            for (price, most) in pairs {
                assert!(price <= most, "{region} {name}");
                seen += 1;
            }
        }
        prices(region, region, None);
    }
    assert!(seen > 100, "{seen}");
    let as_of = table["as_of"].as_str().unwrap();
    assert!(as_of.parse::<jiff::civil::Date>().is_ok(), "{as_of}");
}

#[test]
fn settings_put_other_prices_in_place() {
    let own = r#"{"*":{"job":0.1},"eu-west-1":{"copy_requests_per_1000":{"STANDARD":0.001}}}"#;
    let own = prices("us-east-1", "eu-west-1", Some(own));
    assert!(own.overridden);
    assert_eq!((own.at_home.job, own.at_destination.job), (dollars("0.1"), dollars("0.1")));
    assert_eq!(own.at_destination.copy_to("STANDARD"), dollars("0.001"));
    assert_eq!(own.at_destination.copy_to("STANDARD_IA"), dollars("0.01"), "the table's");
    assert_eq!(own.at_home.copy_to("STANDARD"), dollars("0.005"));
    for wrong in ["{", r#"{"*":{"jobs":1}}"#, r#"{"*":{"job":-1}}"#, r#"{"*":{"job":"free"}}"#, "[]"] {
        let error = Prices::read("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap(), Some(wrong)).unwrap_err();
        assert!(error.to_string().starts_with("PRICE_OVERRIDES: "), "{error}");
    }
}

#[test]
fn money_is_exact_and_reads_as_dollars() {
    for (text, billionths) in [("0", 0), ("$0.25", 250_000_000), ("1e-9", 1), ("12.345", 12_345_000_000)] {
        let money = dollars(text);
        assert_eq!(money, Money::from_billionths(billionths));
        let json = serde_json::to_string(&money).unwrap();
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money, "{json}");
    }
    for wrong in ["", "-1", "NaN", "inf", "1e30", "5 euros"] {
        assert!(wrong.parse::<Money>().is_err(), "{wrong}");
    }
    assert_eq!(dollars("0.005").times(1, 1000), Money::from_billionths(5000));
    assert_eq!(dollars("16.6667").times(u64::MAX, 1), Money::from_billionths(u64::MAX));
}

#[test]
fn what_is_restored_costs_by_its_tier() {
    let work = Work { restored: copied(2000, 10 * GB), ..Work::default() };
    for (tier, requests, bytes) in [("Bulk", "0.05", "0.025"), ("Standard", "0.2", "0.2")] {
        let how = How { restores: Some(tier.to_owned()), ..plain() };
        let cost = Cost::estimate(&prices("us-east-1", "us-east-1", None), &how, &work);
        assert_eq!((cost.of(What::RestoreRequests), cost.of(What::RestoredBytes)), (dollars(requests), dollars(bytes)));
        assert_eq!((cost.of(What::Jobs), cost.of(What::Tasks)), (dollars("0.25"), dollars("0.002")));
    }
}

#[test]
fn nothing_copied_costs_its_listing_alone() {
    let work = Work { listed: 1_000_000, ..Work::default() };
    let cost = Cost::estimate(&prices("us-east-1", "eu-west-1", None), &plain(), &work);
    assert_eq!((cost.items.len(), cost.total, cost.of(What::Listed)), (1, dollars("0.0025"), dollars("0.0025")));
}

#[test]
fn a_limit_is_kept_to_the_very_number() {
    let work = Work { listed: 10, copied: copied(10, 1000), large: Large::default(), ..Work::default() };
    let cost = Cost::estimate(&prices("us-east-1", "us-east-1", None), &plain(), &work);
    let limits = |objects, bytes, cost| Limits { objects, bytes, cost };
    assert_eq!(limits(Some(10), Some(1000), Some(cost.total)).over(Some(&cost)), []);
    assert_eq!(limits(Some(9), None, None).over(Some(&cost)), [Over::Objects { planned: 10, most: 9 }]);
    assert_eq!(limits(None, Some(999), None).over(Some(&cost)), [Over::Bytes { planned: 1000, most: 999 }]);
    let most = dollars("0.25");
    let over = limits(None, None, Some(most)).over(Some(&cost));
    assert_eq!(over, [Over::Cost { planned: cost.total, most }]);
    assert_eq!(limits(None, None, None).over(None), []);
    assert_eq!(limits(None, None, Some(most)).over(None), [Over::Unknown]);
    let json = serde_json::to_value([Over::Objects { planned: 10, most: 9 }, Over::Unknown]).unwrap();
    assert_eq!(json, json!([{ "limit": "MaxObjectsPerRun", "planned": 10, "most": 9 }, { "limit": "unknown" }]));
    assert_eq!(serde_json::from_value::<Vec<Over>>(json).unwrap()[1], Over::Unknown);
}
