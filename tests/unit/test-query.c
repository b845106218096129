/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "aws/query.h"
#include "base/mem.h"

#define TOPIC "arn:aws:sns:eu-west-1:123456789012:alerts"

static void test_publish(void **state)
{
        static const SnsAttribute attributes[] = {
                {"Severity", "critical"}, {"Absent", NULL}, {"Empty", ""}, {"Trail", "a&b"}};
        const SnsMessage m = {
                .topic_arn = TOPIC,
                .subject = "Trail stopped",
                .message = "line 1\nline 2: é",
                .attributes = attributes,
                .n_attributes = ELEMENTSOF(attributes),
        };
        _cleanup_aws_request_ AwsRequest r = {0};

        assert_int_equal(sns_request_publish(&m, &r), 0);
        assert_int_equal(r.service, AWS_SERVICE_SNS);
        assert_string_equal(r.operation, "Publish");
        assert_string_equal(r.region, "eu-west-1");
        assert_string_equal(r.body,
                            "Action=Publish&Version=2010-03-31"
                            "&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Aalerts"
                            "&Subject=Trail%20stopped&Message=line%201%0Aline%202%3A%20%C3%A9"
                            "&MessageAttributes.entry.1.Name=Severity"
                            "&MessageAttributes.entry.1.Value.DataType=String"
                            "&MessageAttributes.entry.1.Value.StringValue=critical"
                            "&MessageAttributes.entry.2.Name=Trail"
                            "&MessageAttributes.entry.2.Value.DataType=String"
                            "&MessageAttributes.entry.2.Value.StringValue=a%26b");
        assert_int_equal(r.body_len, strlen(r.body));
}

static char *subject_sent(const char *subject)
{
        const SnsMessage m = {.topic_arn = TOPIC, .subject = subject, .message = "m"};
        _cleanup_aws_request_ AwsRequest r = {0};

        assert_int_equal(sns_request_publish(&m, &r), 0);
        const char *p = strstr(r.body, "&Subject="), *end = strstr(r.body, "&Message=");
        assert_non_null(end);
        return p ? mem_strndup(p + 9, (size_t)(end - p - 9)) : NULL;
}

/* SNS refuses the whole message for what these contain. */
static void test_subject_is_made_fit(void **state)
{
        _cleanup_free_ char *long_one = mem_printf("%0200d", 0);
        _cleanup_free_ char *cut = subject_sent(long_one), *lines = subject_sent("a\nb");
        _cleanup_free_ char *accents = subject_sent("\xc3\xa9\xff");
        _cleanup_free_ char *longest = mem_printf("%099d", 0), *whole = subject_sent(longest);

        assert_string_equal(whole, longest);
        assert_int_equal(strlen(cut), 99);
        assert_string_equal(cut + 95, "0...");
        assert_string_equal(lines, "a%5Cx0ab");
        assert_string_equal(accents, "%3F%5Cxff");
        assert_null(subject_sent(NULL));
        assert_null(subject_sent(""));
}

static void test_publish_fifo(void **state)
{
        const SnsMessage m = {.topic_arn = "arn:aws:sns:eu-west-1:123456789012:alerts.fifo",
                              .message = "{}",
                              .structure = "json",
                              .group_id = "0123456789abcdef",
                              .deduplication_id = "d"};
        _cleanup_aws_request_ AwsRequest r = {};

        assert_int_equal(sns_request_publish(&m, &r), 0);
        assert_string_equal(r.region, "eu-west-1");
        assert_string_equal(r.body,
                            "Action=Publish&Version=2010-03-31"
                            "&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Aalerts.fifo"
                            "&Message=%7B%7D&MessageStructure=json&MessageGroupId=0123456789abcdef"
                            "&MessageDeduplicationId=d");
}

static void test_publish_refuses(void **state)
{
        _cleanup_free_ char *longest = mem_printf("%0262144d", 0);
        const SnsAttribute attribute = {"a", "b"};
        SnsMessage m = {.topic_arn = TOPIC, .message = longest};
        AwsRequest r = {.operation = "untouched"};

        assert_int_equal(sns_request_publish(&m, &r), 0);
        aws_request_done(&r);
        m.attributes = &attribute;
        m.n_attributes = 1;
        assert_int_equal(sns_request_publish(&m, &r), -E2BIG);
        assert_null(r.body);

        m.message = "m";
        m.topic_arn = "alerts";
        assert_int_equal(sns_request_publish(&m, &r), -EINVAL);
        assert_null(r.body);
}

