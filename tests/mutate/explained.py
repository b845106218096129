# SPDX-License-Identifier: Apache-2.0
"""Bugs that no tier of tests/mutate/run finds, and why that is so."""

WHY = {
}
