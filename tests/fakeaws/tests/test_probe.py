# SPDX-License-Identifier: Apache-2.0
"""scripts/probe-aws finds out how its account behaves, and a referee can be made to behave so."""

import json
import os
from types import SimpleNamespace

import pytest
from probing import answers, left_over, run, settle
from raw import MARY, keys

from fakeaws.control import Referee
from fakeaws.facts import settings_of
from probe_aws.answers import QUESTIONS, deduce
from probe_aws.calls import Caller, Clock
from probe_aws.redact import Redactor, prepare

NOT_ASKED = {"org-member", "delegated-admin", "fifo-repeat"}
MEMBER = "arn:aws:cloudtrail:eu-west-1:777788889999:trail/organisation-secret-name"


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    """Sets whose credentials the probe finds, as the AWS command line would."""
    def give(triple, **profiles):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        for name, value in zip(names, triple or (None, None, None)):
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        rows = [f"[{name}]\naws_access_key_id={k[0]}\naws_secret_access_key={k[1]}\n"
                for name, k in profiles.items()]
        (tmp_path / "credentials").write_text("".join(rows))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    give(MARY)
    return give


def comparable(saved):
    """Answers without what differs from run to run: times of day, numbers of exchanges."""
    rows = {}
    for row in saved["answers"]:
        value = row["value"]
        settings = {k: bool(v) if k == "time_digits" else v for k, v in row["settings"].items()}
        if row["id"] == "time-format":
            value = {**value, "digits": bool(value["digits"])}
        rows[row["id"]] = value, row["confidence"], settings
    return rows


