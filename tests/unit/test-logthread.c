/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of the log: whoever logs returns at once, whatever becomes of the record. Each test
 * ends by SIGALRM when something blocks. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timefmt.h"

#define SECONDS_MAX 60
#define LOST_ID "0123456789abcdef0123456789abcdef"
#define BODY_CHARS 900
#define MANY 3000 /* records, of which two thirds have no room */

/* The journal, the wall clock and memory are ours. */
static int journal = -1;
static int64_t clock_sec;
static _Thread_local bool no_memory;

int __wrap_sd_journal_sendv(const struct iovec *iov, int n);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __real_clock_gettime(clockid_t id, struct timespec *ret);
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);

/* As the library has it: a datagram, and a call that waits until there is room for it. */
int __wrap_sd_journal_sendv(const struct iovec *iov, int n)
{
        struct iovec lines[64];
        size_t k = 0;

        for (int i = 0; i < n; i++) {
                lines[k++] = iov[i];
                lines[k++] = (struct iovec){(void *)"\n", 1};
        }
        return sendmsg(journal, &(struct msghdr){.msg_iov = lines, .msg_iovlen = k}, 0) < 0 ? -errno
                                                                                            : 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
        if (id != CLOCK_REALTIME)
                return __real_clock_gettime(id, ret);
        *ret = (struct timespec){.tv_sec = __atomic_load_n(&clock_sec, __ATOMIC_SEQ_CST)};
        return 0;
}

void *__wrap_malloc(size_t size)
{
        return no_memory ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return no_memory ? NULL : __real_calloc(n, size);
}

static void set_clock(int64_t sec)
{
        __atomic_store_n(&clock_sec, sec, __ATOMIC_SEQ_CST);
}

/* Standard error is a pipe of one page, or what else a test puts there. */
static int saved;
static FILE *reader; /* of it */

static void set_stderr(int fd)
{
        assert_true(dup2(fd, STDERR_FILENO) >= 0);
}

static int setup(void **state)
{
        int ends[2];

        (void)alarm(SECONDS_MAX);
        set_clock(1763867529); /* 2025-11-23T03:12:09Z */
        (void)signal(SIGPIPE, SIG_IGN);
        saved = dup(STDERR_FILENO);
        assert_true(saved >= 0 && pipe2(ends, O_CLOEXEC) == 0);
        assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
        set_stderr(ends[1]);
        (void)close(ends[1]);
        reader = fdopen(ends[0], "r");
        assert_non_null(reader);
        assert_int_equal(log_start_thread(LOST_ID), 0);
        return 0;
}

static int teardown(void **state)
{
        set_stderr(saved);
        (void)close(saved);
        (void)fclose(reader); /* read only */
        (void)alarm(0);
        return 0;
}

static void log_numbers(size_t from, size_t to)
{
        char body[BODY_CHARS + 1] = "", number[32];

        memset(body, 'x', sizeof(body) - 1);
        for (size_t i = from; i < to; i++) {
                (void)snprintf(number, sizeof(number), "%zu", i);
                log_record(LOG_INFO, NULL, "record", (LogField[]){{"N", number}, {"BODY", body}},
                           2);
        }
}

/* The next line on standard error, without its time; static. */
static const char *next_line(void)
{
        static char line[8192];

        assert_non_null(fgets(line, sizeof(line), reader));
        const char *space = strchr(line, ' ');
        return space ? space + 1 : line;
}

static void assert_number(const char *line, size_t number)
{
        char start[64];

        (void)snprintf(start, sizeof(start), "info record N=%zu BODY=x", number);
        if (strncmp(line, start, strlen(start)) != 0)
                fail_msg("not %zu: %.60s", number, line);
}

/* Reads records from number `from` on until some are missing; the number of the next one to come.
 */
static size_t read_to_gap(size_t from, size_t *ret_lost)
{
        const char *line;

        for (;; from++) {
                line = next_line();
                if (strstr(line, "LOST_RECORDS="))
                        break;
                assert_number(line, from);
        }
        assert_int_equal(strncmp(line, "warning ", strlen("warning ")), 0);
        *ret_lost = strtoul(strstr(line, "LOST_RECORDS=") + strlen("LOST_RECORDS="), NULL, 10);
        return from + *ret_lost;
}

static void test_all_is_written_in_order(void **state)
{
        log_numbers(0, 4);
        assert_int_equal(log_stop_thread(USEC_PER_HOUR), 0);
        for (size_t i = 0; i < 4; i++)
                assert_number(next_line(), i);
        log_numbers(4, 5); /* by whoever logs, again */
        assert_number(next_line(), 4);
}

static void test_pipe_that_nobody_reads(void **state)
{
        size_t lost, next;

        log_numbers(0, MANY);
        LogStatus s = log_status();
        assert_in_range(s.lost, MANY / 2, MANY);
        assert_true(s.waiting_since_msec > 0);

        next = read_to_gap(0, &lost);
        assert_int_equal(lost, s.lost);
        assert_int_equal(next, MANY);
        log_numbers(MANY, MANY + 1);
        assert_number(next_line(), MANY);
        (void)log_stop_thread(USEC_PER_HOUR);
}

