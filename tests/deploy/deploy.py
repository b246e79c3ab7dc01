"""template.yaml, built and deployed by the SAM CLI to ministack, used, updated, and deleted. Run by tests/deploy/run.

ministack stands in for CloudFormation, Lambda, S3, IAM and SQS; the functions are our binaries. It knows
neither S3 Inventory nor S3 Batch Operations: no step here leads to a call of either (tests/deploy/README.md).
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT, SOURCE_ACCOUNT, REGION = "000000000000", "111111111111", "us-east-1"
STACK, ROUTE, INVENTORY = "transship-photos", "photos", "transship"
SOURCE, DESTINATION, MANIFESTS, ARTIFACTS = "theirs", "ours", "photos-manifests", "artifacts"
MOVED = "photos-manifests-moved"
PARAMETERS = {
    "Route": ROUTE,
    "SourceAccountId": SOURCE_ACCOUNT,
    "SourceBucket": SOURCE,
    "DestinationBucket": DESTINATION,
    "ManifestBucketName": MANIFESTS,
}
STARTED = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


def run(*command, environment, seconds, fails=False):
    """A command that must succeed (or fail) in time; its output is shown."""
    say("$ " + " ".join(command))
    ended = subprocess.run(command, cwd=ROOT, env=environment, timeout=seconds, stdin=subprocess.DEVNULL)
    assert (ended.returncode != 0) == fails, f"{command[:2]} ended with {ended.returncode}"


def wait_for(what, look, seconds=60):
    """The first truthy answer of `look`."""
    until = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < until, f"{what}: not seen within {seconds} s"
        time.sleep(0.2)
    return seen


@contextlib.contextmanager
def ministack(directory):
    """ministack on a free port of 127.0.0.1; its log is printed where the block fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "AUTH": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
    }
    log = directory / "ministack.log"
    with log.open("w") as out:
        process = subprocess.Popen([os.environ["MINISTACK_PYTHON"], ROOT / "tests/deploy/front.py"], env=environment, cwd=directory, stdout=out, stderr=out)
    try:
        wait_for("ministack", lambda: process.poll() is not None or healthy(endpoint))
        assert process.poll() is None, "ministack ended at once"
        yield endpoint
    except BaseException:
        print(log.read_text()[-20000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def healthy(endpoint):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2).status == 200
    return False


def manifest(manifests):
    """A report that lists no objects: the one kind that create-job finishes without S3 Batch Operations."""
    return json.dumps(
        {
            "sourceBucket": SOURCE,
            "destinationBucket": f"arn:aws:s3:::{manifests}",
            "version": "2016-11-30",
            "creationTimestamp": "1514944800000",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass",
            "files": [],
        }
    ).encode()


class Account:
    """What is asked of the account that the stack is deployed in."""

    def __init__(self, endpoint):
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "NO_PROXY": "127.0.0.1",
        }
        options = botocore.config.Config(retries={"max_attempts": 1}, read_timeout=60, s3={"addressing_style": "path"})
        session = boto3.Session("test", "test", region_name=REGION)
        services = ["cloudformation", "iam", "lambda", "s3", "sqs"]
        self.clients = {name: session.client(name, endpoint_url=endpoint, config=options) for name in services}

    def __getitem__(self, service):
        return self.clients[service]

    def stack(self):
        return self["cloudformation"].describe_stacks(StackName=STACK)["Stacks"][0]

    def gone(self, service, call, code, **arguments):
        """Whether a call finds nothing."""
        try:
            getattr(self[service], call)(**arguments)
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] in code, error
            return True
        return False


def build(account, directory, cargo_lambda):
    environment = dict(account.environment)
    if not cargo_lambda:
        environment["PATH"] = f"{ROOT / 'tests/deploy/bin'}:{environment['PATH']}"
        environment["SAM_BUILD_MODE"] = "debug"
    run("sam", "build", "--build-dir", str(directory / "build"), environment=environment, seconds=1800)
    for function in ("Setup", "CreateJob"):
        bootstrap = directory / "build" / function / "bootstrap"
        if shutil.which("strip"):  # debug information is most of it, and ministack keeps every copy in memory
            subprocess.run(["strip", "--strip-debug", str(bootstrap)], check=True)
        say(f"{function}: bootstrap of {bootstrap.stat().st_size // 1_000_000} MB")


