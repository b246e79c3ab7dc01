"""S3 as botocore speaks it: a session of the main job's calls, with the codes AWS answers."""

import concurrent.futures
import json

import botocore.awsrequest
import botocore.credentials
import botocore.httpsession
import pytest
from botocore.auth import S3SigV4Auth
from botocore.exceptions import ClientError, ParamValidationError

from conftest import DESTINATION, SOURCE

PAINFUL = [
    "with space.txt",
    "plus+and%percent%20.txt",
    "unicode-żółć-日本-🦀.txt",
    "quote\"and'single.txt",
    "comma,semi;colon:&=?#.txt",
    "line\nbreak.txt",
    "return\rand\ttab",
    "/leading/slash",
    "double//slash",
    "<xml>&amp;</xml>",
]


def code(call, **arguments):
    """The code of the error that a call ends in."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    return refusal.value.response["Error"]["Code"]


@pytest.fixture
def s3(cloud):
    """The source account's client, with a bucket."""
    client = cloud.client("s3", SOURCE)
    client.create_bucket(Bucket="src")
    return client


def body(s3, key, bucket="src", **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def test_painful_keys_round_trip(s3):
    for key in PAINFUL:
        s3.put_object(Bucket="src", Key=key, Body=key.encode(), Metadata={"m": "1"}, Tagging="a=1")
        assert body(s3, key) == key.encode()
        copy = f"copy/{key}"
        s3.copy_object(Bucket="src", Key=copy, CopySource={"Bucket": "src", "Key": key})
        assert s3.head_object(Bucket="src", Key=copy)["Metadata"] == {"m": "1"}
        assert s3.get_object_tagging(Bucket="src", Key=copy)["TagSet"] == [{"Key": "a", "Value": "1"}]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="src", PaginationConfig={"PageSize": 3})
    listed = {item["Key"] for page in pages for item in page["Contents"]}
    assert listed == set(PAINFUL) | {f"copy/{key}" for key in PAINFUL}
    done = s3.delete_objects(Bucket="src", Delete={"Objects": [{"Key": key} for key in listed if "\r" not in key]})
    assert "Errors" not in done


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(s3, algorithm):
    put = s3.put_object(Bucket="src", Key="k", Body=b"bytes", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket="src", Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert "ContentEncoding" not in head
    assert code(s3.put_object, Bucket="src", Key="k", Body=b"bytes", ChecksumCRC32="AAAAAA==") == "BadDigest"


def test_multipart_upload_and_its_listing(s3):
    upload = s3.create_multipart_upload(Bucket="src", Key="big", ChecksumAlgorithm="CRC32")["UploadId"]
    parts = []
    for number, data in enumerate([b"a" * (5 << 20), b"b"], start=1):
        part = s3.upload_part(
            Bucket="src", Key="big", UploadId=upload, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32"
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    assert [p["Size"] for p in s3.list_parts(Bucket="src", Key="big", UploadId=upload)["Parts"]] == [5 << 20, 1]
    done = s3.complete_multipart_upload(Bucket="src", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"') and done["ChecksumType"] == "COMPOSITE"
    assert body(s3, "big", Range="bytes=5242879-") == b"ab"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="src")


def put_sparse(client, size, part, seed=1, **arguments):
    """An object that takes no space, whatever its size."""
    header = {"x-cloud-sparse": f"size={size}; part={part}; seed={seed}"}
    event = "before-call.s3.PutObject"
    add = lambda params, **_: params["headers"].update(header)  # noqa: E731
    client.meta.events.register(event, add)
    try:
        client.put_object(Body=b"", **arguments)
    finally:
        client.meta.events.unregister(event, add)


def test_upload_part_copy_of_a_sparse_object(s3):
    size, part = 6_000_000_000, 5 << 30
    put_sparse(s3, size, part, Bucket="src", Key="huge")
    head = s3.head_object(Bucket="src", Key="huge")
    assert head["ContentLength"] == size and head["ETag"].endswith('-2"')
    assert s3.head_object(Bucket="src", Key="huge", PartNumber=1)["ContentLength"] == part
    source = {"Bucket": "src", "Key": "huge"}
    assert code(s3.copy_object, Bucket="src", Key="copy", CopySource=source) == "InvalidRequest"
    upload = s3.create_multipart_upload(Bucket="src", Key="copy")["UploadId"]
    of = {"Bucket": "src", "Key": "copy", "UploadId": upload, "CopySource": source}

    def copy(number, first, last, etag=head["ETag"]):
        given = {"PartNumber": number, "CopySourceRange": f"bytes={first}-{last}", "CopySourceIfMatch": etag}
        return s3.upload_part_copy(**of, **given)["CopyPartResult"]["ETag"]

    assert code(copy, number=1, first=0, last=part, etag='"other"') == "PreconditionFailed"
    assert code(copy, number=1, first=0, last=part) == "InvalidRequest"  # one byte too many
    assert code(copy, number=1, first=0, last=size) == "InvalidArgument"
    assert code(copy, number=10_001, first=0, last=5) == "InvalidArgument"
    etags = [copy(1, 0, part - 1), copy(2, part, size - 1)]
    parts = {"Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]}
    done = s3.complete_multipart_upload(Bucket="src", Key="copy", UploadId=upload, MultipartUpload=parts)
    assert done["ETag"] == head["ETag"]
    middle = f"bytes={part - 5}-{part + 5}"
    assert body(s3, "copy", Range=middle) == body(s3, "huge", Range=middle) != b"\0" * 11
    assert code(copy, number=1, first=0, last=5) == "NoSuchUpload"


def test_conditional_requests(s3):
    etag = s3.put_object(Bucket="src", Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    assert code(s3.put_object, Bucket="src", Key="k", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert code(s3.put_object, Bucket="src", Key="k", Body=b"2", IfMatch='"other"') == "PreconditionFailed"
    assert code(s3.put_object, Bucket="src", Key="absent", Body=b"2", IfMatch=etag) == "NoSuchKey"
    s3.put_object(Bucket="src", Key="k", Body=b"2", IfMatch=etag)
    assert code(s3.get_object, Bucket="src", Key="k", IfMatch=etag) == "PreconditionFailed"
    now = s3.head_object(Bucket="src", Key="k")["ETag"]
    assert code(s3.get_object, Bucket="src", Key="k", IfNoneMatch=now) == "304"
    assert code(s3.head_object, Bucket="src", Key="absent") == "404"
    assert code(s3.head_object, Bucket="src", Key="k", IfMatch=etag) == "412"


def test_conditional_completion(s3):
    def completion(data, **condition):
        upload = s3.create_multipart_upload(Bucket="src", Key="k")["UploadId"]
        part = s3.upload_part(Bucket="src", Key="k", UploadId=upload, PartNumber=1, Body=data)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]}
        return dict(Bucket="src", Key="k", UploadId=upload, MultipartUpload=parts, **condition)

    assert code(s3.complete_multipart_upload, **completion(b"1", IfMatch='"other"')) == "NoSuchKey"
    etag = s3.complete_multipart_upload(**completion(b"1", IfNoneMatch="*"))["ETag"]
    assert code(s3.complete_multipart_upload, **completion(b"2", IfNoneMatch="*")) == "PreconditionFailed"
    assert code(s3.complete_multipart_upload, **completion(b"2", IfMatch='"other"')) == "PreconditionFailed"
    s3.complete_multipart_upload(**completion(b"2", IfMatch=etag))
    assert body(s3, "k") == b"2"


def test_one_of_many_writers_wins(s3):
    def put(number):
        try:
            s3.put_object(Bucket="src", Key="race", Body=bytes([number]), IfNoneMatch="*")
            return "won"
        except ClientError as refusal:
            return refusal.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, range(16)))
    assert sorted(answers) == ["PreconditionFailed"] * 15 + ["won"]


def test_listing_after_a_key_and_ranges_of_a_version(s3):
    s3.put_bucket_versioning(Bucket="src", VersioningConfiguration={"Status": "Enabled"})
    for key in ["runs/1", "runs/2", "runs/3/a", "runs/3/b", "top"]:
        version = s3.put_object(Bucket="src", Key=key, Body=b"0123456789")["VersionId"]
    listed = s3.list_objects_v2(Bucket="src", Prefix="runs/", Delimiter="/", StartAfter="runs/1")
    assert [entry["Key"] for entry in listed["Contents"]] == ["runs/2"]
    assert [entry["Prefix"] for entry in listed["CommonPrefixes"]] == ["runs/3/"]
    etag = s3.head_object(Bucket="src", Key="top", VersionId=version)["ETag"]
    s3.put_object(Bucket="src", Key="top", Body=b"newer")
    got = s3.get_object(Bucket="src", Key="top", VersionId=version, Range="bytes=-3", IfMatch=etag)
    assert (got["ContentRange"], got["Body"].read()) == ("bytes 7-9/10", b"789")


def test_versions(s3):
    s3.put_bucket_versioning(Bucket="src", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="src")["Status"] == "Enabled"
    first = s3.put_object(Bucket="src", Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket="src", Key="k", Body=b"2")
    marker = s3.delete_object(Bucket="src", Key="k")
    assert marker["DeleteMarker"]
    listed = s3.list_object_versions(Bucket="src")
    assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (2, 1)
    assert body(s3, "k", VersionId=first) == b"1"
    assert code(s3.get_object, Bucket="src", Key="k") == "NoSuchKey"
    assert code(s3.get_object, Bucket="src", Key="k", VersionId=marker["VersionId"]) == "MethodNotAllowed"
    assert code(s3.delete_bucket, Bucket="src") == "BucketNotEmpty"


def test_policy_is_kept_as_text_and_faults_are_named(s3):
    assert code(s3.get_bucket_policy, Bucket="src") == "NoSuchBucketPolicy"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{DESTINATION}:root"},
        "Action": ["s3:GetObject", "s3:GetObjectTagging"],
        "Resource": "arn:aws:s3:::src/*",
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=3)
    s3.put_bucket_policy(Bucket="src", Policy=text)
    assert s3.get_bucket_policy(Bucket="src")["Policy"] == text
    absent = {"AWS": f"arn:aws:iam::{DESTINATION}:role/absent"}
    for change, message in [
        ({"Resource": "arn:aws:s3:::other/*"}, "Policy has invalid resource"),
        ({"Principal": absent}, "Invalid principal in policy"),
        ({"Resource": "arn:aws:s3:::src"}, "Action does not apply to any resource(s) in statement"),
    ]:
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement | change]})
        with pytest.raises(ClientError, match="MalformedPolicy") as refusal:
            s3.put_bucket_policy(Bucket="src", Policy=policy)
        assert refusal.value.response["Error"]["Message"] == message
    s3.delete_bucket_policy(Bucket="src")
    assert code(s3.get_bucket_policy, Bucket="src") == "NoSuchBucketPolicy"


