# SPDX-License-Identifier: Apache-2.0
"""Certificates good and bad, and the TLS contexts that show them."""

import os
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fakeaws.certificates import make_authority, make_certificate, run  # noqa: E402
from server import server_context  # noqa: E402

NAMES = ["DNS:*.netfaults.test", "DNS:*.eu-west-1.netfaults.test",
         "DNS:*.us-east-1.netfaults.test"]
CA = """[ca]
default_ca = it
[it]
database = {0}/index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = optional
[leaf]
basicConstraints = CA:FALSE
subjectAltName = {1}
[authority]
basicConstraints = critical,CA:TRUE
"""


def issue(folder, name, authority, start, end, section="leaf"):
    """By `openssl ca`, which can date a certificate into the future and make an authority."""
    config, cert, key = (os.path.join(folder, name + end_) for end_ in (".cnf", ".pem", ".key"))
    request = os.path.join(folder, name + ".csr")
    with open(config, "w", encoding="ascii") as out:
        out.write(CA.format(folder, ",".join(NAMES)))
    with open(os.path.join(folder, "index"), "a", encoding="ascii"):
        pass
    run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        key, "-out", request, "-subj", "/CN=" + name)
    run("ca", "-batch", "-notext", "-config", config, "-extensions", section, "-cert", authority[0],
        "-keyfile", authority[1], "-in", request, "-out", cert, "-startdate", start, "-enddate", end)
    return cert, key


def open_authority(folder, name):
    """One that may have authorities below it."""
    cert, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        key, "-out", cert, "-days", "30", "-subj", "/CN=" + name)
    return cert, key


def make(folder, also=()):
    """(CA file, contexts by name). also: CA files to trust besides."""
    authority = make_authority(folder, "ca", "netfaults authority")
    root = open_authority(folder, "root")
    past, soon, late = "20000101000000Z", "20400101000000Z", "20410101000000Z"
    middle = issue(folder, "middle", root, past, soon, "authority")
    foreign = make_authority(folder, "foreign-ca", "another authority")
    good = make_certificate(folder, "good", authority, NAMES)
    shown = {
        "good": good,
        "expired": make_certificate(folder, "expired", authority, NAMES, "-1"),
        "not yet valid": issue(folder, "unborn", authority, soon, late),
        "for another host": make_certificate(folder, "misnamed", authority, ["DNS:example.test"]),
        "of an unknown authority": make_certificate(folder, "foreign", foreign, NAMES),
        "self-signed": foreign,
        "without its intermediate": issue(folder, "leaf", middle, past, soon),
    }
    contexts = {name: server_context(*files) for name, files in shown.items()}
    contexts["old"] = server_context(*good, oldest=ssl.TLSVersion.TLSv1,
                                     newest=ssl.TLSVersion.TLSv1_1)
    bundle = os.path.join(folder, "bundle.pem")
    with open(bundle, "w", encoding="ascii") as out:
        for path in (authority[0], root[0], *also):
            with open(path, encoding="ascii") as file:
                out.write(file.read())
    return bundle, contexts
