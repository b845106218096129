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

/* Reachable for as long as the process lives: a library's setenv() puts a copy into environ. */
static char **for_programs, **for_us; /* NULL: nothing has been taken out */

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

/* The strings are borrowed. */
static char **select_from(char **from, bool (*wanted)(const char *variable))
{
        char **kept = NULL;
        size_t n = 0;

        for (; *from; from++)
                if (wanted(*from))
                        *mem_push0(kept, n) = *from;
        *mem_push0(kept, n) = NULL;
        return kept;
}

void environment_restrict(void)
{
        if (for_programs || !environ)
                return;
        for_programs = select_from(environ, is_for_programs);
        environ = for_us = select_from(environ, counts);
}

char *const *environment_for_programs(void)
{
        return for_programs ? for_programs : environ;
}
