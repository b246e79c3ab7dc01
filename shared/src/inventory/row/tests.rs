use super::super::{BadRow, RowReader};
use super::*;

/// Hands the one row of a text to `each`.
fn read(columns: &str, row: &str, mut each: impl FnMut(&Row<'_>) -> Result<(), RowError>) -> Result<(), RowError> {
    let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
    let schema = Schema::of(&columns).unwrap();
    let read = RowReader::new(&schema).split(row.as_bytes(), true, |row| -> Result<(), BadRow> {
        each(&row).map_err(|error| BadRow { number: row.number(), error })
    });
    read.map(|_| ()).map_err(|bad| bad.error)
}

/// The identity of the one row of a text, and whether it stood there as it is.
fn identity(columns: &str, row: &str) -> Result<(String, bool), RowError> {
    let mut found = None;
    read(columns, row, |row| {
        let mut scratch = Vec::new();
        let written = row.identity(&mut scratch)?;
        let identity = written.or(row.usual_identity()).unwrap().to_vec();
        found = Some((String::from_utf8(identity).unwrap(), written.is_none()));
        Ok(())
    })?;
    Ok(found.unwrap())
}

const USUAL: &str = "Bucket,Key,Size,LastModifiedDate,ETag,StorageClass";

#[test]
fn a_key_is_for_manifests_what_it_is_if_it_is_decoded_and_encoded() {
    let plain: String = (' '..='\u{17f}').collect();
    for key in ["a/b-c_d.e", "a b", "a*b", "a~b", "%7E ~*", "+%20 é", "year=2026/a+b c", &plain] {
        let expected = ObjectKey::from_plain(key).encode().as_str().to_owned();
        let mut one_form = Vec::new();
        encode(key.as_bytes(), &mut one_form);
        for encoded in [String::from_utf8(one_form).unwrap(), expected.clone(), expected.replace("%20", "+")] {
            let row = format!("\"b\",\"{encoded}\",\"7\",\"2026-01-31T00:00:00.000Z\",\"d4\",\"STANDARD\"\n");
            let mut found = None;
            read(USUAL, &row, |row| {
                found = Some(row.manifest_key().into_owned());
                Ok(())
            })
            .unwrap();
            assert_eq!(found.as_ref(), Some(&expected), "{encoded}");
        }
    }
}

#[test]
fn what_is_written_as_usual_is_the_identity_as_it_stands() {
    for key in ["a", "a/b-c_d.e*f", "a+b%2Bc", "%C3%A9", "%25%3D", "%7E"] {
        let expected = format!("{key}\",\"7\",\"2026-01-31T00:00:00.000Z\",\"d41d8c-2");
        let row = format!("\"b\",\"{expected}\",\"STANDARD\"\n");
        assert_eq!(identity(USUAL, &row), Ok((expected, true)), "{row}");
    }
}

#[test]
fn all_ways_to_write_an_object_are_one_identity() {
    let expected = "a+b%2B%C3%A9\",\"7\",\"2026-01-31T00:00:00.000Z\",\"d4";
    let same = [
        (USUAL, r#""b","a%20b%2B%C3%A9","7","2026-01-31T00:00:00.000Z","d4","STANDARD""#),
        (USUAL, r#""b","a+b%2b%c3%a9","7","2026-01-31T00:00:00.000Z","d4","STANDARD""#),
        (USUAL, r#""b","a+b%2Bé","7","2026-01-31T00:00:00.000Z","d4","STANDARD""#),
        (USUAL, r#""b","%61+b%2B%C3%A9","7","2026-01-31T00:00:00.000Z","d4","STANDARD""#),
        (USUAL, r#""b","a+b%2B%C3%A9","07","2026-01-31T00:00:00.000Z","d4","STANDARD""#),
        (USUAL, r#""b","a+b%2B%C3%A9","7","2026-01-31T00:00:00Z","d4","STANDARD""#),
        (USUAL, r#""b","a+b%2B%C3%A9","7","2026-01-31T00:00:00.000Z","""d4""","STANDARD""#),
        (USUAL, "b,a+b%2B%C3%A9,7,2026-01-31T00:00:00.000Z,d4,STANDARD"),
        ("ETag,Size,LastModifiedDate,Key,Bucket", r#""d4","7","2026-01-31T00:00:00.000Z","a+b%2B%C3%A9","b""#),
        (
            "Bucket,Key,VersionId,Size,LastModifiedDate,ETag",
            r#""b","a+b%2B%C3%A9","null","7","2026-01-31T00:00:00.000Z","d4""#,
        ),
        (
            "Bucket,Key,Size,LastModifiedDate,ETag,VersionId",
            r#""b","a+b%2B%C3%A9","7","2026-01-31T00:00:00.000Z","d4","""#,
        ),
    ];
    for (columns, row) in same {
        assert_eq!(identity(columns, row).unwrap().0, expected, "{row}");
    }
}

#[test]
fn a_byte_belongs_to_its_field() {
    let columns = "Bucket,Key,VersionId,Size,LastModifiedDate,ETag";
    let row = |key: &str, version: &str, size: &str, etag: &str| {
        identity(columns, &format!("\"b\",\"{key}\",\"{version}\",\"{size}\",\"\",\"{etag}\"\n")).unwrap().0
    };
    let all = [
        row("ab", "", "0", "c"),
        row("a", "b", "0", "c"),
        row("a", "", "0", "bc"),
        row("ab", "", "", "c"),
        row("ab", "", "1", "c"),
        row("ab", "c", "0", ""),
        row("ab", "", "0", "c\"\",\"\"d"),
        row("ab", "d", "0", "c"),
        row("ab%00", "", "0", "c"),
        row("ab%22%2C%220", "", "", "c"),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
}

/// As it stands, it would be the identity of another object: of one that has a version.
#[test]
fn a_quote_within_a_field_does_not_end_it() {
    let row = "\"b\",\"k\",\"7\",\"2026-01-31T00:00:00.000Z\",\"e\"\",\"\"v\",\"\"\n";
    let columns: Vec<String> = USUAL.split(',').map(str::to_owned).collect();
    let schema = Schema::of(&columns).unwrap();
    let mut seen = 0;
    let read = RowReader::new(&schema).split(row.as_bytes(), true, |row| -> Result<(), BadRow> {
        assert_eq!((row.etag(), row.usual_identity()), ("e\",\"v", None));
        seen += 1;
        Ok(())
    });
    assert_eq!((read, seen), (Ok(row.len()), 1));
    let expected = "k\",\"7\",\"2026-01-31T00:00:00.000Z\",\"e%22%2C%22v";
    assert_eq!(identity(USUAL, row), Ok((expected.to_owned(), false)));
}

#[test]
fn what_cannot_be_read_has_no_identity() {
    let row = |key: &str, size: &str, time: &str| {
        identity(USUAL, &format!("\"b\",\"{key}\",\"{size}\",\"{time}\",\"e\",\"\"\n")).unwrap_err()
    };
    let time = "2026-01-31T00:00:00.000Z";
    assert_eq!(row("", "1", time), RowError::NoKey);
    for key in ["%", "a%2", "%zz", "%C3", "%C3%28", "a+%c3"] {
        assert_eq!(row(key, "1", time), RowError::Key(key.to_owned()));
    }
    assert_eq!(row("k", "1x", time), RowError::Size("1x".to_owned()));
    assert_eq!(row("k", "1", "now"), RowError::Time("now".to_owned()));
}
