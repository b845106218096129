/* SPDX-License-Identifier: Apache-2.0 */

/* Where a service's calls go. */

#include "vec.h"

#include <getopt.h>

#include "aws/partition.h"
#include "base/mem.h"

#define WORDS_MAX 16

/* In the words of the services' rules, where they have any. */
static const char *error_text(const EndpointParams *p, int r)
{
        bool local = p->region && streq(p->region, "local") && p->service == AWS_SERVICE_DYNAMODB;

        if (p->custom && p->fips)
                return "Invalid Configuration: FIPS and custom endpoint are not supported";
        if (p->custom && p->dual_stack)
                return "Invalid Configuration: Dualstack and custom endpoint are not supported";
        if (p->custom && r == -EOPNOTSUPP)
                return "Endpoint override is not supported for dual-stack endpoints. Please enable "
                       "dual-stack functionality by enabling the configuration. For more details, "
                       "see: "
                       "https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html";
        if (p->custom)
                return "Invalid Configuration: no custom endpoint of a form that can be used";
        if (!p->region)
                return "Invalid Configuration: Missing Region";
        if (local && p->fips)
                return "Invalid Configuration: FIPS and local endpoint are not supported";
        if (local && p->dual_stack)
                return "Invalid Configuration: Dualstack and local endpoint are not supported";
        return r == -EOPNOTSUPP ? "Partition does not support FIPS"
                                : "Invalid Configuration: no region of this service";
}

static int resolve(int argc, char **argv, FILE *out)
{
        static const struct option options[] = {
                {"service", required_argument, NULL, 's'},
                {"region", required_argument, NULL, 'r'},
                {"endpoint", required_argument, NULL, 'e'},
                {"fips", no_argument, NULL, 'f'},
                {"dualstack", no_argument, NULL, 'd'},
                {},
        };
        EndpointParams p = {.service = _AWS_SERVICE_INVALID};
        _cleanup_free_ char *url = NULL;

        optind = 0;
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
                switch (c) {
                case 's':
                        p.service = aws_service_from_string(
                                streq(optarg, "cloudwatch") ? "monitoring" : optarg);
                        break;
                case 'r':
                        p.region = *optarg ? optarg : NULL;
                        break;
                case 'e':
                        p.custom = *optarg ? optarg : NULL;
                        break;
                case 'f':
                        p.fips = true;
                        break;
                case 'd':
                        p.dual_stack = true;
                        break;
                default:
                        return VEC_USAGE;
                }
        if (p.service < 0 || optind != argc)
                return vec_complain("no service of that name, or a word too many");

        int r = endpoint_resolve(&p, &url);
        if (r < 0)
                (void)fprintf(out, "error: %s\n", error_text(&p, r));
        else
                (void)fprintf(out, "%s\n", url);
        return r < 0 ? VEC_FAILED : VEC_OK;
}

/* Many cases in one go: a line of options each. */
static int resolve_lines(char *text, FILE *out)
{
        static char name[] = "endpoint";
        char *line, *next = text;

        while ((line = strsep(&next, "\n"))) {
                char *words[WORDS_MAX + 1] = {name}, *word;
                int n = 1;
                while ((word = strsep(&line, " ")) && n < WORDS_MAX)
                        if (*word)
                                words[n++] = word;
                if (n > 1 && resolve(n, words, out) == VEC_USAGE)
                        return VEC_USAGE;
        }
        return VEC_OK;
}

int vec_endpoint(int argc, char **argv, FILE *out)
{
        if (argc != 2 || !streq(argv[1], "-"))
                return resolve(argc, argv, out);
        _cleanup_free_ char *text = vec_read_file("-", NULL);
        return text ? resolve_lines(text, out) : VEC_USAGE;
}
