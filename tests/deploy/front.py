"""ministack as AWS looks from outside: behind TLS, and without what would do harm there. Run with ministack's own Python.

Requests come over HTTP on 127.0.0.1 and are marked as having come by TLS, because the manifest bucket's policy denies everything
else. Inventory calls never reach it: its DELETE ?inventory deletes the bucket.
"""

import urllib.parse

import ministack.app

INNER = ministack.app.app
REFUSED = b"<Error><Code>NotImplemented</Code><Message>tests/deploy: no inventory calls here</Message></Error>"


async def front(scope, receive, send):
    if scope["type"] == "http":
        if "inventory" in urllib.parse.parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            await send({"type": "http.response.start", "status": 501, "headers": [(b"content-type", b"application/xml")]})
            await send({"type": "http.response.body", "body": REFUSED})
            return
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await INNER(scope, receive, send)


ministack.app.app = front
ministack.app.main()
