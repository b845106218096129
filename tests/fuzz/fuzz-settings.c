/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a trail: the same after the way to the disk and back, equal to themselves, and
 * two lists of event selectors (apart by a line "--") compared soundly: when all that one records
 * is said to be kept by the other, no event can be found that one records and the other does not.
 */
#include <stdio.h>

#include "base/mem.h"
#include "core/selectors.h"
#include "fuzz.h"

/* An event as selectors see it: a value a field. */
typedef struct Event {
        const EventSelector *of; /* takes the k-th value that each of its fields selects ... */
        size_t k;
        bool reads;
        const char *field; /* ... but for this one, which has the value of a pattern elsewhere */
        const Pattern *pattern;
} Event;

static const char *value_of(const Event *e, const char *name, char buf[static 512])
{
        const SelectorField *f = event_selector_field(e->of, name);

        if (streq(name, "readOnly"))
                return e->reads ? "true" : "false";
        if (!(e->field && streq(e->field, name)) && (!f || f->n_select == 0))
                return streq(name, "eventCategory") ? "Data" : "else";
        const Pattern *p =
                e->field && streq(e->field, name) ? e->pattern : &f->select[e->k % f->n_select];
        (void)snprintf(buf, 512, "%s%.400s%s", p->kind == PATTERN_SUFFIX && e->k % 2 ? "x" : "",
                       p->value, p->kind == PATTERN_PREFIX && e->k % 2 ? "x" : "");
        return buf;
}

static bool fits(const Pattern *p, const char *value)
{
        size_t n = strlen(p->value), m = strlen(value);

        switch (p->kind) {
        case PATTERN_EXACT:
                return streq(p->value, value);
        case PATTERN_PREFIX:
                return strncmp(value, p->value, n) == 0;
        default:
                return m >= n && streq(value + m - n, p->value);
        }
}

static bool any_fits(const Pattern *p, size_t n, const char *value)
{
        for (size_t i = 0; i < n; i++)
                if (fits(&p[i], value))
                        return true;
        return false;
}

static bool selects(const EventSelector *s, const Event *e)
{
        for (size_t i = 0; i < s->n_fields; i++) {
                const SelectorField *f = &s->fields[i];
                char buf[512];
                const char *value = value_of(e, f->name, buf);

                if ((f->n_select > 0 && !any_fits(f->select, f->n_select, value)) ||
                    any_fits(f->deselect, f->n_deselect, value))
                        return false;
        }
        return true;
}

static bool records(const EventSelectors *s, const Event *e)
{
        for (size_t i = 0; i < s->n; i++)
                if (!s->items[i].odd && selects(&s->items[i], e))
                        return true;
        return false;
}

static bool is_odd(const EventSelectors *s)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].odd)
                        return true;
        return false;
}

static bool is_management(const Event *e)
{
        char buf[512];

        return streq(value_of(e, "eventCategory", buf), "Management");
}

/* Events of a selector of a, with variations. */
static void check_events(const EventSelectors *a, const EventSelectors *b, const Kept kept[2],
                         const Event *like)
{
        for (size_t k = 0; k < 8; k++) {
                Event e = *like;

                e.k = k / 2;
                e.reads = k % 2;
                if (records(a, &e) && !records(b, &e))
                        HOLD(kept[is_management(&e)] != KEPT_ALL);
        }
}

/* ... that have a value which a field of b speaks of. */
static void check_field(const EventSelectors *a, const EventSelectors *b, const Kept kept[2],
                        const EventSelector *of, const SelectorField *f)
{
        for (size_t k = 0; k < MIN(f->n_select, (size_t)4); k++)
                check_events(a, b, kept, &(Event){of, 0, false, f->name, &f->select[k]});
        for (size_t k = 0; k < MIN(f->n_deselect, (size_t)4); k++)
                check_events(a, b, kept, &(Event){of, 0, false, f->name, &f->deselect[k]});
}

static void check_pair(const EventSelectors *a, const EventSelectors *b)
{
        _cleanup_strbuf_ StrBuf lost = STRBUF_INIT(65536);
        Kept kept[2] = {selectors_kept(a, b, false, NULL), selectors_kept(a, b, true, &lost)};

        HOLD((kept[1] == KEPT_ALL) == (lost.len == 0));
        if (is_odd(a) || is_odd(b))
                return;
        for (size_t i = 0; i < a->n; i++) {
                check_events(a, b, kept, &(Event){.of = &a->items[i]});
                for (size_t j = 0; j < MIN(b->n, (size_t)4); j++)
                        for (size_t k = 0; k < MIN(b->items[j].n_fields, (size_t)4); k++)
                                check_field(a, b, kept, &a->items[i], &b->items[j].fields[k]);
        }
}

static void check_one(const EventSelectors *s)
{
        _cleanup_free_ char *words = selectors_management_words(s);
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(65536);

        HOLD(*words);
        HOLD(selectors_kept(s, s, true, NULL) == KEPT_ALL);
        HOLD(selectors_kept(s, s, false, NULL) == KEPT_ALL);
        selectors_add_words(s, &b);
        HOLD(b.len == 0 || b.error || b.data[b.len - 1] == '\n');
}

static void read_settings(const char *body, size_t size, TrailSettings *ret)
{
        ret->described = cloudtrail_parse_trail(body, size, &ret->description) == 0;
        ret->selected = cloudtrail_parse_event_selectors(body, size, &ret->selectors) == 0;
}

static void check_disk(const TrailSettings *s)
{
        _cleanup_json_ json_t *o = trail_settings_to_json(s), *again = NULL;
        _cleanup_(trail_settings_done) TrailSettings back = {0}, copy = {0};

        HOLD(trail_settings_from_json(o, &back) == 0);
        HOLD(back.described == s->described && back.selected == s->selected);
        again = trail_settings_to_json(&back);
        HOLD(json_equal(o, again));
        trail_settings_update(&copy, s);
        json_decref(again);
        again = trail_settings_to_json(&copy);
        HOLD(json_equal(o, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *body = (const char *)data, *cut = memmem(data, size, "\n--\n", 4);
        size_t n = cut ? (size_t)(cut - body) : size;
        _cleanup_(trail_settings_done) TrailSettings a = {0}, b = {0};

        read_settings(body, n, &a);
        if (cut)
                read_settings(cut + 4, size - n - 4, &b);
        check_disk(&a);
        if (a.selected)
                check_one(&a.selectors);
        if (a.selected && b.selected) {
                check_pair(&a.selectors, &b.selectors);
                check_pair(&b.selectors, &a.selectors);
        }
        return 0;
}
