/* SPDX-License-Identifier: Apache-2.0 */
#include "core/remedy.h"

#include "unit.h"

/* What to do follows the code, where that says more than "denied" or "refused". */
static void test_by_code(void **state)
{
        static const struct {
                const char *code;
                int status;
                const char *api, *has;
        } rows[] = {
                {"KMSAccessDeniedException", 400, "Publish",
                 "kms:GenerateDataKey* and kms:Decrypt"},
                {"KMSAccessDenied", 400, "Publish", "kms:GenerateDataKey* and kms:Decrypt"},
                {"KMSDisabled", 400, "Publish", "while it is disabled"},
                {"KMSInvalidState", 400, "Publish", "while it is disabled"},
                {"NotOrganizationMasterAccountException", 400, "StartLogging",
                 "the management account of the organization"},
                {"InsufficientDependencyServiceAccessPermissionException", 400, "StartLogging",
                 "service-linked role"},
                {"RegionDisabledException", 403, "AssumeRole", "STS is not active in that region"},
                {"SubscriptionRequiredException", 400, "GetTrailStatus", "suspended or closed"},
                {"OptInRequired", 403, "GetTrailStatus", "suspended or closed"},
                {"UnrecognizedClientException", 400, "GetTrailStatus",
                 "A region that is not enabled"},
                {"InvalidClientTokenId", 403, "Publish",
                 "Look for who deactivated the guard's key"},
                {"InvalidHomeRegionException", 400, "StartLogging", "home region"},
                {"NotAuthorized", 400, "StartLogging", "Allow cloudtrail:StartLogging"},
                {"AccessDeniedException", 400, "StartLogging", "Allow cloudtrail:StartLogging"},
                {"AuthorizationError", 403, "Publish", "Allow sns:Publish"},
                {"HTTP 407", 407, "GetTrailStatus", ""},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                AwsError e = {.class = aws_error_classify(rows[k].code, rows[k].status)};

                (void)snprintf(e.code, sizeof(e.code), "%s", rows[k].code);
                assert_has(remedy_for_error(&e, rows[k].api), rows[k].has);
        }
        AwsError page;
        aws_error_from_json(403, "<html>blocked", 13, &(AwsErrorHeaders){}, &page);
        assert_has(remedy_for_error(&page, "GetTrailStatus"), "answers in AWS's place");
        assert_has_not(remedy_for_error(&page, "GetTrailStatus"), "Allow");
}

/* The end of AWS's message says which policy it was. */
static void test_by_reason(void **state)
{
        static const char *const reasons[][2] = {
                {"with an explicit deny in a service control policy", "AttachPolicy"},
                {"because no VPC endpoint policy allows the action", "ModifyVpcEndpoint"},
                {"with an explicit deny in a permissions boundary", "PutRolePermissionsBoundary"},
                {"with an explicit deny in an identity-based policy", "PutRolePolicy"},
                {"because no identity-based policy allows the action", ""},
        };

        for (size_t k = 0; k < ELEMENTSOF(reasons); k++) {
                AwsError e;

                aws_error_set(&e, AWS_ERROR_DENIED, "AccessDenied",
                              "User: x is not authorized to %s", reasons[k][0]);
                assert_has(remedy_for_denial(&e), reasons[k][1]);
                assert_true(*reasons[k][1] || !*remedy_for_denial(&e));
                e.class = AWS_ERROR_INVALID;
                assert_string_equal(remedy_for_denial(&e), "");
        }
}

UNIT_MAIN(T(test_by_code), T(test_by_reason))
