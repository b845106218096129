/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <errno.h>
#include <strings.h>

#include "aws/arn.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"

#define LIMIT_DIGITS 9

/* "a, b or c" of a table of names. */
#define ADD_NAMES(b, prefix, max)                                                                  \
        for (int v_ = 0; v_ < (max); v_++)                                                         \
        strbuf_addf(b, "%s%s", v_ == 0 ? "" : v_ == (max)-1 ? " or " : ", ", prefix##_to_string(v_))

static int parse_kinds(const char *text, unsigned *ret, char **reterr_text)
{
        size_t n;

        for (const char *at = text;; at += n + 1) {
                n = strcspn(at, ",");
                _cleanup_free_ char *word = mem_strndup(at, n);
                IncidentKind kind = incident_kind_from_string(word);

                if ((int)kind < 0) {
                        _cleanup_strbuf_ StrBuf names = STRBUF_INIT(1024);

                        ADD_NAMES(&names, incident_kind, _INCIDENT_KIND_MAX);
                        *reterr_text = mem_printf("--kind: \"%s\" is no kind of incident; there "
                                                  "are %s",
                                                  word, strbuf_str(&names));
                        return -EINVAL;
                }
                *ret |= 1U << kind;
                if (!at[n])
                        return 0;
        }
}

static int parse_severity(const char *text, Severity *ret, char **reterr_text)
{
        Severity s = severity_from_string(text);

        if ((int)s < 0) {
                _cleanup_strbuf_ StrBuf names = STRBUF_INIT(256);

                ADD_NAMES(&names, severity, _SEVERITY_MAX);
                *reterr_text = mem_printf(
                        "--severity: \"%s\" is not a severity; from the least there are %s", text,
                        strbuf_str(&names));
                return -EINVAL;
        }
        *ret = s;
        return 0;
}

/* UTC; what is left out is the beginning, or with `whole` the end, of what is said. */
static int parse_moment(const char *text, bool whole, int64_t *ret_msec)
{
        static const struct {
                size_t len;
                const char *rest;
                int64_t span_msec;
        } forms[] = {
                {10, "T00:00:00Z", MSEC_PER_DAY},
                {16, ":00Z", MSEC_PER_MINUTE},
                {19, "Z", MSEC_PER_SEC},
        };
        size_t len = strlen(text) - (*text && text[strlen(text) - 1] == 'Z');
        _cleanup_free_ char *plain = mem_strndup(text, len), *full = NULL;
        int64_t span = 1;

        if (len > 10 && plain[10] == ' ')
                plain[10] = 'T';
        for (size_t i = 0; i < ELEMENTSOF(forms) && !full; i++)
                if (len == forms[i].len) {
                        full = mem_printf("%s%s", plain, forms[i].rest);
                        span = forms[i].span_msec;
                }
        if (timefmt_parse_iso8601(full ? full : text, ret_msec) < 0)
                return -EINVAL;
        if (whole)
                *ret_msec += span - 1;
        return 0;
}

static int parse_time(const char *option, const char *text, int64_t now_msec, int64_t *ret_msec,
                      char **reterr_text)
{
        uint64_t ago_usec;

        if (timefmt_parse_duration(text, &ago_usec) >= 0) {
                *ret_msec = MAX(now_msec - (int64_t)(ago_usec / USEC_PER_MSEC), INT64_C(1));
                return 0;
        }
        if (parse_moment(text, streq(option, "--until"), ret_msec) >= 0)
                return 0;
        *reterr_text = mem_printf("%s: \"%s\" is neither a time in UTC (2026-11-23, "
                                  "\"2026-11-23 03:12\", 2026-11-23T03:12:09Z) nor how long ago it "
                                  "was (30min, 2h, 3d)",
                                  option, text);
        return -EINVAL;
}

static int parse_limit(const char *text, size_t *ret, char **reterr_text)
{
        size_t n = strspn(text, "0123456789");
        unsigned long value = n > 0 && n <= LIMIT_DIGITS && !text[n] ? strtoul(text, NULL, 10) : 0;

        if (value == 0) {
                *reterr_text = mem_printf("--limit: \"%s\" is not a number from 1 on", text);
                return -EINVAL;
        }
        *ret = value;
        return 0;
}

int filter_parse(const FilterWords *w, int64_t now_msec, Filter *ret, char **reterr_text)
{
        Filter f = {
                .trail = w->trail,
                .actor = w->actor,
                .until_msec = INT64_MAX,
                .limit = SIZE_MAX,
                .open = w->open,
        };
        int r = 0;

        if (w->kinds)
                r = parse_kinds(w->kinds, &f.kinds, reterr_text);
        if (r >= 0 && w->severity)
                r = parse_severity(w->severity, &f.severity, reterr_text);
        if (r >= 0 && w->since)
                r = parse_time("--since", w->since, now_msec, &f.since_msec, reterr_text);
        if (r >= 0 && w->until)
                r = parse_time("--until", w->until, now_msec, &f.until_msec, reterr_text);
        if (r >= 0 && w->limit)
                r = parse_limit(w->limit, &f.limit, reterr_text);
        if (r >= 0 && f.since_msec > f.until_msec) {
                *reterr_text = mem_printf("--since %s is after --until %s", w->since, w->until);
                r = -EINVAL;
        }
        if (r >= 0)
                *ret = f;
        return r;
}

/* Whoever had a part in it, but for the guard itself. */
static bool actor_matches(const char *wanted, const Incident *i)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];
                const UserIdentity *u = &f->record.identity;
                _cleanup_free_ char *name = identity_display_name(u);
                const char *const texts[] = {
                        name,
                        u->arn,
                        u->account_id,
                        u->principal_id,
                        u->access_key_id,
                        u->user_name,
                        u->issuer_arn,
                        u->source_identity,
                        u->invoked_by,
                        u->on_behalf_of,
                        f->record.source_ip,
                        f->record.user_agent,
                };

                if (f->role == ROLE_OWN)
                        continue;
                for (size_t t = 0; t < ELEMENTSOF(texts); t++)
                        if (texts[t] && strcasestr(texts[t], wanted))
                                return true;
        }
        return false;
}

bool filter_matches(const Filter *f, const Incident *i)
{
        return (!f->open || i->open) && (f->kinds == 0 || f->kinds & 1U << i->kind) &&
               i->severity >= f->severity && i->detected_msec >= f->since_msec &&
               i->detected_msec <= f->until_msec &&
               (!f->trail || arn_is_of_trail(i->trail_arn, f->trail)) &&
               (!f->actor || actor_matches(f->actor, i));
}
