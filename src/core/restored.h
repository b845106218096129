/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What has been read from the disk, held against what the rest of the core takes for granted. JSON
 * of the right types may still say what no guard ever wrote: a body that no topic takes, a search
 * for nothing, a group that is its own. It is refused here, once, so that nothing behind depends on
 * what a disk, a person or another version has made of a file. */

#include "core/model.h"

/* NULL when it can be used, else the member that cannot (static). */
const char *restored_incident_wrong(const Incident *i);
const char *restored_message_wrong(const Message *m);
bool restored_origin_is_right(const MessageOrigin *o);
const char *restored_memory_wrong(const TrailMemory *m);
