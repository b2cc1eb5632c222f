"""What the node does for its sandboxes when they call it, and on whose behalf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from picloud.domain.egress import Allowance, EgressPolicy
from picloud.executor.calls import CallLimits, Calls
from picloud.executor.egress.addresses import AddressRules, Endpoint
from picloud.executor.egress.broker import Broker
from picloud.executor.egress.limits import EgressLimits
from picloud.executor.egress.network import Resolver

if TYPE_CHECKING:
    from uuid import UUID

    from picloud.config import Settings
    from picloud.orchestrator.box import Box

_POSTGRESQL: Final = 5432


class Services:
    """Opens the calls of a sandbox when it becomes an app's: what it may is settled there."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._broker = broker
        self._limits = CallLimits(
            at_once=settings.max_calls_per_sandbox,
            per_second=settings.calls_per_second,
            body_bytes=settings.egress_request_bytes,
        )

    async def open(self, box: Box, app_id: UUID, egress: EgressPolicy) -> None:
        """Serve the calls of a sandbox that is about to be bound."""
        sandbox, link = box.sandbox, box.link
        services = {"fetch": self._broker.service(app_id, egress)}
        calls = Calls(link, box, services, self._limits, link.break_off)
        link.calls = calls
        sandbox.exited.add_done_callback(lambda _: calls.close())
        await calls.listen(sandbox.take_calls())

    async def close(self) -> None:
        """Serve nothing any more."""
        await self._broker.close()


async def make_services(settings: Settings) -> Services:
    """The services of a node."""
    resolver = Resolver()
    rules = AddressRules(
        map(Allowance.parse, settings.egress_allow),
        platform=await _by_all_names(_endpoints(settings), resolver),
    )
    limits = EgressLimits(
        egress_timeout_ms=settings.egress_timeout_ms,
        egress_connect_ms=settings.egress_connect_ms,
        egress_request_bytes=settings.egress_request_bytes,
        egress_response_bytes=settings.egress_response_bytes,
        egress_header_bytes=settings.egress_header_bytes,
        egress_parallel=settings.egress_parallel,
    )
    return Services(settings, Broker(limits, rules, resolver))


def _endpoints(settings: Settings) -> list[Endpoint]:
    """Where the platform's own parts listen, unless on a unix socket."""
    endpoints = [(settings.host, settings.port)]
    for listen in (settings.manager_listen, settings.node_listen):
        if not listen.startswith("unix:"):
            host, _, port = listen.rpartition(":")
            endpoints.append((host, int(port)))
    if settings.database_url is not None:
        url = urlsplit(settings.database_url.reveal())
        if url.hostname:
            endpoints.append((url.hostname, url.port or _POSTGRESQL))
    return endpoints


async def _by_all_names(endpoints: list[Endpoint], resolve: Resolver) -> list[Endpoint]:
    """The endpoints by the names given and by the addresses these have now."""
    known = list(endpoints)
    for host, port in endpoints:
        try:
            known += [(address, port) for address in await resolve(host, port)]
        except OSError:  # a name that leads nowhere
            continue
    return known