static void test_parse_publish(void **state)
{
        static const char good[] =
                "<PublishResponse "
                "xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>"
                "<MessageId>m-1</MessageId></PublishResult><ResponseMetadata><RequestId>r"
                "</RequestId></ResponseMetadata></PublishResponse>";
        static const char *const bad[] = {
                "",
                "<PublishResponse/>",
                "{}",
                "<PublishResponse><PublishResult><MessageId/></PublishResult></PublishResponse>",
                "<x><PublishResult><MessageId>m</MessageId></PublishResult></x>",
                "<ErrorResponse><Error><Code>x</Code></Error></ErrorResponse>",
        };
        char *id = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(sns_parse_publish(bad[i], strlen(bad[i]), &id), -EBADMSG);
        assert_null(id);
        assert_int_equal(sns_parse_publish(good, strlen(good), &id), 0);
        assert_string_equal(id, "m-1");
        free(id);
}

static void test_caller_identity(void **state)
{
        static const char body[] =
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                "<GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>"
                "<UserId>AROAX:s</UserId><Account>123456789012</Account>"
                "</GetCallerIdentityResult></GetCallerIdentityResponse>";
        static const char partial[] =
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>a</Arn>"
                "<UserId>u</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>";
        _cleanup_aws_request_ AwsRequest r = {0};
        CallerIdentity c = {0};

        sts_request_get_caller_identity("eu-west-1", &r);
        assert_int_equal(r.service, AWS_SERVICE_STS);
        assert_string_equal(r.region, "eu-west-1");
        assert_string_equal(r.body, "Action=GetCallerIdentity&Version=2011-06-15");

        assert_int_equal(sts_parse_caller_identity(partial, strlen(partial), &c), -EBADMSG);
        assert_int_equal(sts_parse_caller_identity(body, strlen(body), &c), 0);
        assert_string_equal(c.account, "123456789012");
        assert_string_equal(c.arn, "arn:aws:sts::123456789012:assumed-role/r/s");
        assert_string_equal(c.user_id, "AROAX:s");
        caller_identity_done(&c);
}

static void test_assume_role_request(void **state)
{
        AssumeRole a = {
                .region = "eu-west-1",
                .role_arn = "arn:aws:iam::123456789012:role/guard",
                .session_name = "trailsentry",
                .duration_sec = 3600,
        };
        _cleanup_aws_request_ AwsRequest plain = {0}, external = {0}, web = {0};

        assert_int_equal(sts_request_assume_role(&a, &plain), 0);
        assert_string_equal(plain.body, "Action=AssumeRole&Version=2011-06-15"
                                        "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fguard"
                                        "&RoleSessionName=trailsentry&DurationSeconds=3600");
        a.external_id = "x/y";
        assert_int_equal(sts_request_assume_role(&a, &external), 0);
        assert_string_equal(external.body + strlen(plain.body), "&ExternalId=x%2Fy");
        a.external_id = NULL;
        a.web_identity_token = "ey.x/y";
        assert_int_equal(sts_request_assume_role(&a, &web), 0);
        assert_string_equal(web.operation, "AssumeRoleWithWebIdentity");
        assert_string_equal(web.body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                                      "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fguard"
                                      "&RoleSessionName=trailsentry&DurationSeconds=3600"
                                      "&WebIdentityToken=ey.x%2Fy");
}

static const char assume_role_body[] =
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
        "<AssumedRoleUser><AssumedRoleId>AROAX:s</AssumedRoleId>"
        "<Arn>arn:aws:sts::123456789012:assumed-role/guard/s</Arn></AssumedRoleUser>"
        "<Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
        "<SessionToken>token</SessionToken><Expiration>2026-11-23T03:12:09Z</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>";

static void test_assume_role_answer(void **state)
{
        static const char *const members[] = {"AccessKeyId", "SecretAccessKey", "SessionToken",
                                              "Expiration"};
        _cleanup_(aws_credentials_unrefp) AwsCredentials *c = NULL;

        /* Each member misspelt, and the answer cut at each byte. */
        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                _cleanup_free_ char *body = mem_strdup(assume_role_body);
                _cleanup_free_ char *open = mem_printf("<%s>", members[i]);
                _cleanup_free_ char *close = mem_printf("</%s>", members[i]);
                strstr(body, open)[1] = 'x';
                strstr(body, close)[2] = 'x';
                assert_int_equal(sts_parse_assume_role(body, strlen(body), &c), -EBADMSG);
        }
        for (size_t n = 0; n < strlen(assume_role_body); n++) {
                _cleanup_free_ char *exact = mem_alloc0(n + 1);
                memcpy(exact, assume_role_body, n);
                assert_int_equal(sts_parse_assume_role(exact, n, &c), -EBADMSG);
        }
        assert_null(c);

        assert_int_equal(sts_parse_assume_role(assume_role_body, strlen(assume_role_body), &c), 0);
        assert_string_equal(c->access_key_id, "ASIAX");
        assert_string_equal(secret_expose(c->secret_access_key), "secret");
        assert_string_equal(secret_expose(c->session_token), "token");
        assert_true(c->expiry_msec == INT64_C(1795403529000));
        assert_string_equal(c->account_id, "123456789012");
}