@pytest.fixture(scope="module")
def plain(referee, tmp_path_factory):
    """The file of a run against a referee with its defaults."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", MARY[0])
        patch.setenv("AWS_SECRET_ACCESS_KEY", MARY[1])
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        settle(referee, history_lag=70)
        path = tmp_path_factory.mktemp("plain") / "plain.json"
        status, saved = run(referee, path)
        assert status == 0 and left_over(referee) == []
        return path, saved


def test_every_question_has_an_answer(plain):
    rows = answers(plain[1])
    assert list(rows) == list(QUESTIONS)
    for which, row in rows.items():
        wanted = ("not asked",) if which in NOT_ASKED else ("certain", "likely")
        assert row["confidence"] in wanted, row
        assert bool(row["evidence"]) == (which not in NOT_ASKED), row
    assert plain[1]["meta"]["complete"] is True


def refusal(code, status=400):
    return {"code": code, "status": status}


# What an account may do otherwise than the plain one, and the answers that have to tell of it.
OTHERWISE = {
    "all-at-once": (
        {"redundant_moves_times": True, "time_exponent": True, "request_id_break": True,
         "record_name": "arn", "resource_name": "both", "record_throttled": True, "event_delay": 2,
         "error_prefix": "com.amazon.coral.service#", "throttle_status": 429,
         "throttle_headers": {"Retry-After": "1"},
         "delivery_interval": 120.0,
         "errors": {"TrailNotFoundException": refusal("TrailNotFoundException", 404),
                    "CloudTrailARNInvalidException": refusal("Other"),
                    "InvalidTrailNameException": refusal("ValidationException"),
                    "InvalidHomeRegionException": refusal("TrailNotFoundException")}},
        {"redundant-start": True, "redundant-stop": True, "time-format.exponent": True,
         "request-id": False, "name-form": "arn", "resource-name": "both",
         "throttled-recorded": True, "event-time": {"start": 2, "stop": 2, "restart": 2},
         "error-form.prefix": "com.amazon.coral.service#",
         "throttling.status": 429, "throttling.headers": {"retry-after": "1"},
         "delivery.after": 120.0, "unknown-trail.status": 404, "malformed-arn.code": "Other",
         "invalid-name.code": "ValidationException",
         "home-region.code": "TrailNotFoundException"}),
    "slow": (
        {"redundant_moves_times": "StartLogging", "time_digits": 0, "stale_read": 3.0,
         "record_name": "name", "resource_name": "arn", "history_lag": 400.0},
        {"redundant-start": True, "time-format.digits": 0, "status-lag.stale_until": 2.0,
         "status-lag.fresh_from": 4.0, "name-form": "name", "resource-name": "arn"}),
    "stop-alone-moves": (
        {"redundant_moves_times": "StopLogging", "resource_name": "name", "tps_scope": "operation"},
        {"redundant-stop": True, "resource-name": "name",
         "write-bucket": {"StopLogging": False, "UpdateTrail": False}}),
    "redundant-unrecorded": (
        {"redundant_recorded": False, "resource_name": "none", "history_lag": 0.0},
        {"redundant-recorded": False, "resource-name": "none"}),
}
# Whose value in the facts is an estimate, or holds more than the setting did.
ESTIMATED = ("history_lag", "stale_read", "errors", "throttle_headers")


def value_at(rows, path):
    which, _, member = path.partition(".")
    return rows[which]["value"][member] if member else rows[which]["value"]


@pytest.mark.parametrize("name", OTHERWISE)
def test_an_account_that_differs_is_found_out_and_played(referee, tmp_path, credentials, plain,
                                                         name):
    settings, wanted = OTHERWISE[name]
    usual = answers(plain[1])
    settle(referee, **{"history_lag": 70.0, **settings})
    status, saved = run(referee, tmp_path / "first.json")
    rows = answers(saved)
    assert status == 0 and left_over(referee) == []
    for path, expected in wanted.items():
        assert value_at(rows, path) == expected, rows[path.partition(".")[0]]
        assert value_at(usual, path) != expected, f"the plain account does the same: {path}"
    facts = settings_of(tmp_path / "first.json")
    for setting, value in settings.items():
        assert facts[setting] == value or setting in ESTIMATED, setting
    lag = settings.get("history_lag", 70.0)
    assert facts["history_lag"] == pytest.approx(lag, rel=0.2, abs=10)
    settle(referee, **facts)
    status, again = run(referee, tmp_path / "second.json")
    assert status == 0 and comparable(again) == comparable(saved)


def test_a_stale_read_after_a_fresh_one_is_noticed(referee, tmp_path, credentials, plain):
    settle(referee, stale_read=3.0, stale_flap=True)
    _, saved = run(referee, tmp_path / "flap.json", "--wait", "1")
    assert answers(saved)["status-lag"]["value"]["flap"] is True
    assert answers(plain[1])["status-lag"]["value"]["flap"] is False
    assert settings_of(tmp_path / "flap.json")["stale_flap"] is True


def test_lags_that_differ_give_a_usual_and_a_longest_one(referee, tmp_path, credentials):
    settle(referee, history_lag=40, history_lag_max=300)
    _, saved = run(referee, tmp_path / "lags.json")
    value = answers(saved)["history-lag"]["value"]
    assert value["calls"] == 8 and 30 < value["median"] < 60 and 240 < value["longest"] < 360
    facts = settings_of(tmp_path / "lags.json")
    assert facts["history_lag"] == value["median"] and facts["history_lag_max"] == value["longest"]


def test_a_referee_started_with_the_file_behaves_as_the_first(referee, tmp_path, credentials):
    settle(referee, redundant_moves_times=True, history_lag=70, tps_scope="operation",
           throttle_status=429, request_id_break=True)
    _, saved = run(referee, tmp_path / "first.json")
    with Referee(folder=str(tmp_path / "second"),
                 arguments=["--facts", str(tmp_path / "first.json")]) as second:
        settle(second)      # a reset comes back to the facts, not to the defaults
        assert second.call("settings")["redundant_moves_times"] is True
        _, again = run(second, tmp_path / "second.json")
    assert comparable(again) == comparable(saved)


def test_what_stays_open_changes_no_setting(referee, tmp_path, credentials):
    settle(referee, tps=False, history_lag=1000)
    status, saved = run(referee, tmp_path / "short.json", "--wait", "1", "--no-throttling")
    rows = answers(saved)
    assert status == 0
    for which in ("history-lag", "request-id", "name-form", "resource-name", "event-time",
                  "redundant-recorded", "throttled-recorded", "user-identity", "delivery",
                  "write-bucket", "throttling"):
        assert rows[which]["confidence"] == "open" and not rows[which]["settings"], rows[which]
    assert "history_lag" not in settings_of(tmp_path / "short.json")


def test_answers_follow_from_the_saved_exchanges_alone(plain):
    again = json.loads(json.dumps(deduce(plain[1]["exchanges"], plain[1]["meta"]), default=float))
    assert again == plain[1]["answers"]
    numbers = {row["n"] for row in plain[1]["exchanges"]}
    assert all(set(row["evidence"]) <= numbers for row in plain[1]["answers"])


@pytest.mark.parametrize("body", [
    "", "null", "[]", "{}", "{\"Events\": 5}", "{\"Events\": [5, {}, null]}", "\ufffd{<",
    '{"IsLogging": "x", "StartLoggingTime": "soon", "StopLoggingTime": null, "Trail": []}',
    '{"IsLogging": true, "StartLoggingTime": [], "LatestDeliveryTime": "x"}',
    '{"__type": 5, "message": {}}',
    *(json.dumps({"Events": [{"CloudTrailEvent": json.dumps(record)}]}) for record in (
        5, {}, {"eventID": "1", "eventName": "StopLogging", "eventTime": "soon",
                "requestParameters": {"name": "NAME"}},
        {"eventID": "1", "eventName": "StopLogging", "eventTime": "2026-11-23T15:00:00.5Z",
         "requestParameters": {"name": "NAME"}, "userIdentity": [5]},
        {"eventID": 1, "eventName": "StopLogging", "eventTime": "2026-99-23T15:00:00Z",
         "requestParameters": {"name": "NAME"}},
        {"eventID": "1", "eventName": "StopLogging", "eventTime": "2026-11-23T15:00:00Z",
         "requestParameters": "NAME", "requestID": [], "userIdentity": "me"}))])
def test_whatever_an_account_says_is_saved_and_told(plain, body):
    meta = plain[1]["meta"]
    body = body.replace("NAME", meta["trail"]["name"])
    rows = [{**row, "body": body} for row in plain[1]["exchanges"]]
    saved = prepare(rows, meta["trail"], Redactor("444455556666"))
    found = json.loads(json.dumps(deduce(saved, meta), default=float))
    assert [row["id"] for row in found] == list(QUESTIONS)
    assert {row["confidence"] for row in found if row["id"] == "redundant-start"} == {"open"}


SESSION = "nikki.wolf@example.com"


@pytest.mark.parametrize("who", ["user", "session"])
def test_the_file_names_neither_account_nor_owner(referee, tmp_path, credentials, who):
    settle(referee)
    triple = MARY
    if who == "session":
        triple = keys(referee.session("DeployPipeline", name=SESSION))
        credentials(triple)
    foreign = referee.attack("management-events", identity="sso", ago=7200)
    referee.attack("management-events", event="StartLogging", ago=7190)
    private = [*filter(None, triple), "444455556666", "127.0.0.1"]
    private += [SESSION, "DeployPipeline", "AROAEXAMPLEDEPLOY4444"] if who == "session" else \
        ["Mary_Major", "AIDAJ45Q7YFFAREXAMPLE"]
    shown = [p for p in private if p not in (triple[1], triple[2])]
    for redacted in (True, False):
        path = tmp_path / f"{redacted}.json"
        status, saved = run(referee, path, *([] if redacted else ["--no-redact"]))
        text = path.read_text()
        assert status == 0 and saved["meta"]["redacted"] is redacted
        assert [p for p in shown if p not in text] == (shown if redacted else [])
        assert [s for s in triple[1:] if s and s in text] == []
        assert path.stat().st_mode & 0o777 == 0o600
        assert foreign["event_id"] not in text and "nikki.wolf" not in text.replace(SESSION, "")
        lookups = [e for e in saved["exchanges"] if e["operation"] == "LookupEvents"]
        assert sum(e["foreign_events"] for e in lookups) > 0
    assert answers(saved)["user-identity"]["value"]["type"] in ("IAMUser", "AssumedRole")


def test_the_same_thing_has_the_same_placeholder_everywhere(plain):
    text = plain[0].read_text()
    trail = plain[1]["meta"]["trail"]["arn"]
    assert trail.startswith("arn:aws:cloudtrail:eu-west-1:111122223333:trail/trailsentry-probe-")
    assert plain[1]["meta"]["account"] == "111122223333"
    stops = [e for e in plain[1]["exchanges"] if e["operation"] == "StopLogging"]
    assert {e["params"]["Name"] for e in stops} == {trail, trail.rsplit("/", 1)[1]}
    assert "arn:aws:iam::111122223333:user/user-1" in text


def test_bodies_without_anything_private_stay_as_they_came(plain):
    for row in plain[1]["exchanges"]:
        if row["operation"] == "GetTrailStatus" and row["status"] == 200:
            assert row["edited"] is False
            assert row["body"].startswith('{"IsLogging":')


def test_the_bucket_of_the_owner_is_used_and_left(referee, tmp_path, credentials, capsys):
    settle(referee, bucket_checks=False)
    status, saved = run(referee, tmp_path / "given.json", "--bucket", "acme-audit-logs")
    assert status == 0 and left_over(referee) == []
    assert referee.count_calls(service="s3") == 0
    assert "acme-audit-logs" not in (tmp_path / "given.json").read_text()
    assert "left in acme-audit-logs" in capsys.readouterr().out
    settle(referee)
    status, _ = run(referee, tmp_path / "refused.json", "--bucket", "acme-audit-logs")
    assert status == 1 and "S3BucketDoesNotExist" in capsys.readouterr().out


def test_a_member_account_reads_and_when_told_starts(referee, tmp_path, credentials):
    def ask(*more, logging=True):
        settle(referee, org_member_code="AccessDeniedException")
        referee.create_trail(MEMBER, organization=True, logging=logging,
                             member_accounts=["444455556666"])
        number = referee.last_call()
        status, saved = run(referee, tmp_path / f"{len(os.listdir(tmp_path))}.json",
                            "--member-profile", "member", "--organization-trail-arn", MEMBER,
                            "--wait", "1", *more)
        assert status == 0
        assert "organisation-secret-name" not in json.dumps(saved) and \
            "777788889999" not in json.dumps(saved)
        return answers(saved)["org-member"], referee.calls(trail=MEMBER, after=number)
    credentials(MARY, member=MARY)
    row, calls = ask()
    assert [c["operation"] for c in calls] == ["GetTrailStatus"] and not row["settings"]
    row, calls = ask("--member-start")
    assert [c["operation"] for c in calls] == ["GetTrailStatus", "StartLogging"]
    assert row["settings"] == {"org_member_code": "AccessDeniedException"}
    _, calls = ask("--member-start", logging=False)
    assert [c["operation"] for c in calls] == ["GetTrailStatus"]


def test_writes_to_anything_else_are_refused_in_the_program():
    class Network(Exception):
        pass

    def create_client(*_, **__):
        raise Network
    options = SimpleNamespace(region="eu-west-1", endpoint_url=None, ca_bundle=None)
    caller = Caller(SimpleNamespace(create_client=create_client), options, Clock(), [])
    caller.own = {"trailsentry-probe-1"}
    with pytest.raises(Network):
        caller.call("cloudtrail", "StopLogging", Name="trailsentry-probe-1")
    with pytest.raises(Network):
        caller.call("cloudtrail", "GetTrailStatus", Name="management-events")
    for service, operation, params in (("cloudtrail", "StopLogging", {"Name": "management-events"}),
                                       ("cloudtrail", "DeleteTrail", {}),
                                       ("s3", "DeleteBucket", {"Bucket": "acme-audit-logs"})):
        with pytest.raises(AssertionError):
            caller.call(service, operation, **params)
