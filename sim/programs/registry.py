"""What the simulated registries hold: every image there is a program for."""

from typing import TYPE_CHECKING

from sim.cluster.program import Images
from sim.programs import controlplane, emojivoto, linkerd, load, tools
from sim.programs.world import World

if TYPE_CHECKING:
    from sim.scenario.app import App

__all__ = ["images"]


def images(world: World, apps: "dict[str, App] | None" = None) -> Images:
    """The images of a run: the demo application, the mesh, tools, and the services a scenario declares."""
    registry = Images()
    emojivoto.register(registry, world)
    linkerd.register(registry, world)
    controlplane.register(registry)
    load.register(registry, world)
    tools.register(registry, world)
    if apps:
        from sim.programs import declared

        declared.register(registry, world, apps)
    return registry
