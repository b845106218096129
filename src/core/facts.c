/* SPDX-License-Identifier: Apache-2.0 */

#include "core/facts.h"

#include "base/escape.h"
#include "base/foreign.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertpart.h"

#define VALUE_MAX (64 * 1024)
#define COLUMN 16
#define NAME_CUT_MIN 12 /* bytes of a name that are worth being said */

static const char *const section_names[_FACT_SECTION_MAX] = {
        [FACT_OVERVIEW] = "overview", [FACT_CHANGES] = "changes", [FACT_TRAILS] = "trails",
        [FACT_WHO] = "who",           [FACT_OTHERS] = "others",   [FACT_CALLS] = "calls",
};

void headline_done(Headline *h)
{
        free(h->news);
        free(h->word);
        free(h->state);
        free(h->where);
        free(h->about);
        free(h->what);
        free(h->who);
        *h = (Headline){};
}

void facts_done(Facts *f)
{
        facts_end(f);
        for (size_t k = 0; k < f->n_items; k++)
                free(f->items[k].value);
        free(f->items);
        headline_done(&f->headline);
        strbuf_done(&f->value);
        *f = (Facts){};
}

void facts_end(Facts *f)
{
        Fact *last = f->n_items > 0 ? &f->items[f->n_items - 1] : NULL;
        const char *text = strbuf_str(&f->value);
        size_t n = f->value.len;

        if (!last || last->value)
                return;
        while (n > 0 && text[n - 1] == '\n')
                n--;
        if (n > 0)
                last->value = mem_strndup(text, n);
        else
                f->n_items--;
        strbuf_reset(&f->value);
}

StrBuf *facts_begin(Facts *f, FactSection s, const char *label)
{
        facts_end(f);
        *mem_push0(f->items, f->n_items) = (Fact){.section = s, .label = label};
        f->value.max = VALUE_MAX;
        return &f->value;
}

void facts_weigh(Facts *f, FactWeight w)
{
        f->items[f->n_items - 1].weight = w;
}

void facts_add(Facts *f, FactSection s, const char *label, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        _cleanup_free_ char *text = mem_vprintf(fmt, ap);
        va_end(ap);
        strbuf_add(facts_begin(f, s, label), text);
        facts_end(f);
}

void facts_text(Facts *f, FactSection s, const char *label, const char *value)
{
        escape_add(facts_begin(f, s, label), strempty(value), ALERT_VALUE_CHARS);
        facts_end(f);
}

void facts_time(Facts *f, FactSection s, const char *label, int64_t msec)
{
        char t[TIMEFMT_MAX];

        if (msec)
                facts_text(f, s, label, timefmt_iso8601(msec, t));
}

void facts_foreign(Facts *f, FactSection s, const char *label, const char *value)
{
        foreign_add(facts_begin(f, s, label), value, ALERT_FOREIGN_MAX);
        facts_end(f);
}

void facts_error(Facts *f, FactSection s, const char *label, const char *words)
{
        foreign_add(facts_begin(f, s, label), words, ALERT_ERROR_MAX);
        facts_end(f);
}

/* Lines of a value stand one below the other. */
static void print_fact(const Fact *i, StrBuf *b)
{
        const char *line = i->value;

        if (!i->label) {
                strbuf_addf(b, "%s\n", line);
                return;
        }
        strbuf_addf(b, "%-*s ", COLUMN - 1, i->label); /* some labels are longer */
        for (;;) {
                size_t n = strcspn(line, "\n");

                strbuf_add_n(b, line, n);
                strbuf_add_char(b, '\n');
                if (!line[n])
                        return;
                line += n + 1;
                strbuf_addf(b, "%*s", COLUMN, "");
        }
}

void facts_print(const Facts *f, FactSection s, StrBuf *b)
{
        bool any = false;

        for (size_t k = 0; k < f->n_items; k++) {
                if (f->items[k].section != s || !f->items[k].value)
                        continue;
                if (!any && s != FACT_OVERVIEW)
                        strbuf_add_char(b, '\n');
                if (!any && f->headings[s])
                        strbuf_addf(b, "%s\n", f->headings[s]);
                any = true;
                print_fact(&f->items[k], b);
        }
}

