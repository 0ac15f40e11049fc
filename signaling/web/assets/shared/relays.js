// @ts-check
/**
 * The relays (TURN servers) that signaling names, for networks that let neither UDP nor the node's TCP
 * port through. Whoever needs none waits for none and takes up none: a connection asks for them when it
 * has found no path by itself, and those after it from their beginning.
 */
export class Relays {
  /** @type {RTCIceServer[]} */ #servers = [];
  #needed = false;

  /** What signaling says now. @param {RTCIceServer[]} servers */
  learn(servers) {
    this.#servers = servers;
  }

  /** Whether there is one that has not been asked for yet. */
  get left() {
    return this.#servers.length > 0 && !this.#needed;
  }

  /** No path was found without. */
  need() {
    this.#needed = true;
  }

  /** The page is on another network. */
  forget() {
    this.#needed = false;
  }

  /**
   * What a connection is made of.
   * @param {boolean} [all] with the relays, whether or not they have been needed
   * @returns {RTCConfiguration}
   */
  configuration(all = this.#needed) {
    return { bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: all ? this.#servers : [] };
  }
}
