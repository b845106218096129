# SPDX-License-Identifier: Apache-2.0
"""Signed requests by hand, so that a test can spoil any part of them after signing."""

import hashlib
import hmac
import http.client
import json
import re
import ssl
import time
from urllib.parse import quote, urlsplit

MARY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None)
STATIC = ("AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", None)
PAULO = ("AKIAEXAMPLE7PAULO777", "Tt9vUyEXAMPLEKEYq2Lr7dPaSf0gHjKlZxCvBnMQ", None)
TRAIL = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"
DATA_TRAIL = "arn:aws:cloudtrail:us-east-1:444455556666:trail/data-events"
TARGET = "arn:aws:iam::444455556666:role/trailsentry-target"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:security-alerts"
FIFO = TOPIC + ".fifo"


def keys(session):
    return session["access_key"], session["secret_key"], session["token"]


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def code(self):
        """The error code, or "" on success."""
        if self.status < 300:
            return ""
        if self.body[:1] == b"{":
            return json.loads(self.body)["__type"]
        return re.search(rb"<Code>([^<]*)</Code>", self.body).group(1).decode()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Call:
    """A request: fill in, sign(), spoil, send()."""

    def __init__(self, service, region, body, headers, keys=MARY, when=None):
        self.method, self.target = "POST", "/"
        self.service, self.region = service, region
        self.body = body
        self.keys = keys
        self.stamp = time.strftime(
    "%Y%m%dT%H%M%SZ", time.gmtime(
        when if when is not None else time.time()))
        self.headers = {
    "host": f"{'monitoring' if service == 'monitoring' else service}.{region}.localhost",
    "x-amz-date": self.stamp,
     **headers}
        if keys[2]:
            self.headers["x-amz-security-token"] = keys[2]
        self.unsigned = {"user-agent"}

    def sign(self):
        self.headers.pop("authorization", None)
        digest = self.headers.get("x-amz-content-sha256", hashlib.sha256(self.body).hexdigest())
        names = sorted(n for n in self.headers if n not in self.unsigned)
        path, _, query = self.target.partition("?")
        canonical = "\n".join([ self.method,
    path,
    query,
    *(f"{n}:{' '.join(self.headers[n].split())}" for n in names),
    "",
    ";".join(names),
     digest])
        scope = f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", self.stamp, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.keys[1]).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        self.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.keys[0]}/{scope}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}")
        return self

    def send(self, aws, tls=True, timeout=10):
        url = urlsplit(aws.url(tls=tls))
        if tls:
            context = ssl.create_default_context(cafile=aws.ca_file)
            connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout,
                                                     context=context)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        try:
            connection.putrequest(
    self.method,
    self.target,
    skip_host=True,
     skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(self.body)))
            connection.endheaders(self.body)
            response = connection.getresponse()
            body = response.read()
            return Answer(response.status, response.headers, body)
        finally:
            connection.close()


def cloudtrail(operation, params=None, region="eu-west-1", **options):
    body = json.dumps({} if params is None else params).encode()
    headers = {"content-type": "application/x-amz-json-1.1",
               "x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
                                + operation}
    return Call("cloudtrail", region, body, headers, **options)


def query(service, version, operation, params, region="eu-west-1", **options):
    pairs = {"Action": operation, "Version": version, **params}
    body = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs.items())
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return Call(service, region, body.encode(), headers, **options)


def sns(operation, region="eu-west-1", options=None, **params):
    return query("sns", "2010-03-31", operation, params, region, **(options or {}))


def sts(operation, region="eu-west-1", options=None, **params):
    return query("sts", "2011-06-15", operation, params, region, **(options or {}))


def ask(aws, operation, params=None, **options):
    """A signed CloudTrail call, sent over plain http for speed."""
    return cloudtrail(operation, params, **options).sign().send(aws, tls=False)
