"""The gateway: HTTP API, viewer protocol, fan-out. Stateless: what it knows, it has from Redis and can lose.

Pure core: `framing` (WebSocket frames), `inbound` and `outbound` (viewer messages), `policy` (which tier), `access`
(tokens, origins, hosts), `ingest` (what producers post), `json_view`, `stats`. Edges: `reader` and `snapshot` (Redis),
`viewer` and `handover` (sockets), `hub`, `upkeep` and `feeds` (who gets what), `session` (what a viewer asks for),
`commanding`, `intake`, `api`, `gate`, `dashboard`, `app`, `server`.
"""

from lanecast.gateway.errors import GatewayError, UnsafeBinding
from lanecast.gateway.server import serve
from lanecast.gateway.settings import GatewaySettings

__all__ = ["GatewayError", "GatewaySettings", "UnsafeBinding", "serve"]
