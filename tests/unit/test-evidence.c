/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attribution.h"

#include "verdict-fixture.h"

/* A stop of a trail that shows no StopLoggingTime has no time to compare with. */
static void test_untimed_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_ALREADY_STOPPED, 0);

        i->detected_msec = BASE + STOP;
        i->known_start_msec = i->last_logging_msec = 0;
        ADD(i, .at = SECOND(-3600), .id = "perhaps");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, "perhaps");
        assert_int_equal(i->attribution.doubts, 1U << DOUBT_TIME);
}

static void test_other_controller(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_OTHER_CONTROLLER, 0);

        i->detected_msec = BASE + STOP;
        i->known_start_msec = BASE + SECOND(-20) + 300;
        i->last_logging_msec = BASE + SECOND(-5);
        ADD(i, .at = SECOND(-20), .id = "it", .event = "StartLogging");
        ADD(i, .at = SECOND(0), .event = "StartLogging");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        i->known_start_msec -= 10000; /* nobody's */
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
        assert_int_equal(i->attribution.doubts, 1U << DOUBT_TIME);
        i->known_start_msec += 10000;
        ADD(i, .at = SECOND(-10), .id = "bob", .event = "StartLogging", .who = BOB);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
}

/* What is not exact, and why, although one call stands at the very second of the stop. */
static void test_doubts(void **state)
{
        static const struct {
                Doubt doubt;
                bool partial, incomplete, settings_unknown, organization;
                unsigned n_unreadable;
                const char *searched, *account, *region;
        } rows[] = {
                {_DOUBT_MAX},
                {_DOUBT_MAX, .searched = "111122223333"},
                {DOUBT_UNREAD, .partial = true},
                {DOUBT_UNREAD, .incomplete = true},
                {DOUBT_UNREADABLE, .n_unreadable = 1},
                {DOUBT_ACCOUNT, .searched = "444455556666", .account = "444455556666"},
                {DOUBT_ACCOUNT, .account = "444455556666"},
                {DOUBT_ORGANIZATION, .organization = true},
                {DOUBT_ORGANIZATION, .organization = true, .searched = "111122223333"},
                {DOUBT_SETTINGS, .settings_unknown = true},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
                OwnCall ledger = OWN_CALL_NO;
                AttributionFacts f = {
                        .own_arn = OWN,
                        .own_start = own_start,
                        .userdata = &ledger,
                        .whole = !rows[k].partial,
                        .settings_known = !rows[k].settings_unknown,
                        .organization = rows[k].organization,
                };

                ADD(i, .at = SECOND(0), .id = "it", .account = rows[k].account);
                i->attribution.incomplete = rows[k].incomplete;
                i->attribution.n_unreadable = rows[k].n_unreadable;
                i->attribution.searched_account = mem_strdup(rows[k].searched);
                attribution_evaluate(i, &f);
                if (rows[k].doubt == _DOUBT_MAX) {
                        assert_verdict(i, CONFIDENCE_EXACT, "it");
                        assert_int_equal(i->attribution.doubts, 0);
                        continue;
                }
                assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
                assert_int_equal(i->attribution.doubts, 1U << rows[k].doubt);
        }
}

/* What cannot be decided names nobody, and leaves no verdict exact. */
static void test_records_that_do_not_say_enough(void **state)
{
        static const RecordFacts rows[] = {
                {.region = "eu-west-1"}, {.trail = "Management-Events"},
                {.trail = TRAIL "/x"},   {.trail = "management-events "},
                {.omitted = true},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
                RecordFacts odd = rows[k], it = {.at = SECOND(0), .id = "it", .who = BOB};

                odd.at = SECOND(0);
                odd.id = "odd";
                add_page(i, &odd, 1);
                evaluate(i, true);
                assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
                assert_int_equal(role_of(i, "odd"), ROLE_UNREADABLE);
                add_page(i, &it, 1);
                evaluate(i, true);
                assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
                assert_int_equal(i->attribution.doubts, 1U << DOUBT_UNREADABLE);
        }
}

