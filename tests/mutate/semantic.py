# SPDX-License-Identifier: Apache-2.0
"""Promises broken on purpose, one for each row of the table in tests/sim/README.md, which the
simulator has to notice. Each is anchored to a function by name, and there to a call, a member or a
condition, so that it stays when the text around it changes."""

import pathlib
import re
import tempfile

from build import Build, Check, Compiler
from source import CLOSING, Source

# What may be run for one bug, by the tier that has to notice it.
TIERS = {"light worlds": ("-x", "-r", "-n", "20000", "-w", "0"),
         "whole worlds": ("-x", "-r", "-n", "0", "-w", "2000"),
         "scenarios": ("-x", "-n", "0", "-w", "0")}
CPU_SECONDS = 60  # the longest of them, about
TABLE = "tests/sim/README.md"


class Gone(Exception):
    """The anchor of a bug: it has to follow the code."""


class Place:
    """A function; what the steps below change in it, as (start, end, text)."""

    def __init__(self, source, name):
        found = [f for f in source.functions if f.name == name]
        if len(found) != 1:
            raise Gone(f"{source.path} has {len(found) or 'no'} function {name}()")
        self.s, self.f, self.where = source, found[0], f"{name}() in {source.path}"
        self.statements = source.statements(self.f)

    def one(self, found, what, which=None):
        found = list(found)
        if not found or which is None and len(found) > 1:
            raise Gone(f"{self.where} has {len(found) or 'no'} {what}")
        return found[which or 0]

    def span(self, first, last, text):
        return self.s.tokens[first].start, self.s.tokens[last].end, text

    def words(self, first, last):
        return {self.s[k] for k in range(first, last + 1)}

    def statement(self, words):
        return self.one((x for x in self.statements if x.kind in ("call", "assignment") and
                         set(words) <= self.words(x.first, x.last)), f"statement with {words}")

    def condition(self, words):
        return self.one((x.head for x in self.statements if x.kind == "if" and
                         set(words) <= self.words(*x.head)), f"condition with {words}")

    def end_of(self, k):
        """The last token of the expression that begins at k."""
        while self.s[k] not in (",", ";") and self.s[k] not in CLOSING.values():
            k = self.s.partner.get(k, k) + 1
        return k - 1


# The steps: each makes a function of a Place.

def drop(*words):
    """The statement that has these words is not there."""
    def step(p):
        x = p.statement(words)
        return p.span(x.first, x.last, ";")
    return step


def before(word, code):
    """Code stands before the statement that has this word."""
    def step(p):
        x = p.statement([word])
        return p.span(x.first, x.last, f"{code} {p.s.span(x.first, x.last)}")
    return step


def decided(value, *words):
    """The condition that has these words is always true, or never."""
    return lambda p: p.span(*p.condition(words), f"({value})")


def value(member, text):
    """What is assigned to this is something else."""
    def step(p):
        at = p.one((k for k in range(p.f.first, p.f.last)
                    if p.s[k] == member and p.s[k + 1] == "="), f"assignment to {member}")
        return p.span(at + 2, p.end_of(at + 2), text)
    return step


def argument(call, n, text, which=None):
    """The nth argument of a call, from 1, is something else."""
    def step(p):
        k = 2 + p.one((k for k in range(p.f.first, p.f.last)
                       if p.s[k] == call and p.s[k + 1] == "("), f"call of {call}()", which)
        for _ in range(n - 1):
            k = p.end_of(k) + 2
        return p.span(k, p.end_of(k), text)
    return step


def word(was, text):
    """This word, which the function has once, is something else."""
    def step(p):
        k = p.one((k for k in range(p.f.first, p.f.last) if p.s[k] == was), f"word {was}")
        return p.span(k, k, text)
    return step


def returns(text, which=-1):
    """A return, the last one, gives something else."""
    def step(p):
        x = p.one((x for x in p.statements if x.kind == "return"), "return", which)
        return p.span(x.first, x.last, f"return {text};")
    return step


def body(text):
    """The function is this."""
    return lambda p: p.span(p.f.first, p.f.last, f"{{ {text} }}")


ONE_POLL_AT_A_TIME = """for (size_t k = 0; k < c->n_trails; k++)
        if (c->trails[k].polling) {
                t->next_poll_boot = c->now.boot_usec + 10 * USEC_PER_SEC;
                return;
        }"""

