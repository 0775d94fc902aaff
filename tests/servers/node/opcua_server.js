// An OPC UA server that is not ours, for tests: variables that change by themselves, and a control port over which a test
// sets values, statuses and times, counts sessions and takes subscriptions away. SIGTERM announces the shutdown to clients.
"use strict";

const http = require("node:http");
const {
  coerceLocalizedText,
  DataType,
  MessageSecurityMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCode,
  StatusCodes,
  Variant,
  VariantArrayType,
} = require("node-opcua");

const LOOPBACK = "127.0.0.1";
const PLANT = "urn:plc:air";
const BETWEEN_CHANGES_MS = 5;
const COUNTER_START = 2n ** 53n + 1n;

const settings = {
  port: Number(process.env.OPCUA_PORT),
  controlPort: Number(process.env.OPCUA_CONTROL_PORT),
  pki: process.env.OPCUA_PKI,
  namespaces: (process.env.OPCUA_NAMESPACES || PLANT).split(","),
  maxSessions: Number(process.env.OPCUA_MAX_SESSIONS || 100),
  maxMonitoredItemsPerCall: Number(process.env.OPCUA_MAX_ITEMS_PER_CALL || 50),
  secure: process.env.OPCUA_SECURE === "1",
  trustsAll: process.env.OPCUA_TRUSTS_ALL !== "0",
  extraVariables: Number(process.env.OPCUA_EXTRA_VARIABLES || 0),
  extraPeriodMs: Number(process.env.OPCUA_EXTRA_PERIOD_MS || 100),
};

function variantOf(type, value) {
  const dataType = DataType[type];
  if (Array.isArray(value)) {
    return new Variant({ dataType, arrayType: VariantArrayType.Array, value });
  }
  if (dataType === DataType.UInt64 || dataType === DataType.Int64) {
    const bits = BigInt.asUintN(64, BigInt(value));
    return new Variant({
      dataType,
      arrayType: VariantArrayType.Scalar,
      value: [Number(bits >> 32n), Number(bits & 0xffffffffn)],
    });
  }
  if (dataType === DataType.LocalizedText) {
    return new Variant({ dataType, value: coerceLocalizedText(value) });
  }
  return new Variant({ dataType, value });
}

function statusOf(status) {
  if (typeof status === "number") {
    return StatusCodes.Good.value === status ? StatusCodes.Good : StatusCode.makeStatusCode(StatusCodes.Good, status);
  }
  return StatusCodes[status || "Good"];
}

class Plant {
  constructor(addressSpace) {
    for (const uri of settings.namespaces) {
      addressSpace.registerNamespace(uri);
    }
    this.namespace = addressSpace.getNamespace(addressSpace.getNamespaceIndex(PLANT));
    this.folder = this.namespace.addFolder(addressSpace.rootFolder.objects, { browseName: "Plant" });
    this.variables = new Map();
    this.timers = [];
  }

  add(name, dataType, value, extra = {}) {
    const variable = this.namespace.addVariable({
      componentOf: this.folder,
      browseName: name,
      nodeId: `s=${name}`,
      dataType,
      minimumSamplingInterval: 0,
      ...extra,
    });
    variable.setValueFromSource(variantOf(dataType, value), StatusCodes.Good, new Date());
    this.variables.set(name, variable);
  }

  set({ node, type, value, status, time }) {
    const at = time ? new Date(time) : new Date();
    this.variables.get(node).setValueFromSource(variantOf(type, value), statusOf(status), at);
  }

  every(periodMs, change) {
    this.timers.push(setInterval(change, periodMs));
  }

  stop() {
    this.timers.forEach(clearInterval);
  }
}

function furnish(plant) {
  let counter = COUNTER_START;
  let tick = 0;
  plant.add("Air.Total", "UInt64", counter);
  plant.add("Air.Flow", "Double", 0);
  plant.add("Air.Running", "Boolean", false);
  plant.add("Air.State", "String", "stopped");
  plant.add("Air.Mode", "Int32", 1);
  plant.add("Air.Pressure", "Double", 7.5);
  plant.add("Air.Net", "Int64", -(2n ** 62n) - 1n);
  plant.add("Air.Vector", "Double", [1, 2, 3], { valueRank: 1 });
  plant.every(100, () => {
    tick += 1;
    counter += 1n;
    plant.set({ node: "Air.Total", type: "UInt64", value: counter });
    plant.set({ node: "Air.Flow", type: "Double", value: tick / 8 });
    if (tick % 5 === 0) {
      plant.set({ node: "Air.Running", type: "Boolean", value: tick % 2 === 0 });
    }
  });
  furnishExtra(plant);
}

