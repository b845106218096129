/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can befall a trail, or the guard: one row for each kind, with all that follows from the kind
 * alone. A new kind is a member here and a row in incidentkind.c. */

#include <errno.h>
#include <stdbool.h>

#include "core/severity.h"

typedef enum IncidentKind {
        INCIDENT_STOPPED,          /* seen to stop */
        INCIDENT_BLINK,            /* stopped and started between two looks */
        INCIDENT_ALREADY_STOPPED,  /* not logging when first seen */
        INCIDENT_RECENT_STOP,      /* logging when first seen, stopped less than a day before */
        INCIDENT_RECREATED,        /* its times vanished or went back */
        INCIDENT_DELETED,          /* TrailNotFound, seen before */
        INCIDENT_NOT_FOUND,        /* TrailNotFound, never seen: configuration */
        INCIDENT_CANNOT_SEE,       /* no good poll for too long */
        INCIDENT_OTHER_CONTROLLER, /* somebody else keeps starting it */
        INCIDENT_DRIFT,            /* its settings are not as they were, or were declared */
        INCIDENT_DELIVERY,         /* what it records does not arrive */
        INCIDENT_UNINSPECTED,      /* its settings cannot be read: drift would not be seen */
        /* Notices, about the guard itself: */
        INCIDENT_MAINTENANCE,   /* approved changes are recorded, not fought */
        INCIDENT_TOPIC_FAILING, /* does not take what is sent to it */
        INCIDENT_RECONFIGURED,  /* guards other trails than before, or otherwise */
        INCIDENT_STATE_LOST,    /* what was stored is damaged, gone, or not to be had just now */
        _INCIDENT_KIND_MAX,
        _INCIDENT_KIND_INVALID = -EINVAL,
} IncidentKind;

/* What can be told in one message: incidents of a family are grouped with each other only. */
typedef enum Family {
        FAMILY_NONE, /* each told by itself */
        FAMILY_STOP,
        FAMILY_DELETED,
        FAMILY_RECREATED,
        FAMILY_SIGHT,
        FAMILY_CONTROLLER,
        FAMILY_DRIFT, /* of these, only what changed in the same way */
        FAMILY_DELIVERY,
        FAMILY_SETTINGS,
        _FAMILY_MAX,
} Family;

/* What its trail has at most one of that is open. */
typedef enum IncidentSlot {
        SLOT_NONE, /* of the guard, not of a trail */
        SLOT_STOP,
        SLOT_BLIND,
        SLOT_DRIFT,
        SLOT_DELIVERY,
        SLOT_SETTINGS,
} IncidentSlot;

typedef struct IncidentKindRow {
        const char *name;      /* as users, messages and files have it */
        const char *id_name;   /* frozen: incident ids without a time are made of it */
        const char *technique; /* MITRE ATT&CK; NULL: not an attacker's */
        Family family;
        IncidentSlot slot;
        Severity severity; /* at least */
        /* After "CloudTrail trail NAME": while it goes on, when it is over, and short for a
         * subject. NULL: the changes say it; of was and headline: the same as happened. */
        const char *happened, *was, *headline;
} IncidentKindRow;

/* Never NULL for a kind that there is. */
const IncidentKindRow *incident_kind_row(IncidentKind k);

/* The name, or one that it had in an earlier version. */
IncidentKind incident_kind_from_string(const char *s);
const char *incident_kind_to_string(IncidentKind k); /* "stopped", "blink", "unreachable" */
Family incident_kind_family(IncidentKind k);
const char *incident_kind_technique(IncidentKind k);
/* Whether it is about the guard itself, and so without a trail. */
bool incident_kind_is_notice(IncidentKind k);
/* Whether it is about what the trail is set to, or about what arrives of it. */
bool incident_kind_is_change(IncidentKind k);
