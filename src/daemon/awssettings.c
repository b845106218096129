/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/awssettings.h"

#include <strings.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "base/uri.h"
#include "net/proxy.h"

#define SHOWN_MAX 1000 /* characters: paths come from the environment */

/* Services that are called, under the names that AWS's tools have for them. */
static const struct {
        AwsService service;
        const char *variable;
        const char *name; /* in a [services] section */
} services[] = {
        {AWS_SERVICE_CLOUDTRAIL, "AWS_ENDPOINT_URL_CLOUDTRAIL", "cloudtrail"},
        {AWS_SERVICE_SNS, "AWS_ENDPOINT_URL_SNS", "sns"},
        {AWS_SERVICE_STS, "AWS_ENDPOINT_URL_STS", "sts"},
        {AWS_SERVICE_MONITORING, "AWS_ENDPOINT_URL_CLOUDWATCH", "cloudwatch"},
};

static bool endpoint_parse(const char *value, Uri *ret)
{
        const EndpointParams params = {
                .service = AWS_SERVICE_CLOUDTRAIL,
                .region = "us-east-1",
                .custom = value,
        };
        _cleanup_free_ char *url = NULL;

        return endpoint_resolve(&params, &url) >= 0 && uri_parse(url, ret) >= 0;
}

static bool check_url(const char *value, const char **reterr)
{
        _cleanup_uri_ Uri u = {};

        return endpoint_parse(value, &u);
}

bool aws_setting_check_endpoint(const char *value, const char **reterr)
{
        _cleanup_uri_ Uri u = {};

        if (!endpoint_parse(value, &u))
                return false;
        if (streq(u.scheme, "https") || uri_host_is_loopback(u.host))
                return true;
        *reterr = "plain http is for loopback addresses only";
        return false;
}

bool aws_setting_check_path(const char *value, const char **reterr)
{
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return false;
        return *value == '/';
}

bool aws_setting_check_proxy(const char *value, const char **reterr)
{
        _cleanup_free_ char *shown = NULL;

        return proxy_parse(value, &shown) >= 0;
}

static bool check_bool(const char *value, const char **reterr)
{
        return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0;
}

typedef struct Rule {
        const char *variables[4]; /* the first that is set counts */
        const char *key;          /* of a profile; NULL: it cannot say */
        const char *form;         /* "has to be ..." */
        bool (*check)(const char *value, const char **reterr);
} Rule;

#define BOOL_FORM "true or false"

static const Rule rule_ignore = {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"},
                                 "ignore_configured_endpoint_urls",
                                 BOOL_FORM,
                                 check_bool};
static const Rule rule_fips = {
        {"AWS_USE_FIPS_ENDPOINT"}, "use_fips_endpoint", BOOL_FORM, check_bool};
static const Rule rule_dual_stack = {
        {"AWS_USE_DUALSTACK_ENDPOINT"}, "use_dualstack_endpoint", BOOL_FORM, check_bool};
static const Rule rule_endpoint = {
        {"AWS_ENDPOINT_URL"}, "endpoint_url", AWS_SETTING_ENDPOINT_FORM, check_url};
static const Rule rule_ca_file = {
        {"AWS_CA_BUNDLE"}, "ca_bundle", "the full path of a file", aws_setting_check_path};
/* In libcurl's order. It does not take HTTPS_PROXY's place from HTTP_PROXY, which is for plain
 * http: that never goes through a proxy. */
static const Rule rule_proxy = {{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
                                NULL,
                                AWS_SETTING_PROXY_FORM,
                                aws_setting_check_proxy};
static const Rule rule_no_proxy = {{"no_proxy", "NO_PROXY"}, NULL, NULL, NULL};

static const Rule *const rules[] = {&rule_ignore,  &rule_fips,  &rule_dual_stack, &rule_endpoint,
                                    &rule_ca_file, &rule_proxy, &rule_no_proxy};

const char *aws_settings_variable(size_t i)
{
        if (i < ELEMENTSOF(services))
                return services[i].variable;
        i -= ELEMENTSOF(services);
        for (size_t k = 0; k < ELEMENTSOF(rules); k++)
                for (size_t n = 0; n < ELEMENTSOF(rules[k]->variables); n++)
                        if (rules[k]->variables[n] && i-- == 0)
                                return rules[k]->variables[n];
        return NULL;
}

static void setting_done(AwsSetting *s)
{
        secret_free_text(s->value);
        free(s->origin);
        *s = (AwsSetting){0};
}

/* Takes origin. */
static int set(AwsSetting *s, const Rule *rule, const char *value, char *origin, char **reterr_text)
{
        _cleanup_free_ char *shown = escape_text(origin, SHOWN_MAX);
        const char *wrong = NULL;

        free(origin);
        if (rule->check && !rule->check(value, &wrong)) {
                *reterr_text = mem_printf("%s has to be %s%s%s", shown, rule->form,
                                          wrong ? "; " : "", strempty(wrong));
                return -EINVAL;
        }
        *s = (AwsSetting){mem_strdup(value), TAKE_PTR(shown)};
        for (char *p = s->value; rule->check == check_bool && *p; p++)
                *p |= 0x20; /* lower case: only letters passed */
        return 0;
}

/* These do nothing once the setting is made, or when they find nothing. */

static void from_conf(AwsSetting *s, const AwsSettingsOptions *o, const char *option,
                      const char *value)
{
        if (value)
                *s = (AwsSetting){mem_strdup(value), mem_printf("%s of %s", option, o->conf->path)};
}

static int from_variable(AwsSetting *s, const AwsSettingsOptions *o, const Rule *rule,
                         const char *variable, char **reterr_text)
{
        const char *value = s->value ? NULL : o->get(o->userdata, variable);

        return isempty(value) ? 0 : set(s, rule, value, mem_strdup(variable), reterr_text);
}

static int from_environment(AwsSetting *s, const AwsSettingsOptions *o, const Rule *rule,
                            char **reterr_text)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(rule->variables) && rule->variables[i] && r >= 0; i++)
                r = from_variable(s, o, rule, rule->variables[i], reterr_text);
        return r;
}

