//! What each parameter must look like.

/// One rule: whether a value keeps it, and what to say if it does not.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) holds: fn(&str) -> bool,
    pub(super) expected: &'static str,
}

pub(super) const ROUTE: Rule = Rule {
    holds: |text| {
        (2..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && all(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    },
    expected: "expected 2 to 32 lower-case letters, digits and dashes, beginning with a letter and not ending in a dash",
};

pub(super) const PARTITION: Rule = Rule {
    holds: |text| text.starts_with("aws") && all(text, |byte| byte.is_ascii_lowercase() || byte == b'-'),
    expected: "expected a partition such as aws, aws-cn or aws-us-gov",
};

pub(super) const REGION: Rule = Rule {
    holds: |text| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() >= 3
            && parts.iter().all(|part| !part.is_empty())
            && parts.last().is_some_and(|number| all(number, |byte| byte.is_ascii_digit()))
            && all(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    },
    expected: "expected a Region's code such as eu-west-1",
};

pub(super) const ACCOUNT: Rule = Rule {
    holds: |text| text.len() == 12 && all(text, |byte| byte.is_ascii_digit()),
    expected: "expected an account id of 12 digits",
};

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>, general purpose buckets.
pub(super) const BUCKET: Rule = Rule {
    holds: |text| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|start| text.starts_with(start))
            || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|end| text.ends_with(end));
        (3..=63).contains(&text.len())
            && all(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.')
            && edge(text.as_bytes().first())
            && edge(text.as_bytes().last())
            && !text.contains("..")
            && text.parse::<std::net::Ipv4Addr>().is_err()
            && !reserved
    },
    expected: "expected the name of a general purpose bucket, not its ARN: 3 to 63 lower-case letters, digits, dots and dashes",
};

/// A folder of keys.
///
/// `*`, `?` and `${` mean something in a policy's Resource, so a grant on such a folder would reach other keys too. They
/// can be escaped only in a Version 2012-10-17 document, which a bucket policy of somebody else need not be, so they are
/// refused. So is what IAM refuses in a role's policy: control characters and all beyond U+00FF.
pub(super) const PREFIX: Rule = Rule {
    holds: |text| {
        text.len() <= 512
            && !text.starts_with('/')
            && !text.ends_with('/')
            && !text.contains("${")
            && !text.contains(|c: char| c == '*' || c == '?' || c.is_control() || c > '\u{ff}')
    },
    expected: "expected a prefix without a slash at its beginning or end, of at most 512 bytes, and without `*`, `?`, `${`, \
               control characters or characters beyond U+00FF, which a policy cannot name exactly",
};

/// The manifest bucket's other folders belong to others: plans and ledger to us, reports to Batch Operations.
pub(super) const INVENTORY_PREFIX: Rule = Rule {
    holds: |text| {
        let first = text.split('/').next().unwrap_or_default();
        !text.is_empty() && (PREFIX.holds)(text) && !["plans", "reports", "ledger"].contains(&first)
    },
    expected: "expected a prefix without a slash at its beginning or end, outside plans, reports and ledger",
};

pub(super) const INVENTORY_ID: Rule = Rule {
    holds: |text| {
        (1..=64).contains(&text.len()) && all(text, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    },
    expected: "expected 1 to 64 letters, digits, dots, dashes and underscores",
};

pub(super) const ROLE_PATH: Rule = Rule {
    holds: |text| {
        text.len() <= 512
            && text.starts_with('/')
            && text.ends_with('/')
            && !text.contains("//")
            && all(text, |byte| byte.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&byte))
    },
    expected: "expected an IAM path that begins and ends with a slash",
};

/// Partition and Region of a KMS key's full ARN; `None` for anything else, such as an alias.
pub(super) fn key_home(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "kms", region, account, key] = parts[..] else { return None };
    let id = key.strip_prefix("key/")?;
    let valid = (PARTITION.holds)(partition)
        && (REGION.holds)(region)
        && (ACCOUNT.holds)(account)
        && !id.is_empty()
        && all(id, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    valid.then_some((partition, region))
}

fn all(text: &str, of: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(of)
}
