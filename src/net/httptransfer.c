/* SPDX-License-Identifier: Apache-2.0 */
/* One transfer on a libcurl easy handle. Handles are used again (they keep the TLS sessions), each
 * time as if new: only a reset takes back the count of requests sent again, which would let the
 * sixth fail.
 *
 * What libcurl 7.88 asks for, each of it measured (design.md):
 * - QUICK_EXIT on every handle, else removing one joins the resolver thread on the loop;
 * - CAPATH set to NULL, else a built-in one defeats the cache of CA certificates, which lives in
 *   the multi handle;
 * - that cache kept for good (CA_CACHE_TIMEOUT), else the file is read in the loop again a day
 *   later, where it may be gone by then, or its disk may hang: a reload reads it anew;
 * - NOSIGNAL, since the resolver's time-out must not be a SIGALRM;
 * - no DNS cache, else an address that is dead is dialled for a minute after the name has moved
 *   (connections are kept, so that names are rarely asked for).
 *
 * A kept connection that died is not noticed before it is used. libcurl sends again on a fresh
 * one by itself, but only when not a byte of answer had come in.
 *
 * https://curl.se/libcurl/c/curl_easy_setopt.html */

#include "net/httptransfer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/timefmt.h"
#include "base/uri.h"
#include "net/proxy.h"

#define BODY_MAX_DEFAULT (1024 * 1024)
#define HEADER_BYTES_MAX (64 * 1024)
#define HEADER_LINE_MAX (16 * 1024)

static const struct {
        CURLcode curl;
        const char *code;
        AwsErrorClass class;
} failures[] = {
        {CURLE_COULDNT_RESOLVE_HOST, "CouldNotResolveHost", AWS_ERROR_NETWORK},
        {CURLE_COULDNT_RESOLVE_PROXY, "CouldNotResolveProxy", AWS_ERROR_NETWORK},
        {CURLE_COULDNT_CONNECT, "CouldNotConnect", AWS_ERROR_NETWORK},
        {CURLE_PROXY, "ProxyFailed", AWS_ERROR_NETWORK},
        {CURLE_SSL_CONNECT_ERROR, "TlsHandshakeFailed", AWS_ERROR_NETWORK},
        {CURLE_PEER_FAILED_VERIFICATION, "TlsVerificationFailed", AWS_ERROR_NETWORK},
        {CURLE_SSL_CACERT_BADFILE, "CaFileUnreadable", AWS_ERROR_NETWORK},
        {CURLE_SEND_ERROR, "ConnectionReset", AWS_ERROR_NETWORK},
        {CURLE_RECV_ERROR, "ConnectionReset", AWS_ERROR_NETWORK},
        {CURLE_GOT_NOTHING, "EmptyReply", AWS_ERROR_NETWORK},
        {CURLE_PARTIAL_FILE, "AnswerTruncated", AWS_ERROR_NETWORK},
        {CURLE_WRITE_ERROR, "AnswerTooLarge", AWS_ERROR_PROTOCOL},
        {CURLE_OUT_OF_MEMORY, "AnswerTooLarge", AWS_ERROR_PROTOCOL}, /* a header line over 100 KB */
        {CURLE_WEIRD_SERVER_REPLY, "MalformedAnswer", AWS_ERROR_PROTOCOL},
        {CURLE_UNSUPPORTED_PROTOCOL, "MalformedAnswer", AWS_ERROR_PROTOCOL}, /* HTTP/0.9 */
        {CURLE_BAD_CONTENT_ENCODING, "MalformedAnswer", AWS_ERROR_PROTOCOL},
};

#define WANTED(name_, field_)                                                                      \
        {                                                                                          \
                name_, offsetof(HttpResponse, field_), sizeof(((HttpResponse *)0)->field_)         \
        }
static const struct {
        const char *name;
        size_t offset;
        size_t size;
} wanted_headers[] = {
        WANTED("date", date),
        WANTED("x-amzn-requestid", request_id),
        WANTED("x-amz-request-id", request_id),
        WANTED("x-amzn-errortype", error_type),
        WANTED("x-amzn-query-error", query_error),
        WANTED("x-amz-retry-after", retry_after),
};

