/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which origin of credentials there is, as AWS's SDKs choose it. In order: the systemd credential
 * trailsentry.aws-credentials, keys in the environment, the profile, a web identity from the
 * environment, the container's endpoint, IMDSv2. The first one that is set up is the one: a mistake
 * in it is an error, not a reason to go on. The choice is made anew for each fetch, so that files
 * can be changed under a running program.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html */

#include "aws/profile.h"
#include "net/client.h"

#define CRED_SYSTEMD_ID "trailsentry.aws-credentials"

typedef struct CredChainOptions {
        AwsClientOptions client;  /* of those that ask STS, and env; source is not looked at */
        const char *region;       /* where STS is asked; NULL: as environment and profile say */
        const char *profile;      /* this one and no other origin; NULL: the whole chain */
        const char *session_name; /* of roles that no other is given for */
} CredChainOptions;

/* Copies its options, but for env. Nothing is asked yet, but files are read. 0, or 1 when there is
 * nothing to choose yet (what is missing or wrong in AWS's files may come: each fetch looks again);
 * -EINVAL when the environment is wrong, another -errno for what may pass by itself. Unless 0,
 * *reterr_text, owned, says what to do. The source's name is that of the last choice:
 * "environment", "profile guard -> role ARN", "none". */
int cred_source_new_chain(const CredChainOptions *o, CredSource **ret,
                          char **reterr_text) _must_check_;

/* AWS's shared files, where AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and HOME say; what is not
 * there is empty, and 1 when none is or one is missing that a variable names. -EBADMSG when one
 * cannot be understood, another -errno when it cannot be read. */
int cred_profiles_read(NetEnv *env, ProfileSet **ret, char **reterr_text) _must_check_;
/* Which profile counts: option unless NULL, AWS_PROFILE, AWS_DEFAULT_PROFILE, "default". */
const char *cred_profile_name(NetEnv *env, const char *option);

/* Parts of the chain. */

/* One profile of set, with all that it leads to. -ENXIO when it says nothing about credentials,
 * -EINVAL when what it says is wrong. *ret_name, owned, is the way: "profile guard -> imds". */
int cred_source_new_profile(const CredChainOptions *o, const ProfileSet *set, const char *profile,
                            CredSource **ret, char **ret_name, char **reterr_text) _must_check_;

/* A role as role describes it (its client, env and region are set here), assumed with the
 * credentials of base, which is taken; NULL with a web identity. profile_region may be NULL. */
int cred_source_new_role(const CredChainOptions *o, const char *profile_region, CredSource *base,
                         CredAssumeRoleOptions *role, CredSource **ret,
                         char **reterr_text) _must_check_;
