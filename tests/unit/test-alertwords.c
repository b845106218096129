/* SPDX-License-Identifier: Apache-2.0 */

/* What a message must not say because nobody knows it. */

#include "core/alerttext.h"

#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define STOP INT64_C(36000500)
#define NOW (BASE + 36012000)

static Text text_of(const Incident *i, Phase phase)
{
        return fixture_text(i, phase, NOW);
}

/* Nobody was let look for a day: that does not make it ninety days old. */
static void test_denied_is_not_old(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->attribution.state = SEARCH_GAVE_UP;
        aws_error_set(&i->attribution.error, AWS_ERROR_DENIED, "AccessDeniedException", "no");
        _cleanup_text_ Text denied = text_of(i, PHASE_UPDATE);
        assert_has_not(denied.body, "90 days");
        assert_has(denied.body,
                   "not found in Event history within 24 hours\n  because       access "
                   "denied (AccessDeniedException)");
        i->attribution.error = (AwsError){};
        i->attribution.crowded_out = true;
        _cleanup_text_ Text crowded = text_of(i, PHASE_UPDATE);
        assert_has(crowded.body, "too many at once");
}

/* A trail that was never seen to log, and shows no times. */
static void test_since_nobody_knows_when(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_ALREADY_STOPPED, 0);

        i->blind_from_msec = i->last_logging_msec = 0;
        i->reminders = 1;
        _cleanup_text_ Text told = text_of(i, PHASE_UPDATE);
        assert_has_not(told.subject, "so far");
        assert_has(told.body, "Blind           since an unknown time until now\n");
        assert_has_not(told.body, "last saw it logging");
        i->restart.state = RESTART_FAILING;
        _cleanup_text_ Text failing = text_of(i, PHASE_FAILING);
        assert_has(failing.subject, " NOT LOGGING, restart FAILS (");
}

/* A blink needs no restart, and its log files may be missing all the same. */
static void test_delivery_after_a_blink(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_BLINK, STOP);

        i->open = false;
        i->blind_to_msec = BASE + STOP + 1000;
        i->delivering = DELIVERING_NO;
        i->delivery_error = mem_strdup("NoSuchBucket");
        _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
        assert_has(t.body, "Delivery FAILS  NoSuchBucket\n");
}

/* Who did it is news; that it goes on is not to be taken for over because of that. */
static void test_news_of_what_goes_on(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->restart.state = RESTART_FAILING;
        _cleanup_text_ Text down = text_of(i, PHASE_UPDATE);
        assert_has(down.subject, "UPDATE: NOT LOGGING, restart FAILS (111122223333 us-east-1) "
                                 "who did it is not known yet");
        i->kind = INCIDENT_DELETED;
        _cleanup_text_ Text gone = text_of(i, PHASE_UPDATE);
        assert_has(gone.subject, "UPDATE: MISSING, restart FAILS (111122223333 us-east-1) "
                                 "who did it is not known yet");
        i->kind = INCIDENT_STOPPED;
        i->open = false;
        i->blind_to_msec = BASE + STOP + 1000;
        _cleanup_text_ Text over = text_of(i, PHASE_UPDATE);
        assert_has_not(over.subject, "NOT LOGGING");
}

/* A page of what a key did, which is not the last one. */
static void rig_found_one_of_many(Rig *r)
{
        CloudTrailRecord record =
                fixture_record(&(RecordFacts){.event = "CreateUser", .at = RIG_STOP + 1000});
        LookupPage page = {.records = &record, .n_records = 1, .next_token = (char *)"more"};

        assert_non_null(rig_action(r, ACTION_LOOKUP));
        assert_non_null(rig_action(r, ACTION_LOOKUP)->lookup.access_key_id);
        rig_step(
                r,
                &(Input){.kind = INPUT_FOUND, .trail = SIZE_MAX, .batch = r->batch, .page = &page});
        cloudtrail_record_done(&record);
}

/* Who does much with a key does not push what he did out of sight and have the rest called all. */
static void test_more_deeds_than_are_read(void **state)
{
        static const RecordFacts stop = {.at = RIG_STOP};
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.action = TRAIL_ACTION_ALERT});

        rig_pass(r, USEC_PER_SEC);
        rig_found(r, &stop, 1);
        for (unsigned page = 0; page < 2; page++) {
                rig_pass(r, policy_default.lookup_spacing_usec);
                rig_found_one_of_many(r);
        }
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body, "\nThe latest calls with its key, from an hour before");
        assert_has(rig_message(r, 2).body, "     2  CreateUser");
        _cleanup_incident_ Incident *back = fixture_through_json(rig_incident(r));
        assert_true(back->attribution.deeds_cut);
}

