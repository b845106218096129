/* SPDX-License-Identifier: Apache-2.0 */
/* One table a group: what an option is called, what it may hold, where it goes. Durations are
 * strings with a unit, since libconfig's integers wrap silently; there is no option that is a
 * number. trailsentry.conf(5) says the same in words, and a test holds the two together. */

#include "daemon/confoption.h"

#include <stdio.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "daemon/confvalue.h"

#define VALUE_SHOWN_MAX 100 /* characters of a refused value that are repeated */

typedef enum ConfKind {
        CONF_STRING,    /* char *, owned; held to check */
        CONF_DURATION,  /* uint64_t usec between min and max */
        CONF_BOOL,      /* bool */
        CONF_ACTION,    /* TrailAction */
        CONF_LOG_LEVEL, /* int, syslog's */
        CONF_GROUP,     /* { ... }, decoded by the caller */
        CONF_LIST,      /* ( { ... }, ... ), not empty, decoded by the caller */
} ConfKind;

typedef enum ConfNeed {
        CONF_OPTIONAL,
        CONF_REQUIRED,
} ConfNeed;

typedef enum ConfShow {
        CONF_SHOWN,
        CONF_HIDDEN, /* may hold a password: never repeated */
} ConfShow;

typedef struct ConfOption {
        const char *name;
        ConfKind kind;
        ConfNeed need;
        size_t offset;
        uint64_t min_usec, max_usec; /* DURATION */
        ConfValueCheck check;        /* STRING */
        ConfShow show;
        const char *default_text; /* as it is written in a file */
        const char *help;         /* one line */
} ConfOption;

struct ConfTable {
        const char *group; /* NULL at the top level */
        const char *write; /* how the group is written */
        const ConfOption *options;
        size_t n;
};

#define POLL_MIN_USEC (1 * USEC_PER_SEC)
#define POLL_MAX_USEC (1 * USEC_PER_HOUR)

static const ConfOption top_options[] = {
        {"trails", CONF_LIST, CONF_REQUIRED, .help = "the trails that are guarded, one group each"},
        {"topics", CONF_LIST, CONF_REQUIRED,
         .help = "the SNS topics that every alert is sent to, one group each"},
        {"poll_interval", CONF_DURATION, .offset = offsetof(ConfDraft, poll_usec),
         .min_usec = POLL_MIN_USEC, .max_usec = POLL_MAX_USEC, .default_text = "\"10s\"",
         .help = "how often a trail is looked at"},
        {"cannot_see_after", CONF_DURATION,
         .offset = offsetof(ConfDraft, conf.cannot_see_after_usec), .min_usec = 10 * USEC_PER_SEC,
         .max_usec = 1 * USEC_PER_HOUR, .default_text = "\"60s\"",
         .help = "a trail that could not be looked at for so long is told as an incident"},
        {"action", CONF_ACTION, .offset = offsetof(ConfDraft, action),
         .default_text = "\"restart\"",
         .help = "what is done about a stopped trail: \"restart\" it and tell, or only \"alert\""},
        {"heartbeat", CONF_GROUP,
         .help = "the CloudWatch metrics that show that the guard is alive"},
        {"endpoint", CONF_STRING, .offset = offsetof(ConfDraft, conf.endpoint),
         .check = conf_check_endpoint,
         .help = "URL in the place of AWS's own; {service} and {region} may stand in it"},
        {"fips", CONF_BOOL, .offset = offsetof(ConfDraft, conf.fips), .default_text = "false",
         .help = "use AWS's FIPS endpoints"},
        {"dual_stack", CONF_BOOL, .offset = offsetof(ConfDraft, conf.dual_stack),
         .default_text = "false", .help = "use AWS's endpoints that have IPv6 too"},
        {"ca_file", CONF_STRING, .offset = offsetof(ConfDraft, conf.ca_file),
         .check = conf_check_path, .help = "certificates (PEM) trusted instead of the system's"},
        {"proxy", CONF_STRING, .offset = offsetof(ConfDraft, conf.proxy), .check = conf_check_proxy,
         .show = CONF_HIDDEN, .help = "URL of an HTTP proxy, instead of what the environment says"},
        {"log_level", CONF_LOG_LEVEL, .offset = offsetof(ConfDraft, conf.log_level),
         .default_text = "\"info\"", .help = "least important records that are logged"},
};

