"""Relying services and the protocol server as the hot path sees them: from memory, at most five seconds old."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain.relying_services import RelyingService
from idp.runtime.runtime import Runtime

FRESH_FOR: Final = 5.0
# Strangers can ask for any client_id: what is remembered of them is bounded.
ROOM: Final = 2000
LONGEST_CLIENT_ID: Final = 255


class Registry:
    """Finds relying services by client_id or id; a suspension reaches every worker within FRESH_FOR seconds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = Lock()
        self._listed: tuple[float, tuple[RelyingService, ...]] = (0.0, ())
        self._seen: OrderedDict[str | UUID | tuple[str, str], tuple[float, RelyingService | None]] = OrderedDict()

    def find_by_client_id(self, client_id: str) -> RelyingService | None:
        """The service, suspended or not; None for one that is not registered."""
        if not 0 < len(client_id) <= LONGEST_CLIENT_ID or not client_id.isascii() or not client_id.isprintable():
            return None  # no service has such an id, so neither the database nor the memory is troubled with it
        return self._find(client_id, lambda tx: storage.relying_services.find_by_client_id(tx, client_id))

    def find(self, service_id: UUID) -> RelyingService | None:
        return self._find(service_id, lambda tx: storage.relying_services.find_service(tx, service_id))

    def list_all(self) -> tuple[RelyingService, ...]:
        """Every service, suspended or not, by client_id."""
        now = self._runtime.clock.now().timestamp()
        with self._lock:
            at, listed = self._listed
        if 0 <= now - at < FRESH_FOR:
            return listed
        with storage.once() as tx:
            listed = tuple(storage.relying_services.list_services(tx))
        with self._lock:
            self._listed = (now, listed)
        return listed

    def find_by_resource(self, resource: str) -> RelyingService | None:
        """The service that guards an interface (RFC 8707 2)."""
        if not 0 < len(resource) <= LONGEST_CLIENT_ID or not resource.isascii() or not resource.isprintable():
            return None
        return self._find(("resource", resource), lambda tx: storage.relying_services.find_by_resource(tx, resource))

    def find_shared_secret(self, service: RelyingService) -> bytes | None:
        """The secret of a service that signs with it (client_secret_jwt): read at each use, never remembered."""
        self._runtime.keyring.recall()
        with storage.once() as tx:
            return storage.relying_services.find_shared_secret(tx, self._runtime.keyring, service.id)

    def knows_origin(self, origin: str) -> bool:
        """Whether a script on this web origin may call the endpoints for services (CORS preflight)."""
        if not 0 < len(origin) <= LONGEST_CLIENT_ID or not origin.isascii() or not origin.isprintable():
            return False
        found = self._find(("origin", origin), lambda tx: storage.relying_services.find_by_origin(tx, origin))
        return found is not None

    def _find(
        self, key: str | UUID | tuple[str, str], read: Callable[[storage.Tx], RelyingService | None]
    ) -> RelyingService | None:
        now = self._runtime.clock.now().timestamp()
        with self._lock:
            at, service = self._seen.get(key, (0.0, None))
        if 0 <= now - at < FRESH_FOR:
            return service
        with storage.once() as tx:
            service = read(tx)
        with self._lock:
            self._seen[key] = (now, service)
            self._seen.move_to_end(key)
            while len(self._seen) > ROOM:
                self._seen.popitem(last=False)
        return service
