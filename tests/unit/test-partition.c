/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/partition.h"

static const struct {
        const char *region, *partition, *plain, *fips, *dual, *both;
} sns_hosts[] = {
        {"us-east-1", "aws", "sns.us-east-1.amazonaws.com", "sns-fips.us-east-1.amazonaws.com",
         "sns.us-east-1.api.aws", "sns-fips.us-east-1.api.aws"},
        {"mx-central-1", "aws", "sns.mx-central-1.amazonaws.com",
         "sns-fips.mx-central-1.amazonaws.com", "sns.mx-central-1.api.aws",
         "sns-fips.mx-central-1.api.aws"},
        {"cn-northwest-1", "aws-cn", "sns.cn-northwest-1.amazonaws.com.cn",
         "sns-fips.cn-northwest-1.amazonaws.com.cn",
         "sns.cn-northwest-1.api.amazonwebservices.com.cn",
         "sns-fips.cn-northwest-1.api.amazonwebservices.com.cn"},
        {"us-gov-west-1", "aws-us-gov", "sns.us-gov-west-1.amazonaws.com",
         "sns.us-gov-west-1.amazonaws.com", "sns.us-gov-west-1.api.aws",
         "sns-fips.us-gov-west-1.api.aws"},
        {"eusc-de-east-1", "aws-eusc", "sns.eusc-de-east-1.amazonaws.eu",
         "sns-fips.eusc-de-east-1.amazonaws.eu", "sns.eusc-de-east-1.api.amazonwebservices.eu",
         "sns-fips.eusc-de-east-1.api.amazonwebservices.eu"},
        {"us-iso-west-1", "aws-iso", "sns.us-iso-west-1.c2s.ic.gov",
         "sns-fips.us-iso-west-1.c2s.ic.gov", "sns.us-iso-west-1.api.aws.ic.gov",
         "sns-fips.us-iso-west-1.api.aws.ic.gov"},
        {"us-isob-east-1", "aws-iso-b", "sns.us-isob-east-1.sc2s.sgov.gov",
         "sns-fips.us-isob-east-1.sc2s.sgov.gov", "sns.us-isob-east-1.api.aws.scloud",
         "sns-fips.us-isob-east-1.api.aws.scloud"},
        {"eu-isoe-west-1", "aws-iso-e", "sns.eu-isoe-west-1.cloud.adc-e.uk",
         "sns-fips.eu-isoe-west-1.cloud.adc-e.uk", "sns.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
         "sns-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
        {"us-isof-south-1", "aws-iso-f", "sns.us-isof-south-1.csp.hci.ic.gov",
         "sns-fips.us-isof-south-1.csp.hci.ic.gov", "sns.us-isof-south-1.api.aws.hci.ic.gov",
         "sns-fips.us-isof-south-1.api.aws.hci.ic.gov"},
};

static void check_host(const EndpointParams *p, const char *host)
{
        _cleanup_free_ char *url = NULL;

        assert_int_equal(endpoint_resolve(p, &url), 0);
        assert_memory_equal(url, "https://", 8);
        assert_string_equal(url + 8, host);
}

static void test_every_partition(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(sns_hosts); i++) {
                EndpointParams p = {.service = AWS_SERVICE_SNS, .region = sns_hosts[i].region};
                const Partition *partition = partition_by_region(p.region);

                assert_non_null(partition);
                assert_string_equal(partition->name, sns_hosts[i].partition);
                assert_ptr_equal(partition_by_name(sns_hosts[i].partition), partition);
                assert_ptr_equal(partition_by_region(partition->global_services_region), partition);
                check_host(&p, sns_hosts[i].plain);
                p.fips = true;
                check_host(&p, sns_hosts[i].fips);
                p.dual_stack = true;
                check_host(&p, sns_hosts[i].both);
                p.fips = false;
                check_host(&p, sns_hosts[i].dual);
        }
        assert_null(partition_by_name("aws-iso-z"));
        assert_null(partition_by_name(""));
}

/* The services without vectors follow the same rule. */
static void test_other_services(void **state)
{
        check_host(&(EndpointParams){.service = AWS_SERVICE_STS, .region = "eu-west-1"},
                   "sts.eu-west-1.amazonaws.com");
        check_host(&(EndpointParams){.service = AWS_SERVICE_STS, .region = "us-east-1"},
                   "sts.us-east-1.amazonaws.com"); /* never the global host */
        check_host(&(EndpointParams){.service = AWS_SERVICE_STS,
                                     .region = "us-gov-east-1",
                                     .fips = true},
                   "sts.us-gov-east-1.amazonaws.com");
        check_host(&(EndpointParams){.service = AWS_SERVICE_MONITORING,
                                     .region = "us-gov-west-1",
                                     .fips = true},
                   "monitoring.us-gov-west-1.amazonaws.com");
        check_host(&(EndpointParams){.service = AWS_SERVICE_MONITORING,
                                     .region = "us-west-2",
                                     .fips = true},
                   "monitoring-fips.us-west-2.amazonaws.com");
}

static void test_bad_regions(void **state)
{
        static const char *const bad[] = {
                "",
                "x",
                "us",
                "us-east",
                "us_east_1",
                "US-EAST-1",
                "us-east-1.evil.example",
                "us-east-1/",
                "us-east-1#",
                "us east 1",
                "-us-east-1",
                "us-east-1-",
                "us--east-1",
                "1us-east-1",
                "aws-global",
                "aws-cn-global",
                "us-east-1\n",
                "us-\xc3\xa9-1",
                "a-very-long-region-name-so-long-1",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *url = NULL;
                const EndpointParams p = {.service = AWS_SERVICE_SNS, .region = bad[i]};
                if (partition_by_region(bad[i]) || endpoint_resolve(&p, &url) != -EINVAL)
                        fail_msg("accepted: %s", bad[i]);
                assert_null(url);
        }
}

