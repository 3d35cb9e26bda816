"""The clock, named random streams, work queues and result tables every other part stands on.

Knows neither Kubernetes nor a mesh.
"""

from sim.engine.calendar import Calendar
from sim.engine.clock import Deadline, Engine
from sim.engine.draws import Draws
from sim.engine.station import Job, Station
from sim.engine.tables import Tables

__all__ = ["Calendar", "Deadline", "Draws", "Engine", "Job", "Station", "Tables"]
