"""The main job with botocore as the only client, and what create-job sent to S3 Control held against botocore's model."""

import json
import xml.etree.ElementTree as ElementTree

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import botocore.validate
import pytest

from conftest import DESTINATION, SOURCE

SOURCE_BUCKET, DESTINATION_BUCKET, MANIFEST_BUCKET = "theirs", "ours", "manifests"
COPY_ROLE = f"arn:aws:iam::{DESTINATION}:role/transship-photos-copy"
FUNCTION_ROLE = f"arn:aws:iam::{DESTINATION}:role/create-job"
KEYS = ["a", "b c", "d+e", "f%20g", "ü/ñ 日本", 'q"uote', "com,ma", "new\nline"]
ENVIRONMENT = {
    "ROUTE": "photos",
    "ACCOUNT_ID": DESTINATION,
    "SOURCE_ACCOUNT_ID": SOURCE,
    "SOURCE_BUCKET": SOURCE_BUCKET,
    "DESTINATION_BUCKET": DESTINATION_BUCKET,
    "DESTINATION_REGION": "us-east-1",
    "MANIFEST_BUCKET": MANIFEST_BUCKET,
    "COPY_ROLE_ARN": COPY_ROLE,
}
# Each setting that shapes the request, at least once.
VARIANTS = [
    {},
    {"DESTINATION_PREFIX": "from/theirs", "STORAGE_CLASS": "STANDARD_IA", "PRIORITY": "0", "REPORT_SCOPE": "FailedTasksOnly"},
    {"CHECKSUM_ALGORITHM": "SHA256", "CANNED_ACL": "bucket-owner-full-control", "CONFIRMATION_REQUIRED": "true"},
    {"KMS_KEY_ARN": f"arn:aws:kms:us-east-1:{DESTINATION}:key/12345678-1234-1234-1234-123456789012", "BUCKET_KEY_ENABLED": "true"},
]


def allow(principal=None, **statement):
    statement = {"Effect": "Allow", **statement}
    if principal:
        statement["Principal"] = principal
    return {"Version": "2012-10-17", "Statement": [statement]}


def role(cloud, name, service, policy):
    iam = cloud.client("iam")
    trust = allow({"Service": service}, Action="sts:AssumeRole")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))


