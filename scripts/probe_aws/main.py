# SPDX-License-Identifier: Apache-2.0
"""Options, the question before anything is made, what is printed, what is saved."""

import argparse
import json
import os
import platform
import re
import signal
import sys
import time
import traceback

from . import FORMAT, PREFIX
from .account import Belongings
from .answers import QUESTIONS, deduce
from .calls import MAX_CALLS, Caller, Clock, ProbeError
from .redact import Redactor, prepare
from .steps import ACTIONS, CLEANING, STEPS, calls_of, chosen

DESCRIPTION = """\
Asks a SANDBOX account how CloudTrail really behaves where its documentation is silent, on a trail
that it makes for this and deletes again. The answers are saved as JSON without anything that names
you, fit to be attached to an issue; tests/fakeaws behaves by it (--facts) or repeats it (--replay).

    scripts/probe-aws --dry-run                          what it would do; needs no credentials
    scripts/probe-aws --print-policy --region eu-west-1  the permissions that it needs
    scripts/probe-aws --profile sandbox --region eu-west-1
"""
EPILOG = """\
A run makes about 60 calls and takes 8 to 15 minutes, most of them waiting for Event history. The
calls are free; a second trail that logs management events costs $2 per 100,000 events, so this one
costs less than a cent in a quiet account. For about ten seconds CloudTrail's write calls of this
account and region are throttled (--no-throttling leaves that out).

It writes to nothing but the trail trailsentry-probe-<random> and the bucket of the same name. Both
are deleted at the end, after an error, and after Ctrl-C. Exit status: 0 all went well, 1 it could
not be asked (or not all of it), 2 wrong usage, 3 something is left in the account.
"""
NO_BOTOCORE = """\
probe-aws: this Python ({python}) has no botocore, which speaks to AWS.
    Debian, Ubuntu:  sudo apt install python3-boto3, then  /usr/bin/python3 scripts/probe-aws …
    elsewhere:       python3 -m pip install boto3"""
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d")
TRAIL_ARN = re.compile(r"arn:aws[a-z-]*:cloudtrail:[a-z0-9-]+:\d{12}:trail/[A-Za-z0-9._-]{3,128}")
WORDS = {"certain": "shown", "likely": "likely", "open": "OPEN", "not asked": "not asked"}


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="probe-aws", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region", help="where the trail is made; the profile's unless given")
    parser.add_argument("--profile", help="whose credentials, as for the AWS command line")
    parser.add_argument("--output", metavar="FILE",
                        help="where the answers go (trailsentry-probe-<date>-<region>.json)")
    parser.add_argument("--wait", type=float, default=15.0, metavar="MINUTES",
                        help="for Event history and the first delivery, at most (15)")
    parser.add_argument("--yes", action="store_true", help="do not ask before making anything")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and end")
    parser.add_argument("--print-policy", action="store_true",
                        help="print the permissions that are needed, as an IAM policy, and end")
    parser.add_argument("--bucket", help="deliver into this bucket instead of making one")
    parser.add_argument("--keep", action="store_true", help="leave trail and bucket in the account")
    parser.add_argument("--no-redact", action="store_true",
                        help="save account, names and addresses as they are")
    parser.add_argument("--no-throttling", action="store_true",
                        help="leave out the burst that gets throttled")
    parser.add_argument("--other-region", help="from where a write must be refused")
    organisation = parser.add_argument_group("with an organisation")
    organisation.add_argument("--member-profile", help="credentials of a member account")
    organisation.add_argument("--organization-trail-arn", metavar="ARN",
                              help="the trail that it reads")
    organisation.add_argument("--member-start", action="store_true",
                              help="also call StartLogging on it, which AWS should refuse; only "
                              "if it is logging")
    tests = parser.add_argument_group("for tests")
    tests.add_argument("--endpoint-url", help="speak to this address instead of AWS")
    tests.add_argument("--ca-bundle", help="believe this certificate authority")
    options = parser.parse_args(arguments)
    check(parser, options)
    return options


def check(parser, options):
    if bool(options.member_profile) != bool(options.organization_trail_arn):
        parser.error("--member-profile and --organization-trail-arn belong together")
    if options.member_start and not options.member_profile:
        parser.error("--member-start needs --member-profile")
    if options.organization_trail_arn and not TRAIL_ARN.fullmatch(options.organization_trail_arn):
        parser.error("--organization-trail-arn: not a trail's ARN")
    for region in (options.region, options.other_region):
        if region and not REGION.fullmatch(region):
            parser.error(f"not a region: {region}")
    if not 0 <= options.wait <= 60:
        parser.error("--wait: between 0 and 60 minutes")
    if options.output and os.path.exists(options.output):
        parser.error(f"{options.output} exists, and is not overwritten")


