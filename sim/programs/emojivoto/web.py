"""web-svc: the page, and the JSON calls it makes.

*Source:* emojivoto-web/web/web.go. Any error of a backend is answered 500 with its text; the "404" people see
is a heading in the page. The leaderboard asks emoji once per emoji voted for, one after another.

*Differs:* the page is a shell and its script is empty: no browser reaches it yet. The JSON calls are whole.
"""

import json
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from mesh.grpc import code_name
from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container
from sim.engine import Draws
from sim.programs.emojivoto.catalog import EMOJI_SERVICE, VOTING_SERVICE, Catalog, method_of
from sim.programs.http import Client, serve
from sim.programs.task import Call, Handled, Steps, Work
from sim.programs.world import World

__all__ = ["Web"]

# Mean CPU time of one request, its calls aside. Source: as emoji's: web's handler 5.70 ms less its two
# calls 2.57 + 2.98 ms.
WORK = 0.00015

JSON = {"content-type": "application/json; charset=UTF-8"}
HTML = {"content-type": "text/html"}

# What grpc-go makes of an HTTP status without a grpc-status.
# Source: grpc/doc/http-grpc-status-mapping.md
HTTP_CODES = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


class Backend(Exception):
    """A gRPC call failed; the text is Go's."""


class Web:
    """The web service."""

    def __init__(self, container: Container, world: World, catalog: Catalog) -> None:
        self.container = container
        self.world = world
        self.catalog = catalog
        self.client = Client(container, record=True)
        env = container.env
        self.emoji = env.get("EMOJISVC_HOST", "")
        self.voting = env.get("VOTINGSVC_HOST", "")

    def start(self) -> None:
        """Listen, or exit when the environment is incomplete."""
        port = self.container.env.get("WEB_PORT", "")
        if not (port and self.emoji and self.voting):
            self.container.log(
                f"WEB_PORT (currently [{port}]) EMOJISVC_HOST (currently [{self.emoji}]) "
                f"VOTINGSVC_HOST (currently [{self.voting}]) environment variables must be set"
            )
            self.container.exit(1)
            return
        self.container.log(f"Connecting to [{self.voting}]")
        self.container.log(f"Connecting to [{self.emoji}]")
        self.container.log(f"Starting web server on WEB_PORT=[{port}]")
        serve(self.container, int(port), self.handle, faults=self.world.faults)

    def terminate(self) -> None:
        """SIGTERM is not handled: the image's shell is process 1."""

    def stopped(self) -> None:
        """Nothing outlives the container."""

    def handle(self, request: Request, peer: Peer) -> Handled:
        """Route by path; whatever is unknown gets the page, as the real mux does."""
        path = request.path.partition("?")[0]
        if path == "/api/list":
            return self.api(request, self.list_all(request))
        if path == "/api/vote":
            return self.api(request, self.vote(request))
        if path == "/api/leaderboard":
            return self.api(request, self.leaderboard(request))
        if path == "/js":
            return Response(200, headers={"content-type": "text/javascript"}, body="")
        if path == "/img/favicon.ico" or path.startswith("/dist/"):
            return Response(404, body="404 page not found\n", size=19)
        page = files("sim.programs.emojivoto").joinpath("page.html").read_text("utf-8")
        page = page.replace("{{motd}}", "")
        return Response(200, headers=HTML, body=page, size=len(page))

    def api(self, request: Request, steps: Steps) -> Steps:
        """Run a JSON call; a backend's error is answered 500 with its text."""
        try:
            return (yield from steps)
        except Backend as error:
            self.container.log(f"Error serving request [{request.method} {request.path}]: {error}")
            return self.error(500, str(error))

    def error(self, status: int, text: str) -> Response:
        """A JSON error body."""
        body = json.dumps({"error": text}, separators=(",", ":"), ensure_ascii=False) + "\n"
        return Response(status, headers=JSON, body=body, size=len(body.encode()))

    def call(self, authority: str, service: str, method: str, body: object = None, size: int = 5) -> Steps:
        """One gRPC call; its message, or :class:`Backend`."""
        request = Request("POST", authority, f"/{service}/{method}", body=body, size=size, grpc=True)
        response: Response = yield Call(self.client, request)
        if response.grpc_status == 0:
            return response.body
        raise Backend(grpc_error(authority, response))

    def work(self, request: Request) -> Work:
        """This service's own share of a request."""
        return Work(Draws(request.context.draw_key()).exponential(WORK))

    def list_all(self, request: Request) -> Steps:
        """``/api/list``: 4,513 bytes of JSON."""
        yield self.work(request)
        yield from self.call(self.emoji, EMOJI_SERVICE, "ListAll")
        body = self.catalog.listing
        return Response(200, headers=JSON, body=body, size=4513)

    def vote(self, request: Request) -> Steps:
        """``/api/vote?choice=…``: look the emoji up, then vote for it."""
        query = urlsplit(request.path).query
        if not query and isinstance(request.body, str):
            query = request.body  # a form
        choice = parse_qs(query).get("choice", [""])[0]
        if not choice:
            return self.error(400, "Emoji choice [] is mandatory")
        yield self.work(request)
        emoji = yield from self.call(self.emoji, EMOJI_SERVICE, "FindByShortcode", choice, size=17)
        if emoji is None:
            return self.error(400, f"Choosen emoji shortcode [{choice}] doesnt exist")
        yield from self.call(self.voting, VOTING_SERVICE, method_of(choice))
        return Response(200)

    def leaderboard(self, request: Request) -> Steps:
        """``/api/leaderboard``: the results, then one lookup per emoji, in sequence (N+1)."""
        yield self.work(request)
        rows = []
        for shortcode, votes in (yield from self.call(self.voting, VOTING_SERVICE, "Results")):
            emoji = yield from self.call(self.emoji, EMOJI_SERVICE, "FindByShortcode", shortcode, size=17)
            if emoji is None:
                # The handler dereferences nil and panics: the connection closes without an answer.
                self.container.log("http: panic serving: runtime error: invalid memory address")
                return Response(0, error="reset")
            rows.append({"shortcode": shortcode, "unicode": emoji.unicode, "votes": str(votes)})
        body = json.dumps(rows, separators=(",", ":"), ensure_ascii=False) + "\n"
        return Response(200, headers=JSON, body=body, size=len(body.encode()))


def grpc_error(authority: str, response: Response) -> str:
    """The text of a failed gRPC call, as grpc-go words it."""
    code, message = response.grpc_status, response.grpc_message
    if response.error:
        code = 4 if response.error == "timeout" else 14
        message = f'connection error: desc = "transport: {authority}: {response.error}"'
    elif code is None:
        code = HTTP_CODES.get(response.status, 2)
        message = f"unexpected HTTP status code received from server: {response.status}"
    return f"rpc error: code = {code_name(code)} desc = {message}"
