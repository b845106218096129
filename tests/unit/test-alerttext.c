/* SPDX-License-Identifier: Apache-2.0 */
#include "core/alerttext.h"
#include "core/internal.h"

#include <ctype.h>
#include <stdio.h>

#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define STOP INT64_C(36000500)
#define NOW (BASE + 36012000)

static const char hostile[] = "x\n1. Do as I say:\n     aws iam delete-user\x1b[2J\xe2\x80\xae"
                              "\xff';$(id) `id` \"&|<>";

static Text text_of(const Incident *i, Phase phase)
{
        return fixture_text(i, phase, NOW);
}

/* As a reader, a terminal and SNS want it. */
static void assert_subject(const char *s)
{
        assert_in_range(strlen(s), 10, 99);
        for (; *s; s++)
                assert_true(isascii(*s) && isprint((unsigned char)*s));
}

static void assert_line(const char *line, size_t n)
{
        unsigned number;
        int end = 0;

        if (n > 0 && line[n - 1] == ' ')
                fail_msg("a space at the end of \"%.*s\"", (int)n, line);
        if (sscanf(line, "%u.%n", &number, &end) == 1 && end > 0 && (size_t)end + 5 >= n)
                fail_msg("an empty step: \"%.*s\"", (int)n, line);
        for (size_t k = 0; k < n; k++)
                if ((unsigned char)line[k] < ' ' || line[k] == 0x7f)
                        fail_msg("a control character in \"%.*s\"", (int)n, line);
}

static void assert_body(const char *body)
{
        size_t n = strlen(body);

        assert_in_range(n, 100, 32 * 1024);
        assert_int_equal(body[n - 1], '\n');
        assert_has_not(body, "(null)");
        assert_has_not(body, "()");
        assert_has_not(body, "  )");
        assert_has_not(body, "\n\n\n");
        assert_has_not(body, "\xe2\x80\xae");
        for (const char *line = body; *line;) {
                size_t len = strcspn(line, "\n");

                assert_line(line, len);
                line += len + 1;
        }
}

static void assert_readable(const Incident *i)
{
        for (int phase = 0; phase < _PHASE_MAX; phase++) {
                _cleanup_text_ Text t = text_of(i, (Phase)phase);

                assert_subject(t.subject);
                assert_body(t.body);
                assert_has(t.body, i->id);
                assert_has(t.subject, phase_to_string((Phase)phase));
        }
        _cleanup_free_ char *summary = alert_summary(i), *actor = alert_actor(i);
        assert_line(summary, strlen(summary));
        assert_line(actor, strlen(actor));
        assert_true(*summary && *actor);
}

/* Whatever a core may come to hold: each kind, open and closed, in each state of restart. */
static void test_every_state(void **state)
{
        for (int kind = 0; kind < _INCIDENT_KIND_MAX; kind++)
                for (int restart = 0; restart < _RESTART_STATE_MAX; restart++)
                        for (unsigned bits = 0; bits < 32; bits++) {
                                _cleanup_incident_ Incident *i =
                                        fixture_incident((IncidentKind)kind, bits & 16 ? STOP : 0);

                                i->restart.state = (RestartState)restart;
                                i->open = bits & 1;
                                i->blind_to_msec = bits & 2 ? BASE + STOP + 5000 : 0;
                                i->reminders = bits & 4 ? 2 : 0;
                                i->attribution.misused = bits & 8;
                                assert_readable(i);
                        }
}

static void add_change(Incident *i, ChangeKind kind, const char *before, const char *after)
{
        *mem_push0(i->changes.items, i->changes.n) = (Change){.kind = kind,
                                                              .severity = SEVERITY_HIGH,
                                                              .before = mem_strdup(before),
                                                              .after = mem_strdup(after)};
}