def partition_of(region):
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc"}
    return next((p for prefix, p in prefixes.items() if region.startswith(prefix)), "aws")


def other_region(region):
    pairs = {"aws-cn": ("cn-north-1", "cn-northwest-1"),
             "aws-us-gov": ("us-gov-west-1", "us-gov-east-1")}
    first, second = pairs.get(partition_of(region), ("us-east-1", "us-east-2"))
    return second if region == first else first


def print_plan(options):
    usual = most = 0
    print("What a run does, with the usual and the greatest number of calls:\n")
    for step in chosen(options):
        rows = list(calls_of(step, options))
        usual, most = usual + sum(r[2] for r in rows), most + sum(r[3] for r in rows)
        print(f"{step.name}: {step.does}")
        for service, operation, few, many in rows:
            count = str(few) if few == many else f"{few} to {many}"
            print(f"    {service}:{operation}  {count}")
        for asked in step.asks:
            print(f"      ? {QUESTIONS[asked]}")
        print()
    print(f"About {usual} calls, {most} if everything has to be repeated; a run ends before it makes "
          f"more than {MAX_CALLS}.\nAll writes are to the trail {PREFIX}<random> and its bucket.")


def policy(options):
    region = options.region or "us-east-1"
    partition = partition_of(region)
    named = f"arn:{partition}:cloudtrail:*:*:trail/{PREFIX}*"
    own, anywhere, bucket = set(), {"cloudtrail:LookupEvents", "cloudtrail:DescribeTrails"}, set()
    for step in (*STEPS, CLEANING):
        for service, operation, _, _ in step.calls:
            action = f"{service}:{ACTIONS.get(operation, operation)}"
            if service == "s3":
                bucket.add(action)
            elif operation == "GetTrailStatus":
                anywhere.add(action)    # also asked with a malformed ARN
            elif action not in anywhere:
                own.add(action)
    statements = [{"Effect": "Allow", "Action": sorted(own), "Resource": named},
                  {"Effect": "Allow", "Action": sorted(anywhere), "Resource": "*"}]
    if not options.bucket:
        statements.append({"Effect": "Allow", "Action": sorted(bucket),
                           "Resource": [f"arn:{partition}:s3:::{PREFIX}*",
                                        f"arn:{partition}:s3:::{PREFIX}*/*"]})
    return {"Version": "2012-10-17", "Statement": statements}


class Probe:
    """What the steps work with."""

    def __init__(self, options, clock, caller, own, member):
        self.options = options
        self.clock = clock
        self.caller = caller
        self.own = own
        self.member = member
        self.began = clock.time()
        self.lag = 0.0

    def sleep(self, seconds):
        if seconds > 0:
            self.clock.sleep(seconds)

    @staticmethod
    def note(text):
        say("    " + text)


def say(text=""):
    """A terminal that is gone must not keep the cleaning from being done."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")


def sessions(options):
    """botocore's sessions of the owner and of the member; what is wrong with them is explained."""
    import botocore.session
    from botocore.exceptions import ProfileNotFound
    made = []
    for profile in (options.profile, options.member_profile):
        if made and profile is None:
            made.append(None)
            continue
        session = botocore.session.Session(profile=profile)
        session.set_config_variable("sts_regional_endpoints", "regional")
        try:
            session.get_scoped_config()
            credentials = session.get_credentials()
        except ProfileNotFound:
            names = ", ".join(sorted(session.available_profiles)) or "none"
            raise ProbeError(f"there is no profile {profile}. Profiles in your AWS configuration: "
                             f"{names}.") from None
        if credentials is None:
            raise ProbeError("no credentials were found. Name a --profile, or log in as for the "
                             "AWS command line (aws configure, aws sso login).")
        made.append(session)
    if options.region is None:
        options.region = made[0].get_config_variable("region")
    if options.region is None:
        raise ProbeError("no region: give one with --region, such as --region eu-west-1.")
    options.other_region = options.other_region or other_region(options.region)
    if options.other_region == options.region:
        raise ProbeError("--other-region is to be another one than --region.")
    return made