json_t *facts_to_json(const Facts *f)
{
        static const char *const weights[] = {
                [FACT_PLAIN] = "info", [FACT_GOOD] = "good", [FACT_BAD] = "bad"};
        json_t *all = json_array();

        for (size_t k = 0; k < f->n_items; k++) {
                const Fact *i = &f->items[k];
                json_t *o;

                if ((i->section != FACT_OVERVIEW && i->section != FACT_WHO) || !i->value)
                        continue;
                o = json_object();
                json_set(o, "section", json_string(section_names[i->section]));
                json_set(o, "label",
                         i->label ? json_string(i->label + strspn(i->label, " ")) : json_null());
                json_set(o, "value", json_string(i->value));
                json_set(o, "severity", json_string(weights[i->weight]));
                json_append(all, o);
        }
        return all;
}

static const struct {
        const char *name;
        size_t offset;
} headline_texts[] = {
        {"word", offsetof(Headline, word)},   {"news", offsetof(Headline, news)},
        {"state", offsetof(Headline, state)}, {"where", offsetof(Headline, where)},
        {"about", offsetof(Headline, about)}, {"what", offsetof(Headline, what)},
        {"who", offsetof(Headline, who)},
};

static char **headline_text(Headline *h, size_t k)
{
        return (char **)((char *)h + headline_texts[k].offset);
}

json_t *headline_to_json(const Headline *h)
{
        json_t *o = json_object();

        for (size_t k = 0; k < ELEMENTSOF(headline_texts); k++) {
                const char *text = *headline_text((Headline *)h, k);

                json_set(o, headline_texts[k].name,
                         isempty(text) ? json_null() : json_string(text));
        }
        return o;
}

Headline headline_from_json(const json_t *o)
{
        Headline h = {};

        for (size_t k = 0; k < ELEMENTSOF(headline_texts); k++)
                *headline_text(&h, k) =
                        (char *)json_string_value(json_object_get(o, headline_texts[k].name));
        return h;
}

/* Whole, or not at all. */
static bool add_if_room(StrBuf *b, size_t max, const char *before, const char *text,
                        const char *after)
{
        if (isempty(text) || b->len + strlen(before) + strlen(text) + strlen(after) > max)
                return false;
        strbuf_addf(b, "%s%s%s", before, text, after);
        return true;
}

/* The trail's name gives way to what befell it. */
static void add_about(StrBuf *b, size_t max, bool news, const Headline *h)
{
        size_t what = isempty(h->what) ? 0 : strlen(h->what) + strlen(" ");
        size_t who = isempty(h->who) ? 0 : strlen(h->who) + strlen(" by ");
        const char *before = news ? ", " : " ";
        size_t used = b->len + strlen(before);

        if (isempty(h->about) || used + NAME_CUT_MIN > max)
                return;
        /* Beside news, the whole name says more than what befell it. */
        if (news && used + strlen(h->about) + what > max && used + strlen(h->about) <= max)
                what = 0;
        if (used + NAME_CUT_MIN + what > max)
                what = who = 0;
        else if (used + NAME_CUT_MIN + what + who > max)
                who = 0;
        _cleanup_free_ char *about = alert_cut(h->about, max - used - what - who);
        strbuf_addf(b, "%s%s", before, about);
        if (what > 0)
                strbuf_addf(b, " %s", h->what);
        if (who > 0)
                strbuf_addf(b, " by %s", h->who);
}

char *headline_print(const Headline *h, size_t max)
{
        StrBuf b = STRBUF_INIT(4 * max + 1024);
        char *line;

        strbuf_addf(&b, "%s: %s", h->word, strempty(h->state));
        (void)add_if_room(&b, max, " (", h->where, ")");
        bool news = add_if_room(&b, max, " ", h->news, "");
        if (b.len <= max)
                add_about(&b, max, news, h);
        line = alert_cut(strbuf_str(&b), max);
        strbuf_done(&b);
        return line;
}
