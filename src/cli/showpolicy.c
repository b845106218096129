/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry policy`: the policies that this configuration asks for, shown or written to files.
 * AWS is not asked; who the guard is, is what the daemon has written or the caller says. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/policy.h"
#include "daemon/status.h"

/* Who the daemon is, from its status file; NULL when there is none. Owned. */
static char *identity_of_status(const Cli *c)
{
        _cleanup_json_ json_t *status = NULL;

        if (status_read(c->status_path, &status) < 0)
                return NULL;
        return mem_strdup(json_string_value(json_object_get(
                json_array_get(json_object_get(status, "accounts"), 0), "identity_arn")));
}

static bool is_asked_well(const Cli *c, PolicyFor *ret_for)
{
        Arn a;

        *ret_for = c->role ? policy_for_from_string(c->role) : _POLICY_FOR_INVALID;
        if (c->role && (int)*ret_for < 0)
                cli_complain("--role: \"%s\" is unknown; there are guard, target, topic and scp",
                             c->role);
        else if (c->guard_role_arn &&
                 (arn_parse(c->guard_role_arn, &a) < 0 || !streq(a.service, "iam") || !*a.account))
                cli_complain("--guard-role-arn: \"%s\" is not of the form "
                             "arn:aws:iam::ACCOUNT:role/NAME",
                             c->guard_role_arn);
        else if (c->json && c->output)
                cli_complain("--json prints and --output writes files: say one of them");
        else
                return true;
        return false;
}

/* ARNs, perhaps with wildcards, separated by commas; option says of which. */
static int parse_arns(const char *option, const char *text, char ***ret, size_t *ret_n)
{
        size_t n;

        for (const char *at = text; at; at = at[n] ? at + n + 1 : NULL) {
                n = strcspn(at, ",");
                char *arn = mem_strndup(at, n);

                *mem_push0(*ret, *ret_n) = arn;
                if (strncmp(arn, "arn:", strlen("arn:")) != 0 || strpbrk(arn, " \"\\")) {
                        cli_complain("--%s: \"%s\" is not an ARN (arn:aws:iam::ACCOUNT:role/"
                                     "NAME; * is allowed in it)",
                                     option, arn);
                        return -EINVAL;
                }
        }
        return 0;
}

static int parse_protect(const char *text, PolicyOptions *o)
{
        if (parse_arns("protect", text, &o->protect, &o->n_protect) < 0)
                return -EINVAL;
        for (size_t i = 0; i < o->n_protect; i++)
                if (!policy_protects(o->protect[i])) {
                        cli_complain("--protect: \"%s\" is not the ARN of a trail, role, user, "
                                     "managed policy, instance profile, instance, topic, alarm, "
                                     "bucket, KMS key or log group",
                                     o->protect[i]);
                        return -EINVAL;
                }
        return 0;
}

static void print_documents(const Printer *p, const Policies *all, PolicyFor only)
{
        for (size_t i = 0; i < all->n; i++) {
                const PolicyDocument *d = &all->items[i];
                bool fits = d->characters <= d->limit;

                if ((int)only >= 0 && d->what != only)
                        continue;
                print_line(p, PRINT_HEADING, "%s", d->title);
                print_line(p, fits ? PRINT_PLAIN : PRINT_BAD, "  %zu characters%s; %zu fit",
                           d->characters, d->what == POLICY_FOR_SCP ? "" : " without white space",
                           d->limit);
                for (size_t k = 0; k < d->n_notes; k++)
                        print_line(p, PRINT_PLAIN, "  %s", d->notes[k]);
                print_json(p, json_incref(d->json));
                print_blank(p);
        }
}

static json_t *document_to_json(const PolicyDocument *d)
{
        json_t *notes = json_array();

        for (size_t k = 0; k < d->n_notes; k++)
                (void)json_array_append_new(notes, json_string(d->notes[k]));
        return json_pack("{s:s, s:s, s:s, s:O, s:I, s:I, s:o}", "for",
                         policy_for_to_string(d->what), "name", d->name, "title", d->title,
                         "document", d->json, "characters", (json_int_t)d->characters, "limit",
                         (json_int_t)d->limit, "notes", notes);
}

static void print_documents_json(const Printer *p, const Policies *all, PolicyFor only)
{
        json_t *array = json_array();

        for (size_t i = 0; i < all->n; i++)
                if ((int)only < 0 || all->items[i].what == only)
                        (void)json_array_append_new(array, document_to_json(&all->items[i]));
        print_json(p, json_pack("{s:i, s:o}", "version", 1, "policies", array));
}

static int write_document(const char *path, const PolicyDocument *d)
{
        FILE *f = fopen(path, "we");
        int r = 0;

        if (!f)
                return -errno;
        if (json_dumpf(d->json, f, POLICY_INDENT) < 0 || fputc('\n', f) == EOF)
                r = -EIO;
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        return r;
}

static CliExit write_documents(const Cli *c, const Policies *all, PolicyFor only)
{
        static const char *const headings[] = {"FILE", "WHAT", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        if (mkdir(c->output, 0755) < 0 && errno != EEXIST) {
                cli_complain("%s cannot be made: %s", c->output, strerror(errno));
                return CLI_EXIT_UNKNOWN;
        }
        for (size_t i = 0; i < all->n; i++) {
                const PolicyDocument *d = &all->items[i];
                _cleanup_free_ char *path = mem_printf("%s/%s.json", c->output, d->name);
                int r;

                if ((int)only >= 0 && d->what != only)
                        continue;
                r = write_document(path, d);
                if (r < 0) {
                        cli_complain("%s cannot be written: %s", path, strerror(-r));
                        return CLI_EXIT_UNKNOWN;
                }
                table_cell(t, PRINT_PLAIN, "%s", path);
                table_cell(t, PRINT_PLAIN, "%s", d->title);
                for (size_t k = 0; k < d->n_notes; k++)
                        table_note(t, PRINT_PLAIN, "%s", d->notes[k]);
        }
        table_print(t, &c->out);
        return CLI_EXIT_WELL;
}

static CliExit show(const Cli *c, PolicyOptions *o, PolicyFor only)
{
        _cleanup_(policies_done) Policies all = policies_make(o);

        if (c->output)
                return write_documents(c, &all, only);
        if (c->json)
                print_documents_json(&c->out, &all, only);
        else
                print_documents(&c->out, &all, only);
        return CLI_EXIT_WELL;
}

CliExit cli_policy(const Cli *c)
{
        _cleanup_(conf_problems_done) ConfProblems problems = {};
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_free_ char *identity = NULL, *guard = NULL, *instance = NULL;
        PolicyOptions o = {};
        PolicyFor only;
        CliExit status = CLI_EXIT_USAGE;

        if (!is_asked_well(c, &only))
                return CLI_EXIT_USAGE;
        if (conf_load(c->config_path, &conf, &problems) < 0) {
                check_print_problems(&(Printer){.out = stderr}, &problems);
                return CLI_EXIT_UNKNOWN;
        }
        identity = identity_of_status(c);
        guard = c->guard_role_arn ? mem_strdup(c->guard_role_arn)
                                  : policy_principal_of(strempty(identity));
        instance = policy_instance_of(strempty(identity));
        o.conf = conf;
        o.guard_arn = guard;
        o.instance_arn = instance;
        if (parse_arns("exempt", c->exempt, &o.exempt, &o.n_exempt) >= 0 &&
            parse_protect(c->protect, &o) >= 0)
                status = show(c, &o, only);
        mem_free_strv(o.exempt, o.n_exempt);
        mem_free_strv(o.protect, o.n_protect);
        return status;
}