static const ConfOption trail_options[] = {
        {"arn", CONF_STRING, CONF_REQUIRED, .offset = offsetof(ConfTrailDraft, trail.arn),
         .check = conf_check_trail_arn, .help = "ARN of the trail, with its home region"},
        {"action", CONF_ACTION, .offset = offsetof(ConfTrailDraft, trail.action),
         .help = "as above, for this trail"},
        {"poll_interval", CONF_DURATION, .offset = offsetof(ConfTrailDraft, trail.poll_usec),
         .min_usec = POLL_MIN_USEC, .max_usec = POLL_MAX_USEC, .help = "as above, for this trail"},
        {"role_arn", CONF_STRING, .offset = offsetof(ConfTrailDraft, role_arn),
         .check = conf_check_role_arn,
         .help = "ARN of a role to assume for this trail, as in another account"},
        {"external_id", CONF_STRING, .offset = offsetof(ConfTrailDraft, external_id),
         .check = conf_check_external_id, .show = CONF_HIDDEN,
         .help = "external id that the role asks for"},
};

static const ConfOption topic_options[] = {
        {"arn", CONF_STRING, CONF_REQUIRED, .offset = offsetof(ConfTopic, arn),
         .check = conf_check_topic_arn, .help = "ARN of a standard topic"},
};

static const ConfOption heartbeat_options[] = {
        {"enabled", CONF_BOOL, .offset = offsetof(ConfDraft, conf.heartbeat),
         .default_text = "true", .help = "send a metric for every trail that was seen"},
        {"namespace", CONF_STRING, .offset = offsetof(ConfDraft, conf.heartbeat_namespace),
         .check = conf_check_namespace, .default_text = "\"trailsentry\"",
         .help = "CloudWatch namespace of the metrics"},
        {"region", CONF_STRING, .offset = offsetof(ConfDraft, conf.heartbeat_region),
         .check = conf_check_region,
         .help = "region of the metrics; that of the first topic unless said"},
};

#define TABLE(group_, write_, options_)                                                            \
        {                                                                                          \
                .group = group_, .write = write_, .options = options_, .n = ELEMENTSOF(options_)   \
        }

const ConfTable conf_table_top = TABLE(NULL, NULL, top_options);
const ConfTable conf_table_trail = TABLE("trails", "trails = ( { ... } );", trail_options);
const ConfTable conf_table_topic = TABLE("topics", "topics = ( { ... } );", topic_options);
const ConfTable conf_table_heartbeat =
        TABLE("heartbeat", "heartbeat = { ... };", heartbeat_options);

static const ConfTable *const tables[] = {
        &conf_table_top,
        &conf_table_trail,
        &conf_table_topic,
        &conf_table_heartbeat,
};

bool conf_option_info(size_t i, ConfOptionInfo *ret)
{
        for (size_t t = 0; t < ELEMENTSOF(tables); i -= tables[t]->n, t++)
                if (i < tables[t]->n) {
                        const ConfOption *o = &tables[t]->options[i];

                        *ret = (ConfOptionInfo){tables[t]->group, o->name, o->default_text,
                                                o->help};
                        return true;
                }
        return false;
}

char *conf_duration_text(uint64_t usec)
{
        static const struct {
                const char *unit;
                uint64_t usec;
        } units[] = {
                {"h", USEC_PER_HOUR},
                {"min", USEC_PER_MINUTE},
                {"s", USEC_PER_SEC},
                {"ms", USEC_PER_MSEC},
                {"us", 1},
        };
        size_t i = 0;

        while (usec % units[i].usec != 0)
                i++;
        return mem_printf("%llu%s", (unsigned long long)(usec / units[i].usec), units[i].unit);
}

static const ConfOption *table_find(const ConfTable *table, const char *name)
{
        for (size_t i = 0; i < table->n; i++)
                if (streq(table->options[i].name, name))
                        return &table->options[i];
        return NULL;
}

