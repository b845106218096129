// SPDX-License-Identifier: Apache-2.0
// What one would write with the AWS SDK for JavaScript v3: ask for each trail's status, start what
// is not logging. The arguments are the endpoint, the interval in seconds (0: one after the other)
// and the trails.
import { setTimeout } from "node:timers/promises";
import { CloudTrailClient, GetTrailStatusCommand,
         StartLoggingCommand } from "@aws-sdk/client-cloudtrail";

const [endpoint, interval, ...trails] = process.argv.slice(2);
const client = new CloudTrailClient({ region: "eu-west-1", endpoint });

for (;;) {
    for (const trail of trails) {
        const status = await client.send(new GetTrailStatusCommand({ Name: trail }));
        if (!status.IsLogging)
            await client.send(new StartLoggingCommand({ Name: trail }));
    }
    if (Number(interval) > 0)
        await setTimeout(Number(interval) * 1000);
}
