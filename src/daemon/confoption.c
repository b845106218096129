/* SPDX-License-Identifier: Apache-2.0 */
/* One table a group: what an option is called, what it may hold, where it goes. Durations are
 * strings with a unit, since libconfig's integers wrap silently; there is no option that is a
 * number. trailsentry.conf(5) says the same in words, and a test holds the two together. Limits of
 * values are the services' own:
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (ExternalId)
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html */

#include "aws/arn.h"
#include "aws/partition.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "daemon/awssettings.h"
#include "daemon/confinternal.h"

#define VALUE_SHOWN_MAX 100 /* characters of a refused value that are repeated */
#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

typedef enum ConfKind {
        CONF_STRING,   /* char *, owned; held to check */
        CONF_ARN,      /* char *, owned; held to parse_arn */
        CONF_DURATION, /* uint64_t usec between min and max */
        CONF_BOOL,     /* bool */
        CONF_DECLARED, /* Declared, from true or false */
        CONF_WORD,     /* int or an enum; held to parse_word */
        CONF_SUBGROUP, /* { ... }, decoded by the caller */
        CONF_LIST,     /* ( { ... }, ... ), not empty, decoded by the caller */
} ConfKind;

typedef enum ConfFlags {
        CONF_REQUIRED = 1 << 0,
        CONF_SECRET = 1 << 1, /* may hold a password: never repeated */
} ConfFlags;

typedef struct ConfOption {
        const char *name;
        ConfKind kind;
        ConfFlags flags;
        size_t offset;
        const char *form; /* "has to be ...", for somebody who wrote something else */
        /* STRING: false for a wrong value; may say in *reterr, static, what is wrong with it. */
        bool (*check)(const char *value, const char **reterr);
        int (*parse_arn)(const char *s, Arn *ret, const char **reterr); /* ARN */
        uint64_t min_usec, max_usec;                                    /* DURATION */
        int (*parse_word)(const char *word); /* WORD: negative for one that there is not */
        const char *default_text;            /* as it is written in a file */
} ConfOption;

/* Values */

/* Whether value has min to max characters, all of them out of set. */
static bool is_of(const char *value, const char *set, size_t min, size_t max)
{
        size_t n = strlen(value);

        return n >= min && n <= max && strspn(value, set) == n;
}

static bool check_external_id(const char *value, const char **reterr)
{
        return is_of(value, LETTERS_AND_DIGITS "_+=,.@:/-", 2, 1224);
}

static bool check_namespace(const char *value, const char **reterr)
{
        return is_of(value, LETTERS_AND_DIGITS ".-_/#: ", 1, 255) && *value != ':' &&
               strncmp(value, "AWS/", 4) != 0;
}

static bool check_account(const char *value, const char **reterr)
{
        return is_of(value, "0123456789", 12, 12);
}

/* It stands in subjects. */
static bool check_account_name(const char *value, const char **reterr)
{
        return is_of(value, LETTERS_AND_DIGITS " ._-/()", 1, 32);
}

static bool check_url(const char *value, const char **reterr)
{
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
                        return false;
        return (strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0) &&
               strlen(value) <= 500;
}

static bool check_region(const char *value, const char **reterr)
{
        return partition_by_region(value) != NULL;
}

static bool check_proxy(const char *value, const char **reterr)
{
        return !*value || aws_setting_check_proxy(value, reterr);
}

static bool check_profile(const char *value, const char **reterr)
{
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return false;
        return *value != '\0';
}

/* What AWS may show there, or "" for none: nothing that would need to be escaped. */
static bool check_setting(const char *value, const char **reterr)
{
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
                        return false;
        return strlen(value) <= 2048;
}

static bool check_bucket(const char *value, const char **reterr)
{
        return is_of(value, LETTERS_AND_DIGITS "._-", 3, 255);
}

static bool check_management_events(const char *value, const char **reterr)
{
        return streq(value, "all");
}

static int parse_action(const char *word)
{
        return (int)trail_action_from_string(word);
}

static int parse_format(const char *word)
{
        return (int)topic_format_from_string(word);
}

static int parse_severity(const char *word)
{
        return (int)severity_from_string(word);
}

