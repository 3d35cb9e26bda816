"""The order of admission: built-in changes, mutating webhooks, validating webhooks, pod security."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.api.admission.podsecurity import check_pod_security
from sim.cluster.api.admission.request import Request
from sim.cluster.api.admission.serviceaccount import ServiceAccountPlugin, default_tolerations
from sim.cluster.api.admission.webhooks import Webhooks
from sim.cluster.api.errors import BadRequest
from sim.cluster.api.objects import Obj
from sim.cluster.api.schema.defaults import apply_defaults
from sim.cluster.api.schema.validation import misshapen

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["Admission", "Request"]

# Webhooks never see these: a broken webhook must stay repairable. Source: Kubernetes' generic webhook plugin.
EXEMPT_GROUP = "admissionregistration.k8s.io"


class Admission:
    """Runs a write through everything that may change or refuse it."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api
        self.accounts = ServiceAccountPlugin(api)
        self.webhooks = Webhooks(api)

    def admit(self, request: Request) -> Generator[simpy.Event, Any, Obj]:
        """The object to be stored. Takes no simulated time unless a webhook is called.

        Raises:
            Forbidden: the namespace, the service account or a policy does not allow it.
            ApiError: a webhook refused it, or could not be asked and must be.
        """
        new_pod = request.resource.key == "pods" and request.operation == "CREATE"
        if new_pod:
            yield from self.accounts.wait_for_account(request.object)
            self.accounts.mount_token(request.object)
            default_tolerations(request.object)
        if request.resource.group != EXEMPT_GROUP:
            changed = yield from self.webhooks.mutate(request)
            if changed:
                self._complete(request, new_pod)
        if new_pod and self.api.pod_security_policies:
            check_pod_security(self.api, request)
        if request.resource.group != EXEMPT_GROUP:
            yield from self.webhooks.validate(request)
        return request.object

    def _complete(self, request: Request, new_pod: bool) -> None:
        """What webhooks added gets its defaults and the token, like the rest of the object."""
        try:
            apply_defaults(request.object, request.object["apiVersion"], self.api.minor)
            if new_pod:
                self.accounts.mount_token(request.object)
        except (AttributeError, KeyError, TypeError):
            # Both walk the object as its kind prescribes; a webhook made something else of it.
            raise BadRequest(misshapen(request.resource)) from None