def identify(caller):
    """Account and ARN, before anything else; the usual first mistakes show here."""
    who = caller.call("sts", "GetCallerIdentity")
    if who.ok:
        return who.parsed["Account"], who.parsed["Arn"]
    raise ProbeError(f"AWS does not say who you are: {who.code}: {who.message}"
                     + advice(who.code, caller.options.region))


def advice(code, region):
    """What is usually wrong when a first call fails with this code."""
    disabled = f"The key is unknown to AWS, or region {region} is not enabled for this account " \
        "(aws account list-regions)."
    said = {
        "InvalidClientTokenId": disabled, "UnrecognizedClientException": disabled,
        "InvalidSignatureException": "The secret key is wrong, or this machine's clock is.",
        "SignatureDoesNotMatch": "The secret key is wrong, or this machine's clock is.",
        "ExpiredToken": "The session is over; log in again (aws sso login).",
        "RegionDisabledException": f"Region {region} is not enabled for this account.",
        "EndpointConnectionError": f"Is {region} a region, and is there a way to the internet?",
        "ConnectTimeoutError": "Is there a way to the internet?",
        "SSLError": "The server's certificate is not believed; --ca-bundle names an authority."}
    if code.startswith("AccessDenied"):
        return "\nscripts/probe-aws --print-policy prints what a run needs."
    return "\n" + said[code] if code in said else ""


def look_around(caller):
    """How many trails this region has; the answer names the owner's, and is not kept."""
    seen = caller.call("cloudtrail", "DescribeTrails", remember=False, includeShadowTrails=True)
    if not seen.ok:
        region = caller.options.region
        raise ProbeError(f"cannot look at the trails in {region}: {seen.code}: {seen.message}"
                         + advice(seen.code, region))
    trails = seen.parsed["trailList"]
    left = [t["Name"] for t in trails if t["Name"].startswith(PREFIX)]
    return trails, left


def agree(options, account, arn, trails, left):
    """Show where this is about to happen; True when the owner wants it."""
    where = options.bucket or "a bucket of the same name"
    say(f"""\
account        {account}
you are        {arn}
region         {options.region} (writes that must be refused: from {options.other_region})
trails here    {len(trails)} seen from this region; none of them is touched
makes          a multi-region trail {PREFIX}<random>, delivering into {where}
calls          about 60 in 8 to 15 minutes, for less than a cent in a quiet account
{'keeps          trail and bucket (--keep)' if options.keep else
 'deletes        trail and bucket at the end, also after an error or Ctrl-C'}""")
    if options.member_profile:
        say("member         reads " + options.organization_trail_arn
            + (" and calls StartLogging on it" if options.member_start else ""))
    if left:
        say("left over      by an earlier run, perhaps: " + ", ".join(left))
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise ProbeError("nobody to ask (standard input is no terminal): add --yes if this is "
                         "the sandbox that you mean.")
    say("\nThis is meant for a sandbox, not for an account that matters.")
    try:
        return input("Type yes to go on: ").strip().lower() == "yes"
    except EOFError:
        return False


def report(answers, path):
    say("\nAnswers")
    for row in answers:
        say(f"  {WORDS[row['confidence']]:<10} {row['question']}\n             {row['answer']}")
    counts = {c: sum(1 for a in answers if a["confidence"] == c) for c in WORDS}
    say(f"\n{counts['certain'] + counts['likely']} answered, {counts['open']} open, "
        f"{counts['not asked']} not asked. Saved in {path}")


def write(path, meta, exchanges, answers):
    """As text into the file that was opened before anything was made."""
    saved = {"format": FORMAT, "meta": meta, "exchanges": exchanges, "answers": answers}
    text = json.dumps(saved, indent=1, default=float) + "\n"
    with open(path, "r+", encoding="utf-8") as out:
        out.truncate()
        out.write(text)
    return text


