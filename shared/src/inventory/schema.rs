//! The columns of a report's data files, in whatever order and company they stand. Calls nothing.

/// Columns without which nothing can be told of an object.
const ALWAYS: [&str; 2] = ["Bucket", "Key"];
/// Columns without which a change of an object cannot be told. They are optional fields of an inventory configuration.
const FOR_CHANGES: [&str; 3] = ["Size", "LastModifiedDate", "ETag"];

/// Where each column that matters stands in a row. Columns that are not known here are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub(super) width: usize,
    pub(super) bucket: usize,
    pub(super) key: usize,
    pub(super) size: usize,
    pub(super) last_modified: usize,
    pub(super) etag: usize,
    pub(super) version_id: Option<usize>,
    pub(super) is_delete_marker: Option<usize>,
    pub(super) storage_class: Option<usize>,
    pub(super) access_tier: Option<usize>,
    pub(super) encryption_status: Option<usize>,
    /// Whether key, size, time and ETag stand side by side in this order, and there is no version: what S3 writes unless all versions are listed.
    pub(super) is_usual: bool,
}

/// Why a report of these columns cannot be compared with another. No retry can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A change cannot be told without these.
    #[error(
        "the inventory has no {}: a change cannot be told without; add {} to the inventory configuration's optional \
        fields (`setup` does so) and wait for the next report",
        .0.join(", "),
        if .0.len() == 1 { "it" } else { "them" }
    )]
    Missing(Vec<&'static str>),
    /// A column stands there twice.
    #[error("column {0:?} stands twice in the inventory's fileSchema: see who else writes to the manifest bucket")]
    Twice(String),
}

impl Schema {
    /// The schema of `columns`, as manifest.json's `fileSchema` lists them.
    pub fn of(columns: &[String]) -> Result<Self, SchemaError> {
        if let Some((_, name)) = columns.iter().enumerate().find(|(i, name)| columns[..*i].contains(name)) {
            return Err(SchemaError::Twice(crate::names::excerpt(name)));
        }
        let at = |name: &str| columns.iter().position(|column| column == name);
        let missing: Vec<_> = ALWAYS.iter().chain(&FOR_CHANGES).copied().filter(|name| at(name).is_none()).collect();
        let (Some(bucket), Some(key), Some(size), Some(last_modified), Some(etag)) =
            (at("Bucket"), at("Key"), at("Size"), at("LastModifiedDate"), at("ETag"))
        else {
            return Err(SchemaError::Missing(missing));
        };
        Ok(Self {
            width: columns.len(),
            bucket,
            key,
            size,
            last_modified,
            etag,
            version_id: at("VersionId"),
            is_delete_marker: at("IsDeleteMarker"),
            storage_class: at("StorageClass"),
            access_tier: at("IntelligentTieringAccessTier"),
            encryption_status: at("EncryptionStatus"),
            is_usual: [size, last_modified, etag] == [key + 1, key + 2, key + 3] && at("VersionId").is_none(),
        })
    }

    /// Whether rows tell the storage class.
    pub fn has_storage_class(&self) -> bool {
        self.storage_class.is_some()
    }

    /// How many columns a row has.
    pub fn width(&self) -> usize {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<String> {
        text.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn any_order_and_unknown_columns_do() {
        let schema = Schema::of(&columns("ETag, Novelty, Key, LastModifiedDate, Size, Bucket")).unwrap();
        assert_eq!((schema.width, schema.bucket, schema.key, schema.etag), (6, 5, 2, 0));
        assert_eq!(schema.storage_class, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = Schema::of(&columns("Bucket, Key, Size")).unwrap_err();
        assert_eq!(error, SchemaError::Missing(vec!["LastModifiedDate", "ETag"]));
        assert!(error.to_string().contains("add them to the inventory configuration"), "{error}");
    }

    #[test]
    fn a_column_stands_once() {
        let error = Schema::of(&columns("Bucket, Key, Size, LastModifiedDate, ETag, Key")).unwrap_err();
        assert_eq!(error, SchemaError::Twice("Key".to_owned()));
    }
}