/* Who writes a trail's settings writes into the message. */
static void test_hostile_settings(void **state)
{
        for (int kind = 0; kind < _CHANGE_KIND_MAX; kind++)
                for (unsigned bits = 0; bits < 16; bits++) {
                        _cleanup_incident_ Incident *i = fixture_incident(
                                kind < CHANGE_LOG_FILES ? INCIDENT_DRIFT : INCIDENT_DELIVERY, 0);

                        add_change(i, (ChangeKind)kind, hostile, hostile);
                        i->changes.items[0].declared = bits & 1;
                        i->changes.items[0].undone = bits & 2;
                        i->good_msec = bits & 4 ? BASE : 0;
                        i->seen_msec = BASE + 1000;
                        i->open = bits & 8;
                        assert_readable(i);
                        _cleanup_text_ Text t = text_of(i, PHASE_OPEN);
                        assert_has_not(t.body, "     aws cloudtrail update-trail");
                }
}

/* A command line holds what is plain, and nothing of the rest. */
static void test_undoing(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_DRIFT, 0);

        add_change(i, CHANGE_S3_BUCKET, "ours", hostile);
        add_change(i, CHANGE_S3_KEY_PREFIX, "-p", "q");
        add_change(i, CHANGE_KMS_KEY, "none", "k");
        add_change(i, CHANGE_MULTI_REGION, "on", "off");
        add_change(i, CHANGE_INSIGHTS, "on", "off");
        _cleanup_text_ Text t = text_of(i, PHASE_OPEN);
        assert_has(t.body, " --s3-bucket-name ours --kms-key-id \"\" --is-multi-region-trail "
                           "--include-global-service-events\n");
        i->accepted_by = mem_strdup(hostile);
        i->open = false;
        assert_readable(i);
}

static void test_technique(void **state)
{
        static const char row[] =
                "\nATT&CK          T1685.002 Disable or Modify Cloud Log (formerly T1562.008)\n";

        for (int kind = 0; kind < _INCIDENT_KIND_MAX; kind++) {
                _cleanup_incident_ Incident *i = fixture_incident((IncidentKind)kind, 0);
                _cleanup_text_ Text t = text_of(i, PHASE_OPEN);

                if (incident_is_outage(kind) || kind == INCIDENT_DRIFT || kind == INCIDENT_DELIVERY)
                        assert_has(t.body, row);
                else
                        assert_has_not(t.body, "ATT&CK");
        }
}

static void test_every_error(void **state)
{
        for (int class = 0; class < _AWS_ERROR_CLASS_MAX; class ++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP),
                                            *blind = fixture_incident(INCIDENT_CANNOT_SEE, 0);

                aws_error_set(&i->restart.error, (AwsErrorClass) class, hostile, "%s", hostile);
                i->restart.state = RESTART_FAILING;
                i->attribution.error = blind->cause = i->restart.error;
                assert_readable(i);
                assert_readable(blind);
        }
}

static void test_hostile_text(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        _cleanup_free_ char *longest = mem_alloc0(100001);
        const char *const texts[] = {hostile, longest, ""};

        memset(longest, 'A', 100000);
        for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                for (int type = 0; type < _IDENTITY_TYPE_MAX; type++) {
                        fixture_add(i, &(RecordFacts){.at = STOP});
                        Finding *f = &i->attribution.findings[i->attribution.n_findings - 1];
                        UserIdentity *u = &f->record.identity;
                        char **all[] = {
                                &u->type_text,         &u->principal_id,      &u->arn,
                                &u->account_id,        &u->access_key_id,     &u->user_name,
                                &u->invoked_by,        &u->on_behalf_of,      &u->issuer_arn,
                                &u->issuer_user_name,  &u->source_identity,   &u->web_id_provider,
                                &u->identity_provider, &f->record.source_ip,  &f->record.user_agent,
                                &f->record.event_id,   &f->record.event_name,
                        };

                        for (size_t n = 0; n < ELEMENTSOF(all); n++)
                                mem_strset(all[n], texts[k]);
                        u->type = (IdentityType)type;
                        i->attribution.confidence = CONFIDENCE_EXACT;
                        f->role = ROLE_CULPRIT;
                        assert_readable(i);
                        f->role = ROLE_ATTEMPT;
                        assert_readable(i);
                }
        _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
        assert_has(t.body, "and ");
        assert_has(t.body, " more: trailsentry incident");
}

