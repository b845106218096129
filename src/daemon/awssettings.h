/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the way to AWS depends on and others may say as well: AWS's tools read it from the
 * environment and from the profile files, and an operator expects the same of us. Who comes first
 * counts: our own configuration, the environment, the profile. For an endpoint, what names the
 * service comes before what does not. "" is as good as unset.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html */

#include "aws/partition.h"
#include "aws/profile.h"
#include "daemon/conf.h"

typedef struct AwsSetting {
        char *value;  /* NULL: nobody has set it */
        char *origin; /* who has: "AWS_ENDPOINT_URL_SNS" */
} AwsSetting;

typedef struct AwsSettings {
        AwsSetting endpoint[_AWS_SERVICE_MAX]; /* unset: AWS's own */
        AwsSetting fips, dual_stack;           /* "true" or "false" */
        AwsSetting ca_file;
        AwsSetting proxy; /* "" is for none at all; may hold a password */
        AwsSetting no_proxy;
} AwsSettings;

/* Borrowed for the duration of aws_settings_new(). */
typedef struct AwsSettingsOptions {
        const Conf *conf;
        const char *(*get)(void *userdata, const char *name); /* a variable; NULL when unset */
        void *userdata;
        const ProfileSet *profiles; /* NULL: there are no profile files */
        const char *profile;        /* the name of the one that counts */
        const char *profile_path;   /* for messages */
} AwsSettingsOptions;

/* -EINVAL for what cannot be meant; *reterr_text, owned, names who said it and what may be said. */
int aws_settings_new(const AwsSettingsOptions *o, AwsSettings **ret,
                     char **reterr_text) _must_check_;
/* -EINVAL for what excludes each other, and for plain http to elsewhere than this machine. */
int aws_settings_check(const AwsSettings *s, char **reterr_text) _must_check_;
AwsSettings *aws_settings_free(AwsSettings *s);
DEFINE_CLEANUP(AwsSettings *, aws_settings_free)

bool aws_setting_is_true(const AwsSetting *s);
/* Whether both lead the same way, whoever has set them. */
bool aws_settings_equal(const AwsSettings *a, const AwsSettings *b);

/* One thing that is not as AWS has it, for people. */
typedef struct AwsSettingNote {
        char *what;  /* owned: "endpoint of sns and sts" */
        char *value; /* owned, without a password */
        const char *origin;
} AwsSettingNote;

/* The i-th one; false past the last one. */
bool aws_settings_note(const AwsSettings *s, size_t i, AwsSettingNote *ret);
void aws_setting_note_done(AwsSettingNote *n);

/* The names of the variables that are read, so that a test can hold them against the manual; NULL
 * past the last one. */
const char *aws_settings_variable(size_t i);

/* Values as the configuration file may have them, too. *reterr, static, may say what is wrong. */
#define AWS_SETTING_ENDPOINT_FORM                                                                  \
        "a URL https://HOST[:PORT][/PATH], in which {service} and {region} may stand"
#define AWS_SETTING_PROXY_FORM                                                                     \
        "a URL http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host where "  \
        "it is needed"
bool aws_setting_check_endpoint(const char *value, const char **reterr);
bool aws_setting_check_path(const char *value, const char **reterr);
bool aws_setting_check_proxy(const char *value, const char **reterr);