/* A gap between records that could be written stands where it was. */
static void test_gap_in_between(void **state)
{
        size_t lost, next, read = 0;

        log_numbers(0, MANY);
        /* Until there is room again. */
        do
                assert_number(next_line(), read++);
        while (read < 900);
        log_numbers(MANY, MANY + 1);
        next = read_to_gap(read, &lost);
        assert_int_equal(next, MANY);
        assert_number(next_line(), MANY);
        (void)log_stop_thread(USEC_PER_HOUR);
        assert_int_equal(log_status().lost, 0);
}

static void test_end_is_not_waited_for(void **state)
{
        int flags = fcntl(STDERR_FILENO, F_GETFL);

        assert_true(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK) >= 0);
        while (write(STDERR_FILENO, "\n", 1) == 1)
                ;
        assert_true(fcntl(STDERR_FILENO, F_SETFL, flags) >= 0);
        log_numbers(0, MANY);
        assert_int_equal(log_stop_thread(1000), MANY);
        log_numbers(0, MANY); /* dropped, and nobody waits for the pipe */
}

/* The thread may tell of them one by one. */
static void test_lack_of_memory_costs_a_record(void **state)
{
        const char *line, *lost;
        size_t n = 0;

        no_memory = true;
        log_numbers(0, 2);
        log_message(LOG_INFO, "%s", "no memory");
        no_memory = false;
        log_numbers(3, 4);
        for (line = next_line(); (lost = strstr(line, "LOST_RECORDS=")); line = next_line())
                n += strtoul(lost + strlen("LOST_RECORDS="), NULL, 10);
        assert_int_equal(n, 3);
        assert_number(line, 3);
        (void)log_stop_thread(USEC_PER_HOUR);
}

static void test_what_cannot_be_written_is_counted(void **state)
{
        int broken[2], well = dup(STDERR_FILENO);

        assert_true(pipe2(broken, O_CLOEXEC) == 0);
        (void)close(broken[0]);
        set_stderr(broken[1]);
        (void)close(broken[1]);
        log_numbers(0, 1);
        while (log_status().lost < 1)
                ;
        log_numbers(1, 3);
        while (log_status().lost < 3 || log_status().waiting_since_msec > 0)
                ;
        set_stderr(well);
        (void)close(well);
        log_numbers(3, 4);
        assert_has(next_line(), "LOST_RECORDS=3");
        assert_number(next_line(), 3);
        (void)log_stop_thread(USEC_PER_HOUR);
}

/* What the journal has got next; static. */
static const char *next_datagram(int fd)
{
        static char text[8192];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

        assert_true(n > 0);
        text[n] = '\0';
        return text;
}

/* Its reader never reads; what comes late has the time at which it happened. */
static void test_journal_that_hangs(void **state)
{
        char stream[64], part[128];
        size_t lost, late = 0;
        const char *text;
        int socks[2];
        struct stat st;

        (void)log_stop_thread(USEC_PER_HOUR);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
                       (uintmax_t)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_open("test");
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, socks), 0);
        journal = socks[1];
        assert_int_equal(log_start_thread(LOST_ID), 0);

        log_numbers(0, MANY);
        lost = log_status().lost;
        assert_in_range(lost, 1, MANY);
        set_clock(1763867589);

        for (size_t i = 0; i < MANY - lost; i++) {
                text = next_datagram(socks[0]);
                (void)snprintf(part, sizeof(part), "\nN=%zu\n", i);
                assert_has(text, part);
                assert_has(text, "\nPRIORITY=6\nSYSLOG_IDENTIFIER=test\nRECORD_TIME=20");
                late += strncmp(text, "MESSAGE=record (of 20", strlen("MESSAGE=record (of 20")) ==
                        0;
        }
        assert_in_range(late, MANY - lost - 600, MANY - lost); /* a few were in the socket */
        text = next_datagram(socks[0]);
        (void)snprintf(part, sizeof(part), "\nLOST_RECORDS=%zu\n", lost);
        assert_has(text, part);
        assert_has(text, "\nMESSAGE_ID=" LOST_ID "\n");
        (void)log_stop_thread(USEC_PER_HOUR);
        (void)close(socks[0]);
        (void)close(socks[1]);
        unsetenv("JOURNAL_STREAM");
        log_open("test");
}

/* A handler gives what waits the time to be written, and no more than it may. */
static void test_linger(void **state)
{
        log_numbers(0, 2);
        log_linger(USEC_PER_HOUR);
        assert_number(next_line(), 0);
        assert_number(next_line(), 1);
        log_numbers(0, 20);
        log_linger(20 * USEC_PER_MSEC);
        assert_number(next_line(), 0);
        (void)log_stop_thread(1000);
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* The first one leaves the log as the others want it: threads that are given up on go on for a
 * moment. */
UNIT_MAIN(L(test_journal_that_hangs), L(test_all_is_written_in_order),
          L(test_pipe_that_nobody_reads), L(test_gap_in_between), L(test_end_is_not_waited_for),
          L(test_lack_of_memory_costs_a_record), L(test_what_cannot_be_written_is_counted),
          L(test_linger))
