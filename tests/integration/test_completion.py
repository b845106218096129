# SPDX-License-Identifier: Apache-2.0
"""Completion in bash: what the command has, and nothing else."""

import os
import re
import subprocess

import pytest

from guard import BUILD_DIR, FAR_TRAIL, HERE, SLOW, TOPIC, TRAIL, reached_by_role

COMMAND = os.path.join(BUILD_DIR, "trailsentry")
SCRIPT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "completions", "trailsentry")
DRIVER = """
unset COMP_WORDBREAKS
COMP_WORDBREAKS=$BREAKS
source "$SCRIPT"
complete -p trailsentry >/dev/null || exit 1
COMP_LINE=$LINE COMP_POINT=${#LINE}
_trailsentry
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(line, breaks=" \t\n\"'><=;|&(:"):
    """What readline would be given behind the line; without the package bash-completion."""
    done = subprocess.run(["/bin/bash", "--norc", "--noprofile", "-u", "-c", DRIVER],
                          env={"PATH": BUILD_DIR + ":/usr/bin:/bin", "SCRIPT": SCRIPT,
                               "BREAKS": breaks, "LINE": line},
                          capture_output=True, text=True, timeout=60 * SLOW)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.split()


def help_of(*arguments):
    return subprocess.run([COMMAND, *arguments, "--help"], capture_output=True, text=True,
                          timeout=60 * SLOW, check=True).stdout


def verbs():
    return re.findall(r"^  ([a-z][a-z-]*) ", help_of(), re.M)


def test_every_verb():
    assert complete("trailsentry ") == verbs() and len(verbs()) >= 6
    assert complete("trailsentry st") == ["status"]
    assert complete("trailsentry --json st") == ["status"]
    assert complete("trailsentry nothing") == []


@pytest.mark.parametrize("verb", verbs())
def test_every_option_of_a_verb(verb):
    text = help_of(verb)
    options = re.findall(r"^  (?:-[a-z],|   ) (--[a-z-]+=?)", text, re.M)
    assert len(options) == len(re.findall(r"^ +(?:-[a-z], )?--", text, re.M)) > 2
    assert complete(f"trailsentry {verb} --") == options
    assert complete(f"trailsentry {verb} --js") == ["--json"]


def test_options_without_a_verb():
    assert complete("trailsentry --") == ["--help", "--version"]


def test_words_of_options():
    kinds = complete("trailsentry incidents --kind=")
    assert {"stopped", "blink", "unreachable", "maintenance"} <= set(kinds)
    assert complete("trailsentry incidents --kind=bl") == ["blink"]
    assert complete("trailsentry incidents --kind bl") == ["blink"]
    assert complete("trailsentry incidents --kind=stopped,bl") == ["stopped,blink"]
    assert complete("trailsentry incidents --severity=") == ["info", "warning", "high", "critical"]
    assert complete("trailsentry policy --role ") == ["guard", "target", "topic", "scp"]
    assert complete("trailsentry maintenance ") == ["start", "stop", "list"]
    assert complete("trailsentry incidents --since ") == []


def test_trails_topics_and_incidents(aws, make_guard):
    guard = make_guard(trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)]).run()
    aws.attack(TRAIL)
    aws.message(phase="CLOSED")
    guard.wait_silent()
    guard.stop()
    known = f"--status-file={guard.status_path} --state-directory={guard.state}"
    incident = guard.incident()["id"]
    assert complete(f"trailsentry incidents {known} ") == [incident]
    assert complete(f"trailsentry incidents {known} {incident[:3]}") == [incident]
    assert complete(f"trailsentry incidents {known} xyz") == []
    # Readline replaces what stands behind the last colon, or equals sign, only.
    assert complete(f"trailsentry incidents {known} --trail=") == [TRAIL, FAR_TRAIL]
    assert complete(f"trailsentry incidents {known} --trail=arn:aws:cloudtrail:us") \
        == [FAR_TRAIL.removeprefix("arn:aws:cloudtrail:")]
    assert complete(f"trailsentry incidents {known} --trail arn:aws:cloudtrail:us") \
        == [FAR_TRAIL.removeprefix("arn:aws:cloudtrail:")]
    assert complete(f"trailsentry incidents {known} --trail=arn:aws:cloudtrail:us", " \t\n") \
        == ["--trail=" + FAR_TRAIL]
    assert complete(f"trailsentry --status-file={guard.status_path} test-alert --topic ") == [TOPIC]


def test_files_and_folders(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    assert complete(f"trailsentry check --config {tmp_path}/f") == [f"{tmp_path}/file",
                                                                  f"{tmp_path}/folder"]
    assert complete(f"trailsentry check -c {tmp_path}/fi") == [f"{tmp_path}/file"]
    assert complete(f"trailsentry policy --output={tmp_path}/f") == [f"{tmp_path}/folder"]


def test_nothing_without_a_daemon(tmp_path):
    nowhere = f"--status-file={tmp_path}/none --state-directory={tmp_path}/none"
    assert complete(f"trailsentry incidents {nowhere} ") == []
    assert complete(f"trailsentry incidents {nowhere} --trail=") == []
