/* SPDX-License-Identifier: Apache-2.0 */
#include "core/advicestep.h"

#include <stdarg.h>
#include <stdio.h>

#include "aws/arn.h"
#include "base/escape.h"
#include "base/foreign.h"
#include "base/mem.h"

void advice_step(Advice *a, const char *text)
{
        if (isempty(text))
                return;
        AdviceStep *s = mem_push0(a->steps, a->n_steps);
        s->text = mem_strdup(text);
}

void advice_stepf(Advice *a, const char *fmt, ...)
{
        char text[2048];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when longer */
        va_end(ap);
        AdviceStep *s = mem_push0(a->steps, a->n_steps);
        s->text = escape_text(text, sizeof(text));
}

void advice_commandf(Advice *a, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        a->steps[a->n_steps - 1].command = mem_vprintf(fmt, ap);
        va_end(ap);
}

const char *advice_named(const char *s, char buf[static ADVICE_NAME_SIZE])
{
        _cleanup_free_ char *text =
                foreign_text(isempty(s) ? "(not named)" : s, ADVICE_NAME_SIZE - 1);

        (void)snprintf(buf, ADVICE_NAME_SIZE, "%s", text); /* fits */
        return buf;
}

bool advice_is_plain(const char *name)
{
        return name && arn_name_is_plain(name);
}
