/* SPDX-License-Identifier: Apache-2.0 */

#include "core/incidentkind.h"

#include "base/macro.h"
#include "base/stringtable.h"

/* https://attack.mitre.org/techniques/T1685/002/ */
#define DISABLE_CLOUD_LOG "T1685.002 Disable or Modify Cloud Log (formerly T1562.008)"

static const IncidentKindRow rows[_INCIDENT_KIND_MAX] = {
        [INCIDENT_STOPPED] = {"stopped", "stopped", DISABLE_CLOUD_LOG, FAMILY_STOP, SLOT_STOP,
                              SEVERITY_HIGH, "was stopped"},
        [INCIDENT_BLINK] = {"blink", "blink", DISABLE_CLOUD_LOG, FAMILY_STOP, SLOT_STOP,
                            SEVERITY_HIGH, "was stopped and started again between two looks", NULL,
                            "was stopped for a moment"},
        [INCIDENT_ALREADY_STOPPED] = {"already-stopped", "already-stopped", DISABLE_CLOUD_LOG,
                                      FAMILY_STOP, SLOT_STOP, SEVERITY_HIGH,
                                      "was already stopped when first seen", NULL,
                                      "was stopped already"},
        [INCIDENT_RECENT_STOP] = {"recent-stop", "recent-stop", DISABLE_CLOUD_LOG, FAMILY_STOP,
                                  SLOT_STOP, SEVERITY_HIGH,
                                  "had been stopped shortly before the guard first saw it", NULL,
                                  "had been stopped"},
        [INCIDENT_RECREATED] = {"recreated", "recreated", DISABLE_CLOUD_LOG, FAMILY_RECREATED,
                                SLOT_STOP, SEVERITY_CRITICAL,
                                "was deleted and made again: its times vanished or went back", NULL,
                                "was re-created"},
        [INCIDENT_DELETED] = {"deleted", "deleted", DISABLE_CLOUD_LOG, FAMILY_DELETED, SLOT_STOP,
                              SEVERITY_CRITICAL, "was deleted"},
        [INCIDENT_NOT_FOUND] = {"not-found", "not-found", NULL, FAMILY_SIGHT, SLOT_BLIND,
                                SEVERITY_HIGH, "does not exist", "did not exist"},
        [INCIDENT_CANNOT_SEE] = {"unreachable", "cannot-see", NULL, FAMILY_SIGHT, SLOT_BLIND,
                                 SEVERITY_HIGH, "cannot be seen", "could not be seen"},
        [INCIDENT_OTHER_CONTROLLER] = {"external-controller", "other-controller", NULL,
                                       FAMILY_CONTROLLER, SLOT_STOP, SEVERITY_WARNING,
                                       "is started again and again by somebody else", NULL,
                                       "is started by others"},
        [INCIDENT_DRIFT] = {"drift", "drift", DISABLE_CLOUD_LOG, FAMILY_DRIFT, SLOT_DRIFT},
        [INCIDENT_DELIVERY] = {"delivery", "delivery", DISABLE_CLOUD_LOG, FAMILY_DELIVERY,
                               SLOT_DELIVERY},
        [INCIDENT_UNINSPECTED] = {"settings-unreadable", "uninspected", NULL, FAMILY_SETTINGS,
                                  SLOT_SETTINGS, SEVERITY_WARNING},
        [INCIDENT_MAINTENANCE] = {"maintenance", "maintenance"},
        [INCIDENT_TOPIC_FAILING] = {"topic-failing", "topic-failing"},
        [INCIDENT_RECONFIGURED] = {"reconfigured", "reconfigured"},
        [INCIDENT_STATE_LOST] = {"state-lost", "state-lost"},
};

const IncidentKindRow *incident_kind_row(IncidentKind k)
{
        return &rows[k];
}

const char *incident_kind_to_string(IncidentKind k)
{
        return (size_t)k < ELEMENTSOF(rows) ? rows[k].name : NULL;
}

IncidentKind incident_kind_from_string(const char *s)
{
        for (size_t k = 0; s && k < ELEMENTSOF(rows); k++)
                if (streq(rows[k].name, s) || streq(rows[k].id_name, s))
                        return (IncidentKind)k;
        return _INCIDENT_KIND_INVALID;
}

Family incident_kind_family(IncidentKind k)
{
        return rows[k].family;
}

const char *incident_kind_technique(IncidentKind k)
{
        return (size_t)k < ELEMENTSOF(rows) ? rows[k].technique : NULL;
}

bool incident_kind_is_notice(IncidentKind k)
{
        return rows[k].slot == SLOT_NONE;
}

bool incident_kind_is_change(IncidentKind k)
{
        return rows[k].slot == SLOT_DRIFT || rows[k].slot == SLOT_DELIVERY ||
               rows[k].slot == SLOT_SETTINGS;
}
