/* SPDX-License-Identifier: Apache-2.0 */

/* Signature Version 4 in the form of aws-c-auth's signing test suite. */

#include "vec.h"

#include <getopt.h>

#include "aws/sigv4.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define HEADERS_MAX 64
#define STAGE_MAX ((size_t)64 * 1024)

typedef struct Case {
        char *text;       /* request.txt as it is */
        char *cut;        /* the same, in pieces */
        const char *body; /* within text */
        SigV4Header headers[HEADERS_MAX];
        SigV4Request request;
        AwsCredentials *credentials;
        json_t *context;
} Case;

static void case_done(Case *c)
{
        free(c->text);
        free(c->cut);
        aws_credentials_unref(c->credentials);
        json_decref(c->context);
}

/* Ends the line at p, and returns the start of the next one or NULL. A line that begins with
 * white space goes on with the one before. */
static char *cut_line(char *p)
{
        for (char *end = strchr(p, '\n'); end; end = strchr(end + 1, '\n'))
                if ((end[1] != ' ' && end[1] != '\t') || p == end) {
                        *end = '\0';
                        return end + 1;
                }
        return NULL;
}

static bool parse_request(Case *c)
{
        SigV4Request *r = &c->request;
        char *line = c->cut, *next = cut_line(line);
        char *target = strchr(line, ' '), *version = strrchr(line, ' ');

        if (!target || target == version || !streq(version, " HTTP/1.1"))
                return false;
        *target++ = '\0';
        *version = '\0';
        r->method = line;
        r->path = target;
        char *query = strchr(target, '?');
        if (query)
                *query++ = '\0';
        r->query = query;
        r->headers = c->headers;

        for (line = next; line && *line && *line != '\n'; line = next) {
                next = cut_line(line);
                char *colon = strchr(line, ':');
                if (!colon || r->n_headers == HEADERS_MAX)
                        return false;
                *colon = '\0';
                c->headers[r->n_headers++] = (SigV4Header){line, colon + 1};
        }
        c->body = line && *line == '\n' ? c->text + (line + 1 - c->cut) : c->text + strlen(c->text);
        r->body = c->body;
        r->body_len = strlen(c->body);
        return true;
}

static bool read_context(Case *c)
{
        SigV4Request *r = &c->request;
        const char *key, *secret, *token = NULL, *time;
        int normalize = true, sign_body = false, omit = false;

        if (json_unpack(c->context, "{s:{s:s, s:s, s?s}, s?b, s:s, s:s, s?b, s:s, s?b}",
                        "credentials", "access_key_id", &key, "secret_access_key", &secret, "token",
                        &token, "normalize", &normalize, "region", &r->region, "service",
                        &r->service, "sign_body", &sign_body, "timestamp", &time,
                        "omit_session_token", &omit) < 0 ||
            timefmt_parse_iso8601(time, &r->time_msec) < 0 ||
            aws_credentials_new(key, secret, token, 0, &c->credentials) < 0)
                return false;
        r->credentials = c->credentials;
        r->keep_path = !normalize;
        r->encode_once = streq(r->service, "s3");
        r->sign_body = sign_body;
        r->omit_session_token = omit;
        return true;
}

/* The request as it was, the signer's headers after its own. */
static int emit_signed(const Case *c, FILE *out)
{
        _cleanup_(sigv4_signed_done) SigV4Signed s = {0};
        const Secret *token = c->credentials->session_token;
        size_t head = (size_t)(c->body - c->text);
        int r = sigv4_sign(&c->request, NULL, &s);

        if (r < 0)
                return r;
        while (head > 0 && c->text[head - 1] == '\n')
                head--;
        (void)fprintf(out, "%.*s\n", (int)head, c->text);
        if (token)
                (void)fprintf(out, "X-Amz-Security-Token:%s\n", secret_expose(token));
        (void)fprintf(out, "X-Amz-Date:%s\n", s.date);
        if (*s.content_sha256)
                (void)fprintf(out, "x-amz-content-sha256:%s\n", s.content_sha256);
        (void)fprintf(out, "Authorization:%s\n\n%s", s.authorization, c->body);
        return 0;
}

static int emit_stage(const Case *c, const char *stage, FILE *out)
{
        _cleanup_strbuf_wipe_ StrBuf creq = STRBUF_INIT(STAGE_MAX);
        _cleanup_strbuf_ StrBuf names = STRBUF_INIT(STAGE_MAX), sts = STRBUF_INIT(STAGE_MAX);
        char signature[DIGEST_HEX_SIZE];
        int r = sigv4_canonical_request(&c->request, &creq, &names);

        if (r >= 0)
                r = sigv4_string_to_sign(&c->request, strbuf_str(&creq), &sts);
        if (r >= 0)
                r = sigv4_signature(&c->request, strbuf_str(&sts), NULL, signature);
        if (r >= 0)
                (void)fputs(streq(stage, "creq")  ? strbuf_str(&creq)
                            : streq(stage, "sts") ? strbuf_str(&sts)
                                                  : signature,
                            out);
        return r;
}

static bool is_stage(const char *s)
{
        return s && (streq(s, "creq") || streq(s, "sts") || streq(s, "sig") || streq(s, "req"));
}

int vec_sigv4(int argc, char **argv, FILE *out)
{
        static const struct option options[] = {
                {"context", required_argument, NULL, 'c'},
                {"request", required_argument, NULL, 'r'},
                {"emit", required_argument, NULL, 'e'},
                {},
        };
        const char *context = NULL, *request = NULL, *stage = NULL;
        _cleanup_(case_done) Case c = {0};

        for (int o; (o = getopt_long(argc, argv, "", options, NULL)) >= 0;)
                switch (o) {
                case 'c':
                        context = optarg;
                        break;
                case 'r':
                        request = optarg;
                        break;
                case 'e':
                        stage = optarg;
                        break;
                default:
                        return VEC_USAGE;
                }
        if (!context || !request || !is_stage(stage) || optind != argc)
                return vec_complain("usage: ts-vec sigv4 --context FILE --request FILE "
                                    "--emit creq|sts|sig|req");
        c.context = vec_read_json(context);
        c.text = vec_read_file(request, NULL);
        if (!c.context || !c.text)
                return VEC_USAGE;
        c.cut = mem_strdup(c.text);
        if (!parse_request(&c) || !read_context(&c))
                return vec_complain("the request or its context is not understood");

        int r = streq(stage, "req") ? emit_signed(&c, out) : emit_stage(&c, stage, out);
        if (r < 0)
                (void)fprintf(out, "error: %s\n", strerror(-r));
        return r < 0 ? VEC_FAILED : VEC_OK;
}
