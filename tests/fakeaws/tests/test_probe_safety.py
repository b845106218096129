# SPDX-License-Identifier: Apache-2.0
"""scripts/probe-aws leaves nothing behind, touches nothing else, asks first, explains mistakes."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest
from probing import MINE, SOURCE, answers, arguments, left_over, run, settle
from raw import MARY

SCRIPT = os.path.join(SOURCE, "scripts", "probe-aws")
HERE = os.path.dirname(os.path.abspath(__file__))
OTHERS = ("arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events",
          "arn:aws:cloudtrail:us-east-1:444455556666:trail/data-events")
PYTHON = "/usr/bin/python3"
LIMIT = 300.0   # for a process that hangs; a slow machine takes a minute to import botocore


def environment(aws, triple=MARY, **more):
    """A process environment with these keys and nothing of this machine's."""
    return {"PATH": "/usr/bin:/bin", "HOME": aws.folder, "AWS_ACCESS_KEY_ID": triple[0],
            "AWS_SECRET_ACCESS_KEY": triple[1], "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true", **more}


@pytest.fixture
def mary(monkeypatch, aws):
    for name, value in environment(aws).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


def script(aws, *options, **more):
    """The script itself as a user runs it, nobody at the terminal."""
    return subprocess.run([PYTHON, SCRIPT, *options], env=environment(aws, **more),
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT)


def played(aws, name, at, output, *more):
    """A run in a process of its own that is sent a signal in one of its sleeps."""
    command = [PYTHON, "-B", os.path.join(HERE, "probing.py"), str(aws.port), name, str(at),
               *arguments(aws, output, *more)]
    return subprocess.run(command, env=environment(aws), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=LIMIT)


def writes(aws):
    reads = ("Get", "List", "Lookup", "Describe")
    return [c for c in aws.calls() if c["operation"] and not c["operation"].startswith(reads)]


def state_of(aws, arn):
    row = aws.trail(arn)
    return {k: v for k, v in row.items() if not k.startswith("delivery_")}


def test_nothing_else_is_written_to(aws, mary, tmp_path):
    settle(aws)
    before = [state_of(aws, arn) for arn in OTHERS]
    assert run(aws, tmp_path / "a.json")[0] == 0
    assert [state_of(aws, arn) for arn in OTHERS] == before
    trails = {c["trail"] for c in writes(aws) if c["service"] == "cloudtrail"}
    assert trails and all(f":trail/{MINE}" in t for t in trails)
    assert left_over(aws) == []
    assert {c["user_agent"].split()[0] for c in aws.calls()} == {"trailsentry-probe"}


FAULTS = [
    ("CreateBucket", {"kind": "close", "effect": True, "count": 1}),
    ("CreateBucket", {"kind": "error", "code": "AccessDenied", "status": 403}),
    ("PutBucketPolicy", {"kind": "error", "code": "InternalError", "status": 500}),
    ("CreateTrail", {"kind": "close", "effect": True, "count": 1}),
    ("CreateTrail", {"kind": "close", "effect": True}),
    ("CreateTrail", {"kind": "error", "code": "AccessDeniedException", "status": 400}),
    ("GetTrailStatus", {"kind": "malformed"}),
    ("GetTrailStatus", {"kind": "error", "code": "InternalFailure", "status": 500, "skip": 3}),
    ("StartLogging", {"kind": "error", "code": "AccessDeniedException", "status": 400}),
    ("StopLogging", {"kind": "close"}),
    ("LookupEvents", {"kind": "truncate"}),
    ("LookupEvents", {"kind": "body", "body": "{\"Events\":[{\"CloudTrailEvent\":\"{\"}]}"}),
    ("LookupEvents", {"kind": "error", "code": "ThrottlingException", "status": 400}),
    ("DeleteTrail", {"kind": "error", "code": "ThrottlingException", "status": 400, "count": 3}),
    ("DeleteTrail", {"kind": "close", "effect": True, "count": 1}),
    ("DeleteBucket", {"kind": "error", "code": "InternalError", "status": 500, "count": 2}),
]


@pytest.mark.parametrize("operation, fault", FAULTS,
                         ids=[f"{o}-{n}" for n, (o, _) in enumerate(FAULTS)])
