"""What opens a connection, as a Django request: whose page it comes from, and who asks."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib import auth
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import cached_property

from ..layers.groups import session_mark

Scope = MutableMapping[str, Any]

PORTS = {"http": 80, "https": 443}
SECURE = {"wss", "https"}
PROTOCOL = "progress"  # what is offered beside a token in Sec-WebSocket-Protocol


class Handshake(ASGIRequest):
    """The request of the scope of a websocket, or of an event stream, with a session of its own.

    A websocket without an Origin comes from a script: its cookies are ignored, so that nothing but
    a token speaks for it; so are those of a session that has ended meanwhile (``signed_out``).
    Raises ValueError for a scope that cannot be read.
    """

    def __init__(self, scope: Mapping[str, Any], *, signed_out: bool = False) -> None:
        scheme = "https" if scope.get("scheme") in SECURE else "http"
        super().__init__({**scope, "method": "GET", "scheme": scheme}, BytesIO())
        # As `self.GET` has it, which takes four times as long and is made when a rule asks for it.
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        query = dict(
            parse_qsl(self.META["QUERY_STRING"], keep_blank_values=True, max_num_fields=most)
        )
        self._token = query.get("token")
        self.takes_batches = "batch" in query
        self.origin: str | None = self.META.get("HTTP_ORIGIN")
        if signed_out or (scope["type"] == "websocket" and not self.is_page):
            self.COOKIES = {}
        #: What the session is called among processes, who need not know its key.
        self.session_mark = session_mark(self.COOKIES.get(settings.SESSION_COOKIE_NAME))

    @property
    def is_page(self) -> bool:
        """Whether a page opened a websocket; of requests, nobody can tell."""
        return self.scope["type"] == "websocket" and self.origin is not None

    @cached_property
    def is_foreign(self) -> bool:
        """Whether a page of another site opened it: scheme, host and port have to be our own.

        Or one of CSRF_TRUSTED_ORIGINS without a wildcard. As for Django's own check of a POST,
        behind a proxy that ends TLS it takes SECURE_PROXY_SSL_HEADER.
        """
        if self.origin is None:
            return False
        trusted = [each for each in settings.CSRF_TRUSTED_ORIGINS if "*" not in each]
        try:
            own = f"{self.scheme}://{self.get_host()}"
            return place(self.origin) not in {place(each) for each in (own, *trusted)}
        except (DisallowedHost, ValueError):
            return True

    @cached_property
    def session(self) -> Any:  # type: ignore[override] # written by a middleware elsewhere
        """The session of the page's cookie; it reads the database, and is never written."""
        engine = import_module(settings.SESSION_ENGINE)
        return engine.SessionStore(self.COOKIES.get(settings.SESSION_COOKIE_NAME))

    @cached_property
    def user(self) -> Any:  # type: ignore[override] # the same
        """Who is signed in, or None; it reads the database."""
        if not apps.is_installed("django.contrib.sessions"):
            return self.scope.get("user")  # of the application around ours
        return _user_of(self.session) if self.session.session_key else None

    @property
    def offers_protocol(self) -> bool:
        """Whether the client offers ours, and so must have it confirmed."""
        return PROTOCOL in self.scope.get("subprotocols", ())

    @property
    def token(self) -> str | None:
        """The token in Sec-WebSocket-Protocol or, for who can give but a URL, in the query."""
        offered = [each for each in self.scope.get("subprotocols", ()) if each != PROTOCOL]
        return offered[0] if self.offers_protocol and offered else self._token

    @property
    def known_user(self) -> str | None:
        """The primary key of who is signed in, as far as anybody asked."""
        user = self.__dict__.get("user")
        return None if user is None else str(user.pk)

    @property
    def has_read(self) -> bool:
        """Whether the database was read for who is signed in."""
        return not self.__dict__.keys().isdisjoint({"session", "user"})


def place(origin: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port. Raises ValueError for what is more or less than an origin."""
    parts: SplitResult = urlsplit(origin)
    if origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError(f"not an origin: {origin!r:.200}")
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"not an origin of a page: {origin!r:.200}")
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def _user_of(session: Any) -> Any:
    # Not auth.get_user(): it may give the session a new key, which the page would not hear of.
    path = session.get(auth.BACKEND_SESSION_KEY)
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    model = auth.get_user_model()
    user = auth.load_backend(path).get_user(model._meta.pk.to_python(session[auth.SESSION_KEY]))
    if user is None or not hasattr(user, "get_session_auth_hash"):
        return user
    known = session.get(auth.HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(known, each) for each in hashes) else None