/* An identity that says nothing is nobody, and not the same as another such. */
static void test_nobody(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        static const UserIdentity nothing = {.type = IDENTITY_UNKNOWN};

        assert_false(identity_is_same(&nothing, &nothing));
        ADD(i, .at = SECOND(0), .id = "it");
        UserIdentity *u = &i->attribution.findings[0].record.identity;
        mem_strset(&u->arn, NULL);
        mem_strset(&u->user_name, NULL);
        mem_strset(&u->account_id, NULL);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
}

/* A start in the guard's name, without the id by which a call of its own is known. */
static void test_own_start_without_an_id(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "it");
        ADD(i, .at = SECOND(2), .id = "start", .event = "StartLogging", .who = OWN);
        mem_strset(&i->attribution.findings[1].record.request_id, NULL);
        evaluate(i, true);
        assert_int_equal(role_of(i, "start"), ROLE_OWN_UNREMEMBERED);
        assert_false(i->attribution.misused);
}

static void add_borrowed(Incident *i, unsigned n, int64_t at)
{
        for (unsigned k = 0; k < n; k++) {
                _cleanup_free_ char *arn = mem_printf("arn:aws:iam::111122223333:user/b-%u", k);

                add_page(i, &(RecordFacts){.at = at, .who = arn}, 1);
        }
}

/* Thirty borrowed names in the second of the stop hide who it was, and all of them are listed; in
 * any other second they are noise. */
static void test_thirty_borrowed_names(void **state)
{
        _cleanup_incident_ Incident *same = fixture_incident(INCIDENT_STOPPED, STOP);
        _cleanup_incident_ Incident *later = fixture_incident(INCIDENT_STOPPED, STOP);
        unsigned suspects = 0;

        add_borrowed(same, 30, SECOND(0));
        add_page(same, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        evaluate(same, true);
        assert_verdict(same, CONFIDENCE_AMBIGUOUS, NULL);
        for (size_t k = 0; k < same->attribution.n_findings; k++)
                suspects += attribution_is_suspect(&same->attribution, k);
        assert_int_equal(suspects, 31);

        add_borrowed(later, 30, SECOND(1));
        add_borrowed(later, 30, SECOND(-600));
        add_page(later, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        evaluate(later, true);
        assert_verdict(later, CONFIDENCE_EXACT, "it");
        assert_int_equal(later->attribution.findings[0].role, ROLE_EARLIER);
        /* Which of them is redundant is known by the starts only. */
        evaluate(later, false);
        assert_verdict(later, CONFIDENCE_AMBIGUOUS, "it");
}

/* Calls that overlap may complete in another order than they took effect. */
static void test_a_second_that_has_just_begun(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP + 450);

        ADD(i, .at = SECOND(0), .id = "decoy", .who = BOB);
        ADD(i, .at = SECOND(1), .id = "it"); /* 50 ms after StopLoggingTime at the earliest */
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
}

static void test_deleted(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_DELETED, 0);

        i->detected_msec = BASE + STOP;
        i->known_start_msec = BASE + SECOND(-3600);
        i->last_logging_msec = BASE + SECOND(-10);
        ADD(i, .at = SECOND(-7200), .id = "before", .event = "DeleteTrail", .who = BOB);
        ADD(i, .at = SECOND(-5), .id = "it", .event = "DeleteTrail");
        ADD(i, .at = SECOND(-4), .id = "again", .event = "DeleteTrail", .who = BOB,
            .error = "TrailNotFoundException");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "before"), ROLE_EARLIER);
        assert_int_equal(role_of(i, "again"), ROLE_ATTEMPT);
}

static void test_recreated(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_RECREATED, 0);

        i->detected_msec = BASE + STOP;
        i->known_start_msec = BASE + SECOND(-3600);
        i->last_logging_msec = BASE + SECOND(-10);
        ADD(i, .at = SECOND(-4), .id = "create", .event = "CreateTrail", .who = BOB);
        evaluate(i, false);
        /* Who made it is not who deleted it. */
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, "create");
        assert_int_equal(i->attribution.doubts, 1U << DOUBT_CAUSE);
        ADD(i, .at = SECOND(-5), .id = "delete", .event = "DeleteTrail");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "delete");
        assert_int_equal(role_of(i, "create"), ROLE_RELATED);
        /* Two who did so may both have done it. */
        ADD(i, .at = SECOND(-3), .id = "again", .event = "DeleteTrail", .who = BOB);
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
        assert_int_equal(i->attribution.doubts, 1U << DOUBT_RIVALS);
}

