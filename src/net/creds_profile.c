/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile of AWS's shared files says about credentials. A profile with a role leads to the
 * profile or origin that the role is assumed with, and so on; the way is walked forward first, to
 * where the first credentials are, and the roles are then put on top from its end.
 *
 * Keys count before a role only in a profile that another one leads to; a profile may be its own
 * source_profile, which means its keys.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html */

#include <strings.h>

#include "base/escape.h"
#include "base/mem.h"
#include "net/credchain.h"

#define PROFILES_MAX 32
#define NAME_MAX_CHARS 64
#define DURATION_MIN_SEC 900
#define DURATION_MAX_SEC 43200

typedef struct Walk {
        const CredChainOptions *o;
        const ProfileSet *set;
        const char *profiles[PROFILES_MAX]; /* from the first to where the way ends */
        size_t n;
        size_t n_roles; /* that are to be assumed: of the first so many profiles */
        StrBuf name;
        char **reterr_text;
} Walk;

static int fail(Walk *w, const char *profile, const char *fmt, ...) _printf_(3, 4);
static int fail(Walk *w, const char *profile, const char *fmt, ...)
{
        _cleanup_free_ char *name = escape_text(profile, NAME_MAX_CHARS), *text = NULL;
        va_list ap;

        va_start(ap, fmt);
        text = mem_vprintf(fmt, ap);
        va_end(ap);
        *w->reterr_text = mem_printf("profile %s %s", name, text);
        return -EINVAL;
}

/* A blank value counts as none. */
static const char *get(const Walk *w, const char *profile, const char *key)
{
        const char *value = profile_get(w->set, profile, key);

        return isempty(value) ? NULL : value;
}

static bool has_keys(const Walk *w, const char *profile)
{
        return get(w, profile, "aws_access_key_id") || get(w, profile, "aws_secret_access_key");
}

/* "a -> b -> a" */
static int fail_cycle(Walk *w, const char *again)
{
        _cleanup_strbuf_ StrBuf way = STRBUF_INIT(1024);

        for (size_t i = 0; i < w->n; i++) {
                escape_add(&way, w->profiles[i], NAME_MAX_CHARS);
                strbuf_add(&way, " -> ");
        }
        escape_add(&way, again, NAME_MAX_CHARS);
        return fail(w, again, "is its own source by way of others: %s", strbuf_str(&way));
}

static int step_to(Walk *w, const char *next)
{
        const char *from = w->n > 0 ? w->profiles[w->n - 1] : NULL;
        _cleanup_free_ char *shown = escape_text(next, NAME_MAX_CHARS);

        for (size_t i = 0; i < w->n; i++)
                if (streq(w->profiles[i], next))
                        return fail_cycle(w, next);
        if (w->n == PROFILES_MAX)
                return fail(w, w->profiles[0], "leads through more than %d others", PROFILES_MAX);
        if (from && !profile_set_has(w->set, next))
                return fail(w, from, "names %s as its source_profile, and there is no such profile",
                            shown);
        strbuf_addf(&w->name, "%s%s", w->n > 0 ? " -> " : "profile ", shown);
        w->profiles[w->n++] = next;
        return 0;
}

/* What a profile with a role needs to be right about. */
static int check_role(Walk *w, const char *profile)
{
        bool source = get(w, profile, "source_profile"),
             named = get(w, profile, "credential_source"),
             web = get(w, profile, "web_identity_token_file");

        if (source && named)
                return fail(w, profile,
                            "has both source_profile and credential_source: one is "
                            "the source of the role's credentials");
        if (!source && !named && !web)
                return fail(w, profile,
                            "has role_arn, but no source_profile, credential_source or "
                            "web_identity_token_file to assume it with");
        if (get(w, profile, "mfa_serial"))
                return fail(w, profile,
                            "asks for an MFA code (mfa_serial), and there is nobody to "
                            "type one: use a role that does not demand it");
        return 0;
}

/* Forward, from w->profiles[0]. */
static int walk(Walk *w)
{
        for (;;) {
                const char *at = w->profiles[w->n - 1], *next;
                int r;

                if ((w->n > 1 && has_keys(w, at)) || !get(w, at, "role_arn"))
                        return 0;
                r = check_role(w, at);
                if (r < 0)
                        return r;
                next = get(w, at, "source_profile");
                if (!next && !get(w, at, "credential_source"))
                        return 0; /* a web identity, which is where the way begins */
                w->n_roles++;
                if (!next || streq(next, at))
                        return 0;
                r = step_to(w, next);
                if (r < 0)
                        return r;
        }
}

static int role_options(Walk *w, const char *profile, CredAssumeRoleOptions *ret)
{
        const char *duration = get(w, profile, "duration_seconds");
        long seconds = 0;
        char *end;

        if (duration) {
                seconds = strtol(duration, &end, 10);
                if (*end || seconds < DURATION_MIN_SEC || seconds > DURATION_MAX_SEC)
                        return fail(w, profile,
                                    "has a duration_seconds that is not between %d and %d",
                                    DURATION_MIN_SEC, DURATION_MAX_SEC);
        }
        *ret = (CredAssumeRoleOptions){
                .role_arn = get(w, profile, "role_arn"),
                .external_id = get(w, profile, "external_id"),
                .session_name = get(w, profile, "role_session_name"),
                .duration_sec = (int)seconds,
        };
        return 0;
}

