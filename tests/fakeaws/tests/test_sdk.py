# SPDX-License-Identifier: Apache-2.0
"""Unmodified SDKs work against the referee: boto3 and the AWS command line."""

import json
import shutil
import socket
import subprocess

import pytest
from raw import DATA_TRAIL, FIFO, MARY, STATIC, TARGET, TOPIC, TRAIL, keys

boto3 = pytest.importorskip("boto3")
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError, SSLError  # noqa: E402

ONCE = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=10)


def client(aws, service, region="eu-west-1", keys=MARY, **options):
    options.setdefault("endpoint_url", aws.url())
    options.setdefault("verify", aws.ca_file)
    return boto3.client(
    service,
    region_name=region,
    aws_access_key_id=keys[0],
    aws_secret_access_key=keys[1],
    aws_session_token=keys[2],
    config=ONCE,
     **options)


def code_of(action, **params):
    with pytest.raises(ClientError) as caught:
        action(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_boto3_reads_and_writes_a_trail(aws):
    trail = client(aws, "cloudtrail")
    status = trail.get_trail_status(Name=TRAIL)
    assert status["IsLogging"] and "StopLoggingTime" not in status
    trail.stop_logging(Name=TRAIL)
    status = trail.get_trail_status(Name="management-events")
    assert not status["IsLogging"] and status["StopLoggingTime"] > status["StartLoggingTime"]
    trail.start_logging(Name=TRAIL)
    status = trail.get_trail_status(Name=TRAIL)
    assert status["IsLogging"] and status["StartLoggingTime"] >= status["StopLoggingTime"]


def test_boto3_describes_trails(aws):
    trail = client(aws, "cloudtrail")
    found = trail.get_trail(Name=TRAIL)["Trail"]
    assert found["TrailARN"] == TRAIL and found["HomeRegion"] == "eu-west-1"
    assert [t["Name"] for t in trail.describe_trails()["trailList"]] == ["management-events"]
    assert trail.describe_trails(trailNameList=["absent-trail"])["trailList"] == []
    assert len(trail.list_trails()["Trails"]) == 2
    selectors = client(aws, "cloudtrail", "us-east-1").get_event_selectors(TrailName=DATA_TRAIL)
    assert selectors["EventSelectors"][0]["IncludeManagementEvents"] is False


def test_boto3_creates_updates_and_deletes(aws):
    trail = client(aws, "cloudtrail")
    made = trail.create_trail(Name="third-trail", S3BucketName="amzn-s3-demo-bucket2")
    assert made["TrailARN"].endswith(":trail/third-trail")
    assert not trail.get_trail_status(Name="third-trail")["IsLogging"]
    assert code_of(trail.create_trail, Name="third-trail", S3BucketName="b-ucket") == \
        ("TrailAlreadyExistsException", 400)
    trail.update_trail(Name="third-trail", S3KeyPrefix="logs")
    assert trail.get_trail(Name="third-trail")["Trail"]["S3KeyPrefix"] == "logs"
    trail.put_event_selectors(TrailName=TRAIL, EventSelectors=[
        {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}])
    assert trail.get_trail(Name=TRAIL)["Trail"]["HasCustomEventSelectors"]
    trail.delete_trail(Name="third-trail")
    assert code_of(trail.get_trail_status, Name="third-trail") == ("TrailNotFoundException", 400)
    assert code_of(trail.update_trail, Name=TRAIL, IncludeGlobalServiceEvents=False) == \
        ("InvalidParameterCombinationException", 400)


def test_boto3_call_leaves_the_record_of_its_answer(aws):
    trail = client(aws, "cloudtrail")
    answer = trail.stop_logging(Name="management-events")
    event, = trail.lookup_events(LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "StopLogging"}])["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert record["requestParameters"] == {"name": "management-events"}
    assert record["responseElements"] is None and record["readOnly"] is False
    assert record["userIdentity"]["userName"] == event["Username"] == "Mary_Major"
    assert event["AccessKeyId"] == MARY[0] and event["ReadOnly"] == "false"
    assert record["tlsDetails"]["tlsVersion"].startswith("TLSv1.")


def test_boto3_guard_assumes_role_starts_logging_and_alerts(aws):
    aws.attack("management-events")
    session = client(aws, "sts", keys=STATIC).assume_role(
        RoleArn=TARGET, RoleSessionName="trailsentry", ExternalId="trailsentry-example-id")
    fresh = session["Credentials"]
    target = (fresh["AccessKeyId"], fresh["SecretAccessKey"], fresh["SessionToken"])
    who = client(aws, "sts", keys=target).get_caller_identity()
    assert who["Arn"] == session["AssumedRoleUser"]["Arn"] and who["Account"] == "444455556666"
    client(aws, "cloudtrail", keys=target).start_logging(Name=TRAIL)
    assert aws.trail("management-events")["logging"]
    sns = client(aws, "sns", keys=STATIC)
    sent = sns.publish(TopicArn=TOPIC, Message="stopped: é\n", Subject="trail stopped",
                       MessageAttributes={"kind": {"DataType": "String", "StringValue": "stopped"}})
    message, = aws.wait_messages(topic=TOPIC, attributes={"kind": "stopped"})
    assert message["message_id"] == sent["MessageId"] and message["message"] == "stopped: é\n"
    sent = sns.publish(TopicArn=FIFO, Message="x", MessageGroupId="g", MessageDeduplicationId="d")
    assert sent["SequenceNumber"]
    assert sns.get_topic_attributes(TopicArn=FIFO)["Attributes"]["FifoTopic"] == "true"


def test_boto3_puts_metrics(aws):
    client(aws, "cloudwatch").put_metric_data(Namespace="trailsentry", MetricData=[
        {"MetricName": "GoodPolls", "Value": 1.5, "Unit": "Count", "StorageResolution": 60,
         "Timestamp": 1e-3 + aws.call("now")["now"],
         "Dimensions": [{"Name": "Trail", "Value": "management-events"}]}])
    metric, = aws.metrics(count=1, namespace="trailsentry")
    assert (metric["name"], metric["value"]) == ("GoodPolls", 1.5)
    assert metric["dimensions"] == {"Trail": "management-events"}


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "us-gov-west-1"])
def test_boto3_over_names_of_service_and_region(aws, region, monkeypatch):
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: resolve(
        "127.0.0.1" if host.endswith(".localhost") else host, *rest, **named))
    for service in ("sts", "cloudtrail", "sns"):
        url = aws.url(service, region)
        session = client(aws, service, region, endpoint_url=url)
        if service == "sts":
            assert session.get_caller_identity()["Account"] == "444455556666"
        if service == "cloudtrail":
            assert "trailList" in session.describe_trails()


