/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool makes of the files that it finds. */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "base/mem.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

#define ID_A "00000000000000aa"
#define ID_B "00000000000000bb"
#define TRAIL "arn:aws:cloudtrail:eu-central-1:111122223333:trail/abc"

typedef struct Fixture {
        char *folder;
        Incident **incidents;
        size_t n_incidents;
        TrailMemory *memories;
        size_t n_memories;
        char *corrupt; /* "name reason\n" each */
} Fixture;

static void on_incident(void *userdata, Incident *incident)
{
        Fixture *f = userdata;

        *mem_push0(f->incidents, f->n_incidents) = incident;
}

static void on_memory(void *userdata, const TrailMemory *memory)
{
        Fixture *f = userdata;
        TrailMemory *m = mem_push0(f->memories, f->n_memories);

        *m = *memory;
        m->arn = mem_strdup(memory->arn);
}

static void on_corrupt(void *userdata, const char *path, const char *reason)
{
        Fixture *f = userdata;
        char *all = mem_printf("%s%s %s\n", f->corrupt, path + strlen(f->folder) + 1, reason);

        free(f->corrupt);
        f->corrupt = all;
}

static void forget_loaded(Fixture *f)
{
        for (size_t i = 0; i < f->n_incidents; i++)
                incident_free(f->incidents[i]);
        for (size_t i = 0; i < f->n_memories; i++)
                trail_memory_done(&f->memories[i]);
        free(f->incidents);
        free(f->memories);
        f->incidents = NULL;
        f->memories = NULL;
        f->n_incidents = f->n_memories = 0;
        mem_strset(&f->corrupt, "");
}

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        f->folder = mem_strdup("/tmp/test-spoolload-XXXXXX");
        f->corrupt = mem_strdup("");
        *state = f;
        return mkdtemp(f->folder) ? 0 : -1;
}

static int teardown(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *command = mem_printf("rm -rf '%s'", f->folder);

        forget_loaded(f);
        free(f->corrupt);
        free(f->folder);
        free(f);
        return system(command);
}

static char *path_in(const Fixture *f, const char *name)
{
        return mem_printf("%s/%s", f->folder, name);
}

static char *content_of(const Fixture *f, const char *name)
{
        _cleanup_free_ char *path = path_in(f, name);
        char *text = mem_alloc0(4096);
        FILE *file = fopen(path, "r");
        size_t n;

        if (!file) {
                free(text);
                return NULL;
        }
        n = fread(text, 1, 4095, file);
        text[n] = '\0';
        (void)fclose(file);
        return text;
}

static void put(const Fixture *f, const char *name, const char *text)
{
        _cleanup_free_ char *path = path_in(f, name);
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void expect_content(const Fixture *f, const char *name, const char *expected)
{
        _cleanup_free_ char *text = content_of(f, name);

        if (!expected)
                assert_null(text);
        else {
                assert_non_null(text);
                assert_string_equal(text, expected);
        }
}

static void load(Fixture *f)
{
        forget_loaded(f);
        assert_int_equal(spool_load(f->folder, &(SpoolLoad){on_incident, on_memory, on_corrupt, f}),
                         0);
}

static char *incident_text(const char *id, bool finished, int64_t detected_msec)
{
        _cleanup_(incident_freep) Incident *i = mem_new0(Incident);
        json_t *object;
        char *text;

        (void)snprintf(i->id, sizeof(i->id), "%s", id);
        i->kind = INCIDENT_STOPPED;
        i->trail_arn = mem_strdup(TRAIL);
        i->severity = SEVERITY_CRITICAL;
        i->detected_msec = detected_msec;
        i->open = !finished;
        i->closed_msec = finished ? detected_msec + 1 : 0;
        i->attribution.state = SEARCH_DONE;
        object = incident_to_json(i);
        text = json_dumps(object, 0);
        json_decref(object);
        return text;
}

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        assert_int_equal(error, 0);
        (*(size_t *)userdata)++;
}

static void on_error(void *userdata, const char *id, uint64_t generation, int error)
{
        *(int *)userdata = error;
}

