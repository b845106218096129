/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notifier.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define RETRY_USEC (250 * USEC_PER_MSEC)
#define TEXT_MAX 64

typedef struct Pending {
        NotifierState state;
        char text[TEXT_MAX];
} Pending;

struct Notifier {
        sd_event_source *retry;
        int fd; /* -EBADF: there is nobody to tell */
        struct sockaddr_un address;
        socklen_t address_len;
        Pending pending[_NOTIFIER_STATE_MAX];
        size_t n_pending;
};

/* A path, or "@name" of an abstract socket; see unix(7). */
static int parse_address(Notifier *n, const char *name)
{
        size_t len = strlen(name);

        if ((*name != '/' && *name != '@') || len < 2 || len >= sizeof(n->address.sun_path))
                return -EINVAL;
        n->address.sun_family = AF_UNIX;
        memcpy(n->address.sun_path, name, len + 1);
        n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
        if (*name == '@') {
                n->address.sun_path[0] = '\0';
                n->address_len--; /* the NUL at the end would be part of the name */
        }
        return 0;
}

int notifier_tell(Notifier *n, const char *text)
{
        if (n->fd < 0)
                return 0;
        return sendto(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&n->address, n->address_len) < 0
                       ? -errno
                       : 0;
}

static void drop_pending(Notifier *n, size_t k)
{
        n->n_pending--;
        memmove(n->pending + k, n->pending + k + 1, (n->n_pending - k) * sizeof(Pending));
}

static void send_pending(Notifier *n)
{
        while (n->n_pending > 0 && notifier_tell(n, n->pending[0].text) >= 0)
                drop_pending(n, 0);
        if (n->n_pending == 0)
                return;
        /* Both fail only once the loop has ended; then notifier_free() tries. */
        (void)sd_event_source_set_time_relative(n->retry, RETRY_USEC);
        (void)sd_event_source_set_enabled(n->retry, SD_EVENT_ONESHOT);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
        send_pending(userdata);
        return 0;
}

void notifier_set_state(Notifier *n, NotifierState state)
{
        static const char *const texts[] = {
                [NOTIFIER_READY] = "READY=1",
                [NOTIFIER_RELOADING] = "RELOADING=1",
                [NOTIFIER_STOPPING] = "STOPPING=1",
        };
        struct timespec now = {};
        Pending *p;

        for (size_t k = n->n_pending; k > 0; k--)
                if (n->pending[k - 1].state == state || state == NOTIFIER_STOPPING)
                        drop_pending(n, k - 1);
        p = &n->pending[n->n_pending++];
        p->state = state;
        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        if (state == NOTIFIER_RELOADING)
                (void)snprintf(p->text, sizeof(p->text), "%s\nMONOTONIC_USEC=%" PRIu64,
                               texts[state],
                               (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
        else
                (void)snprintf(p->text, sizeof(p->text), "%s", texts[state]);
        send_pending(n);
}

int notifier_new(sd_event *event, Notifier **ret)
{
        _cleanup_(notifier_freep) Notifier *n = mem_new0(Notifier);
        const char *name = getenv("NOTIFY_SOCKET");
        int r;

        n->fd = -EBADF;
        r = sd_event_add_time_relative(event, &n->retry, CLOCK_BOOTTIME, 0, 0, on_retry, n);
        if (r >= 0)
                r = sd_event_source_set_enabled(n->retry, SD_EVENT_OFF);
        if (r < 0)
                return r;
        if (!isempty(name)) {
                r = parse_address(n, name);
                if (r >= 0) {
                        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                        r = n->fd < 0 ? -errno : 0;
                }
                if (r < 0) /* systemd then ends what it started; another one may not care */
                        log_warning("nobody can be told at NOTIFY_SOCKET=%s: %s", name,
                                    strerror(-r));
        }
        *ret = TAKE_PTR(n);
        return 0;
}

Notifier *notifier_free(Notifier *n)
{
        if (!n)
                return NULL;
        if (n->n_pending > 0)
                send_pending(n);
        sd_event_source_disable_unref(n->retry);
        if (n->fd >= 0)
                (void)close(n->fd); /* what was sent is with its reader */
        free(n);
        return NULL;
}
