/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>

typedef enum Severity {
        SEVERITY_INFO,
        SEVERITY_WARNING,
        SEVERITY_HIGH,
        SEVERITY_CRITICAL,
        _SEVERITY_MAX,
        _SEVERITY_INVALID = -EINVAL,
} Severity;

const char *severity_to_string(Severity s); /* "critical" */
Severity severity_from_string(const char *s);
