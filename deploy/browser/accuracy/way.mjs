// A way between a node and its clients that does the same to each of them, so that what they report can
// be compared: a constant delay, every so many-th packet lost, and outages at set times. All of it on
// the way to the client; what the client sends passes at once.

import { createSocket } from "node:dgram";

/**
 * What the way does. `outages` are [second after the client's first media, milliseconds]: long enough for
 * every picture to freeze, and too short for a page to give up its leg and open another (1,500 ms), or
 * for a receiver to give up a packet: a browser asks for it ten times, a round trip apart.
 */
export const WAY = {
  delayMs: 80,
  lostOf: 50,
  outages: [5, 10, 15, 20, 25, 30, 35, 40, 45].map((second, i) => [second, [300, 450, 600][i % 3]]),
};

const isRtp = (data) => data[0] >= 128 && data[0] <= 191 && !(data[1] >= 192 && data[1] <= 223);

const bound = (address, port) =>
  new Promise((done, failed) => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 21, sendBufferSize: 1 << 21 });
    socket.once("error", failed);
    socket.bind(port, address, () => done(socket));
  });

/** One client of one port: a socket of its own towards the node, and when its media began. */
class Client {
  #first = 0;

  constructor(up, { lostOf, outages, delayMs }, deliver) {
    this.up = up;
    up.on("message", (data) => {
      const now = performance.now();
      if (isRtp(data)) {
        this.#first ||= now;
        // By its number, which a repeat does not share.
        if (data.readUInt16BE(2) % lostOf === 0) return;
      }
      const at = this.#first && now - this.#first;
      if (outages.some(([second, ms]) => at >= second * 1_000 && at < second * 1_000 + ms)) return;
      setTimeout(deliver, delayMs, data);
    });
  }
}

/** Opens a way from each of the ports `from` of `host` to the node's port in the same place of `to`. */
export async function openWay(host, from, to, way = WAY) {
  const sockets = [];
  for (const [index, port] of to.entries()) {
    const entrance = await bound(host, from[index]);
    sockets.push(entrance);
    const clients = new Map();
    entrance.on("message", (data, { address, port: source }) => {
      const name = `${address}:${source}`;
      if (!clients.has(name)) {
        const opened = bound("127.0.0.1", 0).then((up) => {
          sockets.push(up);
          return new Client(up, way, (datagram) => entrance.send(datagram, source, address));
        });
        clients.set(name, opened);
      }
      void clients.get(name).then(({ up }) => up.send(data, port, "127.0.0.1"));
    });
  }
  return { close: () => sockets.forEach((socket) => socket.close()) };
}
