// What a page holds on to while it is shown: requests, watches, listeners. All of it ends when the page is left.

import {live} from "./live.js";

export class Scope {
  #leaving = new AbortController();
  #watches = new Set();

  /** Aborted when the page is left. */
  get signal() {
    return this.#leaving.signal;
  }

  get left() {
    return this.#leaving.signal.aborted;
  }

  onLeave(act) {
    this.signal.addEventListener("abort", act, {once: true});
  }

  /** Look again and again while the page is shown; see `live.watch`. */
  watch(look, pace) {
    if (this.left) return Object.assign(() => {}, {soon() {}});
    const stop = live.watch(look, pace);
    this.#watches.add(stop);
    this.onLeave(stop);
    return stop;
  }

  /** Look right now, after something was done here. */
  soon() {
    for (const watch of this.#watches) watch.soon();
  }

  /** Listen on something that outlives the page. */
  listen(target, event, handler) {
    target.addEventListener(event, handler, {signal: this.signal});
  }

  leave() {
    this.#leaving.abort();
    this.#watches.clear();
  }
}
