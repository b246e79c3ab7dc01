//! Inventory reports, delivered.

use std::collections::BTreeSet;
use std::io::Read;

use aws_sdk_s3::types::{
    BucketVersioningStatus, InventoryConfiguration, InventoryDestination, InventoryFilter, InventoryFormat,
    InventoryFrequency, InventoryIncludedObjectVersions, InventoryOptionalField, InventoryS3BucketDestination,
    InventorySchedule, VersioningConfiguration,
};
use cloud::inventory::{Delivery, deliver, deliver_as};
use md5::{Digest, Md5};
use serde_json::Value;

use crate::support::{MANIFESTS, SOURCE, Scene};

/// The configuration of the tutorial.
pub(crate) fn daily(id: &str, versions: InventoryIncludedObjectVersions) -> Configuration {
    Configuration {
        id: id.to_owned(),
        versions,
        prefix: Some("inventory"),
        filter: None,
        account: ACCOUNT,
        format: InventoryFormat::Csv,
    }
}

const ACCOUNT: &str = "222222222222";

pub(crate) struct Configuration {
    id: String,
    versions: InventoryIncludedObjectVersions,
    prefix: Option<&'static str>,
    filter: Option<&'static str>,
    account: &'static str,
    format: InventoryFormat,
}

impl Configuration {
    pub(crate) async fn put(self, scene: &Scene) {
        let bucket = InventoryS3BucketDestination::builder()
            .account_id(self.account)
            .bucket(format!("arn:aws:s3:::{MANIFESTS}"))
            .format(self.format)
            .set_prefix(self.prefix.map(str::to_owned))
            .build()
            .unwrap();
        let configuration = InventoryConfiguration::builder()
            .id(&self.id)
            .is_enabled(true)
            .included_object_versions(self.versions)
            .set_filter(self.filter.map(|prefix| InventoryFilter::builder().prefix(prefix).build().unwrap()))
            .schedule(InventorySchedule::builder().frequency(InventoryFrequency::Daily).build().unwrap())
            .destination(InventoryDestination::builder().s3_bucket_destination(bucket).build())
            .set_optional_fields(Some(vec![InventoryOptionalField::ETag, InventoryOptionalField::Size]))
            .build()
            .unwrap();
        let put = scene.source.put_bucket_inventory_configuration().bucket(SOURCE).id(&self.id);
        put.inventory_configuration(configuration).send().await.unwrap();
    }
}

/// The manifest, and every row of its data files.
async fn report(scene: &Scene, key: &str) -> (Value, Vec<Vec<String>>) {
    let bytes = scene.read(MANIFESTS, key).await;
    let checksum = scene.read(MANIFESTS, &key.replace("manifest.json", "manifest.checksum")).await;
    assert_eq!(String::from_utf8(checksum).unwrap(), hex::encode(Md5::digest(&bytes)));
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let mut rows = Vec::new();
    for file in manifest["files"].as_array().unwrap() {
        let bytes = scene.read(MANIFESTS, file["key"].as_str().unwrap()).await;
        assert_eq!(file["size"], bytes.len());
        assert_eq!(file["MD5checksum"], hex::encode(Md5::digest(&bytes)));
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*text);
        rows.extend(reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()));
    }
    (manifest, rows)
}

#[tokio::test]
async fn lists_the_bucket_as_it_is_under_the_layout_of_aws() {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    for key in ["a", "b c+d", "e%,\"f\".txt", "g/h", "\u{e9}\n"] {
        scene.put(key, key).await;
    }
    let delivery = Delivery { rows_per_file: 2, ..Delivery::default() };
    let [key] = &deliver_as(&scene.cloud, SOURCE, &delivery).await.unwrap()[..] else { panic!("one report") };
    let parts: Vec<&str> = key.split('/').collect();
    let ["inventory", "src", "all", time, "manifest.json"] = parts[..] else { panic!("{key}") };
    assert!(time.len() == 17 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");

    let (manifest, rows) = report(&scene, key).await;
    assert_eq!(manifest["sourceBucket"], "src");
    assert_eq!(manifest["destinationBucket"], "arn:aws:s3:::manifests");
    assert_eq!(manifest["fileSchema"], "Bucket, Key, Size, ETag");
    assert_eq!(manifest["files"].as_array().unwrap().len(), 3);
    let listed: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            let form: Vec<_> = form_urlencoded::parse(row[1].as_bytes()).collect();
            assert_eq!((row[0].as_str(), &row[3]), (SOURCE, &hex::encode(Md5::digest(form[0].0.as_bytes()))));
            form[0].0.to_string()
        })
        .collect();
    assert_eq!(listed, ["a", "b c+d", "e%,\"f\".txt", "g/h", "\u{e9}\n"].map(str::to_owned).into());
    let links = scene.keys(MANIFESTS, "inventory/src/all/hive/");
    assert_eq!(links.len(), 1);
    let links = String::from_utf8(scene.read(MANIFESTS, &links[0]).await).unwrap();
    assert_eq!(links.lines().count(), 3);
    assert!(links.lines().all(|link| link.starts_with("s3://manifests/inventory/src/all/data/")), "{links}");
}

