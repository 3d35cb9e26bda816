"""Rows of Services, Endpoints, EndpointSlices, Ingresses and NetworkPolicies."""

from sim.shell.kubectl.tables.table import Kind, Obj, View, columns, selector

__all__ = ["ENDPOINTS", "INGRESS", "NETWORK_POLICY", "SERVICE", "SLICE", "endpoint_addresses"]

SHOWN_ENDPOINTS = 3


def _service_ports(ports: list[Obj]) -> str:
    """``80/TCP,8080:30080/TCP``."""
    cells = []
    for port in ports:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        cells.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(cells) or "<none>"


def _external(obj: Obj) -> str:
    """The EXTERNAL-IP cell, by type of service."""
    spec = obj.get("spec", {})
    kind, given = spec.get("type", "ClusterIP"), spec.get("externalIPs") or []
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        found = [entry.get("ip") or entry.get("hostname", "") for entry in ingress] + given
        return ",".join(found) or "<pending>"
    return ",".join(given) or "<none>"


def _service(obj: Obj, view: View) -> list[str]:
    spec = obj.get("spec", {})
    return [
        obj["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or "<none>",
        _external(obj),
        _service_ports(spec.get("ports") or []),
        view.age(obj),
        selector(spec.get("selector")),
    ]


def endpoint_addresses(obj: Obj) -> str:
    """The ready addresses of an Endpoints object, three of them at most: ``10.1.0.2:80,10.1.0.3:80``."""
    found = []
    for subset in obj.get("subsets") or []:
        ports = subset.get("ports") or []
        for address in subset.get("addresses") or []:
            found += [f"{address['ip']}:{port['port']}" for port in ports] or [address["ip"]]
    return _first(found)


def _first(found: list[str]) -> str:
    if not found:
        return "<none>"
    more = f" + {len(found) - SHOWN_ENDPOINTS} more..." if len(found) > SHOWN_ENDPOINTS else ""
    return ",".join(found[:SHOWN_ENDPOINTS]) + more


def _endpoints(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], endpoint_addresses(obj), view.age(obj)]


def _slice(obj: Obj, view: View) -> list[str]:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or []]
    addresses = [text for endpoint in obj.get("endpoints") or [] for text in endpoint.get("addresses", [])]
    return [
        obj["metadata"]["name"],
        obj.get("addressType", "IPv4"),
        _first(ports) if ports else "<unset>",
        _first(addresses) if addresses else "<unset>",
        view.age(obj),
    ]


def _ingress(obj: Obj, view: View) -> list[str]:
    spec = obj.get("spec", {})
    hosts = [rule["host"] for rule in spec.get("rules") or [] if rule.get("host")]
    balancer = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName") or "<none>",
        ",".join(hosts) or "*",
        ",".join(entry.get("ip") or entry.get("hostname", "") for entry in balancer),
        "80, 443" if spec.get("tls") else "80",
        view.age(obj),
    ]


def _network_policy(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], selector(obj.get("spec", {}).get("podSelector")), view.age(obj)]


SERVICE = Kind(columns("NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE", "SELECTOR"), _service)
ENDPOINTS = Kind(columns("NAME|ENDPOINTS|AGE"), _endpoints)
SLICE = Kind(columns("NAME|ADDRESSTYPE|PORTS|ENDPOINTS|AGE"), _slice)
INGRESS = Kind(columns("NAME|CLASS|HOSTS|ADDRESS|PORTS|AGE"), _ingress)
NETWORK_POLICY = Kind(columns("NAME|POD-SELECTOR|AGE"), _network_policy)
