/* SPDX-License-Identifier: Apache-2.0 */
/* An incident as a course of events. */

#include "cli/timeline.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "core-fixture.h"
#include "unit.h"

#define STOP INT64_C(36000500)
/* "+0.000 s AWS stopped ..." line by line; owned. */
static char *lines_of(const Incident *i)
{
        _cleanup_(timeline_done) Timeline t = timeline_make(i);
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(16384);
        char offset[80];

        for (size_t k = 0; k < t.n_events; k++)
                strbuf_addf(&b, "%s %s: %s\n", timeline_offset(&t, &t.events[k], offset),
                            timeline_clock_name(t.events[k].clock), t.events[k].text);
        return mem_strdup(strbuf_str(&b));
}

static Message *add_message(Incident *i, Phase phase, int64_t at)
{
        Message *m = mem_push0(i->messages, i->n_messages);

        *m = (Message){.sequence = (unsigned)i->n_messages,
                       .phase = phase,
                       .created_msec = BASE + at,
                       .subject = mem_strdup("subject"),
                       .body = mem_strdup("body")};
        return m;
}

static void add_delivery(Message *m, const char *topic, int64_t sent)
{
        *mem_push0(m->deliveries, m->n_deliveries) =
                (Delivery){.topic_arn = mem_strdup(topic), .sent = sent != 0, .sent_msec = sent};
}

static void test_course_of_a_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        _cleanup_free_ char *lines = NULL;

        i->last_logging_msec = BASE + STOP - 1500;
        i->detected_msec = BASE + STOP + 2000;
        i->restart = (Restart){.state = RESTART_VERIFIED,
                               .requested_msec = BASE + STOP + 2000,
                               .accepted_msec = BASE + STOP + 2100};
        i->blind_to_msec = BASE + STOP + 2050;
        i->open = false;
        i->closed_msec = BASE + STOP + 3000;
        i->delivering = DELIVERING_YES;
        i->delivering_msec = BASE + STOP + 305000;
        fixture_add(i, &(RecordFacts){.at = STOP, .who = MALLORY});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        fixture_add(i, &(RecordFacts){.at = STOP - 60000, .who = BOB, .error = "AccessDenied"});
        i->attribution.findings[1].role = ROLE_ATTEMPT;
        fixture_add(i, &(RecordFacts){.at = STOP + 2000, .who = OWN, .event = "StartLogging"});
        i->attribution.findings[2].role = ROLE_OWN;
        i->attribution.found_msec = BASE + STOP + 240000;
        i->attribution.confidence = CONFIDENCE_EXACT;
        add_delivery(add_message(i, PHASE_OPEN, STOP + 2000), TOPIC, BASE + STOP + 2200);
        lines = lines_of(i);
        assert_string_equal(lines, "-1 min history: StopLogging refused: AccessDenied by bob "
                                   "(attempt)\n"
                                   "-1.500 s guard: last seen logging\n"
                                   "+0.000 s AWS: stopped (StopLoggingTime)\n"
                                   "+0 s history: StopLogging by mallory (culprit)\n"
                                   "+2.000 s guard: detected: stopped\n"
                                   "+2.000 s guard: StartLogging requested\n"
                                   "+2.050 s AWS: logging again (StartLoggingTime)\n"
                                   "+2.100 s guard: StartLogging accepted\n"
                                   "+2.200 s guard: alert 1 OPEN sent to alerts\n"
                                   "+2 s history: StartLogging by this guard (own)\n"
                                   "+3.000 s guard: closed: restart verified by GetTrailStatus\n"
                                   "+4 min guard: found in Event history: mallory (exact)\n"
                                   "+5 min 5 s guard: log files are delivered again\n");
}

static void test_unsent_and_unknown_times(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        _cleanup_free_ char *lines = NULL;
        Message *m = add_message(i, PHASE_OPEN, STOP + 2000);

        add_delivery(m, TOPIC, 0);
        add_delivery(m, TOPIC2, BASE);
        m->deliveries[1].sent_msec = 0; /* stored before times were */
        m->deliveries[1].message_id = mem_strdup("m-1");
        lines = lines_of(i);
        assert_non_null(strstr(lines, "guard: alert 1 OPEN made, NOT SENT to alerts\n"));
        assert_non_null(strstr(lines, "guard: alert 1 OPEN made, and sent later, to alerts\n"));
        assert_null(strstr(lines, "StartLogging requested"));
        assert_null(strstr(lines, "closed"));
}

static void test_not_seen(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_CANNOT_SEE, 0);
        _cleanup_free_ char *lines = NULL;

        i->last_logging_msec = i->blind_from_msec = BASE;
        i->detected_msec = BASE + 60000;
        i->blind_to_msec = i->closed_msec = BASE + 90500;
        i->open = false;
        lines = lines_of(i);
        assert_string_equal(lines, "-1 min guard: last seen logging\n"
                                   "-1 min guard: last good poll\n"
                                   "+0.000 s guard: detected: unreachable\n"
                                   "+30.500 s guard: seen again\n"
                                   "+30.500 s guard: closed\n");
}

UNIT_MAIN(T(test_course_of_a_stop), T(test_unsent_and_unknown_times), T(test_not_seen))
