//! Accounts and principals: who makes a request.

use std::fmt;

/// A 12-digit AWS account id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

impl AccountId {
    /// Takes 12 digits; anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// The account that owns the source bucket: 111111111111.
    pub fn source() -> Self {
        Self("111111111111".to_owned())
    }

    /// The account that Transship is deployed in: 222222222222.
    pub fn destination() -> Self {
        Self("222222222222".to_owned())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who makes a request. Attached to every S3 request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The account itself (`arn:aws:iam::ACCOUNT:root`), by its own access key.
    Root(AccountId),
    /// A session of an IAM role.
    Role {
        /// The role's account.
        account: AccountId,
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
        role_arn: String,
        /// The session's name, last part of the assumed-role ARN.
        session: String,
    },
    /// An AWS service acting for itself, as S3 Inventory does when it delivers.
    Service {
        /// `s3.amazonaws.com`
        name: String,
        /// `aws:SourceArn` of its requests.
        source_arn: String,
        /// `aws:SourceAccount` of its requests.
        source_account: AccountId,
    },
    /// Nobody: an unsigned request.
    Anonymous,
}

impl Principal {
    /// The account the principal belongs to; none for services and for nobody.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Root(account) | Self::Role { account, .. } => Some(account),
            Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// The ARN that `GetCallerIdentity` and "is not authorized" messages show; a service's name for a service.
    pub fn arn(&self) -> String {
        match self {
            Self::Root(account) => format!("arn:aws:iam::{account}:root"),
            Self::Role { account, role_arn, session } => {
                let name = role_arn.rsplit('/').next().unwrap_or_default();
                format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
            }
            Self::Service { name, .. } => name.clone(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}
