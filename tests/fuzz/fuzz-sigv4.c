/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4 of a path, a query and a header: what was made canonical is so already, its
 * parameters are in order, nothing in it ends a line, and a signature is 64 hex digits. */
#include "aws/sigv4.h"
#include "base/mem.h"
#include "fuzz.h"

static AwsCredentials *credentials(void)
{
        static AwsCredentials *c;

        if (!c)
                HOLD(aws_credentials_new("AKIDEXAMPLE", "secret", "token", 0, &c) == 0);
        return c;
}

/* The n-th line of a canonical request, owned. */
static char *line(const char *text, int n)
{
        for (; n > 0; n--)
                text += strcspn(text, "\n") + 1;
        return mem_strndup(text, strcspn(text, "\n"));
}

static void check_order(const char *query)
{
        _cleanup_free_ char *last = mem_strdup("");

        for (const char *p = query; *p;) {
                size_t n = strcspn(p, "&");
                _cleanup_free_ char *name = mem_strndup(p, strcspn(p, "=&"));

                HOLD(memchr(p, '=', n) && strcmp(last, name) <= 0);
                free(last);
                last = TAKE_PTR(name);
                p += n + (p[n] == '&');
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *lines[4];
        _cleanup_free_ _unused_ char *text = fuzz_lines(data, size, lines, 4);
        const SigV4Header headers[] = {{"Host", "example.com"}, {"X-Text", lines[2]}};
        SigV4Request r = {.method = "GET",
                          .path = lines[0],
                          .query = *lines[1] ? lines[1] : NULL,
                          .headers = headers,
                          .n_headers = ELEMENTSOF(headers),
                          .body = lines[3],
                          .body_len = strlen(lines[3]),
                          .region = "us-east-1",
                          .service = "service",
                          .time_msec = INT64_C(1440938160000),
                          .credentials = credentials(),
                          .keep_path = size % 2,
                          .encode_once = size % 2,
                          .sign_body = size % 3 == 0};
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(65536), again = STRBUF_INIT(65536),
                                names = STRBUF_INIT(1024), more = STRBUF_INIT(1024);

        if (sigv4_canonical_request(&r, &b, &names) < 0)
                return 0;
        _cleanup_free_ char *path = line(b.data, 1), *query = line(b.data, 2);
        size_t n = 0;
        for (const char *p = b.data; *p; p++)
                n += *p == '\n';
        HOLD(n == 9 + (size_t)r.sign_body);
        HOLD(*path == '/' && fuzz_is_plain(path) && fuzz_is_plain(query));
        check_order(query);

        r.path = path;
        r.query = query;
        r.keep_path = r.encode_once = true;
        HOLD(sigv4_canonical_request(&r, &again, &more) == 0);
        if (size % 2) /* elsewhere a path is encoded once more each time */
                HOLD(streq(b.data, again.data));
        else {
                _cleanup_free_ char *same = line(again.data, 2);
                HOLD(streq(query, same));
        }

        _cleanup_(sigv4_signed_done) SigV4Signed s = {0};
        HOLD(sigv4_sign(&r, NULL, &s) == 0);
        const char *signature = strrchr(s.authorization, '=') + 1;
        HOLD(strlen(signature) == 64 && strspn(signature, "0123456789abcdef") == 64);
        return 0;
}