static Incident *changed(IncidentKind kind, ChangeKind change, const char *after)
{
        Incident *i = fixture_incident(kind, 0);
        Change *c = mem_push0(i->changes.items, i->changes.n);

        *c = (Change){.kind = change,
                      .before = mem_strdup(streq(after, "off") ? "on" : "ours"),
                      .after = mem_strdup(after)};
        i->detected_msec = i->seen_msec = BASE + STOP;
        i->good_msec = BASE + SECOND(-60);
        return i;
}

/* UpdateTrail leaves alone what it was not asked to change. */
static void test_settings(void **state)
{
        _cleanup_incident_ Incident *i = changed(INCIDENT_DRIFT, CHANGE_MULTI_REGION, "off");

        ADD(i, .at = SECOND(-30), .id = "decoy", .event = "UpdateTrail", .who = BOB,
            .parameters = "s3BucketName=another");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
        ADD(i, .at = SECOND(-28), .id = "undo", .event = "UpdateTrail", .who = BOB,
            .parameters = "isMultiRegionTrail=true");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
        ADD(i, .at = SECOND(-20), .id = "it", .event = "UpdateTrail",
            .parameters = "isMultiRegionTrail=false");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "decoy"), ROLE_RELATED);
        assert_int_equal(role_of(i, "undo"), ROLE_RELATED);
        ADD(i, .at = SECOND(-10), .id = "bob", .event = "UpdateTrail", .who = BOB,
            .parameters = "isMultiRegionTrail=false");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
}

/* Nor does who restores a setting change it, nor who sets it to what is not found since. */
static void test_restored_setting(void **state)
{
        _cleanup_incident_ Incident *i = changed(INCIDENT_DRIFT, CHANGE_S3_BUCKET, "theirs");

        ADD(i, .at = SECOND(-30), .id = "it", .event = "UpdateTrail",
            .parameters = "s3BucketName=theirs");
        ADD(i, .at = SECOND(-5), .id = "restored", .event = "UpdateTrail", .who = BOB,
            .parameters = "s3BucketName=ours");
        ADD(i, .at = SECOND(-4), .id = "other", .event = "UpdateTrail", .who = BOB,
            .parameters = "s3BucketName=bobs");
        ADD(i, .at = SECOND(-4), .id = "too-long", .event = "UpdateTrail", .who = BOB,
            .parameters = "s3BucketName");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "other"), ROLE_RELATED);
        assert_int_equal(role_of(i, "too-long"), ROLE_RELATED);
}

/* The calls around the last look that showed it well, of somebody else: made before it, they have
 * not done it. Only when no other can come any more, a look may have lagged. */
static void test_calls_before_it_was_seen_well(void **state)
{
        static const struct {
                const char *event, *parameters;
                ChangeKind kind;
                const char *after;
        } rows[] = {
                {"CreateTrail", "s3BucketName=ours", CHANGE_KMS_KEY, "none"},
                {"UpdateTrail", "isMultiRegionTrail=false", CHANGE_MULTI_REGION, "off"},
                {"PutEventSelectors", NULL, CHANGE_MANAGEMENT_EVENTS, "none"},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i =
                        changed(INCIDENT_DRIFT, rows[k].kind, rows[k].after);
                AttributionFacts f = {.own_arn = OWN,
                                      .own_start = own_start,
                                      .userdata = &(OwnCall){OWN_CALL_NO},
                                      .whole = true,
                                      .settings_known = true,
                                      .complete = true};

                ADD(i, .at = SECOND(-120), .id = "bob", .event = rows[k].event, .who = BOB,
                    .parameters = rows[k].parameters);
                evaluate(i, false);
                assert_verdict(i, CONFIDENCE_NONE, NULL);
                attribution_evaluate(i, &f);
                assert_verdict(i, CONFIDENCE_AMBIGUOUS, "bob");
                assert_true(i->attribution.doubts & 1U << DOUBT_TIME);
                ADD(i, .at = SECOND(-20), .id = "it", .event = rows[k].event,
                    .parameters = rows[k].parameters);
                attribution_evaluate(i, &f);
                assert_string_equal(incident_find_role(i, ROLE_CULPRIT)->record.event_id, "it");
                assert_int_equal(role_of(i, "bob"), ROLE_RELATED);
        }
}

