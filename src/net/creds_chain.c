/* SPDX-License-Identifier: Apache-2.0 */
/* The choice among the origins of credentials, and the source that makes it anew for each fetch.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
 * https://systemd.io/CREDENTIALS/ */

#include "base/escape.h"
#include "base/mem.h"
#include "net/credchain.h"
#include "net/credfetch.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define PROFILE_DEFAULT "default"

typedef struct ChainSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        CredChainOptions o;                      /* strings owned */
        const char *endpoints[_AWS_SERVICE_MAX]; /* that of STS, owned */
        char *name;                              /* of the last choice */
} ChainSource;

typedef struct ChainFetch {
        CredFetch fetch; /* first: a CredFetch is cast back to us */
        CredSource *chosen;
        CredFetch *inner; /* of chosen, which alone knows what it is */
} ChainFetch;

/* One choice under way. */
typedef struct Choice {
        const CredChainOptions *o;
        NetEnv *env;
        const char *profile;
        ProfileSet *set; /* NULL before the files were looked for */
        CredSource *source;
        char *name; /* NULL: the source's own */
        char *text; /* what is wrong */
} Choice;

static int read_text(NetEnv *env, const char *path, bool named, Secret **ret, char **reterr_text)
{
        int r = env->file_read(env, path, FILE_MAX, ret);

        /* The usual place may be out of sight: ProtectHome=. */
        if (r >= 0 || r == -ENOENT || r == -ENOTDIR || (!named && r == -EACCES))
                return 0;
        *reterr_text = mem_printf("cannot read %s: %s", path,
                                  r == -E2BIG ? "it is larger than 1 MiB" : strerror(-r));
        return r;
}

/* The path that a variable names, or the usual one below HOME; NULL without either. */
static char *shared_file(NetEnv *env, const char *variable, const char *usual)
{
        const char *path = cred_environ(env, variable), *home = cred_environ(env, "HOME");

        if (path && (strncmp(path, "~/", 2) != 0 || !home))
                return mem_strdup(path);
        if (path)
                return mem_printf("%s%s", home, path + 1);
        return home ? mem_printf("%s/.aws/%s", home, usual) : NULL;
}

static int read_shared(NetEnv *env, const char *variable, const char *usual, Secret **ret,
                       char **reterr_text)
{
        _cleanup_free_ char *path = shared_file(env, variable, usual);

        return path ? read_text(env, path, cred_environ(env, variable) != NULL, ret, reterr_text)
                    : 0;
}

int cred_profiles_read(NetEnv *env, ProfileSet **ret, char **reterr_text)
{
        _cleanup_(secret_freep) Secret *config = NULL, *credentials = NULL;
        int r;

        r = read_shared(env, "AWS_CONFIG_FILE", "config", &config, reterr_text);
        if (r >= 0)
                r = read_shared(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &credentials,
                                reterr_text);
        if (r >= 0)
                r = profile_set_parse(config ? secret_expose(config) : NULL,
                                      credentials ? secret_expose(credentials) : NULL, ret,
                                      reterr_text);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r; /* a file that may be written just now */
        return (!config && !credentials) || (!config && cred_environ(env, "AWS_CONFIG_FILE")) ||
               (!credentials && cred_environ(env, "AWS_SHARED_CREDENTIALS_FILE"));
}

/* The profile that somebody has asked for, NULL: nobody. */
static const char *profile_asked(NetEnv *env, const char *option)
{
        const char *name = option ? option : cred_environ(env, "AWS_PROFILE");

        return name ? name : cred_environ(env, "AWS_DEFAULT_PROFILE");
}

const char *cred_profile_name(NetEnv *env, const char *option)
{
        const char *asked = profile_asked(env, option);

        return asked ? asked : PROFILE_DEFAULT;
}

