# SPDX-License-Identifier: Apache-2.0
"""The endpoint rules and the signer, held against botocore's own through ts-vec.

Debian's botocore may be older than the facts in src/aws/partition.c. What has changed since is
stated below as data; everything else has to be equal."""

import datetime
import itertools
import json
import os
import random
import subprocess

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader

TS_VEC = os.path.join(os.environ.get("TS_BUILD_DIR", "."), "tests/vectors/ts-vec")

# Sign name: botocore's folder
SERVICES = {
    "cloudtrail": "cloudtrail", "dynamodb": "dynamodb", "events": "events", "kms": "kms",
    "logs": "logs", "monitoring": "cloudwatch", "organizations": "organizations", "s3": "s3",
    "sns": "sns", "sqs": "sqs", "sts": "sts",
}
IMPLICIT_GLOBAL_REGION = {
    "aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1", "aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1", "aws-us-gov": "us-gov-west-1",
}
# Partition: suffix, dual-stack suffix, regular expression, regions beside those botocore knows
NEWER_PARTITIONS = {
    "aws": ("amazonaws.com", "api.aws", r"^(us|eu|ap|sa|ca|me|af|il|mx)\-\w+\-\d+$",
            ["ap-east-2", "ap-southeast-7", "ca-west-1", "il-central-1", "mx-central-1"]),
    "aws-eusc": ("amazonaws.eu", "api.amazonwebservices.eu", r"^eusc\-(de)\-\w+\-\d+$",
                 ["eusc-de-east-1"]),
    "aws-iso": ("c2s.ic.gov", "api.aws.ic.gov", r"^us\-iso\-\w+\-\d+$", []),
    "aws-iso-b": ("sc2s.sgov.gov", "api.aws.scloud", r"^us\-isob\-\w+\-\d+$", ["us-isob-west-1"]),
    "aws-iso-e": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", r"^eu\-isoe\-\w+\-\d+$",
                  ["eu-isoe-west-1"]),
    "aws-iso-f": ("csp.hci.ic.gov", "api.aws.hci.ic.gov", r"^us\-isof\-\w+\-\d+$",
                  ["us-isof-east-1", "us-isof-south-1"]),
}
# These answer FIPS over dual stack at the plain host of GovCloud.
NEWER_GOV_DUAL_STACK = ("events", "monitoring", "organizations")
OVERRIDE = ("error: Endpoint override is not supported for dual-stack endpoints. Please enable "
            "dual-stack functionality by enabling the configuration. For more details, see: "
            "https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html")


def partitions():
    data = Loader().load_data("partitions")
    known = {p["id"]: p for p in data["partitions"]}
    for name, (suffix, dual, regex, regions) in NEWER_PARTITIONS.items():
        p = known.setdefault(name, {"id": name, "outputs": {}, "regions": {}})
        p["regionRegex"] = regex
        p["outputs"].update(name=name, dnsSuffix=suffix, dualStackDnsSuffix=dual,
                            supportsDualStack=True, supportsFIPS=True)
        p["regions"].update({r: {} for r in regions})
    return {**data, "partitions": list(known.values())}


def ts_vec(*words, text=None):
    run = subprocess.run([TS_VEC, *words], input=text, text=True, stdout=subprocess.PIPE)
    assert run.returncode == 0, run
    return run.stdout


def resolve(cases):
    """Each case, (service, region, fips, dual_stack, custom), as ts-vec answers it."""
    lines = []
    for service, region, fips, dual_stack, custom in cases:
        words = ["--service", service, "--region", region]
        words += ["--fips"] * fips + ["--dualstack"] * dual_stack
        words += ["--endpoint", custom] if custom else []
        lines.append(" ".join(words))
    answers = ts_vec("endpoint", "-", text="\n".join(lines)).splitlines()
    assert len(answers) == len(cases)
    return answers


