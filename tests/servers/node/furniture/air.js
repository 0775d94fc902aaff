// Compressed air: a 64-bit counter and a flow that change every 100 ms, a switch, a text, and values at the edge of their types.
"use strict";

const COUNTER_START = 2n ** 53n + 1n;

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
}

module.exports = { furnish };
