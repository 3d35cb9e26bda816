"""The data plane's images: ``proxy`` and ``proxy-init``."""

from sim.cluster.program import Container, Images, Program
from sim.programs.linkerd.init import LinkerdInit
from sim.programs.linkerd.proxy import LinkerdProxy
from sim.programs.world import World

__all__ = ["LinkerdInit", "LinkerdProxy", "register"]


def register(images: Images, world: World) -> None:
    """Publish both images; since edge the proxy's image holds the init program too."""

    def proxy(container: Container) -> Program:
        if any("proxy-init" in word for word in container.command):
            return LinkerdInit(container)
        return LinkerdProxy(container, world)

    # Source: Linkerd's benchmark of May 2021 (2.10): the largest proxy under load took 17.8 MB.
    images.add("proxy", proxy, megabytes=35.0, memory=12)
    images.add("proxy-init", LinkerdInit, megabytes=10.0)
