/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policies that a configuration asks for: what is allowed to whom, who may take which role,
 * and what to deny everybody else. Made from the configuration and the table of permissions alone.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 * https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html */

#include <jansson.h>

#include "daemon/conf.h"

typedef enum PolicyFor {
        POLICY_FOR_GUARD,  /* the role of the machine that the daemon runs on */
        POLICY_FOR_TARGET, /* a role_arn of the configuration */
        POLICY_FOR_TOPIC,  /* a topic that somebody of another account publishes to */
        POLICY_FOR_SCP,    /* the organization */
        _POLICY_FOR_MAX,
        _POLICY_FOR_INVALID = -EINVAL,
} PolicyFor;

const char *policy_for_to_string(PolicyFor f); /* "guard" */
PolicyFor policy_for_from_string(const char *s);

/* Stands for the guard's role where that is not known; no ARN that IAM would take. */
#define POLICY_PLACEHOLDER "arn:aws:iam::GUARD_ACCOUNT:role/GUARD_ROLE"

typedef struct PolicyOptions {
        const Conf *conf;
        const char *guard_arn; /* role or user; NULL: not known, a placeholder stands for it */
        char **exempt;         /* ARNs, * allowed, whom the SCP does not bind */
        size_t n_exempt;
        const char *instance_arn; /* that the guard runs on, * allowed; NULL: not known */
        char **protect;           /* more ARNs, * allowed, that the SCP protects */
        size_t n_protect;
} PolicyOptions;

/* Alarms whose names begin with it are the heartbeat's. */
#define POLICY_ALARM_PREFIX "trailsentry"

/* As a document is written, for jansson. */
#define POLICY_INDENT JSON_INDENT(2)

typedef struct PolicyDocument {
        PolicyFor what;
        char *name;  /* "target-444455556666-trailsentry-target-trust", for a file */
        char *title; /* whose it is and what it does */
        json_t *json;
        size_t characters; /* as AWS counts them: of an SCP as it is written, else no white space */
        size_t limit;
        char **notes;
        size_t n_notes;
} PolicyDocument;

typedef struct Policies {
        PolicyDocument *items;
        size_t n;
} Policies;

Policies policies_make(const PolicyOptions *o);
void policies_done(Policies *p);

/* Of an identity as STS tells it: a session's role, without the role's path, which is not told;
 * anything else as it is. Owned; NULL when it is no ARN. */
char *policy_principal_of(const char *identity_arn);

/* The instance whose role has such a session, in whichever region: "arn:aws:ec2:*:111122223333:
 * instance/i-0123456789abcdef0". Owned; NULL when the session is not an instance's. */
char *policy_instance_of(const char *identity_arn);

/* Whether the SCP knows how to protect it: a trail, role, user, managed policy, instance profile,
 * instance, topic, alarm, bucket, key or log group. */
bool policy_protects(const char *arn);
