/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For the tests of who did it: one incident whose stop was at STOP, what Event history shows of it,
 * and the verdict. */

#include "base/mem.h"
#include "core-fixture.h"
#include "core/attribution.h"
#include "core/findings.h"
#include "unit.h"

#define STOP INT64_C(36000500) /* 10:00:00.500 */
#define SECOND(n) (STOP / 1000 * 1000 + (n)*1000)

#define ROOM ((size_t)128 * 1024)
#define ADD(i, ...) fixture_add(i, &(RecordFacts){__VA_ARGS__})

/* The userdata says what the ledger says of request id "ours". */
static inline OwnCall own_start(const void *userdata, const CloudTrailRecord *r)
{
        return streq_ptr(r->request_id, "ours") ? *(const OwnCall *)userdata : OWN_CALL_NO;
}

static inline void evaluate_with(Incident *i, const char *own_arn, OwnCall ledger,
                                 bool starts_known, bool last_chance)
{
        AttributionFacts f = {
                .own_arn = own_arn,
                .own_start = own_start,
                .userdata = &ledger,
                .whole = !last_chance,
                .settings_known = true,
                .starts_known = starts_known,
                .last_chance = last_chance,
        };

        findings_end_look(&i->attribution);
        attribution_evaluate(i, &f);
}

static inline void evaluate(Incident *i, bool starts_known)
{
        evaluate_with(i, OWN, OWN_CALL_NO, starts_known, false);
}

static inline Role role_of(const Incident *i, const char *id)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (streq(i->attribution.findings[k].record.event_id, id))
                        return i->attribution.findings[k].role;
        fail_msg("no finding %s", id);
        return _ROLE_INVALID;
}

static inline void assert_verdict(const Incident *i, Confidence c, const char *culprit)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        assert_string_equal(confidence_to_string(i->attribution.confidence),
                            confidence_to_string(c));
        assert_string_equal(f ? f->record.event_id : "nobody", culprit ? culprit : "nobody");
}

/* As LookupEvents shows them, in a window of two days. */
static inline void add_page(Incident *i, const RecordFacts *f, size_t n)
{
        int64_t at = i->stop_msec ? i->stop_msec : i->detected_msec;
        CloudTrailRecord r[8];

        if (!i->attribution.to_msec) {
                i->attribution.from_msec = at - MSEC_PER_DAY;
                i->attribution.to_msec = at + MSEC_PER_DAY;
        }
        for (size_t k = 0; k < n; k++)
                r[k] = fixture_record(&f[k]);
        findings_add(i, r, n, &(FindingsLimit){.max_bytes = ROOM, .own_arn = OWN});
        for (size_t k = 0; k < n; k++)
                cloudtrail_record_done(&r[k]);
}
