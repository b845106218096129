/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks the daemon for, one request a line, against the real core: each is answered
 * in words, what is accepted is within its bounds, and there are never more windows of maintenance
 * than are allowed. The manager around it is this file. */
#include "base/jsonmap.h"
#include "../unit/core-fixture.h"
#include "daemon/internal.h"
#include "fuzz.h"

#define REQUESTS_MAX 60

const char *const journal_id_asked = "";
static Now now;

void manager_step(Manager *m, const Input *in)
{
        Actions actions = {0};

        HOLD(in->kind == INPUT_MAINTENANCE_START || in->kind == INPUT_MAINTENANCE_STOP ||
             in->kind == INPUT_ACCEPT);
        if (in->kind == INPUT_MAINTENANCE_START)
                HOLD(in->maintenance->for_msec >= MSEC_PER_MINUTE &&
                     in->maintenance->for_msec <= MSEC_PER_DAY && *in->maintenance->reason &&
                     *in->maintenance->who);
        core_step(m->core, in, now, &actions);
        actions_done(&actions);
}

void journal_daemon(const char *message_id, int priority, const char *fmt, ...)
{
}

void report_write(Manager *m)
{
}

static size_t n_open(const Core *c)
{
        size_t n = 0;

        for (size_t k = 0; k < core_n_incidents(c); k++) {
                const Incident *i = core_incident(c, k);

                HOLD(i->kind == INCIDENT_MAINTENANCE);
                HOLD(!i->open || i->until_msec > now.wall_msec);
                n += i->open;
        }
        return n;
}

static void ask(Manager *m, const char *text, size_t n)
{
        _cleanup_json_ json_t *request = NULL;
        _cleanup_free_ char *answer = NULL;
        size_t before = n_open(m->core);
        Actions actions = {0};

        if (json_parse(text, n, 16384, &request) < 0)
                return;
        int r = operator_asks(m, "root", request, &answer);
        HOLD(answer && *answer);
        HOLD(r >= 0 || n_open(m->core) == before);
        HOLD(n_open(m->core) <= 50);
        now.boot_usec += 1000;
        now.wall_msec++;
        core_step(m->core, &(Input){.kind = INPUT_TICK}, now, &actions);
        actions_done(&actions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const TrailConfig trails[] = {{.arn = TRAIL, .poll_usec = 15 * USEC_PER_SEC},
                                             {.arn = TRAIL "-2", .poll_usec = 15 * USEC_PER_SEC}};
        static const TopicConfig topic = {.arn = TOPIC};
        const CoreConfig config = {.policy = &policy_default,
                                   .trails = trails,
                                   .n_trails = ELEMENTSOF(trails),
                                   .topics = &topic,
                                   .n_topics = 1,
                                   .n_accounts = 1,
                                   .hostname = "guard-1"};
        const char *p = (const char *)data, *end = p + size;

        now = (Now){.boot_usec = USEC_PER_HOUR, .wall_msec = BASE};
        _cleanup_(core_freep) Core *core = core_new(&config, now);
        Manager m = {.core = core, .time_scale = 1};
        for (size_t i = 0; p < end && i < REQUESTS_MAX; i++) {
                const char *stop = memchr(p, '\n', (size_t)(end - p));

                stop = stop ? stop : end;
                ask(&m, p, (size_t)(stop - p));
                p = stop < end ? stop + 1 : end;
        }
        return 0;
}