def deploy(account, directory, fails=False, **changes):
    parameters = [f"{name}={value}" for name, value in {**PARAMETERS, **changes}.items()]
    command = ["sam", "deploy", "--template-file", str(directory / "build/template.yaml"), "--stack-name", STACK]
    command += ["--s3-bucket", ARTIFACTS, "--region", REGION, "--no-confirm-changeset", "--no-progressbar"]
    command += ["--capabilities", "CAPABILITY_NAMED_IAM", "--parameter-overrides", *parameters]
    run(*command, environment=account.environment, seconds=120, fails=fails)


def came_up(account, status, manifests=MANIFESTS):
    """The stack's resources and outputs, and what setup made before it answered."""
    stack = account.stack()
    assert stack["StackStatus"] == status, stack
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resources = account["cloudformation"].describe_stack_resources(StackName=STACK)["StackResources"]
    kinds = {resource["LogicalResourceId"]: resource for resource in resources}
    answered = kinds["CopyRoute"]
    assert answered["ResourceType"] == "Custom::CopyRoute" and answered["ResourceStatus"].endswith("_COMPLETE"), answered
    role = account["iam"].get_role(RoleName=f"transship-{ROUTE}-copy")["Role"]
    assert outputs["CopyRoleArn"] == role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/transship-{ROUTE}-copy", outputs
    policy = json.loads(account["s3"].get_bucket_policy(Bucket=manifests)["Policy"])
    delivery = [s for s in policy["Statement"] if s.get("Principal") == {"Service": "s3.amazonaws.com"}]
    assert [s["Condition"]["ArnLike"]["aws:SourceArn"] for s in delivery] == [f"arn:aws:s3:::{SOURCE}"], policy
    assert json.loads(outputs["SourceInventoryConfiguration"])["Id"] == INVENTORY, outputs
    may_reach_only(account, manifests)
    say(f"{status}: {len(resources)} resources; CopyRoute answered as {answered['PhysicalResourceId']}; {outputs['HandOff']}")


def may_reach_only(account, manifests):
    """One policy is attached to setup's role once CloudFormation has cleaned up, and it is that of these parameters."""
    attached = account["iam"].list_attached_role_policies(RoleName=f"transship-{ROUTE}-setup")["AttachedPolicies"]
    assert len(attached) == 1, attached
    policy = account["iam"].get_policy(PolicyArn=attached[0]["PolicyArn"])["Policy"]
    version = account["iam"].get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    document = json.dumps(version["PolicyVersion"]["Document"])
    others = {MANIFESTS, MOVED} - {manifests}
    assert f'"arn:aws:s3:::{manifests}"' in document, document
    assert not any(f'"arn:aws:s3:::{other}"' in document for other in others), document


def fails_and_rolls_back(account, directory):
    """An update that setup refuses: CloudFormation calls it with the parameters before, and all is as it was."""
    deploy(account, directory, fails=True, CopyRolePath="/elsewhere/")
    came_up(account, "UPDATE_ROLLBACK_COMPLETE")
    events = account["cloudformation"].describe_stack_events(StackName=STACK)["StackEvents"]
    reasons = [e.get("ResourceStatusReason", "") for e in events if e["LogicalResourceId"] == "CopyRoute"]
    assert any("set CopyRolePath to /" in reason for reason in reasons), reasons
    say("refused and rolled back: " + next(reason for reason in reasons if "CopyRolePath" in reason)[:160])


def moves(account, directory):
    """Another manifest bucket: ours is put into the new one's policy and taken out of the old one's, which stays."""
    deploy(account, directory, ManifestBucketName=MOVED)
    came_up(account, "UPDATE_COMPLETE", MOVED)
    assert account.gone("s3", "get_bucket_policy", ["NoSuchBucketPolicy"], Bucket=MANIFESTS), "the old bucket's policy"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in account.stack()["Outputs"]}
    assert outputs["LeftBehind"] == "nothing", outputs
    say("moved: the old manifest bucket has nothing of ours in its policy, and its reports are kept")


