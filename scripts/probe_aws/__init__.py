# SPDX-License-Identifier: Apache-2.0
"""What scripts/probe-aws consists of, and the format of the file that it saves.

calls.py    makes the calls and remembers them, byte by byte; refuses to write to foreign trails
account.py  the trail and the bucket of its own: made, and cleaned away whatever happens
steps.py    the plan: which calls, in which order, to answer what
evidence.py the recorded exchanges, each beside the record that it left in Event history
answers.py  answers from the recorded exchanges alone, so that a saved file can be read again
redact.py   placeholders for whatever belongs to the owner
main.py     options, the question before anything is made, what is printed

The file is one JSON object, which tests/fakeaws reads with --facts and --replay:

format     "trailsentry-probe/1"; the number rises when a reader has to change
meta       began (ISO 8601), complete, account, partition, region, other_region, trail {name, arn},
           bucket, botocore, python, wait_minutes, redacted, failure
exchanges  in order: n, step, by ("owner" or "member"), service, operation, region, params, status
           (null: no answer came), error (code or the name of what went wrong), headers (some),
           body (as it came, unless edited is true), edited, foreign_events (left out of a
           LookupEvents answer), sent, received (seconds since the start)
answers    id, question, answer (a sentence), value (for programs), confidence ("certain",
           "likely", "open", "not asked"), evidence (numbers of exchanges), settings (of fakeaws)
"""

FORMAT = "trailsentry-probe/1"
PREFIX = "trailsentry-probe-"
