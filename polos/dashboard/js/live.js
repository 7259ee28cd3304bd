// The one poller. A page says what to look at; here it is decided when, and whether at all.
//
//   nothing is asked while the tab is hidden or live is paused, and a request under way is given up then
//   one look at a time; the next one begins `every` ms after the last has ended, or ten times as long as that took
//   while looks find nothing new, they come more and more seldom, up to `slowest`
//   a page whose subject has ended says so, and is not asked about again

const SLOWER = 1.5;
const STORED = "polos.live";

class Live extends EventTarget {
  #jobs = new Set();
  #paused = stored() === "paused";

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#changed());
  }

  get paused() {
    return this.#paused;
  }

  /** Whether anything may be asked now without somebody's asking for it. */
  get on() {
    return !this.#paused && !document.hidden;
  }

  /** Whether something on this page is looked at again and again. */
  get busy() {
    return this.#jobs.size > 0;
  }

  toggle() {
    this.#paused = !this.#paused;
    try {
      localStorage.setItem(STORED, this.#paused ? "paused" : "on");
    } catch {
      // Without storage it is forgotten with the page.
    }
    this.#changed();
  }

  /**
   * Look again and again: `look(signal)` answers true if something was new, false if not, "over" if nothing will be.
   * `long`: the server keeps the request until there is news, so that looks follow each other at `every`.
   * The first look is the caller's own. Gives a function that ends it, with `soon()` for a look right now.
   */
  watch(look, {every = 2000, slowest = 15000, first = every, long = false} = {}) {
    const job = new Job(look, {every, slowest, long}, () => this.#drop(job));
    this.#jobs.add(job);
    if (this.on) job.schedule(first);
    this.dispatchEvent(new Event("change"));
    const stop = () => this.#drop(job);
    stop.soon = () => this.on && job.soon();
    return stop;
  }

  #drop(job) {
    job.stop();
    if (this.#jobs.delete(job)) this.dispatchEvent(new Event("change"));
  }

  #changed() {
    for (const job of this.#jobs) this.on ? job.soon() : job.stop();
    this.dispatchEvent(new Event("change"));
  }
}

class Job {
  #look;
  #every;
  #slowest;
  #pause;
  #timer = 0;
  #request = null;
  #long;
  #over;

  constructor(look, {every, slowest, long}, over) {
    this.#look = look;
    this.#long = long;
    this.#every = every;
    this.#slowest = slowest;
    this.#pause = every;
    this.#over = over;
  }

  schedule(after) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), after);
  }

  soon() {
    this.#pause = this.#every;
    if (!this.#request) this.schedule(0);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }

  async #run() {
    const request = new AbortController();
    this.#request = request;
    const begun = performance.now();
    let news = false;
    let failed = false;
    try {
      news = await this.#look(request.signal);
    } catch (error) {
      if (request.signal.aborted) return;
      console.warn("a look failed, and will be repeated", error.message);
      failed = true;
    }
    if (this.#request !== request) return; // stopped meanwhile
    this.#request = null;
    if (news === "over") {
      this.#over();
      return;
    }
    if (!failed) this.#pause = news ? this.#every : Math.min(this.#slowest, this.#pause * SLOWER);
    const rest = this.#long ? this.#every : Math.max(this.#pause, 10 * (performance.now() - begun));
    this.schedule(failed ? this.#slowest : rest);
  }
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

export const live = new Live();