def test_inventory_configurations(s3):
    def configuration(bucket="arn:aws:s3:::manifests"):
        return {
            "Id": "daily",
            "IsEnabled": True,
            "IncludedObjectVersions": "Current",
            "Schedule": {"Frequency": "Daily"},
            "OptionalFields": ["Size", "LastModifiedDate", "ETag", "StorageClass"],
            "Filter": {"Prefix": "in/"},
            "Destination": {
                "S3BucketDestination": {
                    "AccountId": DESTINATION,
                    "Bucket": bucket,
                    "Format": "CSV",
                    "Prefix": "inventory",
                    "Encryption": {"SSES3": {}},
                }
            },
        }

    arguments = {"Bucket": "src", "Id": "daily"}
    assert code(s3.get_bucket_inventory_configuration, **arguments) == "NoSuchConfiguration"
    wrong = configuration(f"arn:aws:s3::{DESTINATION}:manifests")
    put = s3.put_bucket_inventory_configuration
    assert code(put, **arguments, InventoryConfiguration=wrong) == "InvalidS3DestinationBucket"
    put(**arguments, InventoryConfiguration=configuration())
    assert s3.get_bucket_inventory_configuration(**arguments)["InventoryConfiguration"] == configuration()
    listed = s3.list_bucket_inventory_configurations(Bucket="src")
    assert [c["Id"] for c in listed["InventoryConfigurationList"]] == ["daily"]
    s3.delete_bucket_inventory_configuration(**arguments)
    assert code(s3.delete_bucket_inventory_configuration, **arguments) == "NoSuchConfiguration"
    s3.head_bucket(Bucket="src")