static int parse_log_level(const char *word)
{
        int level = log_parse_level(word);

        return level < LOG_ERR ? -EINVAL : level;
}

/* Options */

#define ACTION CONF_WORD, .parse_word = parse_action, .form = "\"restart\" or \"alert\""
#define BOOL_FORM "true or false, without quotes"
#define GROUPS_FORM "a list of groups: ( { arn = \"...\"; } )"
/* Three polls fit into the longest cannot_see_after. */
#define POLL_INTERVAL                                                                              \
        CONF_DURATION, .min_usec = 1 * USEC_PER_SEC, .max_usec = 20 * USEC_PER_MINUTE,             \
                       .form = "a duration from \"1s\" to \"20min\""

#define ROLE_ARN                                                                                   \
        CONF_ARN, .parse_arn = arn_parse_role, .form = "an ARN arn:aws:iam::ACCOUNT:role/NAME"
#define EXTERNAL_ID                                                                                \
        CONF_STRING, CONF_SECRET, .check = check_external_id,                                      \
                                  .form = "2 to 1224 letters, digits and _+=,.@:/-"

static const ConfOption top_options[] = {
        {"trails", CONF_LIST, CONF_REQUIRED, .form = GROUPS_FORM},
        {"topics", CONF_LIST, CONF_REQUIRED, .form = GROUPS_FORM},
        {"accounts", CONF_LIST,
         .form = "a list of groups: ( { id = \"444455556666\"; name = \"payments-prod\"; } )"},
        {"runbook", CONF_STRING, .offset = offsetof(Conf, labels.runbook), .check = check_url,
         .form = "a URL, https://..., of at most 500 characters without spaces"},
        {"poll_interval", POLL_INTERVAL, .offset = offsetof(Conf, poll_usec),
         .default_text = "\"10s\""},
        {"cannot_see_after", CONF_DURATION, .offset = offsetof(Conf, cannot_see_after_usec),
         .min_usec = 10 * USEC_PER_SEC, .max_usec = 1 * USEC_PER_HOUR,
         .form = "a duration from \"10s\" to \"1h\"", .default_text = "\"60s\""},
        {"action", ACTION, .offset = offsetof(Conf, action), .default_text = "\"restart\""},
        {"drift", CONF_SUBGROUP, .form = "a group { ... }"},
        {"heartbeat", CONF_SUBGROUP, .form = "a group { ... }"},
        {"endpoint", CONF_STRING, .offset = offsetof(Conf, endpoint),
         .check = aws_setting_check_endpoint, .form = AWS_SETTING_ENDPOINT_FORM},
        {"fips", CONF_DECLARED, .offset = offsetof(Conf, fips), .form = BOOL_FORM},
        {"dual_stack", CONF_DECLARED, .offset = offsetof(Conf, dual_stack), .form = BOOL_FORM},
        {"ca_file", CONF_STRING, .offset = offsetof(Conf, ca_file), .check = aws_setting_check_path,
         .form = "a full path, as \"/etc/ssl/ca.pem\""},
        {"proxy", CONF_STRING, CONF_SECRET, .offset = offsetof(Conf, proxy), .check = check_proxy,
         .form = AWS_SETTING_PROXY_FORM ", or \"\" for none at all"},
        {"profile", CONF_STRING, .offset = offsetof(Conf, profile), .check = check_profile,
         .form = "the name of a profile in AWS's config or credentials file"},
        {"log_level", CONF_WORD, .parse_word = parse_log_level, .offset = offsetof(Conf, log_level),
         .form = "\"debug\", \"info\", \"notice\", \"warning\" or \"error\"",
         .default_text = "\"info\""},
};

static const ConfOption trail_options[] = {
        {"arn", CONF_ARN, CONF_REQUIRED, .offset = offsetof(ConfTrail, arn),
         .parse_arn = arn_parse_trail,
         .form = "an ARN arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"},
        {"action", ACTION, .offset = offsetof(ConfTrail, action)},
        {"poll_interval", POLL_INTERVAL, .offset = offsetof(ConfTrail, poll_usec)},
        {"role_arn", ROLE_ARN, .offset = offsetof(ConfTrail, role_arn)},
        {"external_id", EXTERNAL_ID, .offset = offsetof(ConfTrail, external_id)},
        {"expect", CONF_SUBGROUP, .form = "a group { ... }"},
};

