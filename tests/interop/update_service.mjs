// An update service that is not ours, for one pass: node update_service.mjs PACKAGES PASS TYPE SERIAL TOKEN
// Prints its port on 127.0.0.1. What it answers is hono-passkit-webservice's; what it remembers is here.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [packages, file, passType, serial, token] = process.argv.slice(2);
const required = createRequire(path.join(path.resolve(packages), "server.cjs"));
const from = (name) => import(pathToFileURL(required.resolve(name)));
const { Hono } = await from("hono");
const { serve } = await from("@hono/node-server");
const web = await import(pathToFileURL(path.join(path.resolve(packages), "hono-passkit-webservice/lib/middlewares/v1/index.js")));

const changedAt = Date.parse("2000-01-01T00:00:00Z");
const registered = new Set();
const app = new Hono();
app.route("/", web.RegistrationRouter({
  tokenVerifier: async (given) => given === token,
  onRegister: async (device, type, number) => {
    const key = `${device}/${type}/${number}`;
    const isNew = !registered.has(key);
    registered.add(key);
    return isNew;
  },
  onUnregister: async (device, type, number) => registered.delete(`${device}/${type}/${number}`),
}));
app.route("/", web.ListRouter({
  onListRetrieve: async (device, type, { passesUpdatedSince }) => {
    const isHeld = registered.has(`${device}/${type}/${serial}`);
    return isHeld && passesUpdatedSince !== "1" ? { serialNumbers: [serial], lastUpdated: "1" } : undefined;
  },
}));
app.route("/", web.UpdateRouter({
  tokenVerifier: async (given) => given === token,
  // Its date of a version is the moment of the answer, so anything at or after the change is the newest.
  onUpdateRequest: async (type, number, since) => (since !== undefined && since >= changedAt ? undefined : new Uint8Array(readFileSync(file))),
}));
app.route("/", web.LogRouter({ onIncomingLogs: () => {} }));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => process.stdout.write(`${port}\n`));
