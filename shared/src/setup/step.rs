use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::Deployment;
use crate::names::RouteName;

/// One thing that setup puts up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The copy role, with trust, permissions, boundary and tags.
    Role,
    /// Our statements in the manifest bucket's policy.
    ManifestPolicy,
    /// Our statements in the source bucket's policy, which cannot name a role that is not there.
    SourcePolicy,
    /// The inventory configuration on the source bucket.
    Inventory,
}

impl Step {
    /// In the order in which they are put up; they are taken down in the reverse.
    pub const ORDER: [Self; 4] = [Self::Role, Self::ManifestPolicy, Self::SourcePolicy, Self::Inventory];

    /// Whether it needs the source account's role.
    pub fn is_in_source_account(self) -> bool {
        matches!(self, Self::SourcePolicy | Self::Inventory)
    }

    /// What it is, for messages.
    pub fn what(self, deployment: &Deployment) -> String {
        let route = &deployment.route;
        match self {
            Self::Role => format!("the copy role {}", route.role),
            Self::ManifestPolicy => format!("the policy of manifest bucket {}", route.manifest_bucket),
            Self::SourcePolicy => format!("the policy of source bucket {}", route.source_bucket),
            Self::Inventory => {
                format!("inventory configuration {} of source bucket {}", route.inventory_id, route.source_bucket)
            }
        }
    }

    /// What tells two things of this kind apart.
    fn identity(self, deployment: &Deployment) -> [String; 2] {
        let route = &deployment.route;
        let (owner, source) = (route.sid_prefix().to_string(), route.source_bucket.to_string());
        match self {
            Self::Role => [route.account.to_string(), deployment.role_name.clone()],
            Self::ManifestPolicy => [route.manifest_bucket.to_string(), owner],
            Self::SourcePolicy => [source, owner],
            Self::Inventory => [source, route.inventory_id.to_string()],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::ManifestPolicy => "manifest-policy",
            Self::SourcePolicy => "source-policy",
            Self::Inventory => "inventory",
        }
    }
}

/// What `old` has put up and `new` does not keep, in the order in which it is to be taken down.
pub fn left_behind(old: &Deployment, new: &Deployment) -> Vec<Step> {
    Step::ORDER.into_iter().rev().filter(|step| step.identity(old) != step.identity(new)).collect()
}

/// The custom resource's PhysicalResourceId: stable for a route, so that CloudFormation replaces nothing but a route of
/// another name.
///
/// A Create that failed says in it how far it came, since CloudFormation hands it to the Delete of the rollback: so that
/// one leaves alone what that Create did not come to, and needs no permission that the Create had not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalId {
    route: String,
    /// What there is; everything, if none.
    only: Option<BTreeSet<Step>>,
}

impl PhysicalId {
    /// Of a route that is up.
    pub fn of(route: &RouteName) -> Self {
        Self { route: route.to_string(), only: None }
    }

    /// Of a Create that failed when it had come to these steps.
    pub fn failed(route: Option<&RouteName>, touched: BTreeSet<Step>) -> Self {
        Self { route: route.map(ToString::to_string).unwrap_or_default(), only: Some(touched) }
    }

    /// Whether this step may have left something behind.
    pub fn holds(&self, step: Step) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&step))
    }

    /// Whether nothing was put up.
    pub fn is_nothing(&self) -> bool {
        self.only.as_ref().is_some_and(BTreeSet::is_empty)
    }
}

impl fmt::Display for PhysicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transship-{}", self.route)?;
        let Some(only) = &self.only else { return Ok(()) };
        let words: Vec<_> = only.iter().map(|step| step.word()).collect();
        write!(f, "/failed-with:{}", words.join("+"))
    }
}

impl FromStr for PhysicalId {
    type Err = std::convert::Infallible;

    /// Any text is one: CloudFormation makes an id of its own where it got no answer, and then everything may be there.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = || Self { route: text.strip_prefix("transship-").unwrap_or(text).to_owned(), only: None };
        let Some((route, words)) = text.strip_prefix("transship-").and_then(|rest| rest.split_once("/failed-with:"))
        else {
            return Ok(whole());
        };
        let mut only = BTreeSet::new();
        for word in words.split('+').filter(|word| !word.is_empty()) {
            match Step::ORDER.into_iter().find(|step| step.word() == word) {
                Some(step) => only.insert(step),
                None => return Ok(whole()),
            };
        }
        Ok(Self { route: route.to_owned(), only: Some(only) })
    }
}
