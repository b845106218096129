/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the seeds of fuzz-restore: what is on disk at moments in the life of the real core, so
 * that each kind of incident is there in each of its phases.
 *
 *     restore-seeds FOLDER */
#include <stdio.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "core/incidentjson.h"
#include "../unit/core-fixture.h"

static const char *folder;
static unsigned n_saved;

static void save(const Rig *r, const char *name, const char *life)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", folder, name);
        json_t *root = json_object(), *trails = json_array(), *incidents = json_array();

        for (size_t k = 0; k < core_n_trails(r->core); k++)
                json_append(trails, trail_memory_to_json(core_trail_memory(r->core, k)));
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                json_append(incidents, incident_to_json(core_incident(r->core, k)));
        json_set(root, "trails", trails);
        json_set(root, "incidents", incidents);
        json_set(root, "life", json_string(life));
        json_set(root, "late", json_integer(n_saved++ % 3));
        if (json_dump_file(root, path, JSON_COMPACT) < 0) {
                perror(path);
                exit(1);
        }
        json_decref(root);
}

static const RecordFacts by_mallory[] = {{.at = RIG_STOP}};

static Rig *seen(const RigOptions *o)
{
        Rig *r = rig_new(o);

        rig_live(r, 7 * USEC_PER_SEC);
        return r;
}

static void stop(Rig *r)
{
        r->truth.is_logging = false;
        r->truth.stop_logging_msec = r->now.wall_msec - 1500;
}

/* From the first moment on. */
static void stopped(void)
{
        Rig *r = rig_new_stopped(NULL);

        save(r, "stopped-requested", "p!m");
        rig_started(r, AWS_ERROR_NONE, "r-1");
        save(r, "stopped-accepted", "sp!mm");
        r = rig_free(r);

        r = seen(NULL);
        r->starts = AWS_ERROR_DENIED;
        stop(r);
        rig_live(r, 30 * USEC_PER_SEC);
        save(r, "stopped-failing", "sf!mh");
        r->starts = AWS_ERROR_NONE;
        r->records = by_mallory;
        r->n_records = 1;
        rig_live(r, 2 * USEC_PER_MINUTE);
        save(r, "stopped-settling", "s!mhd");
        rig_live(r, USEC_PER_MINUTE);
        r->sends = AWS_ERROR_DENIED;
        stop(r);
        rig_live(r, USEC_PER_MINUTE);
        save(r, "stopped-unsent", "e!md");
        r = rig_free(r);

        r = rig_new(&(RigOptions){.action = TRAIL_ACTION_ALERT});
        rig_live(r, 7 * USEC_PER_SEC);
        stop(r);
        rig_live(r, 2 * USEC_PER_HOUR);
        save(r, "stopped-alert-reminded", "h!hd");
        rig_free(r);
}

static void other_kinds(void)
{
        Rig *r = seen(NULL);

        rig_truth(r, true, 6000, 5000);
        rig_live(r, 12 * USEC_PER_SEC);
        save(r, "blink", "s!mhd");
        rig_live(r, 25 * USEC_PER_HOUR);
        save(r, "nothing-open", "smh");
        r = rig_free(r);

        r = rig_new(NULL);
        rig_truth(r, false, RIG_START, 0);
        rig_live(r, 3 * USEC_PER_SEC);
        save(r, "already-stopped-untimed", "pm");
        r = rig_free(r);

        r = rig_new(NULL);
        rig_truth(r, true, 0, -5000);
        r->truth.start_logging_msec = BASE - 1000;
        rig_live(r, 3 * USEC_PER_SEC);
        save(r, "recent-stop", "m!md");
        r = rig_free(r);

        r = seen(NULL);
        r->truth = (TrailStatus){};
        rig_live(r, 2 * USEC_PER_MINUTE);
        save(r, "recreated", "n!mh");
        r = rig_free(r);

        r = seen(NULL);
        r->polls = AWS_ERROR_NOT_FOUND;
        rig_live(r, 2 * USEC_PER_MINUTE);
        save(r, "deleted", "x!mx");
        r = rig_free(r);

        r = rig_new(NULL);
        r->polls = AWS_ERROR_NOT_FOUND;
        rig_live(r, USEC_PER_MINUTE);
        save(r, "not-found", "x!mx");
        r = rig_free(r);

        r = seen(NULL);
        r->polls = AWS_ERROR_DENIED;
        rig_live(r, 2 * USEC_PER_HOUR);
        save(r, "cannot-see", "tm!ht");
        r = rig_free(r);

        r = seen(NULL);
        for (int k = 1; k <= 3; k++) {
                r->truth.start_logging_msec = r->now.wall_msec;
                rig_live(r, 12 * USEC_PER_SEC);
        }
        save(r, "other-controller", "s!mhd");
        rig_free(r);
}