def test_boto3_over_plain_http(aws):
    assert client(aws, "sts", endpoint_url=aws.url(tls=False)).get_caller_identity()["UserId"]


@pytest.mark.parametrize("port", ["foreign_port", "misnamed_port", "expired_port"])
def test_boto3_refuses_the_bad_certificates(aws, port):
    url = f"https://localhost:{aws.ready[port]}"
    with pytest.raises(SSLError):
        client(aws, "sts", endpoint_url=url).get_caller_identity()


def test_boto3_takes_credentials_of_the_metadata_service(aws):
    from botocore.credentials import InstanceMetadataProvider
    from botocore.utils import InstanceMetadataFetcher
    fetcher = InstanceMetadataFetcher(
    timeout=5,
    num_attempts=1,
    base_url=aws.imds_url + "/",
    env={},
     config={})
    frozen = InstanceMetadataProvider(iam_role_fetcher=fetcher).load().get_frozen_credentials()
    who = client(aws, "sts", keys=(frozen.access_key, frozen.secret_key, frozen.token))
    assert who.get_caller_identity()["Arn"] == \
        "arn:aws:sts::111122223333:assumed-role/trailsentry-guard/i-1234567890abcdef0"


AWSCLI = shutil.which("aws")


def awscli(aws, *arguments, keys=MARY, region="eu-west-1"):
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": aws.folder,
                   "AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1],
                   "AWS_DEFAULT_REGION": region, "AWS_CA_BUNDLE": aws.ca_file,
                   "AWS_ENDPOINT_URL": aws.url(), "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}
    if keys[2]:
        environment["AWS_SESSION_TOKEN"] = keys[2]
    done = subprocess.run([awscli_path(),
    *arguments,
    "--output",
    "json",
    "--endpoint-url",
    aws.url()],
    env=environment,
    capture_output=True,
    text=True,
     timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def awscli_path():
    """The command itself and not a version manager's shim, which needs the caller's environment."""
    if "/shims/" not in AWSCLI:
        return AWSCLI
    found = subprocess.run([AWSCLI.rsplit("/shims/", 1)[0] + "/bin/pyenv", "which", "aws"],
                           capture_output=True, text=True, timeout=30)
    return found.stdout.strip() or AWSCLI


@pytest.mark.skipif(AWSCLI is None, reason="the AWS command line is not installed")
def test_awscli_works(aws):
    status, answer, errors = awscli(aws, "sts", "get-caller-identity")
    assert status == 0, errors
    assert answer["Account"] == "444455556666"
    status, answer, errors = awscli(aws, "cloudtrail", "get-trail-status", "--name", TRAIL)
    assert status == 0 and answer["IsLogging"] is True, errors
    status, _, errors = awscli(aws, "cloudtrail", "stop-logging", "--name", TRAIL,
                               keys=keys(aws.session("DeployPipeline", name="build-4711")))
    assert status == 0, errors
    status, answer, errors = awscli(aws, "cloudtrail", "lookup-events", "--max-results", "5")
    assert status == 0, errors
    assert [e["Username"] for e in answer["Events"]] == ["build-4711"]
    status, answer, errors = awscli(aws, "sns", "publish", "--topic-arn", TOPIC, "--message", "m")
    assert status == 0 and answer["MessageId"], errors
    status, _, errors = awscli(aws, "cloudtrail", "stop-logging", "--name", "absent-trail")
    assert status != 0 and "TrailNotFoundException" in errors
