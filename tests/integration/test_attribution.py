# SPDX-License-Identifier: Apache-2.0
"""Who did it: late, hidden among decoys, nameless, hostile, or under the guard's own name."""

import itertools
import re

import pytest

from aws import RAW
from guard import TRAIL, WORKLOAD_ACCOUNT, reached_by_role

COUNT = itertools.count(1)
LOOKUP = {"service": "cloudtrail", "operation": "LookupEvents"}
DEPLOY = "build-4711 (AssumedRole, role DeployPipeline)"
# What a caller has chosen is shown so that no mail program makes a link of it.
SSO = ("nikki[.]wolf[@]example[.]com (AssumedRole, role "
       "AWSReservedSSO_AdministratorAccess_0123456789abcdef)")


def iam_user(name):
    return {"type": "IAMUser", "principalId": "AIDA" + name.upper(), "userName": name,
            "arn": f"arn:aws:iam::{WORKLOAD_ACCOUNT}:user/{name}", "accountId": WORKLOAD_ACCOUNT,
            "accessKeyId": "AKIA" + name.upper().replace("-", "X").ljust(16, "Y")}


def others(message):
    """The list of other calls, by event id."""
    rows = re.findall(r"^  (\w+, .*), event ([0-9a-f-]{36})$", message.text, re.MULTILINE)
    return {event_id: words for words, event_id in rows}


def test_throttled_lookups_go_on(aws, guard):
    guard.run()
    aws.fault(**LOOKUP, kind="error", code="ThrottlingException", message="Rate exceeded", count=4)
    attack = aws.attack(TRAIL)
    assert guard.record("LookupEvents is throttled, will be retried")
    assert aws.actor(attack).value("Who") == "Mary_Major (IAMUser)"
    assert len(aws.calls(operation="LookupEvents", ok=False)) == 4


def test_denied_lookups_are_said_to_be_why(aws, make_guard):
    """After half an hour, which is 18 s here; the search continues and finds."""
    guard = make_guard(scale=100).run()
    aws.permissions("trailsentry-target", deny=["cloudtrail:LookupEvents"])
    attack = aws.attack(TRAIL)
    closed = aws.message(phase="CLOSED")
    update = aws.message(phase="UPDATE", timeout=40)
    assert update.value("Who") == "not known yet; the search continues for 24 hours"
    assert update.value("because").startswith("access denied (AccessDeniedException")
    assert guard.record("its actor is not known yet, the search continues")
    aws.permissions("trailsentry-target", undeny=["cloudtrail:LookupEvents"])
    named = aws.actor(attack, phase="UPDATE")
    assert named.incident == update.incident == closed.incident and named.value("because") is None


def test_search_survives_stop_and_crash(aws, guard):
    """Two stops, so that the guard's own StartLogging is looked at as well."""
    guard.run()
    attack = aws.attacks({"trail": TRAIL, "identity": "ec2", "lag": 3600, "ago": 4},
                         {"trail": TRAIL, "identity": "sso", "lag": 3600})[0]
    closed = aws.message(phase="CLOSED")
    aws.wait_calls(2, operation="LookupEvents")
    guard.stop()
    guard.run()
    aws.wait_calls(2, after=aws.last_call(), operation="LookupEvents")
    guard.kill()
    aws.reveal()
    guard.run()
    update = aws.actor(attack, phase="UPDATE")
    assert update.incident == closed.incident
    assert update.value("Who") == "i-02573cafcfEXAMPLE (AssumedRole, role WebServer)"
    assert update.severity == "high"
    guard.wait_silent()
    assert aws.phases() == ["OPEN+CLOSED", "UPDATE"]


def test_attempts_are_listed_and_open_nothing(aws, guard):
    guard.run()
    attempt = aws.attack(TRAIL, identity="web-identity-role", error_code="AccessDeniedException",
                         error_message="no", source_ip="192.0.2.66")
    aws.polls(10)
    assert aws.messages() == [] and aws.restarts() == []
    attack = aws.attack(TRAIL, identity="role-session")
    named = aws.actor(attack)
    assert named.value("Who") == DEPLOY
    assert others(named)[attempt["event_id"]].startswith(
        "StopLogging, tried and was refused (AccessDenied: no): run-6112 (AssumedRole, role "
        "GitHubActions) from 192.0.2.66 at ")


