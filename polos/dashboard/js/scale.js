// From times to places on the axis of a timeline. Pure.
//
// Time in which nothing is at work (a night until an answer comes) can be folded to a narrow gap, or the milliseconds of
// work beside it would be too narrow to be seen.

const GAP = 0.05;
const FOLD_ABOVE = 0.2;
const FOLD_MS = 5000;
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5,
  72e5, 216e5, 432e5, 864e5, 6048e5,
];

/**
 * A scale from `from` to `to` (epoch ms). `busy`: [start, end] pairs of work; idle stretches of more than five seconds and a
 * fifth of the time are folded if `fold`. `labels`: how many texts fit side by side.
 * Gives {x(t) in 0..1, ticks: [{x, ms, end}], gaps: [{x, width, ms}]}.
 */
export function scale(from, to, busy = [], {fold = false, labels = 8} = {}) {
  const end = Math.max(to, from + 1);
  const pieces = laid(fold ? cut(from, end, busy) : [{start: from, end, gap: false}]);
  const x = (t) => {
    const at = Math.min(end, Math.max(from, t));
    const piece = pieces.find((one) => at <= one.end) ?? pieces.at(-1);
    return piece.x + ((at - piece.start) / (piece.end - piece.start || 1)) * piece.width;
  };
  return {
    x,
    ticks: labels < 3 ? ends(from, end, labels) : ticks(pieces, from, labels),
    gaps: pieces
      .filter((one) => one.gap)
      .map((one) => ({x: one.x, width: one.width, ms: one.end - one.start})),
  };
}

function cut(from, end, busy) {
  const pieces = [];
  let at = from;
  const idle = Math.max(FOLD_MS, FOLD_ABOVE * (end - from));
  const add = (start, stop, gap) => stop > start && pieces.push({start, end: stop, gap});
  for (const [start, stop] of [...busy].sort((a, b) => a[0] - b[0])) {
    const begins = Math.max(from, start);
    if (begins - at > idle) {
      add(at, begins, true);
      at = begins;
    }
    if (stop > at) {
      add(at, Math.min(stop, end), false);
      at = Math.min(stop, end);
    }
  }
  add(at, end, end - at > idle);
  return joined(pieces.length ? pieces : [{start: from, end, gap: false}]);
}

function joined(pieces) {
  const found = [];
  for (const one of pieces) {
    const last = found.at(-1);
    if (last && last.gap === one.gap && last.end === one.start) last.end = one.end;
    else found.push({...one});
  }
  return found;
}

function laid(pieces) {
  const gaps = pieces.filter((one) => one.gap).length;
  const work = pieces.reduce((sum, one) => sum + (one.gap ? 0 : one.end - one.start), 0);
  const left = work ? 1 - gaps * GAP : 0;
  let x = 0;
  for (const one of pieces) {
    one.x = x;
    one.width = one.gap ? (work ? GAP : 1 / gaps) : (left * (one.end - one.start)) / work;
    x += one.width;
  }
  return pieces;
}

/** Where there is no room for more: the beginning, and the end, whose text stands before it. */
const ends = (from, end, labels) => [
  {x: 0, ms: 0},
  ...(labels < 2 ? [] : [{x: 1, ms: end - from, end: true}]),
];

/** Places of round times, at least a label's width from each other and from the end. */
function ticks(pieces, from, labels) {
  const work = pieces.reduce((sum, one) => sum + (one.gap ? 0 : one.end - one.start), 0);
  const most = Math.min(6, labels);
  const step = STEPS.find((one) => work / one <= most) ?? 6048e5 * Math.ceil(work / most / 6048e5);
  const apart = 1 / labels;
  const found = [];
  for (const one of pieces) {
    if (one.gap) continue;
    for (let t = Math.ceil((one.start - from) / step) * step; t <= one.end - from; t += step) {
      const x = one.x + ((t + from - one.start) / (one.end - one.start || 1)) * one.width;
      if (x <= 1 - apart && (!found.length || x - found.at(-1).x >= apart)) found.push({x, ms: t});
    }
  }
  return found;
}