static void test_round_trip(void **state)
{
        Fixture *f = *state;
        size_t n_stored = 0;
        SpoolOptions options = {
                .directory = f->folder, .callback = on_stored, .userdata = &n_stored};
        sd_event *event;
        Spool *spool;

        assert_true(sd_event_new(&event) >= 0);
        options.event = event;
        assert_int_equal(spool_new(&options, &spool), 0);
        spool_store_incident(spool, ID_A, 7, incident_text(ID_A, false, 1000));
        spool_store_memories(
                spool,
                mem_strdup("{\"version\": 1, \"trails\": [{\"arn\": \"" TRAIL "\", \"seen\": true, "
                           "\"logging\": false, \"start_msec\": 1, \"stop_msec\": 2}]}"));
        while (n_stored < 2)
                assert_true(sd_event_run(event, 30 * USEC_PER_SEC) > 0);
        spool = spool_free(spool, 30 * USEC_PER_SEC);
        sd_event_unref(event);

        load(f);
        assert_string_equal(f->corrupt, "");
        assert_int_equal(f->n_incidents, 1);
        assert_string_equal(f->incidents[0]->id, ID_A);
        assert_true(f->incidents[0]->open);
        assert_int_equal(f->n_memories, 1);
        assert_string_equal(f->memories[0].arn, TRAIL);
        assert_int_equal(f->memories[0].stop_msec, 2);
}

static void put_strange_files(Fixture *f)
{
        _cleanup_free_ char *a = incident_text(ID_A, true, 1), *link = path_in(f, "ee.json"),
                            *folder = path_in(f, "ff.json"), *deep = mem_alloc0(201);

        memset(deep, '[', 100);
        memset(deep + 100, ']', 100);
        put(f, ID_A ".json", a);
        put(f, ID_B ".json", a);
        put(f, "01.json", "{\"version\": 1, \"id\": \"01\"");
        put(f, "02.json", "");
        put(f, "03.json", "{\"version\": 99}");
        put(f, "04.json", deep);
        put(f, "05.json", "{\"version\": 1, \"version\": 1}");
        put(f, "notes.json", "not ours");
        put(f, "README", "not ours");
        put(f, ".00.json.tmp", "half a fi");
        assert_int_equal(symlink("README", link), 0);
        assert_int_equal(mkdir(folder, 0700), 0);
        put(f, "trails.json",
            "{\"version\": 1, \"trails\": [{\"arn\": 5}, {\"arn\": \"" TRAIL "\", \"seen\": true, "
            "\"logging\": true, \"start_msec\": 1, \"stop_msec\": 0}]}");
}

static void test_corrupt_files_are_set_aside(void **state)
{
        Fixture *f = *state;

        put_strange_files(f);
        load(f);
        assert_int_equal(f->n_incidents, 1);
        assert_string_equal(f->incidents[0]->id, ID_A);
        assert_int_equal(f->n_memories, 1);
        assert_string_equal(f->memories[0].arn, TRAIL);
        assert_non_null(strstr(f->corrupt, ID_B ".json holds another incident"));
        assert_non_null(
                strstr(f->corrupt, "\n01.json is not JSON; set aside as 01.json.corrupt\n"));
        assert_non_null(strstr(f->corrupt, "\n02.json is empty; set aside as 02.json.corrupt\n"));
        assert_non_null(strstr(f->corrupt, "\n03.json is not an incident of version 1"));
        assert_non_null(strstr(f->corrupt,
                               "\n04.json is nested too deeply; set aside as 04.json.corrupt\n"));
        assert_non_null(
                strstr(f->corrupt, "\n05.json is not JSON; set aside as 05.json.corrupt\n"));
        assert_non_null(strstr(f->corrupt,
                               "\nee.json is not a regular file; set aside as ee.json.corrupt\n"));
        assert_non_null(strstr(f->corrupt,
                               "\nff.json is not a regular file; set aside as ff.json.corrupt\n"));
        assert_non_null(strstr(f->corrupt, "\ntrails.json is not a list of trails"));
        expect_content(f, ".00.json.tmp", NULL);
        expect_content(f, "notes.json", "not ours");
        expect_content(f, "01.json", NULL);
        expect_content(f, "02.json.corrupt", "");

        load(f);
        assert_string_equal(f->corrupt, "");
        assert_int_equal(f->n_incidents, 1);
}

