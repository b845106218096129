/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool makes of the files that it finds. */

#include <sched.h>
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

#define TRAIL_TEXT                                                                                 \
        "{\"arn\": \"" TRAIL                                                                       \
        "\", \"seen\": true, \"logging\": false, \"start_msec\": 1, \"stop_msec\": 2}"
/* As version 0.1.0 has written it. */
#define OLD_MEMORIES "{\n \"version\": 1,\n \"trails\": [" TRAIL_TEXT "]\n}"

typedef struct Fixture {
        char *folder;
        SpoolContent content;
        sd_event *event;
        Spool *spool;
        bool loaded;
        size_t n_stored;
        int error; /* of what was stored last */
} Fixture;

static void on_loaded(void *userdata, SpoolContent *content, int error)
{
        Fixture *f = userdata;

        f->loaded = true;
        assert_int_equal(error, 0);
        assert_non_null(content);
        spool_content_done(&f->content);
        f->content = *content;
        /* What the writer is to have stays with it. */
        f->content.unread = f->content.damaged = f->content.finished = NULL;
        f->content.n_unread = f->content.n_damaged = f->content.n_finished = 0;
        content->memories = NULL;
        content->incidents = NULL;
        content->losses = NULL;
        content->n_memories = content->n_incidents = content->n_losses = 0;
}

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        Fixture *f = userdata;

        f->error = error;
        f->n_stored++;
}

static void spool_open(Fixture *f)
{
        SpoolOptions o = {.event = f->event,
                          .directory = f->folder,
                          .callback = on_stored,
                          .loaded = on_loaded,
                          .userdata = f};

        f->loaded = false;
        assert_int_equal(spool_new(&o, &f->spool), 0);
        while (!f->loaded)
                assert_true(sd_event_run(f->event, 30 * USEC_PER_SEC) > 0);
}

static void spool_close(Fixture *f)
{
        f->spool = spool_free(f->spool, 30 * USEC_PER_SEC);
}

/* What the daemon finds; nothing is set aside yet. */
static void load(Fixture *f)
{
        spool_open(f);
        spool_close(f);
}

static void run_until_stored(Fixture *f, size_t n)
{
        while (f->n_stored < n)
                assert_true(sd_event_run(f->event, 30 * USEC_PER_SEC) > 0);
}

static void peek(Fixture *f)
{
        spool_content_done(&f->content);
        assert_int_equal(spool_peek(f->folder, &f->content), 0);
}

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        f->folder = mem_strdup("/tmp/test-spoolload-XXXXXX");
        *state = f;
        return mkdtemp(f->folder) && sd_event_new(&f->event) >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *command = mem_printf("rm -rf '%s'", f->folder);

        spool_close(f);
        spool_content_done(&f->content);
        sd_event_unref(f->event);
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

static bool is_there(const Fixture *f, const char *name)
{
        _cleanup_free_ char *path = path_in(f, name);

        return access(path, F_OK) == 0;
}

static void wait_until_gone(const Fixture *f, const char *name)
{
        while (is_there(f, name))
                (void)sched_yield();
}