static int choose_systemd(Choice *c)
{
        const char *directory = cred_environ(c->env, "CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL, *name = NULL;
        _cleanup_(secret_freep) Secret *file = NULL;
        _cleanup_(profile_set_freep) ProfileSet *set = NULL;
        int r;

        if (!directory)
                return -ENXIO;
        path = mem_printf("%s/" CRED_SYSTEMD_ID, directory);
        r = read_text(c->env, path, true, &file, &c->text);
        if (r < 0)
                return r;
        if (!file)
                return -ENXIO;
        r = profile_set_parse(NULL, secret_expose(file), &set, &c->text);
        if (r >= 0)
                r = cred_source_new_profile(c->o, set, PROFILE_DEFAULT, &c->source, &name,
                                            &c->text);
        if (r == -ENXIO) {
                c->text = mem_strdup("there are no keys in its section [default]");
                r = -EINVAL;
        }
        if (r < 0) {
                _cleanup_free_ char *why = c->text;
                c->text = mem_printf("systemd credential " CRED_SYSTEMD_ID ": %s", why);
                return r == -EINVAL ? -EBADMSG : r; /* the next start has a new one */
        }
        c->name = mem_strdup("systemd credential");
        return 0;
}

static int choose_environment(Choice *c)
{
        return cred_source_new_environment(c->env, &c->source, &c->text);
}

static int choose_profile(Choice *c)
{
        const char *asked = profile_asked(c->env, c->o->profile);
        int r = cred_profiles_read(c->env, &c->set, &c->text);

        if (r < 0)
                return r;
        c->profile = cred_profile_name(c->env, c->o->profile);
        if (asked && !profile_set_has(c->set, asked)) {
                _cleanup_free_ char *config = shared_file(c->env, "AWS_CONFIG_FILE", "config");
                _cleanup_free_ char *keys =
                        shared_file(c->env, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
                c->text = mem_printf("there is no profile %s in %s or %s", asked,
                                     config ? config : "~/.aws/config",
                                     keys ? keys : "~/.aws/credentials");
                return -ENOENT;
        }
        r = cred_source_new_profile(c->o, c->set, c->profile, &c->source, &c->name, &c->text);
        if (r == -ENXIO && c->o->profile) {
                c->text = mem_printf("profile %s says nothing about credentials", c->profile);
                return -ENOENT;
        }
        return r == -EINVAL ? -ENOENT : r; /* the files are read again for each fetch */
}

static int choose_web_identity(Choice *c)
{
        CredAssumeRoleOptions role = {
                .role_arn = cred_environ(c->env, "AWS_ROLE_ARN"),
                .session_name = cred_environ(c->env, "AWS_ROLE_SESSION_NAME"),
                .web_token_file = cred_environ(c->env, "AWS_WEB_IDENTITY_TOKEN_FILE"),
        };
        int r;

        if (!role.web_token_file)
                return -ENXIO;
        if (!role.role_arn) {
                c->text = mem_strdup("AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
                return -EINVAL;
        }
        r = cred_source_new_role(c->o, profile_get(c->set, c->profile, "region"), NULL, &role,
                                 &c->source, &c->text);
        if (r >= 0) {
                _cleanup_free_ char *shown = escape_text(role.role_arn, 256);
                c->name = mem_printf("web identity -> role %s", shown);
        }
        return r;
}

static int choose_container(Choice *c)
{
        return cred_source_new_container(c->env, &c->source, &c->text);
}

static int choose_imds(Choice *c)
{
        return cred_source_new_imds(
                c->env, profile_get(c->set, c->profile, "ec2_metadata_service_endpoint"),
                profile_get(c->set, c->profile, "ec2_metadata_service_endpoint_mode"), &c->source,
                &c->text);
}

static void choice_done(Choice *c)
{
        profile_set_free(c->set);
        cred_source_free(c->source);
        free(c->name);
        free(c->text);
}

static int choose(ChainSource *s, CredSource **ret, char **reterr_text)
{
        static int (*const origins[])(Choice *) = {
                choose_systemd,      choose_environment, choose_profile,
                choose_web_identity, choose_container,   choose_imds,
        };
        _cleanup_(choice_done) Choice c = {.o = &s->o, .env = s->env};
        int r = -ENXIO;

        if (s->o.profile)
                r = choose_profile(&c);
        else
                for (size_t i = 0; i < ELEMENTSOF(origins) && r == -ENXIO; i++)
                        r = origins[i](&c);
        if (r == -ENXIO) {
                *reterr_text = mem_printf(
                        "there is no systemd credential " CRED_SYSTEMD_ID ", "
                        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, profile %s says "
                        "nothing about credentials, there is no web identity and no container's "
                        "endpoint, and %s",
                        c.profile, c.text);
                return r;
        }
        if (r < 0) {
                *reterr_text = TAKE_PTR(c.text);
                return r;
        }
        free(s->name);
        s->name = c.name ? TAKE_PTR(c.name) : mem_strdup(c.source->name);
        s->source.name = s->name;
        *ret = TAKE_PTR(c.source);
        return 0;
}

static void chain_cancel(CredFetch *fetch)
{
        ChainFetch *f = (ChainFetch *)fetch;

        if (!f)
                return;
        if (f->inner)
                f->chosen->cancel(f->inner);
        cred_source_free(f->chosen);
        cred_fetch_free(fetch);
}

static void on_fetched(void *userdata, AwsCredentials *credentials, const AwsError *error)
{
        ChainFetch *f = userdata;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *kept = aws_credentials_ref(credentials);
        AwsError *e = &f->fetch.error;

        f->inner = NULL;
        if (error)
                *e = *error;
        if (error && streq(f->chosen->name, f->fetch.source->name) &&
            streq(f->chosen->name, "imds")) {
                aws_error_set(e, error->class, error->code,
                              "%s; nor is there a systemd credential, a key in the environment, a "
                              "profile with credentials, a web identity or a container's endpoint",
                              error->message);
                e->status = error->status;
        }
        cred_fetch_finish(&f->fetch, kept);
}

static CredFetch *chain_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        ChainSource *s = (ChainSource *)source;
        ChainFetch *f = mem_new0(ChainFetch);
        _cleanup_free_ char *text = NULL;

        f->fetch = (CredFetch){
                .source = source, .env = s->env, .callback = callback, .userdata = userdata};
        if (choose(s, &f->chosen, &text) >= 0) {
                f->inner = f->chosen->fetch(f->chosen, on_fetched, f);
        } else {
                aws_error_set(&f->fetch.error, AWS_ERROR_CREDENTIALS, "NoCredentials", "%s", text);
                cred_fetch_finish_soon(&f->fetch);
        }
        return &f->fetch;
}

static CredSource *chain_free(CredSource *source)
{
        ChainSource *s = (ChainSource *)source;

        free((char *)s->o.client.user_agent);
        free((char *)s->endpoints[AWS_SERVICE_STS]);
        free((char *)s->o.region);
        free((char *)s->o.profile);
        free((char *)s->o.session_name);
        free(s->name);
        free(s);
        return NULL;
}

int cred_source_new_chain(const CredChainOptions *o, CredSource **ret, char **reterr_text)
{
        ChainSource *s = mem_new0(ChainSource);
        CredSource *first = NULL;
        int r;

        *s = (ChainSource){
                .source = {.name = "none",
                           .fetch = chain_fetch,
                           .cancel = chain_cancel,
                           .free = chain_free},
                .env = o->client.env,
                .o = *o,
        };
        s->o.client.user_agent = mem_strdup(o->client.user_agent);
        if (o->client.endpoints)
                s->endpoints[AWS_SERVICE_STS] = mem_strdup(o->client.endpoints[AWS_SERVICE_STS]);
        s->o.client.endpoints = s->endpoints;
        s->o.region = mem_strdup(o->region);
        s->o.profile = mem_strdup(o->profile);
        s->o.session_name = mem_strdup(o->session_name);

        /* To tell of mistakes at once, and what it is called. */
        r = choose(s, &first, reterr_text);
        cred_source_free(first);
        if (r < 0 && r != -ENXIO && r != -ENOENT) {
                chain_free(&s->source);
                return r;
        }
        *ret = &s->source;
        return r < 0;
}

int cred_source_new_role(const CredChainOptions *o, const char *profile_region, CredSource *base,
                         CredAssumeRoleOptions *role, CredSource **ret, char **reterr_text)
{
        NetEnv *env = o->client.env;
        AwsClientOptions client = o->client;

        role->region = o->region ? o->region : cred_environ(env, "AWS_REGION");
        if (!role->region)
                role->region = cred_environ(env, "AWS_DEFAULT_REGION");
        if (!role->region)
                role->region = profile_region;
        if (isempty(role->region)) {
                cred_source_free(base);
                *reterr_text = mem_printf("cannot assume %s: in which region to ask STS is not "
                                          "known; set AWS_REGION, or region in the profile",
                                          role->role_arn);
                return -EINVAL;
        }
        if (isempty(role->session_name))
                role->session_name = o->session_name;
        client.source = base;
        role->env = env;
        role->client = aws_client_new(&client);
        role->client_taken = true;
        *ret = cred_source_new_assume_role(role);
        return 0;
}
