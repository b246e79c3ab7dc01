"""The AWS CLI against `cloud serve`, as a person would use it."""

import json
import os
import subprocess

import pytest

from conftest import DESTINATION, SOURCE


@pytest.fixture
def aws(cloud, tmp_path):
    """Runs `aws …` as an account, or as an assumed role's credentials; its JSON, or its error as text."""

    def run(*arguments, account=DESTINATION, credentials=None, refused=False):
        keys, control = cloud.accounts[account], arguments[0] == "s3control"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"] if credentials else keys["access_key"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"] if credentials else keys["secret_key"],
            **({"AWS_SESSION_TOKEN": credentials["SessionToken"]} if credentials else {}),
            **({"HTTP_PROXY": cloud.endpoint} if control else {}),
        }
        endpoint = f"http://s3control.test:{cloud.port}" if control else cloud.endpoint
        command = ["aws", "--endpoint-url", endpoint, "--output", "json", *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        if refused:
            assert done.returncode != 0, done.stdout
            return done.stderr
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout) if done.stdout.strip() else {}
        except json.JSONDecodeError:
            return done.stdout

    return run


def test_objects(aws, tmp_path):
    (tmp_path / "file").write_bytes(b"some bytes\n" * 1000)
    (tmp_path / "large").write_bytes(os.urandom(12 << 20))  # goes up and comes down in parts
    aws("s3", "mb", "s3://mine")
    aws("s3", "cp", "file", "s3://mine/folder/a file+1%.txt", "--metadata", "who=me")
    aws("s3", "cp", "large", "s3://mine/large")
    aws("s3", "cp", "s3://mine/large", "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes()
    aws("s3api", "copy-object", "--bucket", "mine", "--key", "copy", "--copy-source", "mine/folder/a file+1%.txt")
    head = aws("s3api", "head-object", "--bucket", "mine", "--key", "copy")
    assert (head["ContentLength"], head["Metadata"]) == (11_000, {"who": "me"})
    aws("s3api", "get-object", "--bucket", "mine", "--key", "copy", "got")
    assert (tmp_path / "got").read_bytes() == (tmp_path / "file").read_bytes()
    listed = aws("s3api", "list-objects-v2", "--bucket", "mine")
    assert [entry["Key"] for entry in listed["Contents"]] == ["copy", "folder/a file+1%.txt", "large"]
    assert "404" in aws("s3api", "head-object", "--bucket", "mine", "--key", "none", refused=True)


def test_policies_and_inventory(aws):
    aws("s3api", "create-bucket", "--bucket", "theirs", account=SOURCE)
    assert "NoSuchBucketPolicy" in aws("s3api", "get-bucket-policy", "--bucket", "theirs", account=SOURCE, refused=True)
    assert "AccessDenied" in aws("s3api", "list-objects-v2", "--bucket", "theirs", refused=True)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": DESTINATION}, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::theirs"}
        ],
    }
    aws("s3api", "put-bucket-policy", "--bucket", "theirs", "--policy", json.dumps(policy), account=SOURCE)
    assert json.loads(aws("s3api", "get-bucket-policy", "--bucket", "theirs", account=SOURCE)["Policy"]) == policy
    aws("s3api", "list-objects-v2", "--bucket", "theirs")
    configuration = {
        "Id": "daily",
        "IsEnabled": True,
        "IncludedObjectVersions": "Current",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::ours", "Format": "CSV", "Prefix": "inventory"}},
    }
    bucket = ("--bucket", "theirs", "--id", "daily")
    put = ("s3api", "put-bucket-inventory-configuration", *bucket, "--inventory-configuration", json.dumps(configuration))
    aws(*put, account=SOURCE)
    got = aws("s3api", "get-bucket-inventory-configuration", *bucket, account=SOURCE)
    assert got["InventoryConfiguration"]["Destination"] == configuration["Destination"]
    aws("s3api", "delete-bucket-inventory-configuration", *bucket, account=SOURCE)
    missing = aws("s3api", "get-bucket-inventory-configuration", *bucket, account=SOURCE, refused=True)
    assert "NoSuchConfiguration" in missing
    aws("s3api", "head-bucket", "--bucket", "theirs", account=SOURCE)  # the bucket is still there


def test_assume_role(aws):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{DESTINATION}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "secret"}},
            }
        ],
    }
    create = ("iam", "create-role", "--role-name", "access", "--assume-role-policy-document", json.dumps(trust))
    arn = aws(*create, account=SOURCE)["Role"]["Arn"]
    assume = ("sts", "assume-role", "--role-arn", arn, "--role-session-name", "me")
    assert "AccessDenied" in aws(*assume, refused=True)
    assert "AccessDenied" in aws(*assume, "--external-id", "wrong", refused=True)
    session = aws(*assume, "--external-id", "secret")["Credentials"]
    who = aws("sts", "get-caller-identity", credentials=session)
    assert who["Arn"] == f"arn:aws:sts::{SOURCE}:assumed-role/access/me"
    denied = aws("s3api", "create-bucket", "--bucket", "new", credentials=session, refused=True)
    assert "AccessDenied" in denied and "s3:CreateBucket" in denied


def test_jobs(aws):
    aws("s3api", "create-bucket", "--bucket", "ours")
    manifest = aws("s3api", "put-object", "--bucket", "ours", "--key", "manifest.csv")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "batchoperations.s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    create = ("iam", "create-role", "--role-name", "copy", "--assume-role-policy-document", json.dumps(trust))
    role = aws(*create)["Role"]["Arn"]
    location = {"ObjectArn": "arn:aws:s3:::ours/manifest.csv", "ETag": manifest["ETag"].strip('"')}
    spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
    job = aws(
        *("s3control", "create-job", "--account-id", DESTINATION, "--role-arn", role, "--priority", "1"),
        *("--operation", json.dumps({"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::ours"}})),
        *("--manifest", json.dumps({"Spec": spec, "Location": location})),
        *("--report", json.dumps({"Enabled": False})),
        *("--client-request-token", "one", "--confirmation-required"),
    )["JobId"]
    described = aws("s3control", "describe-job", "--account-id", DESTINATION, "--job-id", job)["Job"]
    assert (described["JobId"], described["RoleArn"]) == (job, role)
    other = ("s3control", "describe-job", "--account-id", DESTINATION, "--job-id", job)
    assert "AccessDenied" in aws(*other, account=SOURCE, refused=True)
