/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a trail is set to: the answers of GetTrail and GetEventSelectors as structs, and the same as
 * JSON for the disk. Fails as jsonmap.h does.
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html */

#include "aws/request.h"
#include "base/jsonmap.h"

/* GetTrail. Strings owned, NULL when absent or empty. */
typedef struct TrailDescription {
        char *name;
        char *arn;
        char *home_region;
        char *s3_bucket_name;
        char *s3_key_prefix;
        char *kms_key_id;
        char *sns_topic_arn;
        char *log_group_arn;
        char *log_role_arn;
        bool is_multi_region;
        bool is_organization;
        bool global_service_events;
        bool log_file_validation;
        bool has_insight_selectors;
} TrailDescription;

void cloudtrail_request_get_trail(const char *trail_arn, AwsRequest *ret);
int cloudtrail_parse_trail(const char *body, size_t len, TrailDescription *ret) _must_check_;
void trail_description_done(TrailDescription *d);

/* Event selectors of both kinds in one form, the advanced one: an event is recorded when any
 * selector matches, and a selector matches when all of its fields do. A field matches a value that
 * one of `select` fits, or any value when there is none, and that none of `deselect` fits. */
typedef enum PatternKind {
        PATTERN_EXACT,
        PATTERN_PREFIX,
        PATTERN_SUFFIX,
} PatternKind;

typedef struct Pattern {
        PatternKind kind;
        char *value;
} Pattern;

typedef struct SelectorField {
        char *name; /* "eventCategory" */
        Pattern *select;
        size_t n_select;
        Pattern *deselect;
        size_t n_deselect;
} SelectorField;

typedef struct EventSelector {
        char *name; /* as somebody has called it; NULL without */
        SelectorField *fields;
        size_t n_fields;
        bool odd; /* says something that is not known here: what it records cannot be told */
} EventSelector;

typedef struct EventSelectors {
        EventSelector *items;
        size_t n;
} EventSelectors;

/* More than AWS takes (500 values): an answer beyond it is none. */
#define EVENT_SELECTOR_VALUES_MAX 2000

void cloudtrail_request_get_event_selectors(const char *trail_arn, AwsRequest *ret);
int cloudtrail_parse_event_selectors(const char *body, size_t len,
                                     EventSelectors *ret) _must_check_;
void event_selectors_done(EventSelectors *s);

/* What the requestParameters of a record of PutEventSelectors or PutInsightSelectors set, as the
 * answer that shows it: records spell members with a small first letter. JSON, owned; NULL when
 * they set no selectors. */
char *cloudtrail_requested_selectors(const json_t *parameters);

/* The field of that name, NULL without one. */
const SelectorField *event_selector_field(const EventSelector *s, const char *name);

/* All of it, each half as far as it is known. */
typedef struct TrailSettings {
        bool described; /* GetTrail has been answered */
        bool selected;  /* GetEventSelectors has */
        TrailDescription description;
        EventSelectors selectors;
} TrailSettings;

void trail_settings_done(TrailSettings *s);
json_t *trail_settings_to_json(const TrailSettings *s); /* new reference, never NULL */
int trail_settings_from_json(const json_t *object, TrailSettings *ret) _must_check_;
/* Puts a copy of what `from` knows in the place of what `s` has. */
void trail_settings_update(TrailSettings *s, const TrailSettings *from);
