# SPDX-License-Identifier: Apache-2.0
"""The endpoint that everybody is measured against: nginx on loopback with TLS and fixed answers.

Each port has a log of its own with two bytes a GetTrailStatus, so that a look at the file's size
counts the polls without asking nginx anything. The certificates are made for the run; what clients
trust is the system's full bundle with the run's authority behind it.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from fakeaws import certificates  # noqa: E402

NGINX = "/usr/sbin/nginx"
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
ACCOUNT = "444455556666"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:security-alerts"
# As CloudTrail answers for a trail that has been stopped once and delivers.
STATUS = ('{"IsLogging":true,"LatestDeliveryAttemptSucceeded":"2026-11-23T10:00:30Z",'
          '"LatestDeliveryAttemptTime":"2026-11-23T10:00:30Z","LatestDeliveryTime":1795428030.123,'
          '"LatestNotificationAttemptSucceeded":"","LatestNotificationAttemptTime":"",'
          '"StartLoggingTime":1793000001.5,"StopLoggingTime":1793000000.25,'
          '"TimeLoggingStarted":"2026-10-26T07:33:21Z",'
          '"TimeLoggingStopped":"2026-10-26T07:33:20Z"}')
IDENTITY = ('<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            "<GetCallerIdentityResult><Arn>arn:aws:iam::444455556666:user/bench</Arn>"
            "<UserId>AIDAEXAMPLE</UserId><Account>444455556666</Account>"
            "</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId>"
            "</ResponseMetadata></GetCallerIdentityResponse>")
PUBLISHED = ('<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
             "<MessageId>00000000-0000-4000-8000-000000000000</MessageId></PublishResult>"
             "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>")

CONFIGURATION = """
daemon off;
master_process off;
worker_processes 1;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    log_format dot '1';
    map $http_x_amz_target $is_poll {{ default 0; ~GetTrailStatus$ 1; }}
    map $http_x_amz_target $answer {{ default '{{}}'; ~GetTrailStatus$ '{status}'; }}
    default_type application/x-amz-json-1.1;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    add_header x-amzn-RequestId $request_id;
{servers}
}}
"""
SERVER = """    server {{
        {listen}
        server_name {name};
        keepalive_timeout {keep};
        access_log {log} dot if=$is_poll;
        location / {{ default_type {type}; return 200 {answer}; }}
    }}
"""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def trail(number):
    return f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/trail-{number:04d}"


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class Authority:
    """Certificates for the run, and the file of all that clients trust."""

    def __init__(self, folder):
        self.ca, key = certificates.make_authority(folder, "ca", "trailsentry bench")
        self.cert, self.key = certificates.make_certificate(
            folder, "server", (self.ca, key), certificates.server_names(["eu-west-1"]))
        self.bundle = os.path.join(folder, "bundle.pem")
        with open(self.bundle, "wb") as out:
            for path in (SYSTEM_BUNDLE, self.ca):
                with open(path, "rb") as part:
                    out.write(part.read())


class Endpoint:
    """`with Endpoint(...) as e:`; e.kept are ports that keep connections, e.closing closes each."""

    KEPT = 6

    def __init__(self, folder, authority):
        self.folder = os.path.join(folder, "nginx")
        os.makedirs(self.folder)
        *self.kept, self.closing = free_ports(self.KEPT + 1)
        self.configuration = os.path.join(self.folder, "nginx.conf")
        with open(self.configuration, "w", encoding="ascii") as out:
            out.write(CONFIGURATION.format(
                # Like the times of deliveries, it changes once in so many polls.
                folder=self.folder, status=STATUS.replace("2026-11-23T10:00:30Z",
                                                          "$time_iso8601"),
                cert=authority.cert, key=authority.key,
                servers="".join(self.servers(p) for p in (*self.kept, self.closing))))

    def servers(self, port):
        listen = f"listen 127.0.0.1:{port} ssl;"
        if has_ipv6():
            listen += f" listen [::1]:{port} ssl;"
        common = {"listen": listen, "keep": 0 if port == self.closing else 300,
                  "log": self.log(port)}
        return (SERVER.format(name="_", type="application/x-amz-json-1.1", answer="$answer",
                              **common) +
                SERVER.format(name="sts.eu-west-1.localhost", type="text/xml",
                              answer=f"'{IDENTITY}'", **common) +
                SERVER.format(name="sns.eu-west-1.localhost", type="text/xml",
                              answer=f"'{PUBLISHED}'", **common))

    def log(self, port):
        return os.path.join(self.folder, f"polls-{port}")

    def polls(self, port):
        return os.stat(self.log(port)).st_size // 2

    def __enter__(self):
        self.process = subprocess.Popen(
            [NGINX, "-p", self.folder, "-e", f"{self.folder}/error.log", "-c", self.configuration],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.closing), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        self.__exit__()
        with open(f"{self.folder}/error.log", encoding="utf-8", errors="replace") as log:
            raise RuntimeError("nginx does not start: " + log.read()[-500:])

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