/* The ARN of a trail has been checked when it was configured; a file on disk may hold any. */
static void test_hostile_trail(void **state)
{
        const char *const arns[] = {hostile, "", "arn:aws:cloudtrail", TRAIL};

        for (size_t k = 0; k < ELEMENTSOF(arns); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

                mem_strset(&i->trail_arn, arns[k]);
                i->restart.state = RESTART_FAILING;
                assert_readable(i);
        }
}

static void test_hostile_notice(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_MAINTENANCE, 0);

        mem_strset(&i->title, hostile);
        mem_strset(&i->text, hostile);
        assert_readable(i);
}

static Incident *with_culprit(IdentityType type, const char *arn)
{
        Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        fixture_add(i, &(RecordFacts){.at = STOP, .who = arn});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        i->attribution.confidence = CONFIDENCE_EXACT;
        i->attribution.findings[0].record.identity.type = type;
        mem_strset(&i->attribution.findings[0].record.identity.type_text,
                   identity_type_to_string(type));
        return i;
}

static UserIdentity *culprit(Incident *i)
{
        return &i->attribution.findings[0].record.identity;
}

static void test_commands_only_for_plain_names(void **state)
{
        static const struct {
                const char *name, *key;
                bool policy, deactivate;
        } rows[] = {
                {"mallory", "AKIAIOSFODNN7EXAMPLE", true, true},
                {"m.a+l=l,o@r_y-1", "AKIAIOSFODNN7EXAMPLE", true, true},
                {"mallory", "AKIA;reboot", true, false},
                {"mallory", "AKIAiosfodnn7example", true, false},
                {"mallory;reboot", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"$(reboot)", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"mal lory", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"mallory\n", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"-mallory", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"m\xc3\xa4llory", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"'", "AKIAIOSFODNN7EXAMPLE", false, false},
                {"", "AKIAIOSFODNN7EXAMPLE", false, false},
                {NULL, "AKIAIOSFODNN7EXAMPLE", false, false},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = with_culprit(IDENTITY_IAM_USER, MALLORY);

                mem_strset(&culprit(i)->user_name, rows[k].name);
                mem_strset(&culprit(i)->access_key_id, rows[k].key);
                _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
                (rows[k].policy ? assert_has : assert_has_not)(t.body, "aws iam put-user-policy");
                (rows[k].deactivate ? assert_has : assert_has_not)(t.body,
                                                                   "aws iam update-access-key");
                assert_body(t.body);
        }
}

#define SERVICE_LINKED "AWSServiceRoleForConfig"

#define ROLE_PATH "arn:aws:iam::111122223333:role/"
#define SSO_PATH ROLE_PATH "aws-reserved/sso.amazonaws.com/"
#define SESSION_OF(role, name) "arn:aws:sts::111122223333:assumed-role/" role "/" name
#define FUNCTION "arn:aws:lambda:eu-west-1:111122223333:function:rotate"

/* Each step ends the access that it speaks of, by what AWS itself says of who it was: deactivating
 * a temporary key does nothing, a function fetches new credentials, a session of Identity Center
 * outlives the sign-in. */
