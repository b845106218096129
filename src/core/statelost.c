/* SPDX-License-Identifier: Apache-2.0 */

/* The guard's own state, when it is not what it should be: not to be had just now, damaged, gone,
 * or of another version. What cannot be compared because of it is told to everybody, so that a new
 * baseline on a machine that had one is never silent; and what was still to be sent, as far as it
 * can be read, goes out with that. */

#include "core/internal.h"

#include <inttypes.h>

#include "aws/digest.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define TEXT_MAX 12000
#define CARRIED_MAX 40 /* messages of others */

static Incident *find_missing(const Core *c)
{
        for (size_t k = 0; k < c->n_incidents; k++)
                if (c->incidents[k]->kind == INCIDENT_STATE_LOST && c->incidents[k]->open)
                        return c->incidents[k];
        return NULL;
}

void state_missing(Core *c, const char *why)
{
        _cleanup_free_ char *title = mem_printf("stored state is not available: %s", why);
        /* The ids of earlier runs are in the state that is missing: each run has its own. */
        _cleanup_free_ char *digest = mem_printf("missing %" PRId64, c->begun_msec);

        if (find_missing(c))
                return;
        (void)notice_open(c, &(NoticeFacts){
                                     .kind = INCIDENT_STATE_LOST,
                                     .severity = SEVERITY_HIGH,
                                     .phase = PHASE_OPEN,
                                     .open = true,
                                     .title = title,
                                     .text = "Trails are polled and restarted all the same. What "
                                             "their settings were, which incidents are open and "
                                             "which alerts were not sent is not known until the "
                                             "state can be read. Nothing of it is written over.\n",
                                     .id_digest = digest,
                             });
}

void state_here(Core *c)
{
        Incident *i = find_missing(c);
        char d[TIMEFMT_MAX];

        if (!i)
                return;
        _cleanup_free_ char *text =
                mem_printf("It was read after %s. What was found out without it has been compared "
                           "with it.\n",
                           timefmt_duration(c->now.wall_msec - i->detected_msec, d));
        notice_close(c, i, PHASE_CLOSED, "stored state is available again", text);
}

/* Each goes to those who have not had it, under the name of the incident that it was made for. */
static void carry(Core *c, Incident *i, StateLoss *l)
{
        for (size_t k = 0; k < l->n_unsent && i->n_messages <= CARRIED_MAX; k++) {
                Message *m = mem_push0(i->messages, i->n_messages);

                *m = l->unsent[k];
                l->unsent[k] = (Message){};
                m->sequence = (unsigned)i->n_messages;
                m->created_boot = c->now.boot_usec;
                incident_touch(i);
                m->generation = i->generation;
                if (*l->id && !m->origin.incident) {
                        m->origin.incident = mem_strdup(l->id);
                        m->origin.kind = mem_strdup(l->kind);
                        m->origin.trail_arn = mem_strdup(l->trail_arn);
                }
                configure_address(c, i, m);
        }
}

static void add_loss(StrBuf *b, const StateLoss *l)
{
        strbuf_addf(b, "  %s", l->what);
        if (l->n_unsent > 0)
                strbuf_addf(b, "; %zu unsent message%s of it %s sent now", l->n_unsent,
                            l->n_unsent == 1 ? "" : "s", l->n_unsent == 1 ? "is" : "are");
        strbuf_add_char(b, '\n');
}

/* Of a trail that is guarded since today, nothing has been lost. */
static size_t add_baselines(const Core *c, StrBuf *b)
{
        size_t n = 0;

        for (size_t k = 0; k < c->n_trails; k++) {
                const TrailSettings *s = &c->trails[k].memory.baseline;

                if (s->described || s->selected)
                        continue;
                if (n++ == 0)
                        strbuf_add(b, "No baseline: what is read of them next becomes it, and is "
                                      "compared with nothing\n");
                strbuf_addf(b, "  %s\n", c->trails[k].config.arn);
        }
        return n;
}

/* Those that are left alone, or all others. */
static void tell(Core *c, const StateReport *report, bool foreign)
{
        StrBuf b = STRBUF_INIT(TEXT_MAX);
        size_t n = 0, n_baselines = 0;

        for (size_t k = 0; k < report->n_losses; k++) {
                if (report->losses[k].foreign != foreign)
                        continue;
                if (n++ == 0)
                        strbuf_add(&b, foreign ? "Left alone\n" : "Lost\n");
                add_loss(&b, &report->losses[k]);
        }
        if (!foreign && report->no_memories && c->policy.inspect_usec > 0)
                n_baselines = add_baselines(c, &b);
        if (n + n_baselines == 0) {
                strbuf_done(&b);
                return;
        }
        char digest[DIGEST_HEX_SIZE];
        _cleanup_free_ char *title = NULL;
        digest_sha256_hex(strbuf_str(&b), strlen(strbuf_str(&b)), digest);
        if (foreign)
                title = mem_printf("%zu stored file%s of another version %s left alone", n,
                                   n == 1 ? "" : "s", n == 1 ? "is" : "are");
        else if (n_baselines > 0)
                title = mem_printf("stored state was lost: %zu trail%s without a baseline",
                                   n_baselines, n_baselines == 1 ? "" : "s");
        else
                title = mem_printf("stored state was lost: %zu file%s", n, n == 1 ? "" : "s");
        Incident *i = notice_open(c, &(NoticeFacts){
                                             .kind = INCIDENT_STATE_LOST,
                                             .severity = SEVERITY_HIGH,
                                             .phase = PHASE_NOTICE,
                                             .title = title,
                                             .text = strbuf_str(&b),
                                             .id_digest = digest,
                                             .once = foreign,
                                     });
        for (size_t k = 0; i && k < report->n_losses; k++)
                if (report->losses[k].foreign == foreign)
                        carry(c, i, &report->losses[k]);
        strbuf_done(&b);
}

void state_lost(Core *c, const StateReport *report)
{
        tell(c, report, true);
        tell(c, report, false);
}