static int from_profile(AwsSetting *s, const AwsSettingsOptions *o, const Rule *rule,
                        char **reterr_text)
{
        const char *value =
                o->profiles && !s->value ? profile_get(o->profiles, o->profile, rule->key) : NULL;

        return isempty(value) ? 0
                              : set(s, rule, value,
                                    mem_printf("%s of profile %s (%s)", rule->key, o->profile,
                                               o->profile_path),
                                    reterr_text);
}

static int from_services_section(AwsSetting *s, const AwsSettingsOptions *o, const char *service,
                                 char **reterr_text)
{
        const char *section =
                o->profiles && !s->value ? profile_get(o->profiles, o->profile, "services") : NULL;
        _cleanup_free_ char *value =
                isempty(section)
                        ? NULL
                        : profile_get_service(o->profiles, section, service, rule_endpoint.key);

        return isempty(value) ? 0
                              : set(s, &rule_endpoint, value,
                                    mem_printf("%s of %s in [services %s] (%s)", rule_endpoint.key,
                                               service, section, o->profile_path),
                                    reterr_text);
}

static int from_others(AwsSetting *s, const AwsSettingsOptions *o, const Rule *rule,
                       char **reterr_text)
{
        int r = from_environment(s, o, rule, reterr_text);

        return r >= 0 && rule->key ? from_profile(s, o, rule, reterr_text) : r;
}

static int settle_endpoint(AwsSettings *s, const AwsSettingsOptions *o, size_t i,
                           char **reterr_text)
{
        AwsSetting *e = &s->endpoint[services[i].service];
        int r = from_variable(e, o, &rule_endpoint, services[i].variable, reterr_text);

        if (r >= 0)
                r = from_environment(e, o, &rule_endpoint, reterr_text);
        if (r >= 0)
                r = from_services_section(e, o, services[i].name, reterr_text);
        return r >= 0 ? from_profile(e, o, &rule_endpoint, reterr_text) : r;
}

static int settle_endpoints(AwsSettings *s, const AwsSettingsOptions *o, char **reterr_text)
{
        AwsSetting ignore = {0};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(services); i++)
                from_conf(&s->endpoint[services[i].service], o, "endpoint", o->conf->endpoint);
        if (!o->conf->endpoint)
                r = from_others(&ignore, o, &rule_ignore, reterr_text);
        for (size_t i = 0; i < ELEMENTSOF(services) && r >= 0 && !aws_setting_is_true(&ignore); i++)
                r = settle_endpoint(s, o, i, reterr_text);
        setting_done(&ignore);
        return r;
}

int aws_settings_check(const AwsSettings *s, char **reterr_text)
{
        const AwsSetting *const kinds[] = {&s->fips, &s->dual_stack};
        const char *why = "has to be " AWS_SETTING_ENDPOINT_FORM;

        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                if (s->endpoint[i].value &&
                    !aws_setting_check_endpoint(s->endpoint[i].value, &why)) {
                        *reterr_text = mem_printf("%s: %s", s->endpoint[i].origin, why);
                        return -EINVAL;
                }
        /* A host with its own rules cannot be made a FIPS or dual-stack one. */
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                        if (aws_setting_is_true(kinds[k]) && s->endpoint[i].value) {
                                *reterr_text = mem_printf(
                                        "%s excludes %s: name the very host there, or leave one of "
                                        "the two out",
                                        kinds[k]->origin, s->endpoint[i].origin);
                                return -EINVAL;
                        }
        return 0;
}

static const char *declared(Declared d)
{
        return d == DECLARED_UNSAID ? NULL : d == DECLARED_YES ? "true" : "false";
}

