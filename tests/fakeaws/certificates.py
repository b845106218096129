# SPDX-License-Identifier: Apache-2.0
"""The referee's own certificate authority, made with the openssl command."""

import os
import ssl
import subprocess

OPENSSL = "/usr/bin/openssl"


def run(*arguments):
    subprocess.run([OPENSSL, *arguments], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30,
                   env={"PATH": "/usr/bin:/bin"})


def make_authority(folder, name, subject):
    key, cert = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".pem")
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=" + subject,
        "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    os.chmod(key, 0o600)
    return cert, key


def make_certificate(folder, name, authority, names, days="30"):
    cert, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    request, extensions = os.path.join(folder, name + ".csr"), os.path.join(folder, name + ".ext")
    run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", request, "-subj", "/CN=fakeaws " + name)
    os.chmod(key, 0o600)
    with open(extensions, "w", encoding="ascii") as out:
        out.write("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                  "extendedKeyUsage=serverAuth\nsubjectAltName=" + ",".join(names) + "\n")
    run("x509", "-req", "-in", request, "-CA", authority[0], "-CAkey", authority[1],
        "-CAcreateserial", "-out", cert, "-days", days, "-extfile", extensions)
    return cert, key


def server_names(regions):
    names = ["DNS:localhost", "DNS:*.localhost", "IP:127.0.0.1", "IP:0:0:0:0:0:0:0:1"]
    # The latter for clients that have to ask for a name: all of localhost is loopback unasked.
    return names + [f"DNS:*.{region}.{domain}" for region in regions
                    for domain in ("localhost", "guard.example")]


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    return context
