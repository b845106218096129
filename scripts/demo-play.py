# SPDX-License-Identifier: Apache-2.0
"""The demo's play: a referee for AWS, the real daemon, an attacker. Run by scripts/demo."""

import os
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests"))

from fakeaws.control import Referee  # noqa: E402

TRAIL = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:security-alerts"
CONFIGURATION = """\
# A trail of the workload account, guarded from the security account.
poll_interval = "2s";
trails = (
        { arn = "%(trail)s";
          action = "restart";
          role_arn = "arn:aws:iam::444455556666:role/trailsentry-target";
          external_id = "trailsentry-example-id"; }
);
topics = ( { arn = "%(topic)s"; } );

# Only for this demo: the AWS on loopback and its certificate authority.
endpoint = "https://{service}.{region}.localhost:%(port)d";
ca_file = "%(ca)s";
"""

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
began = time.monotonic()
lock = threading.Lock()


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def put(text):
    """A block that nothing else is printed into: the journal comes by a thread of its own."""
    with lock:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def say(text):
    put(paint("1", f"\n[{time.monotonic() - began:5.1f} s] {text}"))


def follow(stream):
    for line in stream:
        put(paint("36", "    journal | ") + line.rstrip())


def show_alert(message):
    lines = ["Subject: " + message["subject"], "", *message["message"].rstrip().split("\n")]
    put("\n".join(paint("33", "    alert   | ") + line for line in lines))


def stop_as_attacker(aws):
    """StopLogging by a session of a stolen role, signed by botocore like any other client."""
    import botocore.session

    stolen = aws.session("DeployPipeline", name="build-4711")
    session = botocore.session.Session()
    session.set_credentials(stolen["access_key"], stolen["secret_key"],
                            stolen["token"])
    client = session.create_client("cloudtrail", region_name="eu-west-1", verify=aws.ca_file,
                                   endpoint_url=f"https://127.0.0.1:{aws.ready['https_port']}")
    client.stop_logging(Name="management-events")


def play(build, folder, aws):
    configuration = os.path.join(folder, "trailsentry.conf")
    with open(configuration, "w", encoding="ascii") as f:
        f.write(CONFIGURATION % {"trail": TRAIL, "topic": TOPIC, "ca": aws.ca_file,
                                 "port": aws.ready["https_port"]})
    os.chmod(configuration, 0o600)
    state = os.path.join(folder, "state")
    aws.set(history_lag=8)

    say("The guard's configuration:")
    with open(configuration, encoding="ascii") as f:
        for line in f:
            put("    " + line.rstrip())

    say("trailsentryd starts: credentials from the instance metadata service, then the role in "
        "the workload account.")
    environment = {"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.imds_url}
    daemon = subprocess.Popen(
        [os.path.join(build, "trailsentryd"), "--config", configuration, "--state-directory",
         state, "--status-file", os.path.join(folder, "status.json")],
        env=environment, stderr=subprocess.PIPE, text=True)
    reader = threading.Thread(target=follow, args=(daemon.stderr,), daemon=True)
    reader.start()
    try:
        aws.wait_calls(operation="GetTrailStatus", trail=TRAIL, count=2, timeout=20)
        say("An attacker with a session of the role DeployPipeline stops the trail "
            "(cloudtrail:StopLogging).")
        stop_as_attacker(aws)
        shown = 0
        for wanted, what in ((1, "The first alert arrives: the trail was restarted, and "
                                 "GetTrailStatus proves it."),
                             (2, "Event history has caught up: who did it, and what to do.")):
            messages = aws.wait_messages(count=wanted, timeout=40)
            say(what)
            for message in messages[shown:wanted]:
                show_alert(message)
            shown = wanted
        logging = aws.trail(TRAIL)["logging"]
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)
        reader.join(timeout=5)

    say("What stays on the guard's disk: trailsentry incidents")
    subprocess.run([os.path.join(build, "trailsentry"), "--state-directory", state, "incidents"],
                   env={"PATH": "/usr/bin:/bin"}, check=False)
    say("The trail is logging: " + ("yes." if logging else "NO, which is a defect."))
    return 0 if logging and shown == 2 else 1


def main():
    with tempfile.TemporaryDirectory(prefix="trailsentry-demo-") as folder:
        say("An AWS on loopback starts: two accounts, a trail, a topic, instance metadata, TLS. "
            "It checks every signature.")
        with Referee(folder=os.path.join(folder, "aws")) as aws:
            return play(sys.argv[1], folder, aws)


sys.exit(main())
