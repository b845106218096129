/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file as a file: whose it has to be, and the one that is shipped. */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "base/mem.h"
#include "daemon/conf.h"

#define TRAIL_ARN "arn:aws:cloudtrail:eu-central-1:111122223333:trail/management-events"
#define TOPIC_ARN "arn:aws:sns:eu-central-1:111122223333:security-alerts"
#define TRAILS "trails = ( { arn = \"" TRAIL_ARN "\"; } );\n"
#define TOPICS "topics = ( { arn = \"" TOPIC_ARN "\"; } );\n"
#define GOOD TRAILS TOPICS /* lines 1 and 2 */

static void expect_lines(const ConfProblems *problems, const char *const *lines)
{
        for (size_t i = 0; i < problems->n; i++) {
                _cleanup_free_ char *line = conf_problem_line(&problems->items[i]);

                if (!lines[i])
                        fail_msg("unexpected: %s", line);
                assert_string_equal(line, lines[i]);
        }
        if (lines[problems->n])
                fail_msg("not said: %s", lines[problems->n]);
}

static Conf *parse_good(const char *text)
{
        ConfProblems problems = {};
        Conf *conf = NULL;
        int r = conf_parse("x.conf", text, strlen(text), &conf, &problems);

        if (problems.n > 0)
                fail_msg("%s", problems.items[0].text);
        assert_int_equal(r, 0);
        assert_non_null(conf);
        conf_problems_done(&problems);
        return conf;
}

/* Files */

static char *folder; /* of the test at hand */

static int setup_folder(void **state)
{
        folder = mem_strdup("/tmp/test-conf-XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown_folder(void **state)
{
        static const char *const names[] = {"x.conf", "link", "fifo", "open/link", "dir", "open"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = mem_printf("%s/%s", folder, names[i]);

                if (unlink(path) < 0)
                        (void)rmdir(path);
        }
        (void)rmdir(folder);
        free(folder);
        return 0;
}

static char *write_file(const char *text, size_t len, mode_t mode)
{
        char *path = mem_printf("%s/x.conf", folder);
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, mode), 0);
        return path;
}

static void expect_load(const char *path, int error, const char *text)
{
        ConfProblems problems = {};
        Conf *conf = NULL;

        assert_int_equal(conf_load(path, &conf, &problems), error);
        if (error == 0) {
                assert_string_equal(conf->path, path);
                assert_int_equal(problems.n, 0);
        } else {
                _cleanup_free_ char *line = NULL, *expected = mem_printf("%s: %s", path, text);

                assert_null(conf);
                assert_int_equal(problems.n, 1);
                line = conf_problem_line(&problems.items[0]);
                assert_string_equal(line, expected);
        }
        conf_free(conf);
        conf_problems_done(&problems);
}

static void test_file(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0640);

        expect_load(path, 0, NULL);
}

static void test_file_missing(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/x.conf", folder);

        expect_load(path, -ENOENT, "no such file; --config names another one");
}

/* Nobody may read it, but for root; beside a folder there is a file in the way. */
static void test_file_that_cannot_be_read(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0),
                            *below = mem_printf("%s/x", path);
        uid_t user = geteuid();

        expect_load(below, -ENOTDIR, "cannot be read: Not a directory");
        assert_int_equal(user ? 0 : seteuid(65534), 0);
        expect_load(path, -EACCES,
                    "this user may not read it: run as root, or as a member of the file's group");
        assert_int_equal(seteuid(user), 0);
}

static void test_file_group_writable(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0660);

        expect_load(path, -EPERM, "can be written by its group (mode 0660): chmod go-w it");
}

static void test_file_world_writable(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0602);

        expect_load(path, -EPERM, "can be written by everybody (mode 0602): chmod go-w it");
}

static void test_file_of_another_user(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0640);

        if (chown(path, 12345, (gid_t)-1) < 0) {
                print_message("needs root to give a file away\n");
                skip();
        }
        expect_load(path, -EPERM, "belongs to user 12345, who could change it: chown root it");
}

static void test_file_is_folder(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/dir", folder);

        assert_int_equal(mkdir(path, 0700), 0);
        expect_load(path, -EISDIR, "is not a regular file");
}

static void test_file_is_fifo(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/fifo", folder);

        assert_int_equal(mkfifo(path, 0600), 0);
        expect_load(path, -EINVAL, "is not a regular file");
}

