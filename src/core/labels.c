/* SPDX-License-Identifier: Apache-2.0 */
#include "core/labels.h"

#include <stdlib.h>
#include <string.h>

#include "aws/arn.h"
#include "aws/partition.h"
#include "base/mem.h"

void labels_done(Labels *l)
{
        for (size_t k = 0; k < l->n_accounts; k++) {
                free(l->accounts[k].id);
                free(l->accounts[k].name);
        }
        free(l->accounts);
        free(l->runbook);
        *l = (Labels){};
}

void labels_copy(Labels *to, const Labels *from)
{
        Labels l = {.runbook = from ? mem_strdup(from->runbook) : NULL};

        for (size_t k = 0; from && k < from->n_accounts; k++)
                *mem_push0(l.accounts, l.n_accounts) = (AccountName){
                        mem_strdup(from->accounts[k].id), mem_strdup(from->accounts[k].name)};
        labels_done(to);
        *to = l;
}

const char *labels_account(const Labels *l, const char *account_id)
{
        for (size_t k = 0; l && account_id && k < l->n_accounts; k++)
                if (streq(l->accounts[k].id, account_id))
                        return l->accounts[k].name;
        return NULL;
}

static const char *console_domain(const char *region)
{
        const Partition *p = region ? partition_by_region(region) : NULL;

        return p ? p->console_domain : NULL;
}

char *console_event_url(const char *region, const char *event_id)
{
        const char *domain = console_domain(region);
        const char *id = strempty(event_id);

        if (!domain || strlen(id) != 36 || id[strspn(id, "0123456789abcdef-")])
                return NULL;
        return mem_printf("https://%s.%s/cloudtrailv2/home?region=%s#/events/%s", region, domain,
                          region, id);
}

char *console_trail_url(const char *region, const char *trail_arn)
{
        const char *domain = console_domain(region), *why;
        Arn a;

        if (!domain || arn_parse_trail(strempty(trail_arn), &a, &why) < 0)
                return NULL;
        return mem_printf("https://%s.%s/cloudtrailv2/home?region=%s#/trails/%s", region, domain,
                          region, trail_arn);
}