def test_notification_configuration(s3):
    def configuration(*filters):
        return {
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": f"arn:aws:lambda:us-east-1:{SOURCE}:function:f{i}",
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {
                        "Key": {
                            "FilterRules": [
                                {"Name": "Prefix", "Value": prefix},
                                {"Name": "Suffix", "Value": suffix},
                            ]
                        }
                    },
                }
                for i, (prefix, suffix) in enumerate(filters)
            ]
        }

    put = s3.put_bucket_notification_configuration
    put(
        Bucket="src",
        NotificationConfiguration=configuration(("in/", ".json"), ("out/", ".json")),
        SkipDestinationValidation=True,
    )
    got = s3.get_bucket_notification_configuration(Bucket="src")
    assert len(got["LambdaFunctionConfigurations"]) == 2
    overlapping = configuration(("in/", ".json"), ("in/a", "n"))
    assert code(put, Bucket="src", NotificationConfiguration=overlapping) == "InvalidArgument"
    put(Bucket="src", NotificationConfiguration={})
    assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket="src")


def test_the_other_account_is_a_stranger(cloud, s3):
    s3.put_object(Bucket="src", Key="k", Body=b"x")
    stranger = cloud.client("s3", DESTINATION)
    with pytest.raises(ClientError, match="AccessDenied.*s3:GetObject.*arn:aws:s3:::src/k"):
        stranger.get_object(Bucket="src", Key="k")
    assert code(stranger.head_bucket, Bucket="src") == "403"
    assert code(stranger.list_objects_v2, Bucket="src") == "AccessDenied"
    assert code(stranger.put_object, Bucket="src", Key="k", Body=b"y") == "AccessDenied"
    assert code(stranger.create_bucket, Bucket="src") == "BucketAlreadyExists"
    assert code(stranger.get_object, Bucket="absent", Key="k") == "NoSuchBucket"


