"""Verifies the webhooks of a running Sluice with the `standardwebhooks` package, also while a secret is rotated."""

import json
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

from standardwebhooks import Webhook, WebhookVerificationError

base_url, key = sys.argv[1:]
received: Queue[tuple[dict[str, str], str]] = Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        received.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def call(path: str, body: object) -> dict[str, str]:
    headers = {"authorization": f"ApiKey {key}", "content-type": "application/json"}
    request = urllib.request.Request(base_url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return dict(json.load(answer))


server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
wanted = {"name": "python", "url": f"http://127.0.0.1:{server.server_port}/", "events": ["python.webhook"]}
made = call("/v1/webhooks/subscriptions", wanted)
event = {"name": "python.webhook", "payload": {"text": "ünï", "number": 1.10}}

call("/v1/events", event)
headers, body = received.get(timeout=30)
Webhook(made["secret"]).verify(body, headers)

rotated = call(f"/v1/webhooks/subscriptions/{made['id']}/secret/rotate", {})
call("/v1/events", event)
headers, body = received.get(timeout=30)
newer, older = headers["webhook-signature"].split(" ")
for secret in (made["secret"], rotated["secret"]):
    Webhook(secret).verify(body, headers)
Webhook(rotated["secret"]).verify(body, {**headers, "webhook-signature": newer})
Webhook(made["secret"]).verify(body, {**headers, "webhook-signature": older})
try:
    Webhook(rotated["secret"]).verify(body + " ", headers)
    raise SystemExit("a changed body was accepted")
except WebhookVerificationError:
    pass

print("python: webhooks verified, also with two secrets")
