// Verifies the webhooks of a running Sluice with the `standardwebhooks` package, also while a secret is rotated.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

const [baseUrl, key] = process.argv.slice(2);
assert(baseUrl && key, "usage: webhooks.js BASE_URL API_KEY");

type Received = { headers: Record<string, string>; body: string };
const waiting: ((received: Received) => void)[] = [];
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    response.writeHead(204).end();
    waiting.shift()?.({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() });
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

const call = async (path: string, body: unknown): Promise<Record<string, string>> => {
  const headers = { Authorization: `ApiKey ${key}`, "content-type": "application/json" };
  const answer = await fetch(baseUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  assert(answer.ok, await answer.clone().text());
  return (await answer.json()) as Record<string, string>;
};
const published = async (): Promise<Received> => {
  const received = new Promise<Received>((resolve) => waiting.push(resolve));
  await call("/v1/events", { name: "typescript.webhook", payload: { text: "ünï", number: 1.5 } });
  return received;
};
const verify = (secret: string | undefined, { headers, body }: Received) => new Webhook(secret ?? "").verify(body, headers);

const made = await call("/v1/webhooks/subscriptions", { name: "typescript", url, events: ["typescript.webhook"] });
verify(made.secret, await published());
const rotated = await call(`/v1/webhooks/subscriptions/${made.id}/secret/rotate`, {});
const both = await published();
const signatures = both.headers["webhook-signature"]?.split(" ") ?? [];
assert.equal(signatures.length, 2);
verify(made.secret, both);
verify(rotated.secret, both);
verify(rotated.secret, { ...both, headers: { ...both.headers, "webhook-signature": signatures[0] ?? "" } });
assert.throws(() => verify(rotated.secret, { ...both, body: both.body + " " }));

server.close();
console.log("typescript: webhooks verified, also with two secrets");
