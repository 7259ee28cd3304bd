// The one poller. A page says what to look at; here it is decided when, and whether at all.
//
//   nothing is asked while the tab is hidden or live is paused, and a request under way is given up then
//   one look at a time; the next one begins `every` ms after the last has ended, or ten times as long as that took
//   while looks find nothing new, they come more and more seldom, up to `slowest`
//   while the server does not answer, too: after a second, two, four, up to fifteen; `trouble` says what is wrong
//   a page whose subject has ended says so, and is not asked about again

const SLOWER = 1.5;
const WAIT = 15; // seconds that a server may keep a request
const AGAIN = 1000; // after the first look that failed
const AGAIN_SLOWEST = 15_000;
const STORED = "polos.live";

class Live extends EventTarget {
  #jobs = new Set();
  #trouble = null;
  #held = false;
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
    return !this.#paused && !this.#held && !document.hidden;
  }

  /** Nothing is asked while nobody is signed in. */
  set held(held) {
    if (held === this.#held) return;
    this.#held = held;
    this.#changed();
  }

  /** Why looks fail; null while they do not. */
  get trouble() {
    return this.#trouble;
  }

  set trouble(error) {
    if (error === this.#trouble) return;
    this.#trouble = error;
    this.dispatchEvent(new Event("change"));
  }

  /** Look right now at all that is watched. */
  soon() {
    for (const job of this.#jobs) job.soon();
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
   * Look again and again: `look(signal, wait)` answers true if something was new, false if not, "over" if nothing will be.
   * `long`: the server keeps the request until there is news, for `wait` seconds at most, so that looks follow each
   * other at `every`.
   * The first look is the caller's own. Gives a function that ends it, with `soon()` for a look right now: somebody
   * has asked for it, so that it is done once even while live is paused.
   */
  watch(look, {every = 2000, slowest = 15000, first = every, long = false} = {}) {
    const job = new Job(look, {every, slowest, long}, {
      over: () => this.#drop(job),
      went: (error) => (this.trouble = error),
      goesOn: () => this.on,
    });
    this.#jobs.add(job);
    if (this.on) job.schedule(first);
    this.dispatchEvent(new Event("change"));
    const stop = () => this.#drop(job);
    stop.soon = () => job.soon();
    return stop;
  }

  #drop(job) {
    job.stop();
    if (!this.#jobs.delete(job)) return;
    if (!this.#jobs.size) this.#trouble = null;
    this.dispatchEvent(new Event("change"));
  }

  #changed() {
    for (const job of this.#jobs) this.on ? job.soon() : job.stop();
    this.dispatchEvent(new Event("change"));
  }
}

class Job {
  #look;
  #pace;
  #told;
  #pause;
  #failures = 0;
  #timer = 0;
  #request = null;

  /** `pace`: {every, slowest, long}; `told`: {over(), went(error), goesOn()}. */
  constructor(look, pace, told) {
    this.#look = look;
    this.#pace = pace;
    this.#pause = pace.every;
    this.#told = told;
  }

  schedule(after) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), after);
  }

  soon() {
    this.#pause = this.#pace.every;
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
    let failed = null;
    try {
      // After a failure the answer is wanted at once: that there is one is the news.
      news = await this.#look(request.signal, this.#failures ? 0 : WAIT);
    } catch (error) {
      if (request.signal.aborted) return;
      failed = error;
    }
    if (this.#request !== request) return; // stopped meanwhile
    this.#request = null;
    const rest = failed ? this.#afterFailure(failed) : this.#afterLook(news, performance.now() - begun);
    if (news === "over") this.#told.over();
    else if (this.#told.goesOn()) this.schedule(rest);
  }

  /** How long to rest. Once is no trouble yet: a server that takes new code is away for a moment. */
  #afterFailure(error) {
    this.#failures += 1;
    if (this.#failures > 1) this.#told.went(error);
    const rest = Math.min(AGAIN_SLOWEST, AGAIN * 2 ** (this.#failures - 1));
    return rest * (0.8 + 0.4 * Math.random()); // so that not all come back together
  }

  #afterLook(news, took) {
    const {every, slowest, long} = this.#pace;
    if (this.#failures) this.#told.went(null);
    this.#failures = 0;
    this.#pause = news ? every : Math.min(slowest, this.#pause * SLOWER);
    return long ? every : Math.max(this.#pause, 10 * took);
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
