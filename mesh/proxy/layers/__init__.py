"""The layers of a proxy's stacks: small classes, each calling the next; `stack` puts them in order.

A layer is called with a request and an absolute deadline and returns a flow. One that only acts on the way in
is a plain function and costs no generator.
"""

from collections.abc import Callable
from typing import TypeAlias

from mesh.messages import Request
from mesh.proxy.effects import Flow

__all__ = ["Layer"]

Layer: TypeAlias = Callable[[Request, float], Flow]