/* One of the losses, as it is told. */
static void expect_loss(const Fixture *f, const char *words)
{
        _cleanup_free_ char *what = mem_printf("%s/%s", f->folder, words);

        for (size_t k = 0; k < f->content.n_losses; k++)
                if (streq(f->content.losses[k].what, what))
                        return;
        for (size_t k = 0; k < f->content.n_losses; k++)
                print_message("%s\n", f->content.losses[k].what);
        fail_msg("not told: %s", what);
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

static void store_memories(Fixture *f)
{
        size_t n = f->n_stored;

        spool_store_memories(f->spool, mem_strdup(OLD_MEMORIES));
        run_until_stored(f, n + 1);
}

static void test_round_trip(void **state)
{
        Fixture *f = *state;

        spool_open(f);
        spool_store_incident(f->spool, ID_A, 7, incident_text(ID_A, false, 1000));
        store_memories(f);
        spool_close(f);
        assert_int_equal(f->error, 0);

        load(f);
        assert_int_equal(f->content.n_losses, 0);
        assert_true(f->content.used);
        assert_int_equal(f->content.n_incidents, 1);
        assert_string_equal(f->content.incidents[0]->id, ID_A);
        assert_true(f->content.incidents[0]->open);
        assert_int_equal(f->content.n_memories, 1);
        assert_string_equal(f->content.memories[0].arn, TRAIL);
        assert_int_equal(f->content.memories[0].stop_msec, 2);
}

static void test_a_new_machine_is_quiet(void **state)
{
        Fixture *f = *state;

        load(f);
        assert_int_equal(f->content.n_losses, 0);
        assert_false(f->content.used);
        assert_false(f->content.no_memories);
        assert_true(is_there(f, "trails.json"));
        load(f);
        assert_int_equal(f->content.n_losses, 0);
        assert_true(f->content.used);
        assert_false(f->content.no_memories);
}

/* Before there was a digest. */
static void test_state_of_before(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *a = incident_text(ID_A, true, 1);

        put(f, "trails.json", OLD_MEMORIES);
        put(f, ID_A ".json", a);
        spool_open(f);
        assert_int_equal(f->content.n_losses, 0);
        assert_int_equal(f->content.n_memories, 1);
        assert_int_equal(f->content.n_incidents, 1);
        spool_archive(f->spool, ID_A);
        wait_until_gone(f, ID_A ".json");
        expect_content(f, "finished/" ID_A ".json", a);
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
        put(f, "03.json", "{\"version\": 1}");
        put(f, "04.json", deep);
        put(f, "05.json", "{\"version\": 1, \"version\": 1}");
        put(f, "06.json", "[]");
        put(f, "notes.json", "not ours");
        put(f, "README", "not ours");
        put(f, ".00.json.tmp", "half a fi");
        assert_int_equal(symlink("README", link), 0);
        assert_int_equal(mkdir(folder, 0700), 0);
        put(f, "trails.json", "{\"version\": 1, \"trails\": [{\"arn\": 5}, " TRAIL_TEXT "]}");
}

static void test_damaged_files_are_set_aside(void **state)
{
        Fixture *f = *state;

        put_strange_files(f);
        spool_open(f);
        assert_int_equal(f->content.n_incidents, 1);
        assert_string_equal(f->content.incidents[0]->id, ID_A);
        assert_int_equal(f->content.n_memories, 1);
        assert_string_equal(f->content.memories[0].arn, TRAIL);
        expect_loss(f, ID_B ".json holds another incident than its name says; set aside as " ID_B
                            ".json.corrupt");
        expect_loss(f, "01.json is not JSON; set aside as 01.json.corrupt");
        expect_loss(f, "02.json is empty; set aside as 02.json.corrupt");
        expect_loss(f, "03.json is not an incident of version 1: id; set aside as "
                       "03.json.corrupt");
        expect_loss(f, "04.json is nested too deeply; set aside as 04.json.corrupt");
        expect_loss(f, "05.json is not JSON; set aside as 05.json.corrupt");
        expect_loss(f, "06.json is not an object; set aside as 06.json.corrupt");
        expect_loss(f, "ee.json is not a regular file; set aside as ee.json.corrupt");
        expect_loss(f, "ff.json is not a regular file; set aside as ff.json.corrupt");
        expect_loss(f, "trails.json does not say what is known of trail number 1");
        assert_int_equal(f->content.n_losses, 10);
        wait_until_gone(f, "ff.json");
        expect_content(f, ".00.json.tmp", NULL);
        expect_content(f, "notes.json", "not ours");
        expect_content(f, "01.json", NULL);
        expect_content(f, "02.json.corrupt", "");

        /* Told when the memories are stored; until then, it is news. */
        store_memories(f);
        spool_close(f);
        load(f);
        assert_int_equal(f->content.n_losses, 0);
        assert_int_equal(f->content.n_incidents, 1);
}

/* The same incident, begun anew: neither takes the place of the other one. */
static void test_damaged_file_of_one_that_is_stored_anew(void **state)
{
        Fixture *f = *state;

        put(f, ID_A ".json", "damaged");
        spool_open(f);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("anew"));
        run_until_stored(f, 1);
        store_memories(f); /* and what is done when there is nothing to write */
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("another"));
        run_until_stored(f, 3);
        assert_int_equal(f->error, 0);
        expect_content(f, ID_A ".json", "anew");
        expect_content(f, ID_A ".json.corrupt", "damaged");
}

#define UNSENT                                                                                     \
        "\"messages\": [{\"sequence\": 3, \"phase\": \"OPEN\", \"severity\": \"high\", "           \
        "\"subject\": \"s\", \"body\": "                                                           \
        "\"b\", \"created_msec\": 5, \"deliveries\": [{\"topic_arn\": "                            \
        "\"arn:aws:sns:eu-central-1:111122223333:t\", \"sent\": false}]}]"

