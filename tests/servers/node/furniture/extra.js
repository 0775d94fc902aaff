// As many more variables as a test asks for, all changing together.
"use strict";

const PERIOD_MS = Number(process.env.OPCUA_EXTRA_PERIOD_MS || 100);

function furnish(plant, server, { extraVariables }) {
  const names = Array.from({ length: extraVariables }, (_, index) => `Extra.${index}`);
  names.forEach((name) => plant.add(name, "Double", 0));
  let tick = 0;
  if (names.length > 0) {
    plant.every(PERIOD_MS, () => {
      tick += 1;
      names.forEach((node) => plant.set({ node, type: "Double", value: tick }));
    });
  }
}

module.exports = { furnish };
