/* SPDX-License-Identifier: Apache-2.0 */

/* Hosts are https://{service}[-fips].{region}.{suffix}; the services' rule sets know these
 * exceptions among ours: the FIPS hosts of GovCloud are the plain ones (unless dual-stack), and
 * STS has a global host, which is not used, since its tokens fail in opt-in regions. */

#include "aws/partition.h"

#include "base/mem.h"
#include "base/stringtable.h"
#include "base/uri.h"

#define ENDPOINT_MAX 512

static const char *const aws_service_table[] = {
        [AWS_SERVICE_CLOUDTRAIL] = "cloudtrail",
        [AWS_SERVICE_SNS] = "sns",
        [AWS_SERVICE_STS] = "sts",
        [AWS_SERVICE_MONITORING] = "monitoring",
};

DEFINE_STRING_TABLE(aws_service, AwsService)

static const struct {
        const char *region_prefix;
        Partition partition;
} partitions[] = {
        {"cn-",
         {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", true, "cn-north-1",
          "console.amazonaws.cn"}},
        {"us-gov-",
         {"aws-us-gov", "amazonaws.com", "api.aws", true, "us-gov-west-1",
          "console.amazonaws-us-gov.com"}},
        {"eusc-",
         {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", true, "eusc-de-east-1",
          "console.amazonaws-eusc.eu"}},
        {"us-iso-", {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", true, "us-iso-east-1", NULL}},
        {"us-isob-",
         {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", true, "us-isob-east-1", NULL}},
        {"eu-isoe-",
         {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", true, "eu-isoe-west-1", NULL}},
        {"us-isof-",
         {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", true, "us-isof-south-1", NULL}},
        /* The last one takes every other region. */
        {"", {"aws", "amazonaws.com", "api.aws", true, "us-east-1", "console.aws.amazon.com"}},
};

const Partition *partition_by_name(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(partitions); i++)
                if (streq(partitions[i].partition.name, name))
                        return &partitions[i].partition;
        return NULL;
}

/* A region becomes a label of a host name: lower-case words, joined by '-', the last a number.
 * That also refuses the pseudo-regions ("aws-global"). */
static bool region_is_valid(const char *s)
{
        size_t n = 0;

        for (; s[n]; n++) {
                bool lower = s[n] >= 'a' && s[n] <= 'z', digit = s[n] >= '0' && s[n] <= '9';
                bool dash = s[n] == '-' && n > 0 && s[n - 1] != '-';
                if (n >= 31 || (!lower && !dash && !(digit && n > 0)))
                        return false;
        }
        return n >= 3 && strchr(s, '-') && s[n - 1] >= '0' && s[n - 1] <= '9';
}

const Partition *partition_by_region(const char *region)
{
        if (!region_is_valid(region))
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(partitions); i++) {
                const char *prefix = partitions[i].region_prefix;
                if (strncmp(region, prefix, strlen(prefix)) == 0)
                        return &partitions[i].partition;
        }
        return NULL;
}

/* Fills the placeholders; -EINVAL for any other brace and for a region that is needed and not
 * valid. */
static int expand(const EndpointParams *p, StrBuf *b)
{
        static const char service[] = "{service}", region[] = "{region}";

        for (const char *s = p->custom; *s;) {
                size_t n = strcspn(s, "{}");
                strbuf_add_n(b, s, n);
                s += n;
                if (strncmp(s, service, strlen(service)) == 0) {
                        strbuf_add(b, aws_service_to_string(p->service));
                        s += strlen(service);
                } else if (strncmp(s, region, strlen(region)) == 0) {
                        if (!p->region || !region_is_valid(p->region))
                                return -EINVAL;
                        strbuf_add(b, p->region);
                        s += strlen(region);
                } else if (*s)
                        return -EINVAL;
        }
        return strbuf_error(b) < 0 ? -EINVAL : 0;
}

static int resolve_custom(const EndpointParams *p, char **ret_url)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(ENDPOINT_MAX);
        _cleanup_uri_ Uri uri = {0};

        if (p->fips || p->dual_stack)
                return -EOPNOTSUPP;
        if (expand(p, &b) < 0 || uri_parse(strbuf_str(&b), &uri) < 0)
                return -EINVAL;
        /* Calls go to "/" and are signed so; there is no place for a path. */
        if (!streq(uri.path, "/") || uri.query)
                return -EINVAL;

        size_t n = b.len;
        if (b.data[n - 1] == '/')
                n--;
        *ret_url = mem_strndup(b.data, n);
        return 0;
}

int endpoint_resolve(const EndpointParams *p, char **ret_url)
{
        if (p->custom)
                return resolve_custom(p, ret_url);

        const Partition *partition = p->region ? partition_by_region(p->region) : NULL;
        if (!partition)
                return -EINVAL;
        if ((p->fips && !partition->fips) || (p->dual_stack && !partition->dual_stack_dns_suffix))
                return -EOPNOTSUPP;

        bool plain_fips = streq(partition->name, "aws-us-gov") && !p->dual_stack;
        *ret_url = mem_printf("https://%s%s.%s.%s", aws_service_to_string(p->service),
                              p->fips && !plain_fips ? "-fips" : "", p->region,
                              p->dual_stack ? partition->dual_stack_dns_suffix
                                            : partition->dns_suffix);
        return 0;
}
