from __future__ import annotations

from scribewire.cli.exits import CommandFault, ExitCode


def test_exit_codes_are_those_of_the_design() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "KEY_REFUSED": 3,
        "UNREACHABLE": 4,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_a_fault_is_a_failure_unless_it_says_otherwise() -> None:
    assert CommandFault("no microphone").code is ExitCode.FAILED
    assert CommandFault("--key: missing", ExitCode.USAGE).code is ExitCode.USAGE
