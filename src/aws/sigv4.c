/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/sigv4.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/uri.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HEADERS_MAX 32
#define SEGMENTS_MAX 128
#define PARAMETERS_MAX 128
#define CANONICAL_MAX ((size_t)64 * 1024)
#define DAY_LEN 8

typedef struct Span {
        const char *s;
        size_t n;
} Span;

/* What proxies add, drop or rewrite, and so must not be signed; lower case. */
static const char *const unsigned_headers[] = {
        "authorization",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-amzn-trace-id",
};

static const char *const own_headers[] = {
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
};

static bool in_list(const char *name, const char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcasecmp(name, list[i]) == 0)
                        return true;
        return false;
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

/* Encodes what is not encoded yet: undoes each %XX, then encodes. -EINVAL on a '%' without two
 * hex digits. */
static int add_reencoded(StrBuf *b, Span t, UriEncode how)
{
        for (size_t i = 0; i < t.n;) {
                size_t run = i;
                while (run < t.n && t.s[run] != '%')
                        run++;
                uri_encode(b, t.s + i, run - i, how);
                i = run;
                if (i == t.n)
                        break;

                int high = t.n - i > 2 ? hex_value(t.s[i + 1]) : -1;
                int low = t.n - i > 2 ? hex_value(t.s[i + 2]) : -1;
                if (high < 0 || low < 0)
                        return -EINVAL;
                char c = (char)(high << 4 | low);
                uri_encode(b, &c, 1, URI_ENCODE_ALL); /* %2F stays encoded in a path */
                i += 3;
        }
        return 0;
}

/* "." and ".." segments go as in RFC 3986, and with them empty ones; unlike there, the result ends
 * with a slash just when the path does ("/a/b/.." is "/a"), which is what AWS's signers do. What
 * remains is encoded once more, as every service but S3 wants it. */
static int add_normalised_path(StrBuf *b, const char *path)
{
        Span segments[SEGMENTS_MAX];
        size_t n = 0;
        bool slash = false; /* the path ends with one */

        for (const char *p = path; *p;) {
                p += strspn(p, "/");
                Span t = {p, strcspn(p, "/")};
                p += t.n;
                bool up = t.n == 2 && t.s[0] == '.' && t.s[1] == '.';
                slash = t.n == 0;
                if (up && n > 0)
                        n--;
                if (up || t.n == 0 || (t.n == 1 && t.s[0] == '.'))
                        continue;
                if (n == SEGMENTS_MAX)
                        return -E2BIG;
                segments[n++] = t;
        }

        for (size_t i = 0; i < n; i++) {
                strbuf_add_char(b, '/');
                uri_encode(b, segments[i].s, segments[i].n, URI_ENCODE_ALL);
        }
        if (n == 0 || slash)
                strbuf_add_char(b, '/');
        return 0;
}

static int add_path(StrBuf *b, const SigV4Request *r)
{
        if (*r->path != '/')
                return -EINVAL;
        if (!r->keep_path)
                return add_normalised_path(b, r->path);
        if (r->encode_once)
                return add_reencoded(b, (Span){r->path, strlen(r->path)}, URI_ENCODE_KEEP_SLASH);
        uri_encode(b, r->path, strlen(r->path), URI_ENCODE_KEEP_SLASH);
        return 0;
}

static int compare_spans(const char *a, size_t a_len, const char *b, size_t b_len)
{
        int c = memcmp(a, b, MIN(a_len, b_len));

        return c != 0 ? c : (a_len > b_len) - (a_len < b_len);
}

/* Parameters are sorted by encoded name, then by encoded value: not as whole strings, because
 * '=' stands behind '-'. */
typedef struct Parameter {
        size_t start, name_len, len; /* within the scratch buffer: name '=' value */
} Parameter;

static int compare_parameters(const char *base, const Parameter *a, const Parameter *b)
{
        int c = compare_spans(base + a->start, a->name_len, base + b->start, b->name_len);

        return c != 0 ? c : compare_spans(base + a->start, a->len, base + b->start, b->len);
}

static int add_parameter(StrBuf *scratch, Span t, Parameter *ret)
{
        const char *equals = memchr(t.s, '=', t.n);
        size_t name = equals ? (size_t)(equals - t.s) : t.n, value = MIN(name + 1, t.n);

        ret->start = scratch->len;
        int r = add_reencoded(scratch, (Span){t.s, name}, URI_ENCODE_ALL);
        if (r < 0)
                return r;
        ret->name_len = scratch->len - ret->start;
        strbuf_add_char(scratch, '=');
        r = add_reencoded(scratch, (Span){t.s + value, t.n - value}, URI_ENCODE_ALL);
        if (r < 0)
                return r;
        ret->len = scratch->len - ret->start;
        return strbuf_error(scratch);
}

