"""emoji-svc: lists the emoji and finds one by its shortcode.

*Source:* emojivoto-emoji-svc/api/api.go. An unknown shortcode is not an error: the answer is OK, unset.
"""

from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container
from sim.engine import Draws
from sim.programs.emojivoto.catalog import EMOJI_SERVICE, Catalog
from sim.programs.emojivoto.service import GrpcService, unimplemented
from sim.programs.task import Handled, Steps, Work
from sim.programs.world import World

__all__ = ["EmojiService"]

# Mean CPU time of one call. Source: a meshed trace of one vote, emoji's own span 0.17 ms
# (linkerd/website static/images/docs/tracing/example-trace.png).
WORK = 0.00017

LIST_PATH = f"/{EMOJI_SERVICE}/ListAll"
FIND_PATH = f"/{EMOJI_SERVICE}/FindByShortcode"


class EmojiService(GrpcService):
    """The emoji service."""

    name = EMOJI_SERVICE

    def __init__(self, container: Container, world: World, catalog: Catalog) -> None:
        super().__init__(container, world)
        self.catalog = catalog

    def handle(self, request: Request, peer: Peer) -> Handled:
        """ListAll or FindByShortcode."""
        if request.path == FIND_PATH:
            return self.find(request)
        if request.path == LIST_PATH:
            return self.list_all(request)
        return unimplemented(request)

    def list_all(self, request: Request) -> Steps:
        """All emoji, in order; 2,135 bytes on the wire."""
        yield Work(Draws(request.context.draw_key()).exponential(WORK))
        self.count("ListAll", "OK")
        return Response(200, grpc_status=0, body=self.catalog.emoji, size=2140)

    def find(self, request: Request) -> Steps:
        """One emoji, or None; the body of the request is the shortcode."""
        yield Work(Draws(request.context.draw_key()).exponential(WORK))
        self.count("FindByShortcode", "OK")
        return Response(200, grpc_status=0, body=self.catalog.by_shortcode.get(request.body), size=25)
