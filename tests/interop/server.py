"""A partner that runs pyas2lib behind an HTTP server. Reads commands as JSON in lines, answers each with a line of JSON.

The first command says who is who; the answer has the server's port. Messages that come are opened, and answered with
their receipt: in the response, or by a request of its own. `send` posts a document, and reads the receipt."""

import json
import logging
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pyas2lib import as2

logging.disable(logging.CRITICAL)

command = json.loads(sys.stdin.readline())
server = ThreadingHTTPServer(("127.0.0.1", 0), None)
port = server.server_address[1]
us = as2.Organization(
    as2_name=command["partner"],
    sign_key=command["partner_key"].encode(),
    decrypt_key=command["partner_key"].encode(),
    domain="partner.example",
    mdn_url=f"http://127.0.0.1:{port}/mdn",
)
received, receipts, lock = [], [], threading.Condition()


def sluice(command):
    """What was agreed on with Sluice."""
    return as2.Partner(
        as2_name=command["sluice"],
        verify_cert=command["sluice_certificate"].encode(),
        encrypt_cert=command["sluice_certificate"].encode(),
        validate_certs=False,
        compress=command.get("compress", False),
        sign=bool(command.get("sign")),
        digest_alg=command.get("sign") or "sha256",
        encrypt=bool(command.get("encrypt")),
        enc_alg=command.get("encrypt") or "aes_256_cbc",
        mdn_mode=command.get("mdn"),
        mdn_digest_alg="sha256" if command.get("mdn") else None,
        mdn_confirm_text="Received.",
    )


agreed, sent = sluice(command), {}


def fetch(url, headers, body):
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        return head.encode() + b"\r\n" + answer.read()


def note(where, what):
    with lock:
        where.append(what)
        lock.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, headers, body):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        raw = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode() + b"\r\n" + body
        if self.path == "/mdn":
            status, detail = as2.Mdn().parse(raw, lambda message_id, _: sent.get(message_id))
            self.answer({}, b"")
            return note(receipts, {"status": status, "detail": detail})
        message = as2.Message()
        status, error, mdn = message.parse(
            raw,
            find_org_cb=lambda name: us if name == us.as2_name else None,
            find_partner_cb=lambda name: agreed if name == agreed.as2_name else None,
        )
        text = message.content.decode("latin-1") if status == "processed" else None
        if mdn and mdn.mdn_url:
            self.answer({}, b"")
            fetch(mdn.mdn_url, mdn.headers.items(), mdn.content)
        elif mdn:
            self.answer(mdn.headers, mdn.content)
        else:
            self.answer({}, b"")
        note(received, {"status": status, "error": error and str(error[0]), "document": text})


server.RequestHandlerClass = Handler
threading.Thread(target=server.serve_forever, daemon=True).start()


def send(command):
    message = as2.Message(us, sluice(command))
    message.build(
        command["document"].encode("latin-1"), filename="order.edi", content_type="application/edi-x12",
        disposition_notification_to="as2@partner.example",
    )
    sent[message.message_id] = message
    answer = fetch(command["url"], message.headers.items(), message.content)
    if command.get("mdn") == "ASYNC":
        return wait(receipts)
    status, detail = as2.Mdn().parse(answer, lambda message_id, _: sent.get(message_id))
    return {"status": status, "detail": detail}


def wait(where):
    with lock:
        lock.wait_for(lambda: where, timeout=30)
        return where.pop(0) if where else None


print(json.dumps({"port": port}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    answer = send(command) if command["do"] == "send" else wait(received)
    print(json.dumps(answer), flush=True)
