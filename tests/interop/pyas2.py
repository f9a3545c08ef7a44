"""A partner that runs pyas2lib. Reads a command as JSON in each line, answers each with a line of JSON.

Messages are files with the headers of HTTP, an empty line and the body."""

import json
import logging
import pathlib
import sys

from pyas2lib import as2

logging.disable(logging.CRITICAL)


def parties(command):
    """The partner (who we are here) and Sluice, with what they have agreed on."""
    us = as2.Organization(
        as2_name=command["partner"],
        sign_key=command["partner_key"].encode(),
        decrypt_key=command["partner_key"].encode(),
        domain="partner.example",
    )
    sluice = as2.Partner(
        as2_name=command["sluice"],
        verify_cert=command["sluice_certificate"].encode(),
        encrypt_cert=command["sluice_certificate"].encode(),
        validate_certs=False,
        compress=command.get("compress", False),
        sign=bool(command.get("sign")),
        digest_alg=command.get("sign") or "sha256",
        sign_alg=command.get("sign_alg", "rsassa_pkcs1v15"),
        encrypt=bool(command.get("encrypt")),
        enc_alg=command.get("encrypt") or "aes_256_cbc",
        mdn_mode="SYNC" if command.get("mdn") else None,
        mdn_digest_alg=command.get("mdn_digest"),
    )
    return us, sluice


def raw(message):
    return message.headers_str + b"\r\n" + message.content


def send(command):
    us, sluice = parties(command)
    message = as2.Message(us, sluice)
    message.build(
        pathlib.Path(command["document"]).read_bytes(),
        filename=command.get("file_name"),
        content_type=command["content_type"],
    )
    pathlib.Path(command["message"]).write_bytes(raw(message))
    return {"mic": message.mic and message.mic.decode(), "message_id": message.message_id}


def receive(command):
    us, sluice = parties(command)
    message = as2.Message()
    status, error, mdn = message.parse(
        pathlib.Path(command["message"]).read_bytes(),
        find_org_cb=lambda name: us if name == us.as2_name else None,
        find_partner_cb=lambda name: sluice if name == sluice.as2_name else None,
    )
    if status == "processed":
        pathlib.Path(command["document"]).write_bytes(message.content)
    if mdn:
        pathlib.Path(command["receipt"]).write_bytes(raw(mdn))
    return {
        "status": status,
        "error": error and str(error[0]),
        "signed": message.signed,
        "encrypted": message.encrypted,
        "compressed": message.compressed,
        "mic": message.mic and message.mic.decode(),
    }


def receipt(command):
    us, sluice = parties(command)
    sent = as2.Message(us, sluice)
    sent.message_id = command["message_id"]
    sent.mic = command["mic"] and command["mic"].encode()
    mdn = as2.Mdn()
    found = lambda message_id, _: sent if message_id == sent.message_id else None
    status, detail = mdn.parse(pathlib.Path(command["receipt"]).read_bytes(), found)
    return {"status": status, "detail": detail}


for line in sys.stdin:
    command = json.loads(line)
    answer = {"send": send, "receive": receive, "receipt": receipt}[command["do"]](command)
    print(json.dumps(answer), flush=True)
