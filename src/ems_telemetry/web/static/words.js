// Words and numbers for people: what a flag means, how long ago something was, how a value is written.

export const FLAGS = {
  bad_status: "device marks it bad",
  invalid_value: "device sent no value",
  out_of_range: "outside the point's range",
  no_source_time: "device gives no time",
  clock_replaced: "device's clock is wrong",
  server_time: "time is the server's",
  backfilled: "read later from the device's history",
  manual: "entered by a person or imported",
  uncertain_status: "device marks it uncertain",
  retained: "broker's retained message",
  unproved: "meter is perhaps not what its profile says",
  stale: "device is known to be offline",
};

const QUALITIES = { 192: ["good", "✓ good"], 64: ["warn", "◆ uncertain"], 0: ["bad", "✕ bad"] };
const STATES = { up: ["good", "✓ up"], connecting: ["warn", "◆ connecting"], down: ["bad", "✕ down"], stopped: ["", "■ stopped"] };
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const SIZES = [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]];
// A value is late when this many of its intervals have passed, and never within the first half minute.
const LATE_INTERVALS = 3;
const LATE_AT_LEAST_S = 30;

export const quality = (code) => QUALITIES[code] ?? ["", "– none"];
export const state = (word) => STATES[word] ?? ["", word];
export const flags = (names) => (names ?? []).map((name) => FLAGS[name] ?? name).join(", ");
export const secondsSince = (time) => (Date.now() - new Date(time).getTime()) / 1000;
export const clock = (time) => new Date(time).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });

// Digits in groups by a thin space, as ISO 80000 has it.
export const grouped = (value, digits = 12) =>
  value.toLocaleString("en", { maximumSignificantDigits: digits }).replaceAll(",", "\u202f");
export const unit = (text) => (text === "1" ? "" : text.replaceAll("m3", "m³").replace("deg", "°"));

export const ago = (time) => duration(Math.max(0, Math.floor(secondsSince(time))));

export function duration(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return seconds < 10 && !Number.isInteger(seconds) ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / size)} ${unit}`;
}

export function size(bytes) {
  const [unit, size] = SIZES.find(([, size]) => bytes >= size) ?? ["B", 1];
  return `${grouped(bytes / size, 3)} ${unit}`;
}

export const rate = (perSecond) => (perSecond === null ? "?" : grouped(perSecond, 3));

export function isLate(item) {
  if (item.time === null || !item.expected_interval_s) return false;
  return secondsSince(item.time) > Math.max(LATE_AT_LEAST_S, LATE_INTERVALS * item.expected_interval_s);
}

// Many servers turn the hands of their clock once a second.
const CLOCKS_AGREE_S = 2;
export const isClockOff = (item) => item.clock_ahead_s !== null && Math.abs(item.clock_ahead_s) >= CLOCKS_AGREE_S;
export const clockOff = ({ clock_ahead_s: ahead }) => `its clock is ${grouped(Math.round(Math.abs(ahead)))} s ${ahead > 0 ? "ahead" : "behind"}`;

// An exact value is shown to its last digit, a register as far as it goes, a momentary value as far as anybody reads it.
export const number = (item) => item.exact ?? grouped(item.value, item.kind === "counter" ? 12 : 6);

// Why there is no value, or what is to be known about the one there is.
export function reason(item) {
  if (item.time === null) return "no reading yet";
  const parts = [flags(item.flags)];
  if (item.value === null && item.raw !== null) parts.push(`device said ${item.raw}`);
  if (item.source_status !== 0) parts.push(`status 0x${item.source_status.toString(16).toUpperCase().padStart(8, "0")}`);
  if (item.value === null && parts.every((part) => !part)) parts.push("no value");
  return parts.filter(Boolean).join(" · ");
}

export const spaced = (word) => word.replaceAll("_", " ");

// Why something is missing, how much of it, and whether it came after all.
export function gap({ cause, refused, expected, found, filled, open }) {
  const parts = [spaced(cause)];
  if (refused) parts.push(`${grouped(refused)} samples refused`);
  else if (expected) parts.push(`${grouped(Math.max(0, expected - (found ?? 0)))} of ${grouped(expected)} readings missing`);
  if (filled && !open) parts.push("filled later");
  return parts.join(" · ");
}

export const needsAttention = (item) => item.time === null || item.quality !== 192 || isLate(item);
