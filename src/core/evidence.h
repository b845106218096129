/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What Event history has shown of an incident, and what is concluded from it, as plain structs: a
 * part of model.h, which says what holds for times and strings. */

#include <errno.h>

#include "aws/record.h"
#include "base/macro.h"

/* Part that a record plays in an incident. */
typedef enum Role {
        ROLE_CULPRIT,          /* did it */
        ROLE_CANDIDATE,        /* may have done it */
        ROLE_ATTEMPT,          /* tried and was refused */
        ROLE_LATER,            /* succeeded when it was done already: noise, perhaps on purpose */
        ROLE_EARLIER,          /* an earlier stop within the window that polling could not see */
        ROLE_STARTER,          /* started it again, not us */
        ROLE_OWN,              /* our StartLogging, known by its request id */
        ROLE_OWN_UNREMEMBERED, /* our identity, a call that the ledger may have lost */
        ROLE_OWN_MISUSED,      /* our identity, not our call */
        ROLE_UNREADABLE,       /* its record does not say enough: it may be about this trail */
        ROLE_RELATED,          /* CreateTrail, UpdateTrail and the like in the window */
        _ROLE_MAX,
        _ROLE_INVALID = -EINVAL,
} Role;

const char *role_to_string(Role r);
Role role_from_string(const char *s);

typedef struct Finding {
        Role role;
        CloudTrailRecord record; /* of refused calls that are alike, the one nearest to the stop */
        unsigned calls;          /* of refused calls: how many of this caller and event name */
        /* Not stored: */
        unsigned counted; /* ... in the look that is under way */
        TrailMatch match;
        bool compared;      /* what it asked for is known, of events that are recorded ... */
        uint32_t asked_for; /* ... and these ChangeKind are as it asked: a bit each */
} Finding;

typedef enum Confidence {
        CONFIDENCE_NONE,
        CONFIDENCE_AMBIGUOUS,
        CONFIDENCE_EXACT,
        _CONFIDENCE_MAX,
        _CONFIDENCE_INVALID = -EINVAL,
} Confidence;

const char *confidence_to_string(Confidence c);
Confidence confidence_from_string(const char *s);

/* Why a verdict is not exact. */
typedef enum Doubt {
        DOUBT_RIVALS,       /* calls of several callers fit */
        DOUBT_UNREAD,       /* there were more events than were read, or could be kept */
        DOUBT_UNREADABLE,   /* events, or records that do not say enough to decide */
        DOUBT_ACCOUNT,      /* the call may be in the history of another account */
        DOUBT_ORGANIZATION, /* ... because other accounts of the organization may call it */
        DOUBT_SETTINGS,     /* whether it is an organization trail is not known */
        DOUBT_TIME,         /* the call's time does not fit, or there is none to compare */
        DOUBT_CAUSE,        /* the record does not show that the call did this */
        _DOUBT_MAX,
        _DOUBT_INVALID = -EINVAL,
} Doubt;

const char *doubt_to_string(Doubt d); /* "organization" */
Doubt doubt_from_string(const char *s);

/* What else was called with the culprit's access key, by event. */
typedef struct Deed {
        char *event_name;
        char *event_source;
        unsigned calls;
        unsigned refused; /* of them */
} Deed;

#define DEEDS_MAX 40

void deed_done(Deed *d);

/* Whether the record says at all who it was. */
bool identity_is_known(const UserIdentity *u);
/* Whether the same principal acted with the same key; what is not known is the same as nobody. */
bool identity_is_same(const UserIdentity *a, const UserIdentity *b);
