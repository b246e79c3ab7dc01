use crate::config::Setting;

/// A parameter of a deployment: as a property of the custom resource, and as the function's environment variable for
/// invocations that have no properties. docs/CONFIGURATION.md has a row for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name among the custom resource's properties.
    pub property: &'static str,
    /// The environment variable.
    pub setting: Setting,
}

impl Parameter {
    const fn required(property: &'static str, variable: &'static str) -> Self {
        Self { property, setting: Setting::required(variable) }
    }

    const fn optional(property: &'static str, variable: &'static str) -> Self {
        Self { property, setting: Setting::optional(variable) }
    }

    const fn default(property: &'static str, variable: &'static str, value: &'static str) -> Self {
        Self { property, setting: Setting::default(variable, value) }
    }
}

/// The stack's ARN, for an operator's commands: without it they cannot tell this stack's role from another stack's.
pub const STACK_ID: Setting = Setting::optional("STACK_ID");

/// How many seconds "access denied" is taken for a permission that IAM does not show everywhere yet.
pub const PATIENCE_SECONDS: Setting = Setting::default("PATIENCE_SECONDS", "30");

/// Properties of the custom resource that change only so that CloudFormation calls setup, which does not read them.
pub const TRIGGERS: [&str; 2] = ["Release", "SetupAgain"];

/// The value of the property `Release`: with a new release come its documents, though no parameter is another.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Every parameter of a deployment. All values are texts; an empty one was not given.
pub const PARAMETERS: &[Parameter] = &[
    Parameter::required("Route", "ROUTE"),
    Parameter::required("SourceAccountId", "SOURCE_ACCOUNT_ID"),
    Parameter::required("SourceBucket", "SOURCE_BUCKET"),
    Parameter::optional("SourcePrefix", "SOURCE_PREFIX"),
    Parameter::optional("SourceKmsKeyArn", "SOURCE_KMS_KEY_ARN"),
    Parameter::required("DestinationBucket", "DESTINATION_BUCKET"),
    Parameter::optional("DestinationRegion", "DESTINATION_REGION"),
    Parameter::optional("DestinationPrefix", "DESTINATION_PREFIX"),
    Parameter::optional("KmsKeyArn", "KMS_KEY_ARN"),
    Parameter::required("ManifestBucket", "MANIFEST_BUCKET"),
    Parameter::default("InventoryId", "INVENTORY_ID", "transship"),
    Parameter::default("InventoryFrequency", "INVENTORY_FREQUENCY", "Daily"),
    Parameter::optional("InventoryKmsKeyArn", "INVENTORY_KMS_KEY_ARN"),
    Parameter::optional("CannedAcl", "CANNED_ACL"),
    Parameter::default("CopyAnnotations", "COPY_ANNOTATIONS", "false"),
    Parameter::default("RestoreArchived", "RESTORE_ARCHIVED", "Never"),
    Parameter::default("CopyRolePath", "COPY_ROLE_PATH", "/"),
    Parameter::optional("CopyLargeRoleArn", "COPY_LARGE_ROLE_ARN"),
    Parameter::optional("PermissionsBoundaryArn", "PERMISSIONS_BOUNDARY_ARN"),
    Parameter::optional("RoleTags", "ROLE_TAGS"),
    Parameter::optional("SourceAccessRoleArn", "SOURCE_ACCESS_ROLE_ARN"),
    Parameter::optional("SourceAccessExternalId", "SOURCE_ACCESS_EXTERNAL_ID"),
];
