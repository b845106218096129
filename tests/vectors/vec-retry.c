/* SPDX-License-Identifier: Apache-2.0 */

/* The retry rules over a list of outcomes, with random = 1. Cases are written in many ways: all
 * that can only mean one thing is taken. */

#include "vec.h"

#include <ctype.h>
#include <strings.h>

#include "aws/retry.h"
#include "base/mem.h"

typedef struct Names {
        const char *names[6];
} Names;

/* The same thing by the names that different people give it. */
static const Names names_responses = {{"responses", "outcomes", "attempts"}};
static const Names names_max_attempts = {{"max_attempts", "maxAttempts"}};
static const Names names_quota = {
        {"initial_retry_tokens", "initial_quota", "initialRetryTokens", "retry_quota", "quota"}};
static const Names names_max_backoff = {{"max_backoff_time", "max_backoff", "maxBackoff"}};
static const Names names_random = {{"exponential_base", "random"}};
static const Names names_long_poll = {
        {"long_polling", "long_poll", "is_long_polling", "longPolling"}};
static const Names names_status = {{"status_code", "status", "statusCode", "http_status"}};
static const Names names_code = {{"error_code", "code", "errorCode", "error", "__type"}};
static const Names names_kind = {{"kind", "type", "class", "outcome", "result"}};
static const Names names_success = {{"success", "ok"}};
static const Names names_retry_after = {
        {"x-amz-retry-after", "retry_after", "retry_after_ms", "retryAfter"}};

static const struct {
        const char *name;
        AwsErrorClass class;
} kinds[] = {
        {"success", AWS_ERROR_NONE},
        {"succeeded", AWS_ERROR_NONE},
        {"ok", AWS_ERROR_NONE},
        {"transient", AWS_ERROR_TRANSIENT},
        {"transient_error", AWS_ERROR_TRANSIENT},
        {"server_error", AWS_ERROR_TRANSIENT},
        {"throttling", AWS_ERROR_THROTTLED},
        {"throttling_error", AWS_ERROR_THROTTLED},
        {"throttled", AWS_ERROR_THROTTLED},
        {"throttle", AWS_ERROR_THROTTLED},
        {"network", AWS_ERROR_NETWORK},
        {"network_error", AWS_ERROR_NETWORK},
        {"connection", AWS_ERROR_NETWORK},
        {"connection_error", AWS_ERROR_NETWORK},
        {"connection_reset", AWS_ERROR_NETWORK},
        {"connect_error", AWS_ERROR_NETWORK},
        {"connect_timeout", AWS_ERROR_NETWORK},
        {"read_timeout", AWS_ERROR_NETWORK},
        {"timeout", AWS_ERROR_NETWORK},
        {"timeout_error", AWS_ERROR_NETWORK},
        {"tls_error", AWS_ERROR_NETWORK},
        {"io_error", AWS_ERROR_NETWORK},
        {"client_error", AWS_ERROR_INVALID},
        {"permanent", AWS_ERROR_INVALID},
        {"non_retryable", AWS_ERROR_INVALID},
};

static json_t *find(const json_t *object, const Names *n)
{
        const char *key;
        json_t *value;

        for (size_t i = 0; i < ELEMENTSOF(n->names) && n->names[i]; i++)
                json_object_foreach((json_t *)object, key, value)
                {
                        if (strcasecmp(key, n->names[i]) == 0)
                                return value;
                }
        return NULL;
}

static double number_or(const json_t *object, const Names *n, double otherwise)
{
        const json_t *v = find(object, n);

        return json_is_number(v) ? json_number_value(v) : otherwise;
}

/* "connection_error", "ConnectionError", "connection-error" */
static bool is_word(const char *a, const char *b)
{
        static const char joints[] = "_- ";

        for (;; a++, b++) {
                a += strspn(a, joints);
                b += strspn(b, joints);
                if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
                        return false;
                if (!*a)
                        return true;
        }
}

static bool class_of_kind(const char *text, AwsErrorClass *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (is_word(text, kinds[i].name)) {
                        *ret = kinds[i].class;
                        return true;
                }
        return false;
}

static AwsErrorClass class_of_status(long status)
{
        if (status >= 200 && status <= 399)
                return AWS_ERROR_NONE;
        return status <= 0 ? AWS_ERROR_NETWORK : aws_error_classify(NULL, (int)status);
}

static AwsErrorClass class_of_text(const char *text, long status)
{
        AwsErrorClass class;
        char *end;
        long number = strtol(text, &end, 10);

        if (*text && !*end)
                return class_of_status(number);
        return class_of_kind(text, &class) ? class : aws_error_classify(text, (int)status);
}

static int64_t retry_after_of(const json_t *outcome)
{
        const json_t *headers = json_object_get(outcome, "headers");
        const json_t *v = find(headers ? headers : outcome, &names_retry_after);

        if (!v && headers)
                v = find(outcome, &names_retry_after);
        if (json_is_array(v))
                v = json_array_get(v, 0);
        return json_is_number(v) ? (int64_t)MIN(json_number_value(v), INT32_MAX)
                                 : retry_after_parse(json_string_value(v));
}

