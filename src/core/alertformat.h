/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a topic of each format is given, out of a message as it was made: the same bytes however
 * often and however late it is sent.
 *
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html (MessageStructure)
 * https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html (chat) */

#include "core/alerttext.h"

/* Whether the format is made of Message.document, not only of its subject and body. */
bool topic_format_needs_document(TopicFormat f);

/* Message and MessageStructure (NULL or "json", static) of Publish; the message is owned. With
 * the attributes of an alert it fits into 256 KiB. not_durable says why the incident is not on
 * disk, NULL when it is. A message without the document that the format needs goes as text. */
void alert_render(TopicFormat format, const Message *m, const char *not_durable, char **ret_message,
                  const char **ret_structure);

/* Subject, body and document of a message that only tries the way to a topic and says so;
 * message_done() frees. c->phase and c->sequence do not count. */
void alert_test_message(const AlertContext *c, Message *ret);

/* FIFO topics. Messages of an incident stay in their order, and a repeat of one within five minutes
 * is not delivered again, while each other message, an UPDATE too, is one of its own. */
#define ALERT_DEDUPLICATION_SIZE 65
void alert_deduplication_id(const char *incident_id, const Message *m, const char *topic_arn,
                            char ret[static ALERT_DEDUPLICATION_SIZE]);
