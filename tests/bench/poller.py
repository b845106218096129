# SPDX-License-Identifier: Apache-2.0
"""What one would write with boto3: ask for each trail's status, start what is not logging.

The arguments are the endpoint, the interval in seconds (0: one after the other) and the trails.
"""

import sys
import time

import boto3


def main(endpoint, interval, *trails):
    client = boto3.client("cloudtrail", region_name="eu-west-1", endpoint_url=endpoint)
    while True:
        for trail in trails:
            status = client.get_trail_status(Name=trail)
            if not status["IsLogging"]:
                client.start_logging(Name=trail)
        if float(interval) > 0:
            time.sleep(float(interval))


main(*sys.argv[1:])
