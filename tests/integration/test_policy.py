# SPDX-License-Identifier: Apache-2.0
"""`trailsentry policy` against what the referee sees called: the roles are given what is printed,
the guard goes through all that it does, and nothing is missing and nothing too much. And the service
control policy: what it denies to whom, held against a table of what an attacker would call."""

import fnmatch
import json
import os
import subprocess

import botocore.session
import pytest

from guard import (BUILD_DIR, EXTERNAL_ID, FAR_TRAIL, GUARD_ACCOUNT, ROLE, SLOW, TOPIC, TRAIL, WRAP,
                   reached_by_role)
from test_cli import WELL, check

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
    assert check(guard).returncode == WELL  # which looks who is subscribed

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


# Each action that the service control policy denies, by the statement that it stands in, and why.
DENIED = {
    "ProtectTrails": {
        "cloudtrail:StopLogging": "the stop itself",
        "cloudtrail:DeleteTrail": "ends it for good",
        "cloudtrail:UpdateTrail": "another bucket, key, region; validation off",
        "cloudtrail:PutEventSelectors": "management events off while it logs",
        "cloudtrail:PutInsightSelectors": "Insights off",
        "cloudtrail:PutEventConfiguration": "aggregation and size of data events",
    },
    "ProtectRoles": {
        "iam:AttachRolePolicy": "attach a Deny",
        "iam:DetachRolePolicy": "take its permissions",
        "iam:PutRolePolicy": "put a Deny",
        "iam:DeleteRolePolicy": "take its permissions",
        "iam:PutRolePermissionsBoundary": "bound it to nothing",
        "iam:DeleteRolePermissionsBoundary": "let it do more than it should",
        "iam:UpdateAssumeRolePolicy": "lock the guard out, or let others in",
        "iam:UpdateRole": "sessions of an hour instead of twelve",
        "iam:DeleteRole": "takes everything",
        "iam:CreateRole": "the same name again, with a trust of one's own",
        "iam:PassRole": "an instance or function of one's own that has it",
        "iam:TagRole": "policies by aws:PrincipalTag",
        "iam:UntagRole": "the same",
    },
    "ProtectUsers": {
        "iam:AttachUserPolicy": "as for a role", "iam:DetachUserPolicy": "as for a role",
        "iam:PutUserPolicy": "as for a role", "iam:DeleteUserPolicy": "as for a role",
        "iam:PutUserPermissionsBoundary": "as for a role",
        "iam:DeleteUserPermissionsBoundary": "as for a role",
        "iam:TagUser": "as for a role", "iam:UntagUser": "as for a role",
        "iam:DeleteUser": "takes everything",
        "iam:UpdateUser": "a user of another name has another ARN",
        "iam:UpdateAccessKey": "the guard's key inactive",
        "iam:DeleteAccessKey": "the guard's key gone",
        "iam:CreateAccessKey": "a key of one's own that is the guard",
        "iam:CreateLoginProfile": "a password of one's own that is the guard",
    },
    "ProtectManagedPolicies": {
        "iam:CreatePolicyVersion": "as default, with a Deny",
        "iam:SetDefaultPolicyVersion": "back to a version that allows nothing",
        "iam:DeletePolicyVersion": "no way back",
        "iam:DeletePolicy": "takes what it allows",
    },
    "ProtectInstanceProfiles": {
        "iam:RemoveRoleFromInstanceProfile": "no credentials from IMDS",
        "iam:AddRoleToInstanceProfile": "another role's credentials from IMDS",
        "iam:DeleteInstanceProfile": "no credentials from IMDS",
    },
    "ProtectInstances": {
        "ec2:StopInstances": "dead", "ec2:TerminateInstances": "dead",
        "ec2:RebootInstances": "in a loop: dead",
        "ec2:SendDiagnosticInterrupt": "a kernel panic",
        "ec2:ModifyInstanceMetadataOptions": "IMDS off, or IMDSv1 on",
        "ec2:AssociateIamInstanceProfile": "another role",
        "ec2:ReplaceIamInstanceProfileAssociation": "another role",
        "ec2:DisassociateIamInstanceProfile": "no role",
        "ec2:ModifyInstanceAttribute": "user data, security groups",
        "ec2:DetachVolume": "no disk",
        "ec2:DetachNetworkInterface": "no network",
        "ec2:CreateReplaceRootVolumeTask": "another disk",
        "ssm:SendCommand": "root on it", "ssm:StartSession": "root on it",
        "ssm:CreateAssociation": "root on it, again and again",
        "ssm:CreateAssociationBatch": "the same",
        "ec2-instance-connect:SendSSHPublicKey": "a shell on it",
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey": "a console on it",
    },
    "ProtectTopics": {
        "sns:DeleteTopic": "nobody hears", "sns:SetTopicAttributes": "a policy or key that refuses",
        "sns:AddPermission": "others publish, or read",
        "sns:RemovePermission": "the guard may not publish any more",
        "sns:PutDataProtectionPolicy": "messages with an address or a key id are refused",
    },
    "ProtectSubscriptions": {
        "sns:Unsubscribe": "nobody hears",
        "sns:SetSubscriptionAttributes": "a filter that nothing passes",
    },
    "ProtectAlarms": {
        "cloudwatch:DeleteAlarms": "a dead guard is silent",
        "cloudwatch:DisableAlarmActions": "the same", "cloudwatch:PutAlarmMuteRule": "the same",
        "cloudwatch:PutMetricAlarm": "missing data does not count",
        "cloudwatch:PutCompositeAlarm": "the same, of a composite alarm",
        "cloudwatch:SetAlarmState": "OK until it is evaluated again",
    },
    "ProtectHeartbeat": {"cloudwatch:PutMetricData": "a heartbeat of a dead guard"},
    "ProtectBuckets": {
        "s3:DeleteBucket": "nothing is delivered", "s3:PutBucketPolicy": "deliveries are denied",
        "s3:DeleteBucketPolicy": "deliveries are not allowed",
        "s3:PutLifecycleConfiguration": "logs expire after a day",
        "s3:PutBucketVersioning": "what is written over is gone",
        "s3:PutEncryptionConfiguration": "a key that is not there",
        "s3:PutReplicationConfiguration": "a copy for others, or none any more",
        "s3:PutBucketPublicAccessBlock": "everybody reads",
        "s3:PutBucketObjectLockConfiguration": "no retention",
        "s3:BypassGovernanceRetention": "deletes what is locked",
        "s3:DeleteObject": "the evidence", "s3:DeleteObjectVersion": "the evidence",
    },
    "ProtectKeys": {
        "kms:DisableKey": "deliveries fail", "kms:ScheduleKeyDeletion": "deliveries fail",
        "kms:PutKeyPolicy": "CloudTrail may not use it", "kms:DeleteImportedKeyMaterial": "fails",
    },
    "ProtectLogGroups": {
        "logs:DeleteLogGroup": "the evidence", "logs:DeleteLogStream": "the evidence",
        "logs:PutRetentionPolicy": "a day", "logs:DeleteRetentionPolicy": "costs",
        "logs:DeleteSubscriptionFilter": "whoever listens hears nothing",
    },
    "ProtectRegions": {"account:DisableRegion": "neither trail nor topic nor alarm"},
    "ProtectMembership": {"organizations:LeaveOrganization": "leaves this policy behind"},
}
# Actions that are not operations, or have another name; None is newer than the models of Debian 12.
OPERATIONS = {
    "iam:PassRole": (), "s3:BypassGovernanceRetention": (), "s3:DeleteObjectVersion": (),
    "s3:PutLifecycleConfiguration": "PutBucketLifecycleConfiguration",
    "s3:PutEncryptionConfiguration": "PutBucketEncryption",
    "s3:PutReplicationConfiguration": "PutBucketReplication",
    "s3:PutBucketPublicAccessBlock": "PutPublicAccessBlock",
    "s3:PutBucketObjectLockConfiguration": "PutObjectLockConfiguration",
    "cloudtrail:PutEventConfiguration": None, "cloudwatch:PutAlarmMuteRule": None,
    "account:DisableRegion": None,
}
EXEMPT = "arn:aws:iam::*:role/break-glass"
INSTANCE = f"arn:aws:ec2:eu-west-1:{GUARD_ACCOUNT}:instance/i-0123456789abcdef0"
PROTECT = (INSTANCE, f"arn:aws:iam::{GUARD_ACCOUNT}:policy/guard",
           f"arn:aws:iam::{GUARD_ACCOUNT}:user/guard", "arn:aws:s3:::the-logs",
           "arn:aws:kms:eu-west-1:444455556666:key/1",
           "arn:aws:logs:eu-west-1:444455556666:log-group:trails")


