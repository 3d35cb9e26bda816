"""voting-svc: counts votes in memory, and fails for the doughnut on purpose.

*Source:* emojivoto-voting-svc/api/api.go. The tally is this process's own and is lost with it. A doughnut
vote answers the plain Go error "ERROR", which gRPC sends as status 2, Unknown: always in the released image
v11, with probability ``FAILURE_RATE`` when that is set.
"""

from collections.abc import Iterable

from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container
from sim.engine import Draws
from sim.programs.emojivoto.catalog import VOTING_SERVICE, Catalog
from sim.programs.emojivoto.service import GrpcService, unimplemented
from sim.programs.env import go_duration, go_float
from sim.programs.task import Handled, Pause, Steps, Work
from sim.programs.world import World

__all__ = ["VotingService"]

# Mean CPU time of one call. Source: as emoji's, voting's own span 0.16 ms.
WORK = 0.00016

DOUGHNUT = "VoteDoughnut"


class VotingService(GrpcService):
    """The voting service."""

    name = VOTING_SERVICE

    def __init__(self, container: Container, world: World, catalog: Catalog) -> None:
        super().__init__(container, world)
        self.catalog = catalog
        self.tally: dict[str, int] = {}
        env = container.env
        released = container.image.rpartition(":")[2] != "v12"
        self.failure_rate = go_float(env["FAILURE_RATE"]) if "FAILURE_RATE" in env else float(released)
        self.delay = go_duration(env.get("ARTIFICIAL_DELAY", ""))

    def handle(self, request: Request, peer: Peer) -> Handled:
        """A vote or the results."""
        method = request.path.rpartition("/")[2]
        shortcode = self.catalog.by_method.get(method)
        if shortcode is not None:
            return self.vote(request, method, shortcode)
        if method == "Results":
            return self.results(request)
        return unimplemented(request)

    def vote(self, request: Request, method: str, shortcode: str) -> Steps:
        """Count a vote; the doughnut's may fail before it is counted or delayed."""
        hop = request.context
        draws = Draws(hop.draw_key())
        yield Work(draws.exponential(WORK))
        if method == DOUGHNUT and not hop.spared and draws.uniform() < self.failure_rate:
            self.count(method, "Unknown")
            return Response(200, grpc_status=2, grpc_message="ERROR")
        if self.delay:
            yield Pause(self.delay)
        self.tally[shortcode] = self.tally.get(shortcode, 0) + 1
        self.count(method, "OK")
        return Response(200, grpc_status=0, size=5)

    def results(self, request: Request) -> Steps:
        """(shortcode, votes) of every emoji with a vote, most votes first."""
        draws = Draws(request.context.draw_key())
        yield Work(draws.exponential(WORK))
        self.count("Results", "OK")
        # Ties come in an order that changes with every call: Go's maps iterate at random and the sort is
        # not stable.
        ranked = sorted(self.tally.items(), key=lambda item: (-item[1], draws.uniform()))
        return Response(200, grpc_status=0, body=ranked, size=20 * len(ranked))

    def families(self) -> Iterable[tuple[str, tuple[str, ...], dict[tuple[str, ...], int]]]:
        """The calls, and the votes by emoji."""
        yield from super().families()
        yield "emojivoto_votes", ("emoji",), {(shortcode,): n for shortcode, n in self.tally.items()}
