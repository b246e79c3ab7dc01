"""The tutorial's two accounts, set up by botocore: buckets, policies, role, inventory configuration."""

import csv
import hashlib
import io
import json

from conftest import DESTINATION, SOURCE

ROLE = f"arn:aws:iam::{DESTINATION}:role/BatchOperationsDestinationRoleCOPY"
SOURCE_ACTIONS = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
DESTINATION_ACTIONS = ["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"]
KEYS = ["plain.txt", "a b+c.txt", '100%,"quoted".txt', "dir/é\n.txt"]


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]})


class Tutorial:
    """Source bucket `src` with four objects; `dst` and `manifests` in the destination account."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.source, self.s3 = cloud.client("s3", SOURCE), cloud.client("s3")
        self.iam, self.control = cloud.client("iam"), cloud.client("s3control")
        self.source.create_bucket(Bucket="src")
        for bucket in ("dst", "manifests"):
            self.s3.create_bucket(Bucket=bucket)
        trust = document({"Principal": {"Service": "batchoperations.s3.amazonaws.com"}, "Action": "sts:AssumeRole"})
        self.iam.create_role(RoleName=ROLE.rsplit("/", 1)[1], AssumeRolePolicyDocument=trust)
        self.role_may()
        self.source_lets(SOURCE_ACTIONS)
        self.s3.put_bucket_policy(Bucket="manifests", Policy=self.delivery_policy())
        self.configure("daily")
        for key in KEYS:
            self.source.put_object(Bucket="src", Key=key, Body=key.encode(), Metadata={"from": "src"}, Tagging="a=1")

    @staticmethod
    def delivery_policy(source_arn="arn:aws:s3:::src"):
        return document(
            {
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::manifests/*",
                "Condition": {
                    "ArnLike": {"aws:SourceArn": source_arn},
                    "StringEquals": {
                        "aws:SourceAccount": SOURCE,
                        "s3:x-amz-acl": "bucket-owner-full-control",
                    },
                },
            }
        )

    def role_may(self, source=SOURCE_ACTIONS, destination=DESTINATION_ACTIONS, readable="*"):
        policy = document(
            {"Action": source, "Resource": "arn:aws:s3:::src/*"},
            {"Action": destination, "Resource": "arn:aws:s3:::dst/*"},
            {"Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": f"arn:aws:s3:::manifests/{readable}"},
            {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::manifests/reports/*"},
        )
        self.iam.put_role_policy(RoleName=ROLE.rsplit("/", 1)[1], PolicyName="copy", PolicyDocument=policy)

    def source_lets(self, actions):
        policy = document({"Principal": {"AWS": ROLE}, "Action": actions, "Resource": "arn:aws:s3:::src/*"})
        self.source.put_bucket_policy(Bucket="src", Policy=policy)

    def configure(self, name, **changes):
        configuration = {
            "Id": name,
            "IsEnabled": True,
            "IncludedObjectVersions": "Current",
            "Schedule": {"Frequency": "Daily"},
            "OptionalFields": ["ETag", "Size", "LastModifiedDate", "StorageClass"],
            "Destination": {
                "S3BucketDestination": {
                    "AccountId": DESTINATION,
                    "Bucket": "arn:aws:s3:::manifests",
                    "Format": "CSV",
                    "Prefix": "inventory",
                }
            },
        } | changes
        self.source.put_bucket_inventory_configuration(Bucket="src", Id=name, InventoryConfiguration=configuration)

    def read(self, key, bucket="manifests"):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def deliver(self):
        """Delivers the inventory: the manifest's key, itself, and its ETag."""
        [key] = self.cloud.control("POST", "inventory?bucket=src")["manifests"]
        body = self.read(key)
        checksum = self.read(key.replace("manifest.json", "manifest.checksum")).decode().strip()
        assert checksum == hashlib.md5(body).hexdigest()
        return key, json.loads(body), self.s3.head_object(Bucket="manifests", Key=key)["ETag"].strip('"')

    def request(self, key, etag, **changes):
        return {
            "AccountId": DESTINATION,
            "ConfirmationRequired": False,
            "Operation": {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::dst", "MetadataDirective": "COPY"}},
            "Report": {
                "Bucket": "arn:aws:s3:::manifests",
                "Format": "Report_CSV_20180820",
                "Enabled": True,
                "Prefix": "reports",
                "ReportScope": "AllTasks",
                "ExpectedBucketOwner": DESTINATION,
            },
            "ClientRequestToken": "token",
            "Manifest": {
                "Spec": {"Format": "S3InventoryReport_CSV_20161130"},
                "Location": {"ObjectArn": f"arn:aws:s3:::manifests/{key}", "ETag": etag},
            },
            "Priority": 10,
            "RoleArn": ROLE,
        } | changes

    def describe(self, job_id):
        return self.control.describe_job(AccountId=DESTINATION, JobId=job_id)["Job"]

    def run(self, **changes):
        """Delivers, creates the job, settles: the job and the rows of its report."""
        key, _, etag = self.deliver()
        job_id = self.control.create_job(**self.request(key, etag, **changes))["JobId"]
        self.cloud.control("POST", "settle")
        return self.describe(job_id), self.rows(job_id)

    def rows(self, job_id):
        folder = f"reports/job-{job_id}"
        if not self.s3.list_objects_v2(Bucket="manifests", Prefix=folder).get("Contents"):
            return []
        manifest = json.loads(self.read(f"{folder}/manifest.json"))
        files = [io.StringIO(self.read(file["Key"]).decode()) for file in manifest["Results"]]
        # Not line by line: a message may name a key that has a line break in it.
        return [",".join(row) for file in files for row in csv.reader(file)]