/* A look that was answered with what was before shows it well after the call: when no other call
 * comes, and it asked for what was found, it was that. */
static void test_call_before_a_look_that_lagged(void **state)
{
        _cleanup_incident_ Incident *i = changed(INCIDENT_DRIFT, CHANGE_MULTI_REGION, "off");
        AttributionFacts f = {.own_arn = OWN,
                              .own_start = own_start,
                              .userdata = &(OwnCall){OWN_CALL_NO},
                              .whole = true,
                              .settings_known = true};

        ADD(i, .at = SECOND(-60) + 5000, .id = "it", .event = "UpdateTrail",
            .parameters = "isMultiRegionTrail=false");
        i->good_msec = BASE + SECOND(-60) + 25000;
        attribution_evaluate(i, &f);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
        f.complete = true;
        attribution_evaluate(i, &f);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
}

/* What PutEventSelectors asked for against what was found since. */
static void test_selectors_asked_for(void **state)
{
        static const char *const all = "{\"EventSelectors\":[{\"ReadWriteType\":\"All\","
                                       "\"IncludeManagementEvents\":true}]}";
        static const char *const writes = "{\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\","
                                          "\"IncludeManagementEvents\":true}]}";
        static const char *const none = "{\"EventSelectors\":[{\"ReadWriteType\":\"All\","
                                        "\"IncludeManagementEvents\":false}]}";
        _cleanup_incident_ Incident *i =
                changed(INCIDENT_DRIFT, CHANGE_MANAGEMENT_EVENTS, "write events only");
        RecordFacts calls[] = {
                {.at = SECOND(-30),
                 .id = "all",
                 .event = "PutEventSelectors",
                 .who = BOB,
                 .selectors = all},
                {.at = SECOND(-25), .id = "it", .event = "PutEventSelectors", .selectors = writes},
                {.at = SECOND(-20),
                 .id = "none",
                 .event = "PutEventSelectors",
                 .who = BOB,
                 .selectors = none},
        };

        i->former.described = i->former.selected = true;
        assert_int_equal(cloudtrail_parse_event_selectors(all, strlen(all), &i->former.selectors),
                         0);
        add_page(i, calls, ELEMENTSOF(calls));
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "all"), ROLE_RELATED);
        assert_int_equal(role_of(i, "none"), ROLE_RELATED);
}

/* Whatever lowers the certainty of a stop lowers that of a change, too. */
static void test_doubts_of_changes(void **state)
{
        static const IncidentKind kinds[] = {INCIDENT_DRIFT, INCIDENT_DELIVERY};

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                bool drift = kinds[k] == INCIDENT_DRIFT;
                _cleanup_incident_ Incident *i =
                        changed(kinds[k], drift ? CHANGE_S3_BUCKET : CHANGE_LOG_FILES,
                                drift ? "evil" : "NoSuchBucket");
                RecordFacts it = {.at = SECOND(-20),
                                  .id = "it",
                                  .event = "UpdateTrail",
                                  .parameters = "s3BucketName=evil"};

                if (!drift) {
                        *mem_push0(i->resources, i->n_resources) = mem_strdup("logs");
                        it.event = "DeleteBucket";
                        it.source = "s3.amazonaws.com";
                        it.trail = "logs";
                }
                fixture_add(i, &it);
                evaluate(i, false);
                assert_verdict(i, CONFIDENCE_EXACT, "it");
                i->attribution.n_unreadable = 1;
                evaluate(i, false);
                assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
                i->attribution.n_unreadable = 0;
                i->attribution.incomplete = true;
                evaluate(i, false);
                assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
                i->attribution.incomplete = false;
                i->good_msec = 0; /* it may have been so for longer than was looked */
                evaluate(i, false);
                assert_int_equal(i->attribution.doubts, 1U << DOUBT_TIME);
                i->good_msec = BASE + SECOND(-60);
                mem_strset(&i->attribution.searched_account, "444455556666");
                evaluate(i, false);
                assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
        }
}