/* Levenshtein's distance. */
static size_t name_distance(const char *a, const char *b)
{
        size_t row[32], n = strlen(b);

        assert(n < ELEMENTSOF(row));
        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t replace = diagonal + (a[i - 1] != b[j - 1]);

                        diagonal = row[j];
                        row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
                }
        }
        return row[n];
}

static void report_unknown(ConfReport *r, const config_setting_t *s, const ConfTable *table)
{
        _cleanup_strbuf_ StrBuf known = STRBUF_INIT(512);
        const char *name = config_setting_name(s), *nearest = NULL;
        size_t best = strlen(name) / 3 + 2;

        for (size_t i = 0; i < table->n; i++) {
                size_t d = name_distance(name, table->options[i].name);

                strbuf_addf(&known, "%s%s", i > 0 ? ", " : "", table->options[i].name);
                if (d < best) {
                        best = d;
                        nearest = table->options[i].name;
                }
        }
        if (nearest) {
                conf_report_setting(r, s, NULL,
                                    mem_printf("unknown option; did you mean \"%s\"?", nearest));
                return;
        }

        for (size_t t = 0; t < ELEMENTSOF(tables); t++)
                if (tables[t] != table && table_find(tables[t], name)) {
                        conf_report_setting(
                                r, s, NULL,
                                tables[t]->group
                                        ? mem_printf("not an option here: it belongs into %s",
                                                     tables[t]->write)
                                        : mem_strdup("not an option here: it belongs to the top "
                                                     "level of the file"));
                        return;
                }
        conf_report_setting(r, s, NULL,
                            mem_printf("unknown option; known here: %s", strbuf_str(&known)));
}

static const char *type_in_words(const config_setting_t *s)
{
        switch (config_setting_type(s)) {
        case CONFIG_TYPE_GROUP:
                return "a group { ... }";
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
        case CONFIG_TYPE_FLOAT:
                return "a number";
        case CONFIG_TYPE_STRING:
                return "a text";
        case CONFIG_TYPE_BOOL:
                return "true or false";
        case CONFIG_TYPE_ARRAY:
                return "an array [ ... ]";
        case CONFIG_TYPE_LIST:
                return "a list ( ... )";
        default:
                return "nothing";
        }
}

/* What would be right, for somebody who wrote a value of another type. */
static char *type_wanted(const ConfOption *o)
{
        switch (o->kind) {
        case CONF_DURATION:
                return mem_strdup("a duration, a text with a unit: write \"10s\"");
        case CONF_BOOL:
                return mem_strdup("true or false, without quotes");
        case CONF_ACTION:
                return mem_strdup("\"restart\" or \"alert\"");
        case CONF_LOG_LEVEL:
                return mem_strdup("\"debug\", \"info\", \"notice\", \"warning\" or \"error\"");
        case CONF_GROUP:
                return mem_printf("a group: write %s = { ... };", o->name);
        case CONF_LIST:
                return mem_printf("a list of groups: write %s = ( { arn = \"...\"; } );", o->name);
        case CONF_STRING:
        default:
                return mem_strdup("a text in double quotes");
        }
}

static const int kind_types[] = {
        [CONF_STRING] = CONFIG_TYPE_STRING,    [CONF_DURATION] = CONFIG_TYPE_STRING,
        [CONF_BOOL] = CONFIG_TYPE_BOOL,        [CONF_ACTION] = CONFIG_TYPE_STRING,
        [CONF_LOG_LEVEL] = CONFIG_TYPE_STRING, [CONF_GROUP] = CONFIG_TYPE_GROUP,
        [CONF_LIST] = CONFIG_TYPE_LIST,
};

static void *target_of(void *target, const ConfOption *o)
{
        return (uint8_t *)target + o->offset;
}

