// The commissioning page: asks the API every few seconds and shows what it says. It keeps nothing but the key, in this tab.

import { remarks, tiles } from "./standing.js";
import * as words from "./words.js";

const REFRESH_MS = 5000;
const KEY = "ems-telemetry-key";
const LOSSES_SHOWN = 5;
const OPEN_GAPS_SHOWN = 20;
const DAY_MS = 86400000;

const at = (id) => document.getElementById(id);
let latestItems = [];

class Refused extends Error {}

// Builds an element; text is always text, so that nothing a device sent becomes markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const mark = ([kind, word]) => make("span", { class: `mark ${kind}` }, word);
const when = (time, text) => make("time", { datetime: time, title: `${words.clock(time)} (${time})` }, text);
const said = (text) => make("p", { class: "card alone" }, text);

function table(caption, heads, rows, kind = "") {
  // The roles are said aloud because a table laid out as a grid, as on a phone, is no table to a screen reader otherwise.
  const head = make("tr", { role: "row" }, ...heads.map(([text, cls]) =>
    make("th", { scope: "col", role: "columnheader", class: cls ?? "" }, text)));
  const body = rows.map((cells) =>
    make("tr", { role: "row" }, ...cells.map((cell, column) => {
      const attributes = { class: heads[column][1] ?? "", "data-label": heads[column][0], role: column ? "cell" : "rowheader" };
      return make(column ? "td" : "th", column ? attributes : { ...attributes, scope: "row" }, make("div", {}, ...[cell].flat()));
    })));
  return make("table", { class: kind, role: "table" },
    make("caption", { class: "hidden-label" }, caption), make("thead", {}, head), make("tbody", {}, ...body));
}

async function ask(path) {
  const key = sessionStorage.getItem(KEY);
  const answer = await fetch(path, {
    headers: { Accept: "application/json, application/problem+json", ...(key ? { Authorization: `Bearer ${key}` } : {}) },
    signal: AbortSignal.timeout(20000),
    cache: "no-store",
  });
  const body = await answer.json();
  if (answer.status === 401 || answer.status === 403) throw new Refused(body.detail);
  if (!answer.ok && !("checks" in body)) throw new Error(body.detail);
  return body;
}

