//! `delta diff`, as a person runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{BUCKET, Object, Objects, Report, Style};

fn object(etag: char, class: &'static str) -> Object {
    Object { size: 7, time: (1, 0), etag: etag.to_string().repeat(32), class }
}

/// Writes a report as it would lie in the manifest bucket; gives the path of its manifest.json.
fn deliver(root: &Path, day: &str, objects: &Objects) -> PathBuf {
    let report = Report::of(objects, &Style::plain());
    let folder = root.join(format!("inventory/{BUCKET}/daily/{day}"));
    let data = root.join(format!("inventory/{BUCKET}/daily/data"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&data).unwrap();
    let mut files = Vec::new();
    for (file, bytes) in report.files.iter().zip(&report.bytes) {
        let name = format!("{day}.csv.gz");
        fs::write(data.join(&name), bytes).unwrap();
        let key = format!("inventory/{BUCKET}/daily/data/{name}");
        files.push(serde_json::json!({"key": key, "size": file.size, "MD5checksum": file.md5}));
    }
    let manifest = serde_json::json!({
        "sourceBucket": BUCKET, "destinationBucket": "arn:aws:s3:::manifests", "version": "2016-11-30",
        "creationTimestamp": "0", "fileFormat": "CSV", "fileSchema": report.columns.join(", "), "files": files,
    });
    let path = folder.join("manifest.json");
    fs::write(&path, serde_json::to_vec_pretty(&manifest).unwrap()).unwrap();
    path
}

/// Its standard output, if it succeeds; else its standard error.
fn delta(before: &Path, after: &Path, more: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_delta"));
    let output = command.arg("diff").arg(before).arg(after).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

struct Days {
    root: tempfile::TempDir,
    first: PathBuf,
    second: PathBuf,
}

fn days() -> Days {
    let root = tempfile::tempdir().unwrap();
    let named = |key: &str, etag, class| (key.to_owned(), object(etag, class));
    let before = [
        named("same.jpg", 'a', "STANDARD"),
        named("over written.jpg", 'b', "STANDARD"),
        named("deleted.jpg", 'c', "STANDARD"),
        named("frozen.jpg", 'd', "STANDARD"),
    ];
    let after = [
        named("same.jpg", 'a', "STANDARD"),
        named("over written.jpg", 'e', "STANDARD"),
        named("new+1.jpg", 'f', "STANDARD"),
        named("frozen.jpg", 'd', "GLACIER"),
    ];
    let first = deliver(root.path(), "2026-01-01T00-00Z", &before.into());
    let second = deliver(root.path(), "2026-01-02T00-00Z", &after.into());
    Days { root, first, second }
}

const CHANGED: &str = "vendor-photos,new%2B1.jpg\nvendor-photos,over%20written.jpg\n";

#[test]
fn two_reports_and_a_baseline_give_the_same() {
    let days = days();
    let out = |name: &str| days.root.path().join(name);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let to = |name: &str| [String::from("--json"), String::from("--out"), text(&out(name))];
    let run = |before: &Path, after: &Path, name: &str| {
        let arguments = to(name);
        json(&delta(before, after, &arguments.each_ref().map(String::as_str)).unwrap())
    };
    let both = run(&days.first, &days.second, "both");
    assert_eq!((&both["rows"], &both["changed"], &both["gone"]), (&4.into(), &2.into(), &2.into()));
    assert_eq!(fs::read_to_string(out("both/changed.csv")).unwrap(), CHANGED);

    run(&days.first, &days.first, "first");
    let against = run(&out("first/baseline"), &days.second, "second");
    assert_eq!((&against["changed"], &against["gone"], &against["unchanged"]), (&2.into(), &2.into(), &2.into()));
    assert_eq!(fs::read_to_string(out("second/changed.csv")).unwrap(), CHANGED);
    assert_eq!(run(&out("second/baseline"), &days.second, "third")["changed"], 0);
}

#[test]
fn every_key_is_explained() {
    let days = days();
    let keys = ["same.jpg", "over written.jpg", "deleted.jpg", "new+1.jpg", "frozen.jpg", "no such key"];
    let asked: Vec<&str> = keys.iter().flat_map(|key| ["--explain", *key]).chain(["--json", "--as-planned"]).collect();
    let told = json(&delta(&days.first, &days.second, &asked).unwrap());
    let why = |key: &str| told["explained"][key].as_str().unwrap().to_owned();
    assert_eq!(why("same.jpg"), "not copied: it is unchanged");
    assert!(why("over written.jpg").starts_with("copied: ETag bbb"), "{}", why("over written.jpg"));
    assert_eq!(why("deleted.jpg"), "not copied: it is gone, only the earlier report lists it");
    assert_eq!(why("new+1.jpg"), "copied: it is new");
    assert_eq!(why("frozen.jpg"), "not copied: it is unchanged", "it was planned before it was archived");
    assert_eq!(why("no such key"), "not copied: the report does not list it");

    // The other way round: it was archived when it was planned first, and can be copied now.
    let asked = ["--json", "--as-planned", "--explain", "frozen.jpg"];
    let told = json(&delta(&days.second, &days.first, &asked).unwrap());
    let thawed = "copied: it is as it was, but was left out then, and is not any more";
    assert_eq!(told["explained"]["frozen.jpg"], thawed);

    let never = [("never seen.jpg".to_owned(), object('g', "GLACIER"))];
    let third = deliver(days.root.path(), "2026-01-03T00-00Z", &never.into());
    let asked = ["--json", "--as-planned", "--explain", "never seen.jpg"];
    let told = json(&delta(&days.second, &third, &asked).unwrap());
    let why = "not copied: it is left out, since a copy job cannot copy it (archived)";
    assert_eq!((&told["explained"]["never seen.jpg"], &told["left_out"]), (&why.into(), &1.into()));
}

/// With its output in the folder whose baseline it is held against, as each day after another.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_fails_leaves_the_baseline_as_it_was() {
    let days = days();
    let out = days.root.path().join("out");
    let arguments = ["--json", "--out", out.to_str().unwrap()];
    delta(&days.first, &days.first, &arguments).unwrap();
    let baseline = out.join("baseline");
    let stored = || fs::read(baseline.join("objects-0-of-1")).unwrap();
    let before = stored();
    // A disk that is full by the time that the rows are written.
    std::os::unix::fs::symlink("/dev/full", out.join("changed.csv.new")).unwrap();
    let error = delta(&baseline, &days.second, &arguments).unwrap_err();
    assert!(error.contains("changed.csv.new"), "{error}");
    assert!(stored() == before);
    fs::remove_file(out.join("changed.csv.new")).unwrap();
    assert_eq!(json(&delta(&baseline, &days.second, &arguments).unwrap())["changed"], 2);
    assert!(stored() != before);
    assert_eq!(fs::read_to_string(out.join("changed.csv")).unwrap(), CHANGED);
    assert_eq!(json(&delta(&baseline, &days.second, &arguments).unwrap())["changed"], 0);
    let mut left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["baseline", "changed.csv"]);
}

#[test]
fn for_a_person_it_is_a_table() {
    let days = days();
    let table = delta(&days.first, &days.second, &["--threads", "1"]).unwrap();
    assert!(table.contains("new or changed               2   (14 bytes)"), "{table}");
    assert!(table.contains("rows a second"), "{table}");
}

#[test]
fn what_is_wrong_is_said() {
    let days = days();
    let data = days.root.path().join(format!("inventory/{BUCKET}/daily/data/2026-01-02T00-00Z.csv.gz"));
    let mut bytes = fs::read(&data).unwrap();
    bytes.truncate(bytes.len() - 3);
    fs::write(&data, bytes).unwrap();
    let error = delta(&days.first, &days.second, &[]).unwrap_err();
    assert!(error.contains("2026-01-02T00-00Z.csv.gz: it has"), "{error}");
    fs::remove_file(&data).unwrap();
    let error = delta(&days.first, &days.second, &[]).unwrap_err();
    assert!(error.contains("is not in any folder above it"), "{error}");
    let error = delta(days.root.path(), &days.second, &[]).unwrap_err();
    assert!(error.starts_with("delta: "), "{error}");
}
