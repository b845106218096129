/* SPDX-License-Identifier: Apache-2.0 */

/* Hosts are https://{service}[-fips].{region}.{suffix}; what the services' rule sets know beside
 * that is in the tables below: most FIPS hosts of GovCloud are the plain ones, Organizations
 * answers in one region of a partition, S3 has a dual stack of its own. STS has a global host,
 * which no region leads to, since its tokens fail in opt-in regions. */

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
        [AWS_SERVICE_SQS] = "sqs",
        [AWS_SERVICE_DYNAMODB] = "dynamodb",
        [AWS_SERVICE_KMS] = "kms",
        [AWS_SERVICE_S3] = "s3",
        [AWS_SERVICE_EVENTS] = "events",
        [AWS_SERVICE_ORGANIZATIONS] = "organizations",
        [AWS_SERVICE_LOGS] = "logs",
};

DEFINE_STRING_TABLE(aws_service, AwsService)

typedef enum ServiceFacts {
        GOV_FIPS_PLAIN = 1 << 0,      /* the FIPS host of GovCloud has no "-fips" */
        GOV_FIPS_PLAIN_DUAL = 1 << 1, /* neither has the dual-stack one */
        ONE_REGION = 1 << 2,          /* every region leads to the implicit global one */
        S3_RULES = 1 << 3,            /* "s3.dualstack.{region}" below the plain suffix; no FIPS in
                                       * China */
} ServiceFacts;

static const ServiceFacts service_facts[_AWS_SERVICE_MAX] = {
        [AWS_SERVICE_CLOUDTRAIL] = GOV_FIPS_PLAIN,
        [AWS_SERVICE_SNS] = GOV_FIPS_PLAIN,
        [AWS_SERVICE_STS] = GOV_FIPS_PLAIN,
        [AWS_SERVICE_MONITORING] = GOV_FIPS_PLAIN | GOV_FIPS_PLAIN_DUAL,
        [AWS_SERVICE_SQS] = GOV_FIPS_PLAIN,
        [AWS_SERVICE_DYNAMODB] = GOV_FIPS_PLAIN,
        [AWS_SERVICE_S3] = S3_RULES,
        [AWS_SERVICE_EVENTS] = GOV_FIPS_PLAIN | GOV_FIPS_PLAIN_DUAL,
        [AWS_SERVICE_ORGANIZATIONS] = GOV_FIPS_PLAIN | GOV_FIPS_PLAIN_DUAL | ONE_REGION,
        [AWS_SERVICE_LOGS] = GOV_FIPS_PLAIN,
};

/* Regions that are none, where a rule set gives them a host. */
static const struct {
        AwsService service;
        const char *region;
        bool fips;
        bool dual_stack;
        const char *url;
} pseudo_regions[] = {
        {AWS_SERVICE_STS, "aws-global", false, false, "https://sts.amazonaws.com"},
        {AWS_SERVICE_S3, "aws-global", false, false, "https://s3.amazonaws.com"},
        {AWS_SERVICE_S3, "aws-global", true, false, "https://s3-fips.us-east-1.amazonaws.com"},
        {AWS_SERVICE_S3, "aws-global", false, true, "https://s3.dualstack.us-east-1.amazonaws.com"},
        {AWS_SERVICE_S3, "aws-global", true, true,
         "https://s3-fips.dualstack.us-east-1.amazonaws.com"},
        {AWS_SERVICE_DYNAMODB, "local", false, false, "http://localhost:8000"},
};