def test_two_in_one_second_are_ambiguous(aws, guard):
    """Records carry whole seconds: nobody can tell which of the two it was."""
    guard.run()
    when = {"eventTime": aws.attack(TRAIL, effect=False, error_code="Dry")["event_time"]}
    steps = aws.attacks({"trail": TRAIL, "identity": "sso", "record": when},
                        {"trail": TRAIL, "identity": "role-session", "record": when})
    message = aws.message(contains="ambiguous: several calls fit, listed below")
    listed = others(message)
    assert {listed[s["event_id"]].split(" from ")[0] for s in steps} == {
        "StopLogging, may have done it: " + SSO, "StopLogging, may have done it: " + DEPLOY}
    assert "treat every one listed as hostile" in message.text


@pytest.mark.parametrize("moves", [False, True])
def test_culprit_is_the_first_of_thirty(aws, make_guard, moves):
    """A second StopLogging succeeds, too: noise, on purpose. Pages are small and often empty."""
    aws.set(redundant_moves_times=moves, page_size=7, empty_pages=1)
    guard = make_guard(cannot_see_after="1h").run()
    # All of them before the next look.
    aws.fault(operation="GetTrailStatus", kind="status", status=503)
    aws.polls(1, ok=False)
    aws.pass_second()
    real = aws.attack(TRAIL, identity="role-session")
    aws.pass_second()
    decoys = aws.attacks(*({"trail": TRAIL, "identity": iam_user(f"decoy-{i}"),
                            "name_form": ("arn", "name")[i % 2]} for i in range(30)))
    aws.clear_faults()
    # Sure when who started the trail is known, too; some pages before that he is told with a doubt.
    named = aws.message(contains="exact: the first successful call after")
    assert named.value("Who") == DEPLOY
    assert named.value("Event id") == real["event_id"]
    listed = others(named)
    assert real["event_id"] not in listed
    ids = {d["event_id"] for d in decoys}
    assert len(ids & set(listed)) == 20 and "and 10 more: trailsentry incidents" in named.text
    assert all("called it when it was done already: decoy-" in listed[i] for i in ids & set(listed))
    # The guard's own StartLogging is among what was read, and is known.
    assert "MISUSED" not in named.subject
    guard.stop()
    roles = [f["role"] for f in guard.incident()["attribution"]["findings"]]
    assert roles.count("culprit") == 1 and roles.count("later") == 30
    assert roles.count("own") == 1


def test_what_else_the_key_did_is_told(aws, guard):
    """The stop is seldom all: what came before with the same key, with what was refused."""
    guard.run()
    for name, more in (("CreateUser", {}), ("CreateAccessKey", {}), ("CreateAccessKey", {}),
                       ("AttachUserPolicy", {"errorCode": "AccessDenied"})):
        record = {**aws.attack(TRAIL, effect=False, ago=900)["record"], "eventName": name,
                  "eventSource": "iam.amazonaws.com", "requestParameters": None, **more,
                  "eventID": f"00000000-0000-4000-8000-{next(COUNT):012d}"}
        aws.call("record", account=WORKLOAD_ACCOUNT, region="eu-west-1", record=record)
    attack = aws.attack(TRAIL)
    # With the actor; after him when the trail's logging again was seen between the two answers.
    named = aws.message(contains="All calls with its key, from an hour before the stop")
    assert "  Event id      " + attack["event_id"] in named.text
    rows = re.findall(r"^ +(\d+)  (\w+) \(([a-z.]+)\)(.*)$", named.text, re.MULTILINE)
    assert {r[1:]: int(r[0]) for r in rows if "iam" in r[2]} == {
        ("CreateUser", "iam.amazonaws.com", ""): 1,
        ("CreateAccessKey", "iam.amazonaws.com", ""): 2,
        ("AttachUserPolicy", "iam.amazonaws.com", ", 1 refused"): 1}


