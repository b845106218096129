# SPDX-License-Identifier: Apache-2.0
"""A trail that logs and is of no use all the same: its settings, its selectors, its deliveries."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from guard import FAR_TRAIL, ROLE, TRAIL, reached_by_role
from test_cli import USAGE, UNKNOWN, WELL, WRONG, command

KMS = "kms.amazonaws.com"
MARY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def awscli_path():
    """Debian's; a version manager's shim needs the caller's environment."""
    return shutil.which("aws", path="/usr/local/bin:/usr/bin:/bin")


EVERYTHING = [{"ReadWriteType": "All", "IncludeManagementEvents": True}]


def advanced(*conditions):
    return {"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]}, *conditions]}]}


# What stands in the way of "all management events are recorded", in the ways of attackers.
BLINDING = {
    "none": ({"EventSelectors": [{"IncludeManagementEvents": False, "DataResources": [
        {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]}, "none"),
    "read-only": ({"EventSelectors": [{"ReadWriteType": "ReadOnly"}]}, "read events only"),
    "excluded": ({"EventSelectors": [{"ExcludeManagementEventSources": [KMS]}]},
                 "all, but not of kms[.]amazonaws[.]com"),
    "advanced-data-only": ({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]}]}, "none"),
    "advanced-write-only": (advanced({"Field": "readOnly", "Equals": ["false"]}),
                            "write events only"),
    "advanced-excluded": (advanced({"Field": "eventSource", "NotStartsWith": ["k"]}),
                          "all, but not of k*"),
}


def looked(aws, count=3, **more):
    """Waits for so many more whole looks at the settings."""
    aws.wait_calls(count, after=aws.last_call(), operation="GetEventSelectors", **more)


def watched(aws, guard):
    guard.run()
    guard.record("taken for the baseline")
    looked(aws, 1)
    return guard


def test_one_call_that_changes_four_settings(aws, guard):
    """What an attacker's framework does in one call: named, told once, and over when put back."""
    watched(aws, guard)
    attack = aws.attack(TRAIL, event="UpdateTrail", params={
        "S3BucketName": "amzn-s3-evil-bucket", "IsMultiRegionTrail": False,
        "IncludeGlobalServiceEvents": False, "KmsKeyId": "arn:aws:kms:::key/theirs"})
    opened = aws.message(phase="OPEN", kind="drift")
    assert opened.severity == "critical"
    assert opened.subject == ("OPEN: SETTINGS CHANGED (444455556666 eu-west-1) trail "
                              "management-events delivers to another bucket")
    for words in ("    was         amzn-s3-demo-bucket\n    is          amzn-s3-evil-bucket\n",
                  "Multi-region (critical)", "Global events (high)", "KMS key (high)",
                  "T1685.002 Disable or Modify Cloud Log (formerly T1562.008)",
                  "aws cloudtrail update-trail --region eu-west-1 --name " + TRAIL +
                  " --s3-bucket-name amzn-s3-demo-bucket --kms-key-id \"\" "
                  "--is-multi-region-trail --include-global-service-events"):
        assert words in opened.text, opened.text
    named = aws.actor(attack)
    assert "exact" in named.value("How sure")
    looked(aws)
    aws.set_trail(TRAIL, bucket="amzn-s3-demo-bucket", multi_region=True, global_events=True,
                  kms_key=None)
    closed = aws.message(phase="CLOSED", kind="drift")
    assert closed.incident == opened.incident and "restored" in closed.subject
    looked(aws)
    assert sorted(aws.phases()) == ["CLOSED", "OPEN", "UPDATE"]
    assert aws.restarts() == []


@pytest.mark.parametrize("how", BLINDING)
def test_selectors_that_blind(aws, guard, how):
    params, words = BLINDING[how]
    watched(aws, guard)
    attack = aws.attack(TRAIL, event="PutEventSelectors", params=dict(params),
                        identity="role-session")
    opened = aws.message(phase="OPEN", kind="drift")
    assert opened.severity == "critical"
    assert "NOT ALL IS RECORDED (" in opened.subject
    assert opened.value("Blind since").startswith("between ")
    assert f"    was         all\n    is          {words}\n" in opened.text
    assert "NOT ALL IS RECORDED" in opened.text
    assert aws.actor(attack).incident == opened.incident


def test_the_same_written_otherwise_is_no_drift(aws, guard):
    aws.set_trail(TRAIL, validation=False)
    watched(aws, guard)
    aws.attack(TRAIL, event="PutEventSelectors", params={"EventSelectors": [
        {"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly"}]})
    looked(aws)
    aws.attack(TRAIL, event="PutEventSelectors", params=advanced(
        {"Field": "readOnly", "Equals": ["true", "false"]}))
    looked(aws)
    # More than before is the baseline from then on.
    aws.set_trail(TRAIL, validation=True)
    guard.record("File validation is on; and that is the baseline from here on")
    assert aws.all_messages() == []
    aws.attack(TRAIL, event="UpdateTrail", params={"EnableLogFileValidation": False})
    assert "does not validate its log files" in aws.message(phase="OPEN").subject


def test_stop_and_drift_at_once(aws, guard):
    """The settings of a stopped trail wait; its restart does not."""
    watched(aws, guard)
    aws.fault(service="cloudtrail", operation="GetTrail", kind="silence")
    aws.attack(TRAIL, event="PutEventSelectors", params={"EventSelectors": [
        {"IncludeManagementEvents": False}]})
    stop = aws.attack(TRAIL)
    assert aws.message(phase="CLOSED", kind="stopped").time - stop["time"] < 20
    aws.clear_faults()
    assert aws.message(phase="OPEN", kind="drift").severity == "critical"


def test_told_once_whoever_runs(aws, guard):
    watched(aws, guard)
    attack = aws.attack(TRAIL, event="UpdateTrail", params={"S3KeyPrefix": "elsewhere"})
    opened = aws.message(phase="OPEN", kind="drift")
    aws.actor(attack)
    guard.wait_stored()
    guard.kill()
    guard.run()
    looked(aws)
    guard.stop()
    aws.set_trail(TRAIL, prefix=None)
    guard.run()
    assert aws.message(phase="CLOSED", kind="drift").incident == opened.incident
    assert aws.phases(phase="OPEN") == ["OPEN"]


@pytest.mark.parametrize("operation", ["GetTrail", "GetEventSelectors"])
def test_denied_sight_of_settings(aws, guard, operation):
    """Told once, with what to allow; the other half is compared, and stops are guarded."""
    aws.permissions(ROLE, deny=["cloudtrail:" + operation])
    guard.run()
    told = aws.message(phase="OPEN", kind="settings-unreadable")
    assert told.severity == "warning" and operation in told.value("Cause")
    assert "cloudtrail:GetEventSelectors" in told.text
    stop = aws.attack(TRAIL)
    aws.actor(stop, kind="stopped")
    looked(aws, 5)
    assert len(aws.all_messages(kind="settings-unreadable")) == 1
    if operation == "GetTrail":
        aws.attack(TRAIL, event="PutEventSelectors", params={"EventSelectors": [
            {"ReadWriteType": "WriteOnly"}]})
    else:
        aws.attack(TRAIL, event="UpdateTrail", params={"S3KeyPrefix": "p"})
    aws.message(phase="OPEN", kind="drift")
    aws.permissions(ROLE, undeny=["cloudtrail:" + operation])
    aws.message(phase="CLOSED", kind="settings-unreadable")


@pytest.mark.parametrize("operation, code", [
    ("GetTrail", "InternalFailure"), ("GetTrail", "InvalidParameterCombinationException"),
    ("GetEventSelectors", "ThrottlingException")])
def test_half_that_fails(aws, guard, operation, code):
    """Seen at once in journal and status, whatever the cause; the other half goes on as ever."""
    watched(aws, guard)
    aws.fault(kind="error", service="cloudtrail", operation=operation, code=code, message="no")
    guard.record(f"{operation} failed, so that a change of its settings may go unseen: .*{code}")
    guard.wait_status(lambda s: s["trails"][0]["settings"][operation]["error"])
    done = command("status", "--status-file", guard.status_path)
    assert done.returncode == WRONG and f"management-events: {operation} fails" in done.stdout, done
    if operation == "GetTrail":
        looked(aws, 3)  # no slower than with both
        aws.attack(TRAIL, event="PutEventSelectors", params={"EventSelectors": [
            {"ReadWriteType": "WriteOnly"}]})
        aws.message(phase="OPEN", kind="drift")
    aws.clear_faults()
    guard.record(f"{operation} succeeds again")
    guard.wait_status(lambda s: s["trails"][0]["settings"][operation]["error"] is None)


WAYS = {
    "LatestDeliveryError": ("delivers no log files", "critical"),
    "LatestDigestDeliveryError": ("delivers no digest files", "high"),
    "LatestCloudWatchLogsDeliveryError": ("does not reach CloudWatch Logs", "high"),
    "LatestNotificationError": ("does not notify of new log files", "high"),
}


@pytest.mark.parametrize("member", WAYS)
def test_failing_delivery(aws, guard, member):
    words, severity = WAYS[member]
    watched(aws, guard)
    aws.set_trail(TRAIL, errors={member: "AccessDenied"})
    opened = aws.message(phase="OPEN", kind="delivery")
    assert words in opened.subject and opened.severity == severity
    assert "    now         AccessDenied\n" in opened.text
    aws.set_trail(TRAIL, errors={member: ""})
    assert "all arrives again" in aws.message(phase="CLOSED", kind="delivery").subject


def test_who_took_the_bucket_away(aws, guard):
    watched(aws, guard)
    for bucket in ("another-bucket", "amzn-s3-demo-bucket"):
        attack = aws.attack(None, event="DeleteBucket", identity="user", effect=False,
                            account="444455556666", region="eu-west-1", record={
                                "eventSource": "s3.amazonaws.com",
                                "requestParameters": {"bucketName": bucket}})
    aws.set_trail(TRAIL, delivery_error="NoSuchBucket")
    opened = aws.message(phase="OPEN", kind="delivery")
    assert "delivered to amzn-s3-demo-bucket" in opened.text
    assert aws.actor(attack).incident == opened.incident


def baseline(guard, *arguments, **environment):
    return command("baseline", *arguments, "--state-directory", guard.state,
                   "--status-file", guard.status_path, environment=environment)


def test_baseline_shown_compared_accepted(aws, guard):
    watched(aws, guard)
    guard.stop()  # what it knows is on disk
    guard.run()
    looked(aws, 2)
    shown = baseline(guard, "show")
    assert shown.returncode == WELL, shown
    for words in ("management-events (444455556666, eu-west-1)", "as first seen",
                  "amzn-s3-demo-bucket", "Management all"):
        assert words in " ".join(shown.stdout.split()), shown.stdout
    assert "No drift." in baseline(guard, "diff").stdout
    for arguments, words in ((["accept"], "say of which trail"),
                             (["take"], "not to \"take\""),
                             (["accept", "--trail", "managment-events"], "knows no trail"),
                             (["show", "--trail", FAR_TRAIL], "knows no trail")):
        done = baseline(guard, *arguments)
        assert done.returncode == USAGE and words in done.stderr, (arguments, done)
    assert "nothing to accept" in baseline(guard, "accept", "--trail", "all").stdout

    aws.attack(TRAIL, event="UpdateTrail", params={"S3BucketName": "amzn-s3-new-bucket"})
    opened = aws.message(phase="OPEN", kind="drift")
    looked(aws, 2)
    done = baseline(guard, "diff")
    assert done.returncode == WRONG and "amzn-s3-new-bucket" in done.stdout, done
    assert json.loads(baseline(guard, "diff", "--json").stdout)[0]["id"] == opened.incident
    seen = command("status", "--status-file", guard.status_path).stdout
    assert re.search(r"^management-events .* logging, drift ", seen, re.M), seen
    assert f"an open incident (drift): trailsentry incidents {opened.incident}" in seen
    done = baseline(guard, "accept", "--trail", "management-events", SUDO_USER="alice")
    assert done.returncode == WELL and "accepted as the baseline" in done.stdout, done
    closed = aws.message(phase="CLOSED", kind="drift")
    assert "sudo, for alice" in closed.value("Accepted by")
    assert "accepted as it is" in closed.subject
    guard.record("accepted as the baseline, by")
    looked(aws)
    assert "No drift." in baseline(guard, "diff").stdout
    guard.stop()
    assert "amzn-s3-new-bucket" in baseline(guard, "show").stdout
    assert json.loads(baseline(guard, "show", "--json").stdout)[0]["arn"] == TRAIL
    done = baseline(guard, "accept", "--trail", TRAIL)
    assert "nothing to accept" in done.stdout


def test_accepted_is_on_disk(aws, make_guard):
    """One after the other, so that the second comes when memories were stored just before."""
    trails = [TRAIL, FAR_TRAIL]
    guard = make_guard(trails=[reached_by_role(t) for t in trails], scale=3,
                       drift={"interval": "10s"}).run()
    guard.record("taken for the baseline", count=2)
    for trail in trails:
        aws.attack(trail, event="UpdateTrail", params={"S3BucketName": "amzn-s3-new-bucket"})
    aws.message(phase="OPEN", kind="drift", count=2)
    done = baseline(guard, "accept", "--trail", "all")
    stored = json.loads(pathlib.Path(guard.state, "trails.json").read_text())["trails"]
    assert done.returncode == WELL and done.stdout.count("accepted as the baseline") == 2, done
    assert [t["baseline"]["Trail"]["S3BucketName"] for t in stored] == ["amzn-s3-new-bucket"] * 2, stored


def test_baseline_without_a_daemon(aws, make_guard):
    done = baseline(make_guard(), "show")
    assert done.returncode == UNKNOWN and "has never run" in done.stderr


def test_expected_beats_first_seen(aws, make_guard):
    expect = {"s3_bucket_name": "amzn-s3-other-bucket", "log_file_validation": True,
              "multi_region": True, "management_events": "all"}
    aws.set_trail(TRAIL, validation=False)
    guard = make_guard(trails=[reached_by_role(TRAIL, expect=expect)]).run()
    opened = aws.message(phase="OPEN", kind="drift")
    assert "    expected    amzn-s3-other-bucket\n" in opened.text
    assert "File validation (high)" in opened.text and "Multi-region" not in opened.text
    assert "change expect of this trail" in opened.text
    looked(aws, 2)
    done = baseline(guard, "accept", "--trail", TRAIL)
    assert done.returncode == WELL and "but for what expect" in done.stdout, done
    aws.set_trail(TRAIL, bucket="amzn-s3-other-bucket", validation=True)
    aws.message(phase="CLOSED", kind="drift")


def test_switched_off(aws, make_guard):
    guard = make_guard(drift={"enabled": False}).run()
    aws.attack(TRAIL, event="UpdateTrail", params={"S3BucketName": "amzn-s3-new-bucket"})
    aws.polls(10)
    assert aws.calls(operation="GetTrail") == [] and aws.all_messages() == []
    guard.configure(drift={"enabled": True})
    guard.stop()
    guard.run()
    guard.record("taken for the baseline")


COMMANDS = re.compile(r"^     (aws cloudtrail (?:update-trail|put-event-selectors|create-trail|"
                      r"start-logging) .*)$", re.M)


def paste(aws, message):
    """Runs what a message says, as an administrator would with the AWS CLI; how many there were."""
    environment = {"PATH": os.path.dirname(awscli_path()) + ":/usr/bin:/bin", "HOME": aws.folder,
                   "AWS_ACCESS_KEY_ID": MARY[0], "AWS_SECRET_ACCESS_KEY": MARY[1],
                   "AWS_CA_BUNDLE": aws.ca_file, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    commands = COMMANDS.findall(message.text)
    for line in commands:
        done = subprocess.run(["bash", "-c", f"{line} --endpoint-url {aws.url()}"], check=False,
                              env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    return len(commands)


WHOLE = {"bucket": "amzn-s3-demo-bucket", "prefix": "a/b", "multi_region": True,
         "global_events": True, "validation": True,
         "log_group": "arn:aws:logs:eu-west-1:444455556666:log-group:trail:*",
         "log_role": "arn:aws:iam::444455556666:role/trail"}
SELECTORS = [{"Name": "all of it", "FieldSelectors": [
    {"Field": "eventCategory", "Equals": ["Management"]}]},
    {"Name": "one bucket", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::amzn-s3-demo-bucket/"]}]}]
ATTACKS = {
    "everything": {"S3BucketName": "evil", "S3KeyPrefix": "", "IsMultiRegionTrail": False,
                   "IncludeGlobalServiceEvents": False, "EnableLogFileValidation": False,
                   "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": ""},
    "log group alone": {"CloudWatchLogsLogGroupArn":
                        "arn:aws:logs:eu-west-1:999999999999:log-group:x:*",
                        "CloudWatchLogsRoleArn": WHOLE["log_role"]},
    "validation": {"EnableLogFileValidation": False},
}


@pytest.mark.skipif(awscli_path() is None, reason="the AWS command line is not installed")
@pytest.mark.parametrize("attack", ATTACKS)
def test_commands_put_back_what_was(aws, guard, attack):
    """What a message tells to paste is taken by the CLI and by AWS; the trail is then as it was."""
    aws.set_trail(TRAIL, advanced_selectors=SELECTORS, event_selectors=None, **WHOLE)
    watched(aws, guard)
    before = aws.trail(TRAIL)
    aws.attack(TRAIL, event="UpdateTrail", params=ATTACKS[attack])
    if attack == "everything":
        aws.attack(TRAIL, event="PutEventSelectors",
                   params=advanced({"Field": "readOnly", "Equals": ["true"]}))
    aws.message(phase="OPEN", kind="drift")
    wanted = 2 if attack == "everything" else 1
    if attack == "everything":      # both calls are in one incident, as soon as both are seen
        looked(aws)
    told = max(aws.all_messages(kind="drift"), key=lambda m: m.sequence)
    assert paste(aws, told) == wanted, told.text
    after = aws.trail(TRAIL)
    assert {k: after[k] for k in WHOLE} == {k: before[k] for k in WHOLE}
    assert after["advanced_selectors"] == SELECTORS
    aws.message(phase="CLOSED", kind="drift")


@pytest.mark.skipif(awscli_path() is None, reason="the AWS command line is not installed")
def test_commands_make_a_deleted_trail_again(aws, guard):
    aws.set_trail(TRAIL, advanced_selectors=SELECTORS, event_selectors=None, **WHOLE)
    watched(aws, guard)
    aws.attack(TRAIL, event="DeleteTrail")
    opened = aws.message(phase="OPEN", kind="deleted")
    assert ("aws s3api head-bucket --bucket amzn-s3-demo-bucket --expected-bucket-owner "
            "444455556666\n") in opened.text
    assert paste(aws, opened) == 3
    after = aws.trail(TRAIL)
    assert after["logging"] and {k: after[k] for k in WHOLE} == WHOLE
    assert after["advanced_selectors"] == SELECTORS
    aws.message(phase="CLOSED", kind="deleted")
