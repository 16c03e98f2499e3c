"""`python -m lanecast.gateway`: one gateway process, settings from the environment."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from lanecast.gateway.errors import GatewayError
from lanecast.gateway.server import serve
from lanecast.gateway.settings import GatewaySettings


def main() -> int:
    """Serve; 2 when the settings make no sense, in one line each."""
    try:
        serve(GatewaySettings())
    except ValidationError as error:
        for problem in error.errors():
            name = "LANECAST_" + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        return 2
    except GatewayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
