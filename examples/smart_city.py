"""A smart city: SUMO's traffic, the energy of electric vehicles, waste bins. Needs `pip install 'lanecast[sumo]'`.

lanecast up --demo city                               # everything at once, or, with `lanecast up` elsewhere:
python examples/smart_city.py [SCENARIO | FILE.sumocfg]
"""

from __future__ import annotations

import sys

from lanecast.producer.adapters import city

if __name__ == "__main__":
    city.main(sys.argv[1] if len(sys.argv) > 1 else "cologne8")
