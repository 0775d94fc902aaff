// A Sparkplug edge node made with Eclipse Tahu's client, told what to do by lines of JSON on standard input:
//   {"verb": "connect", "url": "mqtt://…", "group": "G", "edge_node": "E"}
//   {"verb": "nbirth" | "ndata", "payload": {…}}      {"verb": "dbirth" | "ddata" | "ddeath", "device": "D", "payload": {…}}
//   {"verb": "rebirths"}: how often it was asked to be born again      {"verb": "stop"}: leaves, saying so
// Each is answered by one line of JSON. "options" go to the client, as {"compress": true}. {"long": "…"} is a number of 64 bits.
"use strict";

const readline = require("node:readline");
const Long = require("long");
const { newClient } = require("sparkplug-client");

let client = null;
let rebirths = 0;

function connect({ url, group, edge_node: edgeNode, publish_death: publishDeath = true }) {
  return new Promise((resolve, reject) => {
    const names = { groupId: group, edgeNode, clientId: `${group}-${edgeNode}-${process.pid}` };
    client = newClient({ serverUrl: url, username: "", password: "", publishDeath, keepalive: 5, ...names });
    client.on("birth", resolve);
    client.on("error", reject);
    client.on("ncmd", (payload) => {
      rebirths += payload.metrics.filter((metric) => metric.name === "Node Control/Rebirth" && metric.value === true).length;
    });
  });
}

const verbs = {
  connect,
  nbirth: ({ payload, options }) => client.publishNodeBirth(payload, options),
  ndata: ({ payload, options }) => client.publishNodeData(payload, options),
  dbirth: ({ device, payload, options }) => client.publishDeviceBirth(device, payload, options),
  ddata: ({ device, payload, options }) => client.publishDeviceData(device, payload, options),
  ddeath: ({ device, payload }) => client.publishDeviceDeath(device, payload),
  rebirths: () => rebirths,
  stop: () => client.stop(),
};

const numbers = (key, value) => (value !== null && typeof value === "object" && "long" in value ? Long.fromString(value.long) : value);

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  try {
    const told = JSON.parse(line, numbers);
    const answer = await verbs[told.verb](told);
    console.log(JSON.stringify({ answer: answer === undefined ? null : answer }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack) }));
  }
});
