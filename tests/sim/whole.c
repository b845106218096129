/* SPDX-License-Identifier: Apache-2.0 */

#include "whole.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/incidentjson.h"
#include "guard.h"

#define FETCHES_PER_MINUTE 128
#define LOOKS_MAX 10000000 /* at the disk: seconds */

/* Deadlines of calls.c and what a look of two calls may take, with a turn of the loop. */
static const uint64_t patience_usec[_INPUT_KIND_MAX] = {
        [INPUT_POLLED] = 10 * USEC_PER_SEC,    [INPUT_STARTED] = 15 * USEC_PER_SEC,
        [INPUT_FOUND] = 20 * USEC_PER_SEC,     [INPUT_SENT] = 30 * USEC_PER_SEC,
        [INPUT_INSPECTED] = 20 * USEC_PER_SEC,
};

void whole_draw(World *w)
{
        static const int64_t lifetimes[] = {20, 60, 360};
        Whole *x = mem_new0(Whole);
        Rng *r = &w->rng;

        w->whole = x;
        x->world = w;
        x->environment = rng_chance(r, 20);
        x->n_accounts = rng_chance(r, 50) ? 2 : 1;
        x->sessions.lifetime_msec =
                lifetimes[rng_below(r, ELEMENTSOF(lifetimes))] * MSEC_PER_MINUTE;
        x->sessions.stable = rng_chance(r, 50);
        x->accounts[0].region = x->accounts[1].region = (char *)"us-east-1";
        x->accounts[1].role_arn = "arn:aws:iam::111122223333:role/guard";
        x->accounts[1].external_id = "an-id";
        x->conf = (Conf){.accounts = x->accounts,
                         .n_accounts = x->n_accounts,
                         .heartbeat = true,
                         .heartbeat_region = (char *)"us-east-1",
                         .heartbeat_namespace = (char *)"trailsentry"};
}

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        Whole *x = userdata;

        x->stored = true;
        x->store_result = error;
}

void whole_boot(World *w)
{
        Whole *x = w->whole;
        Manager *m = &x->manager;
        _cleanup_free_ char *error = NULL;
        const AwsSettings settings = {};
        AccountsOptions o = {
                .conf = &x->conf, .settings = &settings, .env = &x->net.env, .hostname = "guard-1"};

        net_init(&x->net, w);
        x->network = (Network){.http = &x->net.http, .env = &x->net.env};
        if (accounts_new(&o, &x->network.accounts, &error) < 0)
                world_violation(w, "no accounts: %s", error);
        m->conf = &x->conf;
        m->network = &x->network;
        m->core = w->guard->core;
        m->identities = mem_alloc0(x->n_accounts * sizeof(m->identities[0]));
        calls_forget_answers(m, w->n_trails);
}

void whole_kill(World *w)
{
        Whole *x = w->whole;
        Manager *m = &x->manager;

        if (!m->core)
                return;
        calls_cancel_all(m);
        calls_forget_answers(m, 0);
        mem_free_strv(m->identities, x->n_accounts);
        x->network.accounts = accounts_free(x->network.accounts);
        m->spool = spool_free(m->spool, USEC_PER_MINUTE);
        m->core = NULL;
        if (x->identity)
                x->identity->slot = NULL;
        x->identity = NULL;
        x->n_pending = 0;
        free(TAKE_PTR(x->pending));
        if (x->net.n_timers > 0 || x->net.n_calls > 0)
                world_violation(w, "the client leaves %zu timers and %zu requests behind",
                                x->net.n_timers, x->net.n_calls);
}

static void remove_folder(const char *path)
{
        DIR *folder = opendir(path);
        const struct dirent *e;

        while (folder && (e = readdir(folder)))
                if (e->d_name[0] != '.' || e->d_name[1])
                        (void)unlinkat(dirfd(folder), e->d_name, 0);
        if (folder)
                (void)closedir(folder);
        (void)rmdir(path);
}

static void remove_folders(const char *path)
{
        _cleanup_free_ char *finished = mem_printf("%s/finished", path);

        remove_folder(finished);
        remove_folder(path);
}

