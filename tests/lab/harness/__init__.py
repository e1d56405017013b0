# SPDX-License-Identifier: Apache-2.0
"""Booted Debian hosts in private namespaces, for tests that need the real thing."""