/* Stores a text, or says in *why (for people) what is wrong with it. */
static bool store_text(const ConfOption *o, const char *value, void *target, StrBuf *why)
{
        switch (o->kind) {
        case CONF_STRING: {
                if (!o->check(value, why))
                        return false;
                mem_strset(target_of(target, o), value);
                return true;
        }
        case CONF_DURATION: {
                uint64_t usec;
                int r = timefmt_parse_duration(value, &usec);

                if (r == -EINVAL) {
                        strbuf_add(why, "not a duration: write a whole number and a unit (ms, s, "
                                        "min, h), as in \"10s\"");
                        return false;
                }
                if (r < 0 || usec < o->min_usec || usec > o->max_usec) {
                        _cleanup_free_ char *min = conf_duration_text(o->min_usec);
                        _cleanup_free_ char *max = conf_duration_text(o->max_usec);

                        strbuf_addf(why, "out of range: write \"%s\" to \"%s\"", min, max);
                        return false;
                }
                *(uint64_t *)target_of(target, o) = usec;
                return true;
        }
        case CONF_ACTION: {
                TrailAction action = trail_action_from_string(value);

                if (action < 0) {
                        strbuf_add(why, "not an action: write \"restart\" or \"alert\"");
                        return false;
                }
                *(TrailAction *)target_of(target, o) = action;
                return true;
        }
        case CONF_LOG_LEVEL: {
                int level = log_parse_level(value);

                if (level < LOG_ERR) {
                        strbuf_add(why, "not a level: write \"debug\", \"info\", \"notice\", "
                                        "\"warning\" or \"error\"");
                        return false;
                }
                *(int *)target_of(target, o) = level;
                return true;
        }
        default:
                assert(false);
                return false;
        }
}

static void decode_option(ConfReport *r, const config_setting_t *s, const ConfOption *o,
                          void *target)
{
        if (config_setting_type(s) != kind_types[o->kind]) {
                _cleanup_free_ char *wanted = type_wanted(o);

                conf_report_setting(
                        r, s, NULL,
                        mem_printf("is %s, and has to be %s", type_in_words(s), wanted));
                return;
        }

        switch (o->kind) {
        case CONF_BOOL:
                *(bool *)target_of(target, o) = config_setting_get_bool(s);
                break;
        case CONF_GROUP:
                break;
        case CONF_LIST:
                if (config_setting_length(s) == 0) {
                        _cleanup_free_ char *wanted = type_wanted(o);

                        conf_report_setting(r, s, NULL,
                                            mem_printf("is empty, and has to be %s", wanted));
                }
                break;
        default: {
                _cleanup_strbuf_ StrBuf why = STRBUF_INIT(1024);
                const char *value = config_setting_get_string(s);

                if (!store_text(o, value, target, &why)) {
                        _cleanup_free_ char *shown = escape_text(value, VALUE_SHOWN_MAX);

                        conf_report_setting(r, s, NULL,
                                            o->show == CONF_HIDDEN ? mem_strdup(strbuf_str(&why))
                                                                   : mem_printf("\"%s\": %s", shown,
                                                                                strbuf_str(&why)));
                }
        }
        }
}

void conf_decode_group(ConfReport *r, const config_setting_t *group, const ConfTable *table,
                       void *target)
{
        for (int i = 0; i < config_setting_length(group); i++) {
                const config_setting_t *s =
                        config_setting_get_elem((config_setting_t *)group, (unsigned)i);
                const ConfOption *o = table_find(table, config_setting_name(s));

                if (o)
                        decode_option(r, s, o, target);
                else
                        report_unknown(r, s, table);
        }

        for (size_t i = 0; i < table->n; i++) {
                const ConfOption *o = &table->options[i];

                if (o->need == CONF_REQUIRED &&
                    !config_setting_get_member((config_setting_t *)group, o->name))
                        conf_report_setting(r, group, o->name,
                                            mem_printf("is missing: %s", o->help));
        }
}

void conf_decode_defaults(const ConfTable *table, void *target)
{
        for (size_t i = 0; i < table->n; i++) {
                const ConfOption *o = &table->options[i];
                _cleanup_strbuf_ StrBuf why = STRBUF_INIT(1024);
                _cleanup_free_ char *value = NULL;
                bool stored = true;

                if (!o->default_text)
                        continue;
                if (o->kind == CONF_BOOL) {
                        *(bool *)target_of(target, o) = streq(o->default_text, "true");
                        continue;
                }
                value = mem_strndup(o->default_text + 1, strlen(o->default_text) - 2);
                stored = store_text(o, value, target, &why);
                assert(stored);
                (void)stored; /* a wrong default is our own bug */
        }
}
