/* SPDX-License-Identifier: Apache-2.0 */
/* A look every few seconds, in one thread that sleeps in between: on a terminal the screen is drawn
 * anew, on its alternate page so that the shell's comes back; into a pipe goes a block when
 * something has changed. Signals are waited for, not handled, so that nothing is torn.
 *
 * https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */

#include "cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/screen.h"

#define INTERVAL_DEFAULT "2s"
#define SCREEN_MAX ((size_t)4 * 1024 * 1024)

static bool is_terminal(void)
{
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !isempty(term) && !streq(term, "dumb");
}

static int parse_interval(const Cli *c, uint64_t *ret_usec)
{
        const char *text = c->interval ? c->interval : INTERVAL_DEFAULT;

        if (!c->watch)
                cli_complain("--interval goes with --watch");
        else if (c->json)
                cli_complain("--json does not go with --watch: ask again and again for it");
        else if (timefmt_parse_duration(text, ret_usec) < 0 || *ret_usec < USEC_PER_SEC ||
                 *ret_usec > USEC_PER_HOUR)
                cli_complain("--interval: \"%s\" is not a time from 1s to 1h", text);
        else
                return 0;
        return -EINVAL;
}

static void draw(const char *text)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(SCREEN_MAX);
        struct winsize size = {};

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
                size = (struct winsize){.ws_row = 24, .ws_col = 80};
        screen_add(&b, text, size.ws_row, size.ws_col);
        (void)fputs(strbuf_str(&b), stdout);
}

/* One look as text, owned. */
static CliExit look(const Cli *c, char **ret_text, char **ret_essence)
{
        Cli now = *c;
        size_t len;
        CliExit verdict;

        now.now_msec = cli_wall_msec();
        now.out.out = open_memstream(ret_text, &len);
        if (!now.out.out)
                abort(); /* memory */
        verdict = status_look(&now, ret_essence);
        if (fclose(now.out.out) != 0)
                abort();
        return verdict;
}

static void write_block(const Cli *c, const char *text)
{
        char when[TIMEFMT_MAX];

        print_line(&c->out, PRINT_HEADING, "%s",
                   timefmt_iso8601(cli_wall_msec() / 1000 * 1000, when));
        (void)fputs(text, stdout);
        print_blank(&c->out);
}

CliExit watch_status(const Cli *c)
{
        _cleanup_free_ char *last = NULL;
        bool terminal = is_terminal();
        CliExit verdict;
        uint64_t usec;
        sigset_t signals;
        int s = 0;

        if (parse_interval(c, &usec) < 0)
                return CLI_EXIT_USAGE;
        (void)sigemptyset(&signals);
        for (const int *n = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT, 0};
             *n; n++)
                (void)sigaddset(&signals, *n);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* cannot fail with these arguments */

        if (terminal)
                (void)fputs("\x1b[?1049h\x1b[?25l", stdout); /* other page, no cursor */
        do {
                const struct timespec wait = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
                                              .tv_nsec = (long)(usec % USEC_PER_SEC * 1000)};
                _cleanup_free_ char *text = NULL;
                char *essence;

                verdict = look(c, &text, &essence);
                if (terminal)
                        draw(text);
                else if (!streq_ptr(essence, last))
                        write_block(c, text);
                free(last);
                last = essence;
                if (fflush(stdout) != 0)
                        break;
                s = sigtimedwait(&signals, NULL, &wait);
        } while (s < 0 || s == SIGWINCH || s == SIGCONT);
        if (terminal)
                (void)fputs("\x1b[?25h\x1b[?1049l", stdout);
        return verdict;
}
