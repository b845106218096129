/* SPDX-License-Identifier: Apache-2.0 */
/* Problems as people get to read them. libconfig does not know a setting's full name; it is put
 * together here from the setting's parents. */

#include "daemon/confproblem.h"

#include "base/mem.h"
#include "base/strbuf.h"

#define OPTION_NAME_MAX 256
#define DEPTH_MAX 8

static void option_name_add(StrBuf *b, const config_setting_t *s)
{
        const config_setting_t *chain[DEPTH_MAX];
        size_t n = 0;

        for (; s && !config_setting_is_root(s) && n < DEPTH_MAX; s = config_setting_parent(s))
                chain[n++] = s;

        while (n > 0) {
                const config_setting_t *e = chain[--n];

                if (config_setting_name(e))
                        strbuf_addf(b, "%s%s", b->len > 0 ? "." : "", config_setting_name(e));
                else
                        strbuf_addf(b, "[%d]", config_setting_index(e));
        }
}

/* A file full of mistakes is told of as such, not mistake by mistake. */
static void problem_add(ConfReport *r, unsigned line, char *option, char *text)
{
        ConfProblem *p;

        if (r->problems->n >= CONF_PROBLEMS_MAX) {
                p = &r->problems->items[CONF_PROBLEMS_MAX - 1];
                free(option);
                free(text);
                free(p->option);
                p->option = NULL;
                mem_strset(&p->text, "more is wrong than is listed here");
                return;
        }

        p = mem_push0(r->problems->items, r->problems->n);
        p->path = mem_strdup(r->path);
        p->line = line;
        p->option = option;
        p->text = text;
}

void conf_report_file(ConfReport *r, unsigned line, char *text)
{
        problem_add(r, line, NULL, text);
}

void conf_report_setting(ConfReport *r, const config_setting_t *at, const char *missing, char *text)
{
        _cleanup_strbuf_ StrBuf name = STRBUF_INIT(OPTION_NAME_MAX);

        option_name_add(&name, at);
        if (missing)
                strbuf_addf(&name, "%s%s", name.len > 0 ? "." : "", missing);

        /* The root has no line of its own: what is missing there is missing in the whole file. */
        problem_add(r, config_setting_is_root(at) ? 0 : config_setting_source_line(at),
                    name.len > 0 ? mem_strdup(strbuf_str(&name)) : NULL, text);
}

void conf_report_sort(ConfReport *r)
{
        ConfProblem *items = r->problems->items;

        for (size_t i = 1; i < r->problems->n; i++) {
                ConfProblem p = items[i];
                size_t j = i;

                for (; j > 0 && items[j - 1].line > p.line; j--)
                        items[j] = items[j - 1];
                items[j] = p;
        }
}

void conf_problems_done(ConfProblems *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->items[i].path);
                free(p->items[i].option);
                free(p->items[i].text);
        }
        free(p->items);
        *p = (ConfProblems){};
}

char *conf_problem_line(const ConfProblem *p)
{
        const char *option = strempty(p->option), *separator = p->option ? ": " : "";

        if (p->line > 0)
                return mem_printf("%s:%u: %s%s%s", p->path, p->line, option, separator, p->text);
        return mem_printf("%s: %s%s%s", p->path, option, separator, p->text);
}
