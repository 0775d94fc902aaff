// Meters as structures, arrays and deep folders: what points with path, element and field are read from; nodes with a range, with
// states, without the right to be read; and verbs that change a structure, take a node away, and grant the right.
"use strict";

const path = require("node:path");
const { DataType, makeAccessLevelFlag, makePermissionFlag, resolveNodeId, StatusCodes, Variant, VariantArrayType } = require("node-opcua");

const TYPES = "urn:meters:types";
const OPERATOR = "i=15680"; // WellKnownRole_Operator: not anonymous
const ANONYMOUS = "i=15644";
const held = {};

function structure(plant, name, fields) {
  const { addressSpace } = plant;
  const type = addressSpace.findDataType(name, addressSpace.getNamespaceIndex(TYPES));
  return addressSpace.constructExtensionObject(type, fields);
}

function structured(plant, name, type, value) {
  const { addressSpace } = plant;
  const isArray = Array.isArray(value);
  const variable = plant.namespace.addVariable({
    componentOf: plant.folder,
    browseName: name,
    nodeId: `s=${name}`,
    dataType: addressSpace.findDataType(type, addressSpace.getNamespaceIndex(TYPES)),
    valueRank: isArray ? 1 : -1,
    minimumSamplingInterval: 0,
  });
  plant.variables.set(name, variable);
  held[name] = type;
  setStructure(plant, { node: name, value });
}

function setStructure(plant, { node, value }) {
  const isArray = Array.isArray(value);
  const built = isArray ? value.map((fields) => structure(plant, held[node], fields)) : structure(plant, held[node], value);
  const arrayType = isArray ? VariantArrayType.Array : VariantArrayType.Scalar;
  plant.variables
    .get(node)
    .setValueFromSource(new Variant({ dataType: DataType.ExtensionObject, arrayType, value: built }), StatusCodes.Good, new Date());
}

function meter(total) {
  return {
    name: "M1",
    total,
    mode: 2,
    phases: [{ current: 1.5, voltage: 230 }, { current: 2.5, voltage: 231 }],
    first: { current: 9.5, voltage: 229 },
    limits: { low: 0, high: 50 },
    running: true,
  };
}

function deepFolders(plant) {
  let folder = plant.folder;
  for (const name of ["Hall 1", "Compressors/Dryers", "R&D", "Level 4", "Level 5"]) {
    folder = plant.namespace.addFolder(folder, { browseName: name });
  }
  const deep = plant.namespace.addVariable({
    componentOf: folder,
    browseName: "Flow",
    nodeId: "s=Deep.Flow",
    dataType: "Double",
    minimumSamplingInterval: 0,
  });
  deep.setValueFromSource(new Variant({ dataType: DataType.Double, value: 4.25 }), StatusCodes.Good, new Date());
  plant.variables.set("Deep.Flow", deep);
  for (const id of ["Twin.A", "Twin.B"]) {
    plant.add(id, "Double", 1, { browseName: "Twin" });
  }
}

function analog(plant, name, extra) {
  const variable = plant.namespace.addAnalogDataItem({
    componentOf: plant.folder,
    browseName: name,
    nodeId: `s=${name}`,
    dataType: "Double",
    minimumSamplingInterval: 0,
    ...extra,
  });
  variable.setValueFromSource(new Variant({ dataType: DataType.Double, value: 10 }), StatusCodes.Good, new Date());
  plant.variables.set(name, variable);
}

function furnish(plant) {
  structured(plant, "Meter", "Meter", meter([0, 4711]));
  structured(plant, "Phases", "Phase", [{ current: 1.25, voltage: 230 }, { current: 2.25, voltage: 231 }]);
  structured(plant, "Audit", "Audit", { total: 7.5, corrected: 7.25 });
  structured(plant, "Choice", "Choice", { flow: 3.5 });
  deepFolders(plant);
  analog(plant, "Analog", { engineeringUnitsRange: { low: 0, high: 50 } });
  plant.add("Numbers", "Int32", [10, 20, 30], { valueRank: 1 });
  plant.add("Denied", "Double", 5, {
    rolePermissions: [{ roleId: OPERATOR, permissions: makePermissionFlag("Browse | Read") }],
  });
  plant.add("Unreadable", "Double", 5, { accessLevel: makeAccessLevelFlag("CurrentWrite") });
  plant.namespace.addMultiStateDiscrete({
    componentOf: plant.folder,
    browseName: "Gear",
    nodeId: "s=Gear",
    enumStrings: ["Off", "Slow", "Fast"],
    value: 2,
  });
}

const verbs = {
  set_structure: (server, plant, change) => setStructure(plant, change),
  set_matrix: (server, plant, { node, dimensions, value }) =>
    plant.variables
      .get(node)
      .setValueFromSource(
        new Variant({ dataType: DataType.Int32, arrayType: VariantArrayType.Matrix, dimensions, value }),
        StatusCodes.Good,
        new Date(),
      ),
  remove: (server, plant, { node }) => {
    plant.addressSpace.deleteNode(plant.variables.get(node));
    plant.variables.delete(node);
  },
  grant: (server, plant, { node }) => {
    const everyone = [ANONYMOUS, OPERATOR].map((roleId) => ({ roleId: resolveNodeId(roleId), permissions: makePermissionFlag("Browse | Read") }));
    plant.variables.get(node).setRolePermissions(everyone);
  },
};

module.exports = { furnish, nodesets: [path.join(__dirname, "metering.xml")], verbs };