/* Keeps one value whole or not at all, and only when it is printable ASCII. */
static void keep_header(HttpResponse *response, const char *line, size_t n)
{
        const char *colon = memchr(line, ':', n);

        if (!colon)
                return;

        size_t name_len = (size_t)(colon - line), i = name_len + 1;
        while (n > i && isspace((unsigned char)line[n - 1]))
                n--;
        while (i < n && (line[i] == ' ' || line[i] == '\t'))
                i++;
        for (size_t k = i; k < n; k++)
                if (line[k] < ' ' || line[k] > '~')
                        return;

        for (size_t k = 0; k < ELEMENTSOF(wanted_headers); k++) {
                char *value = (char *)response + wanted_headers[k].offset;
                if (strlen(wanted_headers[k].name) != name_len ||
                    strncasecmp(wanted_headers[k].name, line, name_len) != 0)
                        continue;
                if (*value == '\0' && n - i < wanted_headers[k].size) {
                        memcpy(value, line + i, n - i);
                        value[n - i] = '\0';
                }
                return;
        }
}

/* Curl callback. A new status line (after "100 Continue") starts the headers anew. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
        HttpTransfer *transfer = userdata;
        HttpResponse *response = &transfer->response;

        n *= size;
        transfer->header_bytes += n;
        if (n > HEADER_LINE_MAX || transfer->header_bytes > HEADER_BYTES_MAX)
                return 0;

        if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
                for (size_t k = 0; k < ELEMENTSOF(wanted_headers); k++)
                        ((char *)response)[wanted_headers[k].offset] = '\0';
        else
                keep_header(response, line, n);
        return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
        HttpTransfer *transfer = userdata;

        strbuf_add_n(&transfer->response.body, data, size * n);
        return strbuf_error(&transfer->response.body) < 0 ? 0 : size * n;
}

static bool host_is_allowed(const char *host, HttpPolicy policy)
{
        return uri_host_is_loopback(host) ||
               (policy == HTTP_POLICY_METADATA && uri_host_is_metadata(host)) ||
               (policy == HTTP_POLICY_CONTAINER && uri_host_is_container(host));
}

static bool address_is_allowed(const struct sockaddr *address, HttpPolicy policy)
{
        const void *bytes = address->sa_family == AF_INET
                                    ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                    : &((const struct sockaddr_in6 *)address)->sin6_addr;
        char text[INET6_ADDRSTRLEN];

        return (address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
               inet_ntop(address->sa_family, bytes, text, sizeof(text)) &&
               host_is_allowed(text, policy);
}

/* Curl callback, for each address that is about to be dialled: a name says nothing about where it
 * leads, so that plain http is judged here. */
static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
        HttpTransfer *transfer = userdata;

        if (transfer->plain && !address_is_allowed(&address->addr, transfer->policy)) {
                transfer->refused = true;
                return CURL_SOCKET_BAD;
        }
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The first failure of a run of options sticks in `code`. */
#define SET(option, value)                                                                         \
        do {                                                                                       \
                if (code == CURLE_OK)                                                              \
                        code = curl_easy_setopt(easy, option, value);                              \
        } while (0)

CURL *http_transfer_set_up_easy(CURL *used, const char *ca_file)
{
        CURL *easy = used ? used : curl_easy_init();
        CURLcode code = CURLE_OK;

        if (!easy)
                return NULL;

        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L);
        SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        SET(CURLOPT_CAPATH, NULL);
        SET(CURLOPT_PROXY_CAPATH, NULL);
        SET(CURLOPT_CA_CACHE_TIMEOUT, -1L);
        if (ca_file) {
                SET(CURLOPT_CAINFO, ca_file);
                SET(CURLOPT_PROXY_CAINFO, ca_file);
        }
        SET(CURLOPT_SSL_VERIFYPEER, 1L);
        SET(CURLOPT_SSL_VERIFYHOST, 2L);
        SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        SET(CURLOPT_NOPROXY, "");
        SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
        SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        SET(CURLOPT_PATH_AS_IS, 1L);
        SET(CURLOPT_HEADERFUNCTION, on_header);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
        if (code != CURLE_OK) {
                curl_easy_cleanup(easy);
                return NULL;
        }
        return easy;
}

/* The scheme decides the policy here; a literal address is refused before anything is started. */
static int permit_url(HttpTransfer *transfer, const HttpRequest *request)
{
        _cleanup_uri_ Uri u = {0};
        struct in6_addr address;
        int r;

        r = uri_parse(request->url, &u);
        if (r < 0)
                return r;

        transfer->plain = streq(u.scheme, "http");
        transfer->policy = request->policy;
        transfer->host = TAKE_PTR(u.host);
        if (!transfer->plain)
                return transfer->policy == HTTP_POLICY_METADATA ? -EPERM : 0;
        if ((inet_pton(AF_INET, transfer->host, &address) == 1 ||
             inet_pton(AF_INET6, transfer->host, &address) == 1) &&
            !host_is_allowed(transfer->host, transfer->policy))
                return -EPERM;
        return 0;
}

