"""IAM and STS as botocore, which knows nothing of our reading of AWS, asks them and reads their answers."""

import json

import botocore.exceptions
import pytest
from conftest import DESTINATION, SOURCE

COPY = f"arn:aws:iam::{DESTINATION}:role/copy"
ACCESS = f"arn:aws:iam::{SOURCE}:role/access"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal, **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return policy(statement | ({"Condition": condition} if condition else {}))


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def root(account):
    return {"AWS": f"arn:aws:iam::{account}:root"}


def refused(call, code, status, says=""):
    """Makes a call that must fail, and returns the message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    assert (error["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), error
    assert says in error["Message"]
    return error["Message"]


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def session(cloud, role="copy", account=DESTINATION, inline=None, **options):
    """A role that its account may assume, and its credentials."""
    iam = cloud.client("iam", account)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(root(account)))
    if inline:
        iam.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=policy(*inline))
    arn = f"arn:aws:iam::{account}:role/{role}"
    return cloud.client("sts", account).assume_role(RoleArn=arn, RoleSessionName="test", **options)["Credentials"]


def test_a_role_is_kept_as_it_was_made(iam):
    document = trust(root(DESTINATION))
    made = iam.create_role(
        RoleName="copy",
        Path="/transship/",
        Description="copies <& more>",
        MaxSessionDuration=7200,
        PermissionsBoundary=f"arn:aws:iam::{DESTINATION}:policy/limit",
        Tags=[{"Key": "route", "Value": "a b/ü"}],
        AssumeRolePolicyDocument=document,
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{DESTINATION}:role/transship/copy"
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 20
    kept = iam.get_role(RoleName="copy")["Role"]
    assert kept == made
    assert kept["AssumeRolePolicyDocument"] == json.loads(document)
    assert kept["Description"] == "copies <& more>" and kept["MaxSessionDuration"] == 7200
    assert kept["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/limit")
    assert kept["Tags"] == [{"Key": "route", "Value": "a b/ü"}]
    refused(lambda: iam.create_role(RoleName="Copy", AssumeRolePolicyDocument=document), "EntityAlreadyExists", 409)
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["copy"]
    assert iam.list_roles(PathPrefix="/other/")["Roles"] == []


def test_the_accounts_do_not_see_each_others_roles(cloud, iam):
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))
    other = cloud.client("iam", SOURCE)
    refused(lambda: other.get_role(RoleName="copy"), "NoSuchEntity", 404, "copy")
    assert other.list_roles()["Roles"] == []


def test_a_roles_policies_come_and_go(iam):
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))
    document = policy(allow("s3:GetObject", "arn:aws:s3:::source/*"))
    iam.put_role_policy(RoleName="copy", PolicyName="read", PolicyDocument=document)
    kept = iam.get_role_policy(RoleName="copy", PolicyName="read")
    assert kept["PolicyDocument"] == json.loads(document)
    assert iam.list_role_policies(RoleName="copy")["PolicyNames"] == ["read"]
    assert iam.list_attached_role_policies(RoleName="copy")["AttachedPolicies"] == []
    assert iam.list_instance_profiles_for_role(RoleName="copy")["InstanceProfiles"] == []
    refused(lambda: iam.get_role_policy(RoleName="copy", PolicyName="x"), "NoSuchEntity", 404)
    refused(lambda: iam.delete_role_policy(RoleName="copy", PolicyName="x"), "NoSuchEntity", 404)
    refused(lambda: iam.delete_role(RoleName="copy"), "DeleteConflict", 409)
    iam.delete_role_policy(RoleName="copy", PolicyName="read")
    iam.delete_role(RoleName="copy")
    refused(lambda: iam.get_role(RoleName="copy"), "NoSuchEntity", 404)


def test_a_role_made_again_is_another_one(cloud, iam):
    keys = session(cloud)
    first = iam.get_role(RoleName="copy")["Role"]["RoleId"]
    iam.delete_role(RoleName="copy")
    refused(cloud.client("sts", credentials=keys).get_caller_identity, "InvalidClientTokenId", 403)
    again = iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))["Role"]
    assert again["RoleId"] != first


def test_changes_of_a_role(iam):
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))
    iam.update_role(RoleName="copy", Description="new", MaxSessionDuration=43200)
    iam.update_assume_role_policy(RoleName="copy", PolicyDocument=trust({"Service": "lambda.amazonaws.com"}))
    iam.tag_role(RoleName="copy", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.untag_role(RoleName="copy", TagKeys=["a"])
    iam.put_role_permissions_boundary(RoleName="copy", PermissionsBoundary=f"arn:aws:iam::{DESTINATION}:policy/limit")
    role = iam.get_role(RoleName="copy")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("new", 43200)
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert iam.list_role_tags(RoleName="copy")["Tags"] == role["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.delete_role_permissions_boundary(RoleName="copy")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="copy")["Role"]
    assert iam.update_role_description(RoleName="copy", Description="newer")["Role"]["Description"] == "newer"


@pytest.mark.parametrize(
    "document, says",
    [
        ("{", "Syntax errors"),
        ("[]", "Syntax errors"),
        ('{"Version": "2012-10-17"}', "Statement"),
        ('{"Version": "2012", "Statement": []}', "Version"),
        (trust({}), "Invalid principal"),
        (trust("arn:aws:iam::222222222222:role/copy"), "Invalid principal"),
        (trust({"AWS": "arn:aws:iam::222222222222:role/*"}), "Invalid principal"),
        (trust({"AWS": "arn:aws:iam::222222222222:role/not-there"}), "Invalid principal in policy"),
        (trust({"AWS": "arn:aws:iam::222222222222:user/nobody"}), "Invalid principal in policy"),
        (policy(allow("sts:AssumeRole")), "Resource"),
        (policy({"Effect": "Allow", "Action": "sts:AssumeRole"}), "Principal"),
        (policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}), "STS AssumeRole actions"),
        (policy({"Effect": "allow", "Principal": "*", "Action": "sts:AssumeRole"}), "Effect"),
        (trust("*", StringEqual={"sts:ExternalId": "x"}), "Invalid Condition type : StringEqual"),
    ],
)
def test_malformed_trust_policies(iam, document, says):
    make = lambda: iam.create_role(RoleName="copy", AssumeRolePolicyDocument=document)  # noqa: E731
    refused(make, "MalformedPolicyDocument", 400, says)


@pytest.mark.parametrize(
    "document, says",
    [
        (policy(allow("s3:GetObject", "my-bucket/*")), "ARN format"),
        (policy(allow("GetObject")), "vendor"),
        (policy(allow("s3:GetObject", Principal="*")), "should not specify a principal"),
        (policy(allow("s3:GetObject", Resources="*")), "no element Resources"),
        (policy({"Effect": "Allow", "Action": "s3:GetObject"}), "Resource"),
        (policy(allow("s3:A", Sid="x"), allow("s3:B", Sid="x")), "must be unique"),
        (policy(allow("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": "yes"}})), "Invalid value"),
        (policy(allow("s3:GetObject", Condition={"NumericEquals": {"s3:max-keys": "ten"}})), "Invalid value"),
    ],
)
def test_malformed_inline_policies(iam, document, says):
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))
    put = lambda: iam.put_role_policy(RoleName="copy", PolicyName="p", PolicyDocument=document)  # noqa: E731
    refused(put, "MalformedPolicyDocument", 400, says)


def test_policies_too_large(iam):
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))
    many = policy(*(allow("s3:GetObject", f"arn:aws:s3:::bucket-{n}/*") for n in range(200)))
    put = lambda: iam.put_role_policy(RoleName="copy", PolicyName="p", PolicyDocument=many)  # noqa: E731
    refused(put, "LimitExceeded", 409, "10240")
    trusting = policy(*(json.loads(trust(root(DESTINATION)))["Statement"] * 30))
    make = lambda: iam.create_role(RoleName="x", AssumeRolePolicyDocument=trusting)  # noqa: E731
    refused(make, "LimitExceeded", 409, "2048")


def test_who_one_is(cloud):
    me = cloud.client("sts", SOURCE).get_caller_identity()
    assert (me["Account"], me["Arn"]) == (SOURCE, f"arn:aws:iam::{SOURCE}:root")
    keys = session(cloud)
    assert keys["AccessKeyId"].startswith("ASIA")
    me = cloud.client("sts", credentials=keys).get_caller_identity()
    assert me["Arn"] == f"arn:aws:sts::{DESTINATION}:assumed-role/copy/test"
    assert me["UserId"].startswith("AROA") and me["UserId"].endswith(":test")


def test_assuming_a_role_across_accounts(cloud):
    source, fixed = cloud.client("iam", SOURCE), {"ArnEquals": {"aws:PrincipalArn": COPY}}
    document = trust(root(DESTINATION), StringEquals={"sts:ExternalId": "seven"}, **fixed)
    source.create_role(RoleName="access", AssumeRolePolicyDocument=document)
    keys = session(cloud, inline=[allow("sts:AssumeRole", ACCESS)])
    sts = cloud.client("sts", credentials=keys)
    took = sts.assume_role(RoleArn=ACCESS, RoleSessionName="setup", ExternalId="seven")
    assert took["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{SOURCE}:assumed-role/access/setup"
    me = f"User: arn:aws:sts::{DESTINATION}:assumed-role/copy/test is not authorized to perform: sts:AssumeRole on resource: "
    for wrong in ({"ExternalId": "eight"}, {}):
        refused(lambda: sts.assume_role(RoleArn=ACCESS, RoleSessionName="setup", **wrong), "AccessDenied", 403, me + ACCESS)
    missing = f"arn:aws:iam::{SOURCE}:role/missing"
    refused(lambda: sts.assume_role(RoleArn=missing, RoleSessionName="setup"), "AccessDenied", 403, me + missing)
    # Trusted, but its own account does not let it.
    cloud.client("iam").delete_role_policy(RoleName="copy", PolicyName="inline")
    again = lambda: sts.assume_role(RoleArn=ACCESS, RoleSessionName="setup", ExternalId="seven")  # noqa: E731
    refused(again, "AccessDenied", 403)
    # Permitted by its account, but another role than the one that is trusted.
    other = cloud.client("sts", credentials=session(cloud, role="other", inline=[allow("*")]))
    take = lambda: other.assume_role(RoleArn=ACCESS, RoleSessionName="setup", ExternalId="seven")  # noqa: E731
    refused(take, "AccessDenied", 403)


def test_a_service_role_is_not_for_people(cloud, iam):
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust({"Service": "batchoperations.s3.amazonaws.com"}))
    take = lambda: cloud.client("sts").assume_role(RoleArn=COPY, RoleSessionName="me")  # noqa: E731
    refused(take, "AccessDenied", 403)


def test_session_lengths(cloud):
    session(cloud, DurationSeconds=3600)
    take = cloud.client("sts").assume_role
    long = lambda: take(RoleArn=COPY, RoleSessionName="long", DurationSeconds=7200)  # noqa: E731
    refused(long, "ValidationError", 400, "MaxSessionDuration")
    short = lambda: take(RoleArn=COPY, RoleSessionName="short", DurationSeconds=900)  # noqa: E731
    assert short()["Credentials"]
    refused(lambda: take(RoleArn=COPY, RoleSessionName="not a name"), "ValidationError", 400)
    cloud.client("iam").update_role(RoleName="copy", MaxSessionDuration=43200)
    assert long()["Credentials"]


def test_every_call_needs_its_permission(cloud):
    inline = [allow(["iam:GetRole", "iam:PutRolePolicy"], COPY)]
    iam = cloud.client("iam", credentials=session(cloud, inline=inline))
    assert iam.get_role(RoleName="copy")["Role"]["Arn"] == COPY
    denied = f"assumed-role/copy/test is not authorized to perform: iam:DeleteRole on resource: {COPY} because no identity-based policy allows the iam:DeleteRole action"
    refused(lambda: iam.delete_role(RoleName="copy"), "AccessDenied", 403, denied)
    refused(lambda: iam.get_role(RoleName="other"), "AccessDenied", 403)
    refused(lambda: iam.list_roles(), "AccessDenied", 403, "iam:ListRoles")
    forbid = policy({"Effect": "Deny", "Action": "iam:GetRole", "Resource": "*"})
    iam.put_role_policy(RoleName="copy", PolicyName="forbid", PolicyDocument=forbid)
    refused(lambda: iam.get_role(RoleName="copy"), "AccessDenied", 403, "with an explicit deny in an identity-based policy")


def test_roles_only_within_the_boundary(cloud):
    boundary = f"arn:aws:iam::{DESTINATION}:policy/limit"
    within = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    inline = [allow(["iam:CreateRole", "iam:PutRolePolicy"], f"arn:aws:iam::{DESTINATION}:role/ours-*", Condition=within)]
    iam = cloud.client("iam", credentials=session(cloud, inline=inline))
    document, more = trust(root(DESTINATION)), {"PermissionsBoundary": boundary}
    refused(lambda: iam.create_role(RoleName="ours-1", AssumeRolePolicyDocument=document), "AccessDenied", 403)
    refused(lambda: iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=document, **more), "AccessDenied", 403)
    iam.create_role(RoleName="ours-1", AssumeRolePolicyDocument=document, **more)
    # The boundary that the role has counts from then on.
    iam.put_role_policy(RoleName="ours-1", PolicyName="p", PolicyDocument=policy(allow("s3:GetObject")))


@pytest.mark.parametrize("service, call", [("sts", "get_caller_identity"), ("iam", "list_roles")])
def test_wrong_keys(cloud, service, call):
    good = cloud.accounts[DESTINATION]
    keys = {"AccessKeyId": good["access_key"], "SecretAccessKey": good["secret_key"] + "x"}
    refused(getattr(cloud.client(service, credentials=keys), call), "SignatureDoesNotMatch", 403)
    keys = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}
    refused(getattr(cloud.client(service, credentials=keys), call), "InvalidClientTokenId", 403)
    keys = session(cloud)
    del keys["SessionToken"]
    refused(getattr(cloud.client(service, credentials=keys), call), "InvalidClientTokenId", 403)


def test_wrong_keys_of_s3_control(cloud):
    good = cloud.accounts[DESTINATION]
    keys = {"AccessKeyId": good["access_key"], "SecretAccessKey": good["secret_key"] + "x"}
    s3control = cloud.client("s3control", credentials=keys)
    refused(lambda: s3control.list_jobs(AccountId=DESTINATION), "SignatureDoesNotMatch", 403)
    keys = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}
    s3control = cloud.client("s3control", credentials=keys)
    refused(lambda: s3control.list_jobs(AccountId=DESTINATION), "InvalidAccessKeyId", 403)
    assert cloud.client("s3control").list_jobs(AccountId=DESTINATION)["Jobs"] == []
    keys = session(cloud, inline=[allow("s3:ListJobs")])
    assert cloud.client("s3control", credentials=keys).list_jobs(AccountId=DESTINATION)["Jobs"] == []


def test_wrong_keys_of_lambda(cloud):
    good = cloud.accounts[DESTINATION]
    keys = {"AccessKeyId": good["access_key"], "SecretAccessKey": good["secret_key"] + "x"}
    invoke = lambda keys: cloud.client("lambda", credentials=keys).invoke(FunctionName="create-job")  # noqa: E731
    refused(lambda: invoke(keys), "InvalidSignatureException", 403)
    keys = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}
    refused(lambda: invoke(keys), "UnrecognizedClientException", 403)


def test_what_is_not_here_says_so(iam):
    refused(lambda: iam.list_users(), "InvalidAction", 400, "ListUsers")
    iam.create_role(RoleName="copy", AssumeRolePolicyDocument=trust(root(DESTINATION)))
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    refused(lambda: iam.attach_role_policy(RoleName="copy", PolicyArn=arn), "NoSuchEntity", 404, arn)


def test_s3_across_accounts_wants_both_sides(cloud):
    source = cloud.client("s3", SOURCE)
    source.create_bucket(Bucket="source")
    for key in ("a", "*b", "c:d e"):
        source.put_object(Bucket="source", Key=key, Body=b"x")
    keys = session(cloud)
    reader = cloud.client("s3", credentials=keys)
    read = lambda key="a": reader.get_object(Bucket="source", Key=key)["Body"].read()  # noqa: E731
    who = f"User: arn:aws:sts::{DESTINATION}:assumed-role/copy/test is not authorized to perform: s3:GetObject"
    refused(read, "AccessDenied", 403, who)
    theirs = policy(allow("s3:GetObject", "arn:aws:s3:::source/*", Principal={"AWS": COPY}))
    source.put_bucket_policy(Bucket="source", Policy=theirs)
    refused(read, "AccessDenied", 403, "because no identity-based policy allows the s3:GetObject action")
    iam = cloud.client("iam")
    ours = policy(allow("s3:*", "arn:aws:s3:::source/*"))
    iam.put_role_policy(RoleName="copy", PolicyName="read", PolicyDocument=ours)
    assert [read(key) for key in ("a", "*b", "c:d e")] == [b"x"] * 3
    refused(lambda: reader.put_object(Bucket="source", Key="a", Body=b""), "AccessDenied", 403, "no resource-based policy")
    source.delete_bucket_policy(Bucket="source")
    refused(read, "AccessDenied", 403, "because no resource-based policy allows the s3:GetObject action")


def test_an_explicit_deny_stops_the_owner_but_not_for_good(cloud):
    source = cloud.client("s3", SOURCE)
    source.create_bucket(Bucket="source")
    forbid = policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::source", "arn:aws:s3:::source/*"]})
    source.put_bucket_policy(Bucket="source", Policy=forbid)
    refused(lambda: source.list_objects_v2(Bucket="source"), "AccessDenied", 403, "explicit deny in a resource-based policy")
    source.delete_bucket_policy(Bucket="source")
    assert source.list_objects_v2(Bucket="source")["KeyCount"] == 0


def test_a_bucket_policy_that_could_not_be_evaluated_is_refused(cloud):
    source = cloud.client("s3", SOURCE)
    source.create_bucket(Bucket="source")
    wrong = {"StringLikes": {"s3:prefix": "a"}}
    document = policy(allow("s3:ListBucket", "arn:aws:s3:::source", Principal="*", Condition=wrong))
    refused(lambda: source.put_bucket_policy(Bucket="source", Policy=document), "MalformedPolicy", 400, "StringLikes")
