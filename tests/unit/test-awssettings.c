/* SPDX-License-Identifier: Apache-2.0 */
/* Who has said what about the way to AWS, and who of them counts. */

#include "unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "daemon/awssettings.h"

#define ENDPOINT_FORM "a URL https://HOST[:PORT][/PATH], in which {service} and {region} may stand"
#define PROXY_FORM                                                                                 \
        "a URL http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host where "  \
        "it is needed"
#define CONF                                                                                       \
        "trails = ( { arn = \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/aaa\" } );\n"        \
        "topics = ( { arn = \"arn:aws:sns:eu-west-1:111122223333:alerts\" } );\n"

typedef struct Case {
        const char *name;
        const char *conf;
        const char *variables[14]; /* name, value, ... */
        const char *config;        /* the profile file; NULL: there is none */
        const char *said;          /* every note, or the words of the refusal */
        bool refused;
} Case;

/* What names the service counts before what does not, the environment before the profile. */
#define ALL_SOURCES                                                                                \
        "[default]\nendpoint_url = https://profile.example\nservices = own\n"                      \
        "[services own]\nsns =\n  endpoint_url = https://profile-sns.example\n"

static const Case cases[] = {
        {"nothing said", "", {NULL}, NULL, ""},
        {"blank is unset",
         "",
         {"AWS_ENDPOINT_URL", "", "AWS_USE_FIPS_ENDPOINT", "", "AWS_CA_BUNDLE", "", "https_proxy",
          ""},
         "[default]\n",
         ""},
        {"own configuration before everything",
         "endpoint = \"https://own.example\";",
         {"AWS_ENDPOINT_URL", "https://env.example", "AWS_ENDPOINT_URL_SNS",
          "https://env-sns.example"},
         ALL_SOURCES,
         "endpoint of cloudtrail, sns, sts, cloudwatch: https://own.example (endpoint of "
         "x.conf)\n"},
        {"a service's variable, then the general one",
         "",
         {"AWS_ENDPOINT_URL", "https://env.example", "AWS_ENDPOINT_URL_SNS",
          "https://env-sns.example"},
         ALL_SOURCES,
         "endpoint of cloudtrail, sts, cloudwatch: https://env.example (AWS_ENDPOINT_URL)\n"
         "endpoint of sns: https://env-sns.example (AWS_ENDPOINT_URL_SNS)\n"},
        {"the general variable before the service's section",
         "",
         {"AWS_ENDPOINT_URL", "https://env.example"},
         ALL_SOURCES,
         "endpoint of cloudtrail, sns, sts, cloudwatch: https://env.example (AWS_ENDPOINT_URL)\n"},
        {"each service by its identifier",
         "",
         {"AWS_ENDPOINT_URL_CLOUDTRAIL", "https://a.example", "AWS_ENDPOINT_URL_STS",
          "https://b.example:8443", "AWS_ENDPOINT_URL_CLOUDWATCH", "https://[2001:db8::1]",
          "AWS_ENDPOINT_URL_S3", "not ours"},
         NULL,
         "endpoint of cloudtrail: https://a.example (AWS_ENDPOINT_URL_CLOUDTRAIL)\n"
         "endpoint of sts: https://b.example:8443 (AWS_ENDPOINT_URL_STS)\n"
         "endpoint of cloudwatch: https://[2001:db8::1] (AWS_ENDPOINT_URL_CLOUDWATCH)\n"},
        {"the service's section before the profile",
         "",
         {NULL},
         ALL_SOURCES,
         "endpoint of cloudtrail, sts, cloudwatch: https://profile.example (endpoint_url of "
         "profile "
         "default (/etc/aws))\n"
         "endpoint of sns: https://profile-sns.example (endpoint_url of sns in [services own] "
         "(/etc/aws))\n"},
        {"configured endpoints ignored",
         "",
         {"AWS_ENDPOINT_URL", "https://env.example", "AWS_ENDPOINT_URL_SNS", "malformed",
          "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE"},
         ALL_SOURCES,
         ""},
        {"configured endpoints ignored by the profile",
         "",
         {NULL},
         ALL_SOURCES "[default]\nignore_configured_endpoint_urls = true\n",
         ""},
        {"the environment ignores nothing after all",
         "",
         {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"},
         "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = https://p.example\n",
         "endpoint of cloudtrail, sns, sts, cloudwatch: https://p.example (endpoint_url of profile "
         "default (/etc/aws))\n"},
        {"our own endpoint is not ignored",
         "endpoint = \"https://own.example\";",
         {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"},
         NULL,
         "endpoint of cloudtrail, sns, sts, cloudwatch: https://own.example (endpoint of "
         "x.conf)\n"},
        {"FIPS and dual stack from the environment",
         "",
         {"AWS_USE_FIPS_ENDPOINT", "True", "AWS_USE_DUALSTACK_ENDPOINT", "true"},
         NULL,
         "FIPS endpoints: true (AWS_USE_FIPS_ENDPOINT)\n"
         "dual-stack endpoints: true (AWS_USE_DUALSTACK_ENDPOINT)\n"},
        {"FIPS and dual stack from the profile",
         "",
         {NULL},
         "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n",
         "FIPS endpoints: true (use_fips_endpoint of profile default (/etc/aws))\n"
         "dual-stack endpoints: true (use_dualstack_endpoint of profile default (/etc/aws))\n"},
        {"our own false before their true",
         "fips = false; dual_stack = false;",
         {"AWS_USE_FIPS_ENDPOINT", "true"},
         "[default]\nuse_dualstack_endpoint = true\n",
         ""},
        {"their false before the profile's true",
         "",
         {"AWS_USE_FIPS_ENDPOINT", "false"},
         "[default]\nuse_fips_endpoint = true\n",
         ""},
        {"certificates: own",
         "ca_file = \"/own.pem\";",
         {"AWS_CA_BUNDLE", "/env.pem"},
         "[default]\nca_bundle = /profile.pem\n",
         "trusted certificates: /own.pem (ca_file of x.conf)\n"},
        {"certificates: environment",
         "",
         {"AWS_CA_BUNDLE", "/env.pem"},
         "[default]\nca_bundle = /profile.pem\n",
         "trusted certificates: /env.pem (AWS_CA_BUNDLE)\n"},
        {"certificates: a path that is no UTF-8",
         "",
         {"AWS_CA_BUNDLE", "/\xff.pem"},
         NULL,
         "trusted certificates: /\\xff.pem (AWS_CA_BUNDLE)\n"},
        {"certificates: profile",
         "",
         {NULL},
         "[default]\nca_bundle = /profile.pem\n",
         "trusted certificates: /profile.pem (ca_bundle of profile default (/etc/aws))\n"},
        {"proxy: own, without its password; exemptions of the environment",
         "proxy = \"http://u:secret@own.example:3128\";",
         {"HTTPS_PROXY", "http://env.example:1", "NO_PROXY", ".example.com"},
         NULL,
         "proxy: http://own.example:3128 (proxy of x.conf)\n"
         "reached without proxy: .example.com (NO_PROXY)\n"},
        {"proxy: none at all",
         "proxy = \"\";",
         {"HTTPS_PROXY", "http://env.example:1", "NO_PROXY", ".example.com"},
         NULL,
         "proxy: none (proxy of x.conf)\n"},
        {"proxy: lower case first, as libcurl",
         "",
         {"ALL_PROXY", "http://d.example:1", "all_proxy", "http://c.example:1", "HTTPS_PROXY",
          "http://b.example:1", "https_proxy", "a.example:1", "NO_PROXY", "upper", "no_proxy",
          "lower"},
         NULL,
         "proxy: http://a.example:1 (https_proxy)\nreached without proxy: lower (no_proxy)\n"},
        {"proxy: for everything",
         "",
         {"ALL_PROXY", "https://u:secret@d.example:443", "http_proxy", "http://not.example:1"},
         NULL,
         "proxy: https://d.example:443 (ALL_PROXY)\n"},

        {"malformed: service's variable",
         "",
         {"AWS_ENDPOINT_URL_SNS", "vpce.example.com"},
         NULL,
         "AWS_ENDPOINT_URL_SNS has to be " ENDPOINT_FORM,
         true},
        {"malformed: general variable, with a query",
         "",
         {"AWS_ENDPOINT_URL", "https://vpce.example.com/?sns"},
         NULL,
         "AWS_ENDPOINT_URL has to be " ENDPOINT_FORM,
         true},
        {"malformed: services section",
         "",
         {NULL},
         "[default]\nservices = own\n[services own]\nsts =\n  endpoint_url = ftp://x\n",
         "endpoint_url of sts in [services own] (/etc/aws) has to be " ENDPOINT_FORM,
         true},
        {"malformed: FIPS",
         "",
         {"AWS_USE_FIPS_ENDPOINT", "yes"},
         NULL,
         "AWS_USE_FIPS_ENDPOINT has to be true or false",
         true},
        {"malformed: dual stack of the profile",
         "",
         {NULL},
         "[default]\nuse_dualstack_endpoint = 1\n",
         "use_dualstack_endpoint of profile default (/etc/aws) has to be true or false",
         true},
        {"malformed: what is to be ignored",
         "",
         {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "1"},
         NULL,
         "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS has to be true or false",
         true},
        {"malformed: certificates",
         "",
         {"AWS_CA_BUNDLE", "ca.pem"},
         NULL,
         "AWS_CA_BUNDLE has to be the full path of a file",
         true},
        {"malformed: proxy, and its password stays here",
         "",
         {"HTTPS_PROXY", "socks5://u:secret@p.example:1080"},
         NULL,
         "HTTPS_PROXY has to be " PROXY_FORM,
         true},

        {"plain http elsewhere",
         "",
         {"AWS_ENDPOINT_URL", "http://vpce.example.com"},
         NULL,
         "AWS_ENDPOINT_URL: plain http is for loopback addresses only",
         true},
        {"plain http elsewhere, of the profile",
         "",
         {NULL},
         "[default]\nendpoint_url = http://127.0.0.1.example.com\n",
         "endpoint_url of profile default (/etc/aws): plain http is for loopback addresses only",
         true},
        {"FIPS excludes an endpoint",
         "fips = true;",
         {"AWS_ENDPOINT_URL_STS", "https://sts.example"},
         NULL,
         "fips of x.conf excludes AWS_ENDPOINT_URL_STS: name the very host there, or leave one of "
         "the two out",
         true},
        {"dual stack excludes an endpoint",
         "endpoint = \"https://own.example\";",
         {"AWS_USE_DUALSTACK_ENDPOINT", "true"},
         NULL,
         "AWS_USE_DUALSTACK_ENDPOINT excludes endpoint of x.conf: name the very host there, or "
         "leave one of the two out",
         true},
};

static const char *get(void *userdata, const char *name)
{
        const Case *c = userdata;

        for (size_t i = 0; c->variables[i]; i += 2)
                if (streq(c->variables[i], name))
                        return c->variables[i + 1];
        return NULL;
}

static int settle(const Case *c, AwsSettings **ret, char **reterr_text)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_(profile_set_freep) ProfileSet *profiles = NULL;
        _cleanup_free_ char *text = mem_printf(CONF "%s", c->conf);
        ConfProblems problems = {};

        assert_int_equal(conf_parse("x.conf", text, strlen(text), &conf, &problems), 0);
        if (c->config)
                assert_int_equal(profile_set_parse(c->config, NULL, &profiles, reterr_text), 0);
        _cleanup_(aws_settings_freep) AwsSettings *s = NULL;
        int r = aws_settings_new(
                &(AwsSettingsOptions){
                        .conf = conf,
                        .get = get,
                        .userdata = (void *)c,
                        .profiles = profiles,
                        .profile = "default",
                        .profile_path = "/etc/aws",
                },
                &s, reterr_text);
        if (r >= 0)
                r = aws_settings_check(s, reterr_text);
        if (r >= 0)
                *ret = TAKE_PTR(s);
        return r;
}

static void test_case(void **state)
{
        const Case *c = *state;
        _cleanup_(aws_settings_freep) AwsSettings *s = NULL;
        _cleanup_free_ char *text = NULL, *said = mem_strdup("");
        AwsSettingNote note;

        assert_int_equal(settle(c, &s, &text), c->refused ? -EINVAL : 0);
        if (c->refused) {
                assert_null(s);
                assert_string_equal(text, c->said);
                return;
        }
        for (size_t i = 0; aws_settings_note(s, i, &note); i++) {
                char *more =
                        mem_printf("%s%s: %s (%s)\n", said, note.what, note.value, note.origin);
                free(said);
                said = more;
                aws_setting_note_done(&note);
        }
        assert_string_equal(said, c->said);
}

static const Case same_proxy = {.conf = "", .variables = {"ALL_PROXY", "http://p.example:1"}};

/* The same from elsewhere is the same. */
static void test_equal(void **state)
{
        static const Case others[] = {
                {.conf = "", .variables = {"https_proxy", "http://p.example:1"}},
                {.conf = "proxy = \"http://p.example:1\"; fips = false;", .variables = {NULL}},
                {.conf = "", .variables = {"https_proxy", "http://p.example:2"}},
                {.conf = "", .variables = {"https_proxy", "http://p.example:1", "no_proxy", "a"}},
                {.conf = "",
                 .variables = {"https_proxy", "http://p.example:1", "AWS_ENDPOINT_URL_SNS",
                               "https://a.example"}},
                {.conf = "",
                 .variables = {"https_proxy", "http://p.example:1", "AWS_USE_FIPS_ENDPOINT",
                               "true"}},
                {.conf = "",
                 .variables = {"https_proxy", "http://p.example:1", "AWS_CA_BUNDLE", "/a.pem"}},
        };
        _cleanup_(aws_settings_freep) AwsSettings *a = NULL;
        char *text = NULL;

        assert_int_equal(settle(&same_proxy, &a, &text), 0);
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_(aws_settings_freep) AwsSettings *b = NULL;

                assert_int_equal(settle(&others[i], &b, &text), 0);
                assert_int_equal(aws_settings_equal(a, b), i < 2);
        }
}

/* Every variable is told of in the manual. */
static void test_manual(void **state)
{
        const char *source = getenv("TS_SOURCE");
        _cleanup_free_ char *path = mem_printf("%s/man/trailsentryd.8", source ? source : ".");
        static char text[128 * 1024];
        FILE *f = fopen(path, "re");
        const char *name;

        assert_non_null(f);
        size_t n = fread(text, 1, sizeof(text) - 1, f);
        assert_int_equal(fclose(f), 0);
        text[n] = '\0';
        const char *section = strstr(text, ".SH ENVIRONMENT\n");
        assert_non_null(section);
        *strstr(section, ".SH FILES\n") = '\0';
        for (size_t i = 0; (name = aws_settings_variable(i)); i++)
                assert_has(section, name);
}

int main(int argc, char *argv[])
{
        struct CMUnitTest tests[ELEMENTSOF(cases) + 2] = {T(test_equal), T(test_manual)};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i + 2] = (struct CMUnitTest){.name = cases[i].name,
                                                   .test_func = test_case,
                                                   .initial_state = (void *)&cases[i]};
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return _cmocka_run_group_tests("awssettings", tests, ELEMENTSOF(tests), NULL, NULL);
}
