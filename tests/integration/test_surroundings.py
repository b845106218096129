# SPDX-License-Identifier: Apache-2.0
"""What surrounds the daemon: proxies, endpoints that others name, certificates that come and go."""

import json
import os
import shutil
import ssl

import pytest

from guard import FAR_TRAIL, SLOW, TRAIL, in_own_mounts, reached_by_role
from proxy import Proxy
from test_cli import check
from test_credentials import stop_and_see
from wire import Wire

EVERY = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
USER, PASSWORD = "guard", "s3cr-t"
SERVICES = ("cloudtrail", "monitoring", "sns", "sts")


def refused(guard, status=78):
    assert guard.spawn().exit_status() == status
    return [r.text for r in guard.records]


def own_names(aws, *services):
    """What AWS_ENDPOINT_URL_... says when each service has a name of its own."""
    return {"AWS_ENDPOINT_URL_" + {"monitoring": "CLOUDWATCH"}.get(s, s.upper()):
            f"https://{s}.eu-west-1.localhost:{aws.ready['https_port']}" for s in services}


# Proxies

@pytest.mark.parametrize("kind", ["plain", "with a password", "over TLS", "of the configuration"])
def test_every_call_of_a_service_goes_through_the_proxy(aws, make_guard, kind):
    """And none of the metadata service, whatever variables are set. The Host header is the
    service's, within the tunnel and outside, and nothing that is signed is seen outside."""
    login, context = {}, None
    if kind == "with a password":
        login = {"user": USER, "password": PASSWORD}
    if kind == "over TLS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = os.path.dirname(aws.ca_file)
        context.load_cert_chain(os.path.join(folder, "server.pem"),
                                os.path.join(folder, "server.key"))
    with Proxy(context, **login) as proxy:
        own = kind == "of the configuration"
        guard = make_guard(environment=dict.fromkeys(EVERY, "http://[::1]:9" if own else proxy.url),
                           proxy=proxy.url if own else None, scale=100,
                           heartbeat={"namespace": "trailsentry"}).run()
        stop_and_see(aws)
        assert aws.call("metrics", min=1, timeout=20)["ok"]
        assert aws.calls(service="imds") != []
        port = aws.ready["https_port"]
        expected = {f"{s}.eu-west-1.localhost:{port}" for s in SERVICES}
        assert proxy.targets == expected
        assert {c["host"] for c in aws.calls() if c["service"] != "imds"} == expected
        for target, headers in proxy.heads:
            assert headers["host"] == target
            assert set(headers) <= {"host", "proxy-connection", "proxy-authorization"}
        guard.stop()
        assert PASSWORD not in guard.text() and proxy.shown in guard.text()


@pytest.mark.parametrize("variables,options", [
    ({"NO_PROXY": "example.com, .localhost"}, {}), ({"no_proxy": "*"}, {}), ({}, {"proxy": ""})])
def test_no_proxy(aws, make_guard, variables, options):
    with Proxy() as proxy:
        make_guard(environment={**dict.fromkeys(EVERY, proxy.url), **variables}, **options).run()
        stop_and_see(aws)
        assert proxy.heads == []


@pytest.mark.parametrize("answer,words", [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
     "refuses to connect to cloudtrail.eu-west-1.localhost: HTTP 407"),
    (b"HTTP/1.1 200 OK\r\n\r\nthis is no TLS\r\n", "through the proxy"),
    (b"", "no connection to cloudtrail.eu-west-1.localhost [(]through the proxy")])
def test_proxy_that_fails_is_named(aws, make_guard, answer, words):
    """By its address, without the password; and its recovery is ours."""
    with Proxy(user=USER, password=PASSWORD) as proxy:
        guard = make_guard(environment={"https_proxy": proxy.url}, scale=20,
                           cannot_see_after="20s").run()
        proxy.answer = answer
        aws.call("drop_connections")
        said = guard.record("GetTrailStatus failed.*" + words)
        assert proxy.shown in said.text
        guard.record("management-events cannot be seen")
        proxy.answer = None
        opened = aws.message(phase="OPEN", kind="unreachable")
        aws.message(phase="CLOSED", kind="unreachable")
        assert proxy.shown in opened.text or "no answer" in opened.text
        guard.stop()
        assert PASSWORD not in guard.text() and PASSWORD not in opened.text


# Endpoints

