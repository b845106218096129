/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of single values, after the services' own:
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (ExternalId)
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html */

#include "daemon/confvalue.h"

#include "aws/arn.h"
#include "aws/partition.h"
#include "base/uri.h"

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* The shipped file marks what has to be filled in as <REGION>, <ACCOUNT> ... */
static bool has_placeholder(const char *value, StrBuf *why)
{
        static const char *const names[] = {"<REGION>", "<ACCOUNT>", "<NAME>"};
        bool found = false;

        for (const char *p = value; (p = strchr(p, '<')); p++)
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        if (strncmp(p, names[i], strlen(names[i])) == 0) {
                                strbuf_addf(why, "%s%s",
                                            found ? ", "
                                                  : "still to be filled in: write your own in the "
                                                    "place of ",
                                            names[i]);
                                found = true;
                        }
        return found;
}

typedef int (*ArnParser)(const char *s, Arn *ret, const char **reterr);

/* form is how such an ARN is written. */
static bool check_arn(const char *value, ArnParser parse, const char *form, StrBuf *why)
{
        const char *wrong;
        Arn arn;

        if (has_placeholder(value, why))
                return false;
        if (parse(value, &arn, &wrong) >= 0)
                return true;
        strbuf_addf(why, "%s; write %s", wrong, form);
        return false;
}

bool conf_check_trail_arn(const char *value, StrBuf *why)
{
        return check_arn(value, arn_parse_trail, "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME",
                         why);
}

bool conf_check_topic_arn(const char *value, StrBuf *why)
{
        return check_arn(value, arn_parse_topic, "arn:aws:sns:REGION:ACCOUNT:NAME", why);
}

bool conf_check_role_arn(const char *value, StrBuf *why)
{
        return check_arn(value, arn_parse_role, "arn:aws:iam::ACCOUNT:role/NAME", why);
}

/* Whether value has min to max characters, all of them out of set. */
static bool is_of(const char *value, const char *set, size_t min, size_t max)
{
        size_t n = strlen(value);

        return n >= min && n <= max && strspn(value, set) == n;
}

bool conf_check_external_id(const char *value, StrBuf *why)
{
        if (is_of(value, LETTERS_AND_DIGITS "_+=,.@:/-", 2, 1224))
                return true;
        strbuf_add(why, "not an external id: 2 to 1224 letters, digits and _+=,.@:/-");
        return false;
}

bool conf_check_namespace(const char *value, StrBuf *why)
{
        if (!is_of(value, LETTERS_AND_DIGITS ".-_/#: ", 1, 255) || *value == ':') {
                strbuf_add(why, "not a CloudWatch namespace: 1 to 255 letters, digits, spaces and "
                                ".-_/#:, not beginning with \":\"");
                return false;
        }
        if (strncmp(value, "AWS/", 4) == 0) {
                strbuf_add(why, "namespaces that begin with \"AWS/\" are AWS's own");
                return false;
        }
        return true;
}

bool conf_check_region(const char *value, StrBuf *why)
{
        if (partition_by_region(value))
                return true;
        strbuf_add(why, "not a region: write it as in \"eu-central-1\"");
        return false;
}

bool conf_check_endpoint(const char *value, StrBuf *why)
{
        const EndpointParams params = {
                .service = AWS_SERVICE_CLOUDTRAIL,
                .region = "us-east-1",
                .custom = value,
        };
        _cleanup_free_ char *url = NULL;
        _cleanup_uri_ Uri u = {};

        if (endpoint_resolve(&params, &url) < 0 || uri_parse(url, &u) < 0) {
                strbuf_add(why, "not a URL of an endpoint: write \"https://HOST\" or "
                                "\"https://HOST:PORT\"; {service} and {region} may stand in it");
                return false;
        }
        if (streq(u.scheme, "http") && !uri_host_is_loopback(u.host)) {
                strbuf_add(why, "plain http is for loopback addresses only: write https://");
                return false;
        }
        return true;
}

bool conf_check_proxy(const char *value, StrBuf *why)
{
        _cleanup_uri_ Uri u = {};

        if (uri_parse(value, &u) >= 0 && u.port != 0 && streq(u.path, "/") && !u.query)
                return true;
        strbuf_add(why, "not the URL of a proxy: write \"http://HOST:PORT\", without user name, "
                        "password or path");
        return false;
}

bool conf_check_path(const char *value, StrBuf *why)
{
        if (*value != '/') {
                strbuf_add(why, "not a full path: begin with /");
                return false;
        }
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f) {
                        strbuf_add(why, "a path with control characters");
                        return false;
                }
        return true;
}