void whole_free(World *w)
{
        Whole *x = w->whole;

        if (!x)
                return;
        whole_kill(w);
        if (*x->folder)
                remove_folders(x->folder);
        sd_event_unref(x->manager.event);
        free(x->sessions.items);
        free(x);
}

/* As the manager: again in a minute until it is known, and then now and then. */
static void on_identity(World *w, void *slot)
{
        Whole *x = slot;
        bool all = true;

        x->identity = NULL;
        for (size_t i = 0; i < x->n_accounts; i++) {
                all = all && x->manager.identities[i];
                calls_identity(&x->manager, i);
        }
        x->identity = world_call_at(w, w->now_usec + (all ? USEC_PER_HOUR : USEC_PER_MINUTE),
                                    on_identity, x);
}

void whole_identify(World *w)
{
        if (!w->whole->identity)
                on_identity(w, w->whole);
}

/* What calls.c tells its manager of. */
void manager_step(Manager *m, const Input *in)
{
        Whole *x = (Whole *)m;
        Input heard = *in;

        for (size_t i = 0; i < x->n_pending; i++) {
                const Pending *p = &x->pending[i];

                if (p->answer != in->kind || p->trail != in->trail || p->batch != in->batch ||
                    !streq(p->incident, strempty(in->incident)) || p->sequence != in->sequence ||
                    !streq(p->topic, strempty(in->topic_arn)))
                        continue;
                x->pending[i] = x->pending[--x->n_pending];
                break;
        }
        if (!x->world->failed)
                guard_hear(x->world, &heard);
}

static void expect_answer(Whole *x, InputKind answer, const Action *a)
{
        Pending *p = mem_push0(x->pending, x->n_pending);

        p->answer = answer;
        p->trail = answer == INPUT_FOUND || answer == INPUT_SENT ? SIZE_MAX : a->trail;
        p->since_usec = x->world->now_usec;
        p->batch = a->batch;
        if (answer == INPUT_SENT)
                memcpy(p->incident, a->incident->id, sizeof(p->incident));
        if (answer != INPUT_SENT)
                return;
        p->sequence = a->message->sequence;
        (void)snprintf(p->topic, sizeof(p->topic), "%s", a->topic_arn);
}

/* Promise 1: with credentials at hand, the request is on its way before this returns. */
static void start_logging(Whole *x, const Action *a)
{
        unsigned account = core_trail_config(x->manager.core, a->trail)->account;
        AwsClient *client = accounts_client(x->network.accounts, account);
        bool at_hand = cred_cache_peek(aws_client_credentials(client)) != NULL;
        unsigned before = x->n_starts;

        calls_start_logging(&x->manager, a->trail);
        if (at_hand && x->n_starts == before)
                world_violation(x->world, "StartLogging is not sent in the turn that asks for it");
}

void whole_carry_out(World *w, const Action *a)
{
        static const InputKind answers[_ACTION_KIND_MAX] = {
                [ACTION_POLL] = INPUT_POLLED,       [ACTION_START_LOGGING] = INPUT_STARTED,
                [ACTION_LOOKUP] = INPUT_FOUND,      [ACTION_SEND] = INPUT_SENT,
                [ACTION_INSPECT] = INPUT_INSPECTED,
        };
        Whole *x = w->whole;
        Manager *m = &x->manager;

        if (answers[a->kind])
                expect_answer(x, answers[a->kind], a);
        if (a->kind == ACTION_POLL)
                calls_poll(m, a->trail);
        else if (a->kind == ACTION_START_LOGGING)
                start_logging(x, a);
        else if (a->kind == ACTION_INSPECT)
                calls_inspect(m, a->trail);
        else if (a->kind == ACTION_LOOKUP)
                calls_lookup(m, a);
        else if (a->kind == ACTION_SEND)
                calls_send(m, a);
        else if (a->kind == ACTION_HEARTBEAT)
                calls_heartbeat(m, &a->trail, 1);
}

