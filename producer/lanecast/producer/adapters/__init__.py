"""Ready-made producers for simulators and training loops; each imports what it adapts only when it is imported itself.

`gymnasium`: any Gymnasium environment. `training`: callbacks as Stable-Baselines3 calls them. `city`: SUMO with
traffic, energy and waste. SUMO alone is `lanecast.producer.sumo`.
"""
