/* SPDX-License-Identifier: Apache-2.0 */
#include "core/selectors.h"

#include "base/mem.h"

#define VALUE_CHARS 300

static bool begins_with(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix);
}

/* Whether all that fits p fits q. */
static bool is_inside(const Pattern *p, const Pattern *q)
{
        switch (q->kind) {
        case PATTERN_EXACT:
                return p->kind == PATTERN_EXACT && streq(p->value, q->value);
        case PATTERN_PREFIX:
                return p->kind != PATTERN_SUFFIX && begins_with(p->value, q->value);
        default:
                return p->kind != PATTERN_PREFIX && ends_with(p->value, q->value);
        }
}

/* Whether nothing fits both. Something begins and ends in any way one likes. */
static bool is_disjoint(const Pattern *p, const Pattern *q)
{
        if (p->kind == PATTERN_EXACT || q->kind == PATTERN_EXACT || p->kind == q->kind)
                return !is_inside(p, q) && !is_inside(q, p);
        return false;
}

/* A piece of a selector: all of it, but of the values of readOnly and resources.ARN one alone. */
typedef struct Piece {
        const EventSelector *s;
        SelectorField read_only;
        SelectorField arn;
        Pattern read_only_value;
} Piece;

static const SelectorField *piece_field(const Piece *p, const char *name)
{
        if (p->read_only.name && streq(name, "readOnly"))
                return &p->read_only;
        if (p->arn.name && streq(name, "resources.ARN"))
                return &p->arn;
        return event_selector_field(p->s, name);
}

/* Whether every value that is left over by `inner` is one that `outer` selects. */
static bool field_is_implied(const SelectorField *outer, const SelectorField *inner)
{
        for (size_t i = 0; outer->n_select > 0 && inner && i < inner->n_select; i++) {
                bool found = false;

                for (size_t k = 0; k < outer->n_select && !found; k++)
                        found = is_inside(&inner->select[i], &outer->select[k]);
                if (!found)
                        return false;
        }
        if (outer->n_select > 0 && (!inner || inner->n_select == 0))
                return false;

        for (size_t i = 0; i < outer->n_deselect; i++) {
                const Pattern *d = &outer->deselect[i];
                bool found = false, apart = inner && inner->n_select > 0;

                for (size_t k = 0; inner && k < inner->n_deselect && !found; k++)
                        found = is_inside(d, &inner->deselect[k]);
                for (size_t k = 0; inner && k < inner->n_select; k++)
                        apart = apart && is_disjoint(d, &inner->select[k]);
                if (!found && !apart)
                        return false;
        }
        return true;
}

/* Whether `outer` records every event of the piece. */
static bool is_covered(const Piece *p, const EventSelector *outer)
{
        if (outer->odd)
                return false;
        for (size_t k = 0; k < outer->n_fields; k++)
                if (!field_is_implied(&outer->fields[k], piece_field(p, outer->fields[k].name)))
                        return false;
        return true;
}

static bool fields_are_disjoint(const SelectorField *a, const SelectorField *b)
{
        if (a->n_select == 0 || b->n_select == 0)
                return false;
        for (size_t i = 0; i < a->n_select; i++)
                for (size_t k = 0; k < b->n_select; k++)
                        if (!is_disjoint(&a->select[i], &b->select[k]))
                                return false;
        return true;
}

/* Whether `s` and the piece have events in common, as far as that can be told. */
static bool may_overlap(const Piece *p, const EventSelector *s)
{
        for (size_t k = 0; k < s->n_fields; k++) {
                const SelectorField *f = piece_field(p, s->fields[k].name);

                if (f && fields_are_disjoint(&s->fields[k], f))
                        return false;
        }
        return true;
}

