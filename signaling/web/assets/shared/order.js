// @ts-check
/**
 * Each message once and in its turn, although some come twice: on the first connection, where all come in order, and as
 * copies on the second. The same rules as the server's (`signaling/server/src/ws/order.rs`).
 *
 * @template M
 */

/** Copies that may wait for what was said before them. One that is not kept costs no more than no copy. */
const MOST_HELD = 4;

/** @template M */
export class Order {
  /** The last message that came on the first connection. */ #seen = 0;
  /** The one whose turn it is. */ #next = 1;
  /** @type {Map<number, M>} */ #held = new Map();

  /** The next message has come on the first connection. @returns {boolean} false when its copy was before it */
  original() {
    this.#seen += 1;
    if (this.#seen < this.#next) return false;
    this.#next = this.#seen + 1;
    return true;
  }

  /**
   * A copy has come.
   * @param {number} number @param {M} message
   * @returns {boolean} whether to act on it now
   */
  copy(number, message) {
    if (number === this.#next) {
      this.#next += 1;
      return true;
    }
    if (number > this.#next && this.#held.size < MOST_HELD) this.#held.set(number, message);
    return false;
  }

  /** The copies whose turn has come. */
  *due() {
    for (;;) {
      const message = this.#held.get(this.#next);
      if (message === undefined) return;
      this.#held.delete(this.#next);
      this.#next += 1;
      yield message;
    }
  }
}
