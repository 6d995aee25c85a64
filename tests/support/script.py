"""A client that uses HTTP and websockets alone, and no code of this project."""

import json
from contextlib import suppress
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener

import websockets


class Script:
    """Starts jobs at a site."""

    def __init__(self, site):
        self.site = site
        self.cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self.cookies))

    def get(self, url):
        with self._opener.open(url, timeout=10) as response:
            return response.read()

    def token(self):
        self.get(f"{self.site}/")
        return {cookie.name: cookie.value for cookie in self.cookies}["csrftoken"]

    def post(self, path, **headers):
        """The status and the JSON of the answer."""
        headers = {"Accept": "application/json", **headers}
        request = Request(self.site + path, data=b"", headers=headers)
        try:
            with self._opener.open(request, timeout=10) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def start(self, name):
        """Start a job; return the JSON of the answer."""
        status, answer = self.post(f"/jobs/{name}/", **{"X-CSRFToken": self.token()})
        assert status == 202, answer
        return answer


async def watch(url):
    """All events of a task until the server closes the socket, and the close code."""
    events = []
    async with websockets.connect(url) as socket:
        with suppress(websockets.ConnectionClosedError):  # any code but 1000; the caller looks
            async for frame in socket:
                events.append(json.loads(frame))
    return events, socket.close_code
