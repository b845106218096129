/* SPDX-License-Identifier: Apache-2.0 */
/* CloudTrailEvent: what was read has what attribution relies on, is the same after a copy and
 * after the way to the disk and back, matches a trail only when all of it does, and is small
 * whatever it was read from. */
#include "aws/arn.h"
#include "aws/record.h"
#include "base/mem.h"
#include "core/findingjson.h"
#include "fuzz.h"

static void check_match(const CloudTrailRecord *r)
{
        static const char arn[] = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/management";
        TrailMatch match = cloudtrail_record_match(r, arn);
        const char *name = strrchr(arn, '/') + 1, *slash = r->trail ? strrchr(r->trail, '/') : NULL;
        bool whole = streq(strempty(r->event_source), "cloudtrail.amazonaws.com") &&
                     streq(strempty(r->region), "eu-west-1") && r->recipient_account_id &&
                     (!r->event_type || streq(r->event_type, "AwsApiCall"));
        bool by_name = r->trail && streq(r->trail, name) &&
                       streq(strempty(r->recipient_account_id), "111122223333");

        if (match == TRAIL_MATCH_YES)
                HOLD(whole && r->trail && streq(slash ? slash + 1 : r->trail, name));
        else
                HOLD(!whole || (!by_name && !streq(strempty(r->trail), arn)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Finding f = {.role = ROLE_CULPRIT}, copy = f, back = {0};
        const char *wrong = NULL;

        if (cloudtrail_record_parse((const char *)data, size, &f.record) < 0)
                return 0;

        _cleanup_free_ char *who = identity_display_name(&f.record.identity);
        const char *session = identity_session_name(&f.record.identity);
        HOLD(f.record.event_name && *f.record.event_name && f.record.time_msec >= 0);
        HOLD(*who && (!session || *session));
        HOLD((unsigned)f.record.identity.type < _IDENTITY_TYPE_MAX);
        HOLD(!identity_access_key_is_valid(f.record.identity.access_key_id) ||
             fuzz_is_plain(f.record.identity.access_key_id));
        HOLD((identity_access_key_kind(&f.record.identity) == ACCESS_KEY_NONE) ==
             (f.record.identity.access_key_id == NULL));
        check_match(&f.record);
        HOLD(cloudtrail_record_bytes(&f.record) < 16384);

        cloudtrail_record_copy(&f.record, &copy.record);
        _cleanup_json_ json_t *o = finding_to_json(&f), *of_copy = finding_to_json(&copy);
        HOLD(json_equal(o, of_copy));
        HOLD(finding_from_json(o, &back, &wrong) == 0);
        _cleanup_json_ json_t *again = finding_to_json(&back);
        HOLD(json_equal(o, again));
        cloudtrail_record_done(&f.record);
        cloudtrail_record_done(&copy.record);
        cloudtrail_record_done(&back.record);
        return 0;
}