static Incident *done_by_mallory(IncidentKind kind, ChangeKind change)
{
        Incident *i = fixture_incident(kind, kind == INCIDENT_DRIFT ? 0 : STOP);

        fixture_add(i, &(RecordFacts){.at = STOP, .who = MALLORY});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        i->attribution.confidence = CONFIDENCE_EXACT;
        if (kind == INCIDENT_DRIFT)
                *mem_push0(i->changes.items, i->changes.n) = (Change){.kind = change,
                                                                      .severity = SEVERITY_HIGH,
                                                                      .before = mem_strdup("a"),
                                                                      .after = mem_strdup("b")};
        return i;
}

/* A colleague is not to be locked out because of a setting; who blinds a trail is. */
static void test_no_advice_against_friends(void **state)
{
        static const char ask[] = "If this was not intended, take the access of who did it away";
        _cleanup_incident_ Incident *starter = done_by_mallory(INCIDENT_OTHER_CONTROLLER, 0),
                                    *prefix = done_by_mallory(INCIDENT_DRIFT, CHANGE_S3_KEY_PREFIX),
                                    *bucket = done_by_mallory(INCIDENT_DRIFT, CHANGE_S3_BUCKET),
                                    *stop = done_by_mallory(INCIDENT_STOPPED, 0);
        _cleanup_text_ Text started = text_of(starter, PHASE_OPEN),
                            moved = text_of(prefix, PHASE_OPEN),
                            taken = text_of(bucket, PHASE_OPEN),
                            stopped = text_of(stop, PHASE_OPEN);

        assert_has_not(started.body, "Deactivate");
        assert_has_not(started.body, "Deny");
        assert_has(moved.body, ask);
        assert_has(taken.body, "Deactivate the long-lived access key");
        assert_has_not(taken.body, ask);
        assert_has_not(stopped.body, ask);

        static const struct {
                const char *after;
                bool friendly;
        } keys[] = {
                {"none", true},
                {"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                 true},
                {"arn:aws:kms:us-east-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                 false},
        };
        for (size_t k = 0; k < ELEMENTSOF(keys); k++) {
                _cleanup_incident_ Incident *key = done_by_mallory(INCIDENT_DRIFT, CHANGE_KMS_KEY);
                mem_strset(&key->changes.items[0].after, keys[k].after);
                _cleanup_text_ Text t = text_of(key, PHASE_OPEN);
                if ((strstr(t.body, ask) != NULL) != keys[k].friendly)
                        fail_msg("%s: %s", keys[k].after, t.body);
        }

        starter->attribution.confidence = prefix->attribution.confidence = CONFIDENCE_AMBIGUOUS;
        _cleanup_text_ Text some = text_of(starter, PHASE_OPEN), of = text_of(prefix, PHASE_OPEN);
        assert_has_not(some.body, "hostile");
        assert_has_not(of.body, "hostile");
        assert_has(of.body, "ask each one listed");
}

/* The reader's own names, and where to click. */
static void test_labels(void **state)
{
        const Labels labels = {
                .accounts = (AccountName[]){{(char *)"444455556666", (char *)"other"},
                                            {(char *)"111122223333", (char *)"payments-prod"}},
                .n_accounts = 2,
                .runbook = (char *)"https://wiki.example.com/trail?x=1",
        };
        AlertContext c = {.hostname = "guard-1",
                          .phase = PHASE_UPDATE,
                          .sequence = 2,
                          .now_msec = BASE + 90000,
                          .labels = &labels};
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, 5000);
        _cleanup_text_ Text t = {}, plain = {};

        fixture_add(i, &(RecordFacts){.at = 5000, .id = "00000000-1111-2222-3333-444444444444"});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        i->attribution.confidence = CONFIDENCE_EXACT;
        i->attribution.state = SEARCH_DONE;
        alert_text(i, &c, &t.subject, &t.body);
        assert_has(t.subject, "(payments-prod us-east-1)");
        assert_has(t.body, "\nAccount         payments-prod (111122223333)\n");
        assert_has(t.body, "\nRunbook         https://wiki.example.com/trail?x=1\n");
        assert_has(t.body,
                   "\nConsole         https://us-east-1.console.aws.amazon.com/cloudtrailv2/"
                   "home?region=us-east-1#/trails/" TRAIL "\n");
        assert_has(t.body,
                   "\n  Console       https://us-east-1.console.aws.amazon.com/cloudtrailv2/"
                   "home?region=us-east-1#/events/00000000-1111-2222-3333-444444444444\n");
        /* What is no event id makes no link, and nobody is called anything unasked. */
        mem_strset(&i->attribution.findings[0].record.event_id, "x\"onclick=https://evil.example");
        c.labels = NULL;
        alert_text(i, &c, &plain.subject, &plain.body);
        assert_has_not(plain.body, "/events/");
        assert_has_not(plain.body, "Runbook");
        assert_has(plain.subject, "(111122223333 us-east-1)");
        assert_has(plain.body, "\nAccount         111122223333\n");
}

UNIT_MAIN(T(test_labels), T(test_denied_is_not_old), T(test_since_nobody_knows_when),
          T(test_delivery_after_a_blink), T(test_more_deeds_than_are_read),
          T(test_news_of_what_goes_on), T(test_no_advice_against_friends))
