/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/arn.h"

#include <errno.h>

#include "aws/partition.h"

static const char fifo_suffix[] = ".fifo";

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
        return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Between min and max characters, letters and digits of ASCII or of extra. */
static bool name_is_valid(const char *s, size_t min, size_t max, const char *extra)
{
        size_t n = 0;

        for (; s[n]; n++)
                if (n >= max || (!is_alnum(s[n]) && !strchr(extra, s[n])))
                        return false;
        return n >= min;
}

static bool is_lower_name(const char *s)
{
        for (; *s; s++)
                if (!is_digit(*s) && !(*s >= 'a' && *s <= 'z') && *s != '-')
                        return false;
        return true;
}

bool arn_account_is_valid(const char *s)
{
        size_t n = 0;

        while (is_digit(s[n]))
                n++;
        return s[n] == '\0' && n == 12;
}

static bool is_graphic(const char *s)
{
        for (; *s; s++)
                if (*s <= ' ' || *s > '~')
                        return false;
        return true;
}

/* Copies what stands before the next ':' (the rest, for the last part) and moves behind it. */
static int take_part(const char **p, bool last, char *ret, size_t size)
{
        size_t n = last ? strlen(*p) : strcspn(*p, ":");

        if (n >= size || (!last && (*p)[n] != ':'))
                return -EINVAL;
        memcpy(ret, *p, n);
        ret[n] = '\0';
        *p += n + !last;
        return 0;
}

int arn_parse(const char *s, Arn *ret)
{
        Arn a;
        char prefix[4];
        const char *p = s;

        if (take_part(&p, false, prefix, sizeof(prefix)) < 0 ||
            take_part(&p, false, a.partition, sizeof(a.partition)) < 0 ||
            take_part(&p, false, a.service, sizeof(a.service)) < 0 ||
            take_part(&p, false, a.region, sizeof(a.region)) < 0 ||
            take_part(&p, false, a.account, sizeof(a.account)) < 0 ||
            take_part(&p, true, a.resource, sizeof(a.resource)) < 0)
                return -EINVAL;
        if (!streq(prefix, "arn") || isempty(a.partition) || !is_lower_name(a.partition) ||
            isempty(a.service) || !is_lower_name(a.service) || !is_lower_name(a.region) ||
            (!isempty(a.account) && !arn_account_is_valid(a.account)) || isempty(a.resource) ||
            !is_graphic(a.resource))
                return -EINVAL;
        *ret = a;
        return 0;
}

bool arn_trail_name_is_valid(const char *s)
{
        return name_is_valid(s, 3, 128, "._-");
}

/* What a regional resource's ARN demands; NULL when all is well, else what is wrong. */
static const char *check_regional(const Arn *a)
{
        const Partition *partition = partition_by_name(a->partition);

        if (!partition)
                return "its partition is not known";
        if (partition_by_region(a->region) != partition)
                return "its region is missing or not one of its partition";
        if (isempty(a->account))
                return "its account is missing";
        return NULL;
}

static int parse_kind(const char *s, const char *service, const char *wrong_service, Arn *ret,
                      const char **reterr)
{
        if (arn_parse(s, ret) < 0)
                *reterr = "it is not of the form arn:partition:service:region:account:resource";
        else if (!streq(ret->service, service))
                *reterr = wrong_service;
        else
                return 0;
        return -EINVAL;
}

int arn_parse_trail(const char *s, Arn *ret, const char **reterr)
{
        static const char prefix[] = "trail/";
        Arn a;

        if (parse_kind(s, "cloudtrail", "it is not one of CloudTrail", &a, reterr) < 0)
                return -EINVAL;
        const char *wrong = check_regional(&a);
        if (!wrong && strncmp(a.resource, prefix, strlen(prefix)) != 0)
                wrong = "it does not name a trail (trail/NAME)";
        if (!wrong && !arn_trail_name_is_valid(a.resource + strlen(prefix)))
                wrong = "its trail name is not 3 to 128 letters, digits, '.', '_' or '-'";
        if (wrong) {
                *reterr = wrong;
                return -EINVAL;
        }
        *ret = a;
        return 0;
}

int arn_parse_topic(const char *s, Arn *ret, const char **reterr)
{
        Arn a;

        if (parse_kind(s, "sns", "it is not one of SNS", &a, reterr) < 0)
                return -EINVAL;
        const char *wrong = check_regional(&a);
        char *suffix = arn_topic_is_fifo(&a) ? strrchr(a.resource, '.') : NULL;
        if (suffix)
                *suffix = '\0';
        if (!wrong && !name_is_valid(a.resource, 1, 256 - (suffix ? strlen(fifo_suffix) : 0), "_-"))
                wrong = "its topic name is not 1 to 256 letters, digits, '_' or '-' (and \".fifo\" "
                        "at the end of a FIFO topic's)";
        if (wrong) {
                *reterr = wrong;
                return -EINVAL;
        }
        if (suffix)
                *suffix = '.';
        *ret = a;
        return 0;
}

bool arn_topic_is_fifo(const Arn *a)
{
        size_t n = strlen(a->resource), m = strlen(fifo_suffix);

        return n > m && streq(a->resource + n - m, fifo_suffix);
}

int arn_parse_role(const char *s, Arn *ret, const char **reterr)
{
        static const char prefix[] = "role/";
        const char *wrong = NULL;
        Arn a;

        if (parse_kind(s, "iam", "it is not one of IAM", &a, reterr) < 0)
                return -EINVAL;
        if (!partition_by_name(a.partition))
                wrong = "its partition is not known";
        else if (!isempty(a.region))
                wrong = "a role has no region";
        else if (isempty(a.account))
                wrong = "its account is missing";
        else if (strncmp(a.resource, prefix, strlen(prefix)) != 0)
                wrong = "it does not name a role (role/NAME)";
        else if (!name_is_valid(strrchr(a.resource, '/') + 1, 1, 64, "_+=,.@-"))
                wrong = "its role name is not 1 to 64 letters, digits or _+=,.@-";
        if (wrong) {
                *reterr = wrong;
                return -EINVAL;
        }
        *ret = a;
        return 0;
}

const char *arn_trail_name(const Arn *a)
{
        const char *slash = strchr(a->resource, '/');

        return slash ? slash + 1 : a->resource;
}

bool arn_is_of_trail(const char *arn, const char *wanted)
{
        const char *wrong;
        Arn a;

        if (!arn || streq(wanted, arn))
                return arn;
        return arn_parse_trail(arn, &a, &wrong) >= 0 && streq(wanted, arn_trail_name(&a));
}

bool arn_name_is_plain(const char *s)
{
        return *s != '-' && name_is_valid(s, 1, 128, "+=,.@_-");
}