@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_endpoint_of_a_service_serves_every_region(aws, make_guard, host):
    """As a VPC endpoint does: the host is the same, the signature is of the trail's region."""
    with Wire(aws.ready["https_port"], "::1" if host == "[::1]" else "127.0.0.1") as wire:
        url = f"https://{host}:{wire.port}"
        guard = make_guard(endpoint=None, trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)],
                           environment={**own_names(aws, "sns", "monitoring"),
                                        "AWS_ENDPOINT_URL_CLOUDTRAIL": url,
                                        "AWS_ENDPOINT_URL": f"https://sts.eu-west-1.localhost:{aws.ready['https_port']}"})
        guard.run()
        stop_and_see(aws)
        calls = [c for c in aws.calls() if c["service"] == "cloudtrail"]
        assert {c["host"] for c in calls} == {f"{host}:{wire.port}"}
        assert {c["region"] for c in calls} == {"eu-west-1", "us-east-1"}
        assert {c["host"].split(".")[0] for c in aws.calls(service="sns")} == {"sns"}
        assert {c["host"].split(".")[0] for c in aws.calls(service="sts")} == {"sts"}
        said = [r.text for r in guard.records]
        assert f"endpoint of cloudtrail: {url} (AWS_ENDPOINT_URL_CLOUDTRAIL)" in said
        told = check(guard, **guard.environment).stdout
        assert f"endpoint of cloudtrail: {url}, by AWS_ENDPOINT_URL_CLOUDTRAIL" in told


@pytest.mark.parametrize("variables,words", [
    ({"AWS_ENDPOINT_URL_SNS": "sns.example.com"}, "AWS_ENDPOINT_URL_SNS has to be a URL"),
    ({"AWS_USE_FIPS_ENDPOINT": "true"}, "AWS_USE_FIPS_ENDPOINT excludes endpoint of /"),
    ({"HTTPS_PROXY": f"ftp://{USER}:{PASSWORD}@x"}, "HTTPS_PROXY has to be a URL")])
def test_surroundings_that_cannot_be_meant(aws, make_guard, variables, words):
    options = {"endpoint": None} if "AWS_ENDPOINT_URL_SNS" in variables else {}
    guard = make_guard(environment=variables, **options)
    said = refused(guard)
    assert len(said) == 1 and words in said[0] and PASSWORD not in said[0], said
    assert aws.calls() == []


@pytest.mark.parametrize("content,words", [
    (None, "No such file or directory"), ("", "it has to hold certificates"),
    ("-----BEGIN CERTIFICATE-----\nMIIB", "it has to hold certificates")])
def test_ca_file_that_is_being_replaced(make_guard, tmp_path, content, words):
    """Not exit status 78, after which the unit is never started again."""
    bundle = os.path.join(tmp_path, "ca.pem")
    if content is not None:
        with open(bundle, "w", encoding="utf-8") as out:
            out.write(content)
    guard = make_guard(ca_file=None, environment={"AWS_CA_BUNDLE": bundle})
    said = refused(guard, status=1)
    assert len(said) == 1 and said[0].startswith(f"CA file {bundle} cannot be used: {words}"), said
    shutil.copy(guard.aws.ca_file, bundle)
    guard.run()


# Variables that libraries read

OPENSSL_CONF = """openssl_conf = all
[all]
providers = list
[list]
base = only
[only]
activate = 1
"""


