"""Inventory reports as an independent reader finds them."""

import csv
import gzip
import hashlib
import io
import json
import re
import urllib.error
import urllib.parse

import pytest
from tutorial import KEYS, Tutorial


def rows(tutorial, manifest):
    columns = manifest["fileSchema"].split(", ")
    for file in manifest["files"]:
        body = tutorial.read(file["key"])
        assert (len(body), hashlib.md5(body).hexdigest()) == (file["size"], file["MD5checksum"])
        for row in csv.reader(io.StringIO(gzip.decompress(body).decode())):
            yield dict(zip(columns, row, strict=True))


def test_a_report_lists_the_bucket(cloud):
    tutorial = Tutorial(cloud)
    key, manifest, _ = tutorial.deliver()
    assert re.fullmatch(r"inventory/src/daily/\d{4}-\d\d-\d\dT\d\d-\d\dZ/manifest\.json", key)
    assert list(manifest) == [
        "sourceBucket", "destinationBucket", "version", "creationTimestamp", "fileFormat", "fileSchema", "files",
    ]
    assert manifest["fileSchema"] == "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"
    assert manifest["creationTimestamp"].isdigit()
    listed = {urllib.parse.unquote_plus(row["Key"]): row for row in rows(tutorial, manifest)}
    assert sorted(listed) == sorted(KEYS)
    for key, row in listed.items():
        assert row["Bucket"] == "src"
        assert row["ETag"] == hashlib.md5(key.encode()).hexdigest()
        assert row["Size"] == str(len(key.encode()))
        assert row["StorageClass"] == "STANDARD"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["LastModifiedDate"])


def test_a_wrong_policy_is_said_and_nothing_is_delivered(cloud):
    tutorial = Tutorial(cloud)
    tutorial.s3.put_bucket_policy(Bucket="manifests", Policy=tutorial.delivery_policy("arn:aws:s3:::other"))
    with pytest.raises(urllib.error.HTTPError) as refused:
        tutorial.deliver()
    said = json.load(refused.value)["error"]
    assert "inventory daily of src" in said and "AccessDenied" in said and "s3:PutObject" in said
    assert "Contents" not in tutorial.s3.list_objects_v2(Bucket="manifests")


def test_a_disabled_configuration_delivers_nothing(cloud):
    tutorial = Tutorial(cloud)
    tutorial.configure("daily", IsEnabled=False)
    assert cloud.control("POST", "inventory?bucket=src") == {"manifests": []}