def test_stops_of_other_trails_are_not_confused(aws, guard):
    """One of the same name elsewhere, one beside it."""
    beside = TRAIL + "-2"
    aws.create_trail(beside, logging=True)
    aws.create_trail(TRAIL.replace(WORKLOAD_ACCOUNT, "777788889999"), logging=True)
    guard.run()
    guard.record("taken for the baseline")
    attack = aws.attacks({"trail": beside, "identity": "root"},
                         {"trail": TRAIL, "identity": "user"},
                         {"trail": TRAIL.replace(WORKLOAD_ACCOUNT, "777788889999")})[1]
    named = aws.actor(attack)
    assert named.value("Who") == "Mary_Major (IAMUser)" and others(named) == {}
    assert "How sure        exact" in named.text


def test_parameters_left_out_leave_a_doubt(aws, guard):
    """An oversized request is recorded without its parameters: it may be about this trail."""
    guard.run()
    attack = aws.attack(TRAIL, identity="vendor", name_form="omitted")
    message = aws.message(contains=attack["event_id"])
    assert others(message)[attack["event_id"]].startswith(
        "StopLogging, parameters left out (request too large): may be this trail: build-4711")
    assert "ambiguous" in message.value("Who")


NAMES = {
    "root": "root user of account 444455556666 (Root)",
    "root-key": "root user of account 444455556666 (Root)",
    "assume-root": "Nikki_Wolf (Root)",
    "user": "Mary_Major (IAMUser)",
    "user-console-mfa": "Mary_Major (IAMUser)",
    "role-session": DEPLOY,
    "role-source-identity": "Nikki_Wolf (AssumedRole, role DeployPipeline)",
    "ec2": "i-02573cafcfEXAMPLE (AssumedRole, role WebServer)",
    "sso": SSO,
    "web-identity-role": "run-6112 (AssumedRole, role GitHubActions)",
    "role": "arn:aws:iam::444455556666:role/DeployPipeline (Role)",
    "federated-user": "arn:aws:sts::444455556666:federated-user/Nikki_Wolf (FederatedUser)",
    "service": "config.amazonaws.com (AWSService)",
    "foreign-account": "AROAEXAMPLEFOREIGN777:Paulo_Santos (AWSAccount)",
    "identity-center": "IdentityCenterUser[@]4444_5555_6666 (IdentityCenterUser)",
    "saml-user": "SamlExample (SAMLUser)",
    "web-identity-user": "10769150350006150715113082367 (WebIdentityUser)",
    "directory": "directory-user (Directory)",
    "unknown": "EXAMPLE-UNKNOWN (Unknown)",
    "cloudformation": DEPLOY,
    "vendor": DEPLOY,
    "hostile-role": None,
    "hostile-user": None,
    "huge": None,
}
ROWS = {
    "root-key": {"Access key": "AKIAIOSFODNN7EXAMPLE (long-lived)",
                 "MFA": "no"},
    "role-source-identity": {"Source identity": "Nikki_Wolf", "MFA": "no"},
    "user-console-mfa": {"MFA": "yes"},
    "foreign-account": {"Account": WORKLOAD_ACCOUNT},
    "cloudformation": {"Invoked by": "cloudformation.amazonaws.com"},
    "vendor": {"Vendor account": "777788889999"},
    "saml-user": {"Provider": "SampleUkh1i4+ExamplexL/jEvs="},
    "web-identity-role": {"Provider": "arn:aws:iam::444455556666:oidc-provider/"
                                      "token[.]actions[.]githubusercontent[.]com"},
    "federated-user": {"Issuer": "arn:aws:iam::444455556666:user/Mary_Major"},
}


