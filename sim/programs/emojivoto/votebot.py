"""vote-bot: one vote a second, one request at a time.

*Source:* emojivoto-web/cmd/vote-bot/main.go. A closed loop: sleep, list, choose (the doughnut in 15 % of the
cases, else any of the list), vote. Statuses and bodies are ignored, except that a list that does not parse
costs the vote. There is no timeout.
"""

import json
from urllib.parse import quote

from mesh.messages import Request, Response
from sim.cluster.program import Container
from sim.engine import Draws
from sim.programs.env import go_int
from sim.programs.http import Client
from sim.programs.task import Call, Hop, Pause, Steps, Task, run
from sim.programs.world import World

__all__ = ["VoteBot"]

DOUGHNUT = ":doughnut:"
DOUGHNUT_SHARE = 0.15


class VoteBot:
    """The bot. Its n-th vote is the same whichever pod casts it."""

    def __init__(self, container: Container, world: World) -> None:
        self.container = container
        self.world = world
        pod = container.pod
        self.source = world.source(f"{pod.namespace}/{pod.workload}")
        # The 500's body is closed unread, and Go then drops the connection.
        self.client = Client(container, record=True, drops_errors=True)
        self.task: Task | None = None
        self.seen: tuple[object, list[str] | None] = (None, None)

    def start(self) -> None:
        """Start voting, or exit when the environment is incomplete."""
        env = self.container.env
        self.host = env.get("WEB_HOST", "")
        if not self.host:
            self.container.log("WEB_HOST environment variable must me set")
            self.container.exit(1)
            return
        self.pause = 1.0 / max(1, go_int(env.get("REQUEST_RATE", "1"), 1))
        lifetime = go_int(env.get("TTL", "0"), 0)
        self.deadline = self.container.engine.now + lifetime if lifetime > 0 else float("inf")
        self.lifetime = lifetime
        self.task = run(self.container, self.loop())

    def terminate(self) -> None:
        """SIGTERM is not handled: the image's shell is process 1."""

    def stopped(self) -> None:
        """Stop voting."""
        if self.task is not None:
            self.task.stop()

    def loop(self) -> Steps:
        """Vote until killed, or until the time to live is over."""
        while self.container.engine.now < self.deadline:
            yield Pause(self.pause)
            yield from self.cycle(self.source.next())
        self.container.log(f"Time to live of {self.lifetime} seconds reached, completing")
        self.container.exit(0)

    def cycle(self, hop: Hop) -> Steps:
        """One list and one vote."""
        listing: Response = yield self.get("/api/list", hop)
        shortcodes = self.read(listing)
        if shortcodes is None:
            self.container.log(f"error: cannot read the list: {listing.error or listing.status}")
            return
        draws = Draws(hop.key)
        choice = DOUGHNUT
        if draws.uniform() >= DOUGHNUT_SHARE:
            choice = shortcodes[int(draws.uniform() * len(shortcodes))]
        self.container.log(f"✔ Voting for {choice}")
        vote: Response = yield self.get("/api/vote?choice=" + quote(choice, safe=":"), hop)
        if vote.error:
            self.container.log(f"error: {vote.error}")

    def read(self, listing: Response) -> list[str] | None:
        """The shortcodes of a list; the same text again is not parsed again."""
        if listing.body is not self.seen[0] or listing.body is None:
            self.seen = (listing.body, parse(listing))
        return self.seen[1]

    def get(self, path: str, hop: Hop) -> Call:
        """A GET of the web service as the next call of this cycle."""
        request = Request("GET", self.host, path)
        request.context = hop.child()
        return Call(self.client, request)


def parse(response: Response) -> list[str] | None:
    """The shortcodes of a list; None when there is no JSON array."""
    try:
        rows = json.loads(response.body or "")
    except (ValueError, TypeError):
        return None
    if not isinstance(rows, list) or not rows:
        return None
    return [row["shortcode"] for row in rows]
