// A switch by the client that openapi-typescript makes of the OpenAPI document: ask, read, send again, cancel.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Customer = components["schemas"]["CustomerView"];

const [baseUrl, token, id] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const path = { id };

function key() {
  return { "idempotency-key": crypto.randomUUID() };
}

function answered<T>(answer: { data?: T; error?: components["schemas"]["Problem"]; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.status}: ${answer.error?.detail}`);
  return answer.data;
}

async function read(): Promise<Customer> {
  return answered(await client.GET("/api/v1/customers/{id}", { params: { path } }));
}

const body = { name: "Contoso GmbH", tenant: "contoso.example" };
const registered = answered(await client.PUT("/api/v1/customers/{id}", { params: { path }, body }));
for (let tries = 0; (await read()).tenant_state !== "pinned"; tries++) {
  if (tries === 600) throw new Error("the tenant is not found");
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const asked = answered(
  await client.POST("/api/v1/customers/{id}/switch", {
    params: { path, header: key() },
    body: { to: "token", admin_email: "admin@contoso.example", locale: "de", methods: ["sign_in"] },
  }),
);
const running = (await read()).switch;
const resent = answered(
  await client.POST("/api/v1/customers/{id}/switch/resend", {
    params: { path, header: key() },
    body: { switch: asked.switch, admin_email: "it@contoso.example" },
  }),
);
const pending = answered(await client.GET("/api/v1/invitations", { params: { query: { state: "pending" } } }));
const cancelled = answered(
  await client.DELETE("/api/v1/customers/{id}/switch", { params: { path, query: { switch: resent.switch } } }),
);
const stale = await client.DELETE("/api/v1/customers/{id}/switch", { params: { path, query: { switch: 1 } } });

console.log(
  JSON.stringify({
    edition: registered.edition,
    asked: asked.switch,
    running: running?.state ?? null,
    invitee: running?.invitee?.email ?? null,
    resent: resent.switch,
    pending: typeof pending === "string" ? [] : pending.items.map((row) => row.invitation_email),
    cancelled: cancelled.switch,
    state: (await read()).switch?.state ?? null,
    refused: stale.error?.code ?? null,
  }),
);
