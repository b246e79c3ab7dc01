"""Lambda's Invoke and the cloud's own controls, by botocore and plain HTTP."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from conftest import DESTINATION, SOURCE

NAME = "create-job"
ARN = f"arn:aws:lambda:us-east-1:{DESTINATION}:function:{NAME}"
ROLE = f"arn:aws:iam::{DESTINATION}:role/create-job-role"
TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}


def create_role(cloud, name, trusted):
    statement = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))


def refused(call, **arguments):
    """The error of a call that must fail, as (status, code, message)."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def control_refused(cloud, *arguments):
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control(*arguments)
    return caught.value.code, json.load(caught.value)["error"]


@pytest.fixture
def configured(cloud):
    """A cloud whose create-job has a role; its variables are wrong, so that it fails before its first event."""
    create_role(cloud, "create-job-role", {"Service": "lambda.amazonaws.com"})
    answer = cloud.control("PUT", f"functions/{NAME}", {"role": ROLE, "environment": {}})
    assert answer == {"function": ARN}
    return cloud


def test_the_greeting_names_all_that_a_client_needs(cloud):
    assert cloud.endpoint.startswith("http://127.0.0.1:")
    assert set(cloud.accounts) == {SOURCE, DESTINATION}
    for account, keys in cloud.accounts.items():
        assert set(keys) == {"account_id", "access_key", "secret_key"} and keys["account_id"] == account


@pytest.mark.parametrize("name", [NAME, f"{NAME}:$LATEST", ARN, f"{ARN}:$LATEST", f"{DESTINATION}:function:{NAME}"])
def test_dry_run_by_every_form_of_the_name(configured, name):
    answer = configured.client("lambda").invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204


def test_the_functions_error_comes_with_status_200(configured):
    answer = configured.client("lambda").invoke(FunctionName=NAME, Payload=json.dumps(TEST_EVENT))
    assert (answer["StatusCode"], answer["FunctionError"], answer["ExecutedVersion"]) == (200, "Unhandled", "$LATEST")
    error = json.load(answer["Payload"])
    assert set(error) >= {"errorMessage", "errorType"}


def test_an_event_is_accepted_and_its_failure_recorded(configured):
    answer = configured.client("lambda").invoke(FunctionName=NAME, InvocationType="Event", Payload=b"{}")
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""
    assert configured.control("POST", "settle") == {"settled": True}
    assert configured.control("GET", f"functions/{NAME}/logs")["failures"] == []
    assert configured.control("POST", "settle?retries") == {"settled": True}
    log = configured.control("GET", f"functions/{NAME}/logs")
    assert [(failure["event"], failure["attempts"]) for failure in log["failures"]] == [("{}", 3)]


def test_what_is_not_there_or_not_ready(cloud):
    client = cloud.client("lambda")
    status, code, message = refused(client.invoke, FunctionName="nope")
    assert (status, code) == (404, "ResourceNotFoundException")
    assert message == f"Function not found: arn:aws:lambda:us-east-1:{DESTINATION}:function:nope"
    status, code, message = refused(client.invoke, FunctionName=NAME)
    assert (status, code) == (409, "ResourceConflictException") and "Pending" in message


def test_a_payload_that_is_not_json(configured):
    status, code, _ = refused(configured.client("lambda").invoke, FunctionName=NAME, Payload=b"{")
    assert (status, code) == (400, "InvalidRequestContentException")


def test_another_account_is_refused(configured):
    client = configured.client("lambda", account=SOURCE)
    status, code, message = refused(client.invoke, FunctionName=NAME)
    assert (status, code) == (404, "ResourceNotFoundException") and f":{SOURCE}:function:{NAME}" in message
    status, code, message = refused(client.invoke, FunctionName=ARN)
    assert (status, code) == (403, "AccessDeniedException") and "lambda:InvokeFunction" in message


def test_a_role_needs_the_permission_to_invoke(configured):
    create_role(configured, "caller", {"AWS": f"arn:aws:iam::{DESTINATION}:root"})
    role = f"arn:aws:iam::{DESTINATION}:role/caller"
    session = configured.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    client = configured.client("lambda", credentials=session)
    status, code, message = refused(client.invoke, FunctionName=NAME, InvocationType="DryRun")
    assert (status, code) == (403, "AccessDeniedException") and f"on resource: {ARN}" in message.replace('"', "")
    allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    configured.client("iam").put_role_policy(RoleName="caller", PolicyName="invoke", PolicyDocument=document)
    assert client.invoke(FunctionName=NAME, InvocationType="DryRun")["StatusCode"] == 204


def test_settings_that_are_refused(configured):
    settings = {"role": ROLE, "environment": {}}
    assert control_refused(configured, "PUT", "functions/nope", settings)[0] == 404
    assert control_refused(configured, "PUT", f"functions/{NAME}", {"role": ROLE})[0] == 400
    assert control_refused(configured, "PUT", f"functions/{NAME}", {**settings, "memory": 1})[0] == 400
    status, message = control_refused(configured, "PUT", f"functions/{NAME}", {**settings, "role": f"{ROLE}-not"})
    assert status == 400 and "cannot be assumed by Lambda" in message
    status, message = control_refused(configured, "PUT", f"functions/{NAME}", {**settings, "environment": {"AWS_REGION": "x"}})
    assert status == 400 and "AWS_REGION" in message


def test_an_inventory_needs_a_bucket(cloud):
    assert control_refused(cloud, "POST", "inventory")[0] == 400
    assert control_refused(cloud, "POST", "inventory?bucket=not-there")[0] == 404


def test_the_proxy_leads_nowhere_else(cloud):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": cloud.endpoint}))
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open("http://example.com/bucket", timeout=10)
    assert caught.value.code == 403
