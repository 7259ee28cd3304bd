// Values as people read them. All pure: texts in, texts out.

const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "m"],
];

/** Milliseconds as "340 ms", "2.4 s", "3m 20s", "2d 4h". */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  let left = Math.round(ms / 1000);
  const parts = [];
  for (const [size, unit] of UNITS) {
    if (left >= size && parts.length < 2) {
      parts.push(`${Math.floor(left / size)}${unit}`);
      left %= size;
    } else if (parts.length) break;
  }
  if (parts.length === 1 && parts[0].endsWith("m") && left) parts.push(`${left}s`);
  return parts.join(" ");
}

/** An ISO time as epoch milliseconds; null stays null. */
export const ms = (iso) => (iso ? Date.parse(iso) : null);

/** How long something took or takes, in milliseconds. */
export const span = (from, until, now = Date.now()) => (from ? (until ? ms(until) : now) - ms(from) : null);

const two = (n) => String(n).padStart(2, "0");

/** "14:03:22", with the day if that is not today; local time. */
export function when(iso, now = new Date()) {
  if (!iso) return "–";
  const at = new Date(iso);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === now.toDateString()) return time;
  const year = at.getFullYear() === now.getFullYear() ? "" : `${at.getFullYear()}-`;
  return `${year}${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

let full = null; // made once, and late: the names of time zones take longer to load than a page of rows to draw

/** In full, with milliseconds, in local time and UTC; for titles. */
export function exactly(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  full ??= new Intl.DateTimeFormat(undefined, {dateStyle: "full", timeStyle: "long"});
  return `${full.format(at)}\n${at.toISOString()}`;
}

/** "12 s ago", "in 3m 10s". */
export function ago(iso, now = Date.now()) {
  if (!iso) return "–";
  const past = now - ms(iso);
  if (Math.abs(past) < 1000) return "now";
  const text = duration(Math.round(Math.abs(past) / 1000) * 1000)
    .replace(/\.0+ s/, " s")
    .replace(/(\.\d)0 s/, "$1 s");
  return past > 0 ? `${text} ago` : `in ${text}`;
}

/** The first and last characters of an id that is made of time and chance: enough to tell some from each other. */
export const shortId = (id) => (id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-6)}` : id);

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  if (n < 1000) return `${n} B`;
  if (n < 1_000_000) return `${(n / 1000).toFixed(n < 10_000 ? 1 : 0)} kB`;
  return `${(n / 1_000_000).toFixed(1)} MB`;
}

export const count = (n) => (n === null || n === undefined ? "–" : Number(n).toLocaleString("en-US"));

/** US dollars with as many digits as it takes to say something. */
export function dollars(amount) {
  if (amount === null || amount === undefined || amount === "") return "–";
  const n = Number(amount);
  if (n === 0) return "$0";
  if (n >= 1) return `$${n.toLocaleString("en-US", {minimumFractionDigits: 2, maximumFractionDigits: 2})}`;
  return `$${n.toFixed(Math.min(8, Math.max(2, 1 - Math.floor(Math.log10(n)))))}`;
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** "timed_out" -> "timed out". */
export const words = (text) => String(text ?? "").replaceAll("_", " ");

/** A text for a POSIX shell, quoted where that is needed. */
export const quoted = (text) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${String(text).replaceAll("'", `'\\''`)}'`;
