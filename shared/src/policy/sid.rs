use std::fmt;

use crate::names::{AccountId, RouteName};

/// Every Sid that Transship writes begins with this word.
const MARK: &str = "Transship";

/// The beginning of the Sid of every statement of one route, and of no other.
///
/// It is the mark, the destination account and the route's name, encoded: `Transship222222222222photosZDdailyZE`.
/// The account is in it because two destination accounts may each have a stack of the same name that reads the same
/// source bucket. IAM policies allow only letters and digits in a Sid, so the name is escaped with `Z` (`ZZ` is the
/// letter itself, `ZD` a dash, `Z2e` the byte 0x2E) and closed with `ZE`. That makes the encoding prefix-free: route
/// `a` never finds the statements of route `ab`, nor the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidPrefix(String);

impl SidPrefix {
    /// The prefix of `route` in the destination account `account`. Both stay the same for the life of a deployment,
    /// whatever else of the route is changed, so its statements are found again.
    pub fn new(account: &AccountId, route: &RouteName) -> Self {
        Self(format!("{MARK}{account}{}ZE", escape(route.as_str())))
    }

    /// The Sid of the route's statement for one purpose.
    pub fn sid(&self, purpose: Purpose) -> String {
        format!("{self}{purpose}")
    }

    /// Whether a statement with this Sid belongs to the route, also when a purpose is not known to this version.
    pub fn owns(&self, sid: &str) -> bool {
        sid.strip_prefix(self.0.as_str())
            .is_some_and(|purpose| !purpose.is_empty() && purpose.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    }
}

impl fmt::Display for SidPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a statement is for; the end of its Sid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// S3 Batch Operations may assume the copy role.
    AssumeCopyRole,
    /// Reading the source's objects, with tags and ACLs.
    ReadSource,
    /// Listing the source, so that an object that is gone is "not found" and not "access denied".
    ListSource,
    /// Asking for archived objects of the source to be restored.
    RestoreSource,
    /// `create-job` asks by HeadObject whether archived objects have been restored.
    AskSource,
    /// `copy-large` reads the source's objects, with tags.
    ReadSourceInParts,
    /// As [`Purpose::ListSource`], for `copy-large`.
    ListSourceInParts,
    /// Jobs may invoke `copy-large`.
    InvokeCopyLarge,
    /// Writing the copies.
    WriteDestination,
    /// Reading the delivered reports and the plans.
    ReadManifests,
    /// Writing the completion reports.
    WriteReports,
    /// Decrypting the source's objects.
    DecryptSource,
    /// `copy-large` decrypts the source's objects.
    DecryptSourceInParts,
    /// Encrypting the copies.
    EncryptDestination,
    /// `copy-large` encrypts the copies.
    EncryptDestinationInParts,
    /// Reading and writing encrypted manifests.
    UseManifestKey,
    /// `create-job` reads encrypted reports.
    DecryptReports,
    /// S3 may deliver the source's inventory.
    DeliverInventory,
    /// S3 may encrypt the inventory that it delivers.
    EncryptInventory,
    /// Nobody may use the bucket without TLS.
    DenyInsecureTransport,
}

impl fmt::Display for Purpose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'Z' => escaped.push_str("ZZ"),
            b'-' => escaped.push_str("ZD"),
            byte if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            byte => {
                escaped.push('Z');
                escaped.push_str(&hex::encode([byte]));
            }
        }
        escaped
    })
}