/* Whether every event of s is one of the piece. */
static bool is_narrower(const EventSelector *s, const Piece *p)
{
        if (s->odd || p->s->odd)
                return false;
        for (size_t k = 0; k < p->s->n_fields; k++) {
                const char *name = p->s->fields[k].name;
                const SelectorField *f = event_selector_field(s, name);

                if (!field_is_implied(piece_field(p, name), f))
                        return false;
        }
        return true;
}

static bool is_of(const EventSelector *s, const char *field, const char *value)
{
        const SelectorField *f = event_selector_field(s, field);

        return f && f->n_select == 1 && f->n_deselect == 0 && f->select[0].kind == PATTERN_EXACT &&
               streq(f->select[0].value, value);
}

static bool is_management(const EventSelector *s)
{
        return is_of(s, "eventCategory", "Management");
}

/* Whether events that only read, or that write, may be recorded by s. */
static bool has_half(const EventSelector *s, bool reads)
{
        const SelectorField *f = event_selector_field(s, "readOnly");
        const Pattern half = {.value = (char *)(reads ? "true" : "false")};

        if (!f)
                return true;
        if (f->n_deselect > 0)
                return false; /* not a way to say it */
        for (size_t k = 0; k < f->n_select; k++)
                if (is_inside(&half, &f->select[k]))
                        return true;
        return false;
}

/* Narrowed by nothing but who is called: by that alone can selectors complete one another. */
static bool is_plain_management(const EventSelector *s, bool reads)
{
        if (s->odd || !is_management(s) || !has_half(s, reads))
                return false;
        for (size_t k = 0; k < s->n_fields; k++)
                if (!streq(s->fields[k].name, "eventCategory") &&
                    !streq(s->fields[k].name, "readOnly") &&
                    !streq(s->fields[k].name, "eventSource"))
                        return false;
        return true;
}

/* Whether s records the events of all sources that fit p. */
static bool records_sources(const EventSelector *s, const Pattern *p)
{
        const SelectorField inner = {.select = (Pattern *)p, .n_select = 1};
        const SelectorField *f = event_selector_field(s, "eventSource");

        return !f || field_is_implied(f, &inner);
}

/* Whether some selector of the half records the events of all sources that fit p. */
static bool any_records_sources(const EventSelectors *s, bool reads, const Pattern *p)
{
        for (size_t i = 0; i < s->n; i++)
                if (is_plain_management(&s->items[i], reads) && records_sources(&s->items[i], p))
                        return true;
        return false;
}

/* What s leaves out that no other records; the number of those patterns, the first ones to b. */
static size_t left_out(const EventSelectors *all, const EventSelector *s, bool reads, StrBuf *b)
{
        const SelectorField *f = event_selector_field(s, "eventSource");
        size_t n = 0;

        for (size_t k = 0; f && k < f->n_deselect; k++) {
                const Pattern *p = &f->deselect[k];

                if (any_records_sources(all, reads, p))
                        continue;
                if (b)
                        strbuf_addf(b, "%s%s%s%s", n > 0 ? ", " : "",
                                    p->kind == PATTERN_SUFFIX ? "*" : "", p->value,
                                    p->kind == PATTERN_PREFIX ? "*" : "");
                n++;
        }
        return n;
}

/* The selector of a half that leaves out the least by exclusion, and how many; NULL without one. */
static const EventSelector *widest(const EventSelectors *s, bool reads, size_t *ret)
{
        const EventSelector *best = NULL;

        for (size_t i = 0; i < s->n; i++) {
                const SelectorField *f = event_selector_field(&s->items[i], "eventSource");

                if (!is_plain_management(&s->items[i], reads) || (f && f->n_select > 0))
                        continue;
                size_t n = left_out(s, &s->items[i], reads, NULL);
                if (!best || n < *ret) {
                        best = &s->items[i];
                        *ret = n;
                }
        }
        return best;
}

Coverage selectors_management(const EventSelectors *s, bool reads)
{
        size_t n = 0;

        if (widest(s, reads, &n) && n == 0)
                return COVERAGE_ALL;
        for (size_t i = 0; i < s->n; i++)
                if (is_management(&s->items[i]) && has_half(&s->items[i], reads))
                        return COVERAGE_PART;
        return COVERAGE_NONE;
}