def protection(guard, *arguments):
    """The statements of the service control policy, whose documents are held against their limits."""
    rows = [p for p in policies(guard, "--role=scp", "--guard-role-arn", GUARD_ROLE, *arguments)
            .values()]
    for row in rows:
        assert row["document"]["Version"] == "2012-10-17"
        assert len(json.dumps(row["document"], indent=2)) < row["characters"] <= 10240
    return [s for row in rows for s in row["document"]["Statement"]]


def equal(condition, context):
    values = {k: v if isinstance(v, list) else [v] for k, v in condition.items()}
    return all(context.get(k) in v for k, v in values.items())


def is_denied(statements, action, resource, principal, **context):
    """As IAM does it, for the elements and the operators that are in these documents."""
    context = {"aws:PrincipalArn": principal, "aws:PrincipalAccount": principal.split(":")[4],
               **context}
    for s in statements:
        assert set(s) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, s
        condition = s.get("Condition", {})
        assert set(condition) <= {"StringEquals", "ArnNotLike"}, s
        resources = s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]]
        if (s["Effect"] == "Deny" and action in s["Action"] and
                any(fnmatch.fnmatchcase(resource, r) for r in resources) and
                equal(condition.get("StringEquals", {}), context) and
                not any(fnmatch.fnmatchcase(context["aws:PrincipalArn"], a)
                        for a in condition.get("ArnNotLike", {}).get("aws:PrincipalArn", []))):
            return True
    return False


