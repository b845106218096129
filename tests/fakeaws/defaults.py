# SPDX-License-Identifier: Apache-2.0
"""The world that is served when no world file is given; identifiers are AWS's example ones."""

READ = ["cloudtrail:GetTrailStatus", "cloudtrail:GetTrail", "cloudtrail:DescribeTrails",
        "cloudtrail:ListTrails", "cloudtrail:GetEventSelectors", "cloudtrail:LookupEvents"]
GUARD = "arn:aws:iam::111122223333:role/trailsentry-guard"

WORLD = {
    "regions": ["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-west-2", "eu-central-1",
                "ap-southeast-2", "us-gov-west-1", "cn-north-1"],
    "accounts": {
        "111122223333": {"alias": "guard"},
        "444455556666": {"alias": "workload"},
        "777788889999": {"alias": "elsewhere"},
    },
    "users": [
        {"arn": "arn:aws:iam::111122223333:user/trailsentry-static", "id": "AIDACKCEVSQ6C2EXAMPLE",
         "access_key": "AKIAI44QH8DHBEXAMPLE",
         "secret_key": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
         "permissions": ["sns:Publish", "sns:GetTopicAttributes", "sts:AssumeRole",
                         "cloudwatch:PutMetricData"]},
        {"arn": "arn:aws:iam::444455556666:user/Mary_Major", "id": "AIDAJ45Q7YFFAREXAMPLE",
         "access_key": "AKIAIOSFODNN7EXAMPLE",
         "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "permissions": ["*"]},
        {"arn": "arn:aws:iam::777788889999:user/Paulo_Santos", "id": "AIDAIEXAMPLE7PAULO777",
         "access_key": "AKIAEXAMPLE7PAULO777",
         "secret_key": "Tt9vUyEXAMPLEKEYq2Lr7dPaSf0gHjKlZxCvBnMQ",
         "permissions": ["*"]},
    ],
    "roles": [
        {"arn": GUARD, "id": "AROADBQP57FF2AEXAMPLE", "trust": ["ec2.amazonaws.com"],
         "permissions": ["sts:AssumeRole", "sns:Publish", "sns:GetTopicAttributes",
                         "cloudwatch:PutMetricData"]},
        {"arn": "arn:aws:iam::444455556666:role/trailsentry-target", "id": "AROAEXAMPLETARGET4444",
         "trust": [GUARD, "arn:aws:iam::111122223333:user/trailsentry-static"],
         "external_id": "trailsentry-example-id", "max_duration": 43200,
         "permissions": READ + ["cloudtrail:StartLogging", "cloudwatch:PutMetricData"]},
        {"arn": "arn:aws:iam::444455556666:role/DeployPipeline", "id": "AROAEXAMPLEDEPLOY4444",
         "trust": ["arn:aws:iam::444455556666:root"], "permissions": ["*"]},
    ],
    "instance": {"role": GUARD, "instance_id": "i-1234567890abcdef0", "region": "eu-west-1",
                 "availability_zone": "eu-west-1a"},
    "trails": [
        {"arn": "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events",
         "logging": True, "multi_region": True, "start_time": -864000.0,
         "bucket": "amzn-s3-demo-bucket"},
        {"arn": "arn:aws:cloudtrail:us-east-1:444455556666:trail/data-events",
         "logging": True, "multi_region": False, "global_events": False, "start_time": -432000.0,
         "bucket": "amzn-s3-demo-bucket1",
         "event_selectors": [{"ReadWriteType": "All", "IncludeManagementEvents": False,
                              "DataResources": [{"Type": "AWS::S3::Object",
                                                 "Values": ["arn:aws:s3"]}],
                              "ExcludeManagementEventSources": []}]},
    ],
    "topics": [
        {"arn": "arn:aws:sns:eu-west-1:111122223333:security-alerts",
         "allowed": ["444455556666"]},
        {"arn": "arn:aws:sns:eu-west-1:111122223333:security-alerts.fifo"},
        {"arn": "arn:aws:sns:us-east-1:777788889999:foreign-alerts"},
    ],
}
