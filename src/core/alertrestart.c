/* SPDX-License-Identifier: Apache-2.0 */

/* What a message says of StartLogging: whether the guard sent it, and what came of it. */

#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertpart.h"
#include "core/alerttext.h"

char *alert_throttled_words(unsigned attempts, int64_t for_msec)
{
        char d[TIMEFMT_MAX];

        if (attempts < 2)
                return NULL;
        return mem_printf("throttled for %s, %u attempts",
                          timefmt_duration(for_msec / MSEC_PER_SEC * MSEC_PER_SEC, d), attempts);
}

static void add_throttled(StrBuf *b, const Restart *r)
{
        _cleanup_free_ char *words = alert_throttled_words(r->throttled, r->throttled_msec);

        if (words)
                strbuf_addf(b, "%16sStartLogging was %s\n", "", words);
}

bool alert_has_unseen_starts(const Incident *i)
{
        return i->kind == INCIDENT_CANNOT_SEE &&
               (i->restart.state == RESTART_UNSEEN || i->restart.attempts > 0);
}

static void add_unseen_starts(StrBuf *b, const Incident *i)
{
        const Restart *r = &i->restart;
        char t[TIMEFMT_MAX];

        if (!alert_has_unseen_starts(i))
                return;
        strbuf_addf(b, "%-16s%s, in case the trail was stopped\n", "Restart",
                    !i->open                     ? "StartLogging was sent meanwhile"
                    : r->state == RESTART_UNSEEN ? "StartLogging is sent once a minute"
                                                 : "StartLogging was sent for a while");
        if (r->attempts > 0)
                strbuf_addf(b, "%16s%u sent so far, %s%s\n", "", r->attempts,
                            r->accepted_msec ? "last accepted at " : "none accepted",
                            r->accepted_msec ? timefmt_iso8601(r->accepted_msec, t) : "");
        add_throttled(b, r);
        if (r->error.class == AWS_ERROR_NONE)
                return;
        _cleanup_free_ char *words = alert_error_words(&r->error);
        strbuf_addf(b, "%16sThe last one FAILED: ", "");
        foreign_add(b, words, ALERT_ERROR_MAX);
        strbuf_add_char(b, '\n');
}

void alert_add_restart(StrBuf *b, const Incident *i)
{
        const Restart *r = &i->restart;

        add_unseen_starts(b, i);
        if (!alert_has_restart(i) || r->state == RESTART_UNSEEN)
                return;
        strbuf_addf(b, "%-16s", "Restart");
        if (!i->open && !i->blind_to_msec) {
                strbuf_add(b, "goes on with the next incident of this trail\n");
                return;
        }
        switch (r->state) {
        case RESTART_NOT_WANTED:
                strbuf_add(b, i->blind_to_msec    ? "not needed: it was logging again when seen\n"
                              : i->in_maintenance ? "not wanted (maintenance)\n"
                                                  : "not wanted (action = \"alert\")\n");
                if (!i->blind_to_msec)
                        return;
                break;
        case RESTART_REQUESTED:
                strbuf_add(b, "StartLogging has been sent, no answer yet\n");
                return;
        case RESTART_ACCEPTED:
                strbuf_add(b, "StartLogging was accepted; not yet verified\n");
                return;
        case RESTART_VERIFIED:
                strbuf_addf(b, "%s, verified by GetTrailStatus (%u StartLogging)\n",
                            r->unanswered > 0 && !r->accepted_msec
                                    ? "probably by this guard, whose StartLogging had no answer"
                                    : "by this guard",
                            r->attempts);
                add_throttled(b, r);
                break;
        case RESTART_BY_OTHERS:
                strbuf_add(b, "started by somebody else, not by this guard\n");
                break;
        case RESTART_FAILING: {
                _cleanup_free_ char *words = alert_error_words(&r->error);
                strbuf_addf(b, "FAILS (%u StartLogging so far), goes on being tried\n%16s",
                            r->attempts, "");
                foreign_add(b, words, ALERT_ERROR_MAX);
                strbuf_add_char(b, '\n');
                add_throttled(b, r);
                return;
        }
        default:
                return;
        }
        if (i->delivering == DELIVERING_YES)
                strbuf_addf(b, "%-16slog files are delivered again\n", "Delivery");
        else if (i->delivering == DELIVERING_NO)
                alert_foreign_row(b, "Delivery FAILS", i->delivery_error);
        else
                strbuf_addf(b, "%-16snot seen yet since the restart (takes about 5 minutes)\n",
                            "Delivery");
}
