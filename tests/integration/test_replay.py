# SPDX-License-Identifier: Apache-2.0
"""The daemon and the command on bodies that scripts/probe-aws recorded, byte for byte.

Here the recording is of a referee whose times are written in another way than its own, as a real
account's may be. A recording of a real account is played the same way: fakeaws --replay FILE.
"""

import json
import os
import subprocess

import pytest

from aws import Aws
from guard import HERE, TOPIC
from test_cli import WRONG, check

PROBING = os.path.join(os.path.dirname(HERE), "fakeaws", "tests", "probing.py")
OWNER = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
         "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """(path, what the file says) of a run against an account with exponents in its times."""
    path = tmp_path_factory.mktemp("recording") / "probe.json"
    with Aws(seed=11) as account:
        account.set(hold_elapsed=True, skew_tolerance=1e7, history_lag=20, time_exponent=True)
        done = subprocess.run(
            ["/usr/bin/python3", "-B", PROBING, str(account.port), "", "0", "--yes", "--region",
             "eu-west-1", "--endpoint-url", account.url(), "--ca-bundle", account.ca_file,
             "--output", str(path)],
            env={"PATH": "/usr/bin:/bin", **OWNER}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done
    return path, json.loads(path.read_text())


@pytest.fixture(scope="module")
def referee(recording):
    with Aws(seed=7, arguments=["--replay", str(recording[0])]) as running:
        yield running


def test_check_reads_recorded_bodies(aws, make_guard, recording):
    guard = make_guard(trails=[{"arn": recording[1]["meta"]["trail"]["arn"]}])
    done = check(guard)
    assert done.returncode == WRONG and not done.stderr, done
    assert "4 of 4  NOT LOGGING" in done.stdout and "has never been stopped" in done.stdout
    told = aws.call("replay")
    assert len(told["served"]) == 4 and not told["unmatched"]


def test_daemon_finds_the_stop_and_who_in_recorded_bodies(aws, make_guard, recording):
    exchanges = recording[1]["exchanges"]
    stopped, = {json.loads(e["body"])["StopLoggingTime"] for e in exchanges
                if e["step"] == "stop" and "StopLoggingTime" in e["body"]}
    assert any('Time":1.' in e["body"] and "E9" in e["body"] for e in exchanges)
    aws.permissions("trailsentry-guard", allow=["cloudtrail:*"])
    guard = make_guard(trails=[{"arn": recording[1]["meta"]["trail"]["arn"]}])
    guard.start()
    aws.message(kind="deleted", phase="OPEN", topic=TOPIC)      # the recording ends with that
    incident, = [i for i in guard.incidents().values() if i["kind"] == "stopped"]
    assert incident["stop_msec"] == round(stopped * 1000)
    # Its turn to be looked up comes after the first one's.
    guard.wait(lambda: any(f["role"] == "culprit" for f in guard.incidents()[incident["id"]]
                           ["attribution"]["findings"]), what="its culprit")
    incident = guard.incidents()[incident["id"]]
    found, = [f for f in incident["attribution"]["findings"] if f["role"] == "culprit"]
    assert found["identity"]["arn"] == "arn:aws:iam::111122223333:user/user-1"
    assert found["source_ip"] == "192.0.2.1" and found["user_agent"] == "trailsentry-probe"