static bool header_is_clean(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

static int add_header(HttpTransfer *transfer, StrBuf *line)
{
        struct curl_slist *list;

        if (strbuf_error(line) < 0)
                return -EINVAL;
        list = curl_slist_append(transfer->headers, strbuf_str(line));
        if (!list)
                return -ENOMEM;
        transfer->headers = list;
        return 0;
}

/* libcurl's own additions are taken back by an empty value. */
static int add_headers(HttpTransfer *transfer, const HttpRequest *request)
{
        static const char *const unwanted[] = {"Expect", "Content-Type"};
        _cleanup_strbuf_wipe_ StrBuf line = STRBUF_INIT(HEADER_LINE_MAX);
        bool given[ELEMENTSOF(unwanted)] = {0};
        int r;

        for (size_t i = 0; i < request->n_headers; i++) {
                const HttpHeader *h = &request->headers[i];
                if (!header_is_clean(h->name) || !header_is_clean(h->value))
                        return -EINVAL;
                strbuf_reset(&line);
                strbuf_add(&line, h->name);
                strbuf_add(&line, ": ");
                strbuf_add(&line, h->value);
                r = add_header(transfer, &line);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < ELEMENTSOF(unwanted); k++)
                        given[k] = given[k] || strcasecmp(h->name, unwanted[k]) == 0;
        }

        for (size_t k = 0; k < ELEMENTSOF(unwanted); k++) {
                if (given[k])
                        continue;
                strbuf_reset(&line);
                strbuf_addf(&line, "%s:", unwanted[k]);
                r = add_header(transfer, &line);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* For CURLOPT_PROXY and CURLOPT_NOPROXY "" keeps the environment's away, NULL would let it in. */
static const char *choose_proxy(HttpTransfer *transfer, const HttpProxy *proxy)
{
        if (!proxy->url || transfer->plain || transfer->policy != HTTP_POLICY_SERVICE ||
            proxy_exempts(proxy->exempt, transfer->host)) {
                transfer->peer = mem_strdup(transfer->host);
                return "";
        }
        transfer->proxy = proxy->shown;
        transfer->peer = mem_printf("%s (through the proxy %s)", transfer->host, proxy->shown);
        return proxy->url;
}

int http_transfer_prepare(HttpTransfer *transfer, CURL *easy, const HttpRequest *request,
                          const HttpProxy *proxy)
{
        bool get = streq(request->method, "GET"), post = streq(request->method, "POST");
        CURLcode code = CURLE_OK;
        int r;

        if (!get && !post && !streq(request->method, "PUT"))
                return -EINVAL;
        r = permit_url(transfer, request);
        if (r < 0)
                return r;
        transfer->timeout_usec = request->timeout_usec;
        transfer->connect_timeout_usec =
                request->connect_timeout_usec > 0
                        ? MIN(request->connect_timeout_usec, request->timeout_usec)
                        : request->timeout_usec;
        transfer->response.body =
                STRBUF_INIT(request->body_max > 0 ? request->body_max : BODY_MAX_DEFAULT);
        r = add_headers(transfer, request);
        if (r < 0)
                return r;
        transfer->body = STRBUF_INIT(request->body_len);
        strbuf_add_n(&transfer->body, request->body, request->body_len); /* fits */

        SET(CURLOPT_URL, request->url);
        SET(CURLOPT_PROTOCOLS_STR, transfer->plain ? "http" : "https");
        SET(CURLOPT_PROXY, choose_proxy(transfer, proxy));
        /* POSTFIELDS turns the method into POST, so that the method comes after it. */
        SET(CURLOPT_POSTFIELDS, get ? NULL : strbuf_str(&transfer->body));
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        SET(get ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
        SET(CURLOPT_CUSTOMREQUEST, get || post ? NULL : request->method);
        SET(CURLOPT_HTTPHEADER, transfer->headers);
        SET(CURLOPT_CONNECTTIMEOUT_MS,
            (long)(MIN(transfer->connect_timeout_usec, USEC_PER_HOUR) / USEC_PER_MSEC));
        SET(CURLOPT_ERRORBUFFER, transfer->reason);
        SET(CURLOPT_HEADERDATA, transfer);
        SET(CURLOPT_WRITEDATA, transfer);
        SET(CURLOPT_OPENSOCKETDATA, transfer);
        return code == CURLE_OK ? 0 : code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

/* Which phase took too long: by what libcurl has timed already. */
static void timeout_error(const HttpTransfer *transfer, CURL *easy, AwsError *ret)
{
        char total[TIMEFMT_MAX], connect[TIMEFMT_MAX];
        curl_off_t resolved = 0, sent = 0;

        (void)curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved); /* stays 0 */
        (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent);    /* stays 0 */
        timefmt_duration((int64_t)(transfer->timeout_usec / USEC_PER_MSEC), total);
        timefmt_duration((int64_t)(transfer->connect_timeout_usec / USEC_PER_MSEC), connect);

        if (sent > 0)
                aws_error_set(ret, AWS_ERROR_NETWORK, "Timeout", "%s did not answer within %s",
                              transfer->peer, total);
        else if (resolved > 0)
                aws_error_set(ret, AWS_ERROR_NETWORK, "ConnectTimeout",
                              "no connection to %s within %s", transfer->peer, connect);
        else
                aws_error_set(ret, AWS_ERROR_NETWORK, "ResolveTimeout",
                              "the name %s was not resolved within %s",
                              transfer->proxy ? transfer->proxy : transfer->host, connect);
}

static const char *connect_failure_name(CURL *easy)
{
        long e = 0;

        (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &e); /* stays 0 */
        switch (e) {
        case ECONNREFUSED:
                return "ConnectionRefused";
        case EHOSTUNREACH:
        case ENETUNREACH:
                return "HostUnreachable";
        default:
                return "CouldNotConnect";
        }
}

void http_transfer_outcome(HttpTransfer *transfer, CURL *easy, CURLcode code, AwsError *ret)
{
        const char *name = "HttpFailure";
        AwsErrorClass class = AWS_ERROR_NETWORK;
        long status = 0, connect_status = 0;

        *ret = (AwsError){.class = AWS_ERROR_NONE};
        if (code == CURLE_OK) {
                if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
                    status > 0) {
                        transfer->response.status = (int)status;
                        return;
                }
                code = CURLE_GOT_NOTHING;
        }

        for (size_t i = 0; i < ELEMENTSOF(failures); i++)
                if (failures[i].curl == code) {
                        name = failures[i].code;
                        class = failures[i].class;
                        break;
                }

        (void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_status); /* stays 0 */
        if (connect_status >= 300) {
                aws_error_set(ret, AWS_ERROR_NETWORK, "ProxyRefused",
                              "the proxy %s refuses to connect to %s: HTTP %ld%s", transfer->proxy,
                              transfer->host, connect_status,
                              connect_status == 407 ? " (it wants a user name and a password, or "
                                                      "others)"
                                                    : "");
                return;
        }

        switch (code) {
        case CURLE_AGAIN:
                aws_error_set(ret, class, "Timeout", "%s: no connection became free in time",
                              transfer->peer);
                return;
        case CURLE_OPERATION_TIMEDOUT:
                timeout_error(transfer, easy, ret);
                return;
        case CURLE_WRITE_ERROR:
        case CURLE_OUT_OF_MEMORY:
                if (code == CURLE_WRITE_ERROR && strbuf_error(&transfer->response.body) < 0)
                        aws_error_set(ret, class, name, "%s: the answer exceeds %zu bytes",
                                      transfer->peer, transfer->response.body.max);
                else
                        aws_error_set(ret, class, name,
                                      "%s: the headers of the answer exceed %d "
                                      "bytes, or one of them %d",
                                      transfer->peer, HEADER_BYTES_MAX, HEADER_LINE_MAX);
                return;
        case CURLE_COULDNT_CONNECT:
                if (transfer->refused) {
                        aws_error_set(ret, class, "AddressRefused",
                                      "%s: plain http is not allowed to the address it resolves to",
                                      transfer->peer);
                        return;
                }
                name = connect_failure_name(easy);
                break;
        default:
                break;
        }
        aws_error_set(ret, class, name, "%s: %s", transfer->peer,
                      *transfer->reason ? transfer->reason : curl_easy_strerror(code));
}

void http_transfer_done(HttpTransfer *transfer, CURL *easy)
{
        /* Options point into the transfer. Connections and TLS sessions stay. */
        curl_easy_reset(easy);

        for (struct curl_slist *h = transfer->headers; h; h = h->next)
                secret_cleanse(h->data, strlen(h->data));
        curl_slist_free_all(transfer->headers);
        transfer->headers = NULL;
        strbuf_wipe(&transfer->body);
        free(transfer->host);
        transfer->host = NULL;
        free(transfer->peer);
        transfer->peer = NULL;
        strbuf_wipe(&transfer->response.body);
}
