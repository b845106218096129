/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* AWS's shared config and credentials files as text into a set of sections, after the "Shared
 * Config and Credentials Files" reference guide of the AWS SDKs. Pure: who reads the files, and
 * which profile is meant, is not decided here. Values may be secret keys, so they are cleansed
 * on free. */

#include <errno.h>

#include "base/macro.h"

typedef enum ProfileSectionKind {
        PROFILE_SECTION_PROFILE,     /* [profile NAME] and [default], or [NAME] in credentials */
        PROFILE_SECTION_SSO_SESSION, /* [sso-session NAME] */
        PROFILE_SECTION_SERVICES,    /* [services NAME] */
        _PROFILE_SECTION_KIND_MAX,
        _PROFILE_SECTION_KIND_INVALID = -EINVAL,
} ProfileSectionKind;

typedef struct ProfileProperty {
        char *key;   /* lower case */
        char *value; /* trimmed; each continuation line after a '\n' */
} ProfileProperty;

typedef struct ProfileSection {
        ProfileSectionKind kind;
        char *name;
        ProfileProperty *properties; /* in the order of the files, each key once */
        size_t n_properties;
} ProfileSection;

typedef struct ProfileSet {
        ProfileSection *sections; /* each name once for a kind */
        size_t n_sections;
} ProfileSet;

/* Either text may be NULL: there is no such file. The two are merged, and what credentials says
 * wins. Sections and properties with a name that is none are left out. -EINVAL with an owned
 * text for people in *reterr_text, naming the file, the line and no value. */
int profile_set_parse(const char *config, const char *credentials, ProfileSet **ret,
                      char **reterr_text) _must_check_;
ProfileSet *profile_set_free(ProfileSet *set);
DEFINE_CLEANUP(ProfileSet *, profile_set_free)

bool profile_set_has(const ProfileSet *set, const char *name);
/* A property of a profile, borrowed; NULL when one of them is absent. key is lower case. */
const char *profile_get(const ProfileSet *set, const char *name, const char *key);
/* The property key of the service ("s3", "cloudtrail") in [services section], owned; NULL when
 * one of them is absent. */
char *profile_get_service(const ProfileSet *set, const char *section, const char *service,
                          const char *key);