#[tokio::test]
async fn all_versions_list_delete_markers_and_null_versions() {
    let scene = Scene::new().await;
    daily("versions", InventoryIncludedObjectVersions::All).put(&scene).await;
    scene.put("k", "null version").await;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    scene.source.put_bucket_versioning().bucket(SOURCE).versioning_configuration(enabled).send().await.unwrap();
    scene.put("k", "second").await;
    scene.source.delete_object().bucket(SOURCE).key("k").send().await.unwrap();

    let keys = deliver(&scene.cloud, SOURCE).await.unwrap();
    let (manifest, rows) = report(&scene, &keys[0]).await;
    assert_eq!(manifest["fileSchema"], "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag");
    assert_eq!(rows.len(), 3);
    let marker = rows.iter().find(|row| row[4] == "true").unwrap();
    assert_eq!((marker[3].as_str(), marker[5].as_str(), marker[6].as_str()), ("true", "", ""));
    let null = rows.iter().find(|row| row[2].is_empty()).unwrap();
    assert_eq!((null[3].as_str(), null[5].as_str()), ("false", "12"));
}

#[tokio::test]
async fn filter_prefix_and_no_prefix() {
    let scene = Scene::new().await;
    let daily = daily("some", InventoryIncludedObjectVersions::Current);
    Configuration { prefix: None, filter: Some("in/"), ..daily }.put(&scene).await;
    scene.put("in/1", "").await;
    scene.put("out/1", "").await;
    let keys = deliver(&scene.cloud, SOURCE).await.unwrap();
    assert!(keys[0].starts_with("src/some/2"), "{keys:?}");
    let (_, rows) = report(&scene, &keys[0]).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][1], "in/1");
}

#[tokio::test]
async fn an_empty_bucket_gives_either_answer() {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    let keys = deliver(&scene.cloud, SOURCE).await.unwrap();
    assert_eq!(report(&scene, &keys[0]).await.0["files"], serde_json::json!([]));
    let delivery = Delivery { file_of_no_rows: true, ..Delivery::default() };
    let keys = deliver_as(&scene.cloud, SOURCE, &delivery).await.unwrap();
    let (manifest, rows) = report(&scene, &keys[0]).await;
    assert_eq!((manifest["files"].as_array().unwrap().len(), rows.len()), (1, 0));
}

#[tokio::test]
async fn two_deliveries_keep_their_data_files_apart() {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    scene.put("k", "v").await;
    let first = deliver(&scene.cloud, SOURCE).await.unwrap();
    let (before, _) = report(&scene, &first[0]).await;
    let second = deliver(&scene.cloud, SOURCE).await.unwrap();
    let (after, _) = report(&scene, &second[0]).await;
    assert_ne!(before["files"][0]["key"], after["files"][0]["key"]);
    assert_eq!(scene.keys(MANIFESTS, "inventory/src/all/data/").len(), 2);
}

