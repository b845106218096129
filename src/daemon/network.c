/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network.h"

#include <string.h>

#include "base/mem.h"

int network_new(const NetworkOptions *o, Network **ret, char **reterr_text)
{
        _cleanup_(network_freep) Network *n = mem_new0(Network);
        HttpCurlOptions http = {
                .event = o->event, .ca_file = o->conf->ca_file, .proxy = o->conf->proxy};
        int r = http_curl_new(&http, &n->http, reterr_text);

        if (r < 0)
                return r;
        n->env = net_env_new_event(o->event, n->http);
        AccountsOptions accounts = {.conf = o->conf, .env = n->env, .hostname = o->hostname};
        r = accounts_new(&accounts, &n->accounts, reterr_text);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(n);
        return 0;
}

Network *network_free(Network *n)
{
        if (!n)
                return NULL;
        accounts_free(n->accounts);
        net_env_free_event(n->env);
        http_curl_free(n->http);
        free(n);
        return NULL;
}

bool network_fits(const Conf *a, const Conf *b)
{
        if (!streq_ptr(a->endpoint, b->endpoint) || !streq_ptr(a->ca_file, b->ca_file) ||
            !streq_ptr(a->proxy, b->proxy) || !streq_ptr(a->profile, b->profile) || a->fips != b->fips ||
            a->dual_stack != b->dual_stack || a->n_accounts != b->n_accounts)
                return false;
        for (size_t k = 0; k < a->n_accounts; k++)
                if (!streq_ptr(a->accounts[k].role_arn, b->accounts[k].role_arn) ||
                    !streq_ptr(a->accounts[k].external_id, b->accounts[k].external_id) ||
                    !streq(a->accounts[k].region, b->accounts[k].region))
                        return false;
        return true;
}