def set_up(cloud, variant):
    source, destination = cloud.client("s3", SOURCE), cloud.client("s3")
    source.create_bucket(Bucket=SOURCE_BUCKET)
    for bucket in (DESTINATION_BUCKET, MANIFEST_BUCKET):
        destination.create_bucket(Bucket=bucket)
    for n, key in enumerate(KEYS):
        source.put_object(Bucket=SOURCE_BUCKET, Key=key, Body=key.encode(), Metadata={"n": str(n)}, Tagging=f"n={n}")
    buckets = [f"arn:aws:s3:::{bucket}/*" for bucket in (SOURCE_BUCKET, DESTINATION_BUCKET, MANIFEST_BUCKET)]
    objects = ["s3:GetObject*", "s3:PutObject*"]
    role(cloud, "transship-photos-copy", "batchoperations.s3.amazonaws.com", allow(Action=objects, Resource=buckets))
    calls = ["s3:GetObject*", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket", "s3:*Job*", "iam:PassRole"]
    calls.append("lambda:InvokeFunction")
    role(cloud, "create-job", "lambda.amazonaws.com", allow(Action=calls, Resource="*"))
    read = allow({"AWS": COPY_ROLE}, Action="s3:GetObject*", Resource=f"arn:aws:s3:::{SOURCE_BUCKET}/*")
    source.put_bucket_policy(Bucket=SOURCE_BUCKET, Policy=json.dumps(read))
    deliver = allow({"Service": "s3.amazonaws.com"}, Action="s3:PutObject", Resource=f"arn:aws:s3:::{MANIFEST_BUCKET}/*")
    destination.put_bucket_policy(Bucket=MANIFEST_BUCKET, Policy=json.dumps(deliver))
    function = cloud.control("PUT", "functions/create-job", {"role": FUNCTION_ROLE, "environment": {**ENVIRONMENT, **variant}})
    destination.put_bucket_notification_configuration(
        Bucket=MANIFEST_BUCKET,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": function["function"],
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "inventory/"}, {"Name": "suffix", "Value": name}]}},
                }
                for name in ("/manifest.json", "/manifest.checksum")
            ]
        },
    )
    source.put_bucket_inventory_configuration(
        Bucket=SOURCE_BUCKET,
        Id="transship",
        InventoryConfiguration={
            "Id": "transship",
            "IsEnabled": True,
            "IncludedObjectVersions": "Current",
            "Schedule": {"Frequency": "Daily"},
            "OptionalFields": ["Size", "LastModifiedDate", "ETag", "StorageClass", "EncryptionStatus"],
            "Destination": {
                "S3BucketDestination": {
                    "AccountId": DESTINATION,
                    "Bucket": f"arn:aws:s3:::{MANIFEST_BUCKET}",
                    "Format": "CSV",
                    "Prefix": "inventory",
                }
            },
        },
    )


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: "+".join(variant) or "defaults")
def test_main_job(cloud, variant):
    set_up(cloud, variant)
    (report,) = cloud.control("POST", f"inventory?bucket={SOURCE_BUCKET}")["manifests"]
    # The report's two events come at once: whichever comes second may have to come again.
    cloud.control("POST", "settle?retries")
    control = cloud.client("s3control")
    (listed,) = control.list_jobs(AccountId=DESTINATION)["Jobs"]
    job = control.describe_job(AccountId=DESTINATION, JobId=listed["JobId"])["Job"]
    assert job["Manifest"]["Location"]["ObjectArn"].endswith(report)
    if "CONFIRMATION_REQUIRED" in variant:
        assert job["Status"] == "Suspended"
        control.update_job_status(AccountId=DESTINATION, JobId=job["JobId"], RequestedJobStatus="Ready")
        cloud.control("POST", "settle")
        job = control.describe_job(AccountId=DESTINATION, JobId=job["JobId"])["Job"]
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksSucceeded"]) == ("Complete", len(KEYS)), job
    s3, prefix = cloud.client("s3"), variant.get("DESTINATION_PREFIX")
    for n, key in enumerate(KEYS):
        target = f"{prefix}/{key}" if prefix else key
        copy = s3.get_object(Bucket=DESTINATION_BUCKET, Key=target)
        assert (copy["Body"].read(), copy["Metadata"]) == (key.encode(), {"n": str(n)})
        tags = s3.get_object_tagging(Bucket=DESTINATION_BUCKET, Key=target)["TagSet"]
        assert tags == [{"Key": "n", "Value": str(n)}]
    validate(cloud.control("GET", "requests")["s3control"])


def validate(requests):
    """Every CreateJob request that was seen, read by botocore's model, passes botocore's parameter validation, and
    botocore would have sent the same elements."""
    model = botocore.loaders.Loader().load_service_model("s3control", "service-2")
    operation = botocore.model.ServiceModel(model, "s3control").operation_model("CreateJob")
    shape, seen = operation.input_shape, 0
    for request in requests:
        if (request["method"], request["path"].split("?")[0]) != ("POST", "/v20180820/jobs"):
            continue
        seen += 1
        root = ElementTree.fromstring(request["body"])
        parameters = botocore.parsers.RestXMLParser()._parse_shape(shape, root)
        parameters["AccountId"] = DESTINATION  # travels as a header
        report = botocore.validate.ParamValidator().validate(parameters, shape)
        assert not report.has_errors(), report.generate_report()
        ours = elements(root)
        serializer = botocore.serialize.create_serializer("rest-xml")
        theirs = elements(ElementTree.fromstring(serializer.serialize_to_request(parameters, operation)["body"]))
        assert ours == theirs
    assert seen, "create-job sent no CreateJob request"


def elements(root, path=""):
    """Every leaf with its path and text, sorted: equal for equal requests whatever the order of the elements."""
    here = f"{path}/{root.tag.split('}')[-1]}"
    if len(root) == 0:
        return [(here, (root.text or "").strip())]
    return sorted(leaf for child in root for leaf in elements(child, here))
