/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of GetTrailStatus and LookupEvents: no text is empty, no event is lost uncounted,
 * the same bytes again mean the same, and the token comes back in the next question as it is. */
#include "aws/cloudtrail.h"
#include "base/jsonmend.h"
#include "fuzz.h"

static void check_status(const char *body, size_t size)
{
        TrailAnswer a = {0};
        TrailStatus s;
        const TrailStatus *first = NULL, *again = NULL;
        int r = cloudtrail_parse_trail_status(body, size, &s);

        HOLD(cloudtrail_reread_trail_status(&a, body, size, &first) == r);
        if (r == 0) {
                const char *texts[] = {s.latest_delivery_error, s.latest_digest_delivery_error,
                                       s.latest_logs_delivery_error, s.latest_notification_error};

                for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                        HOLD(!texts[i] || *texts[i]);
                HOLD(!s.unread || *s.unread);
                HOLD(s.start_logging_msec >= 0 && s.stop_logging_msec >= 0 &&
                     s.latest_delivery_msec >= 0);
                HOLD(cloudtrail_reread_trail_status(&a, body, size, &again) == 0);
                HOLD(again == first && first->is_logging == s.is_logging &&
                     first->stop_logging_msec == s.stop_logging_msec &&
                     streq_ptr(first->latest_delivery_error, s.latest_delivery_error));
                trail_status_done(&s);
        }
        trail_answer_done(&a);
}

static void check_page(const char *body, size_t size)
{
        _cleanup_(lookup_page_done) LookupPage p = {0};
        _cleanup_json_ json_t *asked = NULL, *answer = NULL;
        _cleanup_aws_request_ AwsRequest next = {0};

        if (cloudtrail_parse_lookup_page(body, size, &p) < 0)
                return;
        HOLD(json_parse_foreign(body, size, CLOUDTRAIL_LOOKUP_BODY_MAX, &answer) == 0);
        HOLD(p.n_records + p.n_unreadable == json_array_size(json_object_get(answer, "Events")));
        for (size_t i = 0; i < p.n_records; i++)
                HOLD(p.records[i].event_name && p.records[i].time_msec >= 0);

        HOLD(!p.next_token || *p.next_token);
        cloudtrail_request_lookup_events(&(LookupQuery){.region = "eu-west-1",
                                                        .event_name = "StopLogging",
                                                        .to_msec = 1,
                                                        .next_token = p.next_token},
                                         &next);
        HOLD(json_parse(next.body, next.body_len, SIZE_MAX, &asked) == 0);
        HOLD(streq_ptr(json_string_value(json_object_get(asked, "NextToken")), p.next_token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        check_status((const char *)data, size);
        check_page((const char *)data, size);
        return 0;
}
