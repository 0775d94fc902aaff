// The folder of variables that a server offers, and how a test's words become OPC UA values.
"use strict";

const { coerceLocalizedText, DataType, StatusCode, StatusCodes, Variant, VariantArrayType } = require("node-opcua");

const PLANT = "urn:plc:air";

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
  constructor(addressSpace, namespaces) {
    for (const uri of namespaces) {
      addressSpace.registerNamespace(uri);
    }
    this.addressSpace = addressSpace;
    this.namespace = addressSpace.getNamespace(addressSpace.getNamespaceIndex(PLANT));
    this.variables = new Map();
    this.timers = [];
    this.begin();
  }

  begin() {
    this.folder = this.namespace.addFolder(this.addressSpace.rootFolder.objects, { browseName: "Plant" });
  }

  clear() {
    this.stop();
    this.timers = [];
    this.variables.clear();
    this.addressSpace.deleteNode(this.folder);
    this.begin();
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

module.exports = { PLANT, Plant, statusOf, variantOf };
