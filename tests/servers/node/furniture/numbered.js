// A counter that outlives its server: each count is in a file before anybody can see it, and a server that starts again has in its
// history whatever that file holds. So a killed server has lost nothing, as a historian with a disk of its own.
"use strict";

const fs = require("node:fs");

const NAME = "Numbered.Total";
const PERIOD_MS = Number(process.env.OPCUA_NUMBERED_PERIOD_MS || 200);
const FILE = process.env.OPCUA_NUMBERED_FILE;
const KEPT_VALUES = 1_000_000;

let last = { value: 0, time: 0 };

function show(plant, { value, time }) {
  plant.set({ node: NAME, type: "UInt32", value, time });
  last = { value, time };
}

function next() {
  const following = { value: last.value + 1, time: Math.max(Date.now(), last.time + 1) };
  fs.appendFileSync(FILE, `${following.value} ${following.time}\n`);
  return following;
}

function remembered() {
  const lines = fs.existsSync(FILE) ? fs.readFileSync(FILE, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => {
    const [value, time] = line.split(" ").map(Number);
    return { value, time };
  });
}

function furnish(plant) {
  const [first, ...others] = remembered();
  plant.add(NAME, "UInt32", 0);
  show(plant, first || next()); // what stands there when the history begins is part of it
  plant.addressSpace.installHistoricalDataNode(plant.variables.get(NAME), { maxOnlineValues: KEPT_VALUES });
  others.forEach((each) => show(plant, each));
  plant.every(PERIOD_MS, () => show(plant, next()));
}

module.exports = { furnish };
