"""The request that opens a connection, as a Django request with its origin, session and user."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib import auth
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import cached_property

from ..layers.groups import session_mark

PORTS = {"http": 80, "https": 443}
SECURE = {"wss", "https"}
PROTOCOL = "progress"  # the name to offer beside a token in Sec-WebSocket-Protocol


class Handshake(ASGIRequest):
    """The request that opens a websocket or an event stream, made from its ASGI scope.

    Session and user are read from the database at first access. A websocket without an Origin
    header comes from a script, not a page: its cookies are ignored, so it needs a token. Cookies
    are also ignored once their session has ended (``signed_out``). Raises ValueError for a scope
    that cannot be parsed.
    """

    def __init__(self, scope: Mapping[str, Any], *, signed_out: bool = False) -> None:
        scheme = "https" if scope.get("scheme") in SECURE else "http"
        try:
            super().__init__({**scope, "method": "GET", "scheme": scheme}, BytesIO())
        except (SuspiciousOperation, LookupError) as error:  # Django parses the query by a charset
            raise ValueError(f"the handshake cannot be read: {error}") from error
        # Four times as fast as `self.GET`, which is only made if a rule uses it.
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        query = dict(
            parse_qsl(self.META["QUERY_STRING"], keep_blank_values=True, max_num_fields=most)
        )
        self._token = query.get("token")
        self.takes_batches = "batch" in query
        self.origin: str | None = self.META.get("HTTP_ORIGIN")
        if signed_out or (scope["type"] == "websocket" and not self.is_page):
            self.COOKIES = {}
        #: Identifies the session in messages between processes without revealing its key.
        self.session_mark = session_mark(self.COOKIES.get(settings.SESSION_COOKIE_NAME))

    @property
    def is_page(self) -> bool:
        """Whether a page opened this websocket; False for HTTP requests, where it is unknown."""
        return self.scope["type"] == "websocket" and self.origin is not None

    @cached_property
    def is_foreign(self) -> bool:
        """Whether a page of another site opened this: its origin is not in ``expected_origins``.

        Scheme, host and port must match. Behind a proxy that terminates TLS, the site needs
        SECURE_PROXY_SSL_HEADER, as for Django's CSRF check.
        """
        if self.origin is None:
            return False
        try:
            return place(self.origin) not in {place(each) for each in self.expected_origins}
        except (DisallowedHost, ValueError):
            return True

    @property
    def expected_origins(self) -> list[str]:
        """The site's own origin, and CSRF_TRUSTED_ORIGINS without those with a wildcard.

        Raises DisallowedHost for a Host that is not in ALLOWED_HOSTS.
        """
        trusted = [each for each in settings.CSRF_TRUSTED_ORIGINS if "*" not in each]
        return [f"{self.scheme}://{self.get_host()}", *trusted]

    @cached_property
    def session(self) -> Any:  # type: ignore[override] # in Django a middleware sets it
        """The session of the page's cookie, read from the database and never saved."""
        engine = import_module(settings.SESSION_ENGINE)
        return engine.SessionStore(self.COOKIES.get(settings.SESSION_COOKIE_NAME))

    @cached_property
    def user(self) -> Any:  # type: ignore[override] # the same
        """The user who is signed in, or None. Reads the database."""
        if not apps.is_installed("django.contrib.sessions"):
            return self.scope.get("user")  # set by the application that mounts this one
        return _user_of(self.session) if self.session.session_key else None

    @property
    def offers_protocol(self) -> bool:
        """Whether the client offers the subprotocol ``progress``, which the server must confirm."""
        return PROTOCOL in self.scope.get("subprotocols", ())

    @property
    def token(self) -> str | None:
        """The token in Sec-WebSocket-Protocol, or else in the query string of the URL."""
        offered = [each for each in self.scope.get("subprotocols", ()) if each != PROTOCOL]
        return offered[0] if self.offers_protocol and offered else self._token

    @property
    def known_user(self) -> str | None:
        """The primary key of the signed-in user, or None; also None before ``user`` is read."""
        user = self.__dict__.get("user")
        return None if user is None else str(user.pk)

    @property
    def has_read(self) -> bool:
        """Whether the database was read for the session or the user."""
        return not self.__dict__.keys().isdisjoint({"session", "user"})


def place(origin: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an origin. Raises ValueError for any other text."""
    parts: SplitResult = urlsplit(origin)
    if origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError(f"not an origin: {origin!r:.200}")
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"not an origin of a page: {origin!r:.200}")
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def _user_of(session: Any) -> Any:
    # Not auth.get_user(): it may give the session a new key, which the page would not get.
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
