/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Commands of the AWS CLI that put a trail back to what it was, whole and as AWS takes them. Every
 * value is made of harmless characters, and quoted where a shell would read it otherwise; a command
 * that cannot be had whole is none. */

#include "core/model.h"

/* aws cloudtrail update-trail ...: owned, NULL when there is nothing of it to put back.
 * *ret_left_out, owned: the settings that are not in it and should be, in words; NULL for none. */
char *undo_update_trail(const Incident *i, char **ret_left_out);
/* ... put-event-selectors, all of them; owned, NULL when they are not known, or say what this guard
 * does not understand. *ret_unnamed: one has a name that cannot be pasted, and is without it. */
char *undo_put_event_selectors(const Incident *i, bool *ret_unnamed);
/* ... create-trail of a trail that is gone; owned, NULL when its settings are not known. */
char *undo_create_trail(const Incident *i);
/* Whether the bucket that the trail wrote to is there and its account's; owned, NULL when not
 * known. */
char *undo_check_bucket(const Incident *i);