def save(path, meta, caller, own, options, secrets):
    """Answers come from the very exchanges that are saved, placeholders and all. True when the
    file is fit to be passed on."""
    redactor, trail = None, {"name": own.name, "arn": own.arn}
    meta = {**meta, "trail": trail, "account": own.account, "bucket": own.bucket}
    if not options.no_redact:
        given = {options.bucket: "amzn-s3-demo-bucket"} if options.bucket else {}
        if options.organization_trail_arn:
            given[options.organization_trail_arn.split("/")[1]] = "organization-trail"
        redactor = Redactor(own.account, secrets, given)
    try:
        exchanges = prepare(caller.exchanges, trail, redactor)
        told = redactor.walk(meta) if redactor else meta
        answers = deduce(exchanges, told)
    except Exception:
        say("\nprobe-aws: a bug of this program:\n" + traceback.format_exc())
        write(path, {**meta, "redacted": False}, caller.exchanges, [])
        say(f"{path} has what AWS answered as it came. Do NOT pass it on.")
        return False
    text = write(path, told, exchanges, answers)
    report(answers, path)
    if redactor is None or not redactor.leaks(text):
        return True
    write(path, {**told, "redacted": False}, exchanges, answers)
    say("\nprobe-aws: the file still holds a key or an account id. Do NOT pass it on; please "
        "report this.")
    return False


def open_output(options, clock):
    path = options.output
    if path is None:
        day = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.time()))
        path = f"{PREFIX}{day}-{options.region}.json"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise ProbeError(f"cannot write {path}: {error.strerror}") from None
    return path


def clean(own, options):
    """Whatever was made is deleted; what could not be is told with the commands for it."""
    left = own.commands()
    if left and not options.keep:
        say("\nCleaning up (Ctrl-C again leaves it to you)")
        try:
            left = own.clean(lambda text: say("    " + text))
        except (KeyboardInterrupt, Exception) as error:
            left = own.commands()
            say(f"    stopped by {type(error).__name__} {error}")
    if left:
        say("\nStill in the account. To remove it:")
        for command in left:
            say("    " + command)
    return not left or options.keep


def run(probe, path, meta, secrets):
    """All steps, then the cleaning, then the file, whatever happened."""
    own, caller, options = probe.own, probe.caller, probe.options
    failure = None
    say(f"\nThe trail's name is {own.name}")
    try:
        for step in chosen(options):
            if step.run is not None:
                caller.step = step.name
                say(f"{step.name:<16} {step.does}")
                step.run(probe)
    except KeyboardInterrupt:
        failure = "interrupted"
        say("\ninterrupted")
    except ProbeError as error:
        failure = str(error)
        say(f"\nprobe-aws: {failure}")
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        say("\nprobe-aws: a bug of this program:\n" + traceback.format_exc())
    cleaned = clean(own, options)
    meta.update(complete=failure is None, failure=failure)
    fit = save(path, meta, caller, own, options, secrets)
    return 3 if not cleaned else 1 if failure or not fit else 0


def secrets_of(made):
    secrets = []
    for session in filter(None, made):
        keys = session.get_credentials().get_frozen_credentials()
        secrets += [keys.access_key, keys.secret_key, keys.token]
    return secrets


def interrupt(number, frame):
    raise KeyboardInterrupt


def main(arguments, clock=None):
    options = parse(arguments)
    if options.dry_run:
        print_plan(options)
        return 0
    if options.print_policy:
        print(json.dumps(policy(options), indent=2))
        return 0
    try:
        import botocore  # noqa: F401
    except ImportError:
        print(NO_BOTOCORE.format(python=sys.executable), file=sys.stderr)
        return 1
    before = {n: signal.signal(n, interrupt) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        return ask(options, clock or Clock())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ask(options, clock):
    """Find out who and where, ask whether to go on, run."""
    import botocore
    from botocore.exceptions import BotoCoreError
    try:
        made = sessions(options)
        caller = Caller(made[0], options, clock, [])
        account, arn = identify(caller)
        member = None
        if made[1] is not None:
            member = Caller(made[1], options, clock, caller.exchanges, "member")
            member.began = caller.began
        trails, left = look_around(caller)
        if not agree(options, account, arn, trails, left):
            say("Nothing was made.")
            return 1
        path = open_output(options, clock)
        partition = arn.split(":")[1]
        own = Belongings(caller, account, partition, options.bucket)
        meta = {"began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.time())),
                "partition": partition, "region": options.region,
                "other_region": options.other_region, "botocore": botocore.__version__,
                "python": platform.python_version(), "wait_minutes": options.wait,
                "redacted": not options.no_redact}
        return run(Probe(options, clock, caller, own, member), path, meta, secrets_of(made))
    except (ProbeError, BotoCoreError) as error:
        print(f"probe-aws: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nprobe-aws: interrupted; nothing had been made", file=sys.stderr)
        return 1