def test_all_is_cleaned_whatever_fails(aws, mary, tmp_path, operation, fault):
    settle(aws)
    aws.fault(operation=operation, **fault)
    status, saved = run(aws, tmp_path / "a.json", "--wait", "1")
    assert left_over(aws) == []
    assert saved["format"] and status == (0 if saved["meta"]["complete"] else 1)
    stopped = operation.startswith(("Create", "Put")) and fault.get("count") != 1
    assert saved["meta"]["complete"] is not stopped, saved["meta"]["failure"]
    hit = [e for e in saved["exchanges"] if e["operation"] == operation]
    if fault["kind"] in ("error", "close"):
        assert any(e["error"] for e in hit)
    else:
        assert answers(saved)["history-lag" if operation == "LookupEvents" else "status-lag"][
            "confidence"] == "open"


def test_log_files_in_the_bucket_are_deleted_with_it(aws, mary, tmp_path, monkeypatch):
    from probe_aws import account

    def deliver(self, say, clean=account.Belongings.clean):
        aws.call("bucket", name=self.bucket, objects=[f"AWSLogs/x/{n}.gz" for n in range(1205)])
        return clean(self, say)
    monkeypatch.setattr(account.Belongings, "clean", deliver)
    settle(aws)
    assert run(aws, tmp_path / "a.json", "--wait", "0")[0] == 0
    assert left_over(aws) == []
    assert aws.count_calls(operation="DeleteObjects") == 2


def test_what_cannot_be_cleaned_is_told_with_the_commands(aws, mary, tmp_path, capsys):
    settle(aws)
    aws.fault(operation="DeleteTrail", code="AccessDeniedException", status=400)
    aws.fault(operation="DeleteBucket", code="AccessDenied", status=403)
    status, saved = run(aws, tmp_path / "a.json", "--wait", "0")
    name, bucket = left_over(aws)
    told = capsys.readouterr().out
    assert status == 3 and saved["meta"]["complete"]
    assert f"\n    aws cloudtrail delete-trail --region eu-west-1 --name {name}\n" in told
    assert f"\n    aws s3 rb --region eu-west-1 --force s3://{bucket}\n" in told


def test_keep_leaves_trail_and_bucket(aws, mary, tmp_path, capsys):
    settle(aws)
    status, _ = run(aws, tmp_path / "a.json", "--wait", "0", "--keep")
    assert status == 0 and len(left_over(aws)) == 2
    assert "aws cloudtrail delete-trail" in capsys.readouterr().out


@pytest.mark.parametrize("at", [2, 5, 10, 15, 20, 25])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run_and_all_is_cleaned(aws, tmp_path, name, at):
    settle(aws, history_lag=70)
    done = played(aws, name, at, tmp_path / "a.json", "--yes")
    assert done.returncode == 1 and "interrupted" in done.stdout, done
    assert writes(aws)[-1]["operation"] == "DeleteBucket" and left_over(aws) == []
    saved = json.loads((tmp_path / "a.json").read_text())
    assert saved["meta"]["failure"] == "interrupted" and not saved["meta"]["complete"]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_second_interrupt_leaves_the_cleaning_with_the_commands(aws, tmp_path):
    settle(aws)
    done = played(aws, "SIGINT+", 9, tmp_path / "a.json", "--yes")
    assert done.returncode == 3 and "Still in the account" in done.stdout, done
    for name in left_over(aws):
        assert f" {name}\n" in done.stdout or f"s3://{name}\n" in done.stdout
    assert len(left_over(aws)) == 2


