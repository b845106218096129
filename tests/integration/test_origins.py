# SPDX-License-Identifier: Apache-2.0
"""Credentials from elsewhere than the instance: profiles, programs, containers, web identities."""

import os
import signal

import pytest

from guard import TRAIL, GUARD_ACCOUNT

USER = {"AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"}
USER_ARN = f"arn:aws:iam::{GUARD_ACCOUNT}:user/trailsentry-static"
GUARD_ROLE = f"arn:aws:iam::{GUARD_ACCOUNT}:role/trailsentry-guard"
KEYS = "".join(f"{k.lower()} = {v}\n" for k, v in USER.items())


def write(path, text):
    """As a whole, as those who rotate tokens do it."""
    with open(f"{path}.new", "w", encoding="utf-8") as out:
        out.write(text)
    os.rename(f"{path}.new", path)
    return str(path)


def guards_with(aws, guard, name, trail=TRAIL):
    """It works, and by these credentials alone."""
    guard.run()
    aws.attack(trail)
    aws.message(phase="CLOSED", kind="stopped")
    status = guard.wait_status(lambda s: s["accounts"][0]["identity_arn"])
    assert status["accounts"][0]["credentials"] == name
    assert [c for c in aws.calls(service="imds") if c["operation"].startswith("/latest")] == []
    return status["accounts"][0]["identity_arn"]


def change_of_sessions(aws):
    """The sessions in use end, and new ones take their place."""
    before = {c["access_key"] for c in aws.calls(operation="GetTrailStatus", ok=True)}
    for entity in ("trailsentry-target", "trailsentry-guard"):
        aws.call("rotate")
        aws.expire(entity=entity)
        aws.polls(2, ok=True)
    after = {c["access_key"] for c in aws.calls(operation="GetTrailStatus", ok=True)}
    assert after - before
    assert aws.phases(kind="unreachable") == []


def test_profile_with_a_role_on_a_role(aws, make_guard, tmp_path):
    roles = [f"arn:aws:iam::{GUARD_ACCOUNT}:role/profile-{x}" for x in "ab"]
    for role, trusted in zip(roles, (roles[1], USER_ARN)):
        aws.call("role", arn=role, id="AROA" + role[-1].upper() * 16, trust=[trusted],
                 permissions=["*"])
    aws.call("trust", entity="trailsentry-target", trust=[roles[0]])
    environment = {
        "AWS_CONFIG_FILE": write(tmp_path / "config", (
            f"[profile guard]\nrole_arn = {roles[0]}\nsource_profile = between\n"
            f"[profile between]\nrole_arn = {roles[1]}\nsource_profile = keys\n"
            "role_session_name = between\n")),
        "AWS_SHARED_CREDENTIALS_FILE": write(tmp_path / "credentials", "[keys]\n" + KEYS),
        "AWS_PROFILE": "keys"}
    guard = make_guard(environment=environment, profile="guard")
    identity = guards_with(aws, guard, "profile guard -> between -> keys -> "
                                       f"role {roles[1]} -> role {roles[0]}")
    assert ":assumed-role/profile-a/trailsentry-" in identity
    assumed = [c["arn"] for c in aws.calls(operation="AssumeRole", ok=True)][:3]
    assert assumed[0] == USER_ARN
    assert assumed[1].endswith(":assumed-role/profile-b/between")
    assert assumed[2] == identity
    assert USER["AWS_SECRET_ACCESS_KEY"] not in guard.text()


def test_credential_of_systemd(aws, make_guard, tmp_path):
    write(tmp_path / "trailsentry.aws-credentials", "[default]\n" + KEYS)
    guard = make_guard(environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert guards_with(aws, guard, "systemd credential") == USER_ARN


def test_container_whose_token_changes(aws, make_guard, tmp_path):
    aws.imds(mode="ok", container_token="Basic first")
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": aws.imds_url.rstrip("/") + "/v2/credentials/guard",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": write(tmp_path / "token", "Basic first")}
    guard = make_guard(environment=environment, scale=20, cannot_see_after="60s")
    identity = guards_with(aws, guard, "container")
    assert ":assumed-role/trailsentry-guard/" in identity
    write(tmp_path / "token", "Basic second")
    aws.imds(mode="ok", container_token="Basic second")
    change_of_sessions(aws)
    assert {c["code"] for c in aws.calls(service="imds")} == {"200"}


def test_web_identity_whose_token_changes(aws, make_guard, tmp_path):
    aws.call("web_identity", token="ey.first", role=GUARD_ROLE)
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": write(tmp_path / "token", "ey.first\n"),
                   "AWS_ROLE_ARN": GUARD_ROLE, "AWS_ROLE_SESSION_NAME": "pod"}
    guard = make_guard(environment=environment, scale=20, cannot_see_after="60s")
    identity = guards_with(aws, guard, f"web identity -> role {GUARD_ROLE}")
    assert identity.endswith(":assumed-role/trailsentry-guard/pod")
    write(tmp_path / "token", "ey.second\n")
    aws.call("web_identity", token="ey.second", role=GUARD_ROLE)
    change_of_sessions(aws)
    asked = aws.calls(operation="AssumeRoleWithWebIdentity")
    assert {c["code"] for c in asked} == {""} and {c["region"] for c in asked} == {"eu-west-1"}