static int custom(const char *url, const char *region, char **ret)
{
        const EndpointParams p = {
                .service = AWS_SERVICE_MONITORING, .region = region, .custom = url};

        return endpoint_resolve(&p, ret);
}

static void test_custom(void **state)
{
        static const struct {
                const char *custom, *region, *want;
        } cases[] = {
                {"https://example.com", NULL, "https://example.com"},
                {"https://example.com/", "us-east-1", "https://example.com"},
                {"https://example.com//", NULL, "https://example.com"},
                {"https://example.com:8443/aws/{service}/", "us-east-1",
                 "https://example.com:8443/aws/monitoring"},
                {"http://127.0.0.1:4566", NULL, "http://127.0.0.1:4566"},
                {"https://vpce-1.{service}.{region}.vpce.amazonaws.com", "eu-west-1",
                 "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com"},
                {"http://{service}-{region}-{service}.localhost:1", "eu-west-1",
                 "http://monitoring-eu-west-1-monitoring.localhost:1"},
        };
        static const struct {
                const char *custom, *region;
        } bad[] = {
                {"", NULL},
                {"example.com", NULL},
                {"ftp://example.com", NULL},
                {"https://user@example.com", NULL},
                {"https://example.com/a path", NULL},
                {"https://example.com/?q", NULL},
                {"https://example.com?", NULL},
                {"https://{region}.example.com", NULL},
                {"https://{region}.example.com", "evil.example/"},
                {"https://{region.example.com", "us-east-1"},
                {"https://{partition}.example.com", "us-east-1"},
                {"https://a}b.example.com", "us-east-1"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *url = NULL;
                assert_int_equal(custom(cases[i].custom, cases[i].region, &url), 0);
                assert_string_equal(url, cases[i].want);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *url = NULL;
                if (custom(bad[i].custom, bad[i].region, &url) != -EINVAL)
                        fail_msg("accepted: %s", bad[i].custom);
                assert_null(url);
        }

        char *url = NULL;
        EndpointParams p = {.custom = "https://h", .region = "us-east-1", .fips = true};
        assert_int_equal(endpoint_resolve(&p, &url), -EOPNOTSUPP);
        p.fips = false;
        p.dual_stack = true;
        assert_int_equal(endpoint_resolve(&p, &url), -EOPNOTSUPP);
}

/* What is no region, and yet some service's rules know it. */
static void test_pseudo_regions(void **state)
{
        static const struct {
                AwsService service;
                const char *region;
                bool fips, dual_stack;
                const char *want; /* NULL: refused */
        } cases[] = {
                {AWS_SERVICE_STS, "aws-global", false, false, "https://sts.amazonaws.com"},
                {AWS_SERVICE_STS, "aws-global", true, false, NULL},
                {AWS_SERVICE_S3, "aws-global", true, false,
                 "https://s3-fips.us-east-1.amazonaws.com"},
                {AWS_SERVICE_DYNAMODB, "local", false, false, "http://localhost:8000"},
                {AWS_SERVICE_ORGANIZATIONS, "eu-west-1", false, false,
                 "https://organizations.us-east-1.amazonaws.com"},
                {AWS_SERVICE_ORGANIZATIONS, "aws-global", true, false,
                 "https://organizations-fips.us-east-1.amazonaws.com"},
                {AWS_SERVICE_ORGANIZATIONS, "aws-cn-global", false, false,
                 "https://organizations.cn-northwest-1.amazonaws.com.cn"},
                {AWS_SERVICE_ORGANIZATIONS, "aws-nowhere-global", false, false, NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *url = NULL;
                int r = endpoint_resolve(&(EndpointParams){.service = cases[i].service,
                                                           .region = cases[i].region,
                                                           .fips = cases[i].fips,
                                                           .dual_stack = cases[i].dual_stack},
                                         &url);

                if (r != (cases[i].want ? 0 : -EINVAL) || !streq_ptr(url, cases[i].want))
                        fail_msg("%s: %s", cases[i].region, strempty(url));
        }
}

/* DynamoDB refuses its own dual-stack hosts as custom ones. */
static void test_own_dual_stack_host(void **state)
{
        static const char *const refused[] = {"https://dynamodb.eu-west-1.api.aws",
                                              "https://search-dynamodb.eu-west-1.api.aws"};
        char *url = NULL;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                EndpointParams p = {.service = AWS_SERVICE_DYNAMODB,
                                    .region = "eu-west-1",
                                    .custom = refused[i]};

                assert_int_equal(endpoint_resolve(&p, &url), -EOPNOTSUPP);
        }
}

static void test_service_names(void **state)
{
        for (AwsService s = 0; s < _AWS_SERVICE_MAX; s++)
                assert_int_equal(aws_service_from_string(aws_service_to_string(s)), s);
        assert_int_equal(aws_service_from_string("ec2"), _AWS_SERVICE_INVALID);
}

UNIT_MAIN(T(test_every_partition), T(test_other_services), T(test_bad_regions), T(test_custom),
          T(test_pseudo_regions), T(test_own_dual_stack_host), T(test_service_names))