static int add_query(StrBuf *b, const char *query)
{
        _cleanup_strbuf_ StrBuf scratch = STRBUF_INIT(CANONICAL_MAX);
        Parameter sorted[PARAMETERS_MAX];
        size_t n = 0;

        for (const char *p = strempty(query); *p;) {
                Span t = {p, strcspn(p, "&")};
                p += t.n;
                /* cppcheck-suppress nullPointerRedundantCheck; an empty span does not start at 0 */
                p += *p == '&';
                if (t.n == 0)
                        continue;
                if (n == PARAMETERS_MAX)
                        return -E2BIG;

                Parameter new;
                int r = add_parameter(&scratch, t, &new);
                if (r < 0)
                        return r;
                size_t i = n++;
                for (; i > 0 && compare_parameters(scratch.data, &sorted[i - 1], &new) > 0; i--)
                        sorted[i] = sorted[i - 1];
                sorted[i] = new;
        }

        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        strbuf_add_char(b, '&');
                strbuf_add_n(b, scratch.data + sorted[i].start, sorted[i].len);
        }
        return 0;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space at the ends goes, runs of it within become one space. */
static void add_header_value(StrBuf *b, const char *value)
{
        while (is_space(*value))
                value++;
        while (*value) {
                size_t n = strcspn(value, " \t\r\n");
                strbuf_add_n(b, value, n);
                value += n;
                while (is_space(*value))
                        value++;
                if (*value)
                        strbuf_add_char(b, ' ');
        }
}

static void add_lower(StrBuf *b, const char *s)
{
        for (; *s; s++) {
                char c = *s;

                if (c >= 'A' && c <= 'Z')
                        c = (char)(c - 'A' + 'a');
                strbuf_add_char(b, c);
        }
}

/* Stable: the values of a repeated header keep their order. */
static int insert_header(const SigV4Header **sorted, size_t *n, const SigV4Header *header)
{
        size_t i = *n;

        if (i == HEADERS_MAX)
                return -E2BIG;
        for (; i > 0 && strcasecmp(sorted[i - 1]->name, header->name) > 0; i--)
                sorted[i] = sorted[i - 1];
        sorted[i] = header;
        (*n)++;
        return 0;
}

static int add_headers(StrBuf *b, StrBuf *signed_headers, const SigV4Request *r,
                       const SigV4Header *own, size_t n_own)
{
        const SigV4Header *sorted[HEADERS_MAX];
        size_t n = 0;
        bool host = false;
        int q = 0;

        for (size_t i = 0; i < r->n_headers && q == 0; i++) {
                const char *name = r->headers[i].name;
                if (in_list(name, own_headers, ELEMENTSOF(own_headers)))
                        return -EINVAL;
                host |= strcasecmp(name, "host") == 0;
                if (!in_list(name, unsigned_headers, ELEMENTSOF(unsigned_headers)))
                        q = insert_header(sorted, &n, &r->headers[i]);
        }
        for (size_t i = 0; i < n_own && q == 0; i++)
                q = insert_header(sorted, &n, &own[i]);
        if (q < 0 || !host)
                return q < 0 ? q : -EINVAL;

        for (size_t i = 0; i < n; i++) {
                if (i > 0 && strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
                        strbuf_add_char(b, ',');
                } else {
                        if (i > 0) {
                                strbuf_add_char(b, '\n');
                                strbuf_add_char(signed_headers, ';');
                        }
                        add_lower(signed_headers, sorted[i]->name);
                        add_lower(b, sorted[i]->name);
                        strbuf_add_char(b, ':');
                }
                add_header_value(b, sorted[i]->value);
        }
        strbuf_add_char(b, '\n');
        return 0;
}

int sigv4_canonical_request(const SigV4Request *r, StrBuf *b, StrBuf *signed_headers)
{
        char date[TIMEFMT_MAX], hash[DIGEST_HEX_SIZE];
        SigV4Header own[3];
        size_t n_own = 0;

        digest_sha256_hex(r->body, r->body_len, hash);
        own[n_own++] = (SigV4Header){"x-amz-date", timefmt_amz_date(r->time_msec, date)};
        if (r->sign_body)
                own[n_own++] = (SigV4Header){"x-amz-content-sha256", hash};
        if (r->credentials->session_token && !r->omit_session_token)
                own[n_own++] = (SigV4Header){"x-amz-security-token",
                                             secret_expose(r->credentials->session_token)};

        strbuf_add(b, r->method);
        strbuf_add_char(b, '\n');
        int q = add_path(b, r);
        if (q < 0)
                return q;
        strbuf_add_char(b, '\n');
        q = add_query(b, r->query);
        if (q < 0)
                return q;
        strbuf_add_char(b, '\n');
        q = add_headers(b, signed_headers, r, own, n_own);
        if (q < 0)
                return q;
        strbuf_add_char(b, '\n');
        strbuf_add_n(b, strbuf_str(signed_headers), signed_headers->len);
        strbuf_add_char(b, '\n');
        strbuf_add(b, hash);

        q = strbuf_error(signed_headers);
        return q < 0 ? q : strbuf_error(b);
}

