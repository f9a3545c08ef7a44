"""Publishes an event and reads it back with a client generated from openapi.json, against a running Sluice."""

import sys

from sluice_client import AuthenticatedClient
from sluice_client.api.api_keys import api_keys_create
from sluice_client.api.events import events_get, events_list, events_publish
from sluice_client.api.integrations import integrations_list
from sluice_client.models import (
    ApiKeyWithSecret,
    ErrorResponse,
    Event,
    EventBatch,
    EventPage,
    NewCredential,
    NewEvent,
    NewEventPayload,
    Permission,
    PublishAnswer,
)

base_url, admin_key = sys.argv[1:]


def client_for(key: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=base_url, token=key, prefix="ApiKey", raise_on_unexpected_status=True)


# Scopes as they are on the wire.
scopes = [Permission("events:write"), Permission("events:read")]
made = api_keys_create.sync(client=client_for(admin_key), body=NewCredential(name="python", scopes=scopes))
assert isinstance(made, ApiKeyWithSecret), made
assert set(made.scopes) == set(scopes), made
client = client_for(made.key)

# A payload is an open object: fields of any name and type.
fields = {"number": "4711", "lines": [{"sku": "A-1", "quantity": 2}], "note": None}
event = NewEvent(name="order.created", id="python:1", payload=NewEventPayload.from_dict(fields))
published = events_publish.sync(client=client, body=event, idempotency_key="python-1")
assert isinstance(published, PublishAnswer), published
assert published.accepted == 1, published

read = events_get.sync("python:1", client=client)
assert isinstance(read, Event), read
assert read.payload.to_dict() == fields, read
assert read.published_at.tzinfo is not None, read

listed = events_list.sync(client=client, name="order.created", limit=1)
assert isinstance(listed, EventPage), listed
assert listed.events[0].id == "python:1", listed

# Errors are typed too.
bad = EventBatch(events=[NewEvent(name="not a name", payload=NewEventPayload())])
refused = events_publish.sync(client=client, body=bad)
assert isinstance(refused, ErrorResponse), refused
assert refused.error_code == "validation_failed", refused
assert refused.details[0].pointer == "/events/0/name", refused
forbidden = integrations_list.sync(client=client)
assert isinstance(forbidden, ErrorResponse), forbidden
assert forbidden.error_code == "insufficient_scope", forbidden

print("python: published and read back")
