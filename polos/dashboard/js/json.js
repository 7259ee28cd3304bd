// JSON whose whole numbers stay what they are: Python's have no end, JavaScript's are exact up to 2^53. Larger ones
// become raw JSON, which is written again as it was read; browsers that have no such thing round them.

const LARGE = /\d{16}/;

/** The value of a JSON text. Throws a SyntaxError. */
export function parsed(text) {
  return JSON.rawJSON && LARGE.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
}

function exact(_key, value, {source}) {
  const whole = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return whole ? JSON.rawJSON(source) : value;
}

/** A value as text to begin with in a field: texts are themselves, nothing is empty. */
export function written(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The digits of a number that only raw JSON holds; null for all other values. */
export const digits = (value) => (JSON.isRawJSON?.(value) ? value.rawJSON : null);