def by_rules(provider, service, region, fips, dual_stack, custom):
    """What the rules say: a URL, or None for an error."""
    params = {"Region": region, "UseFIPS": fips, "UseDualStack": dual_stack, "Endpoint": custom}
    if service == "sts":
        params["UseGlobalEndpoint"] = False
    try:
        return provider.resolve_endpoint(**{k: v for k, v in params.items() if v is not None}).url
    except botocore.exceptions.EndpointProviderError:
        return None


def by_newer_rules(provider, partition, case):
    service, region, fips, dual_stack, custom = case
    if service == "s3" and custom and (fips or dual_stack):
        return None
    if service == "organizations" and not custom:
        case = (service, IMPLICIT_GLOBAL_REGION[partition], fips, dual_stack, custom)
    url = by_rules(provider, *case)
    if partition == "aws-us-gov" and fips and dual_stack and service in NEWER_GOV_DUAL_STACK:
        url = url and url.replace("-fips", "")
    return url


@pytest.mark.parametrize("service", SERVICES)
def test_endpoints(service):
    data, wrong = partitions(), []
    assert len(data["partitions"]) == 8
    rules = Loader().load_service_model(SERVICES[service], "endpoint-rule-set-1")
    provider = EndpointProvider(rules, data)
    where = [(p["id"], r) for p in data["partitions"] for r in p["regions"]]
    cases = [(partition, (service, region, fips, dual_stack, custom))
             for (partition, region), fips, dual_stack, custom in itertools.product(
                 where, (False, True), (False, True), (None, "https://example.com"))]
    for (partition, case), have in zip(cases, resolve([c for _, c in cases])):
        want = by_newer_rules(provider, partition, case)
        # A pseudo-region that the service's rules do not name leads to no host that exists.
        if case[1].endswith("-global") and have.startswith("error:"):
            continue
        if (have != want) if want else not have.startswith("error:"):
            wrong.append((*case, have, want))
    assert not wrong
    assert len(cases) > 300


def test_pseudo_regions_and_newer_rules():
    assert resolve([
        ("sts", "aws-global", False, False, None),
        ("s3", "aws-global", False, False, None),
        ("organizations", "aws-cn-global", False, False, None),
        ("dynamodb", "local", False, False, None),
        ("dynamodb", "local", True, False, None),
        ("sqs", "aws-global", False, False, None),
        ("dynamodb", "eu-west-1", False, False, "https://search-dynamodb.eu-west-1.api.aws"),
        ("dynamodb", "eu-west-1", False, False, "https://dynamodb.eu-west-1.api.aws"),
        ("dynamodb", "eu-west-1", False, False, "https://dynamodb.us-east-1.api.aws"),
    ]) == [
        "https://sts.amazonaws.com",
        "https://s3.amazonaws.com",
        "https://organizations.cn-northwest-1.amazonaws.com.cn",
        "http://localhost:8000",
        "error: Invalid Configuration: FIPS and local endpoint are not supported",
        "error: Invalid Configuration: no region of this service",
        OVERRIDE, OVERRIDE, "https://dynamodb.us-east-1.api.aws",
    ]


SEGMENTS = ("", ".", "..", "a", "b.c", "~user", "x y", "ሴ", "%20", "%2F", "a%C3%A9", "1,2", "(;:@)",
            "*", "'q'", "$&+=", "trail", "...", "-_")
KEYS = ("a", "A", "a-b", "a.b", "Action", "%C3%A9", "x%20y", "_", "~", "b", "0", "list-type")
VALUES = ("", "1", "2", "%2F%2B", "a%20b", "A", "~-._", "%E1%88%B4", "%25", "x%3Dy")
NAMES = ("My-Header", "my-header", "X-Amz-Target", "Content-Type", "Accept", "A", "a-b", "A_B",
         "User-Agent", "Expect", "X-Amzn-Trace-Id", "Range")
