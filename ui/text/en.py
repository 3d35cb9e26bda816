"""English."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["TEXTS"]

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        # -- the page
        "page.title": "meshdojo",
        "page.subtitle": "A service mesh that runs for real, inside a simulated cluster",
        "page.language": "Language",
        "page.clock": "{clock} simulated",
        "page.clock.help": "Simulated time since the start; the date in the cluster is {date}.",
        "page.replaying": "Replaying the session: line {done} of {total}",
        "page.running": "Running…",
        # -- time and session
        "time.play": "Play",
        "time.pause": "Pause",
        "time.speed": "Simulated seconds per second",
        "time.stopped": "Paused by itself after {ticks} ticks. Press Play to go on.",
        "time.10": "+10 s",
        "time.60": "+1 min",
        "time.300": "+5 min",
        "session.undo": "Undo",
        "session.undo.help": "Takes back the last line: the session is replayed without it.",
        "session.reset": "Back to the start",
        "session.reset.help": "A fresh cluster, with nothing on it.",
        "session.share": "Share",
        "session.share.text": "This link holds the whole session: scenario, seed and every line typed. "
        "Whoever opens it gets the same cluster in the same state.",
        "session.share.long": "This session is too long for a link. Download its lines instead.",
        "session.download": "Download the lines",
        "session.download.help": "Run them in a terminal: meshdojo sh FILE --scenario {scenario} "
        "--seed {seed}",
        "session.scenario": "Scenario",
        "session.seed": "Seed",
        "session.start": "Start with these",
        "session.settings": "Scenario",
        "session.full": "This session has used up its computing. Undo, or go back to the start.",
        # -- messages about bad input
        "bad.share": "The link's session cannot be read ({why}). This is a fresh one.",
        "bad.scenario": "No such scenario: {why}. This is the tutorial instead.",
        "bad.seed": "The link's seed is not a whole number of 0 or more. This is the scenario's own seed.",
        "bad.lang": "No such language: {lang}. There are en and ja.",
        "bad.long": "That line has {length:,} characters, at most {limit:,} are read.",
        "bad.failed": "Something went wrong that should not have ({why}). The session is as it was before; "
        "please report it.",
        # -- steps
        "steps.title": "The tutorial",
        "steps.intro": "Each button types its command. A √ means that the cluster shows the step was taken.",
        "steps.next": "Next",
        "step.pre": "Is the cluster ready?",
        "step.pre.text": "Before anything is installed, the command looks: may we create what we "
        "need, do the "
        "clocks agree?",
        "step.install": "Install the control plane",
        "step.install.text": "`linkerd install` only prints manifests; `kubectl apply` makes them so.",
        "step.viz": "Install the dashboard's parts",
        "step.viz.text": "Since 2.10 metrics are an extension: Prometheus, tap, the metrics API and "
        "the dashboard.",
        "step.check": "Did it work?",
        "step.check.text": "The same command again, now about what runs: certificates, pods, "
        "Prometheus. It waits "
        "while pods start.",
        "step.deploy": "Deploy an application",
        "step.deploy.text": "emojivoto: a page to vote on, a service that knows emoji, one that "
        "counts votes, and "
        "a bot that votes once a second.",
        "step.pods": "Look at its pods",
        "step.pods.text": "Three minutes later: 1/1, one container a pod. The bot votes, and the mesh sees "
        "nothing of it.",
        "step.inject": "Put it into the mesh",
        "step.inject.text": "One annotation a Deployment. New pods are made, and at their admission "
        "the injector "
        "adds the proxy.",
        "step.rollout": "Wait for the new pods",
        "step.rollout.text": "New names, 2/2: the application and its proxy.",
        "step.stat": "Now the mesh sees",
        "step.stat.text": "Success rate, requests a second, latencies. The doughnut fails on "
        "purpose, about one "
        "vote in six.",
        # -- what if
        "knobs.title": "What if…",
        "knobs.wait": "Deploy the application first.",
        "knobs.mesh": "emojivoto in the mesh",
        "knobs.mesh.help": "Adds or removes the annotation. The pods are replaced: let a minute pass.",
        "knobs.mesh.wait": "There is no control plane yet to inject anything.",
        "knobs.doughnut": "Votes for the doughnut that fail (%)",
        "knobs.doughnut.help": "A fault in voting. The application itself fails all of them.",
        "knobs.delay": "Added latency (ms)",
        "knobs.delay.help": "Every answer of the chosen workload takes that much longer.",
        "knobs.delay.to": "Slow down",
        "knobs.bots": "Load: voting bots",
        "knobs.bots.help": "Each waits for its answers, then a second, then votes again.",
        "steps.ran": "The last lines typed",
        # -- golden table
        "golden.title": "Golden metrics",
        "golden.namespace": "Namespace",
        "golden.name": "Name",
        "golden.meshed": "Meshed",
        "golden.success": "Success rate",
        "golden.rps": "RPS",
        "golden.none": "No Deployments yet. Take the first steps.",
        "golden.as": "As this command would show it, over the last minute:",
        "golden.legend": "Success rate: :green[●] good · :orange[▲] below 95 % · :red[◆] below 90 %",
        "golden.caption": "The page reads the same samples with the same queries, but not over the simulated "
        "network: typing the command takes some simulated milliseconds, looking here takes none.",
        "why.not_installed": "There is no mesh in this cluster yet.",
        "why.no_viz": "Nobody collects metrics: the viz extension is not installed.",
        "why.starting": "The control plane is still starting.",
        "why.prometheus_down": "Prometheus is down: nothing is collected, and nothing can be asked.",
        "why.api_down": "The component that answers is down.",
        "why.not_meshed": "Not in the mesh yet: pods are 1/1, no proxy counts.",
        "why.nobody_calls": "Nobody calls it: it only sends requests.",
        "why.no_traffic": "No requests counted in the last minute (new pods need 20 s).",
        "why.no_pods": "It has no pods.",
        # -- topology
        "topology.title": "Who calls whom",
        "topology.caption": "Figures: what happened in the last minute. Dots replay {begin:.0f} s to "
        "{end:.0f} s, "
        "ten seconds in ten; inside a request time runs {stretch:.0f} times slower.",
        "topology.every": "One request in {every} is drawn.",
        "topology.idle": "No requests in the last ten seconds.",
        "topology.empty": "Nothing runs here yet.",
        "topology.pause": "Pause",
        "topology.resume": "Resume",
        "topology.legend": "● request   ◆ failure   ring and lock: in the mesh",
        "topology.alt": "Workloads of {namespace} and the requests between them. {edges}",
        "topology.alt.edge": "{src} to {dst}: {rps} requests a second, {success} succeed{secured}.",
        "topology.alt.secured": ", by mutual TLS",
        "topology.table": "The same as a table",
        "topology.from": "From",
        "topology.to": "To",
        "topology.secured": "Mutual TLS",
        "topology.yes": "√ yes",
        "topology.no": "no",
        # -- charts
        "charts.title": "Over time",
        "charts.workload": "Requests to",
        "charts.truth": "What happened",
        "charts.truth.text": "Client truth: every request as its sender knew it, in windows of "
        "{width:.0f} s.",
        "charts.seen": "What the mesh saw",
        "charts.seen.text": "Counted by proxies, scraped every 10 s; each point is over a minute.",
        "charts.success": "Success rate (%)",
        "charts.rps": "Requests per second",
        "charts.latency": "Latency (ms)",
        "charts.time": "simulated time (min)",
        "charts.quantile": "Quantile",
        "charts.no_truth": "No requests yet.",
        "charts.no_seen": "The mesh has seen no requests to {workload}.",
        "charts.alt": "{what} of {workload}, {view}: from {first} at {begin:.1f} min to {last} at "
        "{end:.1f} min.",
        "charts.table": "The figures as a table",
        "charts.end": "until (s)",
        "mark.inject": "inject",
        "mark.uninject": "uninject",
        "mark.error": "errors",
        "mark.latency": "latency",
        "mark.clear": "clear",
        "mark.fault": "fault",
        "mark.scale": "scale",
        # -- pods, events, terminal
        "pods.title": "Pods",
        "pods.name": "Name",
        "pods.ready": "Ready",
        "pods.status": "Status",
        "pods.restarts": "Restarts",
        "pods.age": "Age",
        "pods.node": "Node",
        "pods.none": "No pods.",
        "events.title": "Events",
        "events.time": "Time (s)",
        "events.kind": "Kind",
        "events.object": "Object",
        "events.message": "Message",
        "events.none": "No events.",
        "terminal.title": "Terminal",
        "terminal.text": "Any line of the tutorials: kubectl, linkerd, curl, fault, sleep, pipes.",
        "terminal.label": "Command",
        "terminal.placeholder": "kubectl get pods -n emojivoto",
        "terminal.run": "Run",
        "terminal.empty": "Nothing typed yet.",
        "terminal.status": "exit status {status}",
        "terminal.played": "{seconds:.0f} s played",
        # -- assumptions
        "about.title": "Assumptions",
        "about.text": "Everything in the cluster is simulated, the mesh in it is real code. "
        "Latencies come from a "
        "preset; compare only figures of the same study.",
        "about.preset": "Latency preset",
        "about.figure": "Figure",
        "about.value": "Value",
        "about.source": "Source",
        "about.median": "a proxy's time per request, median",
        "about.sigma": "its spread (sigma of the logarithm)",
        "about.cpu": "a proxy's CPU per request",
        "about.hop": "network between two machines, one way",
        "about.network": "the network's own",
    }
)
