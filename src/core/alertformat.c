/* SPDX-License-Identifier: Apache-2.0 */

#include "core/alertformat.h"

#include "aws/digest.h"
#include "base/escape.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "core/alertjson.h"
#include "core/alertpart.h"
#include "core/facts.h"

#define RENDERED_MAX ((size_t)248 * 1024) /* Publish's 256 KiB less attributes */
#define SMS_MAX 140                       /* one message of SNS's, in the GSM alphabet */

bool topic_format_needs_document(TopicFormat f)
{
        return f != TOPIC_FORMAT_TEXT;
}

static char *text_of(const Message *m, const char *not_durable)
{
        return not_durable
                       ? mem_printf("%s\nNOT DURABLE: the guard could not store this incident on "
                                    "its disk (%s). Should it die now, this message will not be "
                                    "repeated.\n",
                                    m->body, not_durable)
                       : mem_strdup(m->body);
}

static json_t *document_of(const Message *m, const char *not_durable)
{
        json_t *o = NULL;

        if (!m->document || json_parse(m->document, strlen(m->document), SIZE_MAX, &o) < 0)
                return NULL;
        if (!json_is_object(o)) {
                json_decref(o);
                return NULL;
        }
        if (!not_durable)
                return o;
        json_set(o, "durable", json_false());
        json_set(o, "not_durable_because", json_string(not_durable));
        return o;
}

/* What every telephone shows, and as one character: the GSM alphabet without its escapes. */
static void add_gsm(StrBuf *b, const char *s, size_t max)
{
        size_t n = 0;

        for (; *s && n < max; s++) {
                bool continued = (*s & 0xc0) == 0x80;

                if (continued)
                        continue;
                if (*s == '[' || *s == ']')
                        strbuf_add_char(b, *s == '[' ? '(' : ')'); /* of what is defused */
                else
                        strbuf_add_n(b, *s < ' ' || *s > '~' || strchr("\\^`{|}~", *s) ? "?" : s,
                                     1);
                n++;
        }
}

/* The headline, and which incident. */
static char *sms_of(const Message *m, const json_t *document)
{
        const char *id =
                json_string_value(json_object_get(json_object_get(document, "incident"), "id"));
        StrBuf b = STRBUF_INIT(SMS_MAX);
        size_t tail = id ? 2 + strlen(id) : 0;
        char *s;

        if (tail > SMS_MAX / 2) { /* none of ours */
                id = NULL;
                tail = 0;
        }
        _cleanup_free_ char *line = alert_one_line(document, m->subject, SMS_MAX - tail);
        add_gsm(&b, line, SMS_MAX - tail);
        if (id) {
                strbuf_add(&b, ". ");
                add_gsm(&b, id, tail);
        }
        s = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return s;
}

static char *per_protocol(const Message *m, const char *not_durable, const json_t *document)
{
        static const char *const machines[] = {"sqs", "lambda", "http", "https"};
        _cleanup_free_ char *text = text_of(m, not_durable), *sms = sms_of(m, document),
                            *json = alert_json_text(document), *s;
        json_t *o = json_object();

        json_set(o, "default", json_string(text));
        json_set(o, "email", json_string(text));
        json_set(o, "sms", json_string(sms));
        for (size_t k = 0; k < ELEMENTSOF(machines); k++)
                json_set(o, machines[k], json_string(json));
        s = alert_json_text(o);
        /* Machines get the text, then, as every protocol that is not named. */
        for (size_t k = ELEMENTSOF(machines); k > 0 && strlen(s) > RENDERED_MAX; k--) {
                (void)json_object_del(o, machines[k - 1]);
                free(s);
                s = alert_json_text(o);
        }
        if (strlen(s) > RENDERED_MAX) {
                (void)json_object_del(o, "email"); /* the same as the default */
                free(s);
                s = alert_json_text(o);
        }
        json_decref(o);
        return TAKE_PTR(s);
}

void alert_render(TopicFormat format, const Message *m, const char *not_durable, char **ret_message,
                  const char **ret_structure)
{
        json_t *document = topic_format_needs_document(format) ? document_of(m, not_durable) : NULL;

        *ret_structure = NULL;
        if (!document) {
                *ret_message = text_of(m, not_durable);
                return;
        }
        switch (format) {
        case TOPIC_FORMAT_PER_PROTOCOL:
                *ret_message = per_protocol(m, not_durable, document);
                *ret_structure = "json";
                break;
        case TOPIC_FORMAT_CHAT:
                *ret_message = alert_chat(document);
                break;
        default:
                *ret_message = alert_json_text(document);
                break;
        }
        json_decref(document);
        if (strlen(*ret_message) <= RENDERED_MAX)
                return;
        free(*ret_message);
        *ret_structure = NULL;
        *ret_message = text_of(m, not_durable);
}

void alert_test_message(const AlertContext *c, Message *ret)
{
        static const char summary[] = "A test: nothing has happened, and nothing is to be done.";
        _cleanup_free_ char *host = escape_ascii(c->hostname, 40);

        *ret = (Message){
                .severity = SEVERITY_INFO,
                .created_msec = c->now_msec,
                .subject = mem_printf("TEST: trailsentry on %s reaches this topic", host),
                .body = mem_printf("%s\n\nWho reads this would hear of a stopped CloudTrail trail, "
                                   "too.\n\nA test by trailsentry " PACKAGE_VERSION ", guard %s\n",
                                   summary, host),
        };
        ret->document = alert_test_document(c, ret->subject, summary);
}

void alert_deduplication_id(const char *incident_id, const Message *m, const char *topic_arn,
                            char ret[static ALERT_DEDUPLICATION_SIZE])
{
        _cleanup_free_ char *text =
                mem_printf("%s\n%s\n%u\n%s", incident_id, phase_to_string(m->phase),
                           m->origin.incident ? m->origin.sequence : m->sequence, topic_arn);

        static_assert(ALERT_DEDUPLICATION_SIZE == DIGEST_HEX_SIZE, "hex of SHA-256");
        digest_sha256_hex(text, strlen(text), ret);
}