WORDS = ("v", "Value", "a  b", "  lead", "trail  ", "\ttab\tin", "é", '"q  q"', "1,2", "", "a:b",
         "folded\n  on  two", "folded\n\ton\n more")


def random_request(rng):
    """A request in the form of the vectors, as a dictionary."""
    s3 = rng.random() < 0.2
    path = "/" + "/".join(rng.choices(SEGMENTS, k=rng.randrange(5)))
    if s3:
        path = "/" + "/".join(rng.choices(("a", "a%20b", "..", "", "%C3%A9", "x~y"), k=3))
    pairs = [f"{rng.choice(KEYS)}={rng.choice(VALUES)}" for _ in range(rng.randrange(5))]
    headers = [(rng.choice(NAMES), rng.choice(WORDS)) for _ in range(rng.randrange(6))]
    headers.insert(rng.randrange(len(headers) + 1), ("Host", rng.choice(
        ("example.amazonaws.com", "127.0.0.1:8080", "[fd00::1]:4566"))))
    return {
        "method": rng.choice(("GET", "POST", "PUT", "DELETE", "HEAD")), "path": path,
        "query": "&".join(pairs), "headers": headers, "s3": s3,
        "body": rng.choice(("", "", "{}", "Action=Publish&Message=a%20b", "é\n\n  x", "x" * 5000)),
        "sign_body": s3 or rng.random() < 0.3,
        "token": rng.choice((None, "IQoJ//////////wEaCWV1+/=" * 9)),
        "region": rng.choice(("us-east-1", "cn-north-1", "eusc-de-east-1")),
        "service": "s3" if s3 else rng.choice(("cloudtrail", "sns", "execute-api")),
        "time": datetime.datetime(2000, 1, 1) + datetime.timedelta(
            seconds=rng.randrange(2000000000)),
        "secret": "".join(rng.choices("abcXYZ019+/", k=rng.randrange(1, 80))),
    }


def by_botocore(r):
    """Canonical request and signature."""
    target = r["path"] + ("?" + r["query"] if r["query"] else "")
    request = AWSRequest(r["method"], "http://h" + target, data=r["body"].encode())
    for name, value in r["headers"]:
        request.headers.add_header(name, value)
    kind = botocore.auth.S3SigV4Auth if r["s3"] else botocore.auth.SigV4Auth
    auth = kind(Credentials("AKIDEXAMPLE", r["secret"], r["token"]), r["service"], r["region"])
    request.context["timestamp"] = r["time"].strftime("%Y%m%dT%H%M%SZ")
    auth._modify_request_before_signing(request)
    if r["sign_body"] and not r["s3"]:
        request.headers["X-Amz-Content-SHA256"] = auth.payload(request)
    canonical = auth.canonical_request(request)
    return canonical, auth.signature(auth.string_to_sign(request, canonical), request)


def by_ours(r, folder):
    context, text = folder / "context.json", folder / "request.txt"
    context.write_text(json.dumps({
        "credentials": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": r["secret"],
                        **({"token": r["token"]} if r["token"] else {})},
        "normalize": not r["s3"], "region": r["region"], "service": r["service"],
        "sign_body": r["sign_body"], "timestamp": r["time"].strftime("%Y-%m-%dT%H:%M:%SZ")}))
    target = r["path"] + ("?" + r["query"] if r["query"] else "")
    head = "".join(f"{name}:{value}\n" for name, value in r["headers"])
    text.write_text(f"{r['method']} {target} HTTP/1.1\n{head}\n{r['body']}")
    words = ("sigv4", "--context", str(context), "--request", str(text), "--emit")
    return ts_vec(*words, "creq"), ts_vec(*words, "sig")


@pytest.mark.parametrize("seed", range(8))
def test_signatures(seed, tmp_path):
    rng = random.Random(seed)
    for _ in range(50):
        request = random_request(rng)
        assert by_ours(request, tmp_path) == by_botocore(request), request