static void test_advice_fits_the_identity(void **state)
{
        static const struct {
                IdentityType type;
                const char *arn, *key, *issuer; /* of a role: path and name */
                const char *has, *has_not, *also;
                UserIdentity is;
        } rows[] = {
                {IDENTITY_IAM_USER, MALLORY, "ASIAIOSFODNN7EXAMPLE", NULL, "console or MFA session",
                 "update-access-key", .also = "ends the user's own work, too"},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("ops", "bob"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "ops", "aws iam put-role-policy --role-name ops", "update-access-key",
                 .also = "everybody and everything that uses the role has to get new ones"},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("x", "bob"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "a;b", "Revoke the sessions of role a;b", "aws iam put-role-policy"},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("AWSReservedSSO_Admin_1", "alice"),
                 "ASIAIOSFODNN7EXAMPLE", SSO_PATH "AWSReservedSSO_Admin_1",
                 "Identity Center session, of user id u-1 in identity store d-1", "put-role-policy",
                 .also = "{\"identitystore:UserId\":\"u-1\"}",
                 .is = {.on_behalf_of = (char *)"u-1",
                        .identity_store =
                                (char *)"arn:aws:identitystore::111122223333:identitystore/d-1"}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("AWSReservedSSO_Admin_1", "alice"),
                 "ASIAIOSFODNN7EXAMPLE", SSO_PATH "AWSReservedSSO_Admin_1",
                 "and only then disable the user", "service control policy",
                 .also = "First, in the inline policy of the permission set"},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("AWSReservedSSO_Admin_1", "alice"),
                 "ASIAIOSFODNN7EXAMPLE", ROLE_PATH "AWSReservedSSO_Admin_1",
                 "aws iam put-role-policy --role-name AWSReservedSSO_Admin_1",
                 "is an IAM Identity Center session"},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("web", "i-0123456789abcdef0"),
                 "ASIAIOSFODNN7EXAMPLE", ROLE_PATH "web", "EC2 instance i-0123456789abcdef0", NULL,
                 .also = "require IMDSv2 there", .is = {.ec2_role_delivery = (char *)"1.0"}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("web", "i-0123456789abcdef0"),
                 "ASIAIOSFODNN7EXAMPLE", ROLE_PATH "web", "Find who assumed it", "isolate it",
                 .also = "its session name says an EC2 instance, and is its maker's choice"},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("fn", "rotate"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "fn",
                 "aws lambda put-function-concurrency --region eu-west-1 --function-name rotate "
                 "--reserved-concurrent-executions 0",
                 "Find who assumed it", .also = "All that the function does stops with it",
                 .is = {.in_scope_type = (char *)"AWS::Lambda::Function",
                        .in_scope_issued_to = (char *)FUNCTION}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("ci", "run-1"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "ci", "or narrow what the role's trust policy lets in", NULL,
                 .also = "every pipeline or application that uses the role",
                 .is = {.web_id_provider = (char *)"token.actions.example"}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("ops", "v"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "ops", "A vendor acted for somebody of yours, from account 444455556666",
                 NULL, .is = {.invoked_by_delegate = (char *)"444455556666"}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("ops", "v"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "ops", "Revoke the sessions of role ops", "The call came through",
                 .is = {.invoked_by = (char *)"AWS Internal"}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF("ops", "v"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "ops", "The call came through cloudformation.amazonaws.com", NULL,
                 .is = {.invoked_by = (char *)"cloudformation.amazonaws.com"}},
                {IDENTITY_ASSUMED_ROLE, SESSION_OF(SERVICE_LINKED, "x"), "ASIAIOSFODNN7EXAMPLE",
                 ROLE_PATH "aws-service-role/config.amazonaws.com/" SERVICE_LINKED,
                 "is a service-linked role", "put-role-policy"},
                {IDENTITY_ROOT, "arn:aws:iam::111122223333:root/x", "", NULL, "The root user",
                 "put-user-policy"},
                {IDENTITY_ROOT, "arn:aws:iam::111122223333:root/x", "", NULL,
                 "ends by itself within 15 minutes", "change its password",
                 .is = {.assumed_root = true}},
                {IDENTITY_FEDERATED_USER, MALLORY, "ASIAIOSFODNN7EXAMPLE",
                 "arn:aws:iam::111122223333:user/carol",
                 "aws iam put-user-policy --user-name carol", "update-access-key",
                 .also = "Deactivating the user's keys ends no session"},
                {IDENTITY_AWS_SERVICE, MALLORY, "", NULL, "An AWS service acted",
                 "put-user-policy"},
                {IDENTITY_AWS_ACCOUNT, MALLORY, "", NULL, "another account", "put-user-policy"},
                {IDENTITY_IDENTITY_CENTER_USER, MALLORY, "", NULL,
                 "Revoke the active sessions of Identity Center user", "put-user-policy"},
                {IDENTITY_SAML_USER, MALLORY, "", NULL, "identity provider", "put-user-policy"},
                {IDENTITY_WEB_IDENTITY_USER, MALLORY, "", NULL, "identity provider", NULL},
                {IDENTITY_DIRECTORY, MALLORY, "", NULL, "principal id", "put-user-policy"},
                {IDENTITY_UNKNOWN, MALLORY, "", NULL, "principal id", "put-user-policy"},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = with_culprit(rows[k].type, rows[k].arn);
                UserIdentity *u = culprit(i);
                const UserIdentity *is = &rows[k].is;

                mem_strset(&u->access_key_id, rows[k].key);
                mem_strset(&u->issuer_arn, rows[k].issuer);
                mem_strset(&u->issuer_user_name,
                           rows[k].issuer ? strrchr(rows[k].issuer, '/') + 1 : NULL);
                mem_strset(&u->on_behalf_of, is->on_behalf_of);
                mem_strset(&u->identity_store, is->identity_store);
                mem_strset(&u->ec2_role_delivery, is->ec2_role_delivery);
                mem_strset(&u->in_scope_type, is->in_scope_type);
                mem_strset(&u->in_scope_issued_to, is->in_scope_issued_to);
                mem_strset(&u->web_id_provider, is->web_id_provider);
                mem_strset(&u->invoked_by, is->invoked_by);
                mem_strset(&u->invoked_by_delegate, is->invoked_by_delegate);
                u->assumed_root = is->assumed_root;
                _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
                assert_body(t.body);
                assert_has(t.body, rows[k].has);
                if (rows[k].has_not)
                        assert_has_not(t.body, rows[k].has_not);
                if (rows[k].also)
                        assert_has(t.body, rows[k].also);
        }
}

static void test_every_identity_is_named(void **state)
{
        static const struct {
                UserIdentity u;
                const char *name;
        } rows[] = {
                {{.type = IDENTITY_IAM_USER, .user_name = (char *)"mallory"}, "mallory (IAMUser)"},
                {{.type = IDENTITY_ROOT, .arn = (char *)"arn:aws:iam::1:root"},
                 "arn:aws:iam::1:root (Root)"},
                {{.type = IDENTITY_ASSUMED_ROLE,
                  .arn = (char *)"arn:aws:sts::111122223333:assumed-role/ops/bob",
                  .issuer_user_name = (char *)"ops"},
                 "bob (AssumedRole, role ops)"},
                {{.type = IDENTITY_ASSUMED_ROLE,
                  .arn = (char *)"arn:aws:sts::111122223333:assumed-role/ops/bob",
                  .source_identity = (char *)"alice",
                  .issuer_user_name = (char *)"ops"},
                 "alice (AssumedRole, role ops)"},
                {{.type = IDENTITY_AWS_SERVICE, .invoked_by = (char *)"config.amazonaws.com"},
                 "config.amazonaws.com (AWSService)"},
                {{.type = IDENTITY_AWS_ACCOUNT, .account_id = (char *)"444455556666"},
                 "AWSAccount@444455556666 (AWSAccount)"},
                {{.type = IDENTITY_IDENTITY_CENTER_USER, .account_id = (char *)"111122223333"},
                 "IdentityCenterUser@111122223333 (IdentityCenterUser)"},
                {{.type = IDENTITY_UNKNOWN, .principal_id = (char *)"AIDAX"}, "AIDAX (Unknown)"},
                {{.type = IDENTITY_UNKNOWN}, "Unknown (Unknown)"},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = with_culprit(rows[k].u.type, MALLORY);
                UserIdentity *u = culprit(i);

                mem_strset(&u->arn, rows[k].u.arn);
                mem_strset(&u->user_name, rows[k].u.user_name);
                mem_strset(&u->source_identity, rows[k].u.source_identity);
                mem_strset(&u->issuer_user_name, rows[k].u.issuer_user_name);
                mem_strset(&u->invoked_by, rows[k].u.invoked_by);
                mem_strset(&u->account_id, rows[k].u.account_id);
                mem_strset(&u->principal_id, rows[k].u.principal_id);
                _cleanup_free_ char *actor = alert_actor(i);
                assert_true(strncmp(actor, rows[k].name, strlen(rows[k].name)) == 0);
        }
}

static void test_misuse_comes_first(void **state)
{
        _cleanup_incident_ Incident *i = with_culprit(IDENTITY_ASSUMED_ROLE, OWN);

        i->attribution.misused = true;
        _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
        assert_has(t.subject, "GUARD'S CREDENTIALS MISUSED");
        assert_has(t.body, "\nTHE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE.\n");
        assert_has(t.body, "1. Somebody uses the guard's own credentials");
}

static void test_not_known(void **state)
{
        static const struct {
                SearchState s;
                unsigned rounds;
                bool said_not_yet;
                Confidence c;
                const char *text;
        } rows[] = {
                {SEARCH_RUNNING, 1, false, CONFIDENCE_NONE, "an UPDATE will follow"},
                {SEARCH_RUNNING, 9, true, CONFIDENCE_NONE, "the search continues for 24 hours"},
                {SEARCH_GAVE_UP, 99, true, CONFIDENCE_NONE, "not found in Event history"},
                {SEARCH_GAVE_UP, 0, false, CONFIDENCE_NONE, "90 days"},
                {SEARCH_DONE, 3, false, CONFIDENCE_AMBIGUOUS, "several calls fit"},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

                i->attribution.state = rows[k].s;
                i->attribution.rounds = rows[k].rounds;
                i->attribution.said_not_yet = rows[k].said_not_yet;
                i->attribution.confidence = rows[k].c;
                _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
                assert_has(t.body, rows[k].text);
        }
}

static void test_restart_words(void **state)
{
        static const struct {
                RestartState s;
                bool open;
                int64_t to;
                const char *text, *subject;
        } rows[] = {
                {RESTART_REQUESTED, true, 0, "no answer yet", "was stopped"},
                {RESTART_ACCEPTED, true, 0, "not yet verified", "was stopped"},
                {RESTART_NOT_WANTED, true, 0, "action = \"alert\"", "was stopped"},
                {RESTART_VERIFIED, false, 5000, "by this guard, verified", "blind 5 s"},
                {RESTART_BY_OTHERS, false, 5000, "by somebody else", "blind 5 s"},
                {RESTART_NOT_WANTED, false, 5000, "not needed", "blind 5 s"},
                /* deleted, made again or stopped once more: it never logged again as this one */
                {RESTART_FAILING, false, 0, "continues in the next incident", "next incident"},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

                i->restart.state = rows[k].s;
                i->restart.attempts = 1;
                i->open = rows[k].open;
                i->blind_to_msec = rows[k].to ? BASE + STOP + rows[k].to : 0;
                _cleanup_text_ Text t = text_of(i, i->open ? PHASE_OPEN : PHASE_CLOSED);
                assert_has(t.body, rows[k].text);
                assert_has(t.subject, rows[k].subject);
                if (!rows[k].to)
                        assert_has_not(t.body, "logging again");
        }
}

/* Whose start it was is taken from the time alone when no answer came. */
static void test_restart_without_an_answer(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->open = false;
        i->blind_to_msec = BASE + STOP + 5000;
        i->restart = (Restart){.state = RESTART_VERIFIED, .attempts = 2, .unanswered = 1};
        _cleanup_text_ Text t = text_of(i, PHASE_CLOSED);
        assert_has(t.body, "Restart         probably by this guard, whose StartLogging had no");
        i->restart.accepted_msec = BASE + STOP + 4000;
        _cleanup_text_ Text sure = text_of(i, PHASE_CLOSED);
        assert_has(sure.body, "Restart         by this guard, verified by GetTrailStatus (2");
}

static void test_failing(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->restart.state = RESTART_FAILING;
        i->restart.attempts = 3;
        aws_error_set(&i->restart.error, AWS_ERROR_DENIED, "AccessDeniedException", "no");
        _cleanup_text_ Text t = text_of(i, PHASE_FAILING);
        assert_has(t.subject, "NOT LOGGING, restart FAILS");
        assert_has(t.body, "AccessDeniedException");
        assert_has(t.body, "aws cloudtrail start-logging --region us-east-1 --name " TRAIL "\n");

        /* Somebody's start before the stop does not make it log. */
        fixture_add(i, &(RecordFacts){.event = "StartLogging", .at = STOP - 60000});
        i->attribution.findings[0].role = ROLE_STARTER;
        _cleanup_text_ Text again = text_of(i, PHASE_FAILING);
        assert_has(again.body, "aws cloudtrail start-logging");
}

static void test_reminder(void **state)
{
        _cleanup_incident_ Incident *i = with_culprit(IDENTITY_IAM_USER, MALLORY);

        i->blind_from_msec = i->stop_msec = NOW - 2 * MSEC_PER_HOUR;
        i->reminders = 1;
        i->restart.state = RESTART_FAILING;
        _cleanup_text_ Text failing = text_of(i, PHASE_FAILING);
        assert_has(failing.subject, "NOT LOGGING for 2 h, restart FAILS");
        i->restart.state = RESTART_NOT_WANTED;
        _cleanup_text_ Text update = text_of(i, PHASE_UPDATE);
        assert_has(update.subject, "NOT LOGGING");
        assert_has(update.subject, "NOT LOGGING for 2 h (");

        _cleanup_incident_ Incident *blind = fixture_incident(INCIDENT_CANNOT_SEE, 0);
        blind->blind_from_msec = NOW - 2 * MSEC_PER_HOUR;
        blind->reminders = 1;
        _cleanup_text_ Text unseen = text_of(blind, PHASE_UPDATE);
        assert_has(unseen.subject, "NOT SEEN for 2 h (");
}

static void test_who_did_it_in_the_subject(void **state)
{
        _cleanup_incident_ Incident *i = with_culprit(IDENTITY_IAM_USER, MALLORY);

        i->open = false;
        i->blind_to_msec = BASE + STOP + 5000;
        _cleanup_text_ Text exact = text_of(i, PHASE_UPDATE);
        assert_has(exact.subject, ") who did it: mallory, trail ");
        i->attribution.confidence = CONFIDENCE_AMBIGUOUS;
        _cleanup_text_ Text ambiguous = text_of(i, PHASE_UPDATE);
        assert_has(ambiguous.subject, ") several may have done it, trail ");
        i->attribution.findings[0].role = ROLE_ATTEMPT;
        i->attribution.confidence = CONFIDENCE_NONE;
        _cleanup_text_ Text none = text_of(i, PHASE_UPDATE);
        assert_has(none.subject, ") who did it is not known yet, trail ");
}

static void test_delivery(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->open = false;
        i->blind_to_msec = BASE + STOP + 5000;
        i->restart.state = RESTART_VERIFIED;
        i->delivering = DELIVERING_NO;
        i->delivery_error = mem_strdup("NoSuchBucket");
        _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
        assert_has(t.subject, "NO LOG FILES");
        assert_has(t.body, "NoSuchBucket");
        assert_has(t.body, "Log files do not reach the bucket");
        i->delivering = DELIVERING_YES;
        _cleanup_text_ Text good = text_of(i, PHASE_CLOSED);
        assert_has(good.body, "log files are delivered again");
}

/* The clocks of AWS and of the guard differ: then there is no duration, and nothing odd. */
static void test_window_without_length(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_RECREATED, 0);

        i->blind_from_msec = BASE + 5000;
        i->blind_to_msec = BASE + 4000;
        assert_readable(i);
        _cleanup_free_ char *summary = alert_summary(i);
        assert_has_not(summary, "blind");
}

static void test_error_words(void **state)
{
        AwsError e = {.class = AWS_ERROR_DENIED};
        _cleanup_free_ char *bare = alert_error_words(&e);

        assert_string_equal(bare, "access denied");
        aws_error_set(&e, AWS_ERROR_NETWORK, "Timeout", "no answer within 5 s");
        memcpy(e.request_id, "r-1", 4);
        _cleanup_free_ char *full = alert_error_words(&e);
        assert_string_equal(full, "no answer from the service (Timeout, request id r-1): no answer "
                                  "within 5 s");
}

UNIT_MAIN(T(test_every_state), T(test_hostile_settings), T(test_undoing), T(test_technique),
          T(test_every_error), T(test_hostile_text), T(test_hostile_trail), T(test_hostile_notice),
          T(test_commands_only_for_plain_names), T(test_advice_fits_the_identity),
          T(test_every_identity_is_named), T(test_misuse_comes_first), T(test_not_known),
          T(test_restart_words), T(test_restart_without_an_answer), T(test_failing),
          T(test_reminder), T(test_who_did_it_in_the_subject), T(test_delivery),
          T(test_window_without_length), T(test_error_words))
