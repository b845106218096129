# SPDX-License-Identifier: Apache-2.0
"""`trailsentry policy` against what the referee sees called: the roles are given what is printed,
the guard goes through all that it does, and nothing is missing and nothing too much."""

import json
import os
import subprocess

import pytest

from guard import (BUILD_DIR, EXTERNAL_ID, FAR_TRAIL, GUARD_ACCOUNT, ROLE, SLOW, TOPIC, TRAIL, WRAP,
                   reached_by_role)

COMMAND = os.path.join(BUILD_DIR, "trailsentry")
GUARD_ROLE = f"arn:aws:iam::{GUARD_ACCOUNT}:role/trailsentry-guard"
FOREIGN_TOPIC = "arn:aws:sns:us-east-1:777788889999:foreign-alerts"
# Called, and never printed: AWS asks for no permission.
FREE = {"sts:GetCallerIdentity"}
PREFIXES = {"monitoring": "cloudwatch"}


def run(guard, verb, *arguments, **environment):
    return subprocess.run([*WRAP, COMMAND, verb, "--config", guard.config, *map(str, arguments)],
                          env={"PATH": "/usr/bin:/bin", **environment,
                               **{k: v for k, v in os.environ.items()
                                  if k.endswith("SAN_OPTIONS")}},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * SLOW)


def policies(guard, *arguments):
    done = run(guard, "policy", "--json", "--status-file", guard.status_path, *arguments)
    assert done.returncode == 0 and not done.stderr, done
    return {p["name"]: p for p in json.loads(done.stdout)["policies"]}


def allowed(policy):
    """{action: resources} of a document of permissions."""
    found = {}
    for statement in policy["document"]["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            assert action not in found
            found[action] = set(statement["Resource"])
    return found


def called(aws, entity):
    """{action: resources} of what a role's sessions have called."""
    found = {}
    for call in aws.calls():
        if entity not in call.get("arn", ""):
            continue
        action = f"{PREFIXES.get(call['service'], call['service'])}:{call['operation']}"
        resource = call.get("trail") or call.get("topic")
        found.setdefault(action, set()).update({resource} - {None})
    return found


def test_what_is_printed_is_what_is_called(aws, make_guard):
    aws.call("topic", arn=FOREIGN_TOPIC, allowed=[GUARD_ROLE])
    guard = make_guard(trails=[reached_by_role(TRAIL),
                               reached_by_role(FAR_TRAIL, action="alert")],
                       topics=[TOPIC, FOREIGN_TOPIC])
    printed = policies(guard, "--guard-role-arn", GUARD_ROLE)
    own = allowed(printed["guard-permissions"])
    target = allowed(printed["target-444455556666-trailsentry-target-permissions"])
    aws.permissions("trailsentry-guard", set=sorted(own))
    aws.permissions("trailsentry-target", set=sorted(target))

    guard.run()
    attack = aws.attack(TRAIL)
    aws.actor(attack)
    aws.message(phase="OPEN", topic=FOREIGN_TOPIC)
    aws.metrics(count=1, timeout=60)
    guard.wait_silent()
    guard.stop()

    refused = [c for c in aws.calls() if c["code"] in ("AccessDenied", "AccessDeniedException",
                                                       "AuthorizationError")]
    assert not refused
    for role, may in (("trailsentry-guard", own), ("trailsentry-target", target)):
        did = called(aws, f"assumed-role/{role}/")
        assert set(did) - FREE == set(may), role
        for action, resources in did.items():
            if action not in FREE and may[action] != {"*"} and action != "sts:AssumeRole":
                assert resources and resources <= may[action], action
    assert own["sts:AssumeRole"] == {ROLE}
    assert own["sns:Publish"] == called(aws, "assumed-role/trailsentry-guard/")["sns:Publish"] \
        == {TOPIC, FOREIGN_TOPIC}
    assert target["cloudtrail:StartLogging"] == {TRAIL}  # the other one is only told of
    assert target["cloudtrail:GetTrailStatus"] == {TRAIL, FAR_TRAIL}


def removable():
    return ["sns:Publish", "sts:AssumeRole", "cloudtrail:GetTrailStatus",
            "cloudtrail:StartLogging", "cloudtrail:LookupEvents", "cloudtrail:GetTrail",
            "cloudtrail:GetEventSelectors"]


@pytest.mark.parametrize("action", removable())
def test_nothing_printed_can_be_left_out(aws, make_guard, action):
    """The comparison would see it: without any of these the guard is refused something."""
    guard = make_guard()
    printed = policies(guard, "--guard-role-arn", GUARD_ROLE)
    for role, name in (("trailsentry-guard", "guard-permissions"),
                       ("trailsentry-target",
                        "target-444455556666-trailsentry-target-permissions")):
        aws.permissions(role, set=sorted(set(allowed(printed[name])) - {action}))
    guard.start()
    if action in ("sns:Publish", "cloudtrail:StartLogging", "cloudtrail:LookupEvents"):
        guard.record("logging$")
        aws.attack(TRAIL)
    operation = action.split(":")[1]
    assert aws.wait_calls(operation=operation)[0]["code"].startswith(("AccessDenied",
                                                                      "Authorization"))


def test_who_the_guard_is_comes_from_its_status(aws, guard):
    guard.run()
    guard.wait_status(lambda s: s["accounts"][0]["identity_arn"])
    trust = policies(guard)["target-444455556666-trailsentry-target-trust"]["document"]
    statement = trust["Statement"][0]
    assert statement["Principal"] == {"AWS": GUARD_ROLE}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": [EXTERNAL_ID]}}
    guard.stop()


def test_files_that_cannot_be_written(guard, tmp_path):
    (tmp_path / "file").write_text("")
    for place, words in (("file/x", "cannot be made"), ("file", "cannot be written")):
        done = run(guard, "policy", "--output", tmp_path / place)
        assert done.returncode == 3 and words in done.stderr, done


def test_policies_as_files(aws, guard, tmp_path):
    folder = tmp_path / "policies"
    done = run(guard, "policy", "--output", folder, "--exempt",
               "arn:aws:iam::*:role/break-glass", "--guard-role-arn", GUARD_ROLE)
    assert done.returncode == 0 and str(folder / "scp.json") in done.stdout, done
    files = {p.name: json.loads(p.read_text()) for p in folder.iterdir()}
    printed = policies(guard, "--exempt", "arn:aws:iam::*:role/break-glass", "--guard-role-arn",
                       GUARD_ROLE)
    assert files == {name + ".json": p["document"] for name, p in printed.items()}
    assert aws.calls() == []
    done = run(guard, "policy", "--role=scp")
    assert done.returncode == 0 and done.stdout.count('"Version"') == 1, done
    for wrong, said in (("--role=x", "guard, target, topic and scp"),
                        ("--guard-role-arn=x", "is not of the form"),
                        ("--exempt=me", "is not an ARN"),
                        ("--output=/proc/none", "cannot be made")):
        done = run(guard, "policy", wrong)
        assert done.returncode in (2, 3) and said in done.stderr, done
    guard.write_config("trails = ();")
    for verb in ("policy", "test-alert"):  # into a file goes what was asked for, or nothing
        done = run(guard, verb, "--json")
        assert done.returncode == 3 and not done.stdout and "is empty, and has" in done.stderr, done
