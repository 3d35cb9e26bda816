"""What curl does with a command line, whoever fetches: options, one transfer a URL, what is printed.

*Source:* curl's manual page and its error texts (7.x and 8.x). *Differs:* ``-s`` does not hide errors, so
that a mistyped URL in a pipe is seen; TLS and redirections of hosts outside do not happen.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from getopt import GetoptError, gnu_getopt
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mesh.cli.console import Result

if TYPE_CHECKING:
    from sim.cluster.program import HttpReply
    from sim.shell.context import Context

__all__ = ["Answer", "Ask", "Fetch", "answer", "transfer"]

SHORT = "sSLvkfiIgGo:OX:d:H:w:m:A:u:e:b:"
LONG = [
    "silent", "show-error", "location", "verbose", "insecure", "fail", "include", "head", "globoff", "get",
    "output=", "remote-name", "request=", "data=", "data-raw=", "data-binary=", "json=", "header=",
    "write-out=", "max-time=", "connect-timeout=", "user-agent=", "proto=", "tlsv1.2", "compressed",
    "http1.1", "http2", "no-progress-meter", "url=",
]  # fmt: skip
NAMES = {
    "-s": "silent", "-S": "show-error", "-L": "location", "-v": "verbose", "-k": "insecure", "-f": "fail",
    "-i": "include", "-I": "head", "-g": "globoff", "-G": "get", "-o": "output", "-O": "remote-name",
    "-X": "request", "-d": "data", "-H": "header", "-w": "write-out", "-m": "max-time", "-A": "user-agent",
}  # fmt: skip
AGENT = "curl/8.5.0"
WAIT = 130.0  # seconds until a connection that gets no answer fails. Source: Linux, tcp_syn_retries = 6
REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 302: "Found", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip


@dataclass(slots=True)
class Ask:
    """One request to make."""

    url: str
    host: str
    port: int
    path: str
    method: str
    headers: dict[str, str]
    body: str | None
    timeout: float


@dataclass(slots=True)
class Answer:
    """What came of it.

    Attributes:
        status: HTTP status, 0 without a response.
        failure: curl's exit status and text without one.
        seconds: simulated time it took.
    """

    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    failure: tuple[int, str] = (0, "")
    seconds: float = 0.0


@dataclass(slots=True)
class Options:
    """A curl command line."""

    urls: list[str] = field(default_factory=list)
    switches: set[str] = field(default_factory=set)
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    method: str = ""
    output: str = ""
    write_out: str = ""
    max_time: float = WAIT


Fetch = Callable[[Ask], Answer]


def transfer(argv: list[str], fetch: Fetch, context: "Context | None" = None) -> Result:
    """Read a curl command line and do what it says with ``fetch``; files only when there is a context."""
    try:
        options = _options(argv)
    except (GetoptError, ValueError) as problem:
        return Result(stderr=f"curl: {problem}\n", status=2)
    if not options.urls:
        return Result(stderr="curl: (2) no URL specified\n", status=2)
    total = Result()
    for url in options.urls:
        one = _one(url, options, fetch, context)
        total = Result(total.stdout + one.stdout, total.stderr + one.stderr, one.status)
    return total


def _options(argv: list[str]) -> Options:
    found, words = gnu_getopt(argv, SHORT, LONG)
    options = Options(urls=list(words))
    for flag, value in found:
        name = NAMES.get(flag, flag.lstrip("-"))
        if name == "header":
            key, colon, text = value.partition(":")
            if not colon:
                raise ValueError(f"(2) a header is written Name: value, not {value[:60]!r}")
            options.headers[key.strip().lower()] = text.strip()
        elif name in ("data", "data-raw", "data-binary", "json"):
            options.data.append(value)
            if name == "json":
                options.headers.setdefault("content-type", "application/json")
        elif name in ("max-time", "connect-timeout"):
            options.max_time = min(options.max_time, _seconds(name, value))
        elif name in ("request", "output", "write-out"):
            setattr(options, {"request": "method"}.get(name, name.replace("-", "_")), value)
        elif name == "user-agent":
            options.headers["user-agent"] = value
        elif name == "url":
            options.urls.append(value)
        else:
            options.switches.add(name)
    if options.method and not re.fullmatch(r"[A-Z]{3,10}", options.method):
        raise ValueError(f"(2) {options.method[:40]!r} is no HTTP method")
    return options


def _seconds(name: str, value: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d+)?", value) or float(value) <= 0.0:
        raise ValueError(f"option --{name}: expected a proper numerical parameter, not {value[:40]!r}")
    return float(value)


def ask_for(url: str, options: Options) -> Ask:
    """The request a URL and a command line stand for.

    Raises:
        ValueError: it is no URL; with curl's number.
    """
    if any(ord(char) <= 32 for char in url):
        raise ValueError("(3) URL rejected: Malformed input to a URL function")
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f'(1) Protocol "{parts.scheme[:20]}" not supported')
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ValueError(
            "(3) URL rejected: Port number was not a decimal number between 0 and 65535"
        ) from None
    if not parts.hostname:
        raise ValueError("(3) URL rejected: No host part in the URL")
    path = quote(parts.path or "/", safe="/:@!$&'()*+,;=-._~%")
    query, body = parts.query, "&".join(options.data) if options.data else None
    if "get" in options.switches and body is not None:
        query, body = "&".join(filter(None, (query, body))), None
    method = options.method or ("HEAD" if "head" in options.switches else "GET" if body is None else "POST")
    headers = {"host": parts.netloc, "user-agent": AGENT, "accept": "*/*", **options.headers}
    if body is not None:
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
    path += f"?{query}" if query else ""
    return Ask(parts.geturl(), parts.hostname, port, path, method, headers, body, options.max_time)


def _one(url: str, options: Options, fetch: Fetch, context: "Context | None") -> Result:
    """Transfer one URL and print what was asked for."""
    try:
        ask = ask_for(url, options)
        _check_output(options, context)
    except ValueError as problem:
        number = re.match(r"\((\d+)\)", str(problem))
        return Result(stderr=f"curl: {problem}\n", status=int(number[1]) if number else 2)
    got = fetch(ask)
    noise = _noise(ask, got) if "verbose" in options.switches else ""
    written = _write_out(options.write_out, ask, got)
    if got.failure[0]:
        return Result(written, f"{noise}curl: ({got.failure[0]}) {got.failure[1]}\n", got.failure[0])
    if "fail" in options.switches and got.status >= 400:
        return Result(written, f"{noise}curl: (22) The requested URL returned error: {got.status}\n", 22)
    text = "" if ask.method == "HEAD" else got.body
    if options.switches & {"include", "head"}:
        text = _head(got) + text
    target = options.output or (ask.path.rpartition("/")[2] if "remote-name" in options.switches else "")
    if target in ("", "-") or context is None:
        return Result((text if target != "/dev/null" else "") + written, noise)
    try:
        context.files.write(target, text)
    except OSError as problem:
        return Result(written, f"{noise}curl: (23) {problem}\n", 23)
    return Result(written, noise)


def _check_output(options: Options, context: "Context | None") -> None:
    """Refuse an output file before anything is sent."""
    if options.output in ("", "-", "/dev/null") or context is None:
        return
    try:
        context.files.check(options.output)
    except OSError as problem:
        raise ValueError(f"(23) {problem}") from None


def _head(got: Answer) -> str:
    reason = REASONS.get(got.status, "")
    lines = [
        f"HTTP/1.1 {got.status} {reason}".rstrip(),
        *(f"{name}: {text}" for name, text in got.headers.items()),
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def _noise(ask: Ask, got: Answer) -> str:
    """What ``-v`` says on the error channel."""
    sent = [f"{ask.method} {ask.path} HTTP/1.1"]
    sent += [f"{name.title()}: {text}" for name, text in ask.headers.items()]
    lines = (
        [f"* Connected to {ask.host} port {ask.port}"]
        if got.status
        else [f"*   Trying {ask.host}:{ask.port}..."]
    )
    if got.status:
        lines += [f"> {line}" for line in [*sent, ""]]
        lines += [f"< {line}" for line in _head(got).split("\r\n")[:-1]]
    return "".join(line + "\n" for line in lines)


def _write_out(form: str, ask: Ask, got: Answer) -> str:
    """What ``-w`` asks for, at the end."""
    values = {
        "http_code": f"{got.status:03}",
        "response_code": f"{got.status:03}",
        "time_total": f"{got.seconds:.6f}",
        "size_download": str(len(got.body.encode())),
        "content_type": got.headers.get("content-type", ""),
        "url_effective": ask.url,
        "method": ask.method,
        "exitcode": str(got.failure[0]),
    }
    text = re.sub(r"%\{(\w+)\}", lambda match: values.get(match[1], ""), form)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")


# -- replies of the simulated network ------------------------------------------------------------


def answer(reply: "HttpReply", seconds: float, port_forward: bool = False) -> Answer:
    """A reply of the simulated network in curl's terms."""
    if reply.status:
        return Answer(reply.status, text_of(reply.body), dict(reply.headers or {}), seconds=seconds)
    return Answer(failure=_failure(reply.error, seconds, port_forward), seconds=seconds)


def _failure(error: str, seconds: float, port_forward: bool) -> tuple[int, str]:
    """curl's number and text for a transport failure as Go words it."""
    milliseconds = round(seconds * 1000)
    if "no such host" in error:
        return 6, f"Could not resolve host: {error.partition('lookup ')[2].partition(':')[0]}"
    if "deadline" in error or "timeout" in error:
        return 28, f"Operation timed out after {milliseconds} milliseconds with 0 bytes received"
    if port_forward:
        # The local listener accepted; only then did the way to the pod turn out to be closed.
        return 52, "Empty reply from server"
    if "reset" in error:
        return 56, "Recv failure: Connection reset by peer"
    where = re.search(r"dial tcp ([\d.]+):(\d+)", error)
    host, port = (where[1], where[2]) if where else ("server", "0")
    return 7, f"Failed to connect to {host} port {port} after {milliseconds} ms: Couldn't connect to server"


def text_of(body: Any) -> str:
    """A body as curl would print it."""
    if body is None:
        return ""
    if isinstance(body, bytes):
        return body.decode("utf-8", "replace")
    return body if isinstance(body, str) else json.dumps(body)