#define EXPECT_TEXT(option, member, what)                                                          \
        {                                                                                          \
                option, CONF_STRING, .offset = offsetof(TrailExpect, member),                      \
                                     .check = check_setting, .form = what ", or \"\" for none"     \
        }
#define EXPECT_FLAG(option, member)                                                                \
        {                                                                                          \
                option, CONF_DECLARED, .offset = offsetof(TrailExpect, member), .form = BOOL_FORM  \
        }

static const ConfOption expect_options[] = {
        {"s3_bucket_name", CONF_STRING, .offset = offsetof(TrailExpect, s3_bucket_name),
         .check = check_bucket, .form = "the name of a bucket"},
        EXPECT_TEXT("s3_key_prefix", s3_key_prefix, "a prefix without spaces"),
        EXPECT_TEXT("kms_key_id", kms_key_id, "the ARN or id of a KMS key"),
        EXPECT_TEXT("sns_topic", sns_topic, "the ARN or name of a topic"),
        EXPECT_TEXT("log_group", log_group, "the ARN or name of a log group"),
        EXPECT_FLAG("multi_region", multi_region),
        EXPECT_FLAG("organization", organization),
        EXPECT_FLAG("global_service_events", global_service_events),
        EXPECT_FLAG("log_file_validation", log_file_validation),
        {"management_events", CONF_STRING, .offset = offsetof(TrailExpect, management_events),
         .check = check_management_events, .form = "\"all\""},
};

static const ConfOption drift_options[] = {
        {"enabled", CONF_BOOL, .offset = offsetof(Conf, drift), .form = BOOL_FORM,
         .default_text = "true"},
        {"interval", CONF_DURATION, .offset = offsetof(Conf, drift_usec),
         .min_usec = 10 * USEC_PER_SEC, .max_usec = 1 * USEC_PER_HOUR,
         .form = "a duration from \"10s\" to \"1h\"", .default_text = "\"1min\""},
};

static const ConfOption topic_options[] = {
        {"arn", CONF_ARN, CONF_REQUIRED, .offset = offsetof(ConfTopic, arn),
         .parse_arn = arn_parse_topic, .form = "an ARN arn:aws:sns:REGION:ACCOUNT:NAME"},
        {"format", CONF_WORD, .parse_word = parse_format, .offset = offsetof(ConfTopic, format),
         .form = "\"text\", \"json\", \"per-protocol\" or \"chat\"", .default_text = "\"text\""},
        {"min_severity", CONF_WORD, .parse_word = parse_severity,
         .offset = offsetof(ConfTopic, min_severity),
         .form = "\"info\", \"warning\", \"high\" or \"critical\"", .default_text = "\"info\""},
        {"role_arn", ROLE_ARN, .offset = offsetof(ConfTopic, role_arn)},
        {"external_id", EXTERNAL_ID, .offset = offsetof(ConfTopic, external_id)},
};

static const ConfOption account_options[] = {
        {"id", CONF_STRING, CONF_REQUIRED, .offset = offsetof(AccountName, id),
         .check = check_account, .form = "the 12 digits of an account, as a text"},
        {"name", CONF_STRING, CONF_REQUIRED, .offset = offsetof(AccountName, name),
         .check = check_account_name, .form = "1 to 32 letters, digits, spaces and ._-/()"},
};

static const ConfOption heartbeat_options[] = {
        {"enabled", CONF_BOOL, .offset = offsetof(Conf, heartbeat), .form = BOOL_FORM,
         .default_text = "true"},
        {"namespace", CONF_STRING, .offset = offsetof(Conf, heartbeat_namespace),
         .check = check_namespace, .default_text = "\"trailsentry\"",
         .form = "1 to 255 letters, digits, spaces and .-_/#:, not beginning with \":\" or with "
                 "AWS's own \"AWS/\""},
        {"region", CONF_STRING, .offset = offsetof(Conf, heartbeat_region), .check = check_region,
         .form = "a region, as \"eu-central-1\""},
};

