/* SPDX-License-Identifier: Apache-2.0 */

/* Event history: records that show late, newest first, in pages whose tokens are only good for
 * the very same question, two questions a second. */

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "world.h"

static const struct {
        IdentityType type;
        const char *arn;
        const char *user;
        const char *key;
} actors[SIM_ACTORS] = {
        [SIM_OWN] = {IDENTITY_ASSUMED_ROLE,
                     "arn:aws:sts::111122223333:assumed-role/guard/i-0123456789abcdef0", NULL,
                     "ASIAGUARDGUARDGUARD0"},
        {IDENTITY_IAM_USER, "arn:aws:iam::111122223333:user/mallory", "mallory",
         "AKIAMALLORYMALLORY00"},
        {IDENTITY_IAM_USER, "arn:aws:iam::111122223333:user/bob", "bob", "AKIABOBBOBBOBBOBBOB0"},
        {IDENTITY_ASSUMED_ROLE, "arn:aws:sts::111122223333:assumed-role/admin/carol", NULL,
         "ASIACAROLCAROLCAROL0"},
        {IDENTITY_ROOT, "arn:aws:iam::111122223333:root", NULL, NULL},
        {IDENTITY_ASSUMED_ROLE, "arn:aws:sts::111122223333:assumed-role/ci/build", NULL,
         "ASIABUILDBUILDBUILD0"},
        {IDENTITY_IAM_USER, "arn:aws:iam::111122223333:user/eve", "eve", "AKIAEVEEVEEVEEVEEVE0"},
        {IDENTITY_ASSUMED_ROLE, "arn:aws:sts::111122223333:assumed-role/terraform/run", NULL,
         "ASIATERRATERRATERRA0"},
};

const char *history_actor_arn(unsigned actor)
{
        return actors[actor].arn;
}

size_t history_add(World *w, const Record *r)
{
        Record *x = mem_push0(w->records, w->n_records);

        *x = *r;
        x->time_msec = world_aws_msec(w) / 1000 * 1000;
        if (x->visible_usec != USEC_INFINITY)
                x->visible_usec += w->now_usec + USEC_PER_SEC +
                                   rng_below(&w->rng, w->nature.history_lag_usec + 1);
        if (!*x->request_id)
                (void)snprintf(x->request_id, sizeof(x->request_id), "theirs-%zu", w->n_records);
        return w->n_records - 1;
}

static void fill(const World *w, size_t index, CloudTrailRecord *ret)
{
        const Record *r = &w->records[index];
        const char *arn = r->trail == SIZE_MAX ? "another-trail" : w->trails[r->trail].arn;

        *ret = (CloudTrailRecord){
                .event_id = mem_printf("event-%06zu", index),
                .event_name = mem_strdup(r->name),
                .event_source = mem_strdup("cloudtrail.amazonaws.com"),
                .event_type = mem_strdup("AwsApiCall"),
                .region = mem_strdup(r->trail == SIZE_MAX ? aws_region(0) : aws_region(r->trail)),
                .recipient_account_id = mem_strdup("111122223333"),
                .parameters = *r->parameters ? mem_strdup(r->parameters) : NULL,
                .selectors = r->omitted ? NULL : mem_strdup(r->selectors),
                .source_ip = mem_strdup("203.0.113.7"),
                .user_agent = mem_strdup("aws-cli/2.15"),
                .error_code = r->refused ? mem_strdup("AccessDenied") : NULL,
                .request_id = mem_strdup(r->request_id),
                .trail = r->omitted ? NULL : mem_strdup(arn),
                .time_msec = r->time_msec,
                .parameters_omitted = r->omitted,
                .identity = {.type = actors[r->actor].type,
                             .type_text =
                                     mem_strdup(identity_type_to_string(actors[r->actor].type)),
                             .arn = mem_strdup(actors[r->actor].arn),
                             .user_name = mem_strdup(actors[r->actor].user),
                             .account_id = mem_strdup("111122223333"),
                             .access_key_id = mem_strdup(actors[r->actor].key)},
        };
}

static bool is_asked_for(const Record *r, const LookupQuery *q)
{
        if (q->access_key_id)
                return streq_ptr(actors[r->actor].key, q->access_key_id);
        return streq(r->name, q->event_name);
}

static bool is_shown(const World *w, const Record *r, const LookupQuery *q)
{
        bool here = r->trail == SIZE_MAX || strstr(w->trails[r->trail].arn, q->region);

        return here && r->visible_usec <= w->now_usec && is_asked_for(r, q) &&
               r->time_msec >= q->from_msec / 1000 * 1000 && r->time_msec <= q->to_msec;
}

/* More than two in a second are throttled, whoever asks. */
static bool is_too_fast(World *w)
{
        unsigned n = 0;

        for (size_t i = w->n_lookups; i-- > 0 && w->lookups[i] + USEC_PER_SEC > w->now_usec;)
                n++;
        *mem_push0(w->lookups, w->n_lookups) = w->now_usec;
        return n >= 2;
}

const char *history_lookup(World *w, const LookupQuery *q, LookupPage *ret)
{
        char question[192], token[224];
        size_t before = w->n_records, n = 0;

        if (world_has_fault(w, FAULT_LOOKUP_THROTTLED, SIZE_MAX) || is_too_fast(w))
                return "ThrottlingException";
        if (world_has_fault(w, FAULT_LOOKUP_DENIED, SIZE_MAX))
                return "AccessDeniedException";
        (void)snprintf(question, sizeof(question), "%s/%s/%" PRId64 "/%" PRId64, q->event_name,
                       strempty(q->access_key_id), q->from_msec, q->to_msec);
        if (q->next_token) {
                char *end;

                before = strtoul(q->next_token, &end, 10);
                if (!streq(end, question)) {
                        world_violation(w, "a page token was used for another question: %s, not %s",
                                        question, end);
                        return "InvalidNextTokenException";
                }
        }
        while (before-- > 0) {
                if (!is_shown(w, &w->records[before], q))
                        continue;
                if (n == w->nature.page_size) {
                        (void)snprintf(token, sizeof(token), "%zu%s", before + 1, question);
                        ret->next_token = mem_strdup(token);
                        break;
                }
                fill(w, before, mem_push0(ret->records, ret->n_records));
                n++;
        }
        return NULL;
}
