// SPDX-License-Identifier: Apache-2.0
// The AWS SDK for JavaScript against the referee; prints one JSON object.
import { createRequire } from "node:module";

const require = createRequire(process.env.FAKEAWS_NODE_MODULES + "/x.js");
const { CloudTrailClient, GetTrailStatusCommand, StopLoggingCommand, StartLoggingCommand,
        LookupEventsCommand } = require("@aws-sdk/client-cloudtrail");
const { SNSClient, PublishCommand } = require("@aws-sdk/client-sns");
const { STSClient, AssumeRoleCommand, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

const { endpoint, trail, topic, role, externalId, mary, guard } = JSON.parse(process.argv[2]);
const options = (pair) => ({ endpoint, region: "eu-west-1", maxAttempts: 1, credentials: {
    accessKeyId: pair[0], secretAccessKey: pair[1] } });

const out = {};
const cloudtrail = new CloudTrailClient(options(mary));
out.before = (await cloudtrail.send(new GetTrailStatusCommand({ Name: trail }))).IsLogging;
const stopped = await cloudtrail.send(new StopLoggingCommand({ Name: trail }));
out.requestId = stopped.$metadata.requestId;
const status = await cloudtrail.send(new GetTrailStatusCommand({ Name: trail }));
out.after = status.IsLogging;
out.stopTime = status.StopLoggingTime.getTime();
const events = await cloudtrail.send(new LookupEventsCommand({ MaxResults: 5, EndTime: new Date() }));
out.recorded = JSON.parse(events.Events[0].CloudTrailEvent).requestID;
const sts = new STSClient(options(guard));
const assumed = await sts.send(new AssumeRoleCommand({
    RoleArn: role, RoleSessionName: "trailsentry", ExternalId: externalId }));
const session = assumed.Credentials;
const credentials = { accessKeyId: session.AccessKeyId, secretAccessKey: session.SecretAccessKey,
                      sessionToken: session.SessionToken };
const target = { ...options(guard), credentials };
out.arn = (await new STSClient(target).send(new GetCallerIdentityCommand({}))).Arn;
await new CloudTrailClient(target).send(new StartLoggingCommand({ Name: trail }));
out.messageId = (await new SNSClient(options(guard)).send(new PublishCommand({
    TopicArn: topic, Message: "from JavaScript: \u00e9 +%&=~*", Subject: "s",
    MessageAttributes: { kind: { DataType: "String", StringValue: "a b" } } }))).MessageId;
try {
    await new CloudTrailClient(target).send(new StopLoggingCommand({ Name: trail }));
} catch (error) {
    out.denied = error.name;
}
try {
    await new STSClient(options([guard[0], "wrong"])).send(new GetCallerIdentityCommand({}));
} catch (error) {
    out.refused = error.name;
}
console.log(JSON.stringify(out));
