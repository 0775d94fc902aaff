// A works nobody configured by hand: meters in nested objects with engineering units, the standard measurements of OPC 34100,
// names with slashes and spaces, and variables that are no measurements: a text, an array, a structure, one that is denied.
"use strict";

const { AccessLevelFlag, DataType, Range, StatusCodes, Variant } = require("node-opcua");
const { variantOf } = require("../plant");

const CEFACT = "http://www.opcfoundation.org/UA/units/un/cefact";
const ECM = "http://opcfoundation.org/UA/ECM/";

function unit(code, text) {
  const unitId = [...code].reduce((number, letter) => number * 256 + letter.charCodeAt(0), 0);
  return { namespaceUri: CEFACT, unitId, displayName: text, description: text };
}

class Works {
  constructor(plant) {
    this.plant = plant;
    this.namespace = plant.namespace;
    this.measured = [];
  }

  object(parent, name) {
    const place = parent.nodeId.namespace === 0 ? { organizedBy: parent } : { componentOf: parent };
    return this.namespace.addObject({ ...place, browseName: name, nodeId: `s=${this.id(parent, name)}` });
  }

  id(parent, name) {
    return `${parent.nodeId.namespace === 0 ? "" : `${parent.nodeId.value}.`}${name}`;
  }

  measure(parent, name, dataType, value, [code, text], { step = 0, range, instrument, measurementId, description } = {}) {
    const variable = this.namespace.addAnalogDataItem({
      componentOf: parent,
      browseName: name,
      nodeId: `s=${this.id(parent, name)}`,
      dataType,
      description,
      engineeringUnits: unit(code, text),
      engineeringUnitsRange: range || { low: 0, high: 0 },
      ...(instrument ? { instrumentRange: instrument } : {}),
      minimumSamplingInterval: 0,
    });
    this.start(variable, dataType, value, step);
    if (measurementId !== undefined) {
      const ecm = this.plant.addressSpace.registerNamespace(ECM);
      ecm.addVariable({
        propertyOf: variable,
        browseName: "MeasurementID",
        nodeId: `s=${this.id(parent, name)}.MeasurementID`,
        dataType: "UInt16",
        value: { dataType: DataType.UInt16, value: measurementId },
      });
    }
    return variable;
  }

  start(variable, dataType, value, step = 0) {
    const entry = { variable, dataType, value, step };
    this.tell(entry);
    this.measured.push(entry);
  }

  tell({ variable, dataType, value }) {
    variable.setValueFromSource(variantOf(dataType, value), StatusCodes.Good, new Date());
  }

  tick() {
    for (const entry of this.measured.filter(({ step }) => step !== 0)) {
      entry.value += entry.step;
      this.tell(entry);
    }
  }

  plain(parent, name, dataType, value, extra = {}) {
    const variable = this.namespace.addVariable({
      componentOf: parent,
      browseName: name,
      nodeId: `s=${this.id(parent, name)}`,
      dataType,
      minimumSamplingInterval: 0,
      ...extra,
    });
    variable.setValueFromSource(variantOf(dataType, value), StatusCodes.Good, new Date());
    return variable;
  }
}

function furnish(plant, server) {
  server.engine.serverCapabilities.maxBrowseContinuationPoints = 10; // as few unfinished answers as a small PLC keeps
  const works = new Works(plant);
  const top = works.object(plant.addressSpace.rootFolder.objects, "Works");
  addElectricity(works, works.object(top, "Hall 1"));
  addWater(works, works.object(top, "Halle 2/Süd & West"));
  addBoiler(works, works.object(top, "Boiler"));
  addMachine(works, works.object(top, "Press"));
  addStandardMeasurements(works, works.object(top, "Feeder ECM"));
  top.addReference({ referenceType: "Organizes", nodeId: plant.addressSpace.rootFolder.objects }); // a circle
  plant.every(200, () => works.tick());
}

function addElectricity(works, hall) {
  for (const [feeder, start] of [["Feeder A", 1000], ["Feeder B", 5000]]) {
    const meter = works.object(works.object(hall, feeder), "Meter");
    works.measure(meter, "ActiveEnergyImport", "Double", start, ["WHR", "W·h"], { step: 0.5, description: "Energy taken" });
    works.measure(meter, "ActivePower", "Float", 12.5, ["KWT", "kW"], { step: 0.25, range: { low: 0, high: 60 } });
    works.measure(meter, "U L1-N", "Float", 231.5, ["VLT", "V"], { instrument: { low: 0, high: 400 } });
    works.measure(meter, "cos φ (cosPhi)", "Float", 0.93, ["C62", "1"]);
  }
}

function addWater(works, hall) {
  works.measure(hall, "Wasser & Zähler", "UInt32", 4711, ["MTQ", "m³"], { step: 1 });
  works.measure(hall, "Abwasser/Durchfluss", "Double", 3.25, ["MQH", "m³/h"]);
  works.measure(hall, "Volume", "Double", 17, ["LTR", "l"]);
}

function addBoiler(works, boiler) {
  works.measure(boiler, "GasVolume", "UInt64", 2n ** 53n + 1n, ["NM3", "Normalised cubic metre"]);
  works.measure(boiler, "SteamFlow", "Double", 4.5, ["E18", "t/h"]);
  works.measure(boiler, "Pressure", "Double", 9.75, ["BAR", "bar(g)"]);
  works.measure(boiler, "FlueGasTemperature", "Double", 120.5, ["CEL", "°C"], { range: { low: 80, high: 160 } });
  works.measure(boiler, "CO", "Double", 55, ["GP", "mg/m³"]);
  works.measure(boiler, "Ratio", "Double", 50, ["P1", "%"]);
  works.measure(boiler, "PressureSetpoint", "Double", 10, ["BAR", "bar"]);
}

function addMachine(works, press) {
  works.plain(press, "Name", "String", "Press 4");
  works.plain(press, "Denied", "Double", 1, { userAccessLevel: AccessLevelFlag.CurrentWrite });
  works.plain(press, "Strokes", "UInt32", 12345);
  works.plain(press, "Energy [kWh]", "Double", 77.5);
  works.plain(press, "Profile", "Double", [1, 2, 3], { valueRank: 1 });
  const id = (name) => `s=${works.id(press, name)}`;
  works.namespace
    .addVariable({ componentOf: press, browseName: "Limits", nodeId: id("Limits"), dataType: "Range" })
    .setValueFromSource(new Variant({ dataType: DataType.ExtensionObject, value: new Range({ low: 1, high: 2 }) }));
  works.namespace.addMultiStateDiscrete({
    componentOf: press,
    browseName: "OperatingState",
    nodeId: id("OperatingState"),
    enumStrings: ["off", "stand by", "producing"],
    value: 2,
  });
  works.namespace.addTwoStateDiscrete({
    componentOf: press,
    browseName: "Running",
    nodeId: id("Running"),
    trueState: "Running",
    falseState: "Stopped",
    value: true,
  });
}

function addStandardMeasurements(works, feeder) {
  const energy = ["WHR", "W·h"];
  works.measure(feeder, "AcActiveEnergyTotalImportHp", "Double", 90000, energy, { step: 1, measurementId: 1002 });
  works.measure(feeder, "AcActiveEnergyTotalExportHp", "Double", 10, energy, { measurementId: 1005 });
  works.measure(feeder, "AcActiveEnergyTotalSumHp", "Double", 89990, energy, { measurementId: 1008 });
  works.measure(feeder, "AcActivePowerTotalImport15minCompleted", "Float", 8000, ["WTT", "W"], { measurementId: 1416 });
}

module.exports = { furnish };
