"""Serves S3 with some objects, the first argument's number of them below `many/`.

Prints where and with which key as JSON. Then each line of its standard input is an order, {"bucket", "key", "body"}, to put an
object, or to delete it where the body is null; each is answered with a line once it is done. It ends with its input.
"""

import io
import json
import logging
import sys
import tarfile
import urllib.request

import boto3
from moto.core.responses import BaseResponse
from moto.server import ThreadedMotoServer
from moto.sts.responses import TokenResponse
from werkzeug.exceptions import BadRequest

MANY = int(sys.argv[1])
# What whoever takes over the role has to show, who has nothing yet to sign with.
WEB_IDENTITY = "the-identity"


def admitted(response, resource="*"):
    """Believes one identity, where moto would want a signature, and any identity with it."""
    if response._get_action() != "AssumeRoleWithWebIdentity":
        BaseResponse._authenticate_and_authorize_normal_action(response, resource)
    elif response._get_param("WebIdentityToken") != WEB_IDENTITY:
        raise BadRequest("it is somebody else's")


TokenResponse._authenticate_and_authorize_normal_action = admitted


def client(service, endpoint, key="anyone", secret="anything"):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def fill(s3):
    place = {"LocationConstraint": "eu-west-1"}
    for bucket in ("pail", "my.pail", "shut", "half"):
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
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("app/a.yaml")
        member.size = 6
        archive.addfile(member, io.BytesIO(b"packed"))
    s3.put_object(Bucket="pail", Key="packs/app.tar.gz", Body=packed.getvalue())
    s3.put_object(Bucket="my.pail", Key="a.yaml", Body=b"dotted")
    s3.put_object(Bucket="shut", Key="a.yaml", Body=b"shut")
    for key in ("app", "app/a.yaml", "app-b"):
        s3.put_object(Bucket="half", Key=key, Body=b"seen by its name only")
    s3.put_bucket_versioning(Bucket="my.pail", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="my.pail", Key="v.yaml", Body=b"first")
    s3.put_object(Bucket="my.pail", Key="v.yaml", Body=b"second")
    return first["VersionId"]


def lend(iam, name, actions, resources):
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return role["Arn"]


def admit(iam, name, actions, resources):
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
version = fill(client("s3", endpoint))
iam = client("iam", endpoint)
own = ["arn:aws:s3:::half", "arn:aws:s3:::pail", "arn:aws:s3:::pail/*", "arn:aws:s3:::my.pail", "arn:aws:s3:::my.pail/*"]
reading = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]
reader = admit(iam, "kim", reading, own)
role = lend(iam, "shop", reading, own)
writer = admit(iam, "writer", ["s3:*"], ["*"])
# From here on, everyone has to sign.
plain = {"Content-Type": "text/plain"}
urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers=plain)).read()
told = {"port": port, "id": reader[0], "secret": reader[1], "version": version, "many": MANY, "role": role, "identity": WEB_IDENTITY}
print(json.dumps(told), flush=True)
s3 = client("s3", endpoint, *writer)
for line in sys.stdin:
    order = json.loads(line)
    place = {"Bucket": order["bucket"], "Key": order["key"]}
    if order["body"] is None:
        s3.delete_object(**place)
    else:
        s3.put_object(**place, Body=order["body"].encode())
    print(flush=True)