static void test_file_too_large(void **state)
{
        size_t n = 1024 * 1024 + 1;
        _cleanup_free_ char *text = mem_alloc0(n + 1), *path = NULL;

        memset(text, '\n', n);
        path = write_file(text, n, 0640);
        expect_load(path, -EFBIG, "is larger than 1 MiB");
}

static void test_file_of_largest_size(void **state)
{
        size_t n = 1024 * 1024;
        _cleanup_free_ char *text = mem_alloc0(n + 1), *path = NULL;

        memset(text, '\n', n);
        memcpy(text, GOOD, strlen(GOOD));
        path = write_file(text, n, 0640);
        expect_load(path, 0, NULL);
}

static void test_file_with_nul(void **state)
{
        _cleanup_free_ char *path = write_file("\n\0", 2, 0640);
        ConfProblems problems = {};
        Conf *conf;

        assert_int_equal(conf_load(path, &conf, &problems), -EINVAL);
        assert_int_equal(problems.n, 1);
        assert_int_equal(problems.items[0].line, 2);
        assert_string_equal(problems.items[0].text, "has a NUL byte in it");
        conf_problems_done(&problems);
}

static void test_link(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0640);
        _cleanup_free_ char *link = mem_printf("%s/link", folder);

        assert_int_equal(symlink("x.conf", link), 0);
        expect_load(path, 0, NULL);
        expect_load(link, 0, NULL);
}

static void test_link_in_open_folder(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0640);
        _cleanup_free_ char *open = mem_printf("%s/open", folder);
        _cleanup_free_ char *link = mem_printf("%s/open/link", folder);

        assert_int_equal(mkdir(open, 0700), 0);
        assert_int_equal(chmod(open, 0777), 0);
        assert_int_equal(symlink(path, link), 0);
        expect_load(link, -EPERM,
                    "is a symbolic link that others could have made: name the file itself, or put "
                    "the link into a folder that only root can write");
}

static void test_link_of_another_user(void **state)
{
        _cleanup_free_ char *path = write_file(GOOD, strlen(GOOD), 0640);
        _cleanup_free_ char *link = mem_printf("%s/link", folder);

        assert_int_equal(symlink(path, link), 0);
        if (lchown(link, 12345, (gid_t)-1) < 0) {
                print_message("needs root to give a link away\n");
                skip();
        }
        expect_load(link, -EPERM,
                    "is a symbolic link that others could have made: name the file itself, or put "
                    "the link into a folder that only root can write");
}

static void test_link_to_nothing(void **state)
{
        _cleanup_free_ char *link = mem_printf("%s/link", folder);

        assert_int_equal(symlink("nowhere", link), 0);
        expect_load(link, -ENOENT, "no such file; --config names another one");
}

/* The shipped file */

static char *shipped_text(void)
{
        const char *source = getenv("TS_SOURCE");
        _cleanup_free_ char *path = mem_printf("%s/etc/trailsentry.conf", source ? source : ".");
        char *text = mem_alloc0(64 * 1024);
        FILE *f = fopen(path, "r");

        if (!f)
                fail_msg("cannot open %s: set TS_SOURCE", path);
        assert_true(fread(text, 1, 64 * 1024 - 1, f) > 0);
        assert_int_equal(fclose(f), 0);
        return text;
}

static void test_shipped_file_is_refused(void **state)
{
        static const char *const lines[] = {
                "x.conf:15: trails[0].arn: \"arn:aws:cloudtrail:<REGION>:<ACCOUNT>:trail/<NAME>\": "
                "it still has to be filled in; has to be an ARN "
                "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME",
                "x.conf:49: topics[0].arn: \"arn:aws:sns:<REGION>:<ACCOUNT>:<NAME>\": it still has "
                "to be filled in; has to be an ARN arn:aws:sns:REGION:ACCOUNT:NAME",
                NULL};
        _cleanup_free_ char *text = shipped_text();
        ConfProblems problems = {};
        Conf *conf;

        assert_int_equal(conf_parse("x.conf", text, strlen(text), &conf, &problems), -EINVAL);
        expect_lines(&problems, lines);
        conf_problems_done(&problems);
}