#[tokio::test]
async fn a_wrong_policy_is_named_and_nothing_is_delivered() {
    let refusal = async |scene: &Scene| {
        let refused = deliver(&scene.cloud, SOURCE).await.unwrap_err().to_string();
        assert_eq!(scene.keys(MANIFESTS, ""), [""; 0]);
        assert!(refused.contains("inventory all of src"), "{refused}");
        refused
    };
    for (part, wrong) in [
        ("arn:aws:s3:::src\"", "arn:aws:s3:::other\""),
        ("111111111111", "333333333333"),
        ("bucket-owner-full-control", "private"),
        ("s3:PutObject", "s3:GetObject"),
    ] {
        let scene = Scene::new().await;
        daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
        scene.put("k", "v").await;
        let policy = scene.destination.get_bucket_policy().bucket(MANIFESTS).send().await.unwrap().policy.unwrap();
        assert!(policy.contains(part));
        let policy: Value = serde_json::from_str(&policy.replace(part, wrong)).unwrap();
        scene.policy(&scene.destination, MANIFESTS, &policy).await;
        let refused = refusal(&scene).await;
        assert!(refused.contains("AccessDenied") && refused.contains("s3:PutObject"), "{refused}");
    }

    let scene = Scene::new().await;
    scene.put("k", "v").await;
    let wrong = Configuration { account: "111111111111", ..daily("all", InventoryIncludedObjectVersions::Current) };
    wrong.put(&scene).await;
    assert!(refusal(&scene).await.contains("AccessDenied"));
    let orc = Configuration { format: InventoryFormat::Orc, ..daily("all", InventoryIncludedObjectVersions::Current) };
    orc.put(&scene).await;
    assert!(refusal(&scene).await.contains("ORC is not here"));
    assert!(deliver(&scene.cloud, "nowhere").await.unwrap_err().to_string().contains("no bucket nowhere"));
}

#[tokio::test]
async fn a_report_is_delivered_as_a_test_wants_it() {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    for key in ["a", "b", "c", "d", "e", "f", "g"] {
        scene.put(key, key).await;
    }
    let one = async |delivery: &Delivery| {
        let mut keys = deliver_as(&scene.cloud, SOURCE, delivery).await.unwrap();
        let key = keys.pop().unwrap();
        let (manifest, rows) = report(&scene, &key).await;
        (key, manifest, rows)
    };
    let columns = vec![("Temperature".to_owned(), "warm, \"very\"".to_owned())];
    let (newer, manifest, rows) = one(&Delivery { files: Some(3), columns, ..Delivery::default() }).await;
    assert_eq!(manifest["files"].as_array().unwrap().len(), 3);
    assert_eq!(manifest["fileSchema"], "Bucket, Key, Size, ETag, Temperature");
    assert!(rows.iter().all(|row| row[4] == "warm, \"very\""), "{rows:?}");

    // Again under the same key, in another order: another ETag.
    let started: jiff::Timestamp = format!("{}:{}:00Z", &newer[18..31], &newer[32..34]).parse().unwrap();
    let head = || scene.destination.head_object().bucket(MANIFESTS).key(&newer).send();
    let before = head().await.unwrap().e_tag.unwrap();
    let again = Delivery { order: 1, started: Some(started), ..Delivery::default() };
    let (key, _, other) = one(&again).await;
    assert_eq!(key, newer);
    assert_ne!(head().await.unwrap().e_tag.unwrap(), before);
    let keys = |rows: &[Vec<String>]| rows.iter().map(|row| row[1].clone()).collect::<Vec<_>>();
    assert_ne!(keys(&rows), keys(&other));
    assert_eq!(BTreeSet::from_iter(keys(&rows)), BTreeSet::from_iter(keys(&other)));

    // An older one after it.
    let older = Delivery { started: Some("2020-01-01T00:00:00Z".parse().unwrap()), ..Delivery::default() };
    assert_eq!(one(&older).await.0, "inventory/src/all/2020-01-01T00-00Z/manifest.json");
}

#[tokio::test]
async fn a_refusal_names_what_was_delivered_all_the_same() {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    let refused =
        Configuration { format: InventoryFormat::Orc, ..daily("other", InventoryIncludedObjectVersions::Current) };
    refused.put(&scene).await;
    let error = deliver(&scene.cloud, SOURCE).await.unwrap_err();
    let cloud::inventory::InventoryError::Refused { id, delivered, .. } = error else { panic!("{error}") };
    assert_eq!((id.as_str(), delivered.len()), ("other", 1));
    assert!(delivered[0].starts_with("inventory/src/all/"), "{delivered:?}");
}
