// Publishes an event and reads it back with a client generated from openapi.json, against a running Sluice.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [baseUrl, adminKey] = process.argv.slice(2);
assert(baseUrl && adminKey, "usage: main.js BASE_URL API_KEY");

const clientFor = (key: string) => createClient<paths>({ baseUrl, headers: { Authorization: `ApiKey ${key}` } });

// Scopes as they are on the wire.
const scopes: components["schemas"]["Permission"][] = ["events:write", "events:read"];
const made = await clientFor(adminKey).POST("/v1/api-keys", { body: { name: "typescript", scopes } });
assert(made.data, JSON.stringify(made.error));
assert.deepEqual(new Set(made.data.scopes), new Set(scopes));
const client = clientFor(made.data.key);

// A payload is an open object: fields of any name and type.
const payload = { number: "4711", lines: [{ sku: "A-1", quantity: 2 }], note: null };
const published = await client.POST("/v1/events", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: { name: "order.created", id: "typescript:1", payload },
});
assert(published.data, JSON.stringify(published.error));
assert.equal(published.response.status, 202);
assert.equal(published.data.accepted, 1);

const read = await client.GET("/v1/events/{id}", { params: { path: { id: "typescript:1" } } });
assert(read.data, JSON.stringify(read.error));
assert.deepEqual(read.data.payload, payload);

const listed = await client.GET("/v1/events", { params: { query: { name: "order.created", limit: 1 } } });
assert.equal(listed.data?.events[0]?.id, "typescript:1");

// Errors are typed too.
const refused = await client.POST("/v1/events", { body: { events: [{ name: "not a name", payload: {} }] } });
assert.equal(refused.error?.error_code, "validation_failed");
assert.equal(refused.error.details[0]?.pointer, "/events/0/name");
const forbidden = await client.GET("/v1/integrations");
assert.equal(forbidden.response.status, 403);
assert.equal(forbidden.error?.error_code, "insufficient_scope");

console.log("typescript: published and read back");
