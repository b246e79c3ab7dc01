"""SNS's Publish by botocore: what is taken, what is refused, and by whom it may be called."""

import json

import pytest
from botocore.exceptions import ClientError
from conftest import DESTINATION, SOURCE

NAME = "notices"
TOPIC = f"arn:aws:sns:us-east-1:{DESTINATION}:{NAME}"
KEY = f"arn:aws:kms:us-east-1:{DESTINATION}:key/1"


def refused(call, **arguments):
    """The error of a call that must fail, as (status, code, message)."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


@pytest.fixture
def sns(cloud):
    client = cloud.client("sns")
    assert client.create_topic(Name=NAME)["TopicArn"] == TOPIC
    return client


def test_a_message_is_kept_as_it_was_published(cloud, sns):
    body = json.dumps({"default": "{}", "email": "hello\nworld é"})
    attributes = {"route": {"DataType": "String", "StringValue": "photos"}}
    answer = sns.publish(
        TopicArn=TOPIC, Subject="A subject", Message=body, MessageStructure="json", MessageAttributes=attributes
    )
    (kept,) = cloud.control("GET", "messages")["messages"]
    assert kept.pop("at")
    assert kept == {
        "topic": TOPIC,
        "id": answer["MessageId"],
        "publisher": f"arn:aws:iam::{DESTINATION}:root",
        "subject": "A subject",
        "message": body,
        "structure": "json",
        "attributes": {"route": "photos"},
    }


@pytest.mark.parametrize("subject", ["", "x" * 100, "two\nlines", "\tindented", " indented", "umlaut é", "del \x7f"])
def test_a_subject_is_short_ascii_on_one_line(sns, subject):
    status, code, message = refused(sns.publish, TopicArn=TOPIC, Subject=subject, Message="m")
    assert (status, code, message) == (400, "InvalidParameter", "Invalid parameter: Subject")


def test_a_message_has_a_body_of_at_most_256_kb(sns):
    assert refused(sns.publish, TopicArn=TOPIC, Message="")[:2] == (400, "InvalidParameter")
    sns.publish(TopicArn=TOPIC, Message="é" * 131_072)
    assert "too long" in refused(sns.publish, TopicArn=TOPIC, Message="é" * 131_073)[2]


def test_a_structured_message_is_json_with_a_default(sns):
    for body in ["no json", "[]", "{}", '{"email": "x"}', '{"default": 1}']:
        status, code, message = refused(sns.publish, TopicArn=TOPIC, Message=body, MessageStructure="json")
        assert (status, code) == (400, "InvalidParameter") and "Message Structure" in message, body


def test_the_topic_must_be_there(sns):
    assert refused(sns.publish, TopicArn=TOPIC + "-not", Message="m")[:2] == (404, "NotFound")
    assert refused(sns.publish, TopicArn="no-arn", Message="m")[:2] == (400, "InvalidParameter")
    empty = {"a": {"DataType": "String", "StringValue": ""}}
    status, code, _ = refused(sns.publish, TopicArn=TOPIC, Message="m", MessageAttributes=empty)
    assert (status, code) == (400, "ParameterValueInvalid")


def test_who_may_publish_is_decided_by_policies(cloud, sns):
    status, code, message = refused(cloud.client("sns", account=SOURCE).publish, TopicArn=TOPIC, Message="m")
    assert (status, code) == (403, "AuthorizationError") and "SNS:Publish" in message
    encrypted = sns.create_topic(Name="encrypted", Attributes={"KmsMasterKeyId": KEY})["TopicArn"]
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{DESTINATION}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    role = f"arn:aws:iam::{DESTINATION}:role/r"
    session = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    client = cloud.client("sns", credentials=session)

    def allow(*pairs):
        statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in pairs]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)

    assert refused(client.publish, TopicArn=encrypted, Message="m")[:2] == (403, "AuthorizationError")
    allow(("sns:Publish", encrypted))
    status, code, message = refused(client.publish, TopicArn=encrypted, Message="m")
    assert (status, code) == (400, "KMSAccessDenied") and "kms:GenerateDataKey" in message
    allow(("sns:Publish", encrypted), ("kms:GenerateDataKey", KEY), ("kms:Decrypt", KEY))
    client.publish(TopicArn=encrypted, Message="m")
    assert refused(client.publish, TopicArn=TOPIC, Message="m")[:2] == (403, "AuthorizationError")