def test_an_unknown_sub_resource_deletes_nothing(cloud, s3):
    keys = cloud.accounts[SOURCE]
    credentials = botocore.credentials.Credentials(keys["access_key"], keys["secret_key"])
    request = botocore.awsrequest.AWSRequest("DELETE", f"{cloud.endpoint}/src?shinyNewThing")
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    answer = botocore.httpsession.URLLib3Session().send(request.prepare())
    assert answer.status_code == 501
    s3.head_bucket(Bucket="src")


def test_every_answer_has_a_request_id(s3):
    assert len(s3.list_objects_v2(Bucket="src")["ResponseMetadata"]["RequestId"]) == 16
    with pytest.raises(ClientError) as refusal:
        s3.get_object(Bucket="src", Key="absent")
    assert len(refusal.value.response["ResponseMetadata"]["RequestId"]) == 16


def test_an_archived_object_is_restored(s3):
    put = {"Bucket": "src", "Body": b"x"}
    for key, storage_class in [("cold", "GLACIER"), ("coldest", "DEEP_ARCHIVE"), ("warm", "STANDARD_IA")]:
        s3.put_object(**put, Key=key, StorageClass=storage_class)
    assert code(s3.get_object, Bucket="src", Key="cold") == "InvalidObjectState"
    assert "Restore" not in s3.head_object(Bucket="src", Key="cold")

    def restore(key, days=3, tier="Bulk"):
        request = {"Days": days, "GlacierJobParameters": {"Tier": tier}}
        return {"Bucket": "src", "Key": key, "RestoreRequest": request}

    # botocore's own model of the request.
    for wrong in [restore("cold", days="3"), {"Bucket": "src", "RestoreRequest": {}}]:
        with pytest.raises(ParamValidationError):
            s3.restore_object(**wrong)
    assert code(s3.restore_object, Bucket="src", Key="cold", RestoreRequest={}) == "InvalidArgument"
    assert code(s3.restore_object, **restore("coldest", tier="Expedited")) == "InvalidArgument"
    assert code(s3.restore_object, **restore("warm")) == "InvalidObjectState"
    assert code(s3.restore_object, **restore("absent")) == "NoSuchKey"
    for key in ["cold", "coldest"]:
        s3.restore_object(**restore(key))
        there = s3.head_object(Bucket="src", Key=key)
        assert there["Restore"] == 'ongoing-request="true"', there
        assert code(s3.restore_object, **restore(key)) == "RestoreAlreadyInProgress"
    assert s3.head_object(Bucket="src", Key="cold")["StorageClass"] == "GLACIER"
    assert code(s3.get_object, Bucket="src", Key="cold") == "InvalidObjectState"
