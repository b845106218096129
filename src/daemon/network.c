/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network.h"

#include <string.h>

#include "base/mem.h"
#include "net/cafile.h"
#include "net/credchain.h"

static const char *get_variable(void *userdata, const char *name)
{
        NetEnv *env = userdata;

        return env->environ_get(env, name);
}

static int settings_read(const AwsSettingsOptions *o, AwsSettings **ret, char **reterr_text)
{
        _cleanup_(aws_settings_freep) AwsSettings *s = NULL;
        int r = aws_settings_new(o, &s, reterr_text);

        if (r >= 0)
                r = aws_settings_check(s, reterr_text);
        if (r >= 0)
                *ret = TAKE_PTR(s);
        return r;
}

static int settings_new(const NetworkOptions *o, Network *n, char **reterr_text)
{
        _cleanup_(profile_set_freep) ProfileSet *profiles = NULL;
        const char *named = n->env->environ_get(n->env, "AWS_CONFIG_FILE");
        _cleanup_free_ char *path = mem_strdup(isempty(named) ? "~/.aws/config" : named);
        int r = cred_profiles_read(n->env, &profiles, reterr_text);

        if (r < 0)
                return r;
        AwsSettingsOptions settings = {
                .conf = o->conf,
                .get = get_variable,
                .userdata = n->env,
                .profiles = profiles,
                .profile = cred_profile_name(n->env, o->conf->profile),
                .profile_path = path,
        };
        r = settings_read(&settings, &n->settings, reterr_text);
        if (r != -EINVAL)
                return r;
        /* When all is well without it, it is AWS's file that is wrong, perhaps only now. */
        _cleanup_(aws_settings_freep) AwsSettings *others = NULL;
        _cleanup_free_ char *ignored = NULL;
        settings.profiles = NULL;
        return settings_read(&settings, &others, &ignored) < 0 ? r : -EBADMSG;
}

static int http_new(const NetworkOptions *o, Network *n, char **reterr_text)
{
        const AwsSettings *s = n->settings;
        HttpCurlOptions http = {
                .event = o->event,
                .ca_file = s->ca_file.value,
                .proxy = isempty(s->proxy.value) ? NULL : s->proxy.value,
                .no_proxy = s->no_proxy.value,
        };
        _cleanup_free_ char *why = NULL;
        int r = http_curl_new(&http, &n->http, &why);

        if (r < 0)
                *reterr_text = http.ca_file ? mem_printf("%s (%s)", why, s->ca_file.origin)
                                            : TAKE_PTR(why);
        /* It has just been read: whatever changes from here on is another file. */
        const char *path = cafile_path(http.ca_file);
        if (r >= 0 && path && stat(path, &n->ca_file) < 0)
                n->ca_file = (struct stat){0};
        return r;
}

int network_new(const NetworkOptions *o, Network **ret, char **reterr_text)
{
        _cleanup_(network_freep) Network *n = mem_new0(Network);
        int r;

        n->env = net_env_new_event(o->event, NULL);
        r = settings_new(o, n, reterr_text);
        if (r >= 0)
                r = http_new(o, n, reterr_text);
        if (r < 0)
                return r;
        n->env->http = n->http;
        AccountsOptions accounts = {
                .conf = o->conf, .settings = n->settings, .env = n->env, .hostname = o->hostname};
        r = accounts_new(&accounts, &n->accounts, reterr_text);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(n);
        return r;
}

Network *network_free(Network *n)
{
        if (!n)
                return NULL;
        accounts_free(n->accounts);
        net_env_free_event(n->env);
        http_curl_free(n->http);
        aws_settings_free(n->settings);
        free(n);
        return NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool network_fits(const Network *n, const Conf *n_conf, const Network *m, const Conf *m_conf)
{
        if (!aws_settings_equal(n->settings, m->settings) || !same_file(&n->ca_file, &m->ca_file) ||
            !streq_ptr(n_conf->profile, m_conf->profile) ||
            n_conf->n_accounts != m_conf->n_accounts)
                return false;
        for (size_t k = 0; k < n_conf->n_accounts; k++) {
                const ConfAccount *a = &n_conf->accounts[k], *b = &m_conf->accounts[k];

                if (!streq_ptr(a->role_arn, b->role_arn) ||
                    !streq_ptr(a->external_id, b->external_id) || !streq(a->region, b->region))
                        return false;
        }
        return true;
}
