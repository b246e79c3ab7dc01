"""Independent clients against the local cloud: botocore and the AWS CLI, over `cloud serve`."""

import json
import os
import pathlib
import subprocess
import urllib.request

import boto3
import botocore.config
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE, DESTINATION = "111111111111", "222222222222"


class Cloud:
    """One served cloud."""

    def __init__(self, process, hello):
        self.process, self.endpoint, self.accounts = process, hello["endpoint"], hello["accounts"]
        self.port = self.endpoint.rsplit(":", 1)[1]

    def client(self, service, account=DESTINATION, credentials=None, region="us-east-1"):
        """A botocore client of an account, or of an assumed role's `Credentials`."""
        keys = self.accounts[account]
        options, endpoint = {}, self.endpoint
        if service == "s3control":  # puts the account id before the host: reached through a proxy
            endpoint = f"http://s3control.test:{self.port}"
            options["proxies"] = {"http": self.endpoint}
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=credentials["AccessKeyId"] if credentials else keys["access_key"],
            aws_secret_access_key=credentials["SecretAccessKey"] if credentials else keys["secret_key"],
            aws_session_token=credentials.get("SessionToken") if credentials else None,
            config=botocore.config.Config(retries={"max_attempts": 1}, **options),
        )

    def control(self, method, path, body=None):
        """The cloud's own controls, `/_cloud/…`."""
        data = json.dumps(body).encode() if body is not None else (b"" if method == "POST" else None)
        request = urllib.request.Request(f"{self.endpoint}/_cloud/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture
def cloud():
    """A fresh cloud with nothing in it."""
    binary = os.environ.get("CLOUD_BIN", ROOT / "target/debug/cloud")
    process = subprocess.Popen([binary, "serve", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        yield Cloud(process, json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(10)
