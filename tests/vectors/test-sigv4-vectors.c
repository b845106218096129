/* SPDX-License-Identifier: Apache-2.0 */

/* The 38 cases of aws-c-auth's signing test suite, header form, each stage held against its own
 * file. A case folder is known by its name: one that is not listed here fails the run, and so
 * does a listed one that is missing. */

#include <strings.h>

#include "../unit/unit.h"
#include "vectors.h"

#include "aws/sigv4.h"
#include "base/jsonmap.h"
#include "base/timefmt.h"

static const char *const cases[] = {
        "get-header-key-duplicate",
        "get-header-value-multiline",
        "get-header-value-order",
        "get-header-value-trim",
        "get-relative-normalized",
        "get-relative-relative-normalized",
        "get-relative-relative-unnormalized",
        "get-relative-unnormalized",
        "get-slash-dot-slash-normalized",
        "get-slash-dot-slash-unnormalized",
        "get-slash-normalized",
        "get-slash-pointless-dot-normalized",
        "get-slash-pointless-dot-unnormalized",
        "get-slash-unnormalized",
        "get-slashes-normalized",
        "get-slashes-unnormalized",
        "get-space-normalized",
        "get-space-unnormalized",
        "get-unreserved",
        "get-utf8",
        "get-vanilla",
        "get-vanilla-empty-query-key",
        "get-vanilla-query",
        "get-vanilla-query-order-encoded",
        "get-vanilla-query-order-key-case",
        "get-vanilla-query-unreserved",
        "get-vanilla-utf8-query",
        "get-vanilla-with-session-token",
        "post-header-key-case",
        "post-header-key-sort",
        "post-header-value-case",
        "post-sts-header-after",
        "post-sts-header-before",
        "post-vanilla",
        "post-vanilla-empty-query-value",
        "post-vanilla-query",
        "post-x-www-form-urlencoded",
        "post-x-www-form-urlencoded-parameters",
};

#define HEADERS_MAX 16

typedef struct Case {
        char *text; /* request.txt, cut into pieces */
        SigV4Header headers[HEADERS_MAX];
        SigV4Request request;
        AwsCredentials *credentials;
        json_t *context;
} Case;

static void case_done(Case *c)
{
        free(c->text);
        aws_credentials_unref(c->credentials);
        json_decref(c->context);
}

/* Ends the line at p, and returns the start of the next one or NULL. A line that begins with a
 * space goes on with the one before. */
static char *cut_line(char *p)
{
        for (char *end = strchr(p, '\n'); end; end = strchr(end + 1, '\n'))
                if (end[1] != ' ' || p == end) {
                        *end = '\0';
                        return end + 1;
                }
        return NULL;
}

static void parse_request(Case *c)
{
        SigV4Request *r = &c->request;
        char *line = c->text, *next = cut_line(line);

        char *target = strchr(line, ' ');
        assert_non_null(target);
        *target++ = '\0';
        char *version = strrchr(target, ' ');
        assert_non_null(version);
        assert_string_equal(version, " HTTP/1.1");
        *version = '\0';
        char *query = strchr(target, '?');
        if (query)
                *query++ = '\0';
        r->method = line;
        r->path = target;
        r->query = query;
        r->headers = c->headers;

        for (line = next; line && *line && *line != '\n'; line = next) {
                next = cut_line(line);
                char *colon = strchr(line, ':');
                assert_non_null(colon);
                *colon = '\0';
                assert_true(r->n_headers < HEADERS_MAX);
                c->headers[r->n_headers++] = (SigV4Header){line, colon + 1};
        }
        r->body = line && *line == '\n' ? line + 1 : "";
        r->body_len = strlen(r->body);
}

static void load(const char *folder, Case *c)
{
        SigV4Request *r = &c->request;
        _cleanup_free_ char *context = NULL;
        const char *key, *secret, *token = NULL, *time;
        int normalize, sign_body, omit = 0;
        size_t len = 0;

        c->text = vectors_read(folder, "request.txt", NULL);
        assert_non_null(c->text);
        parse_request(c);

        context = vectors_read(folder, "context.json", &len);
        assert_non_null(context);
        assert_int_equal(json_parse(context, len, 65536, &c->context), 0);
        assert_int_equal(json_unpack(c->context,
                                     "{s:{s:s, s:s, s?s}, s:b, s:s, s:s, s:b, s:s, s?b}",
                                     "credentials", "access_key_id", &key, "secret_access_key",
                                     &secret, "token", &token, "normalize", &normalize, "region",
                                     &r->region, "service", &r->service, "sign_body", &sign_body,
                                     "timestamp", &time, "omit_session_token", &omit),
                         0);
        assert_int_equal(timefmt_parse_iso8601(time, &r->time_msec), 0);
        assert_int_equal(aws_credentials_new(key, secret, token, 0, &c->credentials), 0);
        r->credentials = c->credentials;
        r->keep_path = !normalize;
        r->sign_body = sign_body;
        r->omit_session_token = omit;
}

