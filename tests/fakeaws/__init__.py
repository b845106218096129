# SPDX-License-Identifier: Apache-2.0
"""A loopback AWS that refuses what AWS refuses."""
