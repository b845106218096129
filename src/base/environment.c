/* SPDX-License-Identifier: Apache-2.0 */
#include "base/environment.h"

#include <unistd.h>

#include "base/mem.h"

static const char *const names[] = {
        /* of the way to AWS */
        "AWS_*",
        "all_proxy",
        "ALL_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "no_proxy",
        "NO_PROXY",
        "HOME",
        "PATH",
        /* of systemd */
        "CREDENTIALS_DIRECTORY",
        "JOURNAL_STREAM",
        "NOTIFY_SOCKET",
        "STATE_DIRECTORY",
        "USER",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        /* of the command alone */
        "NO_COLOR",
        "SUDO_USER",
        "TERM",
};

static char **for_programs; /* NULL: nothing has been taken out */

const char *environment_name(size_t i)
{
        return i < ELEMENTSOF(names) ? names[i] : NULL;
}

static bool is_named(const char *variable, const char *name)
{
        size_t len = strcspn(variable, "="), n = strcspn(name, "*");

        return (name[n] ? len >= n : len == n) && strncmp(variable, name, n) == 0;
}

static bool counts(const char *variable)
{
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (is_named(variable, names[i]))
                        return true;
        return false;
}

static bool is_for_programs(const char *variable)
{
        return !is_named(variable, "SSLKEYLOGFILE");
}

/* The strings are borrowed. The list has room for what it is selected from. */
static void select_into(char **list, char **from, bool (*wanted)(const char *variable))
{
        for (; *from; from++)
                if (wanted(*from))
                        *list++ = *from;
        *list = NULL;
}

void environment_restrict(void)
{
        size_t n = 1;

        if (for_programs || !environ)
                return;
        for (char **e = environ; *e; e++)
                n++;
        for_programs = mem_alloc0(n * sizeof(*for_programs));
        select_into(for_programs, environ, is_for_programs);
        select_into(environ, environ, counts);
}

char *const *environment_for_programs(void)
{
        return for_programs ? for_programs : environ;
}