static void assert_file_equal(const char *folder, const char *name, const char *have)
{
        _cleanup_free_ char *want = vectors_read(folder, name, NULL);

        assert_non_null(want);
        assert_string_equal(have, want);
}

/* The value of a header line in a recorded request, owned. */
static char *find_header(const char *text, const char *name)
{
        size_t n = strlen(name);

        for (const char *p = text; p; p = strchr(p, '\n')) {
                p += *p == '\n';
                if (strncasecmp(p, name, n) == 0 && p[n] == ':')
                        return mem_strndup(p + n + 1, strcspn(p + n + 1, "\n"));
        }
        return NULL;
}

/* The signed request is compared by the headers that the signer gives. */
static void check_signed_request(const char *folder, const Case *c, const SigV4Signed *s)
{
        _cleanup_free_ char *want = vectors_read(folder, "header-signed-request.txt", NULL);
        assert_non_null(want);
        _cleanup_free_ char *authorization = find_header(want, "Authorization");
        _cleanup_free_ char *date = find_header(want, "X-Amz-Date");
        _cleanup_free_ char *hash = find_header(want, "X-Amz-Content-Sha256");
        _cleanup_free_ char *token = find_header(want, "X-Amz-Security-Token");

        assert_string_equal(s->authorization, authorization);
        assert_string_equal(s->date, date);
        assert_string_equal(s->content_sha256, strempty(hash));
        const Secret *own = c->credentials->session_token;
        assert_string_equal(own ? secret_expose(own) : "", strempty(token));
}

static void run_case(void **state)
{
        _cleanup_free_ char *folder = mem_printf("%s/%s", vectors_folder("sigv4"), (char *)*state);
        _cleanup_(case_done) Case c = {0};
        _cleanup_strbuf_wipe_ StrBuf canonical = STRBUF_INIT(65536);
        _cleanup_strbuf_ StrBuf signed_headers = STRBUF_INIT(1024), to_sign = STRBUF_INIT(1024);
        _cleanup_(sigv4_key_wipe) SigV4Key key = {0};
        _cleanup_(sigv4_signed_done) SigV4Signed s = {0}, again = {0};
        char signature[DIGEST_HEX_SIZE];

        load(folder, &c);
        assert_int_equal(sigv4_canonical_request(&c.request, &canonical, &signed_headers), 0);
        assert_file_equal(folder, "header-canonical-request.txt", strbuf_str(&canonical));

        assert_int_equal(sigv4_string_to_sign(&c.request, strbuf_str(&canonical), &to_sign), 0);
        assert_file_equal(folder, "header-string-to-sign.txt", strbuf_str(&to_sign));

        assert_int_equal(sigv4_signature(&c.request, strbuf_str(&to_sign), NULL, signature), 0);
        assert_file_equal(folder, "header-signature.txt", signature);

        assert_int_equal(sigv4_sign(&c.request, &key, &s), 0);
        check_signed_request(folder, &c, &s);
        /* With the key kept from the first time. */
        assert_int_equal(sigv4_sign(&c.request, &key, &again), 0);
        assert_string_equal(again.authorization, s.authorization);
}

static void every_folder_has_a_case(void **state)
{
        DIR *d = opendir(vectors_folder("sigv4"));
        size_t n = 0;

        assert_non_null(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                if (*e->d_name == '.')
                        continue;
                bool known = false;
                for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                        known |= streq(cases[i], e->d_name);
                if (!known)
                        fail_msg("no test for %s", e->d_name);
                n++;
        }
        (void)closedir(d);
        assert_int_equal(n, ELEMENTSOF(cases));
}

int main(int argc, char **argv)
{
        struct CMUnitTest tests[ELEMENTSOF(cases) + 1] = {
                cmocka_unit_test(every_folder_has_a_case)};

        (void)vectors_folder("sigv4"); /* exits when there are none */
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i + 1] =
                        (struct CMUnitTest){cases[i], run_case, NULL, NULL, (void *)cases[i]};
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
