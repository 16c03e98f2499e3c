"""Runs a command that dies with its parent: `python tether.py PARENT_PID COMMAND…`.

The kernel kills the command when the parent ends, whatever ends it; so nothing is left behind even when the parent gets
`kill -9`. This holds on Linux; elsewhere the command only does not start for a parent that has gone already.
Standard library only: it runs without site-packages, for its quick start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the tie was made
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the point of it: no shell in between


if __name__ == "__main__":
    main()