/* Field bugs: whitespace, namespaces and prefixes, members in another order, members that nobody
 * knows, and each of these cut at each byte. */
static void test_sts_xml_in_other_shapes(void **state)
{
        static const char *const shapes[] = {
                "<?xml version=\"1.0\"?>\n<AssumeRoleResponse>\n  <AssumeRoleResult>\r\n\t"
                "<Credentials>\n <AccessKeyId>ASIAX</AccessKeyId>\n "
                "<SecretAccessKey >secret</SecretAccessKey\n>\n <SessionToken>token</SessionToken>"
                "\n\n <Expiration>2026-11-23T03:12:09Z</Expiration>\n</Credentials>\n"
                "</AssumeRoleResult>\n</AssumeRoleResponse>",
                "<a:AssumeRoleResponse xmlns:a=\"urn:a\" xmlns:b='urn:b'><a:AssumeRoleResult>"
                "<b:Credentials><b:AccessKeyId b:x=\"1\">ASIAX</b:AccessKeyId><b:SecretAccessKey>"
                "secret</b:SecretAccessKey><b:SessionToken>token</b:SessionToken><b:Expiration>"
                "2026-11-23T03:12:09Z</b:Expiration></b:Credentials></a:AssumeRoleResult>"
                "</a:AssumeRoleResponse>",
                "<AssumeRoleResponse><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
                "<AssumeRoleResult><New><AccessKeyId>wrong</AccessKeyId></New><Credentials>"
                "<Expiration>2026-11-23T03:12:09.000Z</Expiration><More/><SessionToken>to<!-- no "
                "-->ken</SessionToken><SecretAccessKey><![CDATA[secret]]></SecretAccessKey>"
                "<AccessKeyId>&#65;SIAX</AccessKeyId></Credentials></AssumeRoleResult>"
                "</AssumeRoleResponse>",
        };

        for (size_t i = 0; i < ELEMENTSOF(shapes); i++) {
                _cleanup_(aws_credentials_unrefp) AwsCredentials *c = NULL;
                size_t whole = strlen(shapes[i]);

                for (size_t n = 0; n < whole; n++) {
                        _cleanup_free_ char *exact = mem_alloc0(n + 1);

                        memcpy(exact, shapes[i], n);
                        assert_int_equal(sts_parse_assume_role(exact, n, &c), -EBADMSG);
                }
                assert_int_equal(sts_parse_assume_role(shapes[i], whole, &c), 0);
                assert_string_equal(c->access_key_id, "ASIAX");
                assert_string_equal(secret_expose(c->secret_access_key), "secret");
                assert_string_equal(secret_expose(c->session_token), "token");
                assert_true(c->expiry_msec == INT64_C(1795403529000));
        }
}

static void test_put_metric_data(void **state)
{
        const Metric metrics[] = {
                {"GoodPolls", "Trail", "main", INT64_C(1795403529000), 3},
                {"Latency", "Trail", "a b", INT64_C(1795403529500), 0.25},
        };
        _cleanup_aws_request_ AwsRequest r = {0};

        monitoring_request_put_metric_data("eu-west-1", "trailsentry", metrics, 2, &r);
        assert_int_equal(r.service, AWS_SERVICE_MONITORING);
        assert_string_equal(r.body,
                            "Action=PutMetricData&Version=2010-08-01&Namespace=trailsentry"
                            "&MetricData.member.1.MetricName=GoodPolls"
                            "&MetricData.member.1.Dimensions.member.1.Name=Trail"
                            "&MetricData.member.1.Dimensions.member.1.Value=main"
                            "&MetricData.member.1.Timestamp=2026-11-23T03%3A12%3A09Z"
                            "&MetricData.member.1.Value=3&MetricData.member.1.Unit=Count"
                            "&MetricData.member.2.MetricName=Latency"
                            "&MetricData.member.2.Dimensions.member.1.Name=Trail"
                            "&MetricData.member.2.Dimensions.member.1.Value=a%20b"
                            "&MetricData.member.2.Timestamp=2026-11-23T03%3A12%3A09.500Z"
                            "&MetricData.member.2.Value=0.25&MetricData.member.2.Unit=Count");
}