int aws_settings_new(const AwsSettingsOptions *o, AwsSettings **ret, char **reterr_text)
{
        _cleanup_(aws_settings_freep) AwsSettings *s = mem_new0(AwsSettings);
        const Conf *c = o->conf;
        const struct {
                AwsSetting *setting;
                const Rule *rule;
                const char *option, *value;
        } plain[] = {
                {&s->fips, &rule_fips, "fips", declared(c->fips)},
                {&s->dual_stack, &rule_dual_stack, "dual_stack", declared(c->dual_stack)},
                {&s->ca_file, &rule_ca_file, "ca_file", c->ca_file},
                {&s->proxy, &rule_proxy, "proxy", c->proxy},
                {&s->no_proxy, &rule_no_proxy, NULL, NULL},
        };
        int r = settle_endpoints(s, o, reterr_text);

        for (size_t i = 0; i < ELEMENTSOF(plain) && r >= 0; i++) {
                from_conf(plain[i].setting, o, plain[i].option, plain[i].value);
                r = from_others(plain[i].setting, o, plain[i].rule, reterr_text);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

AwsSettings *aws_settings_free(AwsSettings *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                setting_done(&s->endpoint[i]);
        setting_done(&s->fips);
        setting_done(&s->dual_stack);
        setting_done(&s->ca_file);
        setting_done(&s->proxy);
        setting_done(&s->no_proxy);
        free(s);
        return NULL;
}

bool aws_setting_is_true(const AwsSetting *s)
{
        return s->value && streq(s->value, "true");
}

bool aws_settings_equal(const AwsSettings *a, const AwsSettings *b)
{
        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                if (!streq_ptr(a->endpoint[i].value, b->endpoint[i].value))
                        return false;
        return aws_setting_is_true(&a->fips) == aws_setting_is_true(&b->fips) &&
               aws_setting_is_true(&a->dual_stack) == aws_setting_is_true(&b->dual_stack) &&
               streq_ptr(a->ca_file.value, b->ca_file.value) &&
               streq_ptr(a->proxy.value, b->proxy.value) &&
               streq_ptr(a->no_proxy.value, b->no_proxy.value);
}

/* Services with one endpoint from one origin are told together, where the first of them stands. */
static bool same_endpoint(const AwsSettings *s, size_t i, size_t k)
{
        const AwsSetting *a = &s->endpoint[services[i].service],
                         *b = &s->endpoint[services[k].service];

        return streq_ptr(a->value, b->value) && streq_ptr(a->origin, b->origin);
}

static bool endpoint_note(const AwsSettings *s, size_t *i, AwsSettingNote *ret)
{
        for (size_t k = 0; k < ELEMENTSOF(services); k++) {
                const AwsSetting *e = &s->endpoint[services[k].service];
                _cleanup_strbuf_ StrBuf names = STRBUF_INIT(128);
                size_t first = 0;

                while (!same_endpoint(s, first, k))
                        first++;
                if (!e->value || first < k || (*i)-- > 0)
                        continue;
                for (size_t n = k; n < ELEMENTSOF(services); n++)
                        if (same_endpoint(s, n, k))
                                strbuf_addf(&names, "%s%s", names.len > 0 ? ", " : "",
                                            services[n].name);
                *ret = (AwsSettingNote){mem_printf("endpoint of %s", strbuf_str(&names)),
                                        mem_strdup(e->value), e->origin};
                return true;
        }
        return false;
}

bool aws_settings_note(const AwsSettings *s, size_t i, AwsSettingNote *ret)
{
        const struct {
                const char *what;
                const AwsSetting *setting;
        } others[] = {
                {"FIPS endpoints", &s->fips},
                {"dual-stack endpoints", &s->dual_stack},
                {"trusted certificates", &s->ca_file},
                {"proxy", &s->proxy},
                {"reached without proxy", &s->no_proxy},
        };

        if (endpoint_note(s, &i, ret))
                return true;
        for (size_t k = 0; k < ELEMENTSOF(others); k++) {
                const AwsSetting *x = others[k].setting;
                char *shown = NULL;

                bool counts = x == &s->fips || x == &s->dual_stack ? aws_setting_is_true(x)
                              : x == &s->no_proxy ? !isempty(s->proxy.value) && x->value
                                                  : x->value != NULL;

                if (!counts || i-- > 0)
                        continue;
                if (x == &s->proxy && proxy_parse(x->value, &shown) < 0)
                        shown = mem_strdup("none");
                *ret = (AwsSettingNote){mem_strdup(others[k].what),
                                        shown ? shown : escape_text(x->value, SHOWN_MAX),
                                        x->origin};
                return true;
        }
        return false;
}

void aws_setting_note_done(AwsSettingNote *n)
{
        free(n->what);
        free(n->value);
        *n = (AwsSettingNote){0};
}
