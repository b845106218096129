/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the command asks something of the running daemon: a JSON file in the folder "requests"
 * beside the status file, answered by another file there. Nothing listens. Who may write there
 * may ask: root and the service's user; the file's owner is looked at again when it is read.
 * Not in the state directory: the loop itself reads and writes here, and waits for no disk.
 *
 * "<16 hex digits>.json" is {"version": 1, "verb": TEXT, "for": TEXT, ...}, "for" naming whom sudo
 * acted for; "<the same>.answer" is {"version": 1, "accepted": BOOL, "text": TEXT}. */

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

typedef struct Requests Requests;

/* Asked from the loop. who is the file's owner, in words. 0 when it is accepted, negative when it
 * is refused; *ret_text, owned, is said to who asked in either case. */
typedef int (*RequestHandler)(void *userdata, const char *who, const json_t *request,
                              char **ret_text);

typedef struct RequestsOptions {
        sd_event *event;         /* reference taken */
        const char *status_path; /* copied; the folder beside it is made */
        RequestHandler handler;
        uint64_t (*asked)(void *userdata); /* what has been asked of the disk so far, as a number */
        void *userdata;
} RequestsOptions;

/* Requests are taken up by the loop, one a turn, after everything else; one that is older than
 * whoever asked would wait is dropped. -errno. */
int requests_new(const RequestsOptions *o, Requests **ret) _must_check_;
Requests *requests_free(Requests *r);
/* What was accepted is answered when it is on disk, so that whoever heard of it can rely on it:
 * all that was asked up to this number has been written. error: why it was not, NULL when it was.
 * A disk that says nothing is waited for REQUEST_DISK_USEC. */
void requests_settle(Requests *r, uint64_t number, const char *error);
DEFINE_CLEANUP(Requests *, requests_free)

/* The other side: asks, and waits at most REQUEST_PATIENCE_MSEC. request (taken) lacks only its
 * version. 0 accepted, -EPERM refused, with the daemon's words in *ret_text, owned; -ETIMEDOUT not
 * taken, and withdrawn; -EINPROGRESS taken and not answered; -ENOENT no folder, -EACCES not allowed
 * to ask, or another -errno. */
int request_ask(const char *status_path, json_t *request, char **ret_text) _must_check_;

#define REQUEST_PATIENCE_MSEC 5000
#define REQUEST_DISK_USEC USEC_PER_SEC
