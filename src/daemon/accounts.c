/* SPDX-License-Identifier: Apache-2.0 */
/* Which credentials reach which account. An
 * endpoint of the metadata service is held to loopback and the metadata addresses already here,
 * so that a mistake is told at the start and not at the first fetch.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */

#include "daemon/accounts.h"

#include <errno.h>
#include <strings.h>

#include "base/mem.h"
#include "base/uri.h"

#define IMDS_IPV6_URL "http://[fd00:ec2::254]"
#define SESSION_NAME_MAX 64

typedef struct Account {
        AwsClient *client;
        char *region;
} Account;

struct Accounts {
        Account *items;
        size_t n;
};

static const char *environ_get_plain(const char *name)
{
        return getenv(name);
}

/* The endpoint of the metadata service that the environment asks for, NULL for the usual one. */
static int metadata_endpoint(const char *(*get)(const char *name), const char **ret,
                             char **reterr_text)
{
        const char *url = get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        const char *mode = get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

        if (!isempty(url)) {
                _cleanup_uri_ Uri u = {};

                if (uri_parse(url, &u) < 0 || !streq(u.scheme, "http") ||
                    (!uri_host_is_loopback(u.host) && !uri_host_is_metadata(u.host))) {
                        *reterr_text = mem_strdup(
                                "AWS_EC2_METADATA_SERVICE_ENDPOINT has to be a plain http URL of a "
                                "metadata address (http://169.254.169.254) or of a loopback one");
                        return -EINVAL;
                }
                *ret = url;
                return 0;
        }

        if (isempty(mode) || strcasecmp(mode, "IPv4") == 0) {
                *ret = NULL;
                return 0;
        }
        if (strcasecmp(mode, "IPv6") == 0) {
                *ret = IMDS_IPV6_URL;
                return 0;
        }
        *reterr_text = mem_strdup("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE has to be IPv4 or IPv6");
        return -EINVAL;
}

static int base_source_new(NetEnv *env, const char *(*get)(const char *name), CredSource **ret,
                           char **reterr_text)
{
        const char *text = NULL, *disabled, *endpoint = NULL;
        int r;

        r = cred_source_new_environment(env, get, ret, &text);
        if (r >= 0)
                return 0;
        if (r != -ENXIO) {
                *reterr_text = mem_strdup(text ? text : "the keys in the environment are unusable");
                return r;
        }

        disabled = get("AWS_EC2_METADATA_DISABLED");
        if (disabled && strcasecmp(disabled, "true") == 0) {
                *reterr_text = mem_strdup(
                        "no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, "
                        "and AWS_EC2_METADATA_DISABLED=true forbids the instance's role");
                return -ENXIO;
        }

        r = metadata_endpoint(get, &endpoint, reterr_text);
        if (r < 0)
                return r;
        r = cred_source_new_imds(env, endpoint, ret);
        if (r < 0)
                *reterr_text =
                        mem_printf("cannot use the instance metadata service: %s", strerror(-r));
        return r;
}

char *accounts_session_name(const char *hostname)
{
        _cleanup_free_ char *name = mem_printf("trailsentry-%s", strempty(hostname));

        for (char *p = name; *p; p++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=,.@-",
                            *p))
                        *p = '-';
        if (strlen(name) > SESSION_NAME_MAX)
                name[SESSION_NAME_MAX] = '\0';
        return TAKE_PTR(name);
}

static AwsClient *client_new(const AccountsOptions *o, CredSource *source)
{
        const AwsSettings *s = o->settings;
        const char *endpoints[_AWS_SERVICE_MAX];

        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                endpoints[i] = s->endpoint[i].value;
        return aws_client_new(&(AwsClientOptions){
                .env = o->env,
                .source = source,
                .user_agent = "trailsentry/" PACKAGE_VERSION,
                .endpoints = endpoints,
                .fips = aws_setting_is_true(&s->fips),
                .dual_stack = aws_setting_is_true(&s->dual_stack),
        });
}

int accounts_new(const AccountsOptions *o, Accounts **ret, char **reterr_text)
{
        _cleanup_(accounts_freep) Accounts *a = mem_new0(Accounts);
        _cleanup_free_ char *session = accounts_session_name(o->hostname);
        int r;

        for (size_t i = 0; i < o->conf->n_accounts; i++) {
                const ConfAccount *c = &o->conf->accounts[i];
                _cleanup_(cred_source_freep) CredSource *source = NULL;
                Account *account;

                if (i == 0)
                        r = base_source_new(o->env,
                                            o->environ_get ? o->environ_get : environ_get_plain,
                                            &source, reterr_text);
                else {
                        r = cred_source_new_assume_role(
                                &(CredAssumeRoleOptions){
                                        .client = a->items[0].client,
                                        .env = o->env,
                                        .region = c->region,
                                        .role_arn = c->role_arn,
                                        .external_id = c->external_id,
                                        .session_name = session,
                                },
                                &source);
                        if (r < 0)
                                *reterr_text = mem_printf("cannot assume role %s: %s", c->role_arn,
                                                          strerror(-r));
                }
                if (r < 0)
                        return r;

                account = mem_push0(a->items, a->n);
                account->client = client_new(o, TAKE_PTR(source));
                account->region = mem_strdup(c->region);
        }

        *ret = TAKE_PTR(a);
        return 0;
}

Accounts *accounts_free(Accounts *a)
{
        if (!a)
                return NULL;
        /* Roles are assumed with the client of account 0, which therefore goes last. */
        for (size_t i = a->n; i > 0; i--) {
                aws_client_free(a->items[i - 1].client);
                free(a->items[i - 1].region);
        }
        free(a->items);
        free(a);
        return NULL;
}

size_t accounts_count(const Accounts *a)
{
        return a->n;
}

AwsClient *accounts_client(const Accounts *a, size_t i)
{
        assert(i < a->n);
        return a->items[i].client;
}

const char *accounts_region(const Accounts *a, size_t i)
{
        assert(i < a->n);
        return a->items[i].region;
}
