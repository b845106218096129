/* SPDX-License-Identifier: Apache-2.0 */

/* One record in the journal for each thing that happened, with fields that a query can name. */

#include "daemon/internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

const char *const journal_id_started = "80a99b48dcbf44ae92c223321834851e";
const char *const journal_id_stopped = "1778bec655474f119404d02720c5d436";
const char *const journal_id_state_corrupt = "06c5cdc543134de191e818ff697572a1";
const char *const journal_id_configuration = "0e776cdfaa794b249cfa1baaf21413d9";
const char *const journal_id_reloaded = "b0c57a0ec1fd4d1e9345dc92b2beebe9";
const char *const journal_id_reload_refused = "074b9d674a414217ae91b70ca975b538";
const char *const journal_id_asked = "c8761ffd5a5a41b687880f62c2425866";
const char *const journal_id_records_lost = "3dac7ab8a0b64be1b6d2c24a5b9af64c";

static const char *const message_ids[_LOG_EVENT_MAX] = {
        [LOG_EVENT_TRAIL_SEEN] = "e17efedbd1d44a2885f8dd19e91d27af",
        [LOG_EVENT_INCIDENT_OPENED] = "ffea7eb01cfc4107b6f2a6a503716011",
        [LOG_EVENT_RESTART_REQUESTED] = "ce1b808749f046f79f7b61f3257a0a12",
        [LOG_EVENT_RESTART_ACCEPTED] = "6212b5d71e8c401c8e5cf5a4a1719d17",
        [LOG_EVENT_RESTART_FAILED] = "f39d999f4302485da3fa3b5207396f2b",
        [LOG_EVENT_RESTART_UNSEEN] = "68bdd45bcc8f42e4a5b1b20f5da56663",
        [LOG_EVENT_INCIDENT_CLOSED] = "480cdc2e61724b919c57b5134b73b753",
        [LOG_EVENT_ACTOR_FOUND] = "bfdfb73b1a974ab8b08186b123ad3a93",
        [LOG_EVENT_ACTOR_NOT_FOUND] = "4b4b981c679e48bfa25b5ac7c7028e01",
        [LOG_EVENT_CREDENTIALS_MISUSED] = "6fe7f7afafb74aad904af644e0c8ea18",
        [LOG_EVENT_REDUNDANT_START] = "3e6963ec5675442c95e95a99d7088686",
        [LOG_EVENT_POLL_FAILED] = "4dd66d8a07e8422183cc3eae62e2dcf5",
        [LOG_EVENT_SETTINGS_FAILED] = "6a0d6f7e0f1b4a0f8d3c5b9e2f71c084",
        [LOG_EVENT_DELIVERING] = "c0e946fdb4934557bba81d7c46a4d35d",
        [LOG_EVENT_BASELINE] = "2f4c1b7d8f3e4d0f9b0a6c51e7d3a984",
        [LOG_EVENT_ALERT_SENT] = "7cc3ef7b2eb04d47a0f3af6a8ed0e63d",
        [LOG_EVENT_ALERT_FAILED] = "bba4289982cb4d75a6db9a3846815b70",
        [LOG_EVENT_STORE_FAILED] = "8e3db9d8c9c54a24a0e6b9bd8ff4a2b1",
        [LOG_EVENT_LOOKUP_FAILED] = "5d8f2c7b6a0e4c1c9b5e0a7f3d1c4e92",
        [LOG_EVENT_HEARTBEAT] = "b19681b1da84485c8b272ce663d283a2",
        [LOG_EVENT_STATE_DOUBTED] = "da04f7cb51b5403a8dd52386a33d1b65",
        [LOG_EVENT_NOTICE] = "d8b1b83e578b43f8a702f7f6c104cdb6",
};

void journal_action(Manager *m, const Action *a)
{
        const Incident *i = a->incident;
        const Finding *f = i ? incident_find_role(i, ROLE_CULPRIT) : NULL;
        const CloudTrailRecord *r = f ? &f->record : NULL;
        const char *trail = i ? i->trail_arn : NULL;

        if (!trail && a->trail != SIZE_MAX)
                trail = core_trail_config(m->core, a->trail)->arn;
        const LogField fields[] = {
                {"TRAIL_ARN", trail},
                {"INCIDENT_ID", i ? i->id : NULL},
                {"INCIDENT_KIND", i ? incident_kind_to_string(i->kind) : NULL},
                {"SEVERITY", i ? severity_to_string(i->severity) : NULL},
                {"ACTOR_ARN", r ? r->identity.arn : NULL},
                {"ACTOR_TYPE", r ? r->identity.type_text : NULL},
                {"ACCESS_KEY_ID", r ? r->identity.access_key_id : NULL},
                {"SOURCE_IP", r ? r->source_ip : NULL},
                {"USER_AGENT", r ? r->user_agent : NULL},
                {"EVENT_ID", r ? r->event_id : NULL},
                {"AWS_REQUEST_ID", *a->error.request_id ? a->error.request_id : NULL},
                {"ERROR_CODE", a->error.class != AWS_ERROR_NONE ? a->error.code : NULL},
        };
        log_record(a->priority, message_ids[a->event], a->text, fields, ELEMENTSOF(fields));
}

void journal_daemon(const char *message_id, int priority, const char *fmt, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when longer */
        va_end(ap);
        log_record(priority, message_id, text, NULL, 0);
}