# Name, file of src, function, what is done to it.
BUGS = [
    ("act-after-talking", "core/core.c", "core_step", drop("put_restarts_first")),
    ("own-calls-are-forgotten", "core/core.c", "core_own_start", returns("OWN_CALL_NO", which=0)),
    ("heartbeat-although-blind", "core/heartbeat.c", "heartbeat_tick",
     value("beats", "!c->withheld_msec")),
    ("heartbeat-although-nobody-hears", "core/heartbeat.c", "heartbeat_tick",
     value("beats", "c->trails[k].good_since_heartbeat")),
    ("new-stop-waits-for-the-gate", "core/trail.c", "trail_note_down", drop("next_start_boot")),
    ("one-not-found-is-enough", "core/trail.c", "on_not_found", decided(0, "not_found")),
    ("blindness-takes-twice-as-long", "core/trail.c", "blind_boot",
     word("cannot_see_after_usec", "cannot_see_after_usec * 2")),
    ("busy-while-it-polls", "core/trail.c", "trail_next_boot", word("polling", "polling * 0")),
    ("polls-wait-for-one-another", "core/trail.c", "trail_tick",
     before("polling", ONE_POLL_AT_A_TIME)),
    ("no-retry-of-a-failed-restart", "core/restart.c", "restart_answered",
     value("next_start_boot", "USEC_INFINITY / 2")),
    ("unseen-is-never-started", "core/unseen.c", "is_wanted", body("return false;")),
    ("throttled-restart-backs-off", "core/restart.c", "restart_throttled",
     value("pause", "60 * USEC_PER_SEC")),
    ("closed-when-it-was-seen", "core/reading.c", "on_restarted",
     argument("incident_close", 3, "c->now.wall_msec", which=-1)),
    ("blink-is-overlooked", "core/observe.c", "observe_logging",
     decided(0, "stop_logging_msec", "stop_msec")),
    ("names-by-detection", "core/incident.c", "make_id", argument("stop_id", 2, "c->now.wall_msec")),
    ("send-before-store", "core/notify.c", "may_leave_boot", body("return 0;")),
    ("wait-for-the-disk-for-ever", "core/notify.c", "may_leave_boot", returns("USEC_INFINITY")),
    ("sent-is-not-written-down", "core/notify.c", "notify_sent", drop("incident_touch")),
    ("fifo-messages-overtake", "core/notify.c", "waits_until_boot", body("return 0;")),
    ("refused-call-did-it", "core/attribution.c", "plain_role", decided(0, "error_code")),
    ("group-is-never-told", "core/group.c", "consider", drop("tell")),
    ("failing-waits-its-turn", "core/group.c", "consider", value("loud", "false")),
    ("changes-before-outages", "core/lookupturn.c", "lookup_claim_is_before",
     body("return a->rank != b->rank ? a->rank > b->rank : is_earlier(a, b);")),
    ("look-ups-without-budget", "core/lookup.c", "ask", value("next_lookup_boot", "0")),
    ("search-without-end", "core/search.c", "keep_time", drop("give_up")),
    ("drift-is-forgotten", "core/driftwatch.c", "drift_resume", drop("changes_digest")),
    ("subject-of-any-length", "core/alerttext.c", "alert_text",
     argument("headline_print", 2, "4 * ALERT_SUBJECT_MAX")),
    ("start-waits-for-a-turn", "net/client.c", "call_attempt", value("credentials", "NULL")),
    ("no-deadline", "net/client.c", "aws_call_start", drop("call_arm_deadline")),
    ("deadline-outlives-the-call", "net/client.c", "aws_call_cancel",
     drop("timer_cancel", "deadline")),
    ("secret-in-a-header", "net/client.c", "call_try_send",
     word("user_agent",
          "user_agent ? secret_expose(credentials->secret_access_key) : NULL")),
    ("no-pause-after-a-failed-fetch", "net/credcache.c", "postpone", value("not_before_usec", "0")),
    ("metadata-without-a-token", "net/creds_imds.c", "imds_fetch",
     argument("next_step", 2, "IMDS_ROLE")),
    ("asked-when-answered", "daemon/calls.c", "on_polled", value("asked_msec", "INT64_MAX / 2")),
]


def planted(tree, bug):
    """The source with the bug in it."""
    _, file, function, step = bug
    text = (tree / "src" / file).read_text()
    start, end, instead = step(Place(Source(f"src/{file}", text), function))
    return text[:start] + instead + text[end:]


def claimed(tree):
    """Which tier the table says notices a bug, by its name."""
    table = (tree / TABLE).read_text()
    return dict(re.findall(rf"\| ([a-z-]+) \| ({'|'.join(TIERS)}) \|$", table, re.M))


def make(tree, compiler, bug):
    """The object with the bug in it, or what is wrong with its anchor."""
    name, file, _, _ = bug
    source, target = f"src/{file}", compiler.out / f"{name}.o"
    try:
        text = planted(tree, bug)
    except (Gone, OSError) as e:
        return None, str(e)
    if not compiler.compile_changed(source, text, target):
        return None, "does not compile"
    original = compiler.compile(source, compiler.out / f"{name}-original.o")
    if original.read_bytes() == target.read_bytes():
        return None, "changes nothing"
    return target, None


def try_one(build, bug, tier, target):
    name, file, _, _ = bug
    folder, instead = build.out / name, {f"src/{file}": target}
    build.link(folder, instead)
    return build.fails(Check(tier, build.sim, TIERS[tier]), folder, CPU_SECONDS)


def run(options):
    tree, tiers = options.tree, claimed(options.tree)
    bugs = [b for b in BUGS if not options.names or b[0] in options.names]
    wrong = [f"{name}: stands in only one of semantic.py and {TABLE}"
             for name in sorted({b[0] for b in BUGS} ^ set(tiers))]
    with tempfile.TemporaryDirectory() as out:
        out = pathlib.Path(out)
        compiler = Compiler(tree, out / "anchors", options.jobs)
        made = dict(zip([b[0] for b in bugs],
                        compiler.parallel(lambda b: make(tree, compiler, b), bugs)))
        wrong += [f"{name}: {what}" for name, (_, what) in made.items() if what]
        able = [b for b in bugs if made[b[0]][0] and b[0] in tiers]
        if not options.anchors:
            build = Build(tree, out / "build", options.jobs, with_programs=False)

            def judge(bug):
                found = try_one(build, bug, tiers[bug[0]], made[bug[0]][0])
                print(f"{bug[0]}: {tiers[bug[0]] if found else 'SURVIVES'}", flush=True)
                return found

            wrong += [f"{b[0]}: {tiers[b[0]]} do not notice it"
                      for b, found in zip(able, build.parallel(judge, able)) if not found]
    for line in wrong:
        print(line)
    print(f"{len(bugs)} bugs, {len(wrong)} wrong" + " (anchors only)" * options.anchors)
    return bool(wrong)
