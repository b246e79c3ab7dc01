use thiserror::Error;

/// Why a policy was left as it is. Nothing is changed where one of these comes back.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The text is not JSON at all.
    #[error("the policy is not JSON ({0}); it was left as it is")]
    NotJson(#[source] serde_json::Error),
    /// JSON, but not a policy document.
    #[error("the policy should be a JSON object, but {found} stands there; it was left as it is")]
    NotAnObject {
        /// What stood in its place, such as `a list`.
        found: &'static str,
    },
    /// An element stands twice in the document, so that nobody can say which one AWS follows.
    #[error("the policy has the element `{0}` twice; it was left as it is: make it one and try again")]
    DuplicateElement(String),
    /// A document without `Statement`, which S3 never hands out.
    #[error("the policy has no `Statement`; it was left as it is")]
    NoStatement,
    /// `Statement` is neither an object nor a list.
    #[error(
        "`Statement` should be an object or a list of objects, but {found} stands there; the policy was left as it is"
    )]
    StatementType {
        /// What stood in its place.
        found: &'static str,
    },
    /// One entry of the `Statement` list is not an object.
    #[error(
        "statement {index} (counted from 0) should be an object, but {found} stands there; the policy was left as it is"
    )]
    StatementEntry {
        /// Its place in the list, from 0.
        index: usize,
        /// What stood in its place.
        found: &'static str,
    },
    /// A merge was asked for without a statement to merge: removal is `remove`'s work.
    #[error("there is no statement to merge")]
    NothingToMerge,
    /// A statement to merge whose Sid would not be found again by its owner.
    #[error("statement `{sid}` does not carry the Sid prefix `{prefix}` of its route")]
    ForeignSid {
        /// The statement's Sid.
        sid: String,
        /// The prefix that the route's statements carry.
        prefix: String,
    },
    /// Two statements to merge carry one Sid, which S3 refuses.
    #[error("two statements of the route carry the Sid `{0}`")]
    DuplicateSid(String),
    /// A statement to merge uses a policy variable, which only means one thing in Version 2012-10-17.
    #[error("statement `{0}` holds `${{`, which means another thing in a Version 2008-10-17 policy")]
    PolicyVariable(String),
    /// The merged policy would be over S3's limit.
    #[error(
        "the bucket policy would be {bytes} bytes long and S3 takes {limit} (20 KB): the statements of others are \
         {others} bytes, ours {ours}; shorten or join some of the others and try again"
    )]
    TooLarge {
        /// Length of the merged document, in bytes of UTF-8.
        bytes: usize,
        /// S3's limit, in bytes.
        limit: usize,
        /// The part that is not ours, in bytes.
        others: usize,
        /// The part that is ours, in bytes.
        ours: usize,
    },
}
