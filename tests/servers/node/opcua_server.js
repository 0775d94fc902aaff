// An OPC UA server that is not ours, for tests: variables that change by themselves, and a control port over which a test
// sets values, statuses and times, counts sessions and takes subscriptions away. SIGTERM announces the shutdown to clients.
// Each file in furniture/ named in OPCUA_FURNITURE adds variables, and may add verbs to the control port. `renew` makes the server
// as one that has just started, with other limits if so wished, for a hundredth of what a start costs.
"use strict";

const fs = require("node:fs/promises");
const http = require("node:http");
const path = require("node:path");
const {
  MessageSecurityMode,
  MonitoringMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
} = require("node-opcua");
const { readCertificateChain } = require("node-opcua-crypto");
const { PLANT, Plant } = require("./plant");

const LOOPBACK = "127.0.0.1";
const BETWEEN_CHANGES_MS = 5;
const PROTECTING = [
  SecurityPolicy.Basic256Sha256,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
  SecurityPolicy.Aes256_Sha256_RsaPss,
];

const changeable = {
  maxSessions: Number(process.env.OPCUA_MAX_SESSIONS || 100),
  maxMonitoredItemsPerCall: Number(process.env.OPCUA_MAX_ITEMS_PER_CALL || 50),
  maxNodesPerRead: Number(process.env.OPCUA_MAX_NODES_PER_READ || 100),
  maxPathsPerCall: Number(process.env.OPCUA_MAX_PATHS_PER_CALL || 100),
  extraVariables: Number(process.env.OPCUA_EXTRA_VARIABLES || 0),
};
const settings = {
  ...changeable,
  port: Number(process.env.OPCUA_PORT),
  controlPort: Number(process.env.OPCUA_CONTROL_PORT),
  pki: process.env.OPCUA_PKI,
  furniture: (process.env.OPCUA_FURNITURE || "air,extra").split(","),
  namespaces: (process.env.OPCUA_NAMESPACES || PLANT).split(","),
  maxItems: Number(process.env.OPCUA_MAX_ITEMS || 1_000_000),
  hostname: process.env.OPCUA_HOSTNAME || LOOPBACK,
  maxNodesPerHistoryRead: Number(process.env.OPCUA_MAX_NODES_PER_HISTORY_READ || 0),
  secure: process.env.OPCUA_SECURE === "1",
  open: process.env.OPCUA_SECURE !== "1" || process.env.OPCUA_OPEN === "1", // also without protection
  trustsAll: process.env.OPCUA_TRUSTS_ALL !== "0",
};

const counted = { opened: 0, rejected: 0 }; // until it was renewed

const furniture = settings.furniture.map((name) => require(`./furniture/${name}`));

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
    opened: openedBy(server) - counted.opened,
    rejected: rejectedBy(server) - counted.rejected,
  }),
  subscriptions: (server) => subscriptionsOf(server).map(([, subscription]) => ({
    publishing_ms: subscription.publishingInterval,
    items: subscription.monitoredItemCount,
  })),
  delete_subscriptions: (server) => {
    subscriptionsOf(server).forEach(([session, subscription]) => session.deleteSubscription(subscription.id));
  },
  mute: (server, plant, nodes) => {
    for (const [, subscription] of subscriptionsOf(server)) {
      for (const item of subscription.monitoredItems.values()) {
        if (nodes.length === 0 || nodes.includes(item.itemToMonitor.nodeId.value)) {
          item.setMonitoringMode(MonitoringMode.Disabled);
        }
      }
    }
  },
  trust_rejected: async (server) => {
    const folder = path.join(settings.pki, "rejected");
    let trusted = 0;
    for (const file of await fs.readdir(folder)) {
      const [certificate] = readable(path.join(folder, file));
      if (certificate) {
        await server.serverCertificateManager.trustCertificate(certificate);
        trusted += 1;
      }
    }
    return trusted;
  },
  close_sessions: (server) => closeSessions(server),
  renew: (server, plant, wished) => {
    closeSessions(server);
    Object.assign(settings, changeable, wished);
    const { serverCapabilities } = server.engine;
    serverCapabilities.maxSessions = settings.maxSessions;
    Object.assign(serverCapabilities.operationLimits, changeableLimits());
    plant.clear();
    furniture.forEach((piece) => piece.furnish(plant, server, settings));
    Object.assign(counted, { opened: openedBy(server), rejected: rejectedBy(server) });
  },
};

function closeSessions(server) {
  Object.values(server.engine._sessions).forEach((session) =>
    server.engine.closeSession(session.authenticationToken, true, "Terminated"),
  );
}

function openedBy(server) {
  return server.engine.cumulatedSessionCount;
}

function rejectedBy(server) {
  return server.rejectedSessionCount + server.engine.rejectedSessionCount;
}

function changeableLimits() {
  return {
    maxNodesPerRead: settings.maxNodesPerRead,
    maxMonitoredItemsPerCall: settings.maxMonitoredItemsPerCall,
    maxNodesPerTranslateBrowsePathsToNodeIds: settings.maxPathsPerCall,
  };
}

function readable(file) {
  try {
    return readCertificateChain(file) || [];
  } catch {
    return []; // still being written
  }
}

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
    hostname: settings.hostname,
    nodeset_filename: [nodesets.standard, ...furniture.flatMap((piece) => piece.nodesets || [])],
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: [...(settings.open ? [SecurityPolicy.None] : []), ...(settings.secure ? PROTECTING : [])],
    securityModes: [
      ...(settings.open ? [MessageSecurityMode.None] : []),
      ...(settings.secure ? [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt] : []),
    ],
    allowAnonymous: true,
    userManager: { isValidUser: (name, password) => name === "ems" && password === "right" },
    serverCapabilities: {
      maxSessions: settings.maxSessions,
      minSupportedSampleRate: 0, // otherwise changes within 50 ms are folded into one
      maxMonitoredItems: settings.maxItems,
      maxMonitoredItemsPerSubscription: settings.maxItems,
      operationLimits: { ...changeableLimits(), maxNodesPerHistoryReadData: settings.maxNodesPerHistoryRead },
    },
  });
}

async function main() {
  const server = buildServer();
  await server.initialize();
  const plant = new Plant(server.engine.addressSpace, settings.namespaces);
  for (const piece of furniture) {
    piece.furnish(plant, server, settings);
    Object.assign(verbs, piece.verbs);
  }
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
