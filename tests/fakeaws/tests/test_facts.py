# SPDX-License-Identifier: Apache-2.0
"""Files of scripts/probe-aws as the referee reads them: --facts and --replay; and its little S3."""

import json
import os
import re

import pytest
from probing import run, settle
from raw import MARY, PAULO, Call, ask

from fakeaws.control import Referee, RefereeError
from fakeaws.errors import ControlError
from fakeaws.facts import FORMAT, settings_of

boto3 = pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402


@pytest.fixture(scope="module")
def recorded(referee, tmp_path_factory):
    """A run's file; its bodies then say things that no referee would say by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", MARY[0])
        patch.setenv("AWS_SECRET_ACCESS_KEY", MARY[1])
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        settle(referee, history_lag=40, throttle_status=429)
        path = tmp_path_factory.mktemp("recorded") / "probe.json"
        assert run(referee, path)[0] == 0
    saved = json.loads(path.read_text())
    for row in saved["exchanges"]:
        if row["operation"] == "GetTrailStatus":
            row["body"] = re.sub(r"(Time\":)(\d)(\d{9})(?:\.(\d+))?",
                                 lambda m: f"{m[1]} {m[2]}.{m[3]}{m[4] or ''}E9", row["body"])
    path.write_text(json.dumps(saved))
    return path, saved


def test_replay_answers_byte_for_byte_and_in_order(recorded, tmp_path):
    path, saved = recorded
    arn = saved["meta"]["trail"]["arn"]

    def rows(operation):
        return [r for r in saved["exchanges"] if r["operation"] == operation
                and r["params"]["Name"] in (arn, arn.rsplit("/", 1)[1])
                and r["region"] == "eu-west-1"]
    with Referee(folder=str(tmp_path), arguments=["--replay", str(path)]) as aws:
        aws.set(tps=False)
        for operation in ("GetTrailStatus", "StartLogging"):
            wanted = rows(operation)
            assert len(wanted) > 4
            for number, row in enumerate([*wanted, wanted[-1], wanted[-1]]):
                name = arn if number % 2 else arn.rsplit("/", 1)[1]
                answer = ask(aws, operation, {"Name": name}, keys=PAULO)
                assert (answer.status, answer.text) == (row["status"], row["body"]), number
                assert answer.headers["x-amzn-requestid"] == row["headers"]["x-amzn-requestid"]
        assert any("E9" in r["body"] for r in rows("GetTrailStatus"))
        assert 429 in {r["status"] for r in rows("StartLogging")}
        told = aws.call("replay")
        assert len(told["served"]) == len(rows("GetTrailStatus")) + len(rows("StartLogging")) + 4
        aws.reset()
        assert ask(aws, "GetTrailStatus", {"Name": arn}).text == rows("GetTrailStatus")[0]["body"]


def test_replay_finds_event_history_by_its_attribute(recorded, tmp_path):
    path, saved = recorded
    with Referee(folder=str(tmp_path), arguments=["--replay", str(path)]) as aws:
        aws.set(tps=False)
        pages = [r for r in saved["exchanges"] if r["operation"] == "LookupEvents" and
                 r["params"]["LookupAttributes"][0]["AttributeValue"] == "StopLogging"]
        for row in pages:
            answer = ask(aws, "LookupEvents", {
                "LookupAttributes": [{"AttributeKey": "EventName",
                                      "AttributeValue": "StopLogging"}],
                "StartTime": 1, "EndTime": 1700000000})
            assert answer.text == row["body"]
        assert json.loads(pages[-1]["body"])["Events"]


def test_what_the_file_does_not_hold_is_the_referees(recorded, tmp_path):
    path, saved = recorded
    with Referee(folder=str(tmp_path), arguments=["--replay", str(path)]) as aws:
        name = {"Name": "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"}
        assert ask(aws, "GetTrailStatus", name).json()["IsLogging"]
        unmatched, = aws.call("replay")["unmatched"]
        assert unmatched == {"operation": "GetTrailStatus", "params": name}
        wrong = ask(aws, "GetTrailStatus", {"Name": saved["meta"]["trail"]["arn"]},
                    keys=(MARY[0], "wrong", None))
        assert wrong.code == "InvalidSignatureException"
        assert not aws.call("replay")["served"]


def test_facts_and_replay_of_a_region_that_the_world_lacks(recorded, tmp_path):
    text = recorded[0].read_text().replace("eu-west-1", "sa-east-1")
    (tmp_path / "south.json").write_text(text)
    with Referee(folder=str(tmp_path / "aws"),
                 arguments=["--replay", str(tmp_path / "south.json")]) as aws:
        arn = recorded[1]["meta"]["trail"]["arn"].replace("eu-west-1", "sa-east-1")
        assert "E9" in "".join(ask(aws, "GetTrailStatus", {"Name": arn},
                                   region="sa-east-1").text for _ in range(6))


@pytest.mark.parametrize("content, wanted", [
    ("{}", "no file of the format"), ("[]", "no file of the format"),
    ('{"format": "trailsentry-probe/2", "answers": []}', "no file of the format"),
    (json.dumps({"format": FORMAT, "answers": [
        {"id": "x", "confidence": "certain", "settings": {"no_such": 1}}]}), "names no setting"),
    (json.dumps({"format": FORMAT, "answers": [
        {"id": "x", "confidence": "certain", "settings": {"tps": "yes"}}]}), "setting tps wants")])
def test_bad_facts_are_refused_at_the_start(tmp_path, content, wanted):
    (tmp_path / "facts.json").write_text(content)
    with pytest.raises(RefereeError, match=wanted):
        Referee(folder=str(tmp_path / "aws"),
                arguments=["--facts", str(tmp_path / "facts.json")]).start()


def test_open_answers_are_no_facts(tmp_path):
    rows = [{"id": "a", "confidence": c, "settings": {s: True}} for c, s in
            (("certain", "stale_flap"), ("likely", "time_exponent"), ("open", "record_throttled"),
             ("not asked", "request_id_break"))]
    rows += [{"id": "b", "confidence": "certain", "settings": {"errors": {str(n): {}}}}
             for n in (1, 2)]
    (tmp_path / "facts.json").write_text(json.dumps({"format": FORMAT, "answers": rows}))
    assert settings_of(tmp_path / "facts.json") == {
        "stale_flap": True, "time_exponent": True, "errors": {"1": {}, "2": {}}}


@pytest.mark.parametrize("name, good, bad", [
    ("redundant_moves_times", [True, False, "StartLogging", "StopLogging"], [1, 0, "Both", None]),
    ("record_name", ["sent", "arn", "name"], ["both", True]),
    ("time_digits", [0, 3], [4, -1, True, False, 1.0]),
    ("tps_scope", ["group", "operation"], ["other"])])
def test_settings_with_choices_take_no_other(aws, name, good, bad):
    for value in good:
        assert aws.set(**{name: value})[name] == value
    for value in bad:
        with pytest.raises(RefereeError, match=name):
            aws.set(**{name: value})


def test_times_are_cut_to_milliseconds():
    from fakeaws.clock import milliseconds
    assert milliseconds(1446834996.9996) == 1446834996.999
    for count in range(1000):
        exact = round(1446834996 + count / 1000, 3)
        assert milliseconds(exact) == exact


def test_times_with_an_exponent_are_the_same_times(aws):
    from raw import TRAIL
    aws.set_trail(TRAIL, start_time=1446834996.93, stop_time=1446834000.0)
    usual = ask(aws, "GetTrailStatus", {"Name": TRAIL})
    aws.set(time_exponent=True)
    other = ask(aws, "GetTrailStatus", {"Name": TRAIL})
    assert other.json() == usual.json() and other.text != usual.text
    assert '"StartLoggingTime":1.44683499693E9' in other.text
    assert '"StopLoggingTime":1.446834E9' in other.text


def s3(aws, triple=MARY):
    return boto3.client("s3", region_name="eu-west-1", endpoint_url=aws.url(), verify=aws.ca_file,
                        aws_access_key_id=triple[0], aws_secret_access_key=triple[1])


def code_of(action, **params):
    with pytest.raises(ClientError) as caught:
        action(**params)
    return caught.value.response["Error"]["Code"]


def test_a_bucket_is_made_emptied_and_deleted_by_its_owner_alone(aws):
    mine, foreign = s3(aws), s3(aws, PAULO)
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    assert code_of(mine.create_bucket, Bucket="logs-1") == "IllegalLocationConstraintException"
    mine.create_bucket(Bucket="logs-1", **place)
    assert code_of(mine.create_bucket, Bucket="logs-1", **place) == "BucketAlreadyOwnedByYou"
    assert code_of(foreign.create_bucket, Bucket="logs-1", **place) == "BucketAlreadyExists"
    assert code_of(foreign.delete_bucket, Bucket="logs-1") == "AccessDenied"
    assert code_of(mine.delete_bucket, Bucket="logs-1",
                   ExpectedBucketOwner="777788889999") == "AccessDenied"
    assert code_of(mine.put_bucket_policy, Bucket="logs-1", Policy="{") == "MalformedPolicy"
    aws.call("bucket", name="logs-1", objects=["a/b c", "d"])
    assert [o["Key"] for o in mine.list_objects_v2(Bucket="logs-1")["Contents"]] == ["a/b c", "d"]
    assert code_of(mine.delete_bucket, Bucket="logs-1") == "BucketNotEmpty"
    mine.delete_objects(Bucket="logs-1", Delete={"Objects": [{"Key": "a/b c"}, {"Key": "d"}]})
    mine.delete_bucket(Bucket="logs-1")
    assert code_of(mine.delete_bucket, Bucket="logs-1") == "NoSuchBucket"
    assert code_of(s3(aws, (MARY[0], "wrong")).delete_bucket, Bucket="x-y") == \
        "SignatureDoesNotMatch"
    aws.permissions("Mary_Major", deny=["s3:*"])
    assert code_of(mine.delete_bucket, Bucket="logs-1") == "AccessDenied"
    get = Call("s3", "eu-west-1", b"", {"host": "localhost"})
    get.method, get.target = "GET", "/logs-1/key"
    assert get.sign().send(aws, tls=False).status == 501    # objects are not served


ACL = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
       "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs-1"}
PUT = {**ACL, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs-1/AWSLogs/444455556666/*"}
SOURCE = {"StringEquals": {"aws:SourceArn":
                           "arn:aws:cloudtrail:eu-west-1:444455556666:trail/third-trail"}}


@pytest.mark.parametrize("statements, fits", [
    ([{**ACL, "Condition": SOURCE}, {**PUT, "Condition": SOURCE}], True),
    ([{**ACL, "Condition": SOURCE}], False), ([], False), ([ACL, PUT], False),
    ([{**ACL, "Condition": SOURCE}, {**PUT, "Condition": SOURCE, "Effect": "Deny"}], False),
    ([{**ACL, "Condition": SOURCE}, {**PUT, "Condition": SOURCE, "Principal": "*"}], False),
    ([{**ACL, "Condition": SOURCE}, {**PUT, "Condition": SOURCE,
      "Resource": "arn:aws:s3:::logs-1/AWSLogs/111122223333/*"}], False)])
def test_a_trail_wants_a_bucket_that_lets_it_write(aws, statements, fits):
    aws.set(bucket_checks=True)
    trail = {"Name": "third-trail", "S3BucketName": "logs-1"}
    assert ask(aws, "CreateTrail", trail).code == "S3BucketDoesNotExistException"
    mine = s3(aws)
    mine.create_bucket(Bucket="logs-1", CreateBucketConfiguration={
        "LocationConstraint": "eu-west-1"})
    mine.put_bucket_policy(Bucket="logs-1", Policy=json.dumps({"Statement": statements}))
    assert ask(aws, "CreateTrail", trail).code == \
        ("" if fits else "InsufficientS3BucketPolicyException")


def test_facts_of_no_file():
    with pytest.raises((OSError, ControlError)):
        settings_of("/nonexistent")