/* After a way back to this version: what a later one has written stays for it. */
static void test_files_of_another_version_are_left_alone(void **state)
{
        Fixture *f = *state;
        static const char later[] = "{\"version\": 2, \"id\": \"" ID_A "\", " UNSENT "}";
        _cleanup_free_ char *text = incident_text(ID_B, false, 1000);
        _cleanup_json_ json_t *o = json_loads(text, 0, NULL);
        _cleanup_free_ char *kind = NULL;

        assert_int_equal(json_object_set_new(o, "kind", json_string("encircled")), 0);
        kind = json_dumps(o, 0);
        put(f, ID_A ".json", later);
        put(f, ID_B ".json", kind);
        put(f, "trails.json", "{\"version\": 7}");
        for (int round = 0; round < 2; round++) {
                f->n_stored = 0;
                spool_open(f);
                assert_int_equal(f->content.n_incidents, 0);
                assert_int_equal(f->content.n_losses, 3);
                expect_loss(f, ID_A ".json has a version that this version does not know; it is "
                                    "left alone");
                expect_loss(f, ID_B ".json has a kind that this version does not know; it is "
                                    "left alone");
                expect_loss(f, "trails.json has version 7, which this version does not know");
                assert_true(f->content.no_memories);
                for (size_t k = 0; k < 3; k++)
                        if (streq(f->content.losses[k].id, ID_A)) {
                                assert_true(f->content.losses[k].foreign);
                                assert_int_equal(f->content.losses[k].n_unsent, 1);
                        }
                spool_store_incident(f->spool, ID_A, 1, mem_strdup("anew"));
                run_until_stored(f, 1);
                assert_int_equal(f->error, -EEXIST);
                store_memories(f);
                assert_int_equal(f->error, -EEXIST);
                spool_close(f);
                expect_content(f, ID_A ".json", later);
                expect_content(f, ID_B ".json", kind);
                expect_content(f, "trails.json", "{\"version\": 7}");
        }
}

static void test_peek_changes_nothing(void **state)
{
        Fixture *f = *state;

        put_strange_files(f);
        peek(f);
        assert_int_equal(f->content.n_incidents, 1);
        assert_int_equal(f->content.n_memories, 1);
        expect_loss(f, "02.json is empty");
        expect_content(f, "02.json", "");
        expect_content(f, ".00.json.tmp", "half a fi");
        assert_false(is_there(f, "lock"));
}

/* Which does not matter to root. */
static void become(uid_t user)
{
        if (getuid() == 0)
                assert_int_equal(seteuid(user), 0);
}

static void test_unreadable_file_stays(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *a = incident_text(ID_A, true, 1), *path = path_in(f, ID_A ".json");

        put(f, ID_A ".json", a);
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(chmod(f->folder, 0777), 0);
        become(65534);
        peek(f);
        become(0);
        assert_int_equal(f->content.n_incidents, 0);
        expect_loss(f, ID_A ".json cannot be read: Permission denied");
        assert_true(is_there(f, ID_A ".json"));
}

/* The baseline stands in it and nowhere else: it waits until somebody can read it. */
static void test_unreadable_memories_are_not_written_over(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = path_in(f, "trails.json");

        put(f, "trails.json", "with the baseline");
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(chmod(f->folder, 0777), 0);
        become(65534);
        spool_open(f);
        become(0);
        expect_loss(f, "trails.json cannot be read: Permission denied");
        assert_true(f->content.no_memories);

        store_memories(f);
        assert_int_equal(f->error, -EACCES);
        assert_int_equal(chmod(path, 0600), 0);
        expect_content(f, "trails.json", "with the baseline");

        /* Who takes it away has decided. */
        assert_int_equal(unlink(path), 0);
        store_memories(f);
        store_memories(f);
        assert_int_equal(f->error, 0);
        spool_close(f);
        load(f);
        assert_int_equal(f->content.n_memories, 1);
        assert_int_equal(f->content.n_losses, 0);
}

static void test_file_too_large_to_read(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = path_in(f, ID_A ".json");

        put(f, ID_A ".json", "{");
        assert_int_equal(truncate(path, (off_t)SPOOL_FILE_MAX + 1), 0);
        load(f);
        expect_loss(f, ID_A ".json is larger than 16 MiB; set aside as " ID_A ".json.corrupt");
}

static void test_incidents_come_in_the_order_of_detection(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *a = incident_text(ID_A, true, 2000),
                            *b = incident_text(ID_B, false, 1000);

        put(f, ID_A ".json", a);
        put(f, ID_B ".json", b);
        load(f);
        assert_int_equal(f->content.n_incidents, 2);
        assert_string_equal(f->content.incidents[0]->id, ID_B);
        assert_string_equal(f->content.incidents[1]->id, ID_A);
}

static void test_peek_without_a_folder(void **state)
{
        Fixture *f = *state;

        assert_int_equal(spool_peek("/nonexistent/state", &f->content), -ENOENT);
}

