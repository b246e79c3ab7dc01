"""Batch Operations as botocore sees it: the tutorial's flow, and each permission taken away."""

import botocore.exceptions
import pytest
from conftest import DESTINATION, SOURCE
from test_s3 import put_sparse
from tutorial import DESTINATION_ACTIONS, KEYS, ROLE, SOURCE_ACTIONS, Tutorial, document


def without(actions, action):
    assert action in actions
    return [other for other in actions if other != action]


def test_the_tutorials_flow(cloud):
    tutorial = Tutorial(cloud)
    job, rows = tutorial.run(Description="run 1", Tags=[{"Key": "run", "Value": "1"}])
    assert job["Status"] == "Complete"
    assert job["ProgressSummary"]["TotalNumberOfTasks"] == len(KEYS)
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == len(KEYS)
    assert job["JobArn"] == f"arn:aws:s3:us-east-1:{DESTINATION}:job/{job['JobId']}"
    assert job["CreationTime"] <= job["TerminationDate"]
    assert job["FailureReasons"] == []
    assert job["Operation"] == {
        "S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::dst", "MetadataDirective": "COPY"}
    }
    assert len(rows) == len(KEYS)
    assert "src,plain.txt,,succeeded,200,,Successful" in rows
    for key in KEYS:
        copied = tutorial.s3.get_object(Bucket="dst", Key=key)
        assert (copied["Body"].read(), copied["Metadata"]) == (key.encode(), {"from": "src"})
        tags = tutorial.s3.get_object_tagging(Bucket="dst", Key=key)["TagSet"]
        assert tags == [{"Key": "a", "Value": "1"}]
    [listed] = tutorial.control.list_jobs(AccountId=DESTINATION, JobStatuses=["Complete", "Failed"])["Jobs"]
    assert (listed["JobId"], listed["Operation"], listed["Description"]) == (job["JobId"], "S3PutObjectCopy", "run 1")
    tags = tutorial.control.get_job_tagging(AccountId=DESTINATION, JobId=job["JobId"])["Tags"]
    assert tags == [{"Key": "run", "Value": "1"}]


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:GetObjectTagging"])
@pytest.mark.parametrize("side", ["role", "source bucket"])
def test_a_permission_on_the_source_taken_away(cloud, action, side):
    tutorial = Tutorial(cloud)
    if side == "role":
        tutorial.role_may(source=without(SOURCE_ACTIONS, action))
    else:
        tutorial.source_lets(without(SOURCE_ACTIONS, action))
    every_task_is_denied(tutorial, action)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:PutObjectTagging"])
def test_a_permission_on_the_destination_taken_away(cloud, action):
    tutorial = Tutorial(cloud)
    tutorial.role_may(destination=without(DESTINATION_ACTIONS, action))
    every_task_is_denied(tutorial, action)


def every_task_is_denied(tutorial, action):
    job, rows = tutorial.run()
    assert job["Status"] == "Complete"
    assert job["ProgressSummary"]["NumberOfTasksFailed"] == len(rows) == len(KEYS)
    assert all(",,failed,403,AccessDenied," in row and action in row for row in rows), rows
    assert "Contents" not in tutorial.s3.list_objects_v2(Bucket="dst")


@pytest.mark.parametrize(
    ("readable", "reason"),
    [("inventory/src/daily/data/*", "manifest"), ("inventory/src/daily/2*", "data file")],
)
def test_the_manifest_and_its_data_files_must_be_readable(cloud, readable, reason):
    tutorial = Tutorial(cloud)
    tutorial.role_may(readable=readable)
    job, rows = tutorial.run()
    assert (job["Status"], rows) == ("Failed", [])
    [failure] = job["FailureReasons"]
    assert "AccessDenied" in failure["FailureReason"]
    assert f"Reading the {reason}" in failure["FailureReason"]


