#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the tests of src/core can fail: plants one bug at a time in a copy of the tree and
says which tier finds it. Tiers, in order: the cmocka tests of the core, the simulator's scenarios,
its random worlds.

    tests/sim/mutate.py [-w WORLDS] [-l] [NAME ...]

A bug is a piece of text of one file and what stands in its place. A text that is not found exactly
once is an error: the list has to follow the code. Exits 1 when a bug survives."""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ["test-observe", "test-attribution", "test-incidentjson", "test-alerttext", "test-alertformat",
         "test-core", "test-corestate", "test-maintenance", "test-reconfigure", "test-group", "test-topic", "test-selectors", "test-drift",
         "test-driftwatch"]
CFLAGS = ["-std=gnu17", "-O1", "-g", "-w", "-D_GNU_SOURCE", '-DPACKAGE_VERSION="0"', "-Isrc",
          "-Itests/unit", "-Itests/sim"]
LIBS = ["-ljansson", "-lcrypto", "-lexpat"]
LIBRARY = ["src/core/*.c", "src/base/*.c", "src/aws/*.c"]
TIMEOUT = 300

# name, file below src/core, text, what stands in its place
BUGS = [
    ("act-after-talking", "core.c", "        put_restarts_first(ret);\n", ""),
    ("new-stop-waits-for-the-gate", "trail.c",
     "        if (s->start_logging_msec >= t->acted_stop_msec) {",
     "        if (0 && s->start_logging_msec >= t->acted_stop_msec) {"),
    ("old-logging-ends-an-outage", "trail.c", "        else if (logging)\n                t->down",
     "        else\n                t->down"),
    ("no-retry-of-a-failed-restart", "restart.c",
     "        t->next_start_boot = c->now.boot_usec + backoff_usec(c->policy.restart_retry_usec,",
     "        t->next_start_boot = USEC_INFINITY / 2 + backoff_usec(c->policy.restart_retry_usec,"),
    ("failing-is-told-each-time", "restart.c", "        i->restart.told |= 1U << error->class;\n",
     ""),
    ("acceptance-is-proof", "restart.c",
     "        t->stop->restart.state = RESTART_ACCEPTED;",
     "        t->stop->restart.state = RESTART_VERIFIED;"),
    ("restart-is-never-without-effect", "restart.c", "                not_effective(c, t);", ""),
    ("answer-of-before-the-stop", "restart.c", "        if (t->start_again)\n                return;",
     ""),
    ("stale-answers-are-believed", "observe.c",
     "        if (is_stale(known, seen))\n                return READING_STALE;\n", ""),
    ("half-an-update-is-believed", "observe.c",
     "seen->start_logging_msec <= seen->stop_logging_msec)\n                return READING_STALE;",
     "0)\n                return READING_STALE;"),
    ("blink-is-overlooked", "observe.c",
     "        if (seen->stop_logging_msec > known->stop_msec)\n                return READING_BLINK;\n",
     ""),
    ("one-doubtful-read-is-enough", "reading.c", "#define AGREEING_READS 3",
     "#define AGREEING_READS 1"),
    ("one-not-found-is-enough", "trail.c", "++t->not_found < 2", "++t->not_found < 1"),
    ("deleted-never-comes-back", "reading.c", "                if (!is_agreed(c, t, r)) {",
     "                if (1) {"),
    ("delivery-may-go-back", "trail.c", "        reading_watch_behind(c, t, s);\n", ""),
    ("redundant-stop-is-a-stop", "reading.c",
     "        t->stop->stop_moved_msec = s->stop_logging_msec;\n",
     "        incident_close(c, t->stop, 0);\n        open_stopped(c, t, s);\n        return;\n"),
    ("untimed-stop-gets-a-twin", "reading.c", "        return !i->stop_msec && s->start_logging_msec",
     "        return 0 && s->start_logging_msec"),
    ("left-over-stays-open", "trail.c", "                        reading_close_left_over(c, t, s);", ""),
    ("blindness-is-not-over", "trail.c",
     "        if (t->blind)\n                incident_close(c, t->blind, c->now.wall_msec);\n"
     "        note_down", "        note_down"),
    ("blindness-takes-twice-as-long", "trail.c",
     "c->now.boot_usec >= t->last_good_boot + c->policy.cannot_see_after_usec)",
     "c->now.boot_usec >= t->last_good_boot + 2 * c->policy.cannot_see_after_usec)"),
    ("names-by-detection", "incident.c", "        stop_id(arn, f->stop_msec, ret);",
     "        stop_id(arn, c->now.wall_msec, ret);"),
    ("finished-come-again", "incident.c",
     "        return !core_knows_finished(c, ret) && !core_find_incident(c, ret);",
     "        return !core_find_incident(c, ret);"),
    ("reminders-without-end", "incident.c", "                i->reminded_msec = c->now.wall_msec;\n"
     "                i->reminders++;", "                i->reminders++;"),
    ("no-reminders", "incident.c", "c->now.wall_msec >= incident_remind_due_msec(c, i)", "0"),
    ("send-before-store", "notify.c", "        if (is_durable(i, m) || i->store_error)",
     "        if (1)"),
    ("wait-for-the-disk-for-ever", "notify.c",
     "        return m->created_boot + c->policy.store_patience_usec;",
     "        return USEC_INFINITY;"),
    ("failed-store-is-not-repeated", "notify.c",
     "        i->store_retry_boot = c->now.boot_usec + c->policy.store_retry_usec;",
     "        i->store_retry_boot = USEC_INFINITY;"),
    ("refused-is-sent", "notify.c", "        if (in->error.class != AWS_ERROR_NONE) {\n"
     "                        failed", "        if (0) {\n                        failed"),
    ("dead-topic-keeps-its-slots", "notify.c", "                        t->in_flight--;", "{}"),
    ("sequence-from-zero", "notify.c", "        m->sequence = (unsigned)i->n_messages;",
     "        m->sequence = (unsigned)i->n_messages - 1;"),
    ("last-success-did-it", "attribution.c", "                else if (first == SIZE_MAX)",
     "                else"),
    ("refused-calls-count", "attribution.c",
     "        if (r->error_code)\n                return ROLE_ATTEMPT;\n", ""),
    ("rivals-are-overlooked", "attribution.c", "                        rivals = true;",
     "                        rivals = false;"),
    ("unreadable-is-innocent", "attribution.c",
     "        if (a->incomplete || has_unreadable(i, wanted))", "        if (a->incomplete)"),
    ("starts-between-do-not-count", "attribution.c",
     "                        from = MAX(from, f->record.time_msec);", "{}"),
    ("accused-before-judged", "attribution.c", "                f->role = ROLE_RELATED;", ""),
    ("ledger-forgets", "core.c", "                        return OWN_CALL_YES;",
     "                        return OWN_CALL_NO;"),
    ("ledger-excuses-all", "core.c", "        return near ? OWN_CALL_MAYBE : OWN_CALL_NO;",
     "        return OWN_CALL_MAYBE;"),
    ("clock-is-trusted", "core.c", "        follow_clock(c, now);\n", ""),
    ("heart-beats-in-the-blind", "core.c",
     "                c->trails[i].good_since_heartbeat = false;\n", ""),
    ("memory-lags-behind", "core.c", "                memory_follow_incident(&t->memory, incident);",
     ""),
    ("restored-outage-is-nobodys", "core.c", "                t->stop = i;", "                ;"),
    ("page-token-is-dropped", "round.c",
     "        if (round->next_token && ++round->pages < PAGES_MAX)\n                return;", ""),
    ("window-moves-under-the-token", "round.c",
     "        if (!round->next_token)\n                make_question(c, r);",
     "        make_question(c, r);\n        round->to_msec += (int64_t)round->pages;"),
    ("overfull-is-complete", "round.c", "                overfull(c, r, in->page);",
     "                next_step(c, r);"),
    ("everybody-searches-alone", "round.c",
     "                        if (a->from_msec > to + SEARCH_SLACK_MSEC ||",
     "                        if (1 || a->from_msec > to + SEARCH_SLACK_MSEC ||"),
    ("no-pace", "round.c", "r->round.n_riders == 0 && c->now.boot_usec >= r->paced_boot)",
     "r->round.n_riders == 0)"),
    ("all-windows-are-one", "attribution.c", "if (!is_in_window(&i->attribution, &records[k]) ||",
     "if ("),
    ("stop-before-may-have-done-it", "attribution.c", "        return n == 1;",
     "        return false;"),
    ("group-is-never-told", "group.c",
     "        if (c->now.boot_usec >= due_boot(c, lead))\n                tell(c, lead);", ""),
    ("members-speak-too", "group.c", "        return group_is_alone(i);\n}\n\n/* After",
     "        return true;\n}\n\n/* After"),
    ("same-trail-is-another-story", "group.c", "        if (!lead || !is_joinable(c, lead))",
     "        if (1)"),
    ("group-is-joined-for-ever", "group.c", "        return c->now.boot_usec < lead->quiet_boot &&",
     "        return"),
    ("no-storm", "group.c", "        if (n < STORM_GROUPS)", "        if (1)"),
    ("storm-leaves-the-first-alone", "group.c", "                join(c, first, x);\n", ""),
    ("group-never-ends", "group.c",
     "        else if (!s->ended)\n                due = MIN(due, lead->quiet_boot);", ""),
    ("failing-waits-its-turn", "group.c", "loud = news && (", "loud = 0 && news && ("),
    ("summaries-without-spacing", "group.c",
     "        return s->summaries == 0 ? due : MAX(due, s->told_boot + spacing_usec(c, s));",
     "        return due;"),
    ("worse-is-only-news", "group.c", "(is_first_of_its_kind(s) || is_worse(s))",
     "is_first_of_its_kind(s)"),
    ("gone-are-counted-twice", "group.c", "        if (!s || is_gone(s, i->number))",
     "        if (!s)"),
    ("gone-are-forgotten", "group.c", "        sum_add(&s->gone, c, i);\n", ""),
    ("who-is-no-news", "group.c", "n->confirmed != t->confirmed || ", ""),
    ("lead-leaves-its-members", "group.c", "i->series->in_memory > 1", "0"),
    ("group-reminds-nobody", "group.c", "                due = MIN(due, remind_due_boot(c, lead));",
     "                ;"),
    ("no-second-look", "search.c", "        a->state = SEARCH_SETTLING;",
     "        a->state = SEARCH_DONE;"),
    ("throttled-time-counts", "search.c",
     "        return c->now.wall_msec - a->begun_msec - a->throttled_msec;",
     "        return c->now.wall_msec - a->begun_msec;"),
    ("search-without-end", "search.c", "                give_up(c, i);", "{}"),
    ("no-not-yet", "search.c", "                say_not_yet(c, i);", "{}"),
    ("sent-is-not-written-down", "incidentjson.c",
     "        NEEDED(Delivery, sent, JSONMAP_BOOL),\n", ""),
    ("request-ids-are-not-written-down", "incidentjson.c",
     '        set_new(o, "request_ids", ids);', '        set_new(o, "request_ids", json_array());'),
    ("commands-for-any-name", "advice.c", "        return name && arn_name_is_plain(name);",
     "        return name;"),
    ("excluded-by-one-is-excluded-by-all", "selectors.c",
     "                if (any_records_sources(all, reads, p))\n                        continue;\n",
     ""),
    ("exclusions-are-overlooked", "selectors.c", "        if (widest(s, reads, &n) && n == 0)",
     "        if (widest(s, reads, &n))"),
    ("reads-count-as-writes", "selectors.c",
     "        const Pattern half = {.value = (char *)(reads ? \"true\" : \"false\")};",
     "        const Pattern half = {.value = f && f->n_select ? f->select[0].value : \"\"};"),
    ("any-narrowing-will-do", "selectors.c",
     "        if (s->odd || !is_management(s) || !has_half(s, reads))\n                return false;\n",
     "        return is_management(s) && has_half(s, reads);\n"),
    ("prefix-of-anything", "selectors.c",
     "                return p->kind != PATTERN_SUFFIX && begins_with(p->value, q->value);",
     "                return p->kind != PATTERN_SUFFIX;"),
    ("deselected-is-kept", "selectors.c", "                if (!found && !apart)\n"
     "                        return false;\n", ""),
    ("odd-records-all", "selectors.c", "        if (outer->odd)\n                return false;\n", ""),
    ("half-is-enough", "selectors.c", "                worst = MAX(worst, kept[half]);\n",
     "                worst = kept[half];\n"),
    ("doubt-is-silence", "selectors.c", "        return doubt ? KEPT_DOUBTFUL : KEPT_NOT;",
     "        return doubt ? KEPT_ALL : KEPT_NOT;"),
    ("buckets-are-all-alike", "drift.c",
     "                if (said ? resource_is_same(said, is) : streq(strempty(was), strempty(is)))",
     "                if (said ? resource_is_same(said, is) : isempty(was) == isempty(is))"),
    ("more-is-drift", "drift.c",
     "                if (was == is || (said == DECLARED_UNSAID && is))", "                if (was == is)"),
    ("declared-does-not-count", "drift.c", "        bool declared = expect->management_events != NULL;",
     "        bool declared = false;"),
    ("improvement-at-a-price", "drift.c",
     "            selectors_kept(before, now, false, NULL) != KEPT_ALL ||\n", ""),
    ("done-again-is-not-told", "drift.c", "                if (c && !c->undone && streq(c->after",
     "                if (c && streq(c->after"),
    ("undone-stays", "drift.c",
     "                i->changes.items[k].undone = !there[i->changes.items[k].kind];", "                ;"),
    ("one-look-is-enough", "driftwatch.c", "#define AGREEING_READS 2", "#define AGREEING_READS 1"),
    ("over-by-one-replica", "driftwatch.c",
     "                c->now.boot_usec >= t->doubted_drift_boot + c->policy.verify_within_usec);",
     "                c->now.boot_usec >= t->doubted_drift_boot);"),
    ("drift-becomes-the-baseline", "driftwatch.c",
     "                .described = s->described && !b->described,",
     "                .described = s->described,"),
    ("accepts-what-was-not-shown", "driftwatch.c", "        if (digest && !streq(digest, now))",
     "        if (0)"),
    ("accepts-what-is-declared", "driftwatch.c", "        if (left.n > 0) {", "        if (0) {"),
    ("denied-is-silent", "driftwatch.c",
     "        if ((lasts && t->inspect_failures >= FAILING_READS) ||", "        if ("),
    ("no-back-off", "driftwatch.c",
     "BACKOFF_MAX * c->policy.inspect_usec,\n", "c->policy.inspect_usec,\n"),
    ("half-hides-half", "driftwatch.c", "        trail_settings_update(&t->found, in->settings);",
     "        trail_settings_done(&t->found);\n"
     "        trail_settings_update(&t->found, in->settings);"),
    ("drift-is-forgotten", "driftwatch.c",
     "                t->drift = i;\n                changes_digest(&i->changes, t->believed);",
     "                t->drift = i;"),
    ("no-new-search", "driftwatch.c", "        search_again(c, i);\n", ""),
    ("one-error-is-enough", "deliverywatch.c", "#define AGREEING_READS 2", "#define AGREEING_READS 1"),
    ("no-habit", "deliverywatch.c", "quiet > MAX(HABITS * m->habit_msec, c->policy.late_least_msec)",
     "quiet > c->policy.late_least_msec"),
    ("blind-time-is-quiet-time", "deliverywatch.c",
     "        t->delivery_seen = !anew;", "        t->delivery_seen = true;"),
    ("habit-is-never-forgotten", "deliverywatch.c", "#define FORGET_MSEC (10 * MSEC_PER_DAY)",
     "#define FORGET_MSEC (100000 * MSEC_PER_DAY)"),
    ("any-bucket", "attribution.c", "                if (resource_is_same(r->trail, i->resources[k]))",
     "                if (1)"),
    ("first-of-several-did-it", "attribution.c", "        if (!first || rivals)", "        if (!first)"),
    ("half-explained-is-explained", "attribution.c",
     "        a->confidence = i->kind == INCIDENT_DELIVERY ? best : worst;",
     "        a->confidence = best;"),
    ("window-from-the-beginning", "search.c",
     "i->good_msec ? i->good_msec - CHANGE_SLACK_MSEC", "i->good_msec ? i->good_msec - MSEC_PER_DAY"),
    ("subject-of-any-length", "alerttext.c",
     "ALERT_SUBJECT_MAX - 3); /*", "4 * ALERT_SUBJECT_MAX); /*"),
    ("maintenance-is-ignored", "maintenance.c",
     "        return find_window(c, t->config.arn) != NULL;", "        return false;"),
    ("maintenance-never-ends", "maintenance.c",
     "c->now.wall_msec >= c->incidents[k]->until_msec", "0"),
    ("maintenance-leaves-it-untold", "maintenance.c",
     "        notify(c, i, PHASE_OPEN);\n        trail_hurry", "        trail_hurry"),
    ("maintenance-silences-misuse", "notify.c", "(i->in_maintenance && !i->attribution.misused)",
     "(i->in_maintenance)"),
    ("maintenance-of-one-is-of-all", "maintenance.c",
     "(!w->scope_arn || streq(w->scope_arn, trail_arn))", "true"),
    ("maintenance-ends-at-a-restart", "core.c",
     "        c->n_windows += incident->kind == INCIDENT_MAINTENANCE && incident->open;\n", ""),
    ("reload-forgets-trails", "configure.c",
     "                if (was)\n                        trail_keep(c, &c->trails[i], was, "
     "&config->trails[i]);\n                else\n", ""),
    ("reload-loses-places", "configure.c",
     "                i->trail = t ? (size_t)(t - c->trails) : SIZE_MAX;\n                if (!t &&",
     "                if (!t &&"),
    ("removal-is-silent", "configure.c", "        x->trails_removed++;\n", ""),
    ("fifo-messages-overtake", "notify.c", "        while (t->fifo && k-- > 0) {",
     "        while (0 && k-- > 0) {"),
    ("least-severity-is-ignored", "notify.c",
     "                bool wanted = m->severity >= topic->min_severity;",
     "                bool wanted = true;"),
    ("failing-topic-hears-of-itself", "notify.c",
     "                if (topic_is_told_of(i, topic->arn))\n                        continue;\n", ""),
    ("failing-topic-is-not-told", "topic.c", "                        tell(c, t);",
     "                        ;"),
    ("failing-topic-is-told-late", "topic.c", "return is_permanent(&t->error) ? 0 : t",
     "return t"),
    ("failing-topic-never-recovers", "topic.c",
     "        notice_close(c, i, PHASE_CLOSED, title, text);", ""),
    ("recovered-before-all-is-taken", "topic.c",
     "        if (w.n_refused > 0)\n                return;\n", ""),
    ("what-waited-goes-on-waiting", "topic.c", "                                d->next_boot = 0;",
     "                                d->next_boot += 0;"),
    ("same-id-for-each-update", "alertformat.c",
     "phase_to_string(m->phase), m->sequence, topic_arn);",
     "phase_to_string(m->phase), 0U, topic_arn);"),
    ("chat-rings-the-channel", "alertchat.c", '{"<", "&lt;", true}', '{"<", "<", true}'),
    ("incident-moves-the-document", "notify.c",
     "        write_message(c, i, message_new(c, i, phase));\n",
     "        Message *m = message_new(c, i, phase);\n"
     "        alert_text(i, &(AlertContext){.hostname = c->hostname}, &m->subject, &m->body);\n"),
]


def sources(tree, patterns):
    found = []
    for pattern in patterns:
        found += sorted(p.relative_to(tree).as_posix() for p in tree.glob(pattern))
    return [p for p in found if not p.endswith(("log.c",))]


def compile_one(tree, out, source):
    target = out / (source.replace("/", "_")[:-2] + ".o")
    subprocess.run(["gcc", *CFLAGS, "-c", source, "-o", target], cwd=tree, check=True)
    return target


def link(tree, out):
    objects = {p: out / (p.replace("/", "_")[:-2] + ".o")
               for p in sources(tree, LIBRARY + ["tests/sim/*.c", "tests/unit/core-fixture.c"])}
    library = [o for p, o in objects.items() if p.startswith("src/")]
    sim = [o for p, o in objects.items() if p.startswith("tests/sim/")]
    fixture = objects["tests/unit/core-fixture.c"]
    subprocess.run(["gcc", "-o", out / "sim", *sim, *library, *LIBS], check=True)
    for unit in UNITS:
        subprocess.run(["gcc", "-o", out / unit, out / f"tests_unit_{unit}.o", fixture, *library,
                        *LIBS, "-lcmocka"], check=True)


def build(tree, out):
    for source in sources(tree, LIBRARY + ["tests/sim/*.c", "tests/unit/core-fixture.c"]):
        compile_one(tree, out, source)
    for unit in UNITS:
        compile_one(tree, out, f"tests/unit/{unit}.c")
    link(tree, out)


def fails(command, out):
    try:
        done = subprocess.run(command, cwd=out, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def who_finds(out, worlds):
    found = [unit for unit in UNITS if fails([out / unit], out)]
    if fails([out / "sim", "-x", "-n", "0"], out):
        found.append("scenarios")
    if fails([out / "sim", "-x", "-r", "-n", str(worlds)], out):
        found.append("worlds")
    return found


def plant(tree, bug):
    _, name, text, instead = bug
    path = tree / "src/core" / name
    code = path.read_text()
    if code.count(text) != 1:
        sys.exit(f"{bug[0]}: the text stands {code.count(text)} times in {name}")
    path.write_text(code.replace(text, instead))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-w", "--worlds", type=int, default=3000)
    parser.add_argument("-l", "--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    bugs = [b for b in BUGS if not options.names or b[0] in options.names]
    if options.list:
        print("\n".join(b[0] for b in bugs))
        return 0

    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        tree, out = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "out"
        out.mkdir()
        for part in ("src", "tests/sim", "tests/unit"):
            shutil.copytree(ROOT / part, tree / part)
        build(tree, out)
        if who_finds(out, options.worlds):
            sys.exit("the tree fails its tests as it is")
        for bug in bugs:
            source = f"src/core/{bug[1]}"
            before = (tree / source).read_text()
            plant(tree, bug)
            compile_one(tree, out, source)
            link(tree, out)
            found = who_finds(out, options.worlds)
            survivors += not found
            print(f"{bug[0]:36} {'SURVIVES' if not found else ', '.join(found)}", flush=True)
            (tree / source).write_text(before)
            compile_one(tree, out, source)
    print(f"{len(bugs)} bugs planted, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    os.environ.pop("CFLAGS", None)
    sys.exit(main())