def test_every_identity_has_a_name_and_no_power(aws, make_guard):
    """Two dozen trails stopped at once, each by another kind of caller, and each with a guard of
    its own: one would tell of all of them together."""
    assert set(NAMES) == set(aws.state()["identities"])
    arns = {kind: TRAIL.replace("management-events", "trail-" + kind) for kind in NAMES}
    for arn in arns.values():
        aws.create_trail(arn, logging=True)
    guards = [make_guard(trails=[reached_by_role(arn)], scale=20).run() for arn in arns.values()]
    attacks = aws.attacks(*({"trail": arn, "identity": kind} for kind, arn in arns.items()))
    messages = {kind: aws.actor(attack) for kind, attack in zip(arns, attacks)}
    for kind, message in messages.items():
        assert message.trail == arns[kind]
        who = message.value("Who")
        if NAMES[kind]:
            assert who == NAMES[kind]
        for label, value in ROWS.get(kind, {}).items():
            assert message.value(label) == value, kind
        assert len(message.text) < 32768
        assert aws.trail(arns[kind])["logging"]
    # Some more than once when two dozen guards on a busy machine see late what they have done.
    assert {c["trail"] for c in aws.restarts(ok=True)} == set(arns.values())

    for kind in ("hostile-role", "hostile-user"):
        message = messages[kind]
        assert "evil" in message.value("Who")
        # What a caller named himself stands in no command line.
        commands = re.findall(r"^ +aws .*$", message.text, re.MULTILINE)
        assert not any("evil" in c or "reboot" in c for c in commands)
        assert "MAIL FROM" not in [line[:9] for line in message.text.split("\n")]
    assert messages["huge"].value("Who").startswith("AAAA")
    for guard in guards:
        guard.wait_silent()
    # Nor does anything that is read on a terminal hold what turns it.
    assert not any(RAW.search(guard.text()) for guard in guards)


def own_identity(aws):
    """The guard's own userIdentity, as records of its calls would carry it."""
    own, = {c["arn"] for c in aws.calls(operation="GetTrailStatus")}
    role = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/trailsentry-target"
    return {"type": "AssumedRole", "principalId": "AROAEXAMPLETARGET4444:" + own.split("/")[2],
            "arn": own, "accountId": WORKLOAD_ACCOUNT, "accessKeyId": "ASIASTOLENEXAMPLE123",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLETARGET4444", "arn": role,
                "accountId": WORKLOAD_ACCOUNT, "userName": "trailsentry-target"}}}


def test_own_credentials_in_other_hands(aws, guard):
    guard.run()
    attack = aws.attack(TRAIL, identity=own_identity(aws), source_ip="203.0.113.9")
    named = aws.actor(attack)
    assert named.severity == "critical"
    assert "GUARD'S CREDENTIALS MISUSED" in named.subject
    assert "THE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE" in named.text
    assert named.value("From") == "203.0.113.9"
    assert "Somebody uses the guard's own credentials" in named.text
    assert guard.record("the guard's own credentials were used by somebody else").level == "alert"


def test_start_in_the_guards_name_is_listed(aws, guard):
    """Who blinks a trail with the guard's credentials does not hide behind it. Within a minute of
    the start it may have been an earlier run's; the simulation shows the alarm of later."""
    guard.run()
    stop, start = aws.attacks({"trail": TRAIL, "ago": 2},
                              {"trail": TRAIL, "event": "StartLogging",
                               "identity": own_identity(aws)})
    named = aws.message(contains=", event " + start["event_id"])
    assert named.value("Event id") == stop["event_id"]
    assert others(named)[start["event_id"]].startswith(
        "StartLogging, this guard's identity, a call it does not remember: trailsentry-")


def test_own_start_with_another_request_id_is_no_misuse(aws, guard):
    """Nobody promises that a record carries the id that the answer carried."""
    aws.set(request_id_break=True)
    guard.run()
    aws.pass_second()
    attack = aws.attacks({"trail": TRAIL, "ago": 4}, {"trail": TRAIL, "identity": "sso"})[0]
    # Told before that has been read, too, as far as it was known.
    named = aws.message(contains="this guard's identity, a call it does not remember")
    assert named.value("Event id") == attack["event_id"]
    for message in aws.all_messages():
        assert message.severity == "high" and "MISUSED" not in message.subject