static void test_peek_changes_nothing(void **state)
{
        Fixture *f = *state;

        put_strange_files(f);
        assert_int_equal(spool_peek(f->folder, &(SpoolLoad){on_incident, on_memory, on_corrupt, f}),
                         0);
        assert_int_equal(f->n_incidents, 1);
        assert_int_equal(f->n_memories, 1);
        assert_non_null(strstr(f->corrupt, "\n02.json is empty\n"));
        expect_content(f, "02.json", "");
        expect_content(f, ".00.json.tmp", "half a fi");
}

static void test_unreadable_file_stays(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *a = incident_text(ID_A, true, 1), *path = path_in(f, ID_A ".json");
        uid_t user = geteuid();

        put(f, ID_A ".json", a);
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(chmod(f->folder, 0777), 0);
        if (user == 0)
                assert_int_equal(seteuid(65534), 0);
        load(f);
        if (user == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(f->n_incidents, 0);
        assert_string_equal(f->corrupt, ID_A ".json cannot be read: Permission denied\n");
        assert_int_equal(access(path, F_OK), 0);
}

/* The baseline stands in it and nowhere else: it waits until somebody can read it. */
static void test_unreadable_memories_are_not_written_over(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = path_in(f, "trails.json");
        int error = 1; /* of what was stored last */
        SpoolOptions options = {.directory = f->folder, .callback = on_error, .userdata = &error};
        SpoolLoad to = {on_incident, on_memory, on_corrupt, f};
        uid_t user = geteuid();

        put(f, "trails.json", "with the baseline");
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(chmod(f->folder, 0777), 0);
        assert_true(sd_event_new(&options.event) >= 0);
        assert_int_equal(spool_new(&options, &to.spool), 0);
        if (user == 0)
                assert_int_equal(seteuid(65534), 0);
        assert_int_equal(spool_load(f->folder, &to), 0);
        if (user == 0)
                assert_int_equal(seteuid(0), 0);
        assert_string_equal(f->corrupt, "trails.json cannot be read: Permission denied\n");

        spool_store_memories(to.spool, mem_strdup("without"));
        while (error > 0)
                assert_true(sd_event_run(options.event, 30 * USEC_PER_SEC) > 0);
        assert_int_equal(error, -EACCES);
        assert_int_equal(chmod(path, 0600), 0);
        expect_content(f, "trails.json", "with the baseline");

        /* Who takes it away has decided. */
        assert_int_equal(unlink(path), 0);
        spool_store_memories(to.spool, mem_strdup("without"));
        spool_store_memories(to.spool, mem_strdup("anew"));
        spool_free(to.spool, 30 * USEC_PER_SEC);
        assert_int_equal(error, 0);
        expect_content(f, "trails.json", "anew");
        sd_event_unref(options.event);
}

static void test_file_too_large_to_read(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = path_in(f, ID_A ".json");

        put(f, ID_A ".json", "{");
        assert_int_equal(truncate(path, (off_t)SPOOL_FILE_MAX + 1), 0);
        load(f);
        assert_string_equal(f->corrupt, ID_A ".json is larger than 16 MiB; set aside as " ID_A
                                             ".json.corrupt\n");
}

static void test_incidents_come_in_the_order_of_detection(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *a = incident_text(ID_A, true, 2000),
                            *b = incident_text(ID_B, false, 1000);

        put(f, ID_A ".json", a);
        put(f, ID_B ".json", b);
        load(f);
        assert_int_equal(f->n_incidents, 2);
        assert_string_equal(f->incidents[0]->id, ID_B);
        assert_string_equal(f->incidents[1]->id, ID_A);
}

static void test_load_without_a_folder(void **state)
{
        Fixture *f = *state;
        SpoolLoad to = {on_incident, on_memory, on_corrupt, f};

        assert_int_equal(spool_load("/nonexistent/state", &to), 0);
        assert_int_equal(spool_peek("/nonexistent/state", &to), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(TEST(test_round_trip), TEST(test_corrupt_files_are_set_aside),
          TEST(test_peek_changes_nothing), TEST(test_unreadable_file_stays),
          TEST(test_unreadable_memories_are_not_written_over), TEST(test_file_too_large_to_read),
          TEST(test_incidents_come_in_the_order_of_detection), TEST(test_load_without_a_folder))