async function askAll(path) {
  const items = [];
  let cursor = null;
  do {
    const page = await ask(cursor ? `${path}?cursor=${encodeURIComponent(cursor)}` : path);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return items;
}

async function showService() {
  const { ready, checks } = await ask("readyz");
  at("state").replaceChildren(mark(ready ? ["good", "✓ ready"] : ["bad", "✕ not ready"]));
  at("checks").replaceChildren(...checks.map((check) =>
    make("li", {}, mark(check.ok ? ["good", "✓"] : ["bad", "✕"]), make("span", {}, make("b", {}, check.name), ` ${check.detail}`))));
}

function tile({ title, mark: [kind, sign], main, share, lines }) {
  const bar = share === undefined ? null :
    make("meter", { min: 0, max: 1, low: 0.5, high: 0.8, optimum: 0, value: share, "aria-label": `${title} ${main}` });
  return make("div", { class: "card tile" },
    make("h3", {}, mark([kind, sign]), ` ${title}`), make("p", { class: "main" }, main), bar,
    ...lines.filter(Boolean).map((line) => make("p", { class: "why" }, line)));
}

function showStanding(standing) {
  at("since").textContent = `ems-telemetry ${standing.service.version}, up ${words.ago(standing.service.started_at)}`;
  at("remarks").replaceChildren(...remarks(standing).map(([sign, text]) => make("li", {}, mark(sign), make("span", {}, text))));
  at("standing").replaceChildren(...tiles(standing).map(tile));
  at("checks").hidden = true; // the tiles tell more
}

function showConnectors({ items }) {
  if (!items.length) return at("connectors").replaceChildren(said("No connector is configured."));
  const heads = [["Connector"], ["State"], ["Since", "age"], ["Newest sample", "age"], ["Counted"], ["Last error", "wide"]];
  const rows = items.map((item) => [
    [make("b", {}, item.name), make("div", { class: "why" }, `${item.type} · ${item.endpoint}`)],
    [mark(words.state(item.state)), words.isClockOff(item) ? make("div", { class: "why" }, words.clockOff(item)) : null].filter(Boolean),
    when(item.since, words.ago(item.since)),
    item.last_sample_at ? when(item.last_sample_at, words.ago(item.last_sample_at)) : "none yet",
    Object.entries(item.counters).map(([name, count]) =>
      make("div", { class: "why count" }, `${words.grouped(count)} ${name.replaceAll("_", " ")}`)),
    item.last_error ? [item.last_error, make("div", { class: "why" }, when(item.last_error_at, `${words.ago(item.last_error_at)} ago`))] : "none",
  ]);
  at("connectors").replaceChildren(make("div", { class: "card" }, table("Connectors and their state", heads, rows, "stacking")));
}

function latestRow(item) {
  const late = words.isLate(item);
  return [
    [item.point_name, make("div", { class: "why" }, item.point.slice(item.meter.length + 1))],
    item.value === null ? "—" : [words.number(item), make("span", { class: "why" }, ` ${words.unit(item.unit)}`)],
    item.time === null ? "—" : [when(item.time, words.ago(item.time)), late ? make("div", {}, mark(["warn", "◆ late"])) : null].filter(Boolean),
    [mark(item.time === null ? ["", "– none"] : words.quality(item.quality)), make("div", { class: "why" }, words.reason(item))],
  ];
}

function meterCard(items) {
  const [first] = items;
  const heads = [["Point"], ["Value", "value"], ["Age", "age"], ["Quality"]];
  return make("article", { class: "card" },
    make("header", {},
      make("h3", {}, first.meter_name === first.meter ? first.meter : `${first.meter} ${first.meter_name}`),
      make("span", { class: "why" }, [first.site, first.area, first.medium?.replaceAll("_", " ")].filter(Boolean).join(" · "))),
    table(`Latest values of ${first.meter}`, heads, items.map(latestRow)));
}

function showLatest() {
  const sought = at("find").value.trim().toLowerCase();
  const shown = latestItems.filter((item) =>
    (!at("attention").checked || words.needsAttention(item)) &&
    [item.point, item.point_name, item.meter_name, item.site, item.area, item.medium, item.quantity].join(" ").toLowerCase().includes(sought));
  const attention = latestItems.filter(words.needsAttention).length;
  at("latest-count").textContent = latestItems.length ? `${attention} of ${latestItems.length} need attention` : "";
  const meters = new Map();
  for (const item of shown) meters.set(item.meter, [...(meters.get(item.meter) ?? []), item]);
  const nothing = latestItems.length ? "Nothing here matches." : "No point is configured yet.";
  at("latest").replaceChildren(shown.length ? make("div", { class: "cards" }, ...[...meters.values()].map(meterCard)) : said(nothing));
}

const counted = ({ items, next }, one, many) => `${items.length}${next ? " or more" : ""} ${items.length === 1 ? one : many}`;

const lostRow = (what, age, item, why) =>
  [what, age, [item.connector, item.point ? make("div", { class: "why" }, item.point) : null].filter(Boolean), why];

// What lasts comes first, with its cause and since when; then what is over, the newest first.
function showLosses(letters, open, ended) {
  const summary = make("p", { class: "quiet" },
    `${counted(open, "gap lasts", "gaps last")}, ${counted(ended, "gap has ended", "gaps have ended")}, ${counted(letters, "dead letter", "dead letters")}.`);
  const lasting = open.items.slice(0, OPEN_GAPS_SHOWN).map((item) =>
    lostRow(mark(["bad", "● lasts"]), when(item.start, `for ${words.ago(item.start)}`), item, words.gap(item)));
  const over = [
    ...letters.items.slice(0, LOSSES_SHOWN).map((item) => [item.received_at, "dead letter", item, `${words.spaced(item.reason)}: ${item.detail}`]),
    ...ended.items.slice(0, LOSSES_SHOWN).map((item) => [item.end, "gap", item, words.gap(item)]),
  ].sort((one, other) => other[0].localeCompare(one[0]));
  const heads = [["What"], ["Age", "age"], ["Connector"], ["Why", "wide"]];
  const rows = [...lasting, ...over.map(([time, what, item, why]) => lostRow(what, when(time, words.ago(time)), item, why))];
  at("losses").replaceChildren(summary, ...(rows.length ? [make("div", { class: "card" }, table("The newest losses", heads, rows, "stacking"))] : []));
}

// Each part stands for itself: while the database is away, the connectors are still shown.
async function part(id, work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refused) throw error;
    at(id).replaceChildren(id === "state" ? mark(["bad", "✕ the service does not answer"]) : said(`Not to be had now: ${error.message}`));
  }
}

function showGuarded() {
  const from = encodeURIComponent(new Date(Date.now() - DAY_MS).toISOString());
  return Promise.all([
    part("standing", async () => showStanding(await ask("api/v1/status"))),
    part("connectors", async () => showConnectors(await ask("api/v1/connectors"))),
    part("latest", async () => { latestItems = await askAll("api/v1/readings/latest"); showLatest(); }),
    part("losses", async () => showLosses(await ask(`api/v1/dead-letters?from=${from}`),
      await ask("api/v1/gaps?open=true"), await ask(`api/v1/gaps?from=${from}&open=false`))),
  ]);
}

function askForKey(reason) {
  at("access-reason").textContent = sessionStorage.getItem(KEY) ? `The API refuses the key: ${reason}.` : "The API wants a key.";
  at("access").hidden = false;
  for (const id of ["connectors", "latest", "losses"]) at(id).replaceChildren(said("Shown when the API has a key."));
  for (const id of ["remarks", "standing", "since"]) at(id).replaceChildren();
  at("checks").hidden = false;
}

async function refresh() {
  await part("state", showService);
  try {
    await showGuarded();
    at("access").hidden = true;
  } catch (error) {
    askForKey(error.message);
  }
  at("refreshed").textContent = `As of ${new Date().toLocaleTimeString()}, every ${REFRESH_MS / 1000} s. Times are this browser's; point at one for UTC.`;
}

async function keepRefreshing() {
  if (!document.hidden) await refresh();
  setTimeout(keepRefreshing, REFRESH_MS);
}

at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value.trim());
  at("key").value = "";
  refresh();
});
at("find").addEventListener("input", showLatest);
at("attention").addEventListener("change", showLatest);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
keepRefreshing();