/* Only their names are read, and all of them when somebody looks. */
static void test_finished_are_not_read(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *a = incident_text(ID_A, true, 1), *folder = path_in(f, "finished");

        assert_int_equal(mkdir(folder, 0700), 0);
        put(f, "finished/" ID_A ".json", a);
        put(f, "finished/" ID_B ".json", "damaged");
        put(f, "trails.json", OLD_MEMORIES);
        load(f);
        assert_int_equal(f->content.n_incidents, 0);
        assert_int_equal(f->content.n_losses, 0);
        peek(f);
        assert_int_equal(f->content.n_finished, 2);
        assert_int_equal(f->content.n_incidents, 1);
        expect_loss(f, "finished/" ID_B ".json is not JSON");
        expect_content(f, "finished/" ID_B ".json", "damaged");
}

/* What is known of the trails, when something happens to it */

static void put_used(Fixture *f, bool copy)
{
        _cleanup_free_ char *path = path_in(f, "trails.json.1");

        spool_open(f);
        store_memories(f);
        store_memories(f);
        spool_close(f);
        if (!copy)
                assert_int_equal(unlink(path), 0);
}

static void cut(const Fixture *f, const char *name, off_t len)
{
        _cleanup_free_ char *path = path_in(f, name);

        assert_int_equal(len < 0 ? unlink(path) : truncate(path, len), 0);
}

static void test_lost_memories(void **state)
{
        static const struct {
                off_t len; /* < 0: it is gone */
                const char *told;
        } cases[] = {{-1, "trails.json is gone"},
                     {0, "trails.json is empty; set aside as trails.json.corrupt"},
                     {60, "trails.json is not JSON; set aside as trails.json.corrupt"}};
        Fixture *f = *state;

        for (size_t k = 0; k < 2 * ELEMENTSOF(cases); k++) {
                bool copy = k % 2;

                put_used(f, copy);
                cut(f, "trails.json", cases[k / 2].len);
                load(f);
                expect_loss(f, cases[k / 2].told);
                assert_true(f->content.used);
                assert_int_equal(f->content.no_memories, !copy);
                assert_int_equal(f->content.n_memories, copy);
                assert_int_equal(f->content.n_losses, copy ? 2 : 1);

                /* Again, until it is stored anew. */
                spool_open(f);
                expect_loss(f, cases[k / 2].told);
                store_memories(f);
                spool_close(f);
                load(f);
                assert_int_equal(f->content.n_losses, 0);
                assert_int_equal(f->content.n_memories, 1);
        }
}

static void test_everything_lost_but_the_lock(void **state)
{
        Fixture *f = *state;

        put_used(f, false);
        cut(f, "trails.json", -1);
        load(f);
        expect_loss(f, "trails.json is gone");
        assert_true(f->content.no_memories);
        load(f);
        assert_true(f->content.no_memories);
}

/* Nothing that is set otherwise goes unseen, wherever the disk has flipped a bit. */
static void test_every_flipped_bit_shows(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *text = NULL;

        put_used(f, false);
        text = content_of(f, "trails.json");
        for (size_t k = 0; text[k]; k++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        char was = text[k];

                        text[k] = (char)((unsigned char)was ^ 1U << bit);
                        put(f, "trails.json", text);
                        peek(f);
                        assert_true(f->content.n_losses > 0 && f->content.no_memories);
                        assert_int_equal(f->content.n_memories, 0);
                        text[k] = was;
                }
        put(f, "trails.json", text);
        peek(f);
        assert_int_equal(f->content.n_losses, 0);
}

/* Which incidents there were is known of those that are not finished. */
static void test_lost_incidents(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *folder = path_in(f, "finished");

        assert_int_equal(mkdir(folder, 0700), 0);
        put(f, "finished/0c.json", "");
        put(f, "0d.json.corrupt", "");
        spool_open(f);
        spool_store_memories(f->spool,
                             mem_strdup("{\n \"version\": 1,\n \"trails\": [],\n \"incidents\": "
                                        "[\"0b\", \"0c\", \"0d\", 5, \"../x\"]\n}"));
        run_until_stored(f, 1);
        spool_close(f);
        load(f);
        assert_int_equal(f->content.n_losses, 1);
        expect_loss(f, "0b.json is gone: an incident that was not finished, with what was still "
                       "to be sent of it");
        assert_false(f->content.no_memories);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(TEST(test_round_trip), TEST(test_a_new_machine_is_quiet), TEST(test_state_of_before),
          TEST(test_damaged_files_are_set_aside),
          TEST(test_damaged_file_of_one_that_is_stored_anew),
          TEST(test_files_of_another_version_are_left_alone), TEST(test_peek_changes_nothing),
          TEST(test_unreadable_file_stays), TEST(test_unreadable_memories_are_not_written_over),
          TEST(test_file_too_large_to_read), TEST(test_incidents_come_in_the_order_of_detection),
          TEST(test_peek_without_a_folder), TEST(test_finished_are_not_read),
          TEST(test_lost_memories), TEST(test_everything_lost_but_the_lock),
          TEST(test_every_flipped_bit_shows), TEST(test_lost_incidents))
