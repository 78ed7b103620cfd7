"""`python -m bench NAME ...`: run one measurement, or list what can be measured."""

from __future__ import annotations

import sys
from types import ModuleType

from bench import accuracy

BENCHES: dict[str, ModuleType] = {"accuracy": accuracy}


def main(arguments: list[str]) -> None:
    """Give everything after the name to the bench of that name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(list_benches())
        return
    name, *rest = arguments
    if name not in BENCHES:
        sys.exit(f"bench: {name}: no such measurement\n{list_benches()}")
    BENCHES[name].main(rest)


def list_benches() -> str:
    """Return how to call this program and what each bench is about."""
    lines = [
        f"  {name}  {(bench.__doc__ or '').splitlines()[0]}" for name, bench in BENCHES.items()
    ]
    return "\n".join(["usage: python -m bench NAME --manifest PATH [options]", *lines])


if __name__ == "__main__":
    main(sys.argv[1:])