static int imds(const char *body, AwsCredentials **c, char **text)
{
        return imds_parse_credentials(body, strlen(body), c, text);
}

/* Field bug: an empty access key is none, from whichever service. */
static void test_empty_access_key(void **state)
{
        _cleanup_free_ char *body = mem_strdup(assume_role_body);
        char *key = strstr(body, "ASIAX</");
        AwsCredentials *c = NULL;
        char *text = NULL;

        assert_int_equal(aws_credentials_new("", "secret", "token", 0, &c), -EINVAL);
        assert_int_equal(aws_credentials_new("AKID", "", "token", 0, &c), -EINVAL);
        memmove(key, key + 5, strlen(key + 5) + 1);
        assert_int_equal(sts_parse_assume_role(body, strlen(body), &c), -EBADMSG);
        assert_int_equal(imds("{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                              "\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                              &c, &text),
                         -EBADMSG);
        assert_null(c);
        assert_null(text);
}

static void test_imds(void **state)
{
        _cleanup_(aws_credentials_unrefp) AwsCredentials *c = NULL, *container = NULL;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(imds("{\"Code\":\"Success\",\"LastUpdated\":\"x\",\"Type\":\"AWS-HMAC\","
                              "\"AccessKeyId\":\"ASIAX\",\"SecretAccessKey\":\"secret\","
                              "\"Token\":\"token\",\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                              &c, &text),
                         0);
        assert_string_equal(c->access_key_id, "ASIAX");
        assert_string_equal(secret_expose(c->secret_access_key), "secret");
        assert_string_equal(secret_expose(c->session_token), "token");
        assert_true(c->expiry_msec == INT64_C(1795403529000));
        assert_null(c->account_id);

        /* Containers give no Code, and an account. */
        assert_int_equal(imds("{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                              "\"AccountId\":\"012345678901\","
                              "\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                              &container, &text),
                         0);
        assert_string_equal(container->account_id, "012345678901");
        container = aws_credentials_unref(container);
        assert_int_equal(imds("{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                              "\"AccountId\":\"<b>\",\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                              &container, &text),
                         0);
        assert_null(container->account_id);
        assert_null(text);
}

static void test_imds_error(void **state)
{
        AwsCredentials *c = NULL;
        char *text = NULL;

        assert_int_equal(
                imds("{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot\\n"
                     "assume\",\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\","
                     "\"Token\":\"t\",\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                     &c, &text),
                -EREMOTEIO);
        assert_string_equal(text, "AssumeRoleUnauthorizedAccess: EC2 cannot\\x0aassume");
        free(TAKE_PTR(text));
        assert_int_equal(imds("{\"code\":\"Failed\"}", &c, &text), -EREMOTEIO);
        assert_string_equal(text, "Failed");
        free(TAKE_PTR(text));
        assert_null(c);
}

static void test_imds_refuses(void **state)
{
        static const char *const bad[] = {
                "",
                "{}",
                "[]",
                "<html/>",
                "{\"Code\":\"Success\"}",
                "{\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2026-11-23T03:12:"
                "09Z\"}",
                "{\"AccessKeyId\":\"k\",\"Token\":\"t\",\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\","
                "\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\",\"Token\":\"t\"}",
                "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                "\"Expiration\":\"soon\"}",
                "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"\",\"Token\":\"t\","
                "\"Expiration\":\"2026-11-23T03:12:09Z\"}",
                "{\"AccessKeyId\":\"k\\r\\nX: y\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                "\"Expiration\":\"2026-11-23T03:12:09Z\"}",
        };
        _cleanup_free_ char *big = mem_printf("{\"a\":\"%065536d\"}", 0);
        AwsCredentials *c = NULL;
        char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (imds(bad[i], &c, &text) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
        assert_int_equal(imds(big, &c, &text), -EBADMSG);
        assert_null(c);
        assert_null(text);
}

UNIT_MAIN(T(test_publish), T(test_subject_is_made_fit), T(test_publish_fifo),
          T(test_publish_refuses), T(test_parse_publish), T(test_caller_identity),
          T(test_assume_role_request), T(test_assume_role_answer), T(test_sts_xml_in_other_shapes),
          T(test_empty_access_key), T(test_put_metric_data), T(test_imds), T(test_imds_error),
          T(test_imds_refuses))