void whole_check_step(World *w)
{
        const Whole *x = w->whole;

        for (size_t i = 0; i < x->n_pending; i++) {
                const Pending *p = &x->pending[i];

                if (w->now_usec > p->since_usec + patience_usec[p->answer] + USEC_PER_MSEC)
                        world_violation(w, "a call for input %d has not ended by its deadline",
                                        (int)p->answer);
        }
}

void whole_note_request(World *w, const SimRequest *q)
{
        Whole *x = w->whole;
        const char *target = strrchr(service_header(q, "X-Amz-Target"), '.');
        uint64_t *fetch = &x->fetches[x->n_fetches % FETCHES_PER_MINUTE];

        x->n_requests++;
        if (target && streq(target, ".StartLogging"))
                x->n_starts++;
        if (target || strncmp(q->host, "sns.", 4) == 0)
                return;
        if (x->n_fetches++ >= FETCHES_PER_MINUTE && *fetch + USEC_PER_MINUTE > w->now_usec)
                world_violation(w, "credentials are asked for over and over");
        *fetch = w->now_usec;
}

static void on_loaded(void *userdata, SpoolContent *content, int error)
{
        Whole *x = userdata;

        x->loaded = true;
        if (!content)
                world_violation(x->world, "the folder cannot be read: %s", strerror(-error));
        for (size_t k = 0; content && k < content->n_losses; k++)
                world_violation(x->world, "%s", content->losses[k].what);
        for (size_t k = 0; content && k < content->n_memories; k++)
                core_restore_memory(x->manager.core, &content->memories[k]);
        for (size_t k = 0; content && k < content->n_incidents; k++)
                disk_restore_incident(x->world, TAKE_PTR(content->incidents[k]));
}

static void run_until(Whole *x, const bool *done)
{
        while (!*done)
                if (sd_event_run(x->manager.event, UINT64_MAX) < 0)
                        abort();
}

/* The folder and the spool, which reads what is in there, once there is something to keep. */
static Spool *spool_of(World *w)
{
        Whole *x = w->whole;
        Manager *m = &x->manager;
        struct stat st;

        if (m->spool)
                return m->spool;
        if (!*x->folder) {
                (void)snprintf(x->folder, sizeof(x->folder), "%s/ts-sim.XXXXXX",
                               stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
                if (!mkdtemp(x->folder) || sd_event_new(&m->event) < 0)
                        abort();
        }
        SpoolOptions o = {.event = m->event,
                          .directory = x->folder,
                          .callback = on_stored,
                          .loaded = on_loaded,
                          .userdata = x};
        x->loaded = false;
        if (spool_new(&o, &m->spool) < 0)
                abort();
        run_until(x, &x->loaded);
        return m->spool;
}

/* When it is written is the world's to say, so that the spool's thread is waited for. */
int whole_store(World *w, Event *e)
{
        Whole *x = w->whole;
        Spool *s = spool_of(w);

        x->stored = false;
        if (e->kind == EVENT_MEMORY_STORED)
                spool_store_memories(s, TAKE_PTR(e->text));
        else
                spool_store_incident(s, e->incident, e->generation, TAKE_PTR(e->text));
        run_until(x, &x->stored);
        return x->store_result;
}

/* Nobody is told when that has been done, so that it is looked at. */
void whole_archive(World *w, const char *id)
{
        _cleanup_free_ char *path = mem_printf("%s/%s.json", w->whole->folder, id);
        unsigned looks = 0;

        spool_archive(spool_of(w), id);
        while (access(path, F_OK) == 0 && looks++ < LOOKS_MAX)
                (void)sched_yield();
        if (looks > LOOKS_MAX)
                world_violation(w, "the spool does not put %s away", id);
}

void whole_restore(World *w)
{
        _cleanup_(spool_content_done) SpoolContent all = {};

        if (*w->whole->folder && spool_peek(w->whole->folder, &all) < 0)
                world_violation(w, "the folder cannot be read");
        for (size_t k = 0; k < all.n_incidents; k++)
                for (size_t n = 0; n < all.n_finished; n++)
                        if (streq(all.incidents[k]->id, all.finished[n]))
                                disk_restore_archived(w, all.incidents[k]);
        (void)spool_of(w);
}
