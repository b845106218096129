/* SPDX-License-Identifier: Apache-2.0 */
/* A program that hands out credentials: the credential_process of a profile. AWS's command line
 * takes the command apart itself, most of its SDKs give it to a shell. Both come to the same for a
 * program with arguments, quoted or not, which is run directly here (the sandbox then needs to
 * allow that program only); what a shell would do more with goes to sh.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_02 */

#include "aws/arn.h"
#include "aws/query.h"
#include "base/mem.h"
#include "net/credfetch.h"

#define TIMEOUT_USEC (20 * USEC_PER_SEC)
#define OUTPUT_MAX ((size_t)64 * 1024)
#define COMMAND_MAX ((size_t)32 * 1024)
#define BLANKS " \t\r\n"

typedef struct ProcessSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        char **argv;
        size_t n_args; /* argv[n_args] is NULL */
        char *shown;   /* without arguments and values, which may be secrets */
        char *account;
} ProcessSource;

typedef struct ProcessFetch {
        CredFetch fetch; /* first: a CredFetch is cast back to us */
        NetProcess *process;
} ProcessFetch;

static void process_cancel(CredFetch *fetch)
{
        if (fetch)
                fetch->env->process_cancel(((ProcessFetch *)fetch)->process);
        cred_fetch_free(fetch);
}

static void set_error(ProcessFetch *f, const char *code, const char *why)
{
        aws_error_set(&f->fetch.error, AWS_ERROR_CREDENTIALS, code, "credential_process %s %s",
                      ((ProcessSource *)f->fetch.source)->shown, why);
}

static void on_end(void *userdata, const NetProcessResult *result)
{
        ProcessFetch *f = userdata;
        ProcessSource *s = (ProcessSource *)f->fetch.source;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = NULL;
        _cleanup_free_ char *status = NULL;

        f->process = NULL;
        if (result->error == -ETIMEDOUT) {
                set_error(f, "Timeout", "did not end within 20s");
        } else if (result->error < 0) {
                set_error(f, "AnswerTooLarge", "writes more than 64 KiB");
        } else if (result->exit_status != 0) {
                status = mem_printf("failed: exit status %d (run it by hand to see why)",
                                    result->exit_status);
                set_error(f, "ProcessFailed", status);
        } else if (process_parse_credentials(result->output, result->output_len, &credentials) <
                   0) {
                set_error(f, "MalformedAnswer",
                          "wrote something that is no credentials of "
                          "\"Version\": 1");
        } else if (!credentials->account_id && s->account && arn_account_is_valid(s->account)) {
                credentials->account_id = mem_strdup(s->account);
        }
        cred_fetch_finish(&f->fetch, credentials);
}

static CredFetch *process_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        ProcessSource *s = (ProcessSource *)source;
        ProcessFetch *f = mem_new0(ProcessFetch);
        int r;

        f->fetch = (CredFetch){
                .source = source, .env = s->env, .callback = callback, .userdata = userdata};
        r = s->env->process_start(s->env,
                                  &(NetProcessOptions){.argv = (const char *const *)s->argv,
                                                       .timeout_usec = TIMEOUT_USEC,
                                                       .output_max = OUTPUT_MAX},
                                  on_end, f, &f->process);
        if (r < 0) {
                _cleanup_free_ char *why = mem_printf(
                        "cannot be run: %s%s", strerror(-r),
                        r == -EACCES || r == -EPERM
                                ? " (is it executable, and named by ExecPaths= of the unit?)"
                                : "");
                set_error(f, "ProcessNotRun", why);
                cred_fetch_finish_soon(&f->fetch);
        }
        return &f->fetch;
}

static CredSource *process_free(CredSource *source)
{
        ProcessSource *s = (ProcessSource *)source;

        for (size_t i = 0; i < s->n_args; i++)
                secret_free_text(s->argv[i]);
        free(s->argv);
        free(s->shown);
        free(s->account);
        free(s);
        return NULL;
}

/* What a shell would do more with than to split at blanks and take off quotes. */
#define SHELL_ALWAYS "$`"
#define SHELL_UNQUOTED SHELL_ALWAYS "|&;<>()*?[]#~!{}"

/* Adds the word at *p, quotes taken off, and moves behind it. -EINVAL when a quote is not closed.
 */
static int add_word(const char **p, StrBuf *word, bool *ret_shell)
{
        char quote = '\0';
        const char *s;

        for (s = *p; *s && (quote || !strchr(BLANKS, *s)); s++) {
                if (*s == '\\' && quote != '\'') {
                        if (!s[1])
                                return -EINVAL;
                        /* Within double quotes a backslash is one, but before these. */
                        if (quote && !strchr("\"\\" SHELL_ALWAYS, s[1]))
                                strbuf_add_char(word, '\\');
                        strbuf_add_char(word, *++s);
                } else if (quote && *s == quote) {
                        quote = '\0';
                } else if (!quote && (*s == '\'' || *s == '"')) {
                        quote = *s;
                } else {
                        *ret_shell |= quote != '\'' &&
                                      strchr(quote ? SHELL_ALWAYS : SHELL_UNQUOTED, *s) != NULL;
                        strbuf_add_char(word, *s);
                }
        }
        *p = s;
        return quote ? -EINVAL : 0;
}

typedef struct Words {
        char **argv;
        size_t n;
} Words;

static void words_done(Words *w)
{
        mem_free_strv(w->argv, w->n);
}

static void words_push(Words *w, char *text)
{
        *mem_push0(w->argv, w->n) = text;
}

static int split(const char *command, Words *ret)
{
        _cleanup_(words_done) Words w = {};
        bool shell = false;
        int r = 0;

        for (const char *p = command + strspn(command, BLANKS); *p; p += strspn(p, BLANKS)) {
                _cleanup_strbuf_ StrBuf word = STRBUF_INIT(COMMAND_MAX);
                char *text = NULL;

                r = add_word(&p, &word, &shell);
                if (r >= 0)
                        r = strbuf_take(&word, &text);
                if (r < 0)
                        return r;
                words_push(&w, text);
        }
        if (w.n == 0)
                return -EINVAL;
        if (shell || strchr(w.argv[0], '=')) { /* NAME=VALUE before the program */
                words_done(&w);
                w = (Words){};
                words_push(&w, mem_strdup("sh"));
                words_push(&w, mem_strdup("-c"));
                words_push(&w, mem_strdup(command));
        }
        words_push(&w, NULL);
        ret->n = w.n - 1;
        ret->argv = TAKE_PTR(w.argv);
        w.n = 0;
        return 0;
}

int cred_source_new_process(NetEnv *env, const char *command, const char *account, CredSource **ret,
                            char **reterr_text)
{
        Words words;
        int r = split(command, &words);

        if (r < 0) {
                *reterr_text = mem_strdup(r == -E2BIG ? "credential_process is too long"
                                                      : "credential_process is no command: it is "
                                                        "empty, or a quote is not closed");
                return -EINVAL;
        }

        ProcessSource *s = mem_new0(ProcessSource);
        *s = (ProcessSource){
                .source = {.name = "credential_process",
                           .fetch = process_fetch,
                           .cancel = process_cancel,
                           .free = process_free},
                .env = env,
                .argv = words.argv,
                .n_args = words.n,
                .shown = mem_strndup(command, strcspn(command, BLANKS "=")),
                .account = mem_strdup(account),
        };
        *ret = &s->source;
        return 0;
}