def test_what_the_scp_denies(guard):
    statements = protection(guard, "--protect", ",".join(PROTECT))
    printed = {s["Sid"]: s["Action"] for s in statements}
    assert len(printed) == len(statements)
    assert printed == {sid: sorted(rows) for sid, rows in DENIED.items()}


def test_denied_actions_exist(guard):
    session = botocore.session.get_session()
    for statement in protection(guard, "--protect", ",".join(PROTECT)):
        for action in statement["Action"]:
            service, name = action.split(":")
            operation = OPERATIONS.get(action, name)
            known = session.get_service_model(service).operation_names
            if operation:
                assert operation in known, action
            elif operation is None and name in known:
                pytest.fail(f"{action} is in the models: take it out of the table")


TARGET_ROLE = ROLE
ATTACKS = [
    ("cloudtrail:StopLogging", TRAIL), ("cloudtrail:PutInsightSelectors", TRAIL),
    ("iam:UpdateAssumeRolePolicy", TARGET_ROLE), ("iam:DetachRolePolicy", GUARD_ROLE),
    ("iam:PassRole", GUARD_ROLE.replace("role/", "role/with/a/path/")),
    ("iam:RemoveRoleFromInstanceProfile", GUARD_ROLE.replace("role/", "instance-profile/")),
    ("sns:DeleteTopic", TOPIC), ("sns:Unsubscribe", TOPIC + ":1d5b2f3e"),
    ("cloudwatch:DeleteAlarms",
     f"arn:aws:cloudwatch:eu-west-1:{GUARD_ACCOUNT}:alarm:trailsentry-management-events"),
    ("ec2:StopInstances", INSTANCE), ("ssm:SendCommand", INSTANCE),
    ("organizations:LeaveOrganization", "*"),
]


@pytest.mark.parametrize("action,resource", ATTACKS, ids=[a for a, _ in ATTACKS])
def test_whom_the_scp_binds(guard, action, resource):
    """An administrator and root of the account, and a thief of the guard's own credentials; not who
    is exempt, and nobody on what belongs to others."""
    statements = protection(guard, "--exempt", EXEMPT, "--protect", INSTANCE)
    account = GUARD_ACCOUNT
    for principal in ("role/Admin", "user/mallory", "root", "role/trailsentry-guard"):
        assert is_denied(statements, action, resource, f"arn:aws:iam::{account}:{principal}")
    assert not is_denied(statements, action, resource, f"arn:aws:iam::{account}:role/break-glass")
    if resource != "*" and action != "sns:Unsubscribe":
        assert not is_denied(statements, action, resource.replace("e", "o"),
                             f"arn:aws:iam::{account}:role/Admin")


def test_whose_heartbeat_the_scp_denies(guard):
    statements = protection(guard)
    for role, namespace, denied in (("Admin", "trailsentry", True), ("Admin", "AWS/EC2", False),
                                    ("trailsentry-guard", "trailsentry", False),
                                    ("ops/trailsentry-guard", "trailsentry", False)):
        principal = f"arn:aws:iam::{GUARD_ACCOUNT}:role/{role}"
        assert is_denied(statements, "cloudwatch:PutMetricData", "*", principal,
                         **{"cloudwatch:namespace": namespace}) == denied, role


def test_the_scp_leaves_the_guard_alone(aws, guard):
    """Nothing of all that the guard calls is denied to it, nor to the role that it takes."""
    statements = protection(guard, "--protect", ",".join(PROTECT))
    guard.run()
    attack = aws.attack(TRAIL)
    aws.actor(attack)
    aws.metrics(count=1, timeout=60)
    guard.wait_silent()
    guard.stop()
    did = called(aws, "assumed-role/trailsentry-")
    assert {"cloudtrail:StartLogging", "sns:Publish", "cloudwatch:PutMetricData"} <= set(did)
    for action, resources in did.items():
        for resource in resources | {"*"}:
            for role in (GUARD_ROLE, ROLE):
                assert not is_denied(statements, action, resource, role,
                                     **{"cloudwatch:namespace": "trailsentry"}) or (
                    action == "cloudwatch:PutMetricData" and role == ROLE), action


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
                        ("--exempt=me", "is not an ARN"), ("--protect=me", "is not an ARN"),
                        ("--protect=arn:aws:iam::111122223333:group/x", "is not the ARN of a"),
                        ("--output=/proc/none", "cannot be made")):
        done = run(guard, "policy", wrong)
        assert done.returncode in (2, 3) and said in done.stderr, done
    guard.write_config("trails = ();")
    for verb in ("policy", "test-alert"):  # into a file goes what was asked for, or nothing
        done = run(guard, verb, "--json")
        assert done.returncode == 3 and not done.stdout and "is empty, and has" in done.stderr, done