def test_a_terminal_that_goes_away_does_not_keep_it_from_cleaning(aws, tmp_path):
    settle(aws)
    command = [PYTHON, "-B", os.path.join(HERE, "probing.py"), str(aws.port), "", "0",
               *arguments(aws, tmp_path / "a.json", "--yes", "--wait", "0")]
    process = subprocess.Popen(command, env=environment(aws), stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if line.startswith("trail "):
            break
    process.stdout.close()
    assert process.wait(LIMIT) == 0
    assert left_over(aws) == [] and (tmp_path / "a.json").stat().st_size > 0


def test_without_a_terminal_it_wants_yes(aws, tmp_path):
    settle(aws)
    done = script(aws, *arguments(aws, tmp_path / "a.json"))
    assert done.returncode == 1 and "--yes" in done.stderr
    assert "444455556666" in done.stdout and "user/Mary_Major" in done.stdout
    assert "eu-west-1" in done.stdout and not writes(aws)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("typed, status", [("no", 1), ("", 1), ("y", 1), ("yes", 0)])
def test_at_a_terminal_it_asks(aws, tmp_path, typed, status):
    settle(aws)
    command = [PYTHON, "-B", os.path.join(HERE, "probing.py"), str(aws.port), "", "0",
               *arguments(aws, tmp_path / "a.json", "--wait", "0")]
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(command, env=environment(aws), stdin=slave,
                                   stdout=subprocess.PIPE, text=True)
        os.write(master, typed.encode() + b"\n")
        told = process.communicate(timeout=LIMIT)[0]
    finally:
        os.close(master)
        os.close(slave)
    assert process.returncode == status and "Type yes" in told
    assert bool(writes(aws)) == (status == 0) and left_over(aws) == []
    assert ("Nothing was made." in told) == (status == 1)


def allowed(policy, action, resource):
    def listed(value):
        return value if isinstance(value, list) else [value]
    return any(s["Effect"] == "Allow" and action in s["Action"] and
               any(fnmatchcase(resource, r) for r in listed(s["Resource"]))
               for s in policy["Statement"])


def test_the_printed_policy_allows_every_call_and_no_more(aws, monkeypatch, tmp_path):
    settle(aws)
    policy = json.loads(script(aws, "--print-policy", "--region", "eu-west-1").stdout)
    actions = sorted({a for s in policy["Statement"] for a in s["Action"]})
    limited = ("AKIAEXAMPLELIMITED00", "limited+secret/KEYofEXAMPLEuserxxxxxxxxx", None)
    aws.call("user", arn="arn:aws:iam::444455556666:user/limited", id="AIDAEXAMPLELIMITED000",
             access_key=limited[0], secret_key=limited[1], permissions=actions)
    for name, value in environment(aws, limited).items():
        monkeypatch.setenv(name, value)
    from probe_aws import account
    monkeypatch.setattr(account.Belongings, "clean", delivering(aws, account.Belongings.clean))
    status, saved = run(aws, tmp_path / "a.json")
    assert status == 0 and {r["confidence"] for r in saved["answers"]} <= \
        {"certain", "likely", "not asked"}
    special = {"ListObjectsV2": "ListBucket", "DeleteObjects": "DeleteObject"}
    used = set()
    for call in aws.calls(access_key=limited[0]):
        if call["operation"] == "GetCallerIdentity":
            continue
        action = f"{call['service']}:{special.get(call['operation'], call['operation'])}"
        used.add(action)
        resource = call["trail"] or f"arn:aws:s3:::{MINE}x/y"
        assert allowed(policy, action, resource), call
    assert used == set(actions)
    assert not allowed(policy, "cloudtrail:StopLogging", OTHERS[0])
    assert not allowed(policy, "s3:DeleteObject", "arn:aws:s3:::acme-audit-logs/x")
    assert "s3:" not in script(aws, "--print-policy", "--bucket", "x").stdout
    assert "arn:aws-cn:" in script(aws, "--print-policy", "--region", "cn-north-1").stdout


def delivering(aws, clean):
    """clean() of a bucket into which CloudTrail has delivered."""
    def made(self, say):
        aws.call("bucket", name=self.bucket, objects=["AWSLogs/1.json.gz"])
        return clean(self, say)
    return made


def test_the_plan_bounds_what_a_run_does(aws, mary, tmp_path):
    settle(aws, history_lag=70, stale_read=3.0)
    done = script(aws, "--dry-run")
    assert done.returncode == 0 and not aws.calls() and "Do StartLogging, StopL" in done.stdout
    plan, step = {}, None
    for line in done.stdout.splitlines():
        if re.match(r"[a-z-]+: ", line):
            step = line.partition(":")[0]
        count = re.fullmatch(r"    [a-z0-9]+:(\w+)  (?:(\d+) to )?(\d+)", line)
        if count:
            plan[step, count.group(1)] = int(count.group(3))
    _, saved = run(aws, tmp_path / "a.json")
    made = {}
    for row in saved["exchanges"]:
        key = row["step"], row["operation"]
        made[key] = made.get(key, 0) + 1
    assert all(count <= plan[key] for key, count in made.items())
    assert {s for s, _ in made} | {"member"} == {s for s, _ in plan} | {"member"}
    assert 30 < len(saved["exchanges"]) < 75


def test_a_python_without_botocore_is_told_what_to_install(aws, tmp_path):
    (tmp_path / "botocore.py").write_text("raise ImportError('no botocore here')\n")
    done = script(aws, "--region", "eu-west-1", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1 and "apt install python3-boto3" in done.stderr
    assert script(aws, "--dry-run", PYTHONPATH=str(tmp_path)).returncode == 0


MISTAKES = [
    (["--profile", "sandbax"], {}, "no profile sandbax. Profiles in your AWS configuration: none"),
    (["--region", "Ireland"], {}, "not a region: Ireland"),
    ([], {"AWS_SECRET_ACCESS_KEY": "wrong" * 8}, "secret key is wrong"),
    ([], {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN000000000"}, "not enabled for this account"),
    ([], {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials were found"),
    (["--ca-bundle", "/dev/null"], {}, "--ca-bundle"),
    (["--endpoint-url", "http://127.0.0.1:1"], {}, "a way to the internet"),
    (["--member-start"], {}, "--member-start needs --member-profile"),
    (["--output", "/dev/null/x.json", "--yes"], {}, "cannot write /dev/null/x.json"),
    (["--output", "/dev/null"], {}, "exists, and is not overwritten"),
    (["--wait", "1000"], {}, "between 0 and 60 minutes"),
    (["--other-region", "eu-west-1"], {}, "another one than --region"),
]


@pytest.mark.parametrize("options, more, wanted", MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_explained_and_nothing_is_made(aws, tmp_path, options, more, wanted):
    settle(aws)
    done = script(aws, *arguments(aws, tmp_path / "a.json"), *options, **more)
    assert done.returncode in (1, 2) and wanted in done.stderr, done
    assert "Traceback" not in done.stderr and not writes(aws)
    assert not (tmp_path / "a.json").exists()


def test_no_region_anywhere(aws):
    done = script(aws)
    assert done.returncode == 1 and "--region eu-west-1" in done.stderr


def test_a_region_that_is_not_enabled(aws, tmp_path):
    settle(aws)
    aws.fault(service="cloudtrail", code="UnrecognizedClientException", status=400,
              message="The security token included in the request is invalid.")
    done = script(aws, *arguments(aws, tmp_path / "a.json"))
    assert done.returncode == 1 and "region eu-west-1 is not enabled" in done.stderr


def test_missing_permissions_are_named(aws, mary, tmp_path, capsys):
    settle(aws)
    aws.permissions("Mary_Major", deny=["cloudtrail:CreateTrail"])
    status, saved = run(aws, tmp_path / "a.json")
    told = capsys.readouterr().out
    assert status == 1 and "do not allow cloudtrail:CreateTrail" in told
    assert "--print-policy" in told and left_over(aws) == []
    aws.permissions("Mary_Major", undeny=["cloudtrail:CreateTrail"],
                    deny=["cloudtrail:DescribeTrails"])
    assert run(aws, tmp_path / "b.json")[0] == 1
    assert "--print-policy" in capsys.readouterr().err and not (tmp_path / "b.json").exists()
    aws.permissions("Mary_Major", undeny=["cloudtrail:DescribeTrails"],
                    deny=["cloudtrail:GetTrailStatus"])
    _, saved = run(aws, tmp_path / "c.json", "--wait", "0")
    assert answers(saved)["unknown-trail"]["confidence"] == "open"


def test_an_unfit_bucket_shows_the_statements_that_it_lacks(aws, mary, tmp_path, capsys):
    settle(aws, errors={"S3BucketDoesNotExistException":
                        {"code": "InsufficientS3BucketPolicyException"}})
    assert run(aws, tmp_path / "a.json", "--bucket", "acme-audit-logs")[0] == 1
    told = capsys.readouterr().out
    assert "arn:aws:s3:::acme-audit-logs/AWSLogs/444455556666/*" in told
    assert "arn:aws:cloudtrail:eu-west-1:444455556666:trail/trailsentry-probe-*" in told


def test_five_trails_are_enough(aws, mary, tmp_path, capsys):
    settle(aws)
    for number in range(4):
        aws.create_trail(f"arn:aws:cloudtrail:eu-west-1:444455556666:trail/more-{number}")
    assert run(aws, tmp_path / "a.json")[0] == 1
    assert "five trails at most" in capsys.readouterr().out and left_over(aws) == []


def test_a_left_over_trail_is_pointed_out(aws, mary, tmp_path, capsys):
    settle(aws)
    aws.create_trail(f"arn:aws:cloudtrail:eu-west-1:444455556666:trail/{MINE}0123456789ab")
    run(aws, tmp_path / "a.json", "--wait", "0")
    assert f"left over      by an earlier run, perhaps: {MINE}0123456789ab" in \
        capsys.readouterr().out
    assert left_over(aws) == [f"{MINE}0123456789ab"]


def test_signals_are_given_back(aws, mary, tmp_path):
    settle(aws)
    before = signal.getsignal(signal.SIGTERM)
    run(aws, tmp_path / "a.json", "--wait", "0")
    assert signal.getsignal(signal.SIGTERM) is before and sys.stdout