static void half_words(const EventSelectors *s, bool reads, StrBuf *b)
{
        size_t n = 0;
        const EventSelector *w = widest(s, reads, &n);

        if (selectors_management(s, reads) == COVERAGE_NONE)
                strbuf_add(b, "none");
        else if (!w)
                strbuf_add(b, "some, chosen one by one");
        else if (n == 0)
                strbuf_add(b, "all");
        else {
                strbuf_add(b, "all, but not of ");
                (void)left_out(s, w, reads, b);
        }
}

char *selectors_management_words(const EventSelectors *s)
{
        StrBuf read = STRBUF_INIT(2000), write = STRBUF_INIT(2000);
        Coverage r = selectors_management(s, true), w = selectors_management(s, false);
        char *words;

        half_words(s, true, &read);
        half_words(s, false, &write);
        if (r == w && streq(strbuf_str(&read), strbuf_str(&write)))
                words = mem_strdup(strbuf_str(&read));
        else if (r == COVERAGE_ALL && w == COVERAGE_NONE)
                words = mem_strdup("read events only");
        else if (w == COVERAGE_ALL && r == COVERAGE_NONE)
                words = mem_strdup("write events only");
        else
                words = mem_printf("of read events %s; of write events %s", strbuf_str(&read),
                                   strbuf_str(&write));
        strbuf_done(&read);
        strbuf_done(&write);
        return words;
}

static Kept piece_kept(const Piece *p, const EventSelectors *after)
{
        bool doubt = false;

        for (size_t i = 0; i < after->n; i++) {
                if (is_covered(p, &after->items[i]))
                        return KEPT_ALL;
                doubt = doubt ||
                        (may_overlap(p, &after->items[i]) && !is_narrower(&after->items[i], p));
        }
        return doubt ? KEPT_DOUBTFUL : KEPT_NOT;
}

static void add_patterns(StrBuf *b, const char *lead, const Pattern *p, size_t n)
{
        for (size_t k = 0; k < n; k++)
                strbuf_addf(b, "%s%s%.*s%s", k > 0 ? ", " : lead,
                            p[k].kind == PATTERN_SUFFIX ? "*" : "", VALUE_CHARS, p[k].value,
                            p[k].kind == PATTERN_PREFIX ? "*" : "");
}

/* "AWS::S3::Object of arn:aws:s3:::bucket/ (write only)" */
static void add_piece_words(StrBuf *b, const Piece *p, const char *half)
{
        const SelectorField *category = event_selector_field(p->s, "eventCategory");
        const SelectorField *type = event_selector_field(p->s, "resources.type");
        const SelectorField *arn = piece_field(p, "resources.ARN");

        if (p->s->odd)
                strbuf_add(b, "[not understood] ");
        if (type)
                add_patterns(b, "", type->select, type->n_select);
        else if (category)
                add_patterns(b, "", category->select, category->n_select);
        strbuf_add(b, " events");
        if (arn && arn->n_select > 0)
                add_patterns(b, " of ", arn->select, arn->n_select);
        if (arn && arn->n_deselect > 0)
                add_patterns(b, " except of ", arn->deselect, arn->n_deselect);
        for (size_t k = 0; k < p->s->n_fields; k++) {
                const SelectorField *f = &p->s->fields[k];

                if (streq(f->name, "eventCategory") || streq(f->name, "resources.type") ||
                    streq(f->name, "resources.ARN") || streq(f->name, "readOnly"))
                        continue;
                strbuf_addf(b, ", %.*s", VALUE_CHARS, f->name);
                add_patterns(b, " ", f->select, f->n_select);
                add_patterns(b, " but not ", f->deselect, f->n_deselect);
        }
        strbuf_addf(b, "%s\n", half);
}

