// How the service stands, part by part, as the tiles at the top of the page: a mark, one thing to read from afar, and the rest.

import * as words from "./words.js";

const GOOD = ["good", "✓"], HINT = ["warn", "◆"], BAD = ["bad", "✕"], IDLE = ["", "■"];
const FILLS = 0.5, NEARLY_FULL = 0.8;

const disk = (found) => found && `disk ${words.size(found.free_bytes)} free`;

function database({ database: it }) {
  const failing = it.jobs.filter((job) => !job.ok).length;
  return {
    title: "Database",
    mark: it.reachable && !failing && !it.upkeep_problems.length ? GOOD : BAD,
    main: it.reachable ? "answers" : "away",
    lines: [
      it.postgresql && `PostgreSQL ${it.postgresql}${it.timescaledb ? ` · TimescaleDB ${it.timescaledb} (${it.license})` : ""}`,
      it.address,
      it.jobs.length ? `${it.jobs.length} jobs, ${failing || "none"} failing` : null,
      disk(it.disk),
    ],
  };
}

function writer({ writer: it }) {
  return {
    title: "Writing",
    mark: it.paused ? HINT : it.connected ? GOOD : BAD,
    main: it.paused ? "paused" : `${words.rate(it.rows_per_s)} rows/s`,
    lines: [it.paused && `by ${it.paused.by}, for ${words.ago(it.paused.since)}`, `lag ${words.duration(it.lag_s)}`, it.commit_s !== null && `${Math.round(it.commit_s * 1000)} ms a commit`,
      !it.connected && !it.paused && it.last_error],
  };
}

function spool({ spool: it }) {
  return {
    title: "Spool",
    mark: it.share < FILLS ? GOOD : it.share < NEARLY_FULL ? HINT : BAD,
    main: `${(100 * it.share).toFixed(it.share < 0.1 ? 1 : 0)} % full`,
    share: it.share,
    lines: [
      it.hours_left === null ? "nothing comes in" : `room for ${words.duration(it.hours_left * 3600)} at ${words.size(it.in_bytes_per_s)}/s`,
      it.oldest_age_s === null ? "nothing waits" : `${words.grouped(it.batches)} batches, the oldest ${words.duration(it.oldest_age_s)}`,
      disk(it.disk),
    ],
  };
}

function gaps({ gaps: { open } }) {
  return {
    title: "Gaps",
    mark: open === null ? IDLE : open ? HINT : GOOD,
    main: open === null ? "not known" : open ? `${words.grouped(open)} open` : "none open",
    lines: [open === null && "while the database is away"],
  };
}

function intervals({ intervals: it }) {
  return {
    title: "Intervals",
    mark: it.last_error ? HINT : GOOD,
    main: it.waiting ? `of ${words.grouped(it.waiting)} points wait` : "up to date",
    lines: [it.last_error, it.last_done_at && `looked ${words.ago(it.last_done_at)} ago`],
  };
}

function files({ configuration: it }) {
  const reload = it.last_reload;
  const touched = reload && ["started", "restarted", "stopped"].filter((verb) => reload[verb].length)
    .map((verb) => `${reload[verb].length} ${verb}`);
  const done = { accepted: `reloaded: ${[...(touched ?? []), `${reload?.kept} kept`].join(", ")}`, unchanged: "reloaded: nothing had changed",
    refused: "a reload was refused" };
  return {
    title: "Files",
    mark: reload?.outcome === "refused" ? BAD : it.waiting.length ? HINT : GOOD,
    main: it.revision === null ? "no revision yet" : `revision ${it.revision}`,
    lines: [`in force for ${words.ago(it.accepted_at)}`, reload && `${done[reload.outcome]}, ${words.ago(reload.began_at)} ago`],
  };
}

export const tiles = (standing) => [database, writer, spool, gaps, intervals, files].map((part) => part(standing));
export const remarks = ({ troubles, hints }) => [...troubles.map((text) => [BAD, text]), ...hints.map((text) => [HINT, text])];
