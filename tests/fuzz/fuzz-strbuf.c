/* SPDX-License-Identifier: Apache-2.0 */
/* strbuf against a plain array: the same bytes, and an error as soon as something did not fit. */
#include <errno.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "fuzz.h"

#define MODEL_MAX 2000

typedef struct Model {
        char bytes[MODEL_MAX];
        size_t len, max;
        bool full;
} Model;

static void model_add(Model *m, const char *s, size_t n)
{
        if (m->full || n > m->max - m->len) {
                m->full = true;
                return;
        }
        memcpy(m->bytes + m->len, s, n);
        m->len += n;
}

static void step(StrBuf *b, Model *m, unsigned op, const char *s, size_t n)
{
        _cleanup_free_ char *text = mem_strndup(s, strnlen(s, n)), *taken = NULL;

        switch (op % 6) {
        case 0:
                strbuf_add_n(b, s, n);
                model_add(m, s, n);
                break;
        case 1:
                strbuf_add(b, text);
                model_add(m, text, strlen(text));
                break;
        case 2:
                strbuf_add_char(b, (char)n);
                model_add(m, (const char[]){(char)n}, 1);
                break;
        case 3:
                strbuf_addf(b, "<%s>", text);
                if (strlen(text) + 2 <= m->max - m->len)
                        model_add(m, "<", 1), model_add(m, text, strlen(text)),
                                model_add(m, ">", 1);
                else
                        m->full = true;
                break;
        case 4:
                if (op >= 250) {
                        strbuf_reset(b);
                        m->len = 0;
                        m->full = false;
                }
                break;
        default:
                if (op < 250)
                        break;
                HOLD(strbuf_take(b, &taken) == (m->full ? -E2BIG : 0));
                HOLD(m->full || (memcmp(taken, m->bytes, m->len) == 0 && taken[m->len] == '\0'));
                if (!m->full)
                        m->len = 0;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Model m = {.max = size > 0 ? MIN(data[0] * (size_t)8, (size_t)MODEL_MAX) : 0};
        StrBuf b = STRBUF_INIT(m.max);

        for (size_t i = 1; i + 2 <= size;) {
                unsigned op = data[i];
                size_t n = MIN((size_t)data[i + 1], size - i - 2);

                step(&b, &m, op, (const char *)data + i + 2, n);
                i += 2 + n;
                HOLD(strbuf_error(&b) == (m.full ? -E2BIG : 0));
                HOLD(b.len == m.len && memcmp(strbuf_str(&b), m.bytes, m.len) == 0);
                HOLD(strbuf_str(&b)[b.len] == '\0');
        }
        if (size % 2)
                strbuf_wipe(&b);
        else
                strbuf_done(&b);
        return 0;
}