/* Only what the error says to be missing or disabled shows what was done. */
static void test_deliveries(void **state)
{
        static const char key[] = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";
        static const struct {
                const char *error, *event, *source, *on, *region;
                Confidence c;
                unsigned doubts;
        } rows[] = {
                {"NoSuchBucket", "DeleteBucket", "s3.amazonaws.com", "logs", "us-east-1",
                 CONFIDENCE_EXACT, 0},
                {"AccessDenied", "PutBucketPolicy", "s3.amazonaws.com", "logs", "us-east-1",
                 CONFIDENCE_AMBIGUOUS, 1U << DOUBT_CAUSE},
                {"KMS.DisabledException", "DisableKey", "kms.amazonaws.com", key, "us-east-1",
                 CONFIDENCE_EXACT, 0},
                {"KMS.DisabledException", "DisableKey", "kms.amazonaws.com", "1234abcd",
                 "us-east-1", CONFIDENCE_EXACT, 0},
                /* A key of the same id elsewhere, and what is no call to KMS. */
                {"KMS.DisabledException", "DisableKey", "kms.amazonaws.com", "1234abcd",
                 "eu-west-1", CONFIDENCE_NONE, 0},
                {"KMS.DisabledException", "DisableKey", "s3.amazonaws.com", key, "us-east-1",
                 CONFIDENCE_NONE, 0},
                {"NoSuchBucket", "DeleteBucket", "s3.amazonaws.com", "logs-2", "us-east-1",
                 CONFIDENCE_NONE, 0},
                /* Another call on the same bucket or key than the error speaks of. */
                {"NoSuchBucket", "PutBucketPolicy", "s3.amazonaws.com", "logs", "us-east-1",
                 CONFIDENCE_NONE, 0},
                {"KMS.DisabledException", "PutKeyPolicy", "kms.amazonaws.com", key, "us-east-1",
                 CONFIDENCE_NONE, 0},
                {"KMS.KMSInvalidStateException", "ScheduleKeyDeletion", "kms.amazonaws.com", key,
                 "us-east-1", CONFIDENCE_EXACT, 0},
                {"AccessDenied", "DeleteBucket", "s3.amazonaws.com", "logs", "us-east-1",
                 CONFIDENCE_NONE, 0},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i =
                        changed(INCIDENT_DELIVERY, CHANGE_LOG_FILES, rows[k].error);

                *mem_push0(i->resources, i->n_resources) = mem_strdup("logs");
                *mem_push0(i->resources, i->n_resources) = mem_strdup(key);
                add_page(i,
                         &(RecordFacts){.at = SECOND(-20),
                                        .id = "it",
                                        .event = rows[k].event,
                                        .source = rows[k].source,
                                        .trail = rows[k].on,
                                        .region = rows[k].region},
                         1);
                evaluate(i, false);
                assert_verdict(i, rows[k].c, rows[k].c == CONFIDENCE_NONE ? NULL : "it");
                assert_int_equal(i->attribution.doubts, rows[k].doubts);
                /* With a key in another account, its history may have the call. */
                *mem_push0(i->resources, i->n_resources) =
                        mem_strdup("arn:aws:kms:us-east-1:444455556666:key/5678");
                evaluate(i, false);
                assert_true(i->attribution.confidence < CONFIDENCE_EXACT);
        }
}

UNIT_MAIN(T(test_settings), T(test_restored_setting), T(test_calls_before_it_was_seen_well),
          T(test_call_before_a_look_that_lagged), T(test_selectors_asked_for),
          T(test_doubts_of_changes), T(test_deliveries), T(test_deleted), T(test_recreated),
          T(test_untimed_stop), T(test_other_controller), T(test_doubts),
          T(test_records_that_do_not_say_enough), T(test_nobody), T(test_own_start_without_an_id),
          T(test_thirty_borrowed_names), T(test_a_second_that_has_just_begun))