def report_arrives(account, run_name, manifests=MANIFESTS):
    """A manifest.json and its manifest.checksum are put, as S3 Inventory does; create-job must record its run.

    The ledger is asked, not the log: ministack drops lines that come more than 5 ms after an invocation's first.
    """
    folder, body = f"inventory/{SOURCE}/{INVENTORY}/{run_name}", manifest(manifests)
    account["s3"].put_object(Bucket=manifests, Key=f"{folder}/manifest.checksum", Body=hashlib.md5(body).hexdigest())
    account["s3"].put_object(Bucket=manifests, Key=f"{folder}/manifest.json", Body=body)

    def read(key):
        return json.loads(account["s3"].get_object(Bucket=manifests, Key=key)["Body"].read())

    def ended():
        listed = account["s3"].list_objects_v2(Bucket=manifests, Prefix=f"ledger/runs/{run_name}-")
        records = [read(entry["Key"]) for entry in listed.get("Contents", [])]
        return [record for record in records if record["state"] == "empty"]

    ours = wait_for("the run's record in the ledger", ended)
    assert len(ours) == 1 and ours[0]["report"]["manifest"]["key"] == f"{folder}/manifest.json" and not ours[0]["jobs"], ours
    committed = read("ledger/baseline.json")["committed"]
    assert committed["run"] == ours[0]["run"] and committed["report_time"] == run_name, committed
    say(f"create-job recorded run {ours[0]['run']}: {ours[0]['state']}")


def delete(account, manifests=MANIFESTS):
    run("sam", "delete", "--stack-name", STACK, "--region", REGION, "--no-prompts", environment=account.environment, seconds=300)
    for name in ("copy", "setup", "create-job"):
        assert account.gone("iam", "get_role", ["NoSuchEntity"], RoleName=f"transship-{ROUTE}-{name}"), name
    for name in ("setup", "create-job"):
        assert account.gone("lambda", "get_function", ["ResourceNotFoundException"], FunctionName=f"transship-{ROUTE}-{name}"), name
    assert account.gone("cloudformation", "describe_stacks", ["ValidationError"], StackName=STACK), "the stack"
    assert account.gone("s3", "get_bucket_policy", ["NoSuchBucketPolicy"], Bucket=manifests), "the manifest bucket's policy"
    kept = account["s3"].list_objects_v2(Bucket=manifests)["KeyCount"]
    assert kept, "the retained manifest bucket lost its reports"
    say(f"deleted: roles, functions and policy are gone; the manifest bucket keeps its {kept} objects")


def take_in(account, directory):
    """A manifest bucket that an earlier stack left, into a new stack: docs/OPERATIONS.md's commands."""
    template = directory / "bucket.yaml"
    template.write_text(
        "Resources:\n  ManifestBucket:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: RetainExceptOnCreate\n"
        f"    Properties: {{ BucketName: {MANIFESTS} }}\n"
    )
    bucket = {"ResourceType": "AWS::S3::Bucket", "LogicalResourceId": "ManifestBucket"}
    bucket["ResourceIdentifier"] = {"BucketName": MANIFESTS}
    aws = ["aws", "cloudformation"]
    named = ["--stack-name", STACK, "--change-set-name", "take-in"]
    create = [*aws, "create-change-set", *named, "--change-set-type", "IMPORT", "--resources-to-import", json.dumps([bucket])]
    run(*create, "--template-body", f"file://{template}", environment=account.environment, seconds=60)
    run(*aws, "wait", "change-set-create-complete", *named, environment=account.environment, seconds=120)
    run(*aws, "execute-change-set", *named, environment=account.environment, seconds=60)
    run(*aws, "wait", "stack-import-complete", "--stack-name", STACK, environment=account.environment, seconds=120)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cargo-lambda", action="store_true", help="build with the cargo-lambda on PATH, for release")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="transship-deploy-") as temporary:
        directory = pathlib.Path(temporary)
        with ministack(directory) as endpoint:
            account = Account(endpoint)
            for bucket in (DESTINATION, ARTIFACTS):
                account["s3"].create_bucket(Bucket=bucket)
            build(account, directory, options.cargo_lambda)
            deploy(account, directory)
            came_up(account, "CREATE_COMPLETE")
            report_arrives(account, "2026-01-01T01-00Z")
            fails_and_rolls_back(account, directory)
            moves(account, directory)
            report_arrives(account, "2026-01-01T02-00Z", MOVED)
            delete(account, MOVED)
            take_in(account, directory)
            deploy(account, directory)
            came_up(account, "UPDATE_COMPLETE")
            report_arrives(account, "2026-01-02T01-00Z")
            delete(account)
    say("deployed, used, updated, deleted")


if __name__ == "__main__":
    main()
