from __future__ import annotations

import pytest

from tests.parts.installed import need_part
from tests.parts.units import Unit, allowed_calls

UNIT = """\
# a comment with Type=simple
[Service]
Type=exec
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictNamespaces=user net
SystemCallFilter=@system-service
SystemCallFilter=~@privileged kill
SystemCallFilter=capset
"""


def test_options_are_read_in_their_order() -> None:
    unit = Unit.read(UNIT)

    assert unit.value("Type") == "exec"
    assert unit.is_on("NoNewPrivileges")
    assert not unit.is_on("PrivateTmp")
    assert unit.words("RestrictNamespaces") == ("user", "net")
    assert unit.words("CapabilityBoundingSet") == unit.words("Nowhere") == ()
    with pytest.raises(ValueError, match="too many"):
        unit.value("SystemCallFilter")


def test_a_filter_adds_and_takes_away() -> None:
    need_part("systemd-analyze")

    allowed = allowed_calls(Unit.read(UNIT))

    assert {"read", "execve", "socket", "capset"} <= allowed  # execve: always
    assert not {"kill", "setuid", "chroot", "mount", "ptrace"} & allowed