/* "20150830/us-east-1/service/aws4_request" */
static int format_scope(const SigV4Request *r, char *ret, size_t size)
{
        char date[TIMEFMT_MAX];
        int n = snprintf(ret, size, "%.*s/%s/%s/aws4_request", DAY_LEN,
                         timefmt_amz_date(r->time_msec, date), r->region, r->service);

        return n < 0 || (size_t)n >= size ? -E2BIG : 0;
}

int sigv4_string_to_sign(const SigV4Request *r, const char *canonical_request, StrBuf *b)
{
        char date[TIMEFMT_MAX], hash[DIGEST_HEX_SIZE], scope[sizeof(((SigV4Key *)0)->scope)];
        int q = format_scope(r, scope, sizeof(scope));

        if (q < 0)
                return q;
        digest_sha256_hex(canonical_request, strlen(canonical_request), hash);
        strbuf_add(b, ALGORITHM "\n");
        strbuf_add(b, timefmt_amz_date(r->time_msec, date));
        strbuf_add_char(b, '\n');
        strbuf_add(b, scope);
        strbuf_add_char(b, '\n');
        strbuf_add(b, hash);
        return strbuf_error(b);
}

/* HMAC(HMAC(HMAC(HMAC("AWS4" secret, day), region), service), "aws4_request") */
static Secret *derive_key(const SigV4Request *r, const char *day)
{
        const Secret *secret = r->credentials->secret_access_key;
        _cleanup_strbuf_wipe_ StrBuf seed = STRBUF_INIT(secret_len(secret) + 4);
        uint8_t a[DIGEST_SIZE], b[DIGEST_SIZE];

        strbuf_add(&seed, "AWS4");
        strbuf_add_n(&seed, secret_expose(secret), secret_len(secret));
        digest_hmac_sha256(seed.data, seed.len, day, DAY_LEN, a);
        digest_hmac_sha256(a, sizeof(a), r->region, strlen(r->region), b);
        digest_hmac_sha256(b, sizeof(b), r->service, strlen(r->service), a);
        digest_hmac_sha256(a, sizeof(a), "aws4_request", strlen("aws4_request"), b);
        Secret *key = secret_new((const char *)b, sizeof(b));
        secret_cleanse(a, sizeof(a));
        secret_cleanse(b, sizeof(b));
        return key;
}

int sigv4_signature(const SigV4Request *r, const char *string_to_sign, SigV4Key *key,
                    char ret[static DIGEST_HEX_SIZE])
{
        _cleanup_(sigv4_key_wipe) SigV4Key own = {0};
        char scope[sizeof(own.scope)];
        uint8_t signature[DIGEST_SIZE];
        int q = format_scope(r, scope, sizeof(scope));

        if (q < 0)
                return q;
        if (!key)
                key = &own;
        if (key->credentials != r->credentials || !streq(key->scope, scope)) {
                sigv4_key_wipe(key);
                key->key = derive_key(r, scope);
                /* The reference counter is all that changes in the caller's credentials. */
                key->credentials = aws_credentials_ref((AwsCredentials *)r->credentials);
                memcpy(key->scope, scope, sizeof(scope));
        }
        digest_hmac_sha256(secret_expose(key->key), secret_len(key->key), string_to_sign,
                           strlen(string_to_sign), signature);
        digest_hex(signature, ret);
        return 0;
}

int sigv4_sign(const SigV4Request *r, SigV4Key *key, SigV4Signed *ret)
{
        _cleanup_strbuf_wipe_ StrBuf canonical = STRBUF_INIT(CANONICAL_MAX);
        _cleanup_strbuf_ StrBuf signed_headers = STRBUF_INIT(1024), to_sign = STRBUF_INIT(512);
        char scope[sizeof(((SigV4Key *)0)->scope)], date[TIMEFMT_MAX], signature[DIGEST_HEX_SIZE];
        int q;

        q = sigv4_canonical_request(r, &canonical, &signed_headers);
        if (q < 0)
                return q;
        q = sigv4_string_to_sign(r, strbuf_str(&canonical), &to_sign);
        if (q < 0)
                return q;
        q = sigv4_signature(r, strbuf_str(&to_sign), key, signature);
        if (q < 0)
                return q;
        q = format_scope(r, scope, sizeof(scope));
        if (q < 0)
                return q;

        SigV4Signed s = {
                .authorization =
                        mem_printf(ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                                   r->credentials->access_key_id, scope,
                                   strbuf_str(&signed_headers), signature),
        };
        memcpy(s.date, timefmt_amz_date(r->time_msec, date), sizeof(s.date));
        if (r->sign_body)
                digest_sha256_hex(r->body, r->body_len, s.content_sha256);
        *ret = s;
        return 0;
}

void sigv4_key_wipe(SigV4Key *key)
{
        aws_credentials_unref(key->credentials);
        secret_free(key->key);
        *key = (SigV4Key){0};
}

void sigv4_signed_done(SigV4Signed *s)
{
        secret_free_text(s->authorization);
        *s = (SigV4Signed){0};
}