def code(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_errors_have_the_codes_and_statuses_of_aws(cloud):
    tutorial = Tutorial(cloud)
    key, _, etag = tutorial.deliver()
    request = tutorial.request(key, etag, ConfirmationRequired=True)
    job_id = tutorial.control.create_job(**request)["JobId"]
    assert tutorial.control.create_job(**request)["JobId"] == job_id
    with pytest.raises(botocore.exceptions.ClientError) as error:
        tutorial.control.create_job(**request | {"Priority": 11})
    assert code(error) == ("IdempotencyException", 400)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        cloud.client("s3control", region="eu-west-1").describe_job(AccountId=DESTINATION, JobId=job_id)
    assert code(error) == ("NoSuchJobException", 404)
    operation = {"S3PutObjectTagging": {"TagSet": []}}
    with pytest.raises(botocore.exceptions.ClientError) as error:
        tutorial.control.create_job(**request | {"Operation": operation, "ClientRequestToken": "other"})
    assert code(error) == ("BadRequestException", 400)

    cloud.control("POST", "settle")
    assert tutorial.describe(job_id)["Status"] == "Suspended"
    update = {"AccountId": DESTINATION, "JobId": job_id}
    tutorial.control.update_job_status(**update, RequestedJobStatus="Ready")
    cloud.control("POST", "settle")
    assert tutorial.describe(job_id)["Status"] == "Complete"
    with pytest.raises(botocore.exceptions.ClientError) as error:
        tutorial.control.update_job_status(**update, RequestedJobStatus="Cancelled")
    assert code(error) == ("JobStatusException", 400)


def caller(tutorial, *statements):
    """A session of a role of the destination account that may do just this."""
    trust = {"Principal": {"AWS": f"arn:aws:iam::{DESTINATION}:root"}, "Action": "sts:AssumeRole"}
    arn = tutorial.iam.create_role(RoleName="caller", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    tutorial.iam.put_role_policy(RoleName="caller", PolicyName="p", PolicyDocument=document(*statements))
    session = tutorial.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return tutorial.cloud.client("s3control", credentials=session)


PASS_ROLE = {"Action": "iam:PassRole", "Resource": "*"}
CREATE = {"Action": ["s3:CreateJob", "s3:DescribeJob"], "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        ([PASS_ROLE], "s3:CreateJob"),
        ([CREATE], "iam:PassRole"),
        # CreateJob does not fill iam:PassedToService, so this condition always denies.
        (
            [CREATE, PASS_ROLE | {"Condition": {"StringEquals": {
                "iam:PassedToService": "batchoperations.s3.amazonaws.com"}}}],
            "iam:PassRole",
        ),
        ([CREATE, PASS_ROLE], "s3:PutJobTagging"),
    ],
)
def test_what_the_caller_of_create_job_needs(cloud, statements, missing):
    tutorial = Tutorial(cloud)
    key, _, etag = tutorial.deliver()
    control = caller(tutorial, *statements)
    tags = {"Tags": [{"Key": "run", "Value": "1"}]} if missing == "s3:PutJobTagging" else {}
    request = tutorial.request(key, etag, **tags)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        control.create_job(**request)
    assert code(error) == ("AccessDenied", 403)
    assert missing in error.value.response["Error"]["Message"]


def test_a_caller_with_just_enough_creates_a_job(cloud):
    tutorial = Tutorial(cloud)
    key, _, etag = tutorial.deliver()
    control = caller(tutorial, CREATE, PASS_ROLE)
    job_id = control.create_job(**tutorial.request(key, etag))["JobId"]
    assert control.describe_job(AccountId=DESTINATION, JobId=job_id)["Job"]["JobId"] == job_id
    with pytest.raises(botocore.exceptions.ClientError) as error:
        control.list_jobs(AccountId=DESTINATION)
    assert code(error) == ("AccessDenied", 403)


def test_a_function_for_every_row(cloud):
    """LambdaInvoke of copy-large: what it is told, what it may, what the report says."""
    tutorial = Tutorial(cloud)
    worker = f"arn:aws:iam::{DESTINATION}:role/worker"
    trust = document({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    tutorial.iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)
    everything = document({"Action": "s3:*", "Resource": "*"})
    tutorial.iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=everything)
    reads = {"Action": [*SOURCE_ACTIONS, "s3:ListBucket"], "Resource": ["arn:aws:s3:::src", "arn:aws:s3:::src/*"]}
    lets = document({"Principal": {"AWS": [worker, ROLE]}, **reads})
    tutorial.source.put_bucket_policy(Bucket="src", Policy=lets)
    put_sparse(tutorial.source, 6_000_000_000, 1 << 29, Bucket="src", Key="huge", Metadata={"from": "src"})
    environment = {
        "ROUTE": "demo",
        "ACCOUNT_ID": DESTINATION,
        "SOURCE_BUCKET": "src",
        "SOURCE_ACCOUNT_ID": SOURCE,
        "DESTINATION_BUCKET": "dst",
        "DESTINATION_REGION": "us-east-1",
        "MANIFEST_BUCKET": "manifests",
    }
    settings = {"role": worker, "environment": environment}
    function = cloud.control("PUT", "functions/copy-large", settings)["function"]
    invoke = {"FunctionArn": function, "InvocationSchemaVersion": "2.0", "UserArguments": {"run": "r"}}

    # Without the permission to invoke it, every task is denied.
    job, rows = tutorial.run(Operation={"LambdaInvoke": invoke}, ClientRequestToken="denied")
    assert job["ProgressSummary"]["NumberOfTasksFailed"] == len(rows) == len(KEYS) + 1
    assert all(",failed,403,AccessDenied," in row for row in rows), rows

    may = document({"Action": "lambda:InvokeFunction", "Resource": function})
    role = ROLE.rsplit("/", 1)[1]
    tutorial.iam.put_role_policy(RoleName=role, PolicyName="invoke", PolicyDocument=may)
    tutorial.source.delete_object(Bucket="src", Key="plain.txt")
    key, _, etag = tutorial.deliver()
    request = tutorial.request(key, etag, Operation={"LambdaInvoke": invoke}, ClientRequestToken="allowed")
    job_id = tutorial.control.create_job(**request)["JobId"]
    cloud.control("POST", "settle")
    job, rows = tutorial.describe(job_id), tutorial.rows(job_id)
    assert job["Operation"]["LambdaInvoke"] == invoke
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == len(rows) == len(KEYS), rows
    [huge] = [row for row in rows if row.startswith("src,huge,")]
    assert huge.startswith("src,huge,,succeeded,200,,copied in 12 parts"), huge
    there, here = tutorial.s3.head_object(Bucket="dst", Key="huge"), tutorial.source.head_object(Bucket="src", Key="huge")
    assert [there[name] for name in ("ContentLength", "ETag", "Metadata")] == [
        here[name] for name in ("ContentLength", "ETag", "Metadata")
    ]
    for name in KEYS[1:]:
        assert tutorial.s3.get_object(Bucket="dst", Key=name)["Body"].read() == name.encode()


def test_a_restore_for_every_row(cloud):
    """S3InitiateRestoreObject: succeeded means asked for; what is not archived fails."""
    tutorial = Tutorial(cloud)
    tutorial.source.put_object(Bucket="src", Key="cold", Body=b"x", StorageClass="GLACIER")
    restore = {"S3InitiateRestoreObject": {"ExpirationInDays": 2, "GlacierJobTier": "BULK"}}
    job, rows = tutorial.run(Operation=restore, ClientRequestToken="denied")
    assert job["ProgressSummary"]["NumberOfTasksFailed"] == len(rows) == len(KEYS) + 1
    assert all(",failed,403,AccessDenied," in row and "s3:RestoreObject" in row for row in rows), rows

    tutorial.role_may(source=[*SOURCE_ACTIONS, "s3:RestoreObject"])
    tutorial.source_lets([*SOURCE_ACTIONS, "s3:RestoreObject"])
    job, rows = tutorial.run(Operation=restore, ClientRequestToken="allowed")
    assert job["Operation"] == restore
    assert [row for row in rows if ",succeeded," in row] == ["src,cold,,succeeded,200,,Successful"]
    assert job["ProgressSummary"]["NumberOfTasksFailed"] == len(KEYS)
    assert tutorial.source.head_object(Bucket="src", Key="cold")["Restore"] == 'ongoing-request="true"'
    wrong = {"S3InitiateRestoreObject": {"ExpirationInDays": 2, "GlacierJobTier": "EXPEDITED"}}
    key, _, etag = tutorial.deliver()
    with pytest.raises(botocore.exceptions.ClientError) as error:
        tutorial.control.create_job(**tutorial.request(key, etag, Operation=wrong, ClientRequestToken="wrong"))
    assert code(error)[0] == "BadRequestException", error.value
