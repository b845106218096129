/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/permission.h"

static void test_actions_are_of_their_service(void **state)
{
        static const char *const prefixes[_AWS_SERVICE_MAX] = {
                [AWS_SERVICE_CLOUDTRAIL] = "cloudtrail:",
                [AWS_SERVICE_SNS] = "sns:",
                [AWS_SERVICE_STS] = "sts:",
                [AWS_SERVICE_MONITORING] = "cloudwatch:",
        };

        for (size_t i = 0; i < n_permissions; i++) {
                const Permission *p = &permissions[i];
                size_t n = strlen(prefixes[p->service]);

                assert_ptr_equal(permission_find(p->service, p->operation), p); /* once only */
                assert_memory_equal(p->action, prefixes[p->service], n);
                assert_string_equal(p->action + n, p->operation);
        }
        assert_null(permission_find(AWS_SERVICE_CLOUDTRAIL, "StopLogging"));
        assert_null(permission_find(AWS_SERVICE_SNS, "StartLogging"));
}

UNIT_MAIN(T(test_actions_are_of_their_service))