/* Of one resource, or of all that the selector names when it names none by its beginning. */
static Kept resource_kept(const EventSelector *s, const Pattern *arn, const EventSelectors *after,
                          StrBuf *lost)
{
        static const char *const halves[] = {" (read)", " (write)"};
        const SelectorField *f = event_selector_field(s, "resources.ARN");
        Kept worst = KEPT_ALL, kept[2] = {KEPT_ALL, KEPT_ALL};
        Piece p = {.s = s};

        if (arn)
                p.arn = (SelectorField){.name = f->name,
                                        .select = (Pattern *)arn,
                                        .n_select = 1,
                                        .deselect = f->deselect,
                                        .n_deselect = f->n_deselect};
        for (size_t half = 0; half < 2; half++) {
                if (!has_half(s, half == 0))
                        continue;
                p.read_only_value.value = (char *)(half == 0 ? "true" : "false");
                p.read_only = (SelectorField){
                        .name = (char *)"readOnly", .select = &p.read_only_value, .n_select = 1};
                kept[half] =
                        is_management(s) && selectors_management(after, half == 0) == COVERAGE_ALL
                                ? KEPT_ALL
                                : piece_kept(&p, after);
                worst = MAX(worst, kept[half]);
        }
        if (!lost || worst == KEPT_ALL)
                return worst;
        if (kept[0] == kept[1] || event_selector_field(s, "readOnly"))
                add_piece_words(lost, &p, "");
        else
                add_piece_words(lost, &p, halves[kept[0] == KEPT_ALL]);
        return worst;
}

/* How the same selector may be written once more is all that is known of an odd one. */
static bool is_same(const EventSelector *a, const EventSelector *b)
{
        EventSelector x = *a, y = *b;

        x.odd = y.odd = false;
        return a->odd == b->odd && is_covered(&(Piece){.s = &x}, &y) &&
               is_covered(&(Piece){.s = &y}, &x);
}

static Kept odd_kept(const EventSelector *s, const EventSelectors *after, StrBuf *lost)
{
        for (size_t i = 0; i < after->n; i++)
                if (is_same(s, &after->items[i]))
                        return KEPT_ALL;
        if (lost)
                add_piece_words(lost, &(Piece){.s = s}, "");
        return KEPT_DOUBTFUL;
}

/* Selector by selector, and resource by resource where it names several. */
static Kept selector_kept(const EventSelector *s, const EventSelectors *after, StrBuf *lost)
{
        const SelectorField *arn = event_selector_field(s, "resources.ARN");
        Kept worst = KEPT_ALL;

        if (s->odd || (!has_half(s, true) && !has_half(s, false)))
                return odd_kept(s, after, lost);
        if (!arn || arn->n_select == 0)
                return resource_kept(s, NULL, after, lost);
        for (size_t k = 0; k < arn->n_select; k++) {
                Kept kept = resource_kept(s, &arn->select[k], after, lost);

                worst = MAX(worst, kept);
        }
        return worst;
}

Kept selectors_kept(const EventSelectors *before, const EventSelectors *after, bool management,
                    StrBuf *lost)
{
        Kept worst = KEPT_ALL;

        for (size_t i = 0; i < before->n; i++) {
                if (is_management(&before->items[i]) != management)
                        continue;
                Kept kept = selector_kept(&before->items[i], after, lost);

                worst = MAX(worst, kept);
        }
        return worst;
}

void selectors_add_words(const EventSelectors *s, StrBuf *b)
{
        for (size_t i = 0; i < s->n; i++) {
                const SelectorField *f = event_selector_field(&s->items[i], "readOnly");
                const char *half = "";

                if (is_management(&s->items[i]))
                        continue;
                if (f)
                        half = has_half(&s->items[i], true) ? " (read)" : " (write)";
                add_piece_words(b, &(Piece){.s = &s->items[i]}, half);
        }
}
