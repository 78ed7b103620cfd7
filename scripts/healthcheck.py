"""Tell by the exit code whether the server of this container answers; no curl is needed."""

from __future__ import annotations

import os
import ssl
import sys
from urllib.request import urlopen

_PATIENCE_S = 4  # a container's check is given up after 5 s


def main() -> int:
    """Ask `/healthz` where the settings of the environment say that the server listens."""
    port = os.getenv("SCRIBEWIRE_PORT", "8000")
    scheme = "https" if os.getenv("SCRIBEWIRE_TLS_CERT") else "http"
    # It is this machine, under a name that no certificate has.
    trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 - as said
    try:
        urlopen(  # noqa: S310 - the scheme is one of two
            f"{scheme}://127.0.0.1:{port}/healthz", timeout=_PATIENCE_S, context=trusting
        ).close()
    except OSError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
