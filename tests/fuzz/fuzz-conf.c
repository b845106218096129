/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: either mistakes, each with words and a line that is in the file, or a
 * configuration that is the same when it is written out and read again. */
#include "aws/arn.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "daemon/conf.h"
#include "fuzz.h"

#define PATH "/etc/x.conf"

/* libconfig's scanner loses a text that is still open when the file ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
        return "leak:libconfig.so";
}

static void put_text(StrBuf *b, const char *name, const char *value)
{
        if (!value)
                return;
        strbuf_addf(b, "%s = \"", name);
        for (; *value; value++)
                strbuf_addf(b, "\\x%02x", (unsigned char)*value);
        strbuf_add(b, "\";\n");
}

static void put_usec(StrBuf *b, const char *name, uint64_t usec)
{
        strbuf_addf(b, "%s = \"%lluus\";\n", name, (unsigned long long)usec);
}

static void put_bool(StrBuf *b, const char *name, bool value)
{
        strbuf_addf(b, "%s = %s;\n", name, value ? "true" : "false");
}

static void put_declared(StrBuf *b, const char *name, Declared d)
{
        if (d != DECLARED_UNSAID)
                put_bool(b, name, d == DECLARED_YES);
}

static void put_trail(StrBuf *b, const ConfTrail *t)
{
        const TrailExpect *e = &t->expect;

        put_text(b, "arn", t->arn);
        put_text(b, "role_arn", t->role_arn);
        put_text(b, "external_id", t->external_id);
        put_text(b, "action", trail_action_to_string(t->action));
        put_usec(b, "poll_interval", t->poll_usec);
        strbuf_add(b, "expect = {\n");
        put_text(b, "s3_bucket_name", e->s3_bucket_name);
        put_text(b, "s3_key_prefix", e->s3_key_prefix);
        put_text(b, "kms_key_id", e->kms_key_id);
        put_text(b, "sns_topic", e->sns_topic);
        put_text(b, "log_group", e->log_group);
        put_text(b, "management_events", e->management_events);
        put_declared(b, "multi_region", e->multi_region);
        put_declared(b, "organization", e->organization);
        put_declared(b, "global_service_events", e->global_service_events);
        put_declared(b, "log_file_validation", e->log_file_validation);
        strbuf_add(b, "};\n");
}

static void put_topic(StrBuf *b, const ConfTopic *t)
{
        put_text(b, "arn", t->arn);
        put_text(b, "role_arn", t->role_arn);
        put_text(b, "external_id", t->external_id);
        put_text(b, "format", topic_format_to_string(t->format));
        put_text(b, "min_severity", severity_to_string(t->min_severity));
}

static char *print(const Conf *c)
{
        static const char *const levels[] = {"emerg",   "alert",  "crit", "error",
                                             "warning", "notice", "info", "debug"};
        StrBuf b = STRBUF_INIT((size_t)1024 * 1024);
        char *text;

        for (size_t i = 0; i < c->n_trails; i++) {
                strbuf_add(&b, i > 0 ? "}, {\n" : "trails = ( {\n");
                put_trail(&b, &c->trails[i]);
        }
        for (size_t i = 0; i < c->n_topics; i++) {
                strbuf_add(&b, i > 0 ? "}, {\n" : "} );\ntopics = ( {\n");
                put_topic(&b, &c->topics[i]);
        }
        strbuf_add(&b, "} );\n");
        put_text(&b, "action", trail_action_to_string(c->action));
        put_usec(&b, "poll_interval", c->poll_usec);
        put_usec(&b, "cannot_see_after", c->cannot_see_after_usec);
        strbuf_add(&b, "drift = {\n");
        put_bool(&b, "enabled", c->drift);
        put_usec(&b, "interval", c->drift_usec);
        strbuf_add(&b, "};\nheartbeat = {\n");
        put_bool(&b, "enabled", c->heartbeat);
        put_text(&b, "namespace", c->heartbeat_namespace);
        put_text(&b, "region", c->heartbeat_region);
        strbuf_add(&b, "};\n");
        put_text(&b, "profile", c->profile);
        put_text(&b, "endpoint", c->endpoint);
        put_text(&b, "ca_file", c->ca_file);
        put_text(&b, "proxy", c->proxy);
        put_declared(&b, "fips", c->fips);
        put_declared(&b, "dual_stack", c->dual_stack);
        put_text(&b, "log_level", levels[c->log_level]);
        HOLD(strbuf_take(&b, &text) == 0);
        return text;
}

static void check_problems(const ConfProblems *p, const uint8_t *data, size_t size)
{
        unsigned lines = 1;

        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n';
        HOLD(p->n > 0);
        for (size_t i = 0; i < p->n; i++) {
                _cleanup_free_ char *line = conf_problem_line(&p->items[i]);

                HOLD(*p->items[i].text && p->items[i].line <= lines);
                HOLD(strncmp(line, PATH ":", strlen(PATH ":")) == 0);
                HOLD(i == 0 || p->items[i - 1].line <= p->items[i].line);
        }
}

static void check_account(const Conf *c, unsigned account, const char *role_arn, const char *id)
{
        HOLD(account < c->n_accounts && streq_ptr(c->accounts[account].role_arn, role_arn) &&
             streq_ptr(c->accounts[account].external_id, id));
}

static void check_conf(const Conf *c)
{
        const char *wrong;
        Arn a;

        HOLD(c->n_trails > 0 && c->n_topics > 0 && c->n_accounts > 0);
        for (size_t i = 0; i < c->n_trails; i++) {
                const ConfTrail *t = &c->trails[i];

                HOLD(arn_parse_trail(t->arn, &a, &wrong) == 0);
                HOLD(t->poll_usec >= USEC_PER_SEC && 3 * t->poll_usec <= c->cannot_see_after_usec);
                check_account(c, t->account, t->role_arn, t->external_id);
        }
        for (size_t i = 0; i < c->n_topics; i++) {
                HOLD(arn_parse_topic(c->topics[i].arn, &a, &wrong) == 0);
                check_account(c, c->topics[i].account, c->topics[i].role_arn,
                              c->topics[i].external_id);
        }
        for (size_t i = 0; i < c->n_accounts; i++)
                HOLD(c->accounts[i].region);
        HOLD(c->heartbeat_region && c->log_level >= 0 && c->log_level <= 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(conf_freep) Conf *c = NULL, *again = NULL;
        _cleanup_(conf_problems_done) ConfProblems p = {0}, none = {0};

        if (conf_parse(PATH, (const char *)data, size, &c, &p) < 0) {
                HOLD(!c);
                check_problems(&p, data, size);
                return 0;
        }
        HOLD(p.n == 0);
        check_conf(c);
        _cleanup_free_ char *text = print(c), *same = NULL;
        HOLD(conf_parse(PATH, text, strlen(text), &again, &none) == 0);
        same = print(again);
        HOLD(streq(text, same));
        return 0;
}