static void changes(void)
{
        Rig *r = seen(NULL);

        rig_live(r, 3 * USEC_PER_MINUTE);
        r->settings.description.log_file_validation = false;
        free(r->settings.description.s3_bucket_name);
        r->settings.description.s3_bucket_name = mem_strdup("another-bucket");
        rig_select(r, "{\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\"}]}");
        rig_live(r, 3 * USEC_PER_MINUTE);
        save(r, "drift", "gm!gma");
        rig_step(r, &(Input){.kind = INPUT_ACCEPT, .trail = 0, .by = "root"});
        save(r, "drift-accepted", "gmm");
        r = rig_free(r);

        r = seen(NULL);
        rig_live(r, USEC_PER_MINUTE);
        r->truth.latest_delivery_error = (char *)"NoSuchBucket";
        rig_live(r, USEC_PER_MINUTE);
        save(r, "delivery", "mqm");
        r = rig_free(r);

        r = seen(NULL);
        r->looks = AWS_ERROR_DENIED;
        rig_live(r, 3 * USEC_PER_MINUTE);
        save(r, "uninspected", "imi");
        rig_free(r);
}

static void notices(void)
{
        const MaintenanceRequest m = {
                .for_msec = MSEC_PER_HOUR, .reason = "the bucket moves", .who = "root"};
        Rig *r = seen(NULL);

        rig_step(r,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        rig_live(r, 5 * USEC_PER_SEC);
        stop(r);
        rig_live(r, USEC_PER_MINUTE);
        save(r, "maintenance", "mch");
        r = rig_free(r);

        r = rig_new(&(RigOptions){.n_topics = 2});
        rig_live(r, 7 * USEC_PER_SEC);
        r->sends = AWS_ERROR_NOT_FOUND;
        stop(r);
        rig_live(r, USEC_PER_MINUTE);
        save(r, "topic-failing", "emem");
        r = rig_free(r);

        r = seen(NULL);
        TrailConfig trails[] = {{.arn = TRAIL "-2", .poll_usec = 10 * USEC_PER_SEC}};
        TopicConfig topics[] = {{.arn = TOPIC2}};
        CoreConfig config = {.policy = &policy_default,
                             .trails = trails,
                             .n_trails = 1,
                             .topics = topics,
                             .n_topics = 1,
                             .n_accounts = 1};
        stop(r);
        rig_live(r, 5 * USEC_PER_SEC);
        rig_step(r, &(Input){.kind = INPUT_RECONFIGURE, .trail = SIZE_MAX, .config = &config});
        save(r, "reconfigured", "rmr");
        rig_free(r);
}

static void lost(void)
{
        Rig *r = rig_new(&(RigOptions){.awaiting = true, .n_topics = 2});
        Message m = {.sequence = 2,
                     .phase = PHASE_CLOSED,
                     .subject = mem_strdup("CLOSED: it"),
                     .body = mem_strdup("It is over.\n")};
        mem_push0(m.deliveries, m.n_deliveries)->topic_arn = mem_strdup(TOPIC);
        StateLoss l = {.what = (char *)"a file is damaged",
                       .id = "00000000000000aa",
                       .unsent = &m,
                       .n_unsent = 1};

        rig_live(r, 3 * USEC_PER_SEC);
        rig_restored(r, "the disk does not answer");
        rig_live(r, 3 * USEC_PER_SEC);
        save(r, "state-missing", "m!m");
        rig_step(r, &(Input){.kind = INPUT_RESTORED,
                             .trail = SIZE_MAX,
                             .report = &(StateReport){
                                     .no_memories = true, .losses = &l, .n_losses = 1}});
        save(r, "state-lost", "em!em");
        rig_free(r);
}

static void groups(void)
{
        Rig *r = seen(NULL);

        for (int k = 0; k < 6; k++) {
                stop(r);
                rig_live(r, 20 * USEC_PER_SEC);
        }
        save(r, "series", "m!sbm");
        rig_live(r, 3 * USEC_PER_MINUTE);
        r->records = by_mallory;
        r->n_records = 1;
        rig_live(r, 20 * USEC_PER_MINUTE);
        save(r, "series-over", "sb!mhd");
        r = rig_free(r);

        r = rig_new(&(RigOptions){.n_trails = 5});
        rig_live(r, 12 * USEC_PER_SEC);
        r->starts = AWS_ERROR_DENIED;
        stop(r);
        rig_live(r, USEC_PER_MINUTE);
        save(r, "storm", "fs!mhd");
        rig_free(r);
}

int main(int argc, char *argv[])
{
        if (argc != 2) {
                fputs("usage: restore-seeds FOLDER\n", stderr);
                return 2;
        }
        folder = argv[1];
        stopped();
        other_kinds();
        changes();
        notices();
        groups();
        lost();
        return 0;
}