function furnishExtra(plant) {
  const names = Array.from({ length: settings.extraVariables }, (_, index) => `Extra.${index}`);
  names.forEach((name) => plant.add(name, "Double", 0));
  let tick = 0;
  if (names.length > 0) {
    plant.every(settings.extraPeriodMs, () => {
      tick += 1;
      names.forEach((node) => plant.set({ node, type: "Double", value: tick }));
    });
  }
}

const verbs = {
  set: (server, plant, change) => plant.set(change),
  set_each: async (server, plant, changes) => {
    for (const change of changes) {
      plant.set(change);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHANGES_MS));
    }
  },
  add: (server, plant, { node, type, value }) => plant.add(node, type, value),
  sessions: (server) => ({
    current: server.engine.currentSessionCount,
    opened: server.engine.cumulatedSessionCount,
    rejected: server.rejectedSessionCount + server.engine.rejectedSessionCount,
  }),
  subscriptions: (server) => subscriptionsOf(server).map(([, subscription]) => ({
    publishing_ms: subscription.publishingInterval,
    items: subscription.monitoredItemCount,
  })),
  delete_subscriptions: (server) => {
    subscriptionsOf(server).forEach(([session, subscription]) => session.deleteSubscription(subscription.id));
  },
  close_sessions: (server) => {
    Object.values(server.engine._sessions).forEach((session) =>
      server.engine.closeSession(session.authenticationToken, true, "Terminated"),
    );
  },
};

function subscriptionsOf(server) {
  return Object.values(server.engine._sessions).flatMap((session) =>
    Object.values(session.publishEngine._subscriptions).map((subscription) => [session, subscription]),
  );
}

function listenForControl(server, plant) {
  const control = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      try {
        const told = JSON.parse(Buffer.concat(parts).toString() || "null");
        const answer = await verbs[request.url.slice(1)](server, plant, told);
        response.end(JSON.stringify(answer === undefined ? null : answer));
      } catch (error) {
        response.statusCode = 500;
        response.end(String(error.stack));
      }
    });
  });
  control.listen(settings.controlPort, LOOPBACK);
  return control;
}

function buildServer() {
  const certificates = new OPCUACertificateManager({
    rootFolder: settings.pki,
    automaticallyAcceptUnknownCertificate: settings.trustsAll,
  });
  return new OPCUAServer({
    port: settings.port,
    host: LOOPBACK,
    hostname: LOOPBACK,
    nodeset_filename: [nodesets.standard],
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: settings.secure
      ? [
          SecurityPolicy.Basic256Sha256,
          SecurityPolicy.Aes128_Sha256_RsaOaep,
          SecurityPolicy.Aes256_Sha256_RsaPss,
        ]
      : [SecurityPolicy.None],
    securityModes: settings.secure
      ? [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt]
      : [MessageSecurityMode.None],
    allowAnonymous: true,
    userManager: { isValidUser: (name, password) => name === "ems" && password === "right" },
    serverCapabilities: {
      maxSessions: settings.maxSessions,
      minSupportedSampleRate: 0, // otherwise changes within 50 ms are folded into one
      maxMonitoredItems: 1_000_000,
      maxMonitoredItemsPerSubscription: 1_000_000,
      operationLimits: {
        maxNodesPerRead: 100,
        maxMonitoredItemsPerCall: settings.maxMonitoredItemsPerCall,
      },
    },
  });
}

async function main() {
  const server = buildServer();
  await server.initialize();
  const plant = new Plant(server.engine.addressSpace);
  furnish(plant);
  const control = listenForControl(server, plant);
  await server.start();
  process.on("SIGTERM", async () => {
    plant.stop();
    control.close();
    control.closeAllConnections();
    await server.shutdown(500);
    process.exit(0);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