/* Replaces every from in an owned text. */
static char *replaced(char *text, const char *from, const char *to)
{
        char *result = mem_strdup("");

        for (char *p = text;;) {
                char *at = strstr(p, from), *longer;

                if (!at) {
                        longer = mem_printf("%s%s", result, p);
                        free(result);
                        free(text);
                        return longer;
                }
                longer = mem_printf("%s%.*s%s", result, (int)(at - p), p, to);
                free(result);
                result = longer;
                p = at + strlen(from);
        }
}

static char *filled_in(char *text)
{
        text = replaced(text, "<REGION>", "eu-central-1");
        text = replaced(text, "<ACCOUNT>", "111122223333");
        text = replaced(text, "<EXTERNAL ID>", "abc");
        text = replaced(text, "<BUCKET>", "amzn-s3-demo-bucket");
        return replaced(text, "<NAME>", "alerts");
}

static void test_shipped_file_filled_in(void **state)
{
        _cleanup_free_ char *text = filled_in(shipped_text());
        _cleanup_(conf_freep) Conf *c = parse_good(text);

        assert_string_equal(c->topics[0].arn, "arn:aws:sns:eu-central-1:111122223333:alerts");
}

/* Takes the comment marks off everything that is an option, so that the examples are read. */
static char *uncommented(char *text)
{
        char *result = mem_strdup("");

        for (char *p = text; *p;) {
                size_t n = strcspn(p, "\n");
                char *line = mem_strndup(p, n), *mark = strstr(line, "# "), *longer;

                if (mark && (strstr(mark, " = ") || strstr(mark, "};")) && strstr(mark, ";"))
                        memcpy(mark, " ", 1);
                if (mark && strstr(mark, " = {"))
                        memcpy(mark, " ", 1);
                longer = mem_printf("%s%s\n", result, line);
                free(result);
                free(line);
                result = longer;
                p += n + (p[n] == '\n');
        }
        free(text);
        return result;
}

static void test_shipped_examples_are_right(void **state)
{
        _cleanup_free_ char *text = filled_in(uncommented(shipped_text()));
        _cleanup_(conf_freep) Conf *c = parse_good(text);

        assert_string_equal(c->accounts[1].external_id, "abc");
        assert_string_equal(c->proxy, "http://proxy.example.com:3128");
        assert_string_equal(c->endpoint, "https://{service}.{region}.vpce.example.com");
        assert_string_equal(c->heartbeat_region, "eu-central-1");
        assert_string_equal(labels_account(&c->labels, "111122223333"), "alerts");
        assert_non_null(c->labels.runbook);
        assert_string_equal(c->trails[0].expect.s3_key_prefix, "");
        assert_string_equal(c->trails[0].expect.management_events, "all");
        assert_int_equal(c->trails[0].expect.organization, DECLARED_NO);
        assert_true(c->drift);
        assert_int_equal(c->drift_usec, USEC_PER_MINUTE);
}

/* Every option is in the shipped file, with its default. */
static void test_shipped_file_is_complete(void **state)
{
        _cleanup_free_ char *text = shipped_text();
        ConfOptionInfo o;
        size_t n;

        for (n = 0; conf_option_info(n, &o); n++) {
                _cleanup_free_ char *line = mem_printf(
                        "%s = %s%s", o.name, strempty(o.default_text), o.default_text ? ";" : "");

                if (!strstr(text, line))
                        fail_msg("not in the shipped file: %s", line);
        }
        assert_int_equal(n, 44);
}

#define TEST_FILE(f) cmocka_unit_test_setup_teardown(f, setup_folder, teardown_folder)

UNIT_MAIN(TEST_FILE(test_file), TEST_FILE(test_file_missing),
          TEST_FILE(test_file_that_cannot_be_read), TEST_FILE(test_file_group_writable),
          TEST_FILE(test_file_world_writable), TEST_FILE(test_file_of_another_user),
          TEST_FILE(test_file_is_folder), TEST_FILE(test_file_is_fifo),
          TEST_FILE(test_file_too_large), TEST_FILE(test_file_of_largest_size),
          TEST_FILE(test_file_with_nul), TEST_FILE(test_link), TEST_FILE(test_link_in_open_folder),
          TEST_FILE(test_link_of_another_user), TEST_FILE(test_link_to_nothing),
          T(test_shipped_file_is_refused), T(test_shipped_file_filled_in),
          T(test_shipped_examples_are_right), T(test_shipped_file_is_complete))
