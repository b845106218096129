/* SPDX-License-Identifier: Apache-2.0 */
/* Which credentials reach which account. */

#include "daemon/accounts.h"

#include "base/mem.h"
#include "net/credchain.h"

#define SESSION_NAME_MAX 64

typedef struct Account {
        AwsClient *client;
        char *region;
} Account;

struct Accounts {
        Account *items;
        size_t n;
};

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

int accounts_new(const AccountsOptions *o, Accounts **ret, char **reterr_text)
{
        _cleanup_(accounts_freep) Accounts *a = mem_new0(Accounts);
        _cleanup_free_ char *session = accounts_session_name(o->hostname);
        const AwsSettings *settings = o->settings;
        const char *endpoints[_AWS_SERVICE_MAX];
        int r = 0;

        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                endpoints[i] = settings->endpoint[i].value;

        for (size_t i = 0; i < o->conf->n_accounts; i++) {
                const ConfAccount *c = &o->conf->accounts[i];
                AwsClientOptions client = {
                        .env = o->env,
                        .user_agent = "trailsentry/" PACKAGE_VERSION,
                        .endpoints = endpoints,
                        .fips = aws_setting_is_true(&settings->fips),
                        .dual_stack = aws_setting_is_true(&settings->dual_stack),
                };
                Account *account;

                if (i == 0)
                        r = cred_source_new_chain(&(CredChainOptions){.client = client,
                                                                      .region = c->region,
                                                                      .profile = o->conf->profile,
                                                                      .session_name = session},
                                                  &client.source, reterr_text);
                else
                        client.source = cred_source_new_assume_role(&(CredAssumeRoleOptions){
                                .client = a->items[0].client,
                                .env = o->env,
                                .region = c->region,
                                .role_arn = c->role_arn,
                                .external_id = c->external_id,
                                .session_name = session,
                        });
                if (r < 0)
                        return r;

                account = mem_push0(a->items, a->n);
                account->client = aws_client_new(&client);
                account->region = mem_strdup(c->region);
        }

        *ret = TAKE_PTR(a);
        return r;
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
