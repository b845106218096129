/* SPDX-License-Identifier: Apache-2.0 */

/* Records of real calls, as their publisher anonymised them (regions that do not exist). */

#include "../unit/unit.h"
#include "vectors.h"

#include "aws/record.h"

static CloudTrailRecord load(const char *name)
{
        size_t len = 0;
        _cleanup_free_ char *text = vectors_read(vectors_folder("events"), name, &len);
        _cleanup_json_ json_t *root = NULL;
        CloudTrailRecord r;

        assert_non_null(text);
        assert_int_equal(json_parse(text, len, 1 << 20, &root), 0);
        assert_int_equal(json_array_size(root), 1);
        assert_int_equal(cloudtrail_record_decode(json_array_get(root, 0), &r), 0);
        return r;
}

static void check_actor(const CloudTrailRecord *r)
{
        char *name = identity_display_name(&r->identity);

        assert_int_equal(r->identity.type, IDENTITY_IAM_USER);
        assert_string_equal(name, "christophe");
        assert_int_equal(identity_access_key_kind(&r->identity), ACCESS_KEY_LONG_LIVED);
        assert_null(r->error_code);
        free(name);
}

static void stop_logging(void **state)
{
        CloudTrailRecord r = load("StopLogging-IAMUser.json");

        assert_string_equal(r.event_name, "StopLogging");
        assert_string_equal(r.trail, "stratus-red-team-ct-stop-trail-buykxbqejv");
        assert_string_equal(r.request_id, "14c891b6-11b5-4787-ae97-64a974977078");
        assert_string_equal(r.source_ip, "86.245.153.234");
        assert_true(r.time_msec == INT64_C(1722431184000));
        check_actor(&r);
        cloudtrail_record_done(&r);
}

static void put_event_selectors(void **state)
{
        CloudTrailRecord r = load("PutEventSelectors-IAMUser.json");

        assert_string_equal(r.event_name, "PutEventSelectors");
        assert_string_equal(r.trail, "stratus-red-team-ctes-trail-khlvciwdor");
        check_actor(&r);
        cloudtrail_record_done(&r);
}

static void every_file_has_a_test(void **state)
{
        DIR *d = opendir(vectors_folder("events"));

        assert_non_null(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d))
                if (*e->d_name != '.' && !streq(e->d_name, "StopLogging-IAMUser.json") &&
                    !streq(e->d_name, "PutEventSelectors-IAMUser.json"))
                        fail_msg("no test for %s", e->d_name);
        (void)closedir(d);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_file_has_a_test),
                cmocka_unit_test(stop_logging),
                cmocka_unit_test(put_event_selectors),
        };

        (void)vectors_folder("events"); /* exits when there are none */
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
