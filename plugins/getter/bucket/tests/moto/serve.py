"""Serves S3 with some objects, prints where and with which key as JSON, and ends with its standard input."""

import json
import logging
import sys
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

MANY = 1005


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="anyone",
        aws_secret_access_key="anything",
    )


def fill(s3):
    place = {"LocationConstraint": "eu-west-1"}
    for bucket in ("pail", "my.pail", "shut"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    for key in (
        "team/",
        "team/a.yaml",
        "team/b/c d+ü&<.yaml",
        "team-b/x.yaml",
        "odd/a//b.yaml",
        "odd/good.yaml",
        "odd/back\\slash.yaml",
    ):
        s3.put_object(Bucket="pail", Key=key, Body=key.encode())
    for number in range(MANY):
        s3.put_object(Bucket="pail", Key=f"many/{number:04}.yaml", Body=b"x")
    s3.put_object(Bucket="my.pail", Key="a.yaml", Body=b"dotted")
    s3.put_object(Bucket="shut", Key="a.yaml", Body=b"shut")
    s3.put_bucket_versioning(Bucket="my.pail", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="my.pail", Key="v.yaml", Body=b"first")
    s3.put_object(Bucket="my.pail", Key="v.yaml", Body=b"second")
    return first["VersionId"]


def admit(iam):
    iam.create_user(UserName="kim")
    own = ["arn:aws:s3:::pail", "arn:aws:s3:::pail/*", "arn:aws:s3:::my.pail", "arn:aws:s3:::my.pail/*"]
    statement = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"], "Resource": own}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="kim", PolicyName="own", PolicyDocument=policy)
    return iam.create_access_key(UserName="kim")["AccessKey"]


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
version = fill(client("s3", endpoint))
key = admit(client("iam", endpoint))
# From here on, everyone has to sign.
plain = {"Content-Type": "text/plain"}
urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers=plain)).read()
told = {"port": port, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "version": version, "many": MANY}
print(json.dumps(told), flush=True)
sys.stdin.read()