static bool read_outcome(const json_t *o, RetryFailure *ret)
{
        const json_t *inner = json_object_get(o, "response");

        if (inner)
                o = inner;
        ret->retry_after_msec = retry_after_of(o);
        if (json_is_integer(o) || json_is_string(o)) {
                ret->class = json_is_string(o) ? class_of_text(json_string_value(o), 400)
                                               : class_of_status((long)json_integer_value(o));
                return true;
        }

        const json_t *code = find(o, &names_code), *kind = find(o, &names_kind);
        double status = number_or(o, &names_status, -1);
        if (json_is_object(code))
                code = find(code, &names_code);
        if (json_is_string(code))
                ret->class =
                        class_of_text(json_string_value(code), status < 0 ? 400 : (long)status);
        else if (status >= 0)
                ret->class = class_of_status((long)status);
        else if (json_is_string(kind))
                ret->class = class_of_text(json_string_value(kind), 400);
        else if (json_is_true(find(o, &names_success)))
                ret->class = AWS_ERROR_NONE;
        else
                return false;
        return true;
}

typedef struct Run {
        RetryPolicy policy;
        RetryQuota quota;
        double random01;
        int attempt;
        int cost;
        json_t *steps, *delays;
        const char *last; /* what followed the last outcome */
} Run;

/* Takes one outcome; returns the name of what follows. */
static const char *step(Run *run, RetryFailure *f, uint64_t *ret_delay_usec)
{
        RetryQuota full = {RETRY_QUOTA_MAX};
        const char *outcome;

        f->attempt = ++run->attempt;
        *ret_delay_usec = 0;
        if (f->class == AWS_ERROR_NONE) {
                retry_succeeded(&run->quota, run->cost);
                outcome = "success";
        } else {
                RetryDecision d = retry_decide(&run->policy, &run->quota, f, run->random01);
                *ret_delay_usec = d.delay_usec;
                if (d.retry) {
                        run->cost = d.cost;
                        return "retry_request";
                }
                RetryFailure first = {f->class, 1, -1};
                if (!retry_decide(retry_policy(RETRY_STANDARD), &full, &first, 1).retry)
                        outcome = "not_retryable";
                else
                        outcome = f->attempt >= run->policy.attempts_max ? "max_attempts_exceeded"
                                                                         : "retry_quota_exceeded";
        }
        run->attempt = 0; /* the next outcome is that of another call */
        run->cost = 0;
        return outcome;
}

/* The outcomes of a call, and after a success of the next one. A call that has failed asks for no
 * more of them. */
static int run_list(Run *run, const json_t *list)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list))
                return vec_complain("a list of calls holds something else");
        run->attempt = 0;
        run->cost = 0;
        json_array_foreach((json_t *)list, i, item)
        {
                RetryFailure f;
                uint64_t usec;
                if (!read_outcome(item, &f))
                        return vec_complain("outcome %zu is not understood", i + 1);
                run->last = step(run, &f, &usec);
                bool again = streq(run->last, "retry_request");
                json_t *s = json_pack("{s:i, s:s, s:i}", "attempt", f.attempt, "outcome", run->last,
                                      "retry_quota", run->quota.available);
                if (usec > 0 || again) {
                        json_t *delay = json_real((double)usec / USEC_PER_SEC);
                        (void)json_array_append(run->delays, delay);
                        (void)json_object_set_new(s, "delay", delay);
                }
                (void)json_array_append_new(run->steps, s);
                if (!again && !streq(run->last, "success"))
                        break;
        }
        return VEC_OK;
}

static int run_case(json_t *c, FILE *out)
{
        const json_t *given = json_object_get(c, "given") ? json_object_get(c, "given") : c;
        json_t *list = json_is_array(c) ? c : find(c, &names_responses), *item;
        Run run = {.policy = *retry_policy(RETRY_STANDARD), .last = ""};
        size_t i;

        if (!json_is_array(list))
                return vec_complain("no list of outcomes");
        run.policy.attempts_max =
                (int)number_or(given, &names_max_attempts, run.policy.attempts_max);
        run.policy.backoff_max_usec =
                (uint64_t)(number_or(given, &names_max_backoff,
                                     (double)run.policy.backoff_max_usec / USEC_PER_SEC) *
                           USEC_PER_SEC);
        run.policy.long_poll = json_is_true(find(given, &names_long_poll));
        run.quota.available = (int)number_or(given, &names_quota, RETRY_QUOTA_MAX);
        run.random01 = number_or(given, &names_random, 1);

        run.steps = json_array();
        run.delays = json_array();
        bool calls = json_is_array(json_array_get(list, 0));
        int r = calls ? VEC_OK : run_list(&run, list);
        if (calls)
                json_array_foreach(list, i, item)
                {
                        if (r == VEC_OK)
                                r = run_list(&run, item);
                }
        if (r == VEC_OK)
                vec_print_json(json_pack("{s:i, s:s, s:i, s:O, s:s, s:O}", "attempts",
                                         (int)json_array_size(run.steps), "outcome", run.last,
                                         "quota", run.quota.available, "delays", run.delays, "unit",
                                         "s", "responses", run.steps),
                               out);
        json_decref(run.steps);
        json_decref(run.delays);
        return r;
}

/* One case, or several: in an array, or under "cases" or "tests". */
int vec_retry(int argc, char **argv, FILE *out)
{
        static const Names names_cases = {{"cases", "tests"}};
        _cleanup_json_ json_t *root = argc == 2 ? vec_read_json(argv[1]) : NULL;
        json_t *cases = json_is_array(root) ? root : find(root, &names_cases), *c;
        size_t i;

        if (!root)
                return argc == 2 ? VEC_USAGE : vec_complain("usage: ts-vec retry FILE");
        if (!cases || (cases == root && !find(json_array_get(root, 0), &names_responses)))
                return run_case(root, out);
        json_array_foreach(cases, i, c)
        {
                if (run_case(c, out) != VEC_OK)
                        return VEC_USAGE;
        }
        return VEC_OK;
}