static const struct {
        const char *name; /* NULL at the top level */
        const ConfOption *options;
        size_t n;
} groups[_CONF_GROUP_MAX] = {
        [CONF_TOP] = {NULL, top_options, ELEMENTSOF(top_options)},
        [CONF_HEARTBEAT] = {"heartbeat", heartbeat_options, ELEMENTSOF(heartbeat_options)},
        [CONF_DRIFT] = {"drift", drift_options, ELEMENTSOF(drift_options)},
        [CONF_EXPECT] = {"expect", expect_options, ELEMENTSOF(expect_options)},
        [CONF_TRAIL] = {"trails", trail_options, ELEMENTSOF(trail_options)},
        [CONF_TOPIC] = {"topics", topic_options, ELEMENTSOF(topic_options)},
        [CONF_ACCOUNT] = {"accounts", account_options, ELEMENTSOF(account_options)},
};

bool conf_option_info(size_t i, ConfOptionInfo *ret)
{
        for (size_t g = 0; g < _CONF_GROUP_MAX; i -= groups[g].n, g++)
                if (i < groups[g].n) {
                        const ConfOption *o = &groups[g].options[i];

                        *ret = (ConfOptionInfo){groups[g].name, o->name, o->default_text};
                        return true;
                }
        return false;
}

/* Decoding */

static void report_unknown(ConfProblems *p, const config_setting_t *s, ConfGroup group)
{
        _cleanup_strbuf_ StrBuf known = STRBUF_INIT(512);
        Nearest nearest = nearest_begin(config_setting_name(s));

        for (size_t i = 0; i < groups[group].n; i++) {
                const char *name = groups[group].options[i].name;

                strbuf_addf(&known, "%s%s", i > 0 ? ", " : "", name);
                nearest_offer(&nearest, name);
        }
        if (nearest.word)
                conf_report_setting(p, s, NULL, "unknown option; did you mean \"%s\"?",
                                    nearest.word);
        else
                conf_report_setting(p, s, NULL, "unknown option; known here: %s",
                                    strbuf_str(&known));
}

static void report_type(ConfProblems *p, const config_setting_t *s, const char *form)
{
        static const char *const words[] = {
                [CONFIG_TYPE_GROUP] = "a group { ... }",  [CONFIG_TYPE_INT] = "a number",
                [CONFIG_TYPE_INT64] = "a number",         [CONFIG_TYPE_FLOAT] = "a number",
                [CONFIG_TYPE_STRING] = "a text",          [CONFIG_TYPE_BOOL] = "true or false",
                [CONFIG_TYPE_ARRAY] = "an array [ ... ]", [CONFIG_TYPE_LIST] = "a list ( ... )",
        };

        conf_report_setting(p, s, NULL, "is %s, and has to be %s", words[config_setting_type(s)],
                            form);
}

/* Stores what a text says, unless it is wrong; *reterr as in ConfOption.check. */
static bool store_text(const ConfOption *o, const char *value, void *target, const char **reterr)
{
        void *at = (uint8_t *)target + o->offset;

        switch (o->kind) {
        case CONF_STRING:
                if (!o->check(value, reterr))
                        return false;
                mem_strset(at, value);
                return true;
        case CONF_ARN: {
                Arn arn;

                if (o->parse_arn(value, &arn, reterr) < 0) {
                        if (strchr(value, '<')) /* so does the shipped file mark it */
                                *reterr = "it still has to be filled in";
                        return false;
                }
                mem_strset(at, value);
                return true;
        }
        case CONF_DURATION: {
                uint64_t usec;

                if (timefmt_parse_duration(value, &usec) < 0 || usec < o->min_usec ||
                    usec > o->max_usec)
                        return false;
                *(uint64_t *)at = usec;
                return true;
        }
        case CONF_WORD: {
                int word = o->parse_word(value);

                if (word < 0)
                        return false;
                *(int *)at = word; /* the type of an enum with a negative member */
                return true;
        }
        default:
                assert(false);
                return false;
        }
}

