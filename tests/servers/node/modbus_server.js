// A Modbus TCP server that is not ours, for tests: it is slow, busy or silent where asked to be, and says what it is.
// Register `address` of unit `unit` holds unit * 1000 + address; address 900 is busy, 901 takes 0.3 s, 902 never replies.
"use strict";

const { ServerTCP } = require("modbus-serial");

const BUSY = 900;
const SLOW = 901;
const SILENT = 902;
const SLOW_MS = 300;

function register(address, unit, callback) {
  const value = (unit * 1000 + address) & 0xffff;
  if (address === BUSY) {
    callback({ modbusErrorCode: 6 });
  } else if (address === SLOW) {
    setTimeout(() => callback(null, value), SLOW_MS);
  } else if (address !== SILENT) {
    callback(null, value);
  }
}

const units = {
  getHoldingRegister: register,
  getInputRegister: register,
  getCoil: (address, unit, callback) => callback(null, (unit + address) % 3 === 0),
  getDiscreteInput: (address, unit, callback) => callback(null, (unit + address) % 2 === 0),
  readDeviceIdentification: () => ({ 0x00: "ACME", 0x01: "EM-7", 0x02: "1.4", 0x97: "hall 1" }),
};

new ServerTCP(units, { host: "127.0.0.1", port: Number(process.env.MODBUS_PORT), unitID: 255 });
process.on("SIGTERM", () => process.exit(0));