def test_program_that_hands_out_short_lived_credentials(aws, make_guard, tmp_path):
    runs, descriptors = tmp_path / "runs", tmp_path / "descriptors"
    program = write(tmp_path / "get credentials", f"""#!/bin/sh
ls /proc/self/fd >>{descriptors}
echo "$1" >>{runs}
echo {USER["AWS_SECRET_ACCESS_KEY"]} >&2
printf '{{"Version":1,"AccessKeyId":"{USER["AWS_ACCESS_KEY_ID"]}",'
printf '"SecretAccessKey":"{USER["AWS_SECRET_ACCESS_KEY"]}","Expiration":"%s"}}' \\
    "$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%S+00:00)"
""")
    os.chmod(program, 0o700)
    environment = {"AWS_CONFIG_FILE": write(
        tmp_path / "config", f"[default]\ncredential_process = \"{program}\" --for 'the guard'\n")}
    trail = f"arn:aws:cloudtrail:eu-west-1:{GUARD_ACCOUNT}:trail/own-events"
    aws.permissions("trailsentry-static", allow=["cloudtrail:*"])
    aws.create_trail(trail, logging=True)
    # valgrind 3.19 has no pidfd_open(2)
    guard = make_guard(environment=environment, trails=[{"arn": trail}], wrapped=False)
    guards_with(aws, guard, "profile default -> credential_process", trail)
    while len(runs.read_text().splitlines()) < 3:  # before each three seconds have passed
        aws.polls(5, ok=True)
    assert set(runs.read_text().splitlines()) == {"--for"}
    assert descriptors.read_text().split()[:4] == ["0", "1", "2", "3"]  # one is of ls
    assert USER["AWS_SECRET_ACCESS_KEY"] not in guard.text()


@pytest.mark.parametrize("options, environment, text", [
    ({}, {"AWS_ACCESS_KEY_ID": "AKID"}, r"AWS_SECRET_ACCESS_KEY is not"),
    ({}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, r"is set, AWS_ROLE_ARN is not"),
])
def test_what_cannot_work_is_told_at_once(make_guard, options, environment, text):
    guard = make_guard(environment=environment, **options)
    guard.spawn()
    assert guard.exit_status() == 78
    assert len(guard.find_records(text)) == 1


@pytest.mark.parametrize("options, environment, text", [
    ({"profile": "guard"}, {}, r"there is no profile guard in .*/config or "),
    ({}, {"AWS_PROFILE": "sso"}, r"profile sso is one of AWS IAM Identity Center, .*out of scope"),
    ({}, {"AWS_PROFILE": "a"}, r"profile a is its own source by way of others: a -> b -> a"),
])
def test_profile_that_may_be_mended(make_guard, tmp_path, options, environment, text):
    """The file may be written just now: it is told, and read again until there are credentials."""
    config = write(tmp_path / "config", (
        "[profile sso]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n"
        "[profile a]\nrole_arn = arn:x\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:x\nsource_profile = a\n"))
    guard = make_guard(environment={"AWS_CONFIG_FILE": config, **environment}, **options).start()
    guard.record(text)
    write(tmp_path / "config", "".join(f"[profile {name}]\n{KEYS}" for name in ("sso", "a", "guard")))
    guard.record("management-events: logging$")


def test_profile_that_is_written_when_the_guard_runs(aws, make_guard, tmp_path):
    """As when a machine boots: it says what it waits for, and guards as soon as that is there."""
    config = tmp_path / "config"
    guard = make_guard(environment={"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "guard"})
    guard.start()
    told = guard.record("management-events: GetTrailStatus failed: no usable credentials")
    assert f"there is no profile guard in {config} or " in told.text
    write(config, "[profile guard]\n" + KEYS)
    guard.record("management-events: logging")
    aws.attack(TRAIL)
    aws.message(phase="CLOSED", kind="stopped")
    guard.wait_status(lambda s: s["accounts"][0]["credentials"] == "profile guard")


def test_nothing_set_up_is_no_reason_to_end(aws, make_guard):
    guard = make_guard(environment={"AWS_EC2_METADATA_DISABLED": "true"})
    guard.start()
    guard.record("there is no systemd credential .* and AWS_EC2_METADATA_DISABLED=true forbids")
    guard.stop()


def test_reload_to_a_profile_that_is_not_there_yet(aws, make_guard):
    guard = make_guard().run()
    first = len(guard.records)
    guard.configure(profile="guard")
    guard.process.send_signal(signal.SIGHUP)
    guard.record("there is no profile guard in ", first)
    guard.record("stays in force", first)
    aws.attack(TRAIL)
    aws.message(phase="CLOSED", kind="stopped")