static int put_role(Walk *w, const char *profile, const char *web_token_file, CredSource **source)
{
        CredAssumeRoleOptions role = {0};
        int r = role_options(w, profile, &role);

        if (r < 0)
                return r;
        role.web_token_file = web_token_file;
        strbuf_add(&w->name, " -> role ");
        escape_add(&w->name, role.role_arn, 256);
        return cred_source_new_role(w->o, get(w, w->profiles[0], "region"), TAKE_PTR(*source),
                                    &role, source, w->reterr_text);
}

/* The origin that credential_source names. */
static int named_source(Walk *w, const char *profile, const char *name, CredSource **ret)
{
        NetEnv *env = w->o->client.env;
        _cleanup_free_ char *text = NULL, *shown = NULL;
        int r;

        if (strcasecmp(name, "Environment") == 0) {
                r = cred_source_new_environment(env, ret, &text);
        } else if (strcasecmp(name, "EcsContainer") == 0) {
                r = cred_source_new_container(env, ret, &text);
        } else if (strcasecmp(name, "Ec2InstanceMetadata") == 0) {
                r = cred_source_new_imds(
                        env, get(w, w->profiles[0], "ec2_metadata_service_endpoint"),
                        get(w, w->profiles[0], "ec2_metadata_service_endpoint_mode"), ret, &text);
        } else {
                shown = escape_text(name, NAME_MAX_CHARS);
                return fail(w, profile,
                            "has credential_source = %s; it is one of Environment, "
                            "Ec2InstanceMetadata, EcsContainer",
                            shown);
        }
        if (r < 0)
                return fail(w, profile, "has credential_source = %s: %s", name,
                            text ? text : "its variables are not set");
        strbuf_addf(&w->name, " -> %s", (*ret)->name);
        return 0;
}

static int keys(Walk *w, const char *profile, CredSource **ret)
{
        _cleanup_free_ char *name = escape_text(profile, NAME_MAX_CHARS),
                            *where = mem_printf("profile %s", name);

        return cred_source_new_keys(w->o->client.env,
                                    &(CredKeys){
                                            .where = where,
                                            .id_name = "aws_access_key_id",
                                            .secret_name = "aws_secret_access_key",
                                            .token_name = "aws_session_token",
                                            .id = get(w, profile, "aws_access_key_id"),
                                            .secret = get(w, profile, "aws_secret_access_key"),
                                            .token = get(w, profile, "aws_session_token"),
                                            .account = get(w, profile, "aws_account_id"),
                                    },
                                    ret, w->reterr_text);
}

/* Where the way ends: the first credentials. -ENXIO when there are none. */
static int first_credentials(Walk *w, const char *profile, CredSource **ret)
{
        const char *token_file = get(w, profile, "web_identity_token_file");
        const char *named = get(w, profile, "credential_source");
        const char *command = get(w, profile, "credential_process");
        bool assumes = w->n_roles == w->n; /* the last one's role is put on top later */
        _cleanup_free_ char *text = NULL;

        if (assumes && named)
                return named_source(w, profile, named, ret);
        if (token_file && !assumes && !(w->n > 1 && has_keys(w, profile))) {
                if (!get(w, profile, "role_arn"))
                        return fail(w, profile, "has web_identity_token_file, but no role_arn");
                strbuf_add(&w->name, " -> web identity");
                return put_role(w, profile, token_file, ret);
        }
        if (has_keys(w, profile))
                return keys(w, profile, ret);
        if (command) {
                if (cred_source_new_process(w->o->client.env, command,
                                            get(w, profile, "aws_account_id"), ret, &text) < 0)
                        return fail(w, profile, "cannot be used: %s", text);
                strbuf_add(&w->name, " -> credential_process");
                return 0;
        }
        if (get(w, profile, "sso_session") || get(w, profile, "sso_start_url") ||
            get(w, profile, "sso_account_id") || get(w, profile, "sso_role_name"))
                return fail(w, profile,
                            "is one of AWS IAM Identity Center, once AWS SSO (sso_...): "
                            "logging in there needs a browser and is out of scope; use a "
                            "role, or keys");
        if (get(w, profile, "login_session"))
                return fail(w, profile,
                            "is one of `aws login` (login_session): logging in needs a "
                            "browser and is out of scope; use a role, or keys");
        if (w->n_roles > 0)
                return fail(w, profile, "is to be the source of a role's credentials and has none");
        return -ENXIO;
}

int cred_source_new_profile(const CredChainOptions *o, const ProfileSet *set, const char *profile,
                            CredSource **ret, char **ret_name, char **reterr_text)
{
        _cleanup_(cred_source_freep) CredSource *source = NULL;
        Walk w = {.o = o, .set = set, .name = STRBUF_INIT(2048), .reterr_text = reterr_text};
        int r;

        r = step_to(&w, profile);
        if (r >= 0)
                r = walk(&w);
        if (r >= 0)
                r = first_credentials(&w, w.profiles[w.n - 1], &source);
        for (size_t i = w.n_roles; r >= 0 && i > 0; i--)
                r = put_role(&w, w.profiles[i - 1], NULL, &source);
        if (r >= 0) {
                *ret_name = mem_strdup(strbuf_str(&w.name)); /* cut, when it is very long */
                *ret = TAKE_PTR(source);
        }
        strbuf_done(&w.name);
        return r;
}
