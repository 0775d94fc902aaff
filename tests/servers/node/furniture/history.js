// Counters and a level whose history the server keeps, two variables without a history, and what a test needs to know: what each counter
// really counted, what was asked of its history, and how the next questions are to be answered.
"use strict";

const { HistoryReadResult, StatusCodes } = require("node-opcua");

const COUNT = Number(process.env.OPCUA_HISTORY_VARIABLES || 1);
const PERIOD_MS = Number(process.env.OPCUA_HISTORY_PERIOD_MS || 100);
const VALUES_PER_ANSWER = Number(process.env.OPCUA_HISTORY_VALUES_PER_ANSWER || 0);
const KEPT_VALUES = 100_000;

const counted = new Map();
const questions = [];
const refusals = [];

function keepHistory(plant, name) {
  const variable = plant.variables.get(name);
  plant.addressSpace.installHistoricalDataNode(variable, { maxOnlineValues: KEPT_VALUES });
  const answer = variable._historyRead;
  variable._historyRead = function (context, details, range, encoding, continuation, callback) {
    const { startTime, endTime, numValuesPerNode } = details;
    const released = Boolean(continuation.releaseContinuationPoints);
    questions.push({ node: name, start: startTime, end: endTime, continued: Boolean(continuation.continuationPoint), released });
    const refusal = refusals.shift();
    if (refusal) {
      callback(null, new HistoryReadResult({ statusCode: StatusCodes[refusal] }));
      return;
    }
    if (VALUES_PER_ANSWER > 0) {
      details.numValuesPerNode = Math.min(numValuesPerNode || VALUES_PER_ANSWER, VALUES_PER_ANSWER);
    }
    answer.call(this, context, details, range, encoding, continuation, callback);
  };
}

function count(plant, name) {
  const list = counted.get(name);
  const time = new Date();
  const last = list.at(-1);
  if (last && time.getTime() <= last.time.getTime()) {
    return;
  }
  const value = last ? last.value + 1 : 1;
  list.push({ time, value });
  plant.set({ node: name, type: "UInt32", value, time });
}

function furnish(plant) {
  const names = Array.from({ length: COUNT }, (_, index) => `Kept.${index}`);
  for (const name of names) {
    plant.add(name, "UInt32", 0);
    keepHistory(plant, name);
    counted.set(name, []);
  }
  plant.add("Kept.Level", "Double", 1.5);
  keepHistory(plant, "Kept.Level");
  plant.add("Kept.Nowhere", "Double", 0);
  plant.add("Kept.Standing", "Double", 7.5);
  plant.every(PERIOD_MS, () => {
    names.forEach((name) => count(plant, name));
    plant.set({ node: "Kept.Nowhere", type: "Double", value: Date.now() });
  });
}

const verbs = {
  counted: (server, plant, node) => counted.get(node),
  history_questions: () => questions,
  refuse_history: (server, plant, { status, times }) => {
    refusals.push(...Array(times).fill(status));
  },
  open_continuations: (server) =>
    Object.values(server.engine._sessions).reduce((sum, session) => sum + session.continuationPointManager._map.size, 0),
};

module.exports = { furnish, verbs };