def test_variables_of_libraries_do_not_count(aws, make_guard, tmp_path):
    """TLS keys are not written down, and no file takes the algorithms from OpenSSL. A program that hands
    out credentials has what it goes by."""
    keys, conf, seen = (os.path.join(tmp_path, name) for name in ("keys", "openssl.cnf", "seen"))
    with open(conf, "w", encoding="ascii") as out:
        out.write(OPENSSL_CONF)
    program, profiles = os.path.join(tmp_path, "get-keys"), os.path.join(tmp_path, "config")
    with open(program, "w", encoding="ascii") as out:
        out.write(f"#!/bin/sh\nenv >{seen}\necho '" + json.dumps({
            "Version": 1, "AccessKeyId": "AKIAI44QH8DHBEXAMPLE",
            "SecretAccessKey": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"}) + "'\n")
    os.chmod(program, 0o755)
    with open(profiles, "w", encoding="ascii") as out:
        out.write(f"[default]\ncredential_process = {program}\n")
    guard = make_guard(environment={
        "SSLKEYLOGFILE": keys, "OPENSSL_CONF": conf, "OPENSSL_MODULES": str(tmp_path),
        "RES_OPTIONS": "timeout:30 attempts:5", "VAULT_ADDR": "https://vault.example",
        "AWS_CONFIG_FILE": profiles}).run()
    aws.polls(3, ok=True)
    done = check(guard, **guard.environment)
    assert "credential_process" in done.stdout, done
    assert not os.path.exists(keys)
    with open(seen, encoding="utf-8") as file:
        variables = dict(line.split("=", 1) for line in file.read().splitlines())
    assert variables["VAULT_ADDR"] == "https://vault.example" and variables["OPENSSL_CONF"] == conf
    assert "SSLKEYLOGFILE" not in variables


# Certificates

def test_ca_bundle_vanishes_and_is_replaced_while_running(aws, make_guard, tmp_path):
    """What was read at the start serves on, for new connections too. A reload is refused while
    there is none; after it, the new one counts, although its path has not changed."""
    bundle = os.path.join(tmp_path, "bundle.pem")
    foreign = os.path.join(os.path.dirname(aws.ca_file), "foreign-ca.pem")
    shutil.copy(aws.ca_file, bundle)
    guard = make_guard(ca_file=None, environment={"AWS_CA_BUNDLE": bundle}, scale=20,
                       cannot_see_after="20s").run()
    os.unlink(bundle)
    aws.call("drop_connections")
    aws.polls(3, ok=True)
    guard.process.send_signal(1)
    guard.record("is not taken over")
    assert f"CA file {bundle} cannot be used: No such file or directory (AWS_CA_BUNDLE)" in [
        r.text for r in guard.records]
    aws.polls(3, ok=True)

    shutil.copy(foreign, bundle)
    guard.process.send_signal(1)
    guard.record("was read again")
    guard.record("management-events cannot be seen")
    shutil.copy(aws.ca_file, bundle + ".new")
    os.rename(bundle + ".new", bundle)
    guard.process.send_signal(1)
    aws.message(phase="CLOSED", kind="unreachable", timeout=40 * SLOW)


def test_system_certificates_are_read_again_by_a_reload(aws, make_guard, tmp_path):
    """As after an update of them, which changes no setting."""
    system = "/etc/ssl/certs/ca-certificates.crt"
    bundle = os.path.join(tmp_path, "bundle.pem")
    foreign = os.path.join(os.path.dirname(aws.ca_file), "foreign-ca.pem")
    shutil.copy(aws.ca_file, bundle)
    prefix = in_own_mounts(f"mount --bind {bundle} {system}") if os.path.exists(system) else None
    if prefix is None:
        pytest.skip("no such file, or no mount namespaces for this user")
    guard = make_guard(ca_file=None, prefix=prefix, scale=20, cannot_see_after="20s").run()
    shutil.copyfile(foreign, bundle)
    guard.process.send_signal(1)
    guard.record("was read again")
    guard.record("management-events cannot be seen")
    shutil.copyfile(aws.ca_file, bundle)
    guard.process.send_signal(1)
    aws.message(phase="CLOSED", kind="unreachable", timeout=40 * SLOW)


# AWS's configuration file

def test_profile_names_endpoints_and_certificates(aws, make_guard, tmp_path):
    """What names the service counts before what does not; the environment before both."""
    config = os.path.join(tmp_path, "config")
    names = own_names(aws, "cloudtrail", "sns", "monitoring")
    with open(config, "w", encoding="utf-8") as out:
        out.write(f"[profile guard]\nca_bundle = {aws.ca_file}\nservices = own\n"
                  f"endpoint_url = {own_names(aws, 'sts')['AWS_ENDPOINT_URL_STS']}\n"
                  "[services own]\n"
                  f"cloudtrail =\n  endpoint_url = {names['AWS_ENDPOINT_URL_CLOUDTRAIL']}\n"
                  "sns =\n  endpoint_url = https://127.0.0.1:1\n")
    del names["AWS_ENDPOINT_URL_CLOUDTRAIL"]
    guard = make_guard(endpoint=None, ca_file=None, environment={
        "AWS_CONFIG_FILE": config, "AWS_PROFILE": "guard", **names,
        "AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"}).run()
    stop_and_see(aws)
    said = " ".join(r.text for r in guard.records)
    for origin in ("endpoint_url of cloudtrail in [services own]", "AWS_ENDPOINT_URL_SNS",
                   "endpoint_url of profile guard", "ca_bundle of profile guard"):
        assert f"({origin}" in said


def test_profile_that_is_malformed(make_guard, tmp_path):
    config = os.path.join(tmp_path, "config")
    with open(config, "w", encoding="utf-8") as out:
        out.write("[default]\nuse_fips_endpoint = maybe\n")
    guard = make_guard(endpoint=None, environment={"AWS_CONFIG_FILE": config})
    said = refused(guard, status=1)
    assert said == [f"use_fips_endpoint of profile default ({config}) has to be true or false"]
