/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of tests/bench: a bare libcurl loop that sends one request, as captured from the
 * daemon, again and again and throws the answers away. It signs nothing, reads nothing, decides
 * nothing. With --sigv4 it is what libcurl's own signing costs instead.
 *
 * It is set up as well as libcurl can be: kept connection, CA certificates cached (CAPATH set to
 * NULL, or Debian's default would have them read at each connection), no signals. */

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONNECTIONS_MAX 32
#define REQUEST_MAX 65536
#define NSEC_PER_SEC 1000000000L

static const char *arg_url = NULL;
static const char *arg_ca = NULL;
static const char *arg_sigv4 = NULL;
static unsigned long arg_connections = 1;
static unsigned long arg_interval_usec = 0;
static unsigned long arg_count = 0; /* 0 is for ever */
static struct curl_slist *headers = NULL;
static char request[REQUEST_MAX + 1];
static char *body = NULL;
static size_t body_len = 0;

static const char usage[] =
        "samebytes --url URL --ca FILE --request FILE [--count N] [--interval-usec N]\n"
        "          [--connections N] [--sigv4 PROVIDERS]   with --sigv4 the keys come from\n"
        "          AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n";

static void fail(const char *what, const char *why)
{
        fprintf(stderr, "samebytes: %s: %s\n", what, why);
        exit(EXIT_FAILURE);
}

static void check(CURLcode code, const char *what)
{
        if (code != CURLE_OK)
                fail(what, curl_easy_strerror(code));
}

static void check_multi(CURLMcode code, const char *what)
{
        if (code != CURLM_OK)
                fail(what, curl_multi_strerror(code));
}

/* What libcurl writes by itself, or signs by itself. */
static bool is_left_to_libcurl(const char *line)
{
        static const char *const always[] = {"Host:", "Content-Length:"};
        static const char *const signing[] = {"Authorization:", "X-Amz-Date:"};

        for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
                if (strncasecmp(line, always[i], strlen(always[i])) == 0)
                        return true;
        for (size_t i = 0; arg_sigv4 && i < sizeof(signing) / sizeof(signing[0]); i++)
                if (strncasecmp(line, signing[i], strlen(signing[i])) == 0)
                        return true;
        return false;
}

/* "POST / HTTP/1.1", header lines, an empty line, the body. */
static void read_request(const char *path)
{
        FILE *f = fopen(path, "re");
        size_t n;
        char *end, *line, *next;

        if (!f)
                fail(path, strerror(errno));
        n = fread(request, 1, REQUEST_MAX, f);
        (void)fclose(f); /* only read from */
        request[n] = '\0';
        end = strstr(request, "\r\n\r\n");
        if (!end)
                fail(path, "no end of the headers");
        body = end + 4;
        body_len = (size_t)(request + n - body);
        *end = '\0';

        line = strstr(request, "\r\n");
        for (line = line ? line + 2 : NULL; line; line = next) {
                next = strstr(line, "\r\n");
                if (next) {
                        *next = '\0';
                        next += 2;
                }
                if (is_left_to_libcurl(line))
                        continue;
                headers = curl_slist_append(headers, line);
                if (!headers)
                        fail(path, "out of memory");
        }
        headers = curl_slist_append(headers, "Expect:");
        if (!headers)
                fail(path, "out of memory");
}

static size_t discard(char *data, size_t size, size_t n, void *userdata)
{
        return size * n;
}

static void set_signing(CURL *easy)
{
        const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");

        if (!id || !secret)
                fail("--sigv4", "no keys in the environment");
        check(curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, arg_sigv4), "AWS_SIGV4");
        check(curl_easy_setopt(easy, CURLOPT_USERNAME, id), "USERNAME");
        check(curl_easy_setopt(easy, CURLOPT_PASSWORD, secret), "PASSWORD");
}