static const struct {
        const char *region_prefix;
        Partition partition;
} partitions[] = {
        {"cn-",
         {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", true, "cn-north-1",
          "cn-northwest-1", "console.amazonaws.cn"}},
        {"us-gov-",
         {"aws-us-gov", "amazonaws.com", "api.aws", true, "us-gov-west-1", "us-gov-west-1",
          "console.amazonaws-us-gov.com"}},
        {"eusc-",
         {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", true, "eusc-de-east-1",
          "eusc-de-east-1", "console.amazonaws-eusc.eu"}},
        {"us-iso-",
         {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", true, "us-iso-east-1", "us-iso-east-1", NULL}},
        {"us-isob-",
         {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", true, "us-isob-east-1", "us-isob-east-1",
          NULL}},
        {"eu-isoe-",
         {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", true, "eu-isoe-west-1",
          "eu-isoe-west-1", NULL}},
        {"us-isof-",
         {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", true, "us-isof-south-1",
          "us-isof-south-1", NULL}},
        /* The last one takes every other region. */
        {"",
         {"aws", "amazonaws.com", "api.aws", true, "us-east-1", "us-east-1",
          "console.aws.amazon.com"}},
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

/* "aws-cn-global" */
static const Partition *partition_by_pseudo_region(const char *region)
{
        static const char suffix[] = "-global";

        for (size_t i = 0; i < ELEMENTSOF(partitions); i++) {
                const Partition *p = &partitions[i].partition;
                size_t n = strlen(p->name);
                if (strncmp(region, p->name, n) == 0 && streq(region + n, suffix))
                        return p;
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

/* DynamoDB's rules refuse their own dual-stack hosts as custom ones. */
static bool is_own_dual_stack_host(const EndpointParams *p, const Uri *uri)
{
        static const char prefix[] = "search-";
        const Partition *partition = p->region ? partition_by_region(p->region) : NULL;

        if (p->service != AWS_SERVICE_DYNAMODB || !partition || uri->port != 0)
                return false;
        _cleanup_free_ char *search =
                mem_printf("%sdynamodb.%s.%s", prefix, p->region, partition->dual_stack_dns_suffix);
        return streq(uri->host, search) || streq(uri->host, search + strlen(prefix));
}

static int resolve_custom(const EndpointParams *p, char **ret_url)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(ENDPOINT_MAX);
        _cleanup_uri_ Uri uri = {0};

        if (p->fips || p->dual_stack)
                return -EOPNOTSUPP;
        if (expand(p, &b) < 0 || uri_parse(strbuf_str(&b), &uri) < 0)
                return -EINVAL;
        if (uri.query)
                return -EINVAL;
        if (is_own_dual_stack_host(p, &uri))
                return -EOPNOTSUPP;

        while (b.data[b.len - 1] == '/')
                b.len--;
        *ret_url = mem_strndup(b.data, b.len);
        return 0;
}

static const char *pseudo_region_url(const EndpointParams *p)
{
        for (size_t i = 0; i < ELEMENTSOF(pseudo_regions); i++)
                if (pseudo_regions[i].service == p->service &&
                    streq(pseudo_regions[i].region, p->region) &&
                    pseudo_regions[i].fips == p->fips &&
                    pseudo_regions[i].dual_stack == p->dual_stack)
                        return pseudo_regions[i].url;
        return NULL;
}

int endpoint_resolve(const EndpointParams *p, char **ret_url)
{
        if (p->custom)
                return resolve_custom(p, ret_url);
        if (!p->region)
                return -EINVAL;

        const char *url = pseudo_region_url(p), *region = p->region, *suffix;
        if (url) {
                *ret_url = mem_strdup(url);
                return 0;
        }

        ServiceFacts facts = service_facts[p->service];
        const Partition *partition = partition_by_region(region);
        if (!partition && (facts & ONE_REGION))
                partition = partition_by_pseudo_region(region);
        if (!partition)
                return -EINVAL;
        if ((p->fips && !partition->fips) || (p->dual_stack && !partition->dual_stack_dns_suffix))
                return -EOPNOTSUPP;
        if (p->fips && (facts & S3_RULES) && streq(partition->name, "aws-cn"))
                return -EOPNOTSUPP;

        if (facts & ONE_REGION)
                region = partition->implicit_global_region;
        bool plain_fips = streq(partition->name, "aws-us-gov") &&
                          (facts & (p->dual_stack ? GOV_FIPS_PLAIN_DUAL : GOV_FIPS_PLAIN));
        bool own_dual_stack = p->dual_stack && (facts & S3_RULES);
        suffix = p->dual_stack && !own_dual_stack ? partition->dual_stack_dns_suffix
                                                  : partition->dns_suffix;
        *ret_url = mem_printf("https://%s%s%s.%s.%s", aws_service_to_string(p->service),
                              p->fips && !plain_fips ? "-fips" : "",
                              own_dual_stack ? ".dualstack" : "", region, suffix);
        return 0;
}