static void decode_text(ConfProblems *p, const config_setting_t *s, const ConfOption *o,
                        void *target)
{
        const char *value = config_setting_get_string(s), *wrong = NULL;
        _cleanup_free_ char *shown = NULL;

        if (store_text(o, value, target, &wrong))
                return;
        if (!(o->flags & CONF_SECRET))
                shown = escape_text(value, VALUE_SHOWN_MAX);
        conf_report_setting(p, s, NULL, "%s%s%s%s%shas to be %s", shown ? "\"" : "",
                            strempty(shown), shown ? "\": " : "", strempty(wrong),
                            wrong ? "; " : "", o->form);
}

static void decode_option(ConfProblems *p, const config_setting_t *s, const ConfOption *o,
                          void *target)
{
        static const int types[] = {
                [CONF_STRING] = CONFIG_TYPE_STRING,   [CONF_ARN] = CONFIG_TYPE_STRING,
                [CONF_DURATION] = CONFIG_TYPE_STRING, [CONF_BOOL] = CONFIG_TYPE_BOOL,
                [CONF_DECLARED] = CONFIG_TYPE_BOOL,   [CONF_WORD] = CONFIG_TYPE_STRING,
                [CONF_SUBGROUP] = CONFIG_TYPE_GROUP,  [CONF_LIST] = CONFIG_TYPE_LIST,
        };

        if (config_setting_type(s) != types[o->kind])
                report_type(p, s, o->form);
        else if (o->kind == CONF_LIST && config_setting_length(s) == 0)
                conf_report_setting(p, s, NULL, "is empty, and has to be %s", o->form);
        else if (o->kind == CONF_BOOL)
                *(bool *)((uint8_t *)target + o->offset) = config_setting_get_bool(s);
        else if (o->kind == CONF_DECLARED)
                *(Declared *)((uint8_t *)target + o->offset) =
                        config_setting_get_bool(s) ? DECLARED_YES : DECLARED_NO;
        else if (types[o->kind] == CONFIG_TYPE_STRING)
                decode_text(p, s, o, target);
}

void conf_decode_group(ConfProblems *p, const config_setting_t *setting, ConfGroup group,
                       void *target)
{
        config_setting_t *in = (config_setting_t *)setting;

        if (!config_setting_is_group(in)) {
                report_type(p, in, "a group { arn = \"...\"; }");
                return;
        }
        for (unsigned i = 0; i < (unsigned)config_setting_length(in); i++) {
                const config_setting_t *s = config_setting_get_elem(in, i);
                const ConfOption *o = NULL;

                for (size_t k = 0; k < groups[group].n && !o; k++)
                        if (streq(groups[group].options[k].name, config_setting_name(s)))
                                o = &groups[group].options[k];
                if (o)
                        decode_option(p, s, o, target);
                else
                        report_unknown(p, s, group);
        }

        for (size_t i = 0; i < groups[group].n; i++) {
                const ConfOption *o = &groups[group].options[i];

                if ((o->flags & CONF_REQUIRED) && !config_setting_get_member(in, o->name))
                        conf_report_setting(p, in, o->name, "is missing, and has to be %s",
                                            o->form);
        }
}

static void set_default(const ConfOption *o, Conf *c)
{
        _cleanup_free_ char *value = NULL;
        const char *wrong;
        bool stored;

        if (o->kind == CONF_BOOL) {
                *(bool *)((uint8_t *)c + o->offset) = streq(o->default_text, "true");
                return;
        }
        value = mem_strndup(o->default_text + 1, strlen(o->default_text) - 2); /* its quotes */
        stored = store_text(o, value, c, &wrong);
        assert(stored);
        (void)stored; /* a wrong default is our own bug */
}

void conf_set_defaults(Conf *c)
{
        static const ConfGroup into_conf[] = {CONF_TOP, CONF_HEARTBEAT, CONF_DRIFT};

        for (size_t g = 0; g < ELEMENTSOF(into_conf); g++)
                for (size_t i = 0; i < groups[into_conf[g]].n; i++)
                        if (groups[into_conf[g]].options[i].default_text)
                                set_default(&groups[into_conf[g]].options[i], c);
}