static CURL *new_easy(void)
{
        CURL *easy = curl_easy_init();

        if (!easy)
                fail("curl_easy_init", "out of memory");
        check(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L), "NOSIGNAL");
        check(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL), "CAPATH");
        check(curl_easy_setopt(easy, CURLOPT_CAINFO, arg_ca), "CAINFO");
        check(curl_easy_setopt(easy, CURLOPT_URL, arg_url), "URL");
        check(curl_easy_setopt(easy, CURLOPT_PROXY, ""), "PROXY");
        check(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1),
              "HTTP_VERSION");
        check(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_len),
              "POSTFIELDSIZE");
        check(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body), "POSTFIELDS");
        check(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers), "HTTPHEADER");
        check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard), "WRITEFUNCTION");
        check(curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L), "FAILONERROR");
        if (arg_sigv4)
                set_signing(easy);
        return easy;
}

static void sleep_until(struct timespec *at)
{
        at->tv_nsec += (long)arg_interval_usec * 1000;
        at->tv_sec += at->tv_nsec / NSEC_PER_SEC;
        at->tv_nsec %= NSEC_PER_SEC;
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at, NULL); /* early is no harm */
}

/* One connection, one request after the other. */
static void run_one(void)
{
        CURL *easy = new_easy();
        struct timespec at;

        if (clock_gettime(CLOCK_MONOTONIC, &at) < 0)
                fail("clock_gettime", strerror(errno));
        for (unsigned long i = 0; arg_count == 0 || i < arg_count; i++) {
                check(curl_easy_perform(easy), "request");
                if (arg_interval_usec > 0)
                        sleep_until(&at);
        }
        curl_easy_cleanup(easy);
}

/* Some connections side by side, each with its next request as soon as it has its answer. */
static void run_many(void)
{
        CURLM *multi = curl_multi_init();
        unsigned long done = 0;
        int running;

        if (!multi)
                fail("curl_multi_init", "out of memory");
        check_multi(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX),
                    "MAXCONNECTS");
        for (unsigned long i = 0; i < arg_connections; i++)
                check_multi(curl_multi_add_handle(multi, new_easy()), "add");
        while (arg_count == 0 || done < arg_count) {
                CURLMsg *msg;
                int left;

                check_multi(curl_multi_perform(multi, &running), "perform");
                while ((msg = curl_multi_info_read(multi, &left))) {
                        CURL *easy = msg->easy_handle;

                        check(msg->data.result, "request");
                        done++;
                        check_multi(curl_multi_remove_handle(multi, easy), "remove");
                        check_multi(curl_multi_add_handle(multi, easy), "add");
                }
                check_multi(curl_multi_poll(multi, NULL, 0, 1000, NULL), "poll");
        }
        exit(EXIT_SUCCESS); /* with requests under way */
}

static unsigned long number(const char *s, unsigned long max)
{
        char *end;
        unsigned long n = strtoul(s, &end, 10);

        if (end == s || *end || n > max)
                fail(s, "not such a number");
        return n;
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {
                {"url", required_argument, NULL, 'u'},
                {"ca", required_argument, NULL, 'a'},
                {"request", required_argument, NULL, 'r'},
                {"count", required_argument, NULL, 'n'},
                {"interval-usec", required_argument, NULL, 'i'},
                {"connections", required_argument, NULL, 'c'},
                {"sigv4", required_argument, NULL, 's'},
                {},
        };
        const char *file = NULL;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'u':
                        arg_url = optarg;
                        break;
                case 'a':
                        arg_ca = optarg;
                        break;
                case 'r':
                        file = optarg;
                        break;
                case 'n':
                        arg_count = number(optarg, 1000000000);
                        break;
                case 'i':
                        arg_interval_usec = number(optarg, 900000);
                        break;
                case 'c':
                        arg_connections = number(optarg, CONNECTIONS_MAX);
                        break;
                case 's':
                        arg_sigv4 = optarg;
                        break;
                default:
                        fputs(usage, stderr);
                        return 2;
                }
        if (!arg_url || !arg_ca || !file || optind < argc) {
                fputs(usage, stderr);
                return 2;
        }
        read_request(file);
        check(curl_global_init(CURL_GLOBAL_DEFAULT), "curl_global_init");
        if (arg_connections > 1)
                run_many();
        else
                run_one();
        curl_slist_free_all(headers);
        curl_global_cleanup();
        return EXIT_SUCCESS;
}
